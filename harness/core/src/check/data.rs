//! Judges the state of the tables: nothing lost, nothing changed, nothing there that should not be, but by rules.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::CheckReport;
use crate::observe::{DataState, TableState};
use crate::product::{DataChange, DataRule};
use crate::verdict::Finding;

/// The terms the tables are judged on.
#[derive(Debug, Clone, Copy)]
pub struct DataTerms<'a> {
    /// Reviewed rules of this hop; none on the way back, where nothing may differ.
    pub rules: &'a [&'a DataRule],
    /// Columns that change by themselves, as `table.column`.
    pub volatile: &'a [String],
    /// Tables, or columns as `table.column`, that our own probes said they write to since the reference was taken.
    pub written: &'a BTreeSet<String>,
    /// Tables that another check judges.
    pub elsewhere: &'a BTreeMap<String, String>,
}

/// Tables or columns listed by name in one finding.
const NAMED: usize = 8;

/// Compares the tables with the reference.
pub fn judge_data(reference: &DataState, now: &DataState, terms: DataTerms<'_>, report: &mut CheckReport) {
    if reference.tables.values().all(|table| table.rows == 0) {
        report.unclear.push("the baseline has no row in any table".to_owned());
        return;
    }
    if now.tables.is_empty() {
        report.findings.push(Finding::new("the database", format!("{} tables", reference.tables.len()), "none"));
        return;
    }
    let rules = Rules::of(terms);
    for (name, before) in &reference.tables {
        if let Some(reason) = terms.elsewhere.get(name).filter(|_| now.tables.contains_key(name)) {
            report.notes.push(format!("table {name}: {reason}"));
            continue;
        }
        report.assertions += 1;
        match now.tables.get(name) {
            Some(table) => judge_table(name, before, table, &rules, terms, report),
            None => match rules.dropped_tables.get(name.as_str()) {
                Some(rule) => {
                    report.notes.push(format!("table {name} went by the rule of {}: {}", rule.crossing, rule.because))
                }
                None => report.findings.push(Finding::new(
                    format!("table {name}"),
                    format!("{} rows as before", before.rows),
                    "the table is gone",
                )),
            },
        }
    }
    for (name, table) in now.tables.iter().filter(|(name, _)| !reference.tables.contains_key(*name)) {
        report.assertions += 1;
        match rules.new_tables.get(name.as_str()) {
            Some(rule) => report.notes.push(format!(
                "table {name} ({} rows) is new by the rule of {}: {}",
                table.rows, rule.crossing, rule.because
            )),
            None => report.findings.push(Finding::new(
                format!("table {name}"),
                "no such table: it was not there before and no rule of this hop brings it",
                format!("a table with {} rows; left over from another release?", table.rows),
            )),
        }
    }
}

#[derive(Default)]
struct Rules<'a> {
    new_tables: BTreeMap<&'a str, &'a DataRule>,
    dropped_tables: BTreeMap<&'a str, &'a DataRule>,
    dropped_columns: BTreeMap<&'a str, &'a DataRule>,
    values: BTreeMap<&'a str, &'a DataRule>,
    rows: BTreeMap<&'a str, (i64, &'a DataRule)>,
}

impl<'a> Rules<'a> {
    fn of(terms: DataTerms<'a>) -> Self {
        let mut rules = Self::default();
        for rule in terms.rules {
            let named = |names: &'a [String]| names.iter().map(|name| (name.as_str(), *rule));
            match &rule.allow {
                DataChange::NewTables(names) => rules.new_tables.extend(named(names)),
                DataChange::DroppedTables(names) => rules.dropped_tables.extend(named(names)),
                DataChange::DroppedColumns(names) => rules.dropped_columns.extend(named(names)),
                DataChange::Values(names) => rules.values.extend(named(names)),
                DataChange::Rows(change) => {
                    let entry = rules.rows.entry(&change.table).or_insert((0, rule));
                    entry.0 += change.by;
                }
            }
        }
        rules
    }
}

fn judge_table(
    name: &str,
    before: &TableState,
    now: &TableState,
    rules: &Rules<'_>,
    terms: DataTerms<'_>,
    report: &mut CheckReport,
) {
    let object = format!("table {name}");
    if terms.written.contains(name) {
        report.notes.push(format!("table {name}: {} → {} rows, written by our own probe", before.rows, now.rows));
        return;
    }
    let by_rule = rules.rows.get(name);
    let expected = before.rows.saturating_add_signed(by_rule.map_or(0, |(by, _)| *by));
    if now.rows != expected {
        report.findings.push(Finding::new(object, format!("{expected} rows"), format!("{} rows", now.rows)));
        return;
    }
    if let Some((by, rule)) = by_rule {
        report.notes.push(format!(
            "table {name}: {} → {} rows ({by:+}) by the rule of {}: {}; its values were not compared",
            before.rows, now.rows, rule.crossing, rule.because
        ));
        return;
    }
    let mut changed = Vec::new();
    let mut uncompared = Vec::new();
    for (column, sum) in &before.sums {
        let full = format!("{name}.{column}");
        if terms.volatile.contains(&full) || terms.written.contains(&full) {
            continue;
        }
        let values_rule = rules.values.get(full.as_str());
        match (now.sums.get(column), rules.dropped_columns.get(full.as_str())) {
            (None, Some(rule)) => {
                report.notes.push(format!("column {full} went by the rule of {}: {}", rule.crossing, rule.because));
            }
            (None, None) if now.columns.contains(column) => uncompared.push(column.as_str()),
            (None, None) => report.findings.push(Finding::new(
                format!("column {full}"),
                format!("a column with {} values as before", before.rows),
                "the column is gone",
            )),
            (Some(now), _) if now == sum => report.assertions += 1,
            (Some(_), _) => match values_rule {
                Some(rule) => report
                    .notes
                    .push(format!("values of {full} changed by the rule of {}: {}", rule.crossing, rule.because)),
                None => changed.push(column.as_str()),
            },
        }
    }
    if !changed.is_empty() {
        report.findings.push(Finding::new(
            object,
            format!("the values of the {} rows as before", before.rows),
            format!("other values in {}", list(&changed)),
        ));
    }
    if !uncompared.is_empty() {
        report.unclear.push(format!("table {name}: no checksum of {}", list(&uncompared)));
    }
}

