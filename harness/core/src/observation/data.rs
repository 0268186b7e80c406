//! The observed state of a database: its tables, row by row if they are small, and its structure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Unread;

/// The state of a database's tables.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DataState {
    /// By table name, with the schema before it where that is not the default one.
    pub tables: BTreeMap<String, TableState>,
    /// Tables of another state, read through a [`View`], by their name there; or why they could not be read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub viewed: BTreeMap<String, Result<TableState, Unread>>,
    /// Tables without some of their rows; or why they could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<(Selection, Result<TableState, Unread>)>,
    /// New columns of tables of another state, by table and column; or why they could not be read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub new_columns: BTreeMap<String, BTreeMap<String, Result<NewColumnState, Unread>>>,
    /// Tables whose rows a query gives, with the rows of that query; or why they could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub derived: Vec<(Derivation, Result<Derived, Unread>)>,
    /// The structure around the tables; none if it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structure: Option<Structure>,
}

impl DataState {
    /// A table without some of its rows.
    ///
    /// # Errors
    /// When it could not be read.
    pub fn without(&self, selection: &Selection) -> Result<&TableState, Unread> {
        let read = self.without.iter().find(|(read, _)| read == selection);
        read.map_or(Err("it was not read".into()), |(_, read)| read.as_ref().map_err(Unread::clone))
    }
}

/// Some rows of a table: those that do not meet a condition.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Selection {
    /// The table.
    pub table: String,
    /// An SQL condition on it, which is `t`: rows that meet it are left out.
    pub condition: String,
    /// Only rows above this key; the key is one integer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<String>,
}

/// A table whose rows a query gives.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Derivation {
    /// The table; in a query, `*` stands for any characters.
    pub table: String,
    /// The query, whose columns have the names of the table's.
    pub sql: String,
    /// The columns by which rows are compared.
    pub columns: Vec<String>,
}

/// What was read of a derivation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Derived {
    /// The table, by the columns of the derivation.
    pub table: TableState,
    /// The rows of the query.
    pub query: TableState,
}

/// What a new column holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NewColumnState {
    /// The default that it declares, if that is a constant, as SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// The rows that hold something unexpected in it; all that hold something, where everything is expected. Only the key
    /// and the column are read.
    pub rows: TableState,
}

/// The state of a table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TableState {
    /// How many rows.
    pub rows: u64,
    /// The key columns that tie a column's value to its row; empty without a primary key.
    pub key: Vec<String>,
    /// All columns.
    pub columns: Vec<String>,
    /// An order-free checksum per column, each value tied to its row's key.
    pub sums: BTreeMap<String, String>,
    /// An order-free checksum of whole rows, their columns in the order of `columns`; only without a key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<String>,
    /// The highest key, where the key is one integer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top: Option<String>,
    /// The rows themselves, where the table is small. Never written into evidence.
    #[serde(skip)]
    pub kept: Option<Arc<RetainedRows>>,
}

/// The rows of a small table, in memory.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RetainedRows {
    /// The columns of each row, in order.
    pub columns: Vec<String>,
    /// The rows as lines: values in the order of `columns`, a tab between, `\N` for a null, control characters and
    /// backslashes escaped. A long value is its beginning, its length and a digest.
    pub rows: Vec<Box<str>>,
}

/// How a retained row represents a null.
pub const NULL: &str = "\\N";

/// What to read of tables in addition to their present state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableQuery {
    /// How to find tables of the reference now, by their name there. A view that is the table itself is not read.
    pub views: BTreeMap<String, View>,
    /// Tables without some of their rows; in their names, `*` stands for any characters.
    pub without: BTreeSet<Selection>,
    /// Tables that were there, by their present name: what is in their new columns is read.
    pub new_columns: BTreeMap<String, KnownColumns>,
    /// What new columns are expected to hold, by patterns of `table.column` with the table's name in the reference; null or
    /// the default where none fits.
    pub new_values: Vec<(String, NewValue)>,
    /// Tables whose rows a query gives.
    pub derived: Vec<Derivation>,
    /// Whether the rows of small tables are kept.
    pub keep: bool,
    /// Columns whose texts are kept as a whole, as patterns of `table.column` with the table's name in the reference.
    pub texts: Vec<String>,
}

/// How many characters of a text that is kept as a whole are read; of a longer one its beginning, its length and a digest.
pub const LONGEST_TEXT: usize = 65_536;

/// The columns of a table that was there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownColumns {
    /// The table's name in the reference.
    pub was: String,
    /// The columns that were there, by their present names.
    pub columns: BTreeSet<String>,
    /// Rows above this key were not there; the key is one integer.
    pub top: Option<String>,
}

/// What a new column is expected to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewValue {
    /// The value of an SQL expression on the table, which is `t`.
    Sql(String),
    /// Anything.
    Any,
}

