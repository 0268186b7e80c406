//! Cycles of imports between the files of one crate: files that can be read, moved and tested only together.
//!
//! A file imports another when a path in it, outside tests, leads into the other's module. A path ends at the last module
//! that it names: what a room's door (its `mod.rs`) re-exports counts as of the door. What a parent and its own children
//! use of each other is one room and not counted. `.ci/cycles` prints what is found, and how much more there would be if
//! these two were counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

use crate::modules::{Code, Crate};

/// How far a path is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paths {
    /// To the last module that it names.
    ToTheDoor,
    /// Through re-exports, to the file that defines the name.
    ToTheDefinition,
}

/// Whether parents and children count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Apart,
    Counted,
}

/// The names that one file uses of another.
type Imports = BTreeMap<(String, String), BTreeSet<String>>;

/// Files that all need each other.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cycle {
    files: BTreeSet<String>,
    ties: Imports,
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} files: {}", self.files.len(), self.files.iter().cloned().collect::<Vec<_>>().join(", "))?;
        for ((from, to), names) in &self.ties {
            writeln!(f, "  {from} -> {to}: {}", names.iter().cloned().collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }
}

fn imports(code: &Crate, paths: Paths, family: Family) -> Imports {
    let mut found = Imports::new();
    for module in code.modules() {
        for written in &module.written {
            let Some(path) = code.absolute(module, &written.path) else { continue };
            let leads = match paths {
                Paths::ToTheDoor => code.door(&path),
                Paths::ToTheDefinition => code.definition(&path),
            };
            let Some((other, name)) = leads else { continue };
            let related = other.path.starts_with(&module.path) || module.path.starts_with(&other.path);
            if other.file != module.file && (family == Family::Counted || !related) {
                found.entry((module.file.clone(), other.file.clone())).or_default().insert(name);
            }
        }
    }
    found
}

/// The cycles, the largest first.
fn cycles(imports: &Imports) -> Vec<Cycle> {
    let graph: DiGraphMap<&str, ()> = imports.keys().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    let mut found: Vec<Cycle> = tarjan_scc(&graph)
        .into_iter()
        .filter(|files| files.len() > 1)
        .map(|files| {
            let files: BTreeSet<String> = files.into_iter().map(str::to_owned).collect();
            let within = imports.iter().filter(|((from, to), _)| files.contains(from) && files.contains(to));
            let ties = within.map(|(edge, names)| (edge.clone(), names.clone())).collect();
            Cycle { files, ties }
        })
        .collect();
    found.sort_by(|one, other| other.files.len().cmp(&one.files.len()).then(one.files.cmp(&other.files)));
    found
}

/// A cycle that may stay.
struct Accepted {
    /// The folder of its files.
    under: &'static str,
    files: &'static [&'static str],
    because: &'static str,
}

/// New cycles, and accepted ones that are not there as accepted.
fn unaccepted(found: &[Cycle], accepted: &[Accepted]) -> Vec<String> {
    let same = |cycle: &Cycle, each: &Accepted| {
        cycle.files == each.files.iter().map(|file| format!("{}/{file}", each.under)).collect()
    };
    let fresh = found.iter().filter(|cycle| !accepted.iter().any(|each| same(cycle, each)));
    let fresh = fresh.map(|cycle| format!("a cycle that is not accepted: {cycle}"));
    let stale = accepted.iter().filter(|each| !found.iter().any(|cycle| same(cycle, each)));
    let stale = stale.map(|each| {
        format!("no longer a cycle ({}): take it out: {}: {}", each.because, each.under, each.files.join(", "))
    });
    fresh.chain(stale).collect()
}

const CRATES: [(&str, &str); 2] = [("rehearse-core", "harness/core/src"), ("rehearse", "harness/rehearse")];

