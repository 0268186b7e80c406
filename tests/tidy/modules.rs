//! A crate as its module tree: which file is which module, what each defines, and every path that it writes.
//!
//! It knows names, not types: a method that is called on a value of another module is not a reference.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Item, UseTree};

use crate::syntax::{is_test, parsed, without_tests};
use crate::tree::Source;

/// Names from the root of the crate.
pub(crate) type Names = Vec<String>;

/// A path as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) path: Names,
    pub(crate) line: usize,
    /// Everything of it is meant: `use a::*`.
    pub(crate) all: bool,
}

/// A name that a `use` brings in.
#[derive(Debug, Clone)]
struct Import {
    name: String,
    written: Written,
}

#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) path: Names,
    pub(crate) file: String,
    pub(crate) written: Vec<Written>,
    defined: BTreeSet<String>,
    imports: Vec<Import>,
}

/// Which of a crate's code is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Product,
    WithTests,
}

#[derive(Debug)]
pub(crate) struct Crate {
    modules: BTreeMap<Names, Module>,
    /// What was read of each file, by its path.
    files: BTreeMap<String, syn::File>,
}

impl Crate {
    /// Reads a crate from its root file, along its `mod` declarations.
    pub(crate) fn read(root: &str, sources: &[Source], code: Code) -> Result<Self, String> {
        let mut reader = Reader { sources, code, modules: BTreeMap::new(), files: BTreeMap::new() };
        reader.file(root, Vec::new(), root.rsplit_once('/').map_or("", |(folder, _)| folder))?;
        Ok(Self { modules: reader.modules, files: reader.files })
    }

    pub(crate) fn modules(&self) -> impl Iterator<Item = &Module> {
        self.modules.values()
    }

    /// The files that some module of the crate is in.
    pub(crate) fn files(&self) -> &BTreeMap<String, syn::File> {
        &self.files
    }

    /// A path as it reads from the root of the crate; nothing where it names another crate.
    pub(crate) fn absolute(&self, module: &Module, written: &[String]) -> Option<Names> {
        self.absolute_within(module, written, 0)
    }

    fn absolute_within(&self, module: &Module, written: &[String], depth: usize) -> Option<Names> {
        let (first, rest) = written.split_first()?;
        let joined = |base: &[String], rest: &[String]| Some(base.iter().chain(rest).cloned().collect());
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => joined(&module.path, rest),
            "super" => {
                let climbs = written.iter().take_while(|name| *name == "super").count();
                let above = module.path.len().checked_sub(climbs)?;
                joined(module.path.get(..above)?, written.get(climbs..)?)
            }
            name if module.defined.contains(name) || self.child(&module.path, name).is_some() => {
                joined(&module.path, written)
            }
            name => {
                let import = module.imports.iter().find(|import| import.name == name && !import.written.all)?;
                // `use log;` and names that lead back to themselves end here.
                let deeper = depth < 8 && import.written.path != [name];
                let base = deeper.then(|| self.absolute_within(module, &import.written.path, depth + 1))??;
                joined(&base, rest)
            }
        }
    }

    /// The module that defines what an absolute path names, and its name; re-exports are followed. Nothing for a module.
    pub(crate) fn definition(&self, path: &[String]) -> Option<(&Module, String)> {
        self.definition_within(path, 0)
    }

    fn definition_within(&self, path: &[String], depth: usize) -> Option<(&Module, String)> {
        let mut at = self.modules.get(&[] as &[String])?;
        for (index, name) in path.iter().enumerate() {
            if let Some(child) = self.child(&at.path, name) {
                at = child;
                continue;
            }
            if at.defined.contains(name) {
                return Some((at, name.clone()));
            }
            if depth > 8 {
                return None;
            }
            let rest = path.get(index + 1..)?;
            let leads = at.imports.iter().filter(|import| import.written.all || import.name == *name);
            return leads
                .filter_map(|import| self.absolute(at, &import.written.path).map(|base| (import, base)))
                .find_map(|(import, mut base)| {
                    base.extend(import.written.all.then(|| name.clone()));
                    base.extend_from_slice(rest);
                    self.definition_within(&base, depth + 1)
                });
        }
        None
    }

    /// The module that a path leads into, and the name that is meant there; re-exports are not followed.
    pub(crate) fn door(&self, path: &[String]) -> Option<(&Module, String)> {
        let mut at = self.modules.get(&[] as &[String])?;
        for name in path {
            match self.child(&at.path, name) {
                Some(child) => at = child,
                None => return Some((at, name.clone())),
            }
        }
        Some((at, path.last()?.clone()))
    }

    fn child(&self, path: &[String], name: &str) -> Option<&Module> {
        let path: Names = path.iter().cloned().chain([name.to_owned()]).collect();
        self.modules.get(&path)
    }
}

