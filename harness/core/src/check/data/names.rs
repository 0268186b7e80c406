//! Names of tables and columns that files use, against those that there are: a typo is seen.

use std::collections::BTreeSet;
use std::fmt;

use crate::model::product::{Checks, WrittenRows};
use crate::observation::DataState;
use crate::vocabulary::wildcard::fits;

/// The tables of a database, and their columns as `table.column`, on all releases that were read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct KnownNames(BTreeSet<String>);

impl KnownNames {
    /// Adds those of a state.
    pub fn add(&mut self, state: &DataState) {
        for (name, table) in &state.tables {
            self.0.extend(table.columns.iter().map(|column| format!("{name}.{column}")));
            self.0.insert(name.clone());
        }
    }

    /// Whether a pattern fits one of them.
    pub(super) fn has(&self, pattern: &str) -> bool {
        self.0.contains(pattern) || pattern.contains('*') && self.0.iter().any(|name| fits(pattern, name))
    }
}

/// Where a name stands in a product file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedIn {
    /// In `volatile`.
    Volatile,
    /// In `elsewhere`.
    Elsewhere,
    /// In `writes` of a probe.
    Writes,
}

/// A name of no table and no column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameOfNothing {
    /// Where it stands.
    pub named_in: NamedIn,
    /// The name.
    pub name: String,
}

impl fmt::Display for NameOfNothing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = match self.named_in {
            NamedIn::Volatile => "volatile",
            NamedIn::Elsewhere => "elsewhere",
            NamedIn::Writes => "writes",
        };
        let name = &self.name;
        write!(f, "`{key}` names nothing: {name} is a table or column of no release of this run")
    }
}

/// The names in checks that are of no table and no column.
pub fn names_of_nothing(checks: &Checks, known: &KnownNames) -> Vec<NameOfNothing> {
    let data = checks.data.iter();
    let volatile = data.clone().flat_map(|data| &data.volatile).map(|name| (NamedIn::Volatile, name.as_str()));
    let elsewhere = data.flat_map(|data| data.elsewhere.keys()).map(|name| (NamedIn::Elsewhere, name.as_str()));
    let writes = checks.writes().map(|(_, write)| write.name(WrittenRows::name));
    // Files in volumes stand there too.
    let writes = writes.filter(|name| !name.contains(':')).map(|name| (NamedIn::Writes, name));
    let mut all: Vec<NameOfNothing> = Vec::new();
    for (named_in, name) in volatile.chain(elsewhere).chain(writes).filter(|(_, name)| !known.has(name)) {
        let nothing = NameOfNothing { named_in, name: name.to_owned() };
        if !all.contains(&nothing) {
            all.push(nothing);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::testing::{state, table};
    use super::*;

    #[test]
    fn a_name_of_no_table_and_no_column_is_noted() {
        let mut known = KnownNames::default();
        known.add(&state(&[("users", table(&["id", "seen_at"], &[]))]));
        let checks: Checks = serde_json::from_str(
            r#"{"data": {"volatile": ["users.seen_at", "*.seen_at", "users.sen_at"], "elsewhere": {"jobs": "why"}},
                "health": [{"name": "p", "steps": [], "writes": ["users", "files:*", {"column": "users.nam", "where": "true"}]}]}"#,
        )
        .unwrap();
        let texts: Vec<String> = names_of_nothing(&checks, &known).iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 3, "{texts:?}");
        for (text, begin) in texts.iter().zip([
            "`volatile` names nothing: users.sen_at is",
            "`elsewhere` names nothing: jobs is",
            "`writes` names nothing: users.nam is",
        ]) {
            assert!(text.starts_with(begin), "{text}");
        }
        known.add(&state(&[("jobs", table(&["id"], &[]))]));
        assert_eq!(names_of_nothing(&checks, &known).len(), 2);
    }
}
