//! Compares the rows of small tables one by one: by key, or as a multiset where there is none.

use std::collections::{BTreeMap, HashMap};

use crate::model::product::TextFormat;
use crate::observation::{NULL, RetainedRows};

use super::cells::{excerpt, excerpts, plain};
use super::{Judge, meaning};

/// How rows differ. The numbers are indexes into the rows before and now.
#[derive(Debug, Default)]
pub(super) struct RowDifference {
    pub(super) lost: Vec<usize>,
    pub(super) added: Vec<usize>,
    /// Per column: the row before and the row now.
    pub(super) changed: BTreeMap<String, Vec<(usize, usize)>>,
}

/// Old value to new value, per column.
pub(super) type Maps<'a> = BTreeMap<&'a str, &'a BTreeMap<String, String>>;

/// Picks the cells of some columns, by their indexes; a missing cell is empty.
struct Picker(Vec<usize>);

impl Picker {
    fn of<'c>(kept: &RetainedRows, columns: impl IntoIterator<Item = &'c String>) -> Option<Self> {
        columns.into_iter().map(|column| kept.place(column)).collect::<Option<Vec<_>>>().map(Self)
    }

    fn pick(&self, row: &str) -> String {
        let cells: Vec<&str> = row.split('\t').collect();
        let picked: Vec<&str> = self.0.iter().map(|place| cells.get(*place).copied().unwrap_or_default()).collect();
        picked.join("\t")
    }
}

/// Compares rows, which are identified by `key`, or by all of `columns` if it is empty. `maps` says how values have to
/// change. None if a column is not kept on both sides.
pub(super) fn compare(
    before: &RetainedRows,
    now: &RetainedRows,
    key: &[String],
    columns: &[String],
    maps: &Maps<'_>,
) -> Option<RowDifference> {
    let identity = if key.is_empty() { columns } else { key };
    let (old_key, new_key) = (Picker::of(before, identity)?, Picker::of(now, identity)?);
    let places: Vec<(&String, usize, usize)> = columns
        .iter()
        .map(|column| Some((column, before.place(column)?, now.place(column)?)))
        .collect::<Option<_>>()?;
    let expected = |column: &str, cell: &'_ str| -> Option<String> {
        let map = maps.get(column)?;
        map.get(&plain(cell)).map(|new| escaped(new))
    };

    let mut unmatched: HashMap<String, Vec<usize>> = HashMap::with_capacity(now.rows.len());
    for (index, row) in now.rows.iter().enumerate().rev() {
        unmatched.entry(new_key.pick(row)).or_default().push(index);
    }
    let mut difference = RowDifference::default();
    for (index, row) in before.rows.iter().enumerate() {
        let old: Vec<&str> = row.split('\t').collect();
        let mut identity_now = old_key.pick(row);
        if key.is_empty() && !maps.is_empty() {
            let cells = places.iter().map(|(column, place, _)| {
                let cell = old.get(*place).copied().unwrap_or_default();
                expected(column, cell).unwrap_or_else(|| cell.to_owned())
            });
            identity_now = cells.collect::<Vec<_>>().join("\t");
        }
        let Some(found) = unmatched.get_mut(&identity_now).and_then(Vec::pop) else {
            difference.lost.push(index);
            continue;
        };
        if key.is_empty() {
            continue;
        }
        let new: Vec<&str> = now.rows.get(found).map(|row| row.split('\t').collect()).unwrap_or_default();
        for (column, was, is) in &places {
            let (was, is) = (old.get(*was).copied().unwrap_or_default(), new.get(*is).copied().unwrap_or_default());
            let same = match expected(column, was) {
                Some(mapped) => mapped == is,
                None => was == is,
            };
            if !same {
                difference.changed.entry((*column).clone()).or_default().push((index, found));
            }
        }
    }
    difference.added = unmatched.into_values().flatten().collect();
    difference.added.sort_unstable();
    Some(difference)
}

impl Judge<'_> {
    /// Names a row for people: by its key, and by the column that people know it by.
    pub(super) fn label(&self, name: &str, kept: &RetainedRows, row: usize, key: &[String]) -> String {
        let label = kept.label(row, key);
        match self.terms.labels.get(name).filter(|column| kept.place(column).is_some() && !key.contains(column)) {
            Some(column) if kept.cell(row, column) != NULL => format!("{label} {}", kept.display(row, column)),
            Some(_) | None => label,
        }
    }
}

