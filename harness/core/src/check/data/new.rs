//! What is in new tables and in new columns: nothing, unless a rule says what.

use super::difference::{self, Difference};
use super::growth::AddedKeys;
use super::rows::{self, Maps};
use super::rules::{derivation, not_meeting};
use super::{EXAMPLES, Judge, NAMED_ROWS};
use crate::model::product::FilledTable;
use crate::observation::{Derivation, NewColumnState, TableState};
use crate::outcome::code::FindingCode;
use crate::outcome::event::CheckReport;

/// Some rows of a table, for people: how many, and a few of them.
fn shown(table: &TableState, how: &str) -> String {
    let examples = table.kept.as_ref().map(|kept| kept.described(0..kept.rows.len().min(EXAMPLES)));
    difference::rows(usize::try_from(table.rows).unwrap_or(usize::MAX), how, &examples.unwrap_or_default())
}

impl Judge<'_> {
    /// Judges a table that was not there before.
    pub(super) fn new_table(
        &self,
        name: &str,
        table: &TableState,
        difference: &mut Difference,
        report: &mut CheckReport,
    ) {
        let examples = table.kept.as_ref().map(|kept| kept.described(0..kept.rows.len().min(NAMED_ROWS)));
        difference.added =
            super::Affected::of(usize::try_from(table.rows).unwrap_or(usize::MAX), examples.unwrap_or_default());
        let Some((filled, rule)) = self.rules.new_table(name) else {
            let text = format!("a table with {} that no rule of this hop announces", shown(table, "in it"));
            difference.is_wrong(FindingCode::TableUnexpected, text);
            return;
        };
        let by = self.rules.by(rule, table.rows);
        let Some(filled) = filled else {
            let moved = self.rules.moved_into(name, self.reference);
            if table.rows > moved {
                let text = format!("{}, and its rule says that it is empty", shown(table, "in it"));
                let moved = if moved > 0 { format!(" but for {moved} that move there") } else { String::new() };
                difference.is_wrong(FindingCode::NewTableRows, text + &moved);
            } else {
                difference.by_rule.push(format!("({} rows) is new {by}", table.rows));
            }
            return;
        };
        let wrong = difference.wrong.len();
        let unclear = report.inconclusive.len();
        self.filled(name, table, filled, difference, report);
        if difference.wrong.len() == wrong && report.inconclusive.len() == unclear {
            difference.by_rule.push(format!("is new, with {}, {by}", shown(table, "in it")));
        }
    }

    fn filled(
        &self,
        name: &str,
        table: &TableState,
        filled: &FilledTable,
        difference: &mut Difference,
        report: &mut CheckReport,
    ) {
        let code = FindingCode::NewTableRows;
        if let Some(rows) = filled.rows.filter(|rows| *rows != table.rows) {
            difference.is_wrong(code, format!("{}, {rows} by its rule", shown(table, "in it")));
        }
        if let Some(condition) = &filled.condition {
            match self.now.without(&not_meeting(name, condition.clone())) {
                Ok(TableState { rows: 0, .. }) => {}
                Ok(others) => {
                    difference.is_wrong(code, shown(others, &format!("in it that do not meet {condition}")));
                }
                Err(why) => super::unread(name, &format!("rows where {condition}"), &why, report),
            }
        }
        if let Some(wanted) = derivation(filled) {
            let wanted = Derivation { table: name.to_owned(), ..wanted };
            let read = self.now.derived.iter().find(|(of, _)| *of == wanted);
            match read.map(|(_, read)| read) {
                None => super::unread(name, "the rows of the query of its rule", &"they were not read".into(), report),
                Some(Err(why)) => super::unread(name, "the rows of the query of its rule", why, report),
                Some(Ok(derived)) => {
                    let texts = not_derived(&derived.table, &derived.query, &wanted.columns);
                    texts.into_iter().for_each(|text| difference.is_wrong(code, text));
                }
            }
        }
    }

    /// Judges what is in the new columns of a table that was there, in the rows that were there.
    pub(super) fn new_columns(
        &self,
        name: &str,
        table: &TableState,
        added: &AddedKeys,
        difference: &mut Difference,
        report: &mut CheckReport,
    ) {
        let read = self.now.new_columns.get(self.rules.present(name));
        for column in difference.new_columns.clone() {
            report.assertions += 1;
            let what = format!("what is in its new column {column}");
            match read.and_then(|columns| columns.get(&column)) {
                None => super::unread(name, &what, &"it was not read".into(), report),
                Some(Err(why)) => super::unread(name, &what, why, report),
                Some(Ok(state)) => self.new_column(name, &column, table, state, added, difference),
            }
        }
    }

    fn new_column(
        &self,
        name: &str,
        column: &str,
        table: &TableState,
        state: &NewColumnState,
        added: &AddedKeys,
        difference: &mut Difference,
    ) {
        let key: Vec<String> = added.key.iter().map(|key| self.rules.present_column(name, key).to_owned()).collect();
        // Rows that were added have what they were added with.
        let was_there = |row: &usize| {
            let identity =
                state.rows.kept.as_ref().filter(|_| !key.is_empty()).and_then(|kept| kept.identity(*row, &key));
            identity.is_none_or(|identity| !added.rows.contains(&identity))
        };
        let (count, values) = match &state.rows.kept {
            Some(kept) => {
                let rows: Vec<usize> = (0..kept.rows.len()).filter(was_there).collect();
                (rows.len() as u64, format!(": {}", kept.frequent(&rows, column)))
            }
            None => (state.rows.rows, String::new()),
        };
        let of = table.rows.saturating_sub(added.rows.len() as u64);
        let default = state.default.as_ref().map_or_else(String::new, |default| format!(" or its default {default}"));
        match self.rules.new_column(&format!("{name}.{column}")) {
            Some((new, rule)) if new.sql.is_none() => {
                let text =
                    if count == 0 { "nothing".to_owned() } else { format!("a value in {count} of {of} rows{values}") };
                difference
                    .by_rule
                    .push(format!("holds {text} in its new column {column} {}", self.rules.by(rule, count)));
            }
            Some((_, rule)) if count == 0 => {
                let by = self.rules.by(rule, 0);
                difference
                    .by_rule
                    .push(format!("holds in its new column {column} what its expression gives, in {of} rows {by}"));
            }
            None if count == 0 => {}
            allowed => {
                let expected = match allowed {
                    Some((_, rule)) => {
                        self.rules.by(rule, 0);
                        "what the expression of its rule gives".to_owned()
                    }
                    None => format!("null{default}"),
                };
                let text = format!(
                    "{count} of {of} rows hold something else in the new column {column} than {expected}{values}"
                );
                difference.is_wrong(FindingCode::NewColumnValues, text);
            }
        }
    }
}

