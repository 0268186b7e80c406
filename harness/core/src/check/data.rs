//! Judges the state of the tables: unless a rule allows it, nothing may be lost, changed or added.

mod cells;
mod compare;
mod difference;
mod growth;
mod meaning;
mod names;
mod new;
mod rows;
mod rules;
mod structure;
#[cfg(test)]
mod testing;
mod writes;

pub use difference::{Affected, Difference};
pub use names::{KnownNames, NameOfNothing, NamedIn, names_of_nothing};
pub use rules::reading;
pub(in crate::check) use structure::narrows;
pub use structure::{StructureDifference, judge_structure, name_structure};
pub use writes::{OwnWrites, RowWrite, judge_own_writes};

use std::collections::{BTreeMap, BTreeSet};

use crate::model::product::{DataRule, TextFormat};
use crate::observation::{DataState, TableState, Unread};
use crate::outcome::code::{FindingCode, InconclusiveCode};
use crate::outcome::event::CheckReport;
use crate::outcome::finding::Finding;
use crate::outcome::subject::Subject;
use crate::vocabulary::scalar::Because;
use crate::vocabulary::wildcard::fits;

use super::excerpt::shorten;
use growth::AddedKeys;
use rules::Rules;

/// By what the tables are judged.
#[derive(Debug, Clone, Copy)]
pub struct DataTerms<'a> {
    /// Reviewed rules of this hop; none on the rollback, where nothing may differ.
    pub rules: &'a [&'a DataRule],
    /// Columns that change by themselves, as `table.column`, with `*` for any characters.
    pub volatile: &'a [String],
    /// Tables, or columns as `table.column`, to which probes have declared writes since the reference was taken. In such a
    /// table the rows of the reference must keep their values, as far as they are known; in such a column values may
    /// change.
    pub written: &'a BTreeSet<String>,
    /// Tables that another check judges.
    pub elsewhere: &'a BTreeMap<String, Because>,
    /// Tables to which a plain restart of the source release added rows.
    pub growing: &'a BTreeSet<String>,
    /// Columns whose texts are compared by what they mean, by patterns of `table.column`.
    pub meaning: &'a BTreeMap<String, TextFormat>,
    /// The column by which people know the rows of a table.
    pub labels: &'a BTreeMap<String, String>,
}

const NO_SUCH_TABLE: &str = "no such table: it was not there before, and no rule of this hop announces it";
/// Tables or columns listed by name in one finding.
const NAMED: usize = 8;
/// Characters of what was asked, beside the server's words.
const ASKED: usize = 200;
/// Rows shown as examples in a finding.
const EXAMPLES: usize = 3;
/// Rows named in the evidence.
const NAMED_ROWS: usize = 20;

/// Compares the tables with the reference. Returns every difference, allowed or not, for the evidence.
pub fn judge_data(
    reference: &DataState,
    now: &DataState,
    terms: DataTerms<'_>,
    report: &mut CheckReport,
) -> Vec<Difference> {
    if reference.tables.values().all(|table| table.rows == 0) {
        report.cannot_tell(InconclusiveCode::NothingToCompare, "the baseline has no row in any table");
        return Vec::new();
    }
    if now.tables.is_empty() {
        report.findings.push(Finding::new(
            FindingCode::TablesMissing,
            Subject::Tables,
            format!("{} tables", reference.tables.len()),
            "none",
        ));
        return Vec::new();
    }
    judge_tables(reference, now, terms, report)
}

/// Compares the tables, whether or not any of them holds rows.
fn judge_tables(
    reference: &DataState,
    now: &DataState,
    terms: DataTerms<'_>,
    report: &mut CheckReport,
) -> Vec<Difference> {
    let rules = Rules::of(terms.rules);
    let judge = Judge { reference, now, rules: &rules, terms };
    let mut differences = Vec::new();
    let mut findings = Vec::new();
    let mut matched = BTreeSet::new();
    for (name, before) in &reference.tables {
        if let Some(reason) = terms.elsewhere.get(name).filter(|_| now.tables.contains_key(name)) {
            report.notes.push(format!("table {name}, {} rows: {reason}", before.rows));
            continue;
        }
        report.assertions += 1;
        let mut difference =
            Difference { table: name.clone(), rows_before: Some(before.rows), ..Difference::default() };
        if let Some(new) = judge.compare_table(name, before, &mut difference, report) {
            matched.insert(new);
        }
        finish(difference, &format!("the {} rows as before", before.rows), &mut findings, &mut differences, report);
    }
    for (name, table) in &now.tables {
        if reference.tables.contains_key(name) || matched.contains(name) && rules.new_table(name).is_none() {
            continue;
        }
        report.assertions += 1;
        let mut difference =
            Difference { table: name.clone(), new: true, rows_now: Some(table.rows), ..Difference::default() };
        let announced = rules.new_table(name).is_some();
        judge.new_table(name, table, &mut difference, report);
        let expected = if announced { "a new table with the rows that its rule says" } else { NO_SUCH_TABLE };
        finish(difference, expected, &mut findings, &mut differences, report);
    }
    let mut known = KnownNames::default();
    [reference, now].into_iter().for_each(|state| known.add(state));
    report.notes.extend(rules.unused(false, &known));
    rules.count(report);
    difference::add_findings(findings, (FindingCode::DataMore, "tables"), report);
    differences
}