/// The cycles that may stay.
const ACCEPTED: &[Accepted] = &[];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Tested, files, none, planted};

    #[test]
    fn no_files_of_a_crate_import_each_other_in_a_circle() -> Tested {
        let mut all = Vec::new();
        for (name, folder) in CRATES {
            let code = Crate::read(&format!("{folder}/lib.rs"), &files(folder, "rs")?, Code::Product)?;
            let found = cycles(&imports(&code, Paths::ToTheDoor, Family::Apart));
            let defined = cycles(&imports(&code, Paths::ToTheDefinition, Family::Apart));
            let families = cycles(&imports(&code, Paths::ToTheDoor, Family::Counted));
            println!("{name}: {} cycles of imports", found.len());
            found.iter().for_each(|cycle| print!("{cycle}"));
            let sizes =
                |all: &[Cycle]| all.iter().map(|each| each.files.len().to_string()).collect::<Vec<_>>().join(" ");
            println!("  not counted: with re-exports followed, cycles of {} files", sizes(&defined));
            println!("  not counted: with parents and children, cycles of {} files\n", sizes(&families));
            all.extend(found);
        }
        none(&unaccepted(&all, ACCEPTED))
    }

    /// The cycles of a crate of which some files are planted.
    fn check(a: &str, b: &str, inner: &str, expected: &[&str]) {
        let sources = [
            planted("x/lib.rs", "mod a;\nmod b;\npub use b::B;\n"),
            planted("x/a.rs", a),
            planted("x/b/mod.rs", b),
            planted("x/b/inner.rs", inner),
        ];
        let code = Crate::read("x/lib.rs", &sources, Code::Product).unwrap();
        let found: Vec<String> =
            cycles(&imports(&code, Paths::ToTheDoor, Family::Apart)).iter().map(Cycle::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_planted_cycle_is_found_with_what_ties_it() {
        let tied = "2 files: x/a.rs, x/b/mod.rs\n  x/a.rs -> x/b/mod.rs: B\n  x/b/mod.rs -> x/a.rs: A, f\n";
        let b = "mod inner;\npub struct B;\nuse crate::{\n    a::{A, f},\n};\n";
        check("pub struct A;\nuse crate::b::B;\n", b, "", &[tied]);
        check("pub struct A;\nfn g() -> super::b::B { todo!() }\n", b, "", &[tied]);
        let within = "2 files: x/a.rs, x/b/inner.rs\n  x/a.rs -> x/b/inner.rs: I\n  x/b/inner.rs -> x/a.rs: A\n";
        check("use crate::b::inner::I;\n", "pub mod inner;\n", "fn f() { g!(crate::a::A); }\n", &[within]);
    }

    #[test]
    fn one_way_tests_and_a_room_of_its_own_are_no_cycles() {
        check("use crate::b::B;\n", "mod inner;\npub struct B;\n", "", &[]);
        let tests = "mod inner;\npub struct B;\n#[cfg(test)] mod tests { use crate::a::A; }\n";
        check("use crate::b::B;\npub struct A;\n", tests, "", &[]);
        check("", "mod inner;\npub use inner::I;\npub struct B;\n", "use super::B;\npub struct I;\n", &[]);
    }

    #[test]
    fn a_new_cycle_fails_and_so_does_an_accepted_one_that_is_open() {
        let cycle = |files: &[&str]| Cycle {
            files: files.iter().map(|file| (*file).to_owned()).collect(),
            ties: Imports::new(),
        };
        let accepted = [Accepted { under: "x", files: &["a.rs", "b.rs"], because: "to be opened" }];
        assert_eq!(unaccepted(&[cycle(&["x/b.rs", "x/a.rs"])], &accepted), [""; 0]);
        assert_eq!(
            unaccepted(&[cycle(&["x/a.rs", "x/b.rs", "x/c.rs"])], &accepted),
            [
                "a cycle that is not accepted: 3 files: x/a.rs, x/b.rs, x/c.rs\n",
                "no longer a cycle (to be opened): take it out: x: a.rs, b.rs",
            ]
        );
    }
}
