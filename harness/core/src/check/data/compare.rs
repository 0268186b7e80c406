//! Compares one table: row by row if both sides kept their rows, otherwise by checksums that do not depend on the order.

use std::collections::{BTreeMap, HashSet};

use crate::observation::{RetainedRows, TableState};
use crate::outcome::code::{FindingCode, InconclusiveCode};
use crate::outcome::event::CheckReport;
use crate::outcome::subject::Subject;

use super::difference::{self, Affected, Difference};
use super::growth::AddedKeys;
use super::meaning;
use super::rows::{self, Maps, RowDifference};
use super::rules::{by_key, not_meeting};
use super::{EXAMPLES, Judge, NAMED_ROWS};

impl Judge<'_> {
    pub(super) fn row_by_row(
        &self,
        name: &str,
        (before, old): (&TableState, &RetainedRows),
        (now, new): (&TableState, &RetainedRows),
        columns: &[String],
        difference: &mut Difference,
        report: &mut CheckReport,
    ) -> AddedKeys {
        let rules = self.rules;
        let full = |column: &str| format!("{name}.{column}");
        let moved = rules.moved(name);
        let mut maps = Maps::new();
        for column in columns {
            let Some((mapped, rule)) = rules.mapped(&full(column)) else { continue };
            maps.insert(column, &mapped.map);
            let mappable = old.count(column, |value| mapped.map.contains_key(value));
            if mappable > 0 {
                difference.by_rule.push(format!(
                    "has other values in {column} of {mappable} rows as mapped {}",
                    rules.by(rule, mappable as u64)
                ));
            }
        }
        // A column whose values may change cannot identify a row.
        let steady = |column: &String| {
            columns.contains(column)
                && rules.values(&full(column)).is_none()
                && maps.get(column.as_str()).is_none_or(|map| map.is_empty())
        };
        let key = if moved.is_some() { &now.key } else { &before.key };
        let key: &[String] = if key.iter().all(steady) { key } else { &[] };
        let formats = self.formats(name, columns);
        let (old_meant, new_meant) = (meaning::by_meaning(old, &formats), meaning::by_meaning(new, &formats));
        let Some(mut found) = rows::compare(&old_meant, &new_meant, key, columns, &maps) else {
            let text = "its rows have no column in common with the reference";
            report.cannot_tell_about(InconclusiveCode::NotComparable, Subject::Table(name.to_owned()), text);
            return AddedKeys::default();
        };
        if key.is_empty() && !(found.lost.is_empty() && found.added.is_empty()) {
            found = self.without_excused(name, (&old_meant, &new_meant), columns, &maps, found, difference);
        }
        report.assertions += u32::try_from(columns.len()).unwrap_or(u32::MAX);
        if !formats.is_empty() && !key.is_empty() {
            let texts = rows::compare(old, new, key, columns, &maps).map(|found| found.changed).unwrap_or_default();
            for column in formats.keys() {
                let count = |changed: &BTreeMap<String, Vec<(usize, usize)>>| changed.get(column).map_or(0, Vec::len);
                let alike = count(&texts).saturating_sub(count(&found.changed));
                if alike > 0 {
                    difference.by_rule.push(format!("has other texts of the same meaning in {column} of {alike} rows"));
                }
            }
        }
        let RowDifference { lost, added, changed } = found;
        let lost = self.unexcused_losses(name, old, key, lost, difference, report);
        // The target table may have other rows, unless the rule says which rows moved there.
        let foreign = moved.is_some_and(|(moved, _)| moved.condition.is_none());
        let added = if foreign { Vec::new() } else { added };

        let labels = |kept: &RetainedRows, rows: &[usize], most: usize| -> Vec<String> {
            rows.iter().take(most).map(|row| self.label(name, kept, *row, key)).collect()
        };
        difference.lost = Affected::of(lost.len(), labels(old, &lost, NAMED_ROWS));
        difference.added = Affected::of(added.len(), labels(new, &added, NAMED_ROWS));
        let changes = rules.rows(name);
        let sum: i64 = changes.iter().map(|(by, _)| by).sum();
        let exact = match usize::try_from(sum) {
            Ok(more) => lost.is_empty() && added.len() == more,
            Err(_) => added.is_empty() && lost.len() as u64 == sum.unsigned_abs(),
        };
        let by_rules = !changes.is_empty() && exact;
        if by_rules {
            for (by, rule) in changes {
                difference.by_rule.push(format!("has {by:+} rows {}", rules.by(rule, by.unsigned_abs())));
            }
            // One rule says how many, the other which.
            if !added.is_empty() && !rules.added_rows(name).is_empty() {
                self.added(name, before, (new, &added), key, difference, report);
            }
        } else {
            if !changes.is_empty() {
                let expected = before.rows.saturating_add_signed(sum);
                let text = format!("{} rows, {expected} by the rules of this hop", now.rows);
                difference.is_wrong(FindingCode::RowsCount, text);
            }
            if !lost.is_empty() {
                let text = difference::rows(lost.len(), "lost", &labels(old, &lost, EXAMPLES));
                difference.is_wrong(FindingCode::RowsLost, text);
            }
            if !added.is_empty() {
                self.added(name, before, (new, &added), key, difference, report);
            }
        }
        let added = AddedKeys::of(new, &added, key);
        for (column, pairs) in changed {
            let full = full(&column);
            let example = |(was, is): &(usize, usize)| {
                let change = old.change(*was, (new, *is), &column, formats.get(&column).copied());
                format!("{} {change}", self.label(name, old, *was, key))
            };
            let affected = Affected::of(pairs.len(), pairs.iter().take(EXAMPLES).map(example).collect());
            match rules.values(&full) {
                Some(rule) => difference.by_rule.push(format!(
                    "has other values in {column} of {} rows {}",
                    pairs.len(),
                    rules.by(rule, pairs.len() as u64)
                )),
                None => drop(difference.changed.insert(column, affected)),
            }
        }
        Self::changed(difference);
        added
    }

    fn changed(difference: &mut Difference) {
        if !difference.changed.is_empty() {
            let all: Vec<(&String, &Affected)> = difference.changed.iter().collect();
            let text = difference::values(&all);
            difference.is_wrong(FindingCode::DataChanged, text);
        }
    }

    /// Compares rows without a key again, without the columns whose values a rule allows to change.
    fn without_excused(
        &self,
        name: &str,
        (old, new): (&RetainedRows, &RetainedRows),
        columns: &[String],
        maps: &Maps<'_>,
        found: RowDifference,
        difference: &mut Difference,
    ) -> RowDifference {
        let excuse = |column: &String| self.rules.values(&format!("{name}.{column}"));
        let (excused, rest): (Vec<String>, Vec<String>) =
            columns.iter().cloned().partition(|column| excuse(column).is_some());
        if excused.is_empty() {
            return found;
        }
        for rule in excused.iter().filter_map(excuse) {
            let (names, rows) = (excused.join(", "), found.lost.len());
            difference
                .by_rule
                .push(format!("has other values in {names} of up to {rows} rows {}", self.rules.by(rule, rows as u64)));
        }
        match rows::compare(old, new, &[], &rest, maps) {
            Some(again) if !rest.is_empty() => again,
            Some(_) | None => {
                // Nothing but the number of rows is left to compare.
                let (was, is) = (old.rows.len(), new.rows.len());
                RowDifference { lost: (is..was).collect(), added: (was..is).collect(), ..RowDifference::default() }
            }
        }
    }

    /// The lost rows that no rule allows to be removed.
    fn unexcused_losses(
        &self,
        name: &str,
        old: &RetainedRows,
        key: &[String],
        mut lost: Vec<usize>,
        difference: &mut Difference,
        report: &mut CheckReport,
    ) -> Vec<usize> {
        let not_read = |report: &mut CheckReport, text: String| {
            report.cannot_tell_about(InconclusiveCode::NotRead, Subject::Table(name.to_owned()), text);
        };
        let identity = if key.is_empty() { &old.columns } else { key };
        for (removed, rule) in self.rules.removed(name) {
            if lost.is_empty() {
                break;
            }
            let kept = match self.reference.without(&not_meeting(name, removed.condition.clone())) {
                Ok(TableState { kept: Some(kept), .. }) => kept,
                Ok(_) => {
                    not_read(report, format!("rows where {}: not read", removed.condition));
                    continue;
                }
                Err(why) => {
                    not_read(report, format!("{why}; the server was asked for rows where {}", removed.condition));
                    continue;
                }
            };
            let remaining: HashSet<String> =
                (0..kept.rows.len()).filter_map(|row| kept.identity(row, identity)).collect();
            let (unexcused, removed_rows): (Vec<usize>, Vec<usize>) = lost
                .into_iter()
                .partition(|row| old.identity(*row, identity).is_none_or(|identity| remaining.contains(&identity)));
            if !removed_rows.is_empty() {
                let by = self.rules.by(rule, removed_rows.len() as u64);
                difference.by_rule.push(format!(
                    "has {} rows less, those where {} {by}",
                    removed_rows.len(),
                    removed.condition
                ));
            }
            lost = unexcused;
        }
        lost
    }

    /// Compares by checksums. `now` holds the rows that have to equal those of `before`, `table` the present table as a
    /// whole.
    #[expect(clippy::too_many_arguments, reason = "each of them is needed for the comparison")]
    pub(super) fn by_sums(
        &self,
        name: &str,
        before: &TableState,
        now: &TableState,
        table: &TableState,
        columns: &[String],
        difference: &mut Difference,
        report: &mut CheckReport,
    ) {
        let rules = self.rules;
        let moved = rules.moved(name);
        let total = if moved.is_some() { now.rows } else { table.rows };
        let changes = rules.rows(name);
        let sum: i64 = changes.iter().map(|(by, _)| by).sum();
        let mut reference = before;
        if total != before.rows
            && let [(removed, rule)] = rules.removed(name).as_slice()
            && let Ok(without) = self.reference.without(&not_meeting(name, removed.condition.clone()))
        {
            reference = without;
            let less = before.rows.saturating_sub(without.rows);
            let by = rules.by(*rule, less);
            difference.by_rule.push(format!("has {less} rows less, those where {} {by}", removed.condition));
        }
        let expected = reference.rows.saturating_add_signed(sum);
        let not_comparable = |report: &mut CheckReport, what: &str| {
            let text = format!("it is too large to be compared row by row: {what}");
            report.cannot_tell_about(InconclusiveCode::NotComparable, Subject::Table(name.to_owned()), text);
        };
        if moved.is_some_and(|(moved, _)| moved.condition.is_none()) && total != reference.rows {
            not_comparable(report, "add `where` to its rule, to say which rows of the new table are its own");
            return;
        }
        if moved.is_some_and(|(moved, _)| !by_key(moved, before)) {
            not_comparable(report, "its rule identifies rows by other columns than its key");
            return;
        }
        let says_which = total > reference.rows && !rules.added_rows(name).is_empty();
        if total == expected && says_which {
            // One rule says how many, the other which.
            self.growth(name, before, format!("{total} rows, as many as by the rules"), difference, report);
            if !difference.wrong.is_empty() {
                return;
            }
        }
        if total != expected {
            let text = format!("{total} rows instead of {expected}");
            if total < expected {
                difference.is_wrong(FindingCode::RowsLost, text);
                return;
            }
            self.growth(name, before, text, difference, report);
            if !difference.wrong.is_empty() {
                return;
            }
        }
        for (by, rule) in changes {
            difference.by_rule.push(format!("has {by:+} rows {}", rules.by(rule, by.unsigned_abs())));
        }
        if now.rows != reference.rows {
            let what = "it has more or fewer rows, and no key tells which of them were there before";
            not_comparable(report, what);
            return;
        }
        let mut unchanged = true;
        for column in columns {
            let full = format!("{name}.{column}");
            if now.sums.get(column) == reference.sums.get(column) && now.sums.contains_key(column) {
                report.assertions += 1;
                continue;
            }
            unchanged = false;
            match (rules.values(&full), rules.mapped(&full)) {
                (Some(rule), _) => {
                    let rows = now.rows;
                    difference
                        .by_rule
                        .push(format!("has other values in {column} of up to {rows} rows {}", rules.by(rule, rows)));
                }
                (None, Some((mapped, _))) if !mapped.map.is_empty() => {
                    not_comparable(report, &format!("use `sql` in place of `map` in the rule on {full}"));
                }
                (None, _) => drop(difference.changed.insert(column.clone(), Affected::default())),
            }
        }
        Self::changed(difference);
        for column in self.formats(name, columns).into_keys() {
            if difference.changed.contains_key(&column) {
                let text = format!("{column} was compared as text: the table is too large for its rows to be kept");
                difference.is_wrong(FindingCode::DataChanged, text);
            }
        }
        let comparable = unchanged && columns.len() == now.columns.len() && before.columns == now.columns;
        if let (true, Some(was), Some(is)) = (comparable, &reference.whole, &now.whole)
            && was != is
        {
            let text = "values that were in one row are in different rows now";
            difference.is_wrong(FindingCode::DataChanged, text);
        }
    }
}
