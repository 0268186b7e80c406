//! One thing to be read of one table: which columns, tied to which key, of which rows.

use rehearse_core::model::product::Engine;
use rehearse_core::observation::{Source, TableQuery, View};

use super::{mysql, postgres};

/// Rows of a table that are kept one by one at most.
const KEPT_ROWS: u64 = 50_000;
/// Values of a table that are kept at most.
const KEPT_CELLS: u64 = 1_000_000;
/// A table whose reference was kept is kept even when it has grown this many times beyond.
const GROWN: u64 = 4;

/// A table as the catalog has it.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) schema: String,
    pub(super) name: String,
    /// Names and types.
    pub(super) columns: Vec<(String, String)>,
    pub(super) key: Vec<String>,
}

/// Types of whole numbers.
const WHOLE: [&str; 6] = ["smallint", "integer", "bigint", "tinyint", "mediumint", "int"];

impl Table {
    /// The key is one whole number.
    fn numbered(&self) -> bool {
        let [key] = self.key.as_slice() else { return false };
        self.of_type(key).is_some_and(|of_type| WHOLE.contains(&of_type))
    }

    fn of_type(&self, column: &str) -> Option<&str> {
        self.columns.iter().find(|(name, _)| name == column).map(|(_, of_type)| of_type.as_str())
    }
}

/// A value: the name it is kept under, the SQL that gives it, the type where it is a plain column.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) name: String,
    pub(super) sql: String,
    pub(super) of_type: String,
}

/// One thing to be read of one table.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: String,
    /// The table, quoted, with its schema.
    pub(super) table: String,
    pub(super) key: Vec<Value>,
    pub(super) columns: Vec<Value>,
    pub(super) conditions: Vec<String>,
    /// The key is one whole number.
    pub(super) numbered: bool,
    /// Rows are kept up to so many.
    pub(super) most: u64,
}

impl Part {
    /// A table as it is.
    pub(super) fn own(name: &str, table: &Table, engine: Engine, reading: &TableQuery) -> Self {
        let value = |column: &str| plain(column, column, table, engine);
        let columns: Vec<Value> = table.columns.iter().filter_map(|(column, _)| value(column)).collect();
        let wanted = reading.views.get(name).is_some_and(|view| view.keep);
        let most = if reading.keep { most(columns.len(), wanted) } else { 0 };
        let key = table.key.iter().filter_map(|column| value(column)).collect();
        let (conditions, numbered) = (Vec::new(), table.numbered());
        Self { name: name.to_owned(), table: full(table, engine), key, columns, conditions, numbered, most }
    }

    /// A table of the reference as it is found now; none where that is the table as it is.
    ///
    /// # Errors
    /// When a key column is gone, so that no row can be told from another.
    pub(super) fn view(name: &str, view: &View, table: &Table, engine: Engine) -> Result<Option<Self>, String> {
        let find = |(old, source): &(String, Source)| match source {
            Source::Column(new) => plain(old, new, table, engine),
            Source::Sql(sql) => Some(Value { name: old.clone(), sql: format!("({sql})"), of_type: String::new() }),
        };
        let columns: Vec<Value> = view.columns.iter().filter_map(find).collect();
        let key: Vec<Value> = view.key.iter().filter_map(find).collect();
        let own: Vec<String> = table.key.iter().map(|column| column_of(column, engine)).collect();
        let own_keys = key.iter().map(|value| &value.sql).eq(&own);
        let numbered = view.numbered.unwrap_or_else(|| table.numbered());
        let own_keys = own_keys && numbered == table.numbered();
        // Where rows are kept, any of their columns may serve as key; where there is no key, whole rows are summed up.
        let same_rows = view.keep || (own_keys && (!key.is_empty() || columns.len() == table.columns.len()));
        let as_it_is = name == view.table;
        let unchanged = columns.iter().all(|value| column_of(&value.name, engine) == value.sql);
        if as_it_is && same_rows && unchanged && view.condition.is_none() && view.top.is_none() {
            return Ok(None);
        }
        if key.len() < view.key.len() && !view.keep {
            return Err("a column of its key is gone".to_owned());
        }
        let mut conditions: Vec<String> = view.condition.iter().map(|condition| format!("({condition})")).collect();
        if let (Some(top), [key]) = (&view.top, key.as_slice()) {
            conditions.push(format!("{} <= {top}", key.sql));
        }
        let most = if view.keep { most(columns.len(), true) } else { 0 };
        Ok(Some(Self { name: name.to_owned(), table: full(table, engine), key, columns, conditions, numbered, most }))
    }

    /// The condition as a clause, or nothing.
    pub(super) fn clause(&self) -> String {
        match self.conditions.as_slice() {
            [] => String::new(),
            some => format!(" where {}", some.join(" and ")),
        }
    }
}

fn most(columns: usize, wanted: bool) -> u64 {
    let most = KEPT_ROWS.min(KEPT_CELLS / (columns as u64).max(1));
    if wanted { most * GROWN } else { most }
}

fn plain(old: &str, new: &str, table: &Table, engine: Engine) -> Option<Value> {
    let of_type = table.of_type(new)?.to_owned();
    Some(Value { name: old.to_owned(), sql: column_of(new, engine), of_type })
}

fn column_of(column: &str, engine: Engine) -> String {
    format!("t.{}", quoted(column, engine))
}

fn full(table: &Table, engine: Engine) -> String {
    let name = quoted(&table.name, engine);
    if table.schema.is_empty() { name } else { format!("{}.{name}", quoted(&table.schema, engine)) }
}

fn quoted(name: &str, engine: Engine) -> String {
    match engine {
        Engine::Postgresql => postgres::quoted(name),
        Engine::Mysql => mysql::quoted(name),
    }
}
