//! Judges the structure around the tables: indexes, constraints, defaults, triggers, views, privileges, sequences.

mod harm;
mod types;

pub(in crate::check) use types::narrows;

use std::collections::BTreeSet;

use serde::Serialize;

use super::difference;
use super::names::KnownNames;
use super::rules::{Allowed, Rules};
use crate::model::product::DataRule;
use crate::observation::{DataState, Item, ItemKind, Structure};
use crate::outcome::code::{FindingCode, InconclusiveCode};
use crate::outcome::event::CheckReport;
use crate::outcome::finding::Finding;
use crate::outcome::subject::Subject;
use crate::vocabulary::wildcard::fits;

/// The differences in the structure, for the evidence.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StructureDifference {
    /// What is gone or changed and no rule allows, as rules name it.
    pub lost: Vec<String>,
    /// What is gone by a rule.
    pub by_rule: Vec<String>,
    /// What is gone together with its table or column.
    pub gone_along: Vec<String>,
    /// What is new.
    pub new: Vec<String>,
    /// What is new and can do harm, and no rule allows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub harmful: Vec<String>,
    /// What exists but is not valid.
    pub broken: Vec<String>,
    /// Sequences whose last value went back.
    pub went_back: Vec<String>,
}

/// The name of an item, as a rule names it: `index on users: unique btree (login)`.
pub fn name_structure(item: &Item) -> String {
    let of = match (item.kind, item.columns.as_slice()) {
        (
            ItemKind::NotNull | ItemKind::Default | ItemKind::Type | ItemKind::Collation | ItemKind::Sequence,
            [column],
        ) => {
            format!("{}.{column}", item.table)
        }
        _ => item.table.clone(),
    };
    match item.kind {
        ItemKind::NotNull => format!("not null of {of}"),
        ItemKind::Default | ItemKind::Type | ItemKind::View | ItemKind::Collation => {
            format!("{} of {of}: {}", item.kind.name(), item.text)
        }
        ItemKind::Routine
        | ItemKind::UserType
        | ItemKind::Sequence
        | ItemKind::Schema
        | ItemKind::Extension
        | ItemKind::Role
        | ItemKind::Setting
        | ItemKind::LargeObject
        | ItemKind::Event => format!("{} {of}: {}", item.kind.name(), item.text),
        ItemKind::Index
        | ItemKind::ForeignKey
        | ItemKind::Constraint
        | ItemKind::Trigger
        | ItemKind::Privilege
        | ItemKind::Owner => format!("{} on {of}: {}", item.kind.name(), item.text),
    }
}