fn finish(
    difference: Difference,
    expected: &str,
    findings: &mut Vec<Finding>,
    differences: &mut Vec<Difference>,
    report: &mut CheckReport,
) {
    report.notes.extend(difference.by_rule.iter().map(|text| format!("table {} {text}", difference.table)));
    if let Some(code) = difference.code() {
        let texts: Vec<&str> = difference.wrong.iter().map(|wrong| wrong.text.as_str()).collect();
        let subject = Subject::Table(difference.table.clone());
        let place = difference.moved_to.as_ref().map(|new| format!("in {new}: ")).unwrap_or_default();
        findings.push(Finding::new(code, subject, expected, format!("{place}{}", texts.join("; "))));
    }
    if difference.is_worth_recording() {
        differences.push(difference);
    }
}

/// Reports that something was not read as a rule says. Where the server does not know a name in it, the schema is not what the
/// rule says, which is a finding.
fn unread(table: &str, what: &str, why: &Unread, report: &mut CheckReport) {
    let subject = Subject::Table(table.to_owned());
    let what = shorten(what, ASKED);
    match why {
        Unread::Refused(refusal) if refusal.is_of_an_unknown_name() => {
            let actual = format!("{refusal}; the server was asked for {what}");
            report.findings.push(Finding::new(FindingCode::SchemaBehind, subject, "a schema as its rules say", actual));
        }
        Unread::Refused(_) | Unread::Unavailable(_) => {
            report.cannot_tell_about(
                InconclusiveCode::NotRead,
                subject,
                format!("{why}; the server was asked for {what}"),
            );
        }
    }
}

struct Judge<'a> {
    reference: &'a DataState,
    now: &'a DataState,
    rules: &'a Rules<'a>,
    terms: DataTerms<'a>,
}