struct Reader<'a> {
    sources: &'a [Source],
    code: Code,
    modules: BTreeMap<Names, Module>,
    files: BTreeMap<String, syn::File>,
}

impl Reader<'_> {
    fn source(&self, path: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.path == path)
    }

    /// Reads a module that is a file; its children that are files lie in `folder`.
    fn file(&mut self, path: &str, names: Names, folder: &str) -> Result<(), String> {
        let source = self.source(path).ok_or_else(|| format!("{path} is not there"))?;
        let file = parsed(source)?;
        let file = if self.code == Code::Product { without_tests(file) } else { file };
        self.module(path, names, folder, &file.items)?;
        self.files.insert(path.to_owned(), file);
        Ok(())
    }

    fn module(&mut self, file: &str, names: Names, folder: &str, items: &[Item]) -> Result<(), String> {
        let mut collected = Collected::default();
        items.iter().for_each(|item| collected.visit_item(item));
        let defined = items.iter().filter_map(defined).collect();
        let Collected { written, imports } = collected;
        let module = Module { path: names.clone(), file: file.to_owned(), written, defined, imports };
        self.modules.insert(names.clone(), module);
        for item in items {
            let Item::Mod(child) = item else { continue };
            let name = child.ident.to_string();
            let path: Names = names.iter().cloned().chain([name.clone()]).collect();
            let below = format!("{folder}/{name}");
            if let Some((_, items)) = &child.content {
                self.module(file, path, &below, items)?;
                continue;
            }
            let places = [format!("{folder}/{name}.rs"), format!("{below}/mod.rs")];
            let placed = child.attrs.iter().any(|attribute| attribute.path().is_ident("path"));
            match places.iter().find(|place| self.source(place).is_some()) {
                Some(place) => self.file(place, path, &below)?,
                // What lies elsewhere by `#[path]` is shared with tests, and none of this crate's.
                None if placed || is_test(&child.attrs) => {}
                None => return Err(format!("{file}: no file for `mod {name}`")),
            }
        }
        Ok(())
    }
}

fn defined(item: &Item) -> Option<String> {
    Some(match item {
        Item::Const(item) => item.ident.to_string(),
        Item::Enum(item) => item.ident.to_string(),
        Item::Fn(item) => item.sig.ident.to_string(),
        Item::Macro(item) => item.ident.as_ref()?.to_string(),
        Item::Static(item) => item.ident.to_string(),
        Item::Struct(item) => item.ident.to_string(),
        Item::Trait(item) => item.ident.to_string(),
        Item::Type(item) => item.ident.to_string(),
        Item::Union(item) => item.ident.to_string(),
        _ => return None,
    })
}

/// The paths of a piece of code, also those within calls of macros.
#[derive(Debug, Default)]
struct Collected {
    written: Vec<Written>,
    imports: Vec<Import>,
}

impl Collected {
    fn used(&mut self, prefix: &[String], tree: &UseTree) {
        let longer = |name: String| prefix.iter().cloned().chain([name]).collect::<Names>();
        let (path, name, at, all) = match tree {
            UseTree::Path(tree) => return self.used(&longer(tree.ident.to_string()), &tree.tree),
            UseTree::Group(group) => return group.items.iter().for_each(|tree| self.used(prefix, tree)),
            UseTree::Name(tree) if tree.ident == "self" => {
                (prefix.to_vec(), prefix.last().cloned().unwrap_or_default(), tree.ident.span(), false)
            }
            UseTree::Name(tree) => (longer(tree.ident.to_string()), tree.ident.to_string(), tree.ident.span(), false),
            UseTree::Rename(tree) => {
                let path = if tree.ident == "self" { prefix.to_vec() } else { longer(tree.ident.to_string()) };
                (path, tree.rename.to_string(), tree.ident.span(), false)
            }
            UseTree::Glob(tree) => (prefix.to_vec(), String::new(), tree.star_token.spans[0], true),
        };
        let written = Written { path, line: at.start().line, all };
        self.imports.push(Import { name, written: written.clone() });
        self.written.push(written);
    }

