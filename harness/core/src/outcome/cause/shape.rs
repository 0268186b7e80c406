//! The shape of an error: what is left of it without everything that differs between a page, a log and the output of a
//! command.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

/// What is wrong with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    Missing,
    AlreadyThere,
    Duplicate,
    Violated,
    Null,
    ModuleNotFound,
    ConstantNotFound,
    MethodNotFound,
}

/// An object, in lower case, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shape {
    pub(super) object: String,
    fault: Fault,
}

/// How errors name an object; it is the first group of each pattern.
const OBJECT: &str = r#"["'`]?(?:\w+\.)?(\w+)["'`]?"#;

/// Patterns, with `OBJECT` for the object. A test compiles each.
const PATTERNS: [(&str, Fault); 10] = [
    (
        r"\b(?:relation|table|column|view|sequence|function|type|schema|constraint|index)\s+OBJECT(?:\s+of relation\s+\S+)?\s+(?:does not|doesn't) exist",
        Fault::Missing,
    ),
    (r"\bno such (?:table|column|relation):?\s+OBJECT", Fault::Missing),
    (r"\bunknown (?:table|column)\s+OBJECT", Fault::Missing),
    (
        r"\b(?:relation|table|column|view|sequence|function|type|constraint|index)\s+OBJECT(?:\s+of relation\s+\S+)?\s+already exists",
        Fault::AlreadyThere,
    ),
    (r"\bunique (?:constraint|index)\s+OBJECT", Fault::Duplicate),
    (r"\b(?:foreign key|check|exclusion) constraint\s+OBJECT", Fault::Violated),
    (r"\bnull value in column\s+OBJECT", Fault::Null),
    (r"\bno module named\s+OBJECT", Fault::ModuleNotFound),
    (r"\buninitialized constant\s+OBJECT", Fault::ConstantNotFound),
    (r"\bundefined method\s+OBJECT", Fault::MethodNotFound),
];

fn compiled(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(&format!("(?i){}", pattern.replace("OBJECT", OBJECT)))
}

static COMPILED: LazyLock<Vec<(Regex, Fault)>> =
    LazyLock::new(|| PATTERNS.iter().filter_map(|(pattern, fault)| Some((compiled(pattern).ok()?, *fault))).collect());

/// The errors in a text.
pub(super) fn shapes(text: &str) -> BTreeSet<Shape> {
    let mut shapes = BTreeSet::new();
    for (pattern, fault) in COMPILED.iter() {
        let objects = pattern.captures_iter(text).filter_map(|found| found.get(1));
        shapes.extend(objects.map(|object| Shape { object: object.as_str().to_lowercase(), fault: *fault }));
    }
    shapes
}

/// Whether one of the errors is a missing object.
pub(super) fn undefined(shapes: &BTreeSet<Shape>) -> bool {
    shapes.iter().any(|shape| shape.fault == Fault::Missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert!(PATTERNS.iter().all(|(pattern, _)| compiled(pattern).is_ok()));
        assert_eq!(COMPILED.len(), PATTERNS.len());
    }

    #[test]
    fn an_error_has_the_same_shape_in_every_output() {
        for (text, expected) in [
            ("PG::UndefinedColumn: ERROR:  column users.login does not exist", Some(("login", Fault::Missing))),
            ("django.db.utils.ProgrammingError: column \"login\" does not exist", Some(("login", Fault::Missing))),
            ("ERROR:  relation \"public.things\" does not exist at character 15", Some(("things", Fault::Missing))),
            ("sqlite3.OperationalError: no such column: login", Some(("login", Fault::Missing))),
            ("Unknown column 'login' in 'field list'", Some(("login", Fault::Missing))),
            ("column \"a\" of relation \"t\" already exists", Some(("a", Fault::AlreadyThere))),
            ("duplicate key value violates unique constraint \"slug_key\"", Some(("slug_key", Fault::Duplicate))),
            ("could not create unique index \"slug_key\"", Some(("slug_key", Fault::Duplicate))),
            ("ModuleNotFoundError: No module named 'yaml'", Some(("yaml", Fault::ModuleNotFound))),
            ("500 \"Internal server error\"", None),
            ("the database does not exist", None),
        ] {
            let found: Vec<Shape> = shapes(text).into_iter().collect();
            let expected = expected.map(|(object, fault)| Shape { object: object.to_owned(), fault });
            assert_eq!(found, Vec::from_iter(expected), "{text}");
        }
    }
}