/// How to find a table of the reference now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// The table it is in.
    pub table: String,
    /// Its key: old column, and what gives its value now.
    pub key: Vec<(String, Source)>,
    /// Its columns: old column, and what gives its value now.
    pub columns: Vec<(String, Source)>,
    /// An SQL condition on its rows.
    pub condition: Option<String>,
    /// Rows above this key are left out; the key is one integer.
    pub top: Option<String>,
    /// Whether the reference's key is one integer, to which the checksums are tied; not known for an empty table.
    pub numbered: Option<bool>,
    /// Whether the reference has the rows themselves: then they are kept here too, even if there are more now.
    pub keep: bool,
}

/// What gives a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A column. A missing one is left out.
    Column(String),
    /// An SQL expression on the table, which is `t`.
    Sql(String),
}

impl Source {
    /// A column if the text is a plain name, otherwise an expression.
    pub fn of(text: &str) -> Self {
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && text.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        if plain { Self::Column(text.to_owned()) } else { Self::Sql(text.to_owned()) }
    }
}

/// The structure around tables.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Structure {
    /// Indexes, constraints, defaults, triggers, views, privileges.
    pub items: Vec<Item>,
    /// Sequences, by the column that owns them or their own name, with the last value given out.
    pub sequences: BTreeMap<String, i64>,
    /// The columns of unique indexes without expressions and conditions, by table.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unique_keys: BTreeMap<String, BTreeSet<Vec<String>>>,
}

/// One item of the structure, identified by its meaning and not by a generated name.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// The table it belongs to.
    pub table: String,
    /// The columns of that table it is about.
    pub columns: Vec<String>,
    /// Another table that it refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refers: Option<String>,
    /// What it means: `unique btree (login)`, `DELETE, SELECT for app`.
    pub text: String,
    /// Whether it exists but is not valid: an invalid index, a constraint that was never validated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub broken: bool,
}

/// A kind of structure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemKind {
    /// An index, a unique constraint or a primary key: what it is made of counts.
    #[default]
    Index,
    /// A foreign key.
    ForeignKey,
    /// A check or an exclusion constraint.
    Constraint,
    /// A column takes no null.
    NotNull,
    /// A column's default.
    Default,
    /// A column's type.
    Type,
    /// A trigger.
    Trigger,
    /// A view.
    View,
    /// A privilege.
    Privilege,
    /// The owner.
    Owner,
    /// A column's collation, where it is not that of its type.
    Collation,
    /// A function, a procedure or an aggregate; `table` is its name.
    Routine,
    /// A domain, a label of an enumeration, a composite type; `table` is its name.
    UserType,
    /// The limits, the owner and the rights of a sequence; `table` is its name, or that of the table it numbers the rows of.
    Sequence,
    /// A schema; `table` is its name.
    Schema,
    /// An extension; `table` is its name.
    Extension,
    /// What a role may do, its memberships and settings; `table` is its name.
    Role,
    /// A setting of the database; `table` is its name.
    Setting,
    /// A large object; `table` is its number.
    LargeObject,
    /// An event of a scheduler, an event trigger or a publication; `table` is its name.
    Event,
}

impl ItemKind {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::ForeignKey => "foreign key",
            Self::Constraint => "constraint",
            Self::NotNull => "not null",
            Self::Default => "default",
            Self::Type => "type",
            Self::Trigger => "trigger",
            Self::View => "view",
            Self::Privilege => "privilege",
            Self::Owner => "owner",
            Self::Collation => "collation",
            Self::Routine => "routine",
            Self::UserType => "user type",
            Self::Sequence => "sequence",
            Self::Schema => "schema",
            Self::Extension => "extension",
            Self::Role => "role",
            Self::Setting => "setting",
            Self::LargeObject => "large object",
            Self::Event => "event",
        }
    }

    /// The kind that people call so.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it is about a table, which `table` names; otherwise it stands for itself.
    pub fn is_of_table(self) -> bool {
        match self {
            Self::Index
            | Self::ForeignKey
            | Self::Constraint
            | Self::NotNull
            | Self::Default
            | Self::Type
            | Self::Trigger
            | Self::Privilege
            | Self::Owner
            | Self::Collation => true,
            Self::View
            | Self::Routine
            | Self::UserType
            | Self::Sequence
            | Self::Schema
            | Self::Extension
            | Self::Role
            | Self::Setting
            | Self::LargeObject
            | Self::Event => false,
        }
    }

    const ALL: [Self; 20] = [
        Self::Index,
        Self::ForeignKey,
        Self::Constraint,
        Self::NotNull,
        Self::Default,
        Self::Type,
        Self::Trigger,
        Self::View,
        Self::Privilege,
        Self::Owner,
        Self::Collation,
        Self::Routine,
        Self::UserType,
        Self::Sequence,
        Self::Schema,
        Self::Extension,
        Self::Role,
        Self::Setting,
        Self::LargeObject,
        Self::Event,
    ];
}
