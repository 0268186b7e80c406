//! The reviewed rules of a hop: what they allow, and which of them were not needed.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::model::product::{
    AddedRows, DataChange, DataRule, FilledTable, MappedValues, MovedRows, NameOr, NewColumn, RemovedRows,
};
use crate::observation::{
    DataState, Derivation, KnownColumns, NewValue, Selection, Source, TableQuery, TableState, View,
};
use crate::outcome::event::CheckReport;
use crate::vocabulary::wildcard::fits;

use super::names::KnownNames;

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
    /// What each name of a rule let through so far.
    used: RefCell<BTreeMap<(usize, &'a str), u64>>,
}

impl<'a> Rules<'a> {
    pub(super) fn of(rules: &'a [&'a DataRule]) -> Self {
        Self { rules, used: RefCell::default() }
    }

    /// Marks the rule as used, and names it for people. `through` is how many rows, values or items it let through that
    /// nothing else looks at; 0 where what it says was compared.
    pub(super) fn by(&self, allowed: Allowed<'a>, through: u64) -> String {
        *self.used.borrow_mut().entry((allowed.index, allowed.name)).or_default() += through;
        format!("by the rule of {}: {}", allowed.rule.crossing, allowed.rule.because)
    }

    /// Adds to a report what each rule let through.
    pub(super) fn count(&self, report: &mut CheckReport) {
        let used = self.used.borrow();
        for (index, rule) in self.each() {
            let through = used.iter().filter(|((of, _), _)| *of == index).map(|(_, through)| through).sum();
            report.let_through(&format!("{}: {}", rule.crossing, rule.because), through);
        }
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

    /// The rule that lets a table be new; what it says of the table's rows, if that is not that there are none.
    pub(super) fn new_table(&self, name: &str) -> Option<(Option<&'a FilledTable>, Allowed<'a>)> {
        self.all(|allow| if let DataChange::NewTables(tables) = allow { tables } else { &[] }, table_of)
            .find(|(_, allowed)| fits(allowed.name, name))
            .map(|(table, allowed)| (table.detailed(), allowed))
    }

    /// What a rule says of the values of a new column.
    pub(super) fn new_column(&self, full: &str) -> Option<(&'a NewColumn, Allowed<'a>)> {
        self.all(|allow| if let DataChange::NewColumns(columns) = allow { columns } else { &[] }, |new| &new.column)
            .find(|(_, allowed)| fits(allowed.name, full))
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

    /// What rules say of rows that a table may get.
    pub(super) fn added_rows(&self, table: &str) -> Vec<(&'a AddedRows, Allowed<'a>)> {
        self.all(|allow| if let DataChange::AddedRows(added) = allow { added } else { &[] }, |added| &added.table)
            .filter(|(_, allowed)| fits(allowed.name, table))
            .collect()
    }

    /// The rules that let a part of the structure change, each with what it has to be now, if that is stated.
    pub(super) fn structure(&self, text: &str) -> Vec<(Option<&'a str>, Allowed<'a>)> {
        self.all(|allow| if let DataChange::Structure(changes) = allow { changes } else { &[] }, item_of)
            .filter(|(_, allowed)| fits(allowed.name, text))
            .map(|(change, allowed)| (change.detailed().map(|change| change.to.as_str()), allowed))
            .collect()
    }

    /// Every item of the lists that `list` selects, with its name.
    fn all<T: 'a>(
        &self,
        list: impl Fn(&'a DataChange) -> &'a [T],
        name: impl Fn(&'a T) -> &'a str,
    ) -> impl Iterator<Item = (&'a T, Allowed<'a>)> {
        self.each().flat_map(move |(index, rule)| {
            let items = list(&rule.allow).iter();
            items.map(|item| (item, Allowed { index, name: name(item), rule })).collect::<Vec<_>>()
        })
    }

    /// The present name of a table, by the rules that rename it or move its rows.
    pub(super) fn present<'n>(&self, table: &'n str) -> &'n str
    where
        'a: 'n,
    {
        let moved = self.moved(table).map(|(moved, _)| moved.to.as_str());
        moved.or(self.renamed_table(table).map(|(new, _)| new)).unwrap_or(table)
    }

    /// The present name of a column, by the rules that rename it.
    pub(super) fn present_column<'n>(&self, table: &str, column: &'n str) -> &'n str
    where
        'a: 'n,
    {
        self.renamed_column(&format!("{table}.{column}")).map_or(column, |(new, _)| new)
    }

    /// The rows of a table that meet no condition of rules on added rows; none where no condition limits them.
    pub(super) fn not_addable(&self, table: &str, before: &TableState) -> Option<Selection> {
        let added = self.added_rows(table);
        let conditions: Vec<String> =
            added.iter().map(|(added, _)| Some(format!("({})", added.condition.as_ref()?))).collect::<Option<_>>()?;
        if conditions.is_empty() {
            return None;
        }
        let above = before.top.clone().filter(|_| before.kept.is_none());
        Some(Selection { table: self.present(table).to_owned(), condition: conditions.join(" or "), above })
    }

    /// How many rows of the reference rules move into a table.
    pub(super) fn moved_into(&self, table: &str, reference: &DataState) -> u64 {
        let sources = self.picked(|allow| {
            if let DataChange::MovedRows(moved) = allow
                && moved.to == table
            {
                Some((moved.from.as_str(), ()))
            } else {
                None
            }
        });
        sources.iter().filter_map(|(_, allowed)| reference.tables.get(allowed.name)).map(|table| table.rows).sum()
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
    /// A name that no table and no column has is distinguished from one whose change did not happen.
    pub(super) fn unused(&self, structure: bool, known: &KnownNames) -> Vec<String> {
        let used = self.used.borrow();
        let mut unused = Vec::new();
        for (index, rule) in self.each() {
            let (what, names): (_, Vec<&str>) = match &rule.allow {
                DataChange::NewTables(tables) => ("new-tables", tables.iter().map(table_of).collect()),
                DataChange::NewColumns(columns) => {
                    ("new-columns", columns.iter().map(|new| new.column.as_str()).collect())
                }
                DataChange::DroppedTables(names) => ("dropped-tables", texts(names)),
                DataChange::DroppedColumns(names) => ("dropped-columns", texts(names)),
                DataChange::Values(names) => ("values", texts(names)),
                DataChange::AddedRows(added) => {
                    ("added-rows", added.iter().map(|added| added.table.as_str()).collect())
                }
                DataChange::Structure(changes) => ("structure", changes.iter().map(item_of).collect()),
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
            let left = names.into_iter().filter(|name| !used.contains_key(&(index, *name)));
            let (unneeded, nothing): (Vec<&str>, Vec<&str>) = left.partition(|name| structure || known.has(name));
            for (names, how) in [(unneeded, "was not needed for"), (nothing, "names nothing:")] {
                if !names.is_empty() {
                    let (names, release, because) = (super::list(&names), &rule.crossing, &rule.because);
                    unused.push(format!("the rule of {release} on {what} {how} {names}: {because}"));
                }
            }
        }
        unused
    }
}

fn table_of(table: &NameOr<FilledTable>) -> &str {
    table.name(|filled| &filled.table)
}

fn item_of(change: &NameOr<crate::model::product::StructureChange>) -> &str {
    change.name(|change| &change.item)
}

fn texts(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// How to read the tables of the reference now, by the rules of the hops between, and which rows later hops may remove.
pub fn reading(reference: Option<&DataState>, rules: &[&DataRule], later: &[&DataRule]) -> TableQuery {
    let rules = Rules::of(rules);
    let mut query = TableQuery { keep: true, ..TableQuery::default() };
    for (name, before) in reference.iter().flat_map(|state| &state.tables) {
        query.views.insert(name.clone(), view(name, before, &rules));
        query.without.extend(rules.not_addable(name, before));
        if rules.moved(name).is_none() {
            let columns = before.columns.iter().map(|column| rules.present_column(name, column).to_owned()).collect();
            let known = KnownColumns { was: name.clone(), columns, top: grown_from(name, before, &rules) };
            query.new_columns.insert(rules.present(name).to_owned(), known);
        }
    }
    for (_, rule) in rules.each() {
        if let DataChange::NewTables(tables) = &rule.allow {
            for filled in tables.iter().filter_map(NameOr::detailed) {
                let condition = filled.condition.clone();
                query.without.extend(condition.map(|condition| not_meeting(&filled.table, condition)));
                query.derived.extend(derivation(filled));
            }
        }
        if let DataChange::NewColumns(columns) = &rule.allow {
            let value = |sql: &Option<String>| sql.clone().map_or(NewValue::Any, NewValue::Sql);
            query.new_values.extend(columns.iter().map(|new| (new.column.clone(), value(&new.sql))));
        }
    }
    for rule in later {
        if let DataChange::RemovedRows(removed) = &rule.allow {
            query.without.insert(not_meeting(&removed.table, removed.condition.clone()));
        }
    }
    query
}

/// The rows of a table that do not meet a condition.
pub(super) fn not_meeting(table: &str, condition: String) -> Selection {
    Selection { table: table.to_owned(), condition, above: None }
}

/// The query that gives the rows of a new table.
pub(super) fn derivation(filled: &FilledTable) -> Option<Derivation> {
    let (table, columns) = (filled.table.clone(), filled.columns.clone());
    filled.from.clone().map(|sql| Derivation { table, sql, columns })
}

/// The highest key of a table that rules let grow, if its rows are not kept.
fn grown_from(name: &str, before: &TableState, rules: &Rules<'_>) -> Option<String> {
    let grows = !rules.added_rows(name).is_empty() || rules.rows(name).iter().any(|(by, _)| *by > 0);
    before.top.clone().filter(|_| grows && before.kept.is_none())
}

/// Whether a rule identifies moved rows by the key that the table had.
pub(super) fn by_key(moved: &MovedRows, before: &TableState) -> bool {
    moved.key.len() == before.key.len() && before.key.iter().all(|column| moved.key.contains_key(column))
}

fn view(name: &str, before: &TableState, rules: &Rules<'_>) -> View {
    let keep = before.kept.is_some();
    let numbered = (before.rows > 0).then_some(before.top.is_some());
    let moved = rules.moved(name).map(|(moved, _)| moved);
    // What identifies a row by other columns need not be a number because the key is one.
    let numbered = if moved.is_some_and(|moved| !by_key(moved, before)) { Some(false) } else { numbered };
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
        None => View {
            table: rules.present(name).to_owned(),
            key: pick(&before.key),
            columns,
            condition: None,
            top: grown_from(name, before, rules),
            numbered,
            keep,
        },
    }
}
