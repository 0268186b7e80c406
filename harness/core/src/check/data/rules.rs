//! The reviewed rules of a hop: what they allow, and which of them were not needed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::product::{DataChange, DataRule, MappedValues, MovedRows, RemovedRows};
use crate::observation::{DataState, Source, TableQuery, View};
use crate::vocabulary::wildcard::fits;

/// A rule that allows something: its index, and which of its names fits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed<'a> {
    index: usize,
    name: &'a str,
    rule: &'a DataRule,
}

/// The rules of a hop.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    rules: &'a [&'a DataRule],
    used: RefCell<BTreeSet<(usize, &'a str)>>,
}

impl<'a> Rules<'a> {
    pub(super) fn of(rules: &'a [&'a DataRule]) -> Self {
        Self { rules, used: RefCell::new(BTreeSet::new()) }
    }

    /// Marks the rule as used, and names it for people.
    pub(super) fn by(&self, allowed: Allowed<'a>) -> String {
        self.used.borrow_mut().insert((allowed.index, allowed.name));
        format!("by the rule of {}: {}", allowed.rule.crossing, allowed.rule.because)
    }

    fn each(&self) -> impl Iterator<Item = (usize, &'a DataRule)> {
        self.rules.iter().copied().enumerate()
    }

    /// The first rule with a name that fits, in the lists that `list` selects.
    fn listed(&self, name: &str, list: impl Fn(&'a DataChange) -> Option<&'a Vec<String>>) -> Option<Allowed<'a>> {
        self.each().find_map(|(index, rule)| {
            let pattern = list(&rule.allow)?.iter().find(|pattern| fits(pattern, name))?;
            Some(Allowed { index, name: pattern, rule })
        })
    }

    pub(super) fn new_table(&self, name: &str) -> Option<Allowed<'a>> {
        self.listed(name, |allow| if let DataChange::NewTables(names) = allow { Some(names) } else { None })
    }

    pub(super) fn dropped_table(&self, name: &str) -> Option<Allowed<'a>> {
        self.listed(name, |allow| if let DataChange::DroppedTables(names) = allow { Some(names) } else { None })
    }

    pub(super) fn dropped_column(&self, full: &str) -> Option<Allowed<'a>> {
        self.listed(full, |allow| if let DataChange::DroppedColumns(names) = allow { Some(names) } else { None })
    }

    pub(super) fn values(&self, full: &str) -> Option<Allowed<'a>> {
        self.listed(full, |allow| if let DataChange::Values(names) = allow { Some(names) } else { None })
    }

    pub(super) fn added_rows(&self, table: &str) -> Option<Allowed<'a>> {
        self.listed(table, |allow| if let DataChange::AddedRows(names) = allow { Some(names) } else { None })
    }

    pub(super) fn structure(&self, text: &str) -> Option<Allowed<'a>> {
        self.listed(text, |allow| if let DataChange::Structure(names) = allow { Some(names) } else { None })
    }

    /// What `pick` finds in the rules, each with its rule and the name there.
    fn picked<T>(&self, pick: impl Fn(&'a DataChange) -> Option<(&'a str, T)>) -> Vec<(T, Allowed<'a>)> {
        let of = |(index, rule): (usize, &'a DataRule)| {
            pick(&rule.allow).map(|(name, value)| (value, Allowed { index, name, rule }))
        };
        self.each().filter_map(of).collect()
    }

    /// By how many rows each rule lets the table change.
    pub(super) fn rows(&self, table: &str) -> Vec<(i64, Allowed<'a>)> {
        self.picked(|allow| {
            if let DataChange::Rows(change) = allow
                && change.table == table
            {
                Some((change.table.as_str(), change.by))
            } else {
                None
            }
        })
    }

    pub(super) fn mapped(&self, full: &str) -> Option<(&'a MappedValues, Allowed<'a>)> {
        self.picked(|allow| {
            if let DataChange::MappedValues(mapped) = allow
                && fits(&mapped.column, full)
            {
                Some((mapped.column.as_str(), mapped))
            } else {
                None
            }
        })
        .pop()
    }

    pub(super) fn removed(&self, table: &str) -> Vec<(&'a RemovedRows, Allowed<'a>)> {
        self.picked(|allow| {
            if let DataChange::RemovedRows(removed) = allow
                && removed.table == table
            {
                Some((removed.table.as_str(), removed))
            } else {
                None
            }
        })
    }

    pub(super) fn moved(&self, table: &str) -> Option<(&'a MovedRows, Allowed<'a>)> {
        self.picked(|allow| {
            if let DataChange::MovedRows(moved) = allow
                && moved.from == table
            {
                Some((moved.from.as_str(), moved))
            } else {
                None
            }
        })
        .pop()
    }

    pub(super) fn renamed_table(&self, table: &str) -> Option<(&'a str, Allowed<'a>)> {
        let pick = |names: &'a BTreeMap<String, String>| {
            names.get_key_value(table).map(|(old, new)| (old.as_str(), new.as_str()))
        };
        self.picked(|allow| if let DataChange::RenamedTables(names) = allow { pick(names) } else { None }).pop()
    }

    pub(super) fn renamed_column(&self, full: &str) -> Option<(&'a str, Allowed<'a>)> {
        let pick = |names: &'a BTreeMap<String, String>| {
            names.get_key_value(full).map(|(old, new)| (old.as_str(), new.as_str()))
        };
        self.picked(|allow| if let DataChange::RenamedColumns(names) = allow { pick(names) } else { None }).pop()
    }

    /// The names in rules that were not needed: of the rules on the structure if `structure`, otherwise of all others.
    pub(super) fn unused(&self, structure: bool) -> Vec<String> {
        let used = self.used.borrow();
        let mut unused = Vec::new();
        for (index, rule) in self.each() {
            let (what, names): (_, Vec<&str>) = match &rule.allow {
                DataChange::NewTables(names) => ("new-tables", texts(names)),
                DataChange::DroppedTables(names) => ("dropped-tables", texts(names)),
                DataChange::DroppedColumns(names) => ("dropped-columns", texts(names)),
                DataChange::Values(names) => ("values", texts(names)),
                DataChange::AddedRows(names) => ("added-rows", texts(names)),
                DataChange::Structure(names) => ("structure", texts(names)),
                DataChange::RenamedTables(names) => ("renamed-tables", names.keys().map(String::as_str).collect()),
                DataChange::RenamedColumns(names) => ("renamed-columns", names.keys().map(String::as_str).collect()),
                DataChange::MappedValues(mapped) => ("mapped-values", vec![&mapped.column]),
                DataChange::Rows(change) => ("rows", vec![&change.table]),
                DataChange::RemovedRows(removed) => ("removed-rows", vec![&removed.table]),
                DataChange::MovedRows(moved) => ("moved-rows", vec![&moved.from]),
            };
            if structure != matches!(rule.allow, DataChange::Structure(_)) {
                continue;
            }
            let left: Vec<&str> = names.into_iter().filter(|name| !used.contains(&(index, name))).collect();
            if !left.is_empty() {
                let names = super::list(&left);
                unused.push(format!(
                    "the rule of {} on {what} was not needed for {names}: {}",
                    rule.crossing, rule.because
                ));
            }
        }
        unused
    }
}

