//! What our own probes have written: only what they say, and of tables only the rows that they say.

use std::collections::{BTreeMap, BTreeSet};

use super::{DataTerms, Difference, judge_data, judge_tables};
use crate::observation::{DataState, Selection, TableState};
use crate::outcome::code::InconclusiveCode;
use crate::outcome::event::CheckReport;
use crate::outcome::subject::Subject;

/// What probes say they write.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OwnWrites {
    /// Tables and columns, by their names alone.
    pub names: BTreeSet<String>,
    /// Some rows of tables.
    pub rows: Vec<RowWrite>,
}

/// Rows that a probe says it writes.
#[derive(Debug, Clone, PartialEq)]
pub struct RowWrite {
    /// The table.
    pub table: String,
    /// The only column that changes; all of them if there is none.
    pub column: Option<String>,
    /// An SQL condition on the table, which is `t`.
    pub condition: String,
    /// Whether the probe has made these rows: none of them was there before.
    pub made: bool,
}

impl RowWrite {
    /// A write to some rows of a table, or of a column as `table.column`.
    pub fn new(table: Option<&str>, column: Option<&str>, condition: String) -> Self {
        let (of, column) = match (table, column.and_then(|column| column.rsplit_once('.'))) {
            (None, Some((of, column))) => (of, Some(column.to_owned())),
            (table, _) => (table.unwrap_or_default(), None),
        };
        Self { table: of.to_owned(), column, condition, made: false }
    }

    /// Rows of a table that a probe has made.
    pub fn made(table: &str, condition: String) -> Self {
        Self { table: table.to_owned(), column: None, condition, made: true }
    }
}

/// The conditions on the rows of one table.
#[derive(Debug, Default)]
struct Conditions<'w> {
    table: BTreeSet<&'w str>,
    made: BTreeSet<&'w str>,
    columns: BTreeMap<&'w str, BTreeSet<&'w str>>,
}

impl Conditions<'_> {
    /// The rows that no probe writes, among those that were there before.
    fn untouched(&self, table: &str) -> Option<Selection> {
        selection(table, self.table.iter())
    }

    /// The rows that no probe has written or made.
    fn untouched_after(&self, table: &str) -> Option<Selection> {
        selection(table, self.table.iter().chain(&self.made))
    }

    /// The rows in which no probe writes a column.
    fn untouched_in(&self, table: &str, column: &str) -> Option<Selection> {
        selection(table, self.table.iter().chain(self.columns.get(column).into_iter().flatten()))
    }
}

fn selection<'c>(table: &str, conditions: impl Iterator<Item = &'c &'c str>) -> Option<Selection> {
    let conditions: Vec<String> = conditions.map(|condition| format!("({condition})")).collect();
    let condition = conditions.join(" or ");
    (!condition.is_empty()).then(|| Selection { table: table.to_owned(), condition, above: None })
}

impl OwnWrites {
    fn by_table(&self) -> BTreeMap<&str, Conditions<'_>> {
        let mut tables: BTreeMap<&str, Conditions<'_>> = BTreeMap::new();
        for write in &self.rows {
            let conditions = tables.entry(&write.table).or_default();
            let of = match &write.column {
                Some(column) => conditions.columns.entry(column).or_default(),
                None if write.made => &mut conditions.made,
                None => &mut conditions.table,
            };
            of.insert(&write.condition);
        }
        tables
    }

    /// The rows that have to be read before the probes run and after that.
    pub fn selections(&self) -> BTreeSet<Selection> {
        let of = |(table, conditions): (&str, Conditions<'_>)| {
            let columns = conditions.columns.keys().filter_map(|column| conditions.untouched_in(table, column));
            let tables = [conditions.untouched(table), conditions.untouched_after(table)];
            columns.chain(tables.into_iter().flatten()).collect::<Vec<_>>()
        };
        self.by_table().into_iter().flat_map(of).collect()
    }
}

