//! States of tables for tests.

use std::sync::Arc;

use super::*;
use crate::model::product::DataChange;
use crate::model::scenario::CheckKind;
use crate::observation::RetainedRows;

/// A table with its rows: `id` is the key, and stands first if there is one.
pub(super) fn table(columns: &[&str], rows: &[&str]) -> TableState {
    let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
    let key = columns.first().filter(|first| *first == "id").cloned().into_iter().collect();
    let sums = columns.iter().map(|column| (column.clone(), rows.join(";"))).collect();
    let kept = RetainedRows { columns: columns.clone(), rows: rows.iter().map(|row| (*row).into()).collect() };
    let rows = rows.len() as u64;
    TableState { rows, key, columns, sums, kept: Some(Arc::new(kept)), ..TableState::default() }
}

pub(super) fn state(tables: &[(&str, TableState)]) -> DataState {
    let tables = tables.iter().map(|(name, table)| ((*name).to_owned(), table.clone())).collect();
    DataState { tables, ..DataState::default() }
}

/// The rule on a change, written as in a file.
pub(super) fn rule(allow: &str) -> DataRule {
    let allow: DataChange = serde_json::from_str(allow).unwrap();
    DataRule { crossing: "6.0".parse().unwrap(), allow, because: "reviewed".parse().unwrap() }
}

/// The report on two states, and all of it as a text.
pub(super) fn judged(before: &DataState, now: &DataState, rules: &[DataRule]) -> (CheckReport, String) {
    let rules: Vec<&DataRule> = rules.iter().collect();
    let mut report = CheckReport::new(CheckKind::Data, "main");
    let (none, elsewhere) = (BTreeSet::new(), BTreeMap::new());
    let terms = DataTerms {
        rules: &rules,
        volatile: &[],
        written: &none,
        elsewhere: &elsewhere,
        growing: &none,
        meaning: &BTreeMap::new(),
        labels: &BTreeMap::new(),
    };
    judge_data(before, now, terms, &mut report);
    let report = report.decide();
    let text = format!("{:?} {:?} {:?}", report.findings, report.inconclusive, report.notes);
    (report, text)
}