/// How a table differs from the rows of the query that gives them.
fn not_derived(table: &TableState, query: &TableState, columns: &[String]) -> Vec<String> {
    let (Some(held), Some(given)) = (&table.kept, &query.kept) else {
        let same = table.rows == query.rows && table.whole == query.whole && table.whole.is_some();
        let text = || format!("{} rows that are not the {} of the query of its rule", table.rows, query.rows);
        return if same { Vec::new() } else { vec![text()] };
    };
    let Some(found) = rows::compare(given, held, &[], columns, &Maps::new()) else {
        return vec!["its rows have no column in common with the query of its rule".to_owned()];
    };
    let examples =
        |kept: &crate::observation::RetainedRows, rows: &[usize]| kept.described(rows.iter().copied().take(EXAMPLES));
    let mut texts = Vec::new();
    if !found.added.is_empty() {
        let how = "in it that the query of its rule does not give";
        texts.push(difference::rows(found.added.len(), how, &examples(held, &found.added)));
    }
    if !found.lost.is_empty() {
        let how = "not in it that the query of its rule gives";
        texts.push(difference::rows(found.lost.len(), how, &examples(given, &found.lost)));
    }
    texts
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::testing::{judged, rule, state, table};
    use crate::observation::{Derived, NewColumnState, Selection, SqlRefusal, TableState, Unread};
    use crate::outcome::code::FindingCode;
    use crate::outcome::verdict::Outcome;

    #[test]
    fn a_new_table_is_empty_unless_its_rule_says_what_is_in_it() {
        let old = ("t", table(&["id"], &["1"]));
        let before = state(std::slice::from_ref(&old));
        let new = table(&["id", "scope", "secret"], &["1\tadmin\ts3cret", "2\tread\tx"]);
        let mut now = state(&[old, ("apps", new.clone())]);
        for (condition, others) in [("t.scope = 'read'", &["1\tadmin\ts3cret"][..]), ("t.id > 0", &[])] {
            let selection = Selection { table: "apps".into(), condition: condition.into(), above: None };
            now.without.push((selection, Ok(table(&["id", "scope", "secret"], others))));
        }
        for (sql, given) in [("one", &["1"][..]), ("both", &["2", "1"])] {
            let of =
                crate::observation::Derivation { table: "apps".into(), sql: sql.into(), columns: vec!["id".into()] };
            let derived = Derived { table: new.clone(), query: table(&["id"], given) };
            now.derived.push((of, Ok(derived)));
        }
        for (allow, outcome, about) in [
            (r#"["apps"]"#, Outcome::Failed, "2 rows in it (id=1 scope='admin' secret=(hidden); id=2"),
            (r#"["a*", {"table": "apps", "any": "why"}]"#, Outcome::Failed, "says that it is empty"),
            (r#"[{"table": "apps", "rows": 2}]"#, Outcome::Passed, "is new, with 2 rows in it"),
            (r#"[{"table": "apps", "rows": 1}]"#, Outcome::Failed, "1 by its rule"),
            (r#"[{"table": "apps", "where": "t.scope = 'read'"}]"#, Outcome::Failed, "1 row in it that do not meet"),
            (r#"[{"table": "apps", "where": "t.id > 0"}]"#, Outcome::Passed, "is new"),
            (r#"[{"table": "apps", "where": "t.id > 0", "rows": 3}]"#, Outcome::Failed, "3 by its rule"),
            (r#"[{"table": "apps", "where": "unread"}]"#, Outcome::Inconclusive, "it was not read"),
            (r#"[{"table": "apps", "from": "both", "columns": ["id"]}]"#, Outcome::Passed, "is new"),
            (
                r#"[{"table": "apps", "from": "one", "columns": ["id"]}]"#,
                Outcome::Failed,
                "query of its rule does not give",
            ),
            (r#"[{"table": "apps", "from": "unread", "columns": ["id"]}]"#, Outcome::Inconclusive, "not read"),
            (r#"[{"table": "apps", "any": "why"}]"#, Outcome::Passed, "with 2 rows in it (id=1"),
        ] {
            let (report, text) = judged(&before, &now, &[rule(&format!(r#"{{"new-tables": {allow}}}"#))]);
            assert_eq!(report.outcome, outcome, "{allow}: {text}");
            assert!(text.contains(about), "{allow}: {text}");
            assert!(!text.contains("s3cret"), "{text}");
            assert!(report.findings.iter().all(|finding| finding.code == FindingCode::NewTableRows), "{text}");
        }
    }

    #[test]
    fn a_new_column_holds_null_or_its_default_in_rows_that_were_there() {
        let before = state(&[("t", table(&["id"], &["1", "2"]))]);
        let with = |read: Option<Result<NewColumnState, Unread>>, rows: &[&str]| {
            let mut now = state(&[("t", table(&["id", "unit"], rows))]);
            let viewed = table(&["id"], &rows.iter().map(|row| &row[..1]).collect::<Vec<_>>());
            now.viewed.insert("t".into(), Ok(viewed));
            let columns: BTreeMap<_, _> = read.map(|read| ("unit".to_owned(), read)).into_iter().collect();
            now.new_columns.insert("t".into(), columns);
            now
        };
        let holds = |rows: &[&str]| {
            Some(Ok(NewColumnState { default: Some("'g'".into()), rows: table(&["id", "unit"], rows) }))
        };
        let many = NewColumnState { default: None, rows: TableState { rows: 2, kept: None, ..TableState::default() } };
        let two: &[&str] = &["1\tg", "2\tkg"];
        let unknown = Unread::Refused(SqlRefusal {
            sqlstate: "42703".to_owned(),
            number: None,
            message: "column t.mark does not exist".to_owned(),
        });
        let more = r#"{"added-rows": [{"table": "t", "any": "why"}]}"#;
        for (now, rules, outcome, about) in [
            (with(holds(&[]), two), &[][..], Outcome::Passed, ""),
            (
                with(holds(&["2\tkg"]), two),
                &[],
                Outcome::Failed,
                "1 of 2 rows hold something else in the new column unit",
            ),
            (with(holds(&["2\tkg"]), two), &[], Outcome::Failed, "than null or its default 'g': 'kg' 1"),
            (with(Some(Ok(many)), two), &[], Outcome::Failed, "2 of 2 rows"),
            (with(None, two), &[], Outcome::Inconclusive, "it was not read"),
            (with(Some(Err("refused".into())), two), &[], Outcome::Inconclusive, "refused"),
            (
                with(Some(Err(unknown)), two),
                &[],
                Outcome::Failed,
                "42703: column t.mark does not exist; the server was",
            ),
            (with(holds(&["3\tkg"]), &["1\tg", "2\tg", "3\tkg"]), &[more], Outcome::Passed, ""),
            (with(holds(&["2\tkg", "3\tkg"]), &["1\tg", "2\tg", "3\tkg"]), &[more], Outcome::Failed, "1 of 2 rows"),
            (
                with(holds(&[]), two),
                &[r#"{"new-columns": [{"column": "t.unit", "sql": "'g'"}]}"#],
                Outcome::Passed,
                "what its expression gives, in 2 rows",
            ),
            (
                with(holds(&["1\tg"]), two),
                &[r#"{"new-columns": [{"column": "t.unit", "sql": "'g'"}]}"#],
                Outcome::Failed,
                "than what the expression of its rule gives: 'g' 1",
            ),
            (
                with(holds(two), two),
                &[r#"{"new-columns": [{"column": "*.unit", "any": "why"}]}"#],
                Outcome::Passed,
                "a value in 2 of 2 rows: 'g' 1, 'kg' 1 in its new column unit",
            ),
        ] {
            let rules: Vec<_> = rules.iter().map(|allow| rule(allow)).collect();
            let (report, text) = judged(&before, &now, &rules);
            assert_eq!(report.outcome, outcome, "{about}: {text}");
            assert!(text.contains(about), "{about}: {text}");
            let wanted =
                if about.starts_with("42703") { FindingCode::SchemaBehind } else { FindingCode::NewColumnValues };
            assert!(report.findings.iter().all(|finding| finding.code == wanted), "{text}");
        }
    }
}
