//! The layers of `rehearse` look one way. Tests are read like product code: what they import has to be built first, too.

use std::collections::BTreeSet;

use crate::modules::{Code, Crate};
use crate::tree::Source;

/// A layer (a module of the crate's root) and the others that it may use.
type Layer = (&'static str, &'static [&'static str]);

/// Every layer. One that is missing here fails, and so does a permission that nothing needs.
const LAYERS: &[Layer] = &[
    ("trial", &["cli", "engine", "load", "report", "secrets", "session", "setup"]),
    ("cli", &["backup", "docker", "engine", "load", "observers", "report", "secrets", "session", "setup"]),
    ("session", &["docker", "engine", "load", "observers"]),
    ("load", &["docker"]),
    ("secrets", &["backup", "load"]),
    ("setup", &[]),
    ("docker", &["engine", "test_memory"]),
    ("observers", &["engine", "test_memory"]),
    ("report", &[]),
    ("engine", &["backup", "test_memory"]),
    ("backup", &["test_memory"]),
    ("test_memory", &[]),
];

/// The library's root only declares the layers; the program starts at one of them.
const START: &str = "cli";

fn breaches(folder: &str, sources: &[Source], layers: &[Layer]) -> Result<Vec<String>, String> {
    let library = Crate::read(&format!("{folder}/lib.rs"), sources, Code::WithTests)?;
    let program = Crate::read(&format!("{folder}/main.rs"), sources, Code::WithTests)?;
    let (mut found, mut needed, mut known) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for module in library.modules() {
        let Some(own) = module.path.first() else { continue };
        let Some((own, may)) = layers.iter().find(|(layer, _)| layer == own) else {
            found.push(format!("{}: `{own}` is not a layer that the table knows", module.file));
            continue;
        };
        known.insert(*own);
        for written in &module.written {
            let Some(path) = library.absolute(module, &written.path) else { continue };
            let place = format!("{}:{}", module.file, written.line);
            match path.first() {
                None => found.push(format!("{place}: imports the root of the crate, and with it every layer")),
                Some(used) if used == own => {}
                Some(used) => match may.iter().find(|may| *may == used) {
                    Some(used) => drop(needed.insert((*own, *used))),
                    None => found.push(format!("{place}: {own} uses {}", path.join("::"))),
                },
            }
        }
    }
    for written in program.modules().flat_map(|module| &module.written) {
        let outside = written.path.first().is_some_and(|name| name == "rehearse");
        if outside && written.path.get(1).is_none_or(|used| used != START) {
            found.push(format!("{folder}/main.rs:{}: uses {}", written.line, written.path.join("::")));
        }
    }
    for (layer, may) in layers {
        if !known.contains(layer) {
            found.push(format!("{layer} is in the table, and is not a module"));
        }
        let unneeded = may.iter().filter(|used| known.contains(layer) && !needed.contains(&(*layer, **used)));
        found.extend(unneeded.map(|used| format!("{layer} may use {used}, and does not: take it out of the table")));
    }
    let (read, started) = (library.files(), program.files());
    let strays = sources.iter().filter(|source| {
        let path = source.path.as_str();
        !read.contains_key(path) && !started.contains_key(path)
    });
    found.extend(strays.map(|source| format!("{}: no module declares it", source.path)));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Tested, files, none, planted};

    #[test]
    fn layers_look_one_way() -> Tested {
        none(&breaches("harness/rehearse", &files("harness/rehearse", "rs")?, LAYERS)?)
    }

    /// A crate of three layers: `cli` on `engine` and `report`, which do not know each other.
    fn check(engine: &str, report: &str, expected: &[&str]) {
        let sources = [
            planted("x/lib.rs", "pub mod cli;\npub mod engine;\npub mod report;\n"),
            planted("x/main.rs", "fn main() { rehearse::cli::main() }\n"),
            planted("x/cli.rs", "use crate::engine;\nuse crate::report::R;\npub fn main() { engine::host::h(); }\n"),
            planted("x/engine/mod.rs", engine),
            planted("x/engine/host.rs", "pub fn h() {}\n"),
            planted("x/report.rs", report),
        ];
        let layers: [Layer; 3] = [("cli", &["engine", "report"]), ("engine", &[]), ("report", &[])];
        assert_eq!(breaches("x", &sources, &layers).unwrap(), expected);
    }

    #[test]
    fn a_planted_breach_of_a_layer_is_found_however_it_is_written() {
        let fine = "pub struct R;\n";
        let rest = "pub mod host;\n";
        check(&format!("{rest}use self::host::h;\nuse tokio_crate::report::R;\n// use crate::report::R;\n"), fine, &[]);
        let by = |line: &str, expected: &[&str]| check(&format!("{rest}{line}\n"), fine, expected);
        let uses = &["x/engine/mod.rs:2: engine uses report::R"];
        by("use crate::report::R;", uses);
        by("use crate::{engine::host, report::R};", uses);
        by("use super::report::R;", uses);
        by("fn f() -> crate::report::R { todo!() }", uses);
        by("fn f() { assert!(g(crate::report::R)); }", uses);
        by("mod inner { use super::super::report::R; }", uses);
        by("#[cfg(test)] mod tests { use crate::report::R; }", uses);
        by(
            "use crate::{\n    engine::host::h,\n    report::{self, R},\n};",
            &["x/engine/mod.rs:4: engine uses report", "x/engine/mod.rs:4: engine uses report::R"],
        );
        by("use crate::*;", &["x/engine/mod.rs:2: imports the root of the crate, and with it every layer"]);
        check(rest, "use crate::engine::host::h;\npub struct R;\n", &["x/report.rs:1: report uses engine::host::h"]);
    }

    #[test]
    fn the_table_is_neither_too_short_nor_too_long() {
        let sources = [
            planted("x/lib.rs", "pub mod cli;\npub mod fresh;\n"),
            planted("x/main.rs", "fn main() { rehearse::fresh::f() }\n"),
            planted("x/cli.rs", "pub fn f() {}\n"),
            planted("x/fresh.rs", "pub fn f() {}\n"),
            planted("x/lost.rs", "pub fn f() {}\n"),
        ];
        let layers: [Layer; 2] = [("cli", &["load"]), ("load", &[])];
        assert_eq!(
            breaches("x", &sources, &layers).unwrap(),
            [
                "x/fresh.rs: `fresh` is not a layer that the table knows",
                "x/main.rs:1: uses rehearse::fresh::f",
                "cli may use load, and does not: take it out of the table",
                "load is in the table, and is not a module",
                "x/lost.rs: no module declares it",
            ]
        );
    }
}