/// Compares the tables after our own probes with those before: a row may differ only if a probe says that it writes it.
pub fn judge_own_writes(
    before: &DataState,
    after: &DataState,
    writes: &OwnWrites,
    terms: DataTerms<'_>,
    report: &mut CheckReport,
) -> Vec<Difference> {
    let (mut was, mut is) = (before.clone(), after.clone());
    let mut written = writes.names.clone();
    let mut again = Vec::new();
    for (table, conditions) in writes.by_table() {
        if !before.tables.contains_key(table) && !after.tables.contains_key(table) {
            continue;
        }
        if let Some(selection) = conditions.untouched_after(table) {
            match both(before, conditions.untouched(table).as_ref(), after, (table, &selection)) {
                Ok((one, other)) => {
                    let counts = |all: &DataState, rest: &TableState| {
                        all.tables.get(table).map_or(0, |table| table.rows).saturating_sub(rest.rows)
                    };
                    report.notes.push(format!(
                        "table {table}: {} → {} rows where {}, written by a probe; all others are compared",
                        counts(before, one),
                        counts(after, other),
                        selection.condition
                    ));
                    was.tables.insert(table.to_owned(), one.clone());
                    is.tables.insert(table.to_owned(), other.clone());
                    is.viewed.remove(table);
                }
                Err(reason) => {
                    not_read(table, &selection, &reason, report);
                    written.insert(table.to_owned());
                }
            }
        }
        for column in conditions.columns.keys() {
            written.insert(format!("{table}.{column}"));
            let Some(selection) = conditions.untouched_in(table, column) else { continue };
            match both(before, Some(&selection), after, (table, &selection)) {
                Ok((one, other)) => {
                    report.notes.push(format!(
                        "table {table}: {column} is written by a probe where {}; it is compared in the other {} rows",
                        selection.condition, one.rows
                    ));
                    again.push((table, *column, one.clone(), other.clone()));
                }
                Err(reason) => not_read(table, &selection, &reason, report),
            }
        }
    }
    let mut differences = judge_data(&was, &is, DataTerms { written: &written, ..terms }, report);
    for (table, column, one, other) in again {
        // What else differs in these rows was judged above.
        if differences.iter().any(|difference| difference.table == table && !difference.wrong.is_empty()) {
            continue;
        }
        let others = one.columns.iter().filter(|other| *other != column && !one.key.contains(other));
        let ignored: BTreeSet<String> = others.map(|other| format!("{table}.{other}")).collect();
        let state = |of| DataState { tables: [(table.to_owned(), of)].into(), ..DataState::default() };
        let terms = DataTerms { written: &ignored, ..terms };
        differences.extend(judge_tables(&state(one), &state(other), terms, report));
    }
    differences
}

/// The rows of a table that no probe writes, before and after. Without a selection, no row was written that was there before.
fn both<'s>(
    before: &'s DataState,
    selected_before: Option<&Selection>,
    after: &'s DataState,
    (table, selection): (&str, &Selection),
) -> Result<(&'s TableState, &'s TableState), String> {
    let was = match selected_before {
        Some(selection) => before.without(selection)?,
        None => before.tables.get(table).ok_or("the table was not there before")?,
    };
    Ok((was, after.without(selection)?))
}

fn not_read(table: &str, selection: &Selection, reason: &str, report: &mut CheckReport) {
    let text = format!("rows where {}: {reason}", selection.condition);
    report.cannot_tell_about(InconclusiveCode::NotRead, Subject::Table(table.to_owned()), text);
}

#[cfg(test)]
mod tests {
    use super::super::testing::{state, table};
    use super::*;
    use crate::model::scenario::CheckKind;
    use crate::outcome::verdict::Outcome;

