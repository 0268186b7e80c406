//! What is judged of the data, as the product file gives it.
//!
//! Tables and columns of rules are named as they were before the hop, as `table` and `table.column`, with the schema
//! before them where it is not the default one. In lists, `*` stands for any characters.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::main_database;
use super::name_or::NameOr;
use crate::vocabulary::release::Release;
use crate::vocabulary::scalar::Because;

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
    pub elsewhere: BTreeMap<String, Because>,
    /// Columns whose texts are compared by what they mean, as `table.column`; `*` stands for any characters. Tables and
    /// columns that a hop renames are named as they were before.
    #[serde(default)]
    pub meaning: BTreeMap<String, TextFormat>,
    /// By which column people know the rows of a table: findings show its value beside the key.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
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
        let (meaning, labels) = (BTreeMap::new(), BTreeMap::new());
        Self { database: main_database(), volatile, elsewhere, meaning, labels, restart_control: false, rules }
    }
}

impl DataCheck {
    /// The first name in `meaning` that is of no column.
    pub(super) fn meaning_of_no_column(&self) -> Option<&str> {
        self.meaning.keys().find(|name| !name.contains('.')).map(String::as_str)
    }
}

/// How a text is written. Other quotes, another order of keys and white space between values are no difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TextFormat {
    /// One JSON value.
    Json,
    /// One YAML document. Tags count.
    Yaml,
    /// What PHP's `serialize` writes.
    PhpSerialised,
    /// An XML document.
    Xml,
    /// HTML, a document or a part of one.
    Html,
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
    pub because: Because,
}

/// A change of the data.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DataChange {
    /// Tables appear: a name alone says that the table is empty.
    NewTables(Vec<NameOr<FilledTable>>),
    /// New columns of tables that were there hold something else than null or their default.
    NewColumns(Vec<NewColumn>),
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
    /// Tables get more rows of a kind; the rows that were there stay as they are.
    AddedRows(Vec<AddedRows>),
    /// Some rows of a table may disappear; all others stay as they are.
    RemovedRows(RemovedRows),
    /// Tables get another name: old to new.
    RenamedTables(BTreeMap<String, String>),
    /// Columns get another name: `table.old` to `new`. Their values are still compared.
    RenamedColumns(BTreeMap<String, String>),
    /// The rows of a table move into another one.
    MovedRows(MovedRows),
    /// Parts of the structure disappear, change or appear, as the check names them: indexes, constraints, defaults, types,
    /// triggers, views, privileges, routines, roles, settings and the like; `*` stands for any characters. A name alone lets
    /// it become anything.
    Structure(Vec<NameOr<StructureChange>>),
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
            Self::NewTables(tables) => tables.iter().find_map(|table| table.detailed()?.mistake()),
            Self::NewColumns(columns) => columns.iter().find_map(NewColumn::mistake),
            Self::AddedRows(added) if !added.iter().all(|added| added.condition.is_some() != added.any.is_some()) => {
                Some("give either `where` or `any`, not both")
            }
            Self::MovedRows(moved) if moved.key.is_empty() => Some("give `key`, the columns that identify a row"),
            Self::Rows(change) if change.by == 0 => Some("a change by 0 rows changes nothing"),
            Self::DroppedTables(_)
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

/// A table that is new and holds rows. Give `rows`, `where` or both; or `from`; or `any`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FilledTable {
    /// The table; `*` stands for any characters.
    pub table: String,
    /// How many rows it holds exactly.
    #[serde(default)]
    pub rows: Option<u64>,
    /// An SQL condition that every row of it (`t`) meets.
    #[serde(default, rename = "where")]
    pub condition: Option<String>,
    /// An SQL query on the database as it is after the hop, whose rows are those of the table: its columns have the names of
    /// the table's.
    #[serde(default)]
    pub from: Option<String>,
    /// The columns by which rows are compared with those of `from`.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Why it may hold any rows. How many there are, and a few of them, are noted.
    #[serde(default)]
    pub any: Option<Because>,
}

impl FilledTable {
    fn mistake(&self) -> Option<&'static str> {
        let counted = self.rows.is_some() || self.condition.is_some();
        if usize::from(counted) + usize::from(self.from.is_some()) + usize::from(self.any.is_some()) != 1 {
            return Some("give `rows` or `where` or both, or else `from`, or else `any`");
        }
        (self.from.is_some() == self.columns.is_empty()).then_some("`columns` belong to `from`, and it needs them")
    }
}

/// What a new column of a table that was there holds. Give `sql` or `any`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct NewColumn {
    /// The column, as `table.column`; `*` stands for any characters. The table is named as it was before the hop.
    pub column: String,
    /// An SQL expression on the table as it is after the hop (`t`) that gives the value of every row.
    #[serde(default)]
    pub sql: Option<String>,
    /// Why it may hold anything. The most frequent values are noted.
    #[serde(default)]
    pub any: Option<Because>,
}

impl NewColumn {
    fn mistake(&self) -> Option<&'static str> {
        if !self.column.contains('.') {
            return Some("a column is named as `table.column`");
        }
        (self.sql.is_some() == self.any.is_some()).then_some("give either `sql` or `any`, not both")
    }
}

/// Which rows a table gets. Give `where` or `any`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AddedRows {
    /// The table; `*` stands for any characters.
    pub table: String,
    /// An SQL condition on the table as it is after the hop (`t`) that every added row meets.
    #[serde(default, rename = "where")]
    pub condition: Option<String>,
    /// Why any row may be added. How many there are, and a few of them, are noted.
    #[serde(default)]
    pub any: Option<Because>,
}

/// A part of the structure that becomes something stated.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StructureChange {
    /// The part as it was, as the check names it; `*` stands for any characters.
    pub item: String,
    /// What it is now: the text that the check prints behind the colon; `*` stands for any characters.
    pub to: String,
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
            (r#"{"new-tables": ["t", {"table": "u", "rows": 1, "where": "true"}]}"#, ""),
            (r#"{"new-tables": [{"table": "u"}]}"#, "or else `any`"),
            (r#"{"new-tables": [{"table": "u", "rows": 1, "any": "why"}]}"#, "or else `any`"),
            (r#"{"new-tables": [{"table": "u", "from": "select 1"}]}"#, "`columns`"),
            (r#"{"new-tables": [{"table": "u", "from": "select 1 as a", "columns": ["a"]}]}"#, ""),
            (r#"{"new-columns": [{"column": "c", "any": "why"}]}"#, "`table.column`"),
            (r#"{"new-columns": [{"column": "t.c"}]}"#, "`sql` or `any`"),
            (r#"{"added-rows": [{"table": "t"}]}"#, "`where` or `any`"),
            (r#"{"added-rows": [{"table": "t", "where": "true"}]}"#, ""),
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