/// Compares row counts with what the backup's manifest says.
pub fn judge_rows(manifest: &BTreeMap<String, u64>, now: &DataState, report: &mut CheckReport) {
    if manifest.values().all(|rows| *rows == 0) {
        report.unclear.push("the backup's manifest counts no row".to_owned());
        return;
    }
    let count = |rows: Option<u64>| rows.map_or("no such table".to_owned(), |rows| format!("{rows} rows"));
    let names: BTreeSet<&String> = manifest.keys().chain(now.tables.keys()).collect();
    for name in names {
        report.assertions += 1;
        let (wanted, seen) = (manifest.get(name).copied(), now.tables.get(name).map(|table| table.rows));
        if wanted != seen {
            report.findings.push(Finding::new(
                format!("table {name} after the restore"),
                format!("{} by the backup's manifest", count(wanted)),
                count(seen),
            ));
        }
    }
}

/// Names, with the number of those not shown.
pub(crate) fn list(names: &[&str]) -> String {
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::CheckKind;
    use crate::verdict::Outcome;

    type Given<'a> = (&'a str, u64, &'a [(&'a str, &'a str)]);

    fn state(tables: &[Given<'_>]) -> DataState {
        let table = |(name, rows, sums): &Given<'_>| {
            let sums: BTreeMap<String, String> = sums.iter().map(|(c, s)| ((*c).into(), (*s).into())).collect();
            let columns = sums.keys().cloned().collect();
            ((*name).to_owned(), TableState { rows: *rows, key: vec!["id".into()], columns, sums })
        };
        DataState { tables: tables.iter().map(table).collect() }
    }

    fn check(before: &DataState, now: &DataState, rules: &[DataRule], outcome: Outcome, about: &str) {
        let rules: Vec<&DataRule> = rules.iter().collect();
        let mut report = CheckReport::new(CheckKind::Data, "main");
        let volatile = ["t.seen".to_owned()];
        let terms =
            DataTerms { rules: &rules, volatile: &volatile, written: &BTreeSet::new(), elsewhere: &BTreeMap::new() };
        judge_data(before, now, terms, &mut report);
        let report = report.decide();
        assert_eq!(report.outcome, outcome, "{report:#?}");
        let text = format!("{:?}{:?}{:?}", report.findings, report.unclear, report.notes);
        assert!(text.contains(about), "{text} lacks {about}");
    }

    fn rule(allow: DataChange) -> DataRule {
        DataRule { crossing: "6.0".parse().unwrap(), allow, because: "reviewed".into() }
    }

    #[test]
    fn every_loss_and_change_is_found_and_rules_are_shown() {
        let before = state(&[("t", 2, &[("id", "1"), ("a", "5"), ("seen", "7")])]);
        check(&before, &before, &[], Outcome::Passed, "");
        check(&before, &state(&[("t", 1, &[("id", "1"), ("a", "5"), ("seen", "7")])]), &[], Outcome::Failed, "1 rows");
        check(
            &before,
            &state(&[("t", 2, &[("id", "1"), ("a", "6"), ("seen", "7")])]),
            &[],
            Outcome::Failed,
            "values in a",
        );
        check(&before, &state(&[("t", 2, &[("id", "1"), ("a", "5"), ("seen", "8")])]), &[], Outcome::Passed, "");
        check(&before, &state(&[("t", 2, &[("id", "1"), ("seen", "7")])]), &[], Outcome::Failed, "column is gone");
        check(&before, &state(&[("u", 0, &[])]), &[], Outcome::Failed, "table is gone");
        let more = state(&[("t", 2, &[("id", "1"), ("a", "5"), ("seen", "7"), ("new", "0")]), ("u", 0, &[])]);
        check(&before, &more, &[], Outcome::Failed, "left over");
        check(&before, &more, &[rule(DataChange::NewTables(vec!["u".into()]))], Outcome::Passed, "by the rule of 6.0");
        check(&before, &state(&[]), &[], Outcome::Failed, "none");
    }

    #[test]
    fn an_empty_baseline_is_inconclusive() {
        let empty = state(&[("t", 0, &[("id", "0")])]);
        check(&empty, &empty, &[], Outcome::Inconclusive, "no row");
    }

    #[test]
    fn the_manifest_names_every_table_that_should_not_be_there() {
        let mut report = CheckReport::new(CheckKind::Data, "manifest");
        let manifest = BTreeMap::from([("t".to_owned(), 2)]);
        judge_rows(&manifest, &state(&[("t", 2, &[]), ("reactions", 0, &[])]), &mut report);
        assert_eq!(report.decide().findings.len(), 1);
    }
}