/// Compares the structure with that of the reference. `strict` is the rollback, where nothing may differ.
pub fn judge_structure(
    reference: &DataState,
    now: &DataState,
    rules: &[&DataRule],
    strict: bool,
    report: &mut CheckReport,
) -> StructureDifference {
    let mut difference = StructureDifference::default();
    let (Some(before), Some(after)) = (&reference.structure, &now.structure) else {
        report.cannot_tell(InconclusiveCode::NotRead, "the structure was not read");
        return difference;
    };
    if before.items.is_empty() {
        report.cannot_tell(InconclusiveCode::NothingToCompare, "the baseline has no structure");
        return difference;
    }
    let rules = Rules::of(rules);
    let present: BTreeSet<&Item> = after.items.iter().collect();
    let known: BTreeSet<&Item> = before.items.iter().collect();
    let mut matched = BTreeSet::new();
    let mut findings = Vec::new();
    let finding = |code, name: &String, expected: &str, actual: &str| {
        Finding::new(code, Subject::Structure(name.clone()), expected, actual)
    };
    for item in &before.items {
        let moved = translated(item, &rules);
        let name = name_structure(item);
        if !still_applies(&moved, now) {
            difference.gone_along.push(name);
            continue;
        }
        report.assertions += 1;
        let same = present.contains(&moved) || present.contains(&Item { broken: !moved.broken, ..moved.clone() });
        matched.insert(Item { broken: false, ..moved.clone() });
        if same {
            continue;
        }
        // What was there beside it before is not in its place.
        let instead = |other: &&Item| {
            let same_place = other.kind == moved.kind && other.table == moved.table && other.columns == moved.columns;
            same_place && !known.contains(other)
        };
        let now: Vec<&str> = after.items.iter().filter(instead).map(|other| other.text.as_str()).collect();
        let ruled = ruled(&rules, &name, &now);
        if let Ruled::Unmet(to) = &ruled {
            let actual = if now.is_empty() { "it is gone".to_owned() } else { now.join("; ") };
            let expected = format!("as before, or {to} by the rule");
            findings.push(finding(FindingCode::StructureLost, &name, &expected, &actual));
            difference.lost.push(name);
            continue;
        }
        // A changed type is not a loss if the values have not changed, and it takes what it took before.
        if item.kind == ItemKind::Type && !strict {
            let new = now.first().copied().unwrap_or_default();
            match (types::narrows(&moved.text, new), ruled) {
                (_, Ruled::Allowed(rule)) => {
                    difference.by_rule.push(format!("{name} became {new} {}", rules.by(rule, 1)));
                }
                (Some(how), _) => {
                    let actual = format!("{new}: {how}");
                    findings.push(finding(
                        FindingCode::StructureNarrowed,
                        &name,
                        "a type that takes what it took",
                        &actual,
                    ));
                    difference.lost.push(name);
                }
                (None, _) => {
                    difference.by_rule.push(format!("{name}; the type is now {new}, its values were compared"));
                }
            }
            continue;
        }
        match (ruled, now.as_slice()) {
            (Ruled::Allowed(rule), []) => difference.by_rule.push(format!("{name} went {}", rules.by(rule, 1))),
            (Ruled::Allowed(rule), others) => {
                difference.by_rule.push(format!("{name} became {} {}", others.join("; "), rules.by(rule, 1)));
            }
            (Ruled::Unruled | Ruled::Unmet(_), others) => {
                let actual = match others {
                    [] => "it is gone".to_owned(),
                    others => format!("it is gone; there is {}", others.join("; ")),
                };
                findings.push(finding(FindingCode::StructureLost, &name, "as before", &actual));
                difference.lost.push(name);
            }
        }
    }
    for item in &after.items {
        let name = name_structure(item);
        if item.broken && !before.items.contains(item) {
            let actual = "it exists, but is not valid or was never validated";
            findings.push(finding(FindingCode::StructureInvalid, &name, "it is valid", actual));
            difference.broken.push(name.clone());
        }
        let same = Item { broken: false, ..item.clone() };
        if !matched.contains(&same) {
            let harm = if strict { None } else { harm::of_new(item, reference, before) };
            match (strict, harm, unlimited(&rules, &name)) {
                (true, ..) => {
                    let expected = "nothing of this kind, as before";
                    findings.push(finding(FindingCode::StructureAdded, &name, expected, "it exists"));
                }
                (false, Some(_), Some(rule)) => {
                    difference.by_rule.push(format!("{name} is new {}", rules.by(rule, 1)));
                }
                (false, Some(harm), None) => {
                    let expected = "nothing of this kind without a rule";
                    findings.push(finding(
                        FindingCode::StructureHarmful,
                        &name,
                        expected,
                        &format!("it is new: {harm}"),
                    ));
                    difference.harmful.push(name.clone());
                }
                (false, None, _) => {}
            }
            difference.new.push(name);
        }
    }
    sequences(before, after, &rules, &mut difference, &mut findings, report);
    notes(&difference, &rules, strict, report);
    difference::add_findings(findings, (FindingCode::StructureMore, "items"), report);
    difference
}

/// What rules say of a part of the structure that is not what it was.
enum Ruled<'a> {
    /// It may be what it is now.
    Allowed(Allowed<'a>),
    /// It had to become something that it is not.
    Unmet(String),
    /// No rule speaks of it.
    Unruled,
}

fn ruled<'a>(rules: &Rules<'a>, name: &str, now: &[&str]) -> Ruled<'a> {
    let entries = rules.structure(name);
    let meets = |to: &str| now.iter().any(|text| fits(to, text));
    if let Some((_, rule)) = entries.iter().find(|(to, _)| to.is_none_or(meets)) {
        return Ruled::Allowed(*rule);
    }
    let wanted: Vec<&str> = entries.iter().filter_map(|(to, _)| *to).collect();
    if wanted.is_empty() { Ruled::Unruled } else { Ruled::Unmet(wanted.join(" or ")) }
}

/// The rule that lets a part of the structure become anything.
fn unlimited<'a>(rules: &Rules<'a>, name: &str) -> Option<Allowed<'a>> {
    rules.structure(name).into_iter().find_map(|(to, rule)| to.is_none().then_some(rule))
}

fn sequences(
    before: &Structure,
    after: &Structure,
    rules: &Rules<'_>,
    difference: &mut StructureDifference,
    findings: &mut Vec<Finding>,
    report: &mut CheckReport,
) {
    for (name, was) in &before.sequences {
        let now_name = match name.rsplit_once('.') {
            Some((table, column)) => {
                let column = rules.renamed_column(name).map_or(column, |(new, _)| new);
                format!("{}.{column}", rules.renamed_table(table).map_or(table, |(new, _)| new))
            }
            None => name.clone(),
        };
        // A sequence that is gone shows in the default that used it.
        let Some(is) = after.sequences.get(&now_name) else { continue };
        report.assertions += 1;
        if is < was {
            let text = format!("sequence of {name}");
            match unlimited(rules, &text) {
                Some(rule) => difference.by_rule.push(format!("{text} went back {}", rules.by(rule, 1))),
                None => {
                    difference.went_back.push(text.clone());
                    let actual = format!("{is}: numbers will be given out again");
                    let (code, subject) = (FindingCode::SequenceWentBack, Subject::Structure(text));
                    findings.push(Finding::new(code, subject, format!("{was} or more"), actual));
                }
            }
        }
    }
}

