//! One thing to read from one table: which columns, tied to which key, of which rows.

use rehearse_core::observation::{LONGEST_TEXT, Selection, Source, TableQuery, View};
use rehearse_core::vocabulary::wildcard::fits;

/// The most rows of a table that are kept.
const KEPT_ROWS: u64 = 50_000;
/// The most values of a table that are kept.
const KEPT_CELLS: u64 = 1_000_000;
/// A table whose reference was kept is kept even if it has grown to this many times the limits.
const GROWN: u64 = 4;

/// Characters of a value that are kept.
const SHORT: usize = 200;

/// The alias of the table that a script reads from.
pub(super) const ALIAS: &str = "t";

/// A value: the name it is kept under, its SQL, and its type if it is a plain column.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) name: String,
    pub(super) sql: String,
    pub(super) of_type: String,
    /// The default that a plain column declares, as SQL.
    pub(super) default: Option<String>,
    /// Whether its text is kept as a whole.
    pub(super) whole: bool,
}

impl Value {
    /// Characters of it that are read as they are; of a longer one its beginning, its length and a digest.
    pub(super) fn short(&self) -> usize {
        if self.whole { LONGEST_TEXT } else { SHORT }
    }
}

/// The values of a table, with those marked whose texts are kept as a whole.
fn with_texts(name: &str, columns: Vec<Value>, query_spec: &TableQuery) -> Vec<Value> {
    let whole = |value: &Value| query_spec.texts.iter().any(|text| fits(text, &format!("{name}.{}", value.name)));
    columns.into_iter().map(|value| Value { whole: whole(&value), ..value }).collect()
}

/// A table in the catalog.
#[derive(Debug)]
pub(super) struct Table {
    /// Its name, quoted, with its schema.
    pub(super) sql: String,
    pub(super) columns: Vec<Value>,
    /// The columns of its primary key.
    pub(super) key: Vec<String>,
}

/// Types of whole numbers.
const WHOLE: [&str; 6] = ["smallint", "integer", "bigint", "tinyint", "mediumint", "int"];

impl Table {
    /// Whether the key is one whole number.
    fn numbered(&self) -> bool {
        let [key] = self.key.as_slice() else { return false };
        self.column(key).is_some_and(|column| WHOLE.contains(&column.of_type.as_str()))
    }

    pub(super) fn column(&self, name: &str) -> Option<&Value> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// A column that is kept under another name.
    fn renamed(&self, column: &str, name: &str) -> Option<Value> {
        Some(Value { name: name.to_owned(), ..self.column(column)?.clone() })
    }
}

/// One thing to read from one table.
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
    /// How many rows are kept at most.
    pub(super) most: u64,
}

impl Part {
    /// A table in its own form.
    pub(super) fn own(name: &str, table: &Table, query_spec: &TableQuery) -> Self {
        let columns = with_texts(name, table.columns.clone(), query_spec);
        let wanted = query_spec.views.get(name).is_some_and(|view| view.keep);
        let most = if query_spec.keep { most(columns.len(), wanted) } else { 0 };
        let key = table.key.iter().filter_map(|column| table.column(column)).cloned().collect();
        let (conditions, numbered) = (Vec::new(), table.numbered());
        Self { name: name.to_owned(), table: table.sql.clone(), key, columns, conditions, numbered, most }
    }

    /// A table of the reference as it can be read now; `None` if that is the table in its own form.
    ///
    /// # Errors
    /// When a key column is gone, so that rows cannot be identified.
    pub(super) fn view(
        name: &str,
        view: &View,
        table: &Table,
        query_spec: &TableQuery,
    ) -> Result<Option<Self>, String> {
        let find = |(old, source): &(String, Source)| match source {
            Source::Column(new) => table.renamed(new, old),
            Source::Sql(sql) => Some(Value {
                name: old.clone(),
                sql: format!("({sql})"),
                of_type: String::new(),
                default: None,
                whole: false,
            }),
        };
        let columns = with_texts(name, view.columns.iter().filter_map(find).collect(), query_spec);
        let key: Vec<Value> = view.key.iter().filter_map(find).collect();
        let own = table.key.iter().filter_map(|column| table.column(column));
        let own_keys = key.iter().map(|value| &value.sql).eq(own.map(|column| &column.sql));
        let numbered = view.numbered.unwrap_or_else(|| table.numbered());
        let own_keys = own_keys && numbered == table.numbered();
        // If rows are kept, any of their columns may serve as key; without a key, whole rows are summed up.
        let same_rows = view.keep || (own_keys && (!key.is_empty() || columns.len() == table.columns.len()));
        let as_it_is = name == view.table;
        let unchanged =
            columns.iter().all(|value| table.column(&value.name).is_some_and(|column| column.sql == value.sql));
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
        Ok(Some(Self { name: name.to_owned(), table: table.sql.clone(), key, columns, conditions, numbered, most }))
    }

    /// The rows of a table that do not meet the condition of a selection.
    ///
    /// # Errors
    /// When the selection is by a key that the table does not have.
    pub(super) fn without(selection: &Selection, table: &Table, query_spec: &TableQuery) -> Result<Self, String> {
        let mut part = Self::own(&selection.table, table, query_spec);
        part.conditions.push(format!("({}) is not true", selection.condition));
        if let Some(top) = &selection.above {
            let [key] = part.key.as_slice() else { return Err("it has no key of one column any more".to_owned()) };
            part.conditions.push(format!("{} > {top}", key.sql));
        }
        Ok(part)
    }

    /// A column of a table with its key, of the rows that meet a condition.
    pub(super) fn of_column(name: &str, table: &Table, column: &Value, conditions: Vec<String>) -> Self {
        let key: Vec<Value> = table.key.iter().filter_map(|column| table.column(column)).cloned().collect();
        let mut columns = key.clone();
        if !table.key.contains(&column.name) {
            columns.push(column.clone());
        }
        let (most, numbered) = (most(columns.len(), true), table.numbered());
        Self { name: name.to_owned(), table: table.sql.clone(), key, columns, conditions, numbered, most }
    }

    /// Some columns of a table, or of a query that has columns of these names.
    ///
    /// # Errors
    /// When the table has no such column.
    pub(super) fn of_columns(
        name: &str,
        table: &Table,
        columns: &[String],
        query: Option<&str>,
    ) -> Result<Self, String> {
        let found =
            |column: &String| table.column(column).cloned().ok_or_else(|| format!("there is no column {column}"));
        let columns = columns.iter().map(found).collect::<Result<Vec<_>, _>>()?;
        let most = most(columns.len(), true);
        let table =
            query.map_or_else(|| table.sql.clone(), |query| format!("({})", query.trim().trim_end_matches(';')));
        let (key, conditions, numbered) = (Vec::new(), Vec::new(), false);
        Ok(Self { name: name.to_owned(), table, key, columns, conditions, numbered, most })
    }

    /// The conditions as a clause; empty if there are none.
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