impl Judge<'_> {
    /// Finds the present table of one of the reference, and compares them. Returns its present name.
    fn compare_table(
        &self,
        name: &str,
        before: &TableState,
        difference: &mut Difference,
        report: &mut CheckReport,
    ) -> Option<String> {
        let rules = self.rules;
        let moved = rules.moved(name);
        let renamed = rules.renamed_table(name);
        let new = moved.map(|(moved, _)| moved.to.as_str()).or(renamed.map(|(new, _)| new)).unwrap_or(name);
        // Where all rows are known, the rows of the reference have to keep their values.
        let rows_known = before.kept.is_some() && self.now.tables.get(name).is_some_and(|table| table.kept.is_some());
        if new == name && self.terms.written.contains(name) && self.now.tables.contains_key(name) && !rows_known {
            let rows = self.now.tables.get(name).map_or(0, |table| table.rows);
            report.notes.push(format!("table {name}: {} → {rows} rows, written by a probe", before.rows));
            return None;
        }
        let Some(table) = self.now.tables.get(new) else {
            difference.gone = true;
            match rules.dropped_table(name) {
                Some(rule) => {
                    difference.by_rule.push(format!("went with {} rows {}", before.rows, rules.by(rule, before.rows)))
                }
                None if new == name => difference.is_wrong(FindingCode::TableLost, "the table is gone"),
                None => {
                    difference.is_wrong(FindingCode::TableLost, format!("the table is gone, and there is no {new}"));
                }
            }
            return None;
        };
        let viewed = match self.now.viewed.get(name) {
            Some(Err(why)) => {
                unread(name, &format!("its rows in {new}, as its rules say"), why, report);
                return Some(new.to_owned());
            }
            Some(Ok(viewed)) => viewed,
            None if new != name => {
                let text = format!("it was not read in {new}");
                report.cannot_tell_about(InconclusiveCode::NotRead, Subject::Table(name.to_owned()), text);
                return Some(new.to_owned());
            }
            None => table,
        };
        difference.moved_to = (new != name).then(|| new.to_owned());
        if let Some((_, rule)) = moved {
            difference.by_rule.push(format!("is in {new} now, with {} rows, {}", viewed.rows, rules.by(rule, 0)));
        } else if let Some((_, rule)) = renamed {
            difference.by_rule.push(format!("is called {new} now, with {} rows, {}", viewed.rows, rules.by(rule, 0)));
        }
        difference.rows_now = Some(viewed.rows);
        if moved.is_none() {
            let known: BTreeSet<&str> = before.columns.iter().map(|old| rules.present_column(name, old)).collect();
            let new_columns = table.columns.iter().filter(|column| !known.contains(column.as_str()));
            difference.new_columns = new_columns.cloned().collect();
        }
        let added = self.compare(name, before, viewed, table, difference, report);
        self.new_columns(name, table, &added, difference, report);
        Some(new.to_owned())
    }

    fn compare(
        &self,
        name: &str,
        before: &TableState,
        now: &TableState,
        table: &TableState,
        difference: &mut Difference,
        report: &mut CheckReport,
    ) -> AddedKeys {
        let rules = self.rules;
        let all: Vec<&String> = match &before.kept {
            Some(kept) => kept.columns.iter().collect(),
            None => before.sums.keys().collect(),
        };
        let was_read = |column: &String| {
            now.kept.as_ref().is_some_and(|kept| kept.columns.contains(column)) || now.sums.contains_key(column)
        };
        let mut columns = Vec::new();
        for column in all {
            let full = format!("{name}.{column}");
            let volatile = self.terms.volatile.iter().any(|pattern| fits(pattern, &full));
            if volatile || self.terms.written.contains(&full) {
                continue;
            }
            if was_read(column) {
                if let Some((new, rule)) = rules.renamed_column(&full) {
                    difference.by_rule.push(format!("has {column} as {new} now {}", rules.by(rule, 0)));
                }
                if let Some((_, rule)) = rules.mapped(&full).filter(|(mapped, _)| mapped.sql.is_some()) {
                    let by = rules.by(rule, 0);
                    let rows = now.rows;
                    difference
                        .by_rule
                        .push(format!("has other values in {column} as its expression says, in {rows} rows, {by}"));
                }
                columns.push(column.clone());
                continue;
            }
            match rules.dropped_column(&full) {
                Some(rule) => {
                    let held = match &before.kept {
                        Some(kept) => format!("with {} values", kept.filled(column)),
                        None => format!("of {} rows", before.rows),
                    };
                    difference.by_rule.push(format!("lost its column {column} {held} {}", rules.by(rule, before.rows)));
                }
                None if now.columns.contains(column) && now.kept.is_none() => {
                    let text = format!("no checksum of {column}");
                    report.cannot_tell_about(InconclusiveCode::NotRead, Subject::Table(name.to_owned()), text);
                }
                None => difference.gone_columns.push(column.clone()),
            }
        }
        if !difference.gone_columns.is_empty() {
            let names: Vec<&str> = difference.gone_columns.iter().map(String::as_str).collect();
            let (noun, verb) = if names.len() == 1 { ("column", "is") } else { ("columns", "are") };
            let text = format!("the {noun} {} {verb} gone", list(&names));
            difference.is_wrong(FindingCode::ColumnLost, text);
        }
        match (&before.kept, &now.kept) {
            (Some(old), Some(new)) => self.row_by_row(name, (before, old), (now, new), &columns, difference, report),
            (Some(_) | None, None) | (None, Some(_)) => {
                self.by_sums(name, before, now, table, &columns, difference, report);
                AddedKeys::default()
            }
        }
    }
}

/// Compares the numbers of rows with those in the backup's manifest.
pub fn judge_rows(manifest: &BTreeMap<String, u64>, now: &DataState, report: &mut CheckReport) {
    if manifest.values().all(|rows| *rows == 0) {
        report.cannot_tell(InconclusiveCode::NothingToCompare, "the backup's manifest counts no rows");
        return;
    }
    let count = |rows: Option<u64>| rows.map_or("no such table".to_owned(), |rows| format!("{rows} rows"));
    let names: BTreeSet<&String> = manifest.keys().chain(now.tables.keys()).collect();
    for name in names {
        report.assertions += 1;
        let (expected, actual) = (manifest.get(name).copied(), now.tables.get(name).map(|table| table.rows));
        if expected != actual {
            report.findings.push(Finding::new(
                FindingCode::RowsNotRestored,
                Subject::Table(name.clone()),
                format!("{} after the restore, by the backup's manifest", count(expected)),
                count(actual),
            ));
        }
    }
}