fn texts(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// How to read the tables of the reference now, by the rules of the hops between, and which rows later hops may remove.
pub fn reading(reference: Option<&DataState>, rules: &[&DataRule], later: &[&DataRule]) -> TableQuery {
    let rules = Rules::of(rules);
    let mut views = BTreeMap::new();
    for (name, before) in reference.iter().flat_map(|state| &state.tables) {
        views.insert(name.clone(), view(name, before, &rules));
    }
    let mut without = BTreeSet::new();
    for rule in later {
        if let DataChange::RemovedRows(removed) = &rule.allow {
            without.insert((removed.table.clone(), removed.condition.clone()));
        }
    }
    TableQuery { views, without, keep: true }
}

fn view(name: &str, before: &crate::observation::TableState, rules: &Rules<'_>) -> View {
    let keep = before.kept.is_some();
    let numbered = (before.rows > 0).then_some(before.top.is_some());
    let moved = rules.moved(name).map(|(moved, _)| moved);
    let source = |column: &String| {
        let full = format!("{name}.{column}");
        if let Some(moved) = moved {
            return moved.columns.get(column).or_else(|| moved.key.get(column)).map(|text| Source::of(text));
        }
        let sql = rules.mapped(&full).and_then(|(mapped, _)| mapped.sql.clone());
        let renamed = || rules.renamed_column(&full).map_or(column.as_str(), |(new, _)| new);
        Some(sql.map_or_else(|| Source::Column(renamed().to_owned()), Source::Sql))
    };
    let pick = |columns: &[String]| -> Vec<(String, Source)> {
        columns.iter().filter_map(|column| Some((column.clone(), source(column)?))).collect()
    };
    let columns = pick(&before.columns);
    match moved {
        Some(moved) => View {
            table: moved.to.clone(),
            key: moved.key.iter().map(|(old, new)| (old.clone(), Source::of(new))).collect(),
            columns,
            condition: moved.condition.clone(),
            top: None,
            numbered,
            keep,
        },
        None => {
            let grows = rules.added_rows(name).is_some() || rules.rows(name).iter().any(|(by, _)| *by > 0);
            View {
                table: rules.renamed_table(name).map_or(name, |(new, _)| new).to_owned(),
                key: pick(&before.key),
                columns,
                condition: None,
                top: before.top.clone().filter(|_| grows && !keep),
                numbered,
                keep,
            }
        }
    }
}
