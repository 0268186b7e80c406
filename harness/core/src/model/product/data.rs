//! What is judged of the data, as the product file gives it.
//!
//! Tables and columns of rules are named as they were before the hop, as `table` and `table.column`, with the schema
//! before them where it is not the default one. In lists, `*` stands for any characters.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::main_database;
use crate::vocabulary::release::Release;

/// No data was lost or changed, except by reviewed rules.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DataCheck {
    /// The database.
    #[serde(default = "main_database")]
    pub database: String,
    /// Columns that change by themselves, as `table.column`; `*` stands for any characters. The report names them.
    #[serde(default)]
    pub volatile: Vec<String>,
    /// Tables that another check judges, with the reason. The report names them.
    #[serde(default)]
    pub elsewhere: BTreeMap<String, String>,
    /// Restarts the product on the source release once its tables are read and reads them again: columns that change
    /// and rows that are added by a plain restart are noted, but not held against a hop. What is lost always is.
    #[serde(default)]
    pub restart_control: bool,
    /// What a hop may change.
    #[serde(default)]
    pub rules: Vec<DataRule>,
}

impl Default for DataCheck {
    /// Every table of the database `main`, without a rule.
    fn default() -> Self {
        let (volatile, elsewhere, rules) = (Vec::new(), BTreeMap::new(), Vec::new());
        Self { database: main_database(), volatile, elsewhere, restart_control: false, rules }
    }
}

/// What a hop may change in the data, reviewed.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DataRule {
    /// It happens when this release is reached or passed.
    pub crossing: Release,
    /// What may change.
    pub allow: DataChange,
    /// Why, with the document that says so. Shown in the report.
    pub because: String,
}

/// A change of the data.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DataChange {
    /// Tables appear.
    NewTables(Vec<String>),
    /// Tables disappear.
    DroppedTables(Vec<String>),
    /// Columns disappear, as `table.column`.
    DroppedColumns(Vec<String>),
    /// Values of columns change in any way, as `table.column`; the rows stay the same in number.
    Values(Vec<String>),
    /// Values of a column change in one way only.
    MappedValues(MappedValues),
    /// A table gets this many rows more, or fewer; all other rows stay as they are.
    Rows(RowChange),
    /// Tables get more rows, however many; the rows that were there stay as they are.
    AddedRows(Vec<String>),
    /// Some rows of a table may disappear; all others stay as they are.
    RemovedRows(RemovedRows),
    /// Tables get another name: old to new.
    RenamedTables(BTreeMap<String, String>),
    /// Columns get another name: `table.old` to `new`. Their values are still compared.
    RenamedColumns(BTreeMap<String, String>),
    /// The rows of a table move into another one.
    MovedRows(MovedRows),
    /// Parts of the structure disappear, change or appear, as the check names them: indexes, constraints, defaults, types,
    /// triggers, views, privileges, routines, roles, settings and the like; `*` stands for any characters.
    Structure(Vec<String>),
}

impl DataChange {
    /// Why it cannot be applied; none if it can.
    pub(super) fn mistake(&self) -> Option<&'static str> {
        let column = |full: &String| full.contains('.');
        match self {
            Self::MappedValues(mapped) if mapped.map.is_empty() == mapped.sql.is_none() => {
                Some("give either `map` or `sql`, not both")
            }
            Self::MappedValues(mapped) if !column(&mapped.column) => Some("a column is named as `table.column`"),
            Self::Values(names) | Self::DroppedColumns(names) if !names.iter().all(column) => {
                Some("columns are named as `table.column`")
            }
            Self::RenamedColumns(names) if !names.keys().all(column) => Some("columns are named as `table.column`"),
            Self::MovedRows(moved) if moved.key.is_empty() => Some("give `key`, the columns that identify a row"),
            Self::Rows(change) if change.by == 0 => Some("a change by 0 rows changes nothing"),
            Self::NewTables(_)
            | Self::DroppedTables(_)
            | Self::DroppedColumns(_)
            | Self::Values(_)
            | Self::MappedValues(_)
            | Self::Rows(_)
            | Self::AddedRows(_)
            | Self::RemovedRows(_)
            | Self::RenamedTables(_)
            | Self::RenamedColumns(_)
            | Self::MovedRows(_)
            | Self::Structure(_) => None,
        }
    }
}

/// A table gets more rows, or fewer.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RowChange {
    /// The table.
    pub table: String,
    /// How many more (or, below zero, fewer) exactly.
    pub by: i64,
}

/// Some rows of a table may disappear.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RemovedRows {
    /// The table.
    pub table: String,
    /// Which, as an SQL condition on the table as it is before the hop; the table is `t`.
    #[serde(rename = "where")]
    pub condition: String,
}

/// Values of a column change in one way only. Give `map` or `sql`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MappedValues {
    /// The column, as `table.column`; `*` stands for any characters.
    pub column: String,
    /// Old value to new value; a value that is not in it stays as it is.
    #[serde(default)]
    pub map: BTreeMap<String, String>,
    /// An SQL expression on the table as it is after the hop (`t`) that gives the old value.
    #[serde(default)]
    pub sql: Option<String>,
}

/// The rows of a table move into another one, each found again by its key.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MovedRows {
    /// The table they were in.
    pub from: String,
    /// The table they are in now. It may hold other rows too.
    pub to: String,
    /// The columns that identify a row: old column to an SQL expression on the new table (`t`), mostly a column.
    pub key: BTreeMap<String, String>,
    /// Old column to an SQL expression on the new table (`t`) that gives its value, mostly a column. A column that is not
    /// here is gone.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
    /// Which rows of the new table came from the old one, as an SQL condition on it. A table too large to be compared
    /// row by row has to have it.
    #[serde(default, rename = "where")]
    pub condition: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::DataChange;
    use crate::vocabulary::wildcard::fits;

    #[test]
    fn a_rule_that_cannot_be_applied_is_a_mistake() {
        for (rule, mistake) in [
            (r#"{"mapped-values": {"column": "t.c"}}"#, "give either `map` or `sql`"),
            (r#"{"mapped-values": {"column": "t.c", "map": {"a": "b"}, "sql": "t.c"}}"#, "not both"),
            (r#"{"mapped-values": {"column": "c", "map": {"a": "b"}}}"#, "`table.column`"),
            (r#"{"values": ["t.c", "c"]}"#, "`table.column`"),
            (r#"{"moved-rows": {"from": "a", "to": "b", "key": {}}}"#, "`key`"),
            (r#"{"values": ["*.c"]}"#, ""),
        ] {
            let rule: DataChange = serde_json::from_str(rule).unwrap();
            assert!(rule.mistake().unwrap_or_default().contains(mistake), "{rule:?}");
        }
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, name, expected) in [
            ("users", "users", true),
            ("users", "users2", false),
            ("vpn_*", "vpn_tunnel", true),
            ("vpn_*", "avpn_tunnel", false),
            ("*.slug", "dcim_site.slug", true),
            ("*.slug", "dcim_site.slugs", false),
            ("a*b*c", "aXbYc", true),
            ("a*a", "a", false),
            ("*", "anything", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