/// A list of names; beyond the first few, the number of the others.
pub(crate) fn list(names: &[&str]) -> String {
    let named = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::product::{DataChange, NameOr};
    use crate::model::scenario::CheckKind;
    use crate::outcome::verdict::Outcome;

    type Table<'a> = (&'a str, u64, &'a [(&'a str, &'a str)]);

    fn state(tables: &[Table<'_>]) -> DataState {
        let table = |(name, rows, sums): &Table<'_>| {
            let sums: BTreeMap<String, String> = sums.iter().map(|(c, s)| ((*c).into(), (*s).into())).collect();
            let columns = sums.keys().cloned().collect();
            (
                (*name).to_owned(),
                TableState { rows: *rows, key: vec!["id".into()], columns, sums, ..TableState::default() },
            )
        };
        DataState { tables: tables.iter().map(table).collect(), ..DataState::default() }
    }

    fn check(before: &DataState, now: &DataState, rules: &[DataRule], outcome: Outcome, about: &str) {
        let rules: Vec<&DataRule> = rules.iter().collect();
        let mut report = CheckReport::new(CheckKind::Data, "main");
        let volatile = ["t.visited".to_owned()];
        let none = BTreeSet::new();
        let terms = DataTerms {
            rules: &rules,
            volatile: &volatile,
            written: &none,
            elsewhere: &BTreeMap::new(),
            growing: &none,
            meaning: &BTreeMap::new(),
            labels: &BTreeMap::new(),
        };
        judge_data(before, now, terms, &mut report);
        let report = report.decide();
        assert_eq!(report.outcome, outcome, "{report:#?}");
        let text = format!("{:?}{:?}{:?}", report.findings, report.inconclusive, report.notes);
        assert!(text.contains(about), "{text} lacks {about}");
    }

    fn rule(allow: DataChange) -> DataRule {
        DataRule { crossing: "6.0".parse().unwrap(), allow, because: "reviewed".parse().unwrap() }
    }

    #[test]
    fn every_loss_and_change_is_found_unless_a_rule_allows_it() {
        let before = state(&[("t", 2, &[("id", "1"), ("a", "5"), ("visited", "7")])]);
        check(&before, &before, &[], Outcome::Passed, "");
        check(
            &before,
            &state(&[("t", 1, &[("id", "1"), ("a", "5"), ("visited", "7")])]),
            &[],
            Outcome::Failed,
            "1 rows instead of 2",
        );
        check(
            &before,
            &state(&[("t", 2, &[("id", "1"), ("a", "6"), ("visited", "7")])]),
            &[],
            Outcome::Failed,
            "values in a",
        );
        check(&before, &state(&[("t", 2, &[("id", "1"), ("a", "5"), ("visited", "8")])]), &[], Outcome::Passed, "");
        check(&before, &state(&[("t", 2, &[("id", "1"), ("visited", "7")])]), &[], Outcome::Failed, "column a is gone");
        check(&before, &state(&[("u", 0, &[])]), &[], Outcome::Failed, "table is gone");
        let more = state(&[("t", 2, &[("id", "1"), ("a", "5"), ("visited", "7")]), ("u", 0, &[])]);
        check(&before, &more, &[], Outcome::Failed, "that no rule of this hop announces");
        check(
            &before,
            &more,
            &[rule(DataChange::NewTables(vec![NameOr::Name("u".into())]))],
            Outcome::Passed,
            "by the rule of 6.0",
        );
        check(&before, &state(&[]), &[], Outcome::Failed, "none");
    }

    #[test]
    fn an_empty_baseline_is_inconclusive() {
        let empty = state(&[("t", 0, &[("id", "0")])]);
        check(&empty, &empty, &[], Outcome::Inconclusive, "no row");
    }

    #[test]
    fn a_table_that_the_manifest_does_not_list_is_a_finding() {
        let mut report = CheckReport::new(CheckKind::Data, "manifest");
        let manifest = BTreeMap::from([("t".to_owned(), 2)]);
        judge_rows(&manifest, &state(&[("t", 2, &[]), ("reactions", 0, &[])]), &mut report);
        assert_eq!(report.decide().findings.len(), 1);
    }
}
