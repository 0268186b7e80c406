//! What of the database's structure only a fresh installation has.

use std::collections::BTreeSet;

use super::{FreshTerms, Lacking, Part};
use crate::check::data::{list, name_structure, narrows};
use crate::observation::{DataState, Item, ItemKind};
use crate::outcome::code::{FindingCode, InconclusiveCode};
use crate::outcome::event::CheckReport;
use crate::outcome::subject::Subject;

const NOT_THERE: &str = "it is not there";

pub(super) fn lacking(
    fresh: &DataState,
    upgraded: &DataState,
    terms: FreshTerms<'_>,
    report: &mut CheckReport,
) -> Vec<Lacking> {
    let (Some(wanted), Some(present)) = (&fresh.structure, &upgraded.structure) else {
        report.cannot_tell(InconclusiveCode::NotRead, "the structure was not read");
        return Vec::new();
    };
    if fresh.tables.is_empty() {
        report.cannot_tell(InconclusiveCode::NothingToCompare, "the fresh installation has no tables");
        return Vec::new();
    }
    let mut all = Vec::new();
    let mut add = |name: String, subject: Subject, expected: String, actual: String| {
        let allowed = terms.allowed(Part::Structure, &name);
        all.push(Lacking { name, subject, expected, actual, allowed, code: FindingCode::FreshStructure });
    };
    for (name, table) in &fresh.tables {
        report.assertions += 1;
        match upgraded.tables.get(name) {
            None => {
                let expected = "a table, as in a fresh installation".to_owned();
                add(format!("table {name}"), Subject::Table(name.clone()), expected, NOT_THERE.to_owned());
            }
            Some(other) => {
                for column in table.columns.iter().filter(|column| !other.columns.contains(column)) {
                    let named = format!("column {name}.{column}");
                    let expected = "a column, as in a fresh installation".to_owned();
                    add(named.clone(), Subject::Structure(named), expected, NOT_THERE.to_owned());
                }
            }
        }
    }
    let there: BTreeSet<&Item> = present.items.iter().collect();
    let known: BTreeSet<&Item> = wanted.items.iter().collect();
    for item in wanted.items.iter().filter(|item| is_of_both(item, fresh, upgraded)) {
        report.assertions += 1;
        if there.contains(item) {
            continue;
        }
        let name = name_structure(item);
        let other = |other: &&Item| {
            let same_place = other.kind == item.kind && other.table == item.table && other.columns == item.columns;
            same_place && !known.contains(other)
        };
        let instead: Vec<&str> = present.items.iter().filter(other).map(|other| other.text.as_str()).collect();
        let actual = if there.contains(&Item { broken: true, ..item.clone() }) {
            "it is there, but not valid".to_owned()
        } else {
            match instead.as_slice() {
                [] => NOT_THERE.to_owned(),
                // Migrations widen columns, and leave those wide that an earlier release had.
                [wider] if item.kind == ItemKind::Type && narrows(&item.text, wider).is_none() => {
                    report.notes.push(format!("{name}: {wider} in the upgraded one, which takes no less"));
                    continue;
                }
                several => several.join("; "),
            }
        };
        let expected = "as in a fresh installation".to_owned();
        add(name.clone(), Subject::Structure(name), expected, actual);
    }
    // A privilege or a setting of one's own is what customers have; a trigger may be what an earlier release left behind.
    let only_upgraded = present.items.iter().filter(|item| is_of_both(item, upgraded, fresh) && !known.contains(item));
    let changed: BTreeSet<(ItemKind, &String, &Vec<String>)> = all_places(&wanted.items, &there).collect();
    let own: Vec<String> = only_upgraded
        .filter(|item| !changed.contains(&(item.kind, &item.table, &item.columns)))
        .map(name_structure)
        .chain(
            upgraded
                .tables
                .keys()
                .filter(|table| !fresh.tables.contains_key(*table))
                .map(|name| format!("table {name}")),
        )
        .collect();
    if !own.is_empty() {
        let names: Vec<&str> = own.iter().map(String::as_str).collect();
        report.notes.push(format!("{} only in the upgraded one: {}", own.len(), list(&names)));
    }
    all
}

/// The places of items that the upgraded deployment has in another form.
fn all_places<'i>(
    wanted: &'i [Item],
    there: &BTreeSet<&Item>,
) -> impl Iterator<Item = (ItemKind, &'i String, &'i Vec<String>)> {
    let lacking: Vec<&Item> = wanted.iter().filter(|item| !there.contains(item)).collect();
    lacking.into_iter().map(|item| (item.kind, &item.table, &item.columns))
}

/// Whether an item that belongs to a table and columns has these in the other state too; a missing table is reported as a whole.
fn is_of_both(item: &Item, own: &DataState, other: &DataState) -> bool {
    match other.tables.get(&item.table) {
        Some(table) => !item.kind.is_of_table() || item.columns.iter().all(|column| table.columns.contains(column)),
        // The sequence of a table goes with it.
        None => !item.kind.is_of_table() && !own.tables.contains_key(&item.table),
    }
}
