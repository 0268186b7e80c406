//! Rows that a table has more than before: which of them a rule, a probe or a plain restart accounts for.

use std::collections::HashSet;

use super::difference::{self, Difference};
use super::rules::Allowed;
use super::{EXAMPLES, Judge};
use crate::model::product::AddedRows;
use crate::observation::{RetainedRows, TableState};
use crate::outcome::code::{FindingCode, InconclusiveCode};
use crate::outcome::event::CheckReport;
use crate::outcome::subject::Subject;

/// The keys of the rows that a table has more than before, by the columns that identify a row.
#[derive(Debug, Default)]
pub(super) struct AddedKeys {
    pub(super) key: Vec<String>,
    pub(super) rows: HashSet<String>,
}

impl AddedKeys {
    pub(super) fn of(kept: &RetainedRows, rows: &[usize], key: &[String]) -> Self {
        if key.is_empty() {
            return Self::default();
        }
        Self { key: key.to_vec(), rows: rows.iter().filter_map(|row| kept.identity(*row, key)).collect() }
    }
}

impl Judge<'_> {
    /// Records rows that were added to a table whose rows are known.
    pub(super) fn added(
        &self,
        name: &str,
        before: &TableState,
        (kept, rows): (&RetainedRows, &[usize]),
        key: &[String],
        difference: &mut Difference,
        report: &mut CheckReport,
    ) {
        let entries = self.rules.added_rows(name);
        let described = |rows: &[usize], how: &str| {
            difference::rows(rows.len(), how, &kept.described(rows.iter().copied().take(EXAMPLES)))
        };
        if let Some((_, rule)) = unlimited(&entries) {
            difference.by_rule.push(format!(
                "has {} {}",
                described(rows, "added"),
                self.rules.by(rule, rows.len() as u64)
            ));
            return;
        }
        let Some(selection) = self.rules.not_addable(name, before) else {
            let labels: Vec<String> = rows.iter().take(EXAMPLES).map(|row| self.label(name, kept, *row, key)).collect();
            self.unruled(name, difference::rows(rows.len(), "added", &labels), difference);
            return;
        };
        let not_read = |report: &mut CheckReport, reason: &str| {
            let text = format!("rows where {}: {reason}", selection.condition);
            report.cannot_tell_about(InconclusiveCode::NotRead, Subject::Table(name.to_owned()), text);
        };
        let others = match self.now.without(&selection) {
            Ok(TableState { kept: Some(others), .. }) => others,
            Ok(TableState { rows: 0, .. }) => &Default::default(),
            Ok(_) => return not_read(report, "they are too many"),
            Err(why) => return super::unread(name, &format!("rows where {}", selection.condition), &why, report),
        };
        // Without a key, a row is identified by everything in it.
        let identity = if key.is_empty() { &kept.columns } else { key };
        let present: Vec<String> =
            identity.iter().map(|column| self.rules.present_column(name, column).to_owned()).collect();
        let others: Option<HashSet<String>> =
            (0..others.rows.len()).map(|row| others.identity(row, &present)).collect();
        let by_expression = |column: &String| self.rules.mapped(&format!("{name}.{column}")).is_some();
        let Some(others) = others.filter(|_| !identity.iter().any(by_expression)) else {
            return not_read(report, "no key identifies them");
        };
        let meets = |row: &usize| kept.identity(*row, identity).is_some_and(|identity| !others.contains(&identity));
        let (met, unmet): (Vec<usize>, Vec<usize>) = rows.iter().copied().partition(meets);
        if !met.is_empty() {
            let by: Vec<String> = entries.iter().map(|(_, rule)| self.rules.by(*rule, met.len() as u64)).collect();
            let how = format!("added where {}", selection.condition);
            difference.by_rule.push(format!("has {} {}", described(&met, &how), by.join("; ")));
        }
        if !unmet.is_empty() {
            let how = format!("added that do not meet {}", selection.condition);
            difference.is_wrong(FindingCode::RowsAdded, described(&unmet, &how));
        }
    }

    /// Records that a table has more rows, of which only the number is known.
    pub(super) fn growth(
        &self,
        name: &str,
        before: &TableState,
        text: String,
        difference: &mut Difference,
        report: &mut CheckReport,
    ) {
        let entries = self.rules.added_rows(name);
        let rows = self.now.tables.get(self.rules.present(name)).map_or(0, |table| table.rows);
        let more = rows.saturating_sub(before.rows);
        if let Some((_, rule)) = unlimited(&entries) {
            difference.by_rule.push(format!("has {text} {}", self.rules.by(rule, more)));
            return;
        }
        let Some(selection) = self.rules.not_addable(name, before) else {
            self.unruled(name, text, difference);
            return;
        };
        match self.now.without(&selection) {
            Ok(TableState { rows: 0, .. }) => {
                let by: Vec<String> = entries.iter().map(|(_, rule)| self.rules.by(*rule, more)).collect();
                difference.by_rule.push(format!("has {text}, those where {} {}", selection.condition, by.join("; ")));
            }
            Ok(others) if selection.above.is_some() => {
                let unmet = difference::rows(others.rows as usize, "added", &[]);
                difference
                    .is_wrong(FindingCode::RowsAdded, format!("{text}: {unmet} do not meet {}", selection.condition));
            }
            Ok(_) => {
                let text = format!("which rows were added is not known, and some do not meet {}", selection.condition);
                report.cannot_tell_about(InconclusiveCode::NotComparable, Subject::Table(name.to_owned()), text);
            }
            Err(why) => super::unread(name, &format!("rows where {}", selection.condition), &why, report),
        }
    }

    /// Records rows that no rule speaks of.
    fn unruled(&self, name: &str, text: String, difference: &mut Difference) {
        if self.terms.written.contains(name) {
            difference.by_rule.push(format!("has {text}, by a probe"));
        } else if self.terms.growing.contains(name) {
            difference.by_rule.push(format!("has {text}, as after a plain restart of the source release"));
        } else {
            difference.is_wrong(FindingCode::RowsAdded, text);
        }
    }
}