    fn check(write: RowWrite, [before, others]: [&[&str]; 2], [after, others_after]: [&[&str]; 2], expected: Outcome) {
        let writes = OwnWrites { rows: vec![write], ..OwnWrites::default() };
        let columns = ["id", "owner", "value"];
        let read = |all: &[&str], others: &[&str]| {
            let mut read = state(&[("prefs", table(&columns, all)), ("t", table(&["id"], &["1"]))]);
            read.without.extend(writes.selections().into_iter().map(|of| (of, Ok(table(&columns, others)))));
            read
        };
        let mut report = CheckReport::new(CheckKind::Data, "own writes");
        let (none, elsewhere) = (BTreeSet::new(), BTreeMap::new());
        let terms = DataTerms {
            rules: &[],
            volatile: &[],
            written: &none,
            elsewhere: &elsewhere,
            growing: &none,
            meaning: &BTreeMap::new(),
            labels: &BTreeMap::new(),
        };
        judge_own_writes(&read(before, others), &read(after, others_after), &writes, terms, &mut report);
        let report = report.decide();
        assert_eq!(report.outcome, expected, "{report:#?}");
        assert!(report.notes.iter().any(|note| note.contains("written by a probe")), "{report:#?}");
    }

    #[test]
    fn rows_that_a_probe_has_made_are_told_from_those_that_were_there() {
        let columns = ["id", "value"];
        let run = |after: &[&str], others: &[&str]| {
            let writes = OwnWrites { rows: vec![RowWrite::made("log", "t.id = 3".into())], ..OwnWrites::default() };
            let before = state(&[("log", table(&columns, &["1\ta", "2\tb"]))]);
            let mut read = state(&[("log", table(&columns, after))]);
            read.without.extend(writes.selections().into_iter().map(|of| (of, Ok(table(&columns, others)))));
            let mut report = CheckReport::new(CheckKind::Data, "own writes");
            let (none, elsewhere) = (BTreeSet::new(), BTreeMap::new());
            let terms = DataTerms {
                rules: &[],
                volatile: &[],
                written: &none,
                elsewhere: &elsewhere,
                growing: &none,
                meaning: &BTreeMap::new(),
                labels: &BTreeMap::new(),
            };
            judge_own_writes(&before, &read, &writes, terms, &mut report);
            report.decide().outcome
        };
        assert_eq!(run(&["1\ta", "2\tb", "3\tc"], &["1\ta", "2\tb"]), Outcome::Passed);
        assert_eq!(run(&["1\ta", "2\tb"], &["1\ta", "2\tb"]), Outcome::Passed);
        assert_eq!(run(&["1\ta", "2\tx", "3\tc"], &["1\ta", "2\tx"]), Outcome::Failed);
        assert_eq!(run(&["1\ta", "2\tb", "3\tc", "4\td"], &["1\ta", "2\tb", "4\td"]), Outcome::Failed);
        // A row that was there cannot have been made.
        assert_eq!(run(&["1\ta", "3\tc"], &["1\ta"]), Outcome::Failed);
    }

    #[test]
    fn only_the_rows_that_a_probe_names_may_change() {
        let before: [&[&str]; 2] = [&["1\t1\ta", "2\t2\tb"], &["2\t2\tb"]];
        let rows = || RowWrite::new(Some("prefs"), None, "t.owner = 1".into());
        check(rows(), before, [&["1\t1\tx", "3\t1\ty", "2\t2\tb"], &["2\t2\tb"]], Outcome::Passed);
        check(rows(), before, [&["2\t2\tb"], &["2\t2\tb"]], Outcome::Passed);
        check(rows(), before, [&["1\t1\tx", "2\t2\tx"], &["2\t2\tx"]], Outcome::Failed);
        let column = || RowWrite::new(None, Some("prefs.value"), "t.owner = 1".into());
        check(column(), before, [&["1\t1\tx", "2\t2\tb"], &["2\t2\tb"]], Outcome::Passed);
        check(column(), before, [&["1\t1\ta", "2\t2\tx"], &["2\t2\tx"]], Outcome::Failed);
        check(column(), before, [&["1\t1\ta", "3\t1\ta", "2\t2\tb"], &["2\t2\tb"]], Outcome::Failed);
    }
}