fn notes(difference: &StructureDifference, rules: &Rules<'_>, strict: bool, report: &mut CheckReport) {
    report.notes.extend(difference.by_rule.iter().cloned());
    let count = |what: &str, names: &[String]| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        format!("{} {what}: {}", names.len(), super::list(&names))
    };
    if !difference.new.is_empty() && !strict {
        report.notes.push(count("new", &difference.new));
    }
    if !difference.gone_along.is_empty() {
        report.notes.push(count("gone with their table or column", &difference.gone_along));
    }
    report.notes.extend(rules.unused(true, &KnownNames::default()));
    rules.count(report);
}

/// The item after the renames of the rules.
fn translated(item: &Item, rules: &Rules<'_>) -> Item {
    let table = |name: &str| rules.renamed_table(name).map_or(name, |(new, _)| new).to_owned();
    let mut text = item.text.clone();
    let mut columns = Vec::new();
    for column in &item.columns {
        match rules.renamed_column(&format!("{}.{column}", item.table)) {
            Some((new, _)) => {
                text = replace_word(&text, column, new);
                columns.push(new.to_owned());
            }
            None => columns.push(column.clone()),
        }
    }
    columns.sort();
    for name in std::iter::once(&item.table).chain(&item.refers) {
        let new = table(name);
        if new != *name {
            text = replace_word(&text, name, &new);
        }
    }
    let refers = item.refers.as_deref().map(table);
    Item { table: table(&item.table), columns, refers, text, ..item.clone() }
}

/// The text with one word replaced.
fn replace_word(text: &str, old: &str, new: &str) -> String {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(old) {
        let (begin, after) = (&rest[..at], &rest[at + old.len()..]);
        let is_word = !begin.chars().next_back().is_some_and(part) && !after.chars().next().is_some_and(part);
        result.push_str(begin);
        result.push_str(if is_word { new } else { old });
        rest = after;
    }
    result.push_str(rest);
    result
}

/// Whether its table and columns still exist, and the table that it refers to.
fn still_applies(item: &Item, now: &DataState) -> bool {
    if !item.kind.is_of_table() && item.columns.is_empty() {
        return true;
    }
    let Some(table) = now.tables.get(&item.table) else { return false };
    item.columns.iter().all(|column| table.columns.contains(column))
        && item.refers.as_ref().is_none_or(|refers| now.tables.contains_key(refers))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{rule, state, table};
    use super::*;
    use crate::model::scenario::CheckKind;

    fn with_default(text: &str) -> DataState {
        let item = Item {
            kind: ItemKind::Default,
            table: "t".into(),
            columns: vec!["status".into()],
            text: text.into(),
            ..Item::default()
        };
        let structure = Structure { items: vec![item], ..Structure::default() };
        DataState { structure: Some(structure), ..state(&[("t", table(&["id", "status"], &["1\t0"]))]) }
    }

    #[test]
    fn a_default_becomes_what_its_rule_states() {
        for (allow, now, findings, about) in [
            (r#"["default of t.status: *"]"#, "7", 0, "became 7 by the rule"),
            (r#"[{"item": "default of t.status: *", "to": "0"}]"#, "0", 0, "became 0 by the rule"),
            (r#"[{"item": "default of t.status: 1", "to": "'0'*"}]"#, "'0'::text", 0, "became"),
            (r#"[{"item": "default of t.status: *", "to": "0"}]"#, "7", 1, "as before, or 0 by the rule"),
            (r#"[{"item": "default of t.status: 2", "to": "7"}]"#, "7", 1, "it is gone; there is 7"),
            (r#"[{"item": "default of t.status: *", "to": "0"}]"#, "1", 0, "was not needed"),
        ] {
            let rule = rule(&format!(r#"{{"structure": {allow}}}"#));
            let mut report = CheckReport::new(CheckKind::Data, "structure");
            judge_structure(&with_default("1"), &with_default(now), &[&rule], false, &mut report);
            let text = format!("{:?} {:?}", report.findings, report.notes);
            assert_eq!(report.findings.len(), findings, "{text}");
            assert!(text.contains(about), "{allow}: {text}");
        }
    }

    #[test]
    fn what_was_there_before_is_not_in_the_place_of_what_is_gone() {
        let of = |body: &str| {
            let item = |text: &str| Item {
                kind: ItemKind::Routine,
                table: "f()".into(),
                text: text.into(),
                ..Item::default()
            };
            let items = vec![item("EXECUTE for everyone"), item(body)];
            DataState { structure: Some(Structure { items, ..Structure::default() }), ..DataState::default() }
        };
        let mut report = CheckReport::new(CheckKind::Data, "structure");
        judge_structure(&of("body one"), &of("body two"), &[], false, &mut report);
        let actual: Vec<&str> = report.findings.iter().map(|finding| finding.actual.as_str()).collect();
        assert_eq!(actual, ["it is gone; there is body two"]);
    }
}
