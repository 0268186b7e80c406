//! What identifies a row in two databases that have given out their numbers independently: a unique key, or a name; and in
//! place of a number that refers to another row, what identifies that row.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use crate::observation::{DataState, ItemKind, NULL, RetainedRows, TableState};
use crate::vocabulary::wildcard::fits;

/// How deep references are followed.
const DEEPEST: usize = 6;

/// A column that identifies rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IdentityColumn {
    pub(super) name: String,
    /// The table that it refers to.
    pub(super) refers: Option<String>,
}

/// The columns that identify the rows of each table.
pub(super) type Identities = BTreeMap<String, Vec<IdentityColumn>>;

/// What identifies the rows of each table, by those of the fresh installation. Tables whose rows cannot be identified are left out.
pub(super) fn identities(fresh: &DataState, volatile: &[String]) -> Identities {
    let mut all = Identities::new();
    for (name, table) in &fresh.tables {
        let Some(kept) = table.kept.as_deref().filter(|kept| !kept.rows.is_empty()) else { continue };
        let columns = of_table(name, table, kept, fresh, volatile);
        if !columns.is_empty() {
            all.insert(name.clone(), columns);
        }
    }
    all
}

fn of_table(
    name: &str,
    table: &TableState,
    kept: &RetainedRows,
    fresh: &DataState,
    volatile: &[String],
) -> Vec<IdentityColumn> {
    let refers = references(name, fresh);
    let column = |column: &String| IdentityColumn { name: column.clone(), refers: refers.get(column).cloned() };
    let is_volatile = |column: &str| volatile.iter().any(|pattern| fits(pattern, &format!("{name}.{column}")));
    let usable = |column: &String| {
        let values = || (0..kept.rows.len()).map(|row| kept.cell(row, column));
        let own = !refers.contains_key(column);
        let says_nothing = |value: &str| value == NULL || is_time(value) || is_uuid(value);
        !(is_volatile(column) || own && values().all(says_nothing))
    };
    let of_text = |column: &String| {
        !refers.contains_key(column)
            && usable(column)
            && (0..kept.rows.len()).all(|row| kept.cell(row, column).chars().any(char::is_alphabetic))
    };
    let unique = fresh.structure.iter().flat_map(|structure| structure.unique_keys.get(name)).flatten();
    let mut unique: Vec<&Vec<String>> = unique.filter(|key| key.iter().all(&usable)).collect();
    // A key of texts is what people know a row by; a number that stands alone may be anything.
    unique.sort_by_key(|key| (!key.iter().any(of_text), key.len()));
    if let Some(key) = unique.first().filter(|key| key.len() > 1 || key.iter().all(&of_text)) {
        return key.iter().map(column).collect();
    }
    let is_surrogate = match table.key.as_slice() {
        [only] => !refers.contains_key(only) && !of_text(only),
        several => several.is_empty(),
    };
    if !is_surrogate && table.key.iter().all(&usable) {
        return table.key.iter().map(column).collect();
    }
    let others = table.columns.iter().filter(|column| !table.key.contains(column) && usable(column));
    let others: Vec<&String> = others.collect();
    let tells_apart = |column: &&&String| {
        let mut values: Vec<&str> = (0..kept.rows.len()).map(|row| kept.cell(row, column)).collect();
        values.sort_unstable();
        let length = values.len();
        values.dedup();
        of_text(column) && values.len() == length
    };
    match others.iter().find(tells_apart) {
        Some(name) => vec![column(name)],
        None => others.into_iter().map(column).collect(),
    }
}

/// The columns of a table that refer to another one each, by its key.
fn references(table: &str, state: &DataState) -> BTreeMap<String, String> {
    let items = state.structure.iter().flat_map(|structure| &structure.items);
    let keys = items.filter(|item| item.kind == ItemKind::ForeignKey && item.table == table);
    keys.filter_map(|item| match (item.columns.as_slice(), &item.refers) {
        ([column], Some(refers)) => Some((column.clone(), refers.clone())),
        _ => None,
    })
    .collect()
}

/// What identifies a row.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RowIdentity {
    /// To compare by.
    value: String,
    /// For people, short and without secrets.
    pub(super) shown: String,
}

impl RowIdentity {
    fn push(&mut self, column: &str, value: &str, shown: &str) {
        if !self.shown.is_empty() {
            self.shown.push(' ');
        }
        self.shown.push_str(&format!("{column}={shown}"));
        // Tabs stand between values where rows are kept, so that none holds one.
        self.value.push_str(&format!("\t({value}"));
        self.value.push(')');
    }
}

/// One state whose rows are identified.
pub(super) struct Identified<'a> {
    state: &'a DataState,
    identities: &'a Identities,
    /// The rows of tables by their keys, made when they are first asked for.
    by_key: RefCell<HashMap<String, HashMap<String, usize>>>,
}

impl<'a> Identified<'a> {
    pub(super) fn of(state: &'a DataState, identities: &'a Identities) -> Self {
        Self { state, identities, by_key: RefCell::default() }
    }

    /// What identifies a row. None if it refers to a row that is not known.
    pub(super) fn identity(&self, table: &str, row: usize) -> Option<RowIdentity> {
        self.identity_within(table, row, DEEPEST)
    }

    fn identity_within(&self, table: &str, row: usize, deepest: usize) -> Option<RowIdentity> {
        let kept = self.state.tables.get(table)?.kept.as_deref()?;
        let mut whole = RowIdentity::default();
        for column in self.identities.get(table)? {
            let cell = kept.cell(row, &column.name);
            match &column.refers {
                Some(refers) if cell != NULL => {
                    let other = self.row_of(refers, cell)?;
                    let inner = self.identity_within(refers, other, deepest.checked_sub(1)?)?;
                    whole.push(&column.name, &inner.value, &format!("({})", inner.shown));
                }
                Some(_) | None => whole.push(&column.name, cell, &kept.display(row, &column.name)),
            }
        }
        Some(whole)
    }

    /// The row of a table with this key.
    fn row_of(&self, table: &str, key: &str) -> Option<usize> {
        let state = self.state.tables.get(table)?;
        let [column] = state.key.as_slice() else { return None };
        let kept = state.kept.as_deref()?;
        let mut by_key = self.by_key.borrow_mut();
        let rows = by_key
            .entry(table.to_owned())
            .or_insert_with(|| (0..kept.rows.len()).map(|row| (kept.cell(row, column).to_owned(), row)).collect());
        rows.get(key).copied()
    }
}

/// `2026-11-30 12:00:00`, with or without a fraction and a zone.
fn is_time(value: &str) -> bool {
    let shape = "dddd-dd-dd";
    let date = value.get(..shape.len()).is_some_and(|date| {
        date.chars()
            .zip(shape.chars())
            .all(|(is, should)| if should == 'd' { is.is_ascii_digit() } else { is == should })
    });
    date && value.get(10..11).is_none_or(|after| after == " " || after == "T")
}

fn is_uuid(value: &str) -> bool {
    let groups: Vec<&str> = value.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.chars().all(|digit| digit.is_ascii_hexdigit()))
}