impl RetainedRows {
    /// The index of a column in a row.
    fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|known| known == column)
    }

    /// The value of one cell, as it is in the row.
    pub(in crate::check) fn cell(&self, row: usize, column: &str) -> &str {
        let place = self.place(column);
        place.and_then(|place| self.rows.get(row)?.split('\t').nth(place)).unwrap_or(NULL)
    }

    /// Names a row for people: `id=7`, or by its first columns if there is no key.
    pub(super) fn label(&self, row: usize, key: &[String]) -> String {
        let columns: Vec<&String> =
            if key.is_empty() { self.columns.iter().take(4).collect() } else { key.iter().collect() };
        let cell = |column: &&String| format!("{column}={}", self.display(row, column));
        columns.iter().map(cell).collect::<Vec<_>>().join(" ")
    }

    /// A value of a row and another one of the same column, for people.
    pub(super) fn change(
        &self,
        row: usize,
        (now, row_now): (&Self, usize),
        column: &str,
        format: Option<TextFormat>,
    ) -> String {
        if secret(column) {
            return "another value (hidden)".to_owned();
        }
        let (was, is) = (self.cell(row, column), now.cell(row_now, column));
        match format {
            Some(format) => meaning::change(was, is, format),
            None => {
                let (was, is) = excerpts(was, is);
                format!("{was} → {is}")
            }
        }
    }

    /// A value for people: short, and hidden if the column's name says that it is a secret.
    pub(in crate::check) fn display(&self, row: usize, column: &str) -> String {
        if secret(column) {
            return "(hidden)".to_owned();
        }
        excerpt(self.cell(row, column))
    }

    /// Some rows for people, each with a few of its columns.
    pub(super) fn described(&self, rows: impl Iterator<Item = usize>) -> Vec<String> {
        let row = |row: usize| {
            let cells =
                self.columns.iter().take(DESCRIBED).map(|column| format!("{column}={}", self.display(row, column)));
            cells.collect::<Vec<_>>().join(" ")
        };
        rows.map(row).collect()
    }

    /// The most frequent values of a column in some rows: `'a' 12, 'b' 3 and 2 more values`.
    pub(super) fn frequent(&self, rows: &[usize], column: &str) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut first: HashMap<&str, usize> = HashMap::new();
        for row in rows {
            let cell = self.cell(*row, column);
            *counts.entry(cell).or_default() += 1;
            first.entry(cell).or_insert(*row);
        }
        let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let value = |(cell, count): &(&str, usize)| {
            let shown = first.get(cell).map_or_else(String::new, |row| self.display(*row, column));
            format!("{shown} {count}")
        };
        let shown: Vec<String> = counts.iter().take(FREQUENT).map(value).collect();
        match counts.len().saturating_sub(FREQUENT) {
            0 => shown.join(", "),
            more => format!("{} and {more} more values", shown.join(", ")),
        }
    }

    /// How many rows hold something in a column.
    pub(super) fn filled(&self, column: &str) -> usize {
        (0..self.rows.len()).filter(|row| self.cell(*row, column) != NULL).count()
    }

    /// How many rows have a value in a column for which `such` holds.
    pub(super) fn count(&self, column: &str, such: impl Fn(&str) -> bool) -> usize {
        (0..self.rows.len()).filter(|row| such(&plain(self.cell(*row, column)))).count()
    }

    /// The values of a row by these columns, to look it up.
    pub(super) fn identity(&self, row: usize, key: &[String]) -> Option<String> {
        Some(Picker::of(self, key)?.pick(self.rows.get(row)?))
    }
}

/// Columns of a row that are shown where it stands for itself.
const DESCRIBED: usize = 6;
/// Values of a column that are shown with how often they are there.
const FREQUENT: usize = 5;
fn secret(column: &str) -> bool {
    let name = column.to_lowercase();
    ["passw", "token", "secret", "key", "hash", "salt", "credential", "crypt"].iter().any(|part| name.contains(part))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
}