/// The rule that lets any row be added.
fn unlimited<'a>(entries: &[(&'a AddedRows, Allowed<'a>)]) -> Option<(&'a AddedRows, Allowed<'a>)> {
    entries.iter().find(|(added, _)| added.condition.is_none()).copied()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{judged, rule, state, table};
    use crate::observation::Selection;
    use crate::outcome::verdict::Outcome;

    #[test]
    fn added_rows_meet_the_condition_of_their_rule() {
        let before = state(&[("t", table(&["id", "role"], &["1\tadmin"]))]);
        let selection = Selection { table: "t".into(), condition: "(t.role = 'user')".into(), above: None };
        let limited = || vec![rule(r#"{"added-rows": [{"table": "t", "where": "t.role = 'user'"}]}"#)];
        for (added, others, outcome, about) in [
            (
                "2\tuser",
                Some(&["1\tadmin"][..]),
                Outcome::Passed,
                "1 row added where (t.role = 'user') (id=2 role='user')",
            ),
            (
                "2\tadmin",
                Some(&["1\tadmin", "2\tadmin"]),
                Outcome::Failed,
                "1 row added that do not meet (t.role = 'user') (id=2 role='admin')",
            ),
            ("2\tuser", None, Outcome::Inconclusive, "it was not read"),
        ] {
            let mut now = state(&[("t", table(&["id", "role"], &["1\tadmin", added]))]);
            now.without.extend(others.map(|others| (selection.clone(), Ok(table(&["id", "role"], others)))));
            let (report, text) = judged(&before, &now, &limited());
            assert_eq!(report.outcome, outcome, "{text}");
            assert!(text.contains(about), "{text}");
        }
        let now = state(&[("t", table(&["id", "role"], &["1\tadmin", "2\tadmin"]))]);
        let any = rule(r#"{"added-rows": [{"table": "t", "any": "why"}]}"#);
        let (report, text) = judged(&before, &now, &[any]);
        assert_eq!(report.outcome, Outcome::Passed, "{text}");
        assert!(text.contains("has 1 row added (id=2 role='admin') by the rule of 6.0"), "{text}");
    }

    #[test]
    fn one_rule_says_how_many_rows_are_added_and_another_which() {
        let before = state(&[("t", table(&["id", "role"], &["1\tadmin"]))]);
        let selection = Selection { table: "t".into(), condition: "(t.role = 'user')".into(), above: None };
        let rules = || {
            vec![
                rule(r#"{"rows": {"table": "t", "by": 1}}"#),
                rule(r#"{"added-rows": [{"table": "t", "where": "t.role = 'user'"}]}"#),
            ]
        };
        let check = |rows: &[&str], others: &[&str], outcome, about: &str| {
            let mut now = state(&[("t", table(&["id", "role"], rows))]);
            now.without.push((selection.clone(), Ok(table(&["id", "role"], others))));
            let (report, text) = judged(&before, &now, &rules());
            assert_eq!(report.outcome, outcome, "{text}");
            assert!(text.contains(about), "{text}");
        };
        check(&["1\tadmin", "2\tuser"], &["1\tadmin"], Outcome::Passed, "has +1 rows");
        check(&["1\tadmin"], &["1\tadmin"], Outcome::Failed, "1 rows, 2 by the rules");
        let wrong = ["1\tadmin", "2\tadmin"];
        check(&wrong, &wrong, Outcome::Failed, "do not meet (t.role = 'user')");
    }
}
