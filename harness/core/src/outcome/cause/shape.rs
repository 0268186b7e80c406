//! The shape of an error: what is left of it without everything that differs between a page, a log and the output of a
//! command.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

/// An object and what is wrong with it; the first group is the object.
static OBJECTS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let object = r#"["'`]?(?:\w+\.)?(\w+)["'`]?"#;
    [
        (format!(r"\b(?:relation|table|column|view|sequence|function|type|schema|constraint|index)\s+{object}(?:\s+of relation\s+\S+)?\s+(?:does not|doesn't) exist"), MISSING),
        (format!(r"\bno such (?:table|column|relation):?\s+{object}"), MISSING),
        (format!(r"\bunknown (?:table|column)\s+{object}"), MISSING),
        (format!(r"\b(?:relation|table|column|view|sequence|function|type|constraint|index)\s+{object}(?:\s+of relation\s+\S+)?\s+already exists"), "exists"),
        (format!(r"\bunique (?:constraint|index)\s+{object}"), "unique"),
        (format!(r"\b(?:foreign key|check|exclusion) constraint\s+{object}"), "violated"),
        (format!(r"\bnull value in column\s+{object}"), "null"),
        (format!(r"\bno module named\s+{object}"), "module"),
        (format!(r"\buninitialized constant\s+{object}"), "constant"),
        (format!(r"\bundefined method\s+{object}"), "method"),
    ]
    .into_iter()
    // The patterns are constants; one that did not compile would connect nothing.
    .filter_map(|(pattern, what)| Some((Regex::new(&format!("(?i){pattern}")).ok()?, what)))
    .collect()
});

const MISSING: &str = "missing";

/// The errors in a text: `login missing`, `slug_key unique`.
pub(super) fn shapes(text: &str) -> BTreeSet<String> {
    let mut shapes = BTreeSet::new();
    for (pattern, what) in OBJECTS.iter() {
        let names = pattern.captures_iter(text).filter_map(|found| found.get(1));
        shapes.extend(names.map(|name| format!("{} {what}", name.as_str().to_lowercase())));
    }
    shapes
}

/// Whether one of the errors is a missing object.
pub(super) fn undefined(shapes: &BTreeSet<String>) -> bool {
    shapes.iter().any(|shape| shape.ends_with(MISSING))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_same_shape_in_every_output() {
        for (text, expected) in [
            ("PG::UndefinedColumn: ERROR:  column users.login does not exist", &["login missing"][..]),
            ("django.db.utils.ProgrammingError: column \"login\" does not exist", &["login missing"]),
            ("ERROR:  relation \"public.things\" does not exist at character 15", &["things missing"]),
            ("sqlite3.OperationalError: no such column: login", &["login missing"]),
            ("Unknown column 'login' in 'field list'", &["login missing"]),
            ("column \"a\" of relation \"t\" already exists", &["a exists"]),
            ("duplicate key value violates unique constraint \"slug_key\"", &["slug_key unique"]),
            ("could not create unique index \"slug_key\"", &["slug_key unique"]),
            ("ModuleNotFoundError: No module named 'yaml'", &["yaml module"]),
            ("500 \"Internal server error\"", &[]),
            ("the database does not exist", &[]),
        ] {
            assert_eq!(shapes(text).iter().map(String::as_str).collect::<Vec<_>>(), expected, "{text}");
        }
    }
}