    /// Paths among the tokens of a macro, groups of imports included.
    fn tokens(&mut self, prefix: &[String], tokens: TokenStream) {
        let (mut path, mut line, mut colons) = (Names::new(), 0, 0);
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    if colons != 2 || path.is_empty() {
                        self.ended(&mut path, line);
                        path = prefix.to_vec();
                        line = name.span().start().line;
                    }
                    path.push(name.to_string());
                    colons = 0;
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' && !path.is_empty() => colons += 1,
                TokenTree::Group(group) => {
                    let within = if colons == 2 { path.clone() } else { Names::new() };
                    self.ended(&mut path, line);
                    self.tokens(&within, group.stream());
                    colons = 0;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {
                    self.ended(&mut path, line);
                    colons = 0;
                }
            }
        }
        self.ended(&mut path, line);
    }

    fn ended(&mut self, path: &mut Names, line: usize) {
        if !path.is_empty() {
            self.written.push(Written { path: std::mem::take(path), line, all: false });
        }
    }
}

impl<'ast> Visit<'ast> for Collected {
    /// An inline module is one of its own.
    fn visit_item_mod(&mut self, _: &'ast syn::ItemMod) {}

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.used(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let line = path.segments.first().map_or(0, |segment| segment.ident.span().start().line);
        self.written.push(Written { path: names, line, all: false });
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.tokens(&[], call.tokens.clone());
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::planted;

    fn planted_crate() -> Crate {
        let sources = [
            planted("x/lib.rs", "pub mod a;\nmod b;\npub use b::deep::Deep;\n"),
            planted(
                "x/a/mod.rs",
                "use crate::{\n    b::{self, deep::Other as Renamed},\n    Deep,\n};\nfn f() { b::g(); }\n",
            ),
            planted(
                "x/b.rs",
                "pub mod deep;\npub use deep::*;\npub fn g() { assert!(super::super_too::<u8>(crate::a::f)); }\n",
            ),
            planted("x/b/deep.rs", "pub struct Deep;\npub struct Other;\nmod inner { use super::super::g; }\n"),
        ];
        Crate::read("x/lib.rs", &sources, Code::Product).unwrap()
    }

    #[test]
    fn groups_climbing_and_macros_are_read() {
        let planted = planted_crate();
        let paths = |file: &str| -> Vec<String> {
            let of = planted.modules().filter(|module| module.file == file);
            let read = of
                .flat_map(|module| module.written.iter().filter_map(|written| planted.absolute(module, &written.path)));
            read.map(|path| path.join("::")).collect()
        };
        assert_eq!(paths("x/a/mod.rs"), ["b", "b::deep::Other", "Deep", "b::g"]);
        assert_eq!(paths("x/b.rs"), ["b::deep", "super_too", "a::f"]);
        assert_eq!(paths("x/b/deep.rs"), ["b::g"]);
    }

    #[test]
    fn a_name_is_followed_to_the_file_that_defines_it() {
        let planted = planted_crate();
        let defined = |path: &str| {
            let names: Names = path.split("::").map(str::to_owned).collect();
            planted.definition(&names).map(|(module, name)| format!("{} {name}", module.file))
        };
        assert_eq!(defined("Deep").as_deref(), Some("x/b/deep.rs Deep"));
        assert_eq!(defined("b::Other").as_deref(), Some("x/b/deep.rs Other"));
        assert_eq!(defined("b::g").as_deref(), Some("x/b.rs g"));
        assert_eq!(defined("b::deep"), None);
        assert_eq!(defined("b::nothing"), None);
    }
}
