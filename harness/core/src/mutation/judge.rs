//! Which check noticed a mutation.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Mutation, MutationKind, MutationTarget};
use crate::check::{Difference, FileDifference, StructureDifference, name_structure};
use crate::model::product::{AcceptedMutation, Product};
use crate::model::scenario::CheckKind;
use crate::observation::{DataState, Item};
use crate::outcome::code::{FindingCode, InconclusiveCode};
use crate::outcome::event::CheckReport;
use crate::outcome::finding::Finding;
use crate::outcome::subject::{RequestPart, Subject};
use crate::vocabulary::wildcard::fits;

/// What became of a mutation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// A check noticed it.
    Noticed {
        /// The check, as reports call it.
        by: String,
        /// What it found; none if it was inconclusive.
        code: Option<FindingCode>,
    },
    /// No check noticed it.
    Survived,
    /// No check noticed it, as the product file says.
    Excused(String),
    /// It could not be planted, with the reason.
    NotPlanted(String),
    /// Its object differed from the baseline before it was planted, so nothing can be said about it.
    Masked {
        /// The check that says so.
        by: String,
        /// What it found; none if it was inconclusive.
        code: Option<FindingCode>,
    },
}

/// A mutation, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// The mutation.
    #[serde(flatten)]
    pub mutation: Mutation,
    /// What became of it.
    pub fate: Fate,
}

/// Something that a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The check, as reports call it.
    pub by: String,
    /// What it found; none if it was inconclusive.
    pub code: Option<FindingCode>,
    /// What it is about.
    pub subject: Subject,
}

impl Seen {
    /// What tables differ in, each of them: a report names only the first ones.
    pub fn in_tables(by: &str, differences: &[Difference]) -> Vec<Self> {
        let wrong = differences.iter().filter_map(|difference| Some((difference.code()?, difference.table.clone())));
        wrong
            .map(|(code, table)| Self { by: by.to_owned(), code: Some(code), subject: Subject::Table(table) })
            .collect()
    }

    /// What the structure differs in.
    pub fn in_structure(by: &str, difference: &StructureDifference) -> Vec<Self> {
        let lost = difference.lost.iter().map(|name| (FindingCode::StructureLost, name));
        let broken = difference.broken.iter().map(|name| (FindingCode::StructureInvalid, name));
        let harmful = difference.harmful.iter().map(|name| (FindingCode::StructureHarmful, name));
        lost.chain(broken)
            .chain(harmful)
            .map(|(code, name)| Self { by: by.to_owned(), code: Some(code), subject: Subject::Structure(name.clone()) })
            .collect()
    }

    /// What files differ in.
    pub fn in_files(by: &str, differences: &[FileDifference]) -> Vec<Self> {
        let wrong = differences.iter().filter(|difference| difference.allowed.is_none());
        let seen = |it: &FileDifference| Self {
            by: by.to_owned(),
            code: Some(it.code),
            subject: Subject::File(it.file.clone()),
        };
        wrong.map(seen).collect()
    }

    /// The findings of a report, and what was inconclusive.
    pub fn in_report(report: &CheckReport) -> Vec<Self> {
        let by = report.title();
        let found = report.findings.iter().map(|finding| (Some(finding.code), Some(finding.subject.clone())));
        let unclear = report.inconclusive.iter().map(|reason| (None, reason.subject.clone()));
        let of_check = || Subject::Request(report.name.clone(), RequestPart::Whole);
        let seen = |(code, subject): (Option<FindingCode>, Option<Subject>)| Self {
            by: by.clone(),
            code,
            subject: subject.unwrap_or_else(of_check),
        };
        found.chain(unclear).map(seen).collect()
    }
}

/// Judges a mutation that was planted, by what the checks found after that, and before. `before` and `now` are the database
/// as it was without the mutation and with it.
pub fn judge_mutation(
    mutation: &Mutation,
    product: &Product,
    noise: &[Seen],
    seen: &[Seen],
    (before, now): (Option<&DataState>, Option<&DataState>),
) -> Fate {
    let changed = changed_items(mutation, before, now);
    let about = |seen: &&Seen| match (&mutation.target, &seen.subject) {
        (MutationTarget::Column { table, .. } | MutationTarget::Table(table), Subject::Table(named)) => table == named,
        (MutationTarget::Structure(_), Subject::Structure(named)) => changed.contains(named),
        (MutationTarget::File(file), Subject::File(named)) => named == file,
        (MutationTarget::Service(service), Subject::Service(named) | Subject::Log(named)) => named == service,
        (MutationTarget::Response { request, .. }, Subject::Request(named, _) | Subject::Query(named, _)) => {
            request == named
        }
        _ => false,
    };
    if let Some(seen) = noise.iter().find(about) {
        return Fate::Masked { by: seen.by.clone(), code: seen.code };
    }
    // A finding says more than that something was inconclusive.
    // What is wrong with a response may show in a later request of its check.
    let response = matches!(mutation.target, MutationTarget::Response { .. });
    let caused = |seen: &&Seen| if response { !noise.contains(seen) } else { about(seen) };
    match seen.iter().filter(caused).max_by_key(|it| it.code.is_some()) {
        Some(seen) => Fate::Noticed { by: seen.by.clone(), code: seen.code },
        None => excuse(product, mutation).map_or(Fate::Survived, Fate::Excused),
    }
}

/// The names of the objects that a mutation of the structure changed: those of its kind and its table that are not both
/// before and now.
fn changed_items(mutation: &Mutation, before: Option<&DataState>, now: Option<&DataState>) -> BTreeSet<String> {
    let MutationTarget::Structure(of) = &mutation.target else { return BTreeSet::new() };
    let of_state = |state: Option<&DataState>| -> BTreeSet<Item> {
        let structure = state.and_then(|state| state.structure.as_ref());
        let all = structure.map_or(&[][..], |structure| structure.items.as_slice()).iter();
        all.filter(|item| super::changed_items(mutation.kind).contains(&item.kind) && item.table == *of)
            .cloned()
            .collect()
    };
    of_state(before).symmetric_difference(&of_state(now)).map(name_structure).collect()
}

/// Why the product file lets a mutation pass.
fn excuse(product: &Product, mutation: &Mutation) -> Option<String> {
    let (data, files) = (product.checks.data.as_ref(), &product.checks.files);
    let name = mutation.target.to_string();
    let accepts = |it: &&AcceptedMutation| it.kind == mutation.kind && fits(&it.target, &name);
    if let Some(accepted) = product.checks.accepted_mutations.iter().find(accepts) {
        return Some(accepted.because.to_string());
    }
    match &mutation.target {
        MutationTarget::Column { table, column } => {
            let full = format!("{table}.{column}");
            let data = data?;
            let volatile = data.volatile.iter().find(|pattern| fits(pattern, &full));
            let volatile = volatile.map(|pattern| format!("volatile: {pattern}"));
            volatile.or_else(|| data.elsewhere.get(table).map(|because| format!("elsewhere: {because}")))
        }
        MutationTarget::Table(table) => data?.elsewhere.get(table).map(|because| format!("elsewhere: {because}")),
        MutationTarget::File(file) => {
            let volatile = files.volatile.iter().find(|(pattern, _)| fits(pattern, file));
            volatile.map(|(pattern, because)| format!("volatile: {pattern}: {because}"))
        }
        MutationTarget::Structure(_) | MutationTarget::Service(_) | MutationTarget::Response { .. } => None,
    }
}

/// The reports of judged mutations, one for each kind of mutation and kind of check: what survived is a finding.
pub fn mutation_reports(all: &[Judged]) -> Vec<CheckReport> {
    let mut groups: BTreeMap<(CheckKind, MutationKind), Vec<&Judged>> = BTreeMap::new();
    for judged in all {
        groups.entry((check_kind(&judged.mutation), judged.mutation.kind)).or_default().push(judged);
    }
    groups.into_iter().map(|((check, kind), group)| report(check, kind, &group)).collect()
}

fn report(check: CheckKind, kind: MutationKind, group: &[&Judged]) -> CheckReport {
    let mut report = CheckReport::new(check, kind.name());
    let (mut by, mut excused, mut unplanted) = (BTreeMap::<String, usize>::new(), Vec::new(), Vec::new());
    for judged in group {
        let target = &judged.mutation.target;
        match &judged.fate {
            Fate::Noticed { by: check, code } => {
                report.assertions += 1;
                *by.entry(format!("{check} ({})", name(*code))).or_default() += 1;
            }
            Fate::Survived => {
                report.assertions += 1;
                let (code, subject) = (FindingCode::MutationSurvived, subject(target));
                let expected = format!("a check notices: {kind}");
                report.findings.push(Finding::new(code, subject, expected, "no check noticed it"));
            }
            Fate::Excused(because) => {
                report.assertions += 1;
                excused.push(format!("{target}: not noticed, as the product file says: {because}"));
            }
            Fate::NotPlanted(because) => unplanted.push(format!("{target}: not planted: {because}")),
            Fate::Masked { by, code } => {
                let text = format!("it differs from the baseline before anything is planted: {by} ({})", name(*code));
                report.cannot_tell_about(InconclusiveCode::NotComparable, subject(target), text);
            }
        }
    }
    report.notes.extend(by.into_iter().map(|(by, count)| format!("{count} noticed by {by}")));
    report.notes.extend(excused);
    report.notes.extend(unplanted);
    report.decide()
}

fn name(code: Option<FindingCode>) -> &'static str {
    code.map_or("inconclusive", FindingCode::name)
}

fn subject(target: &MutationTarget) -> Subject {
    match target {
        MutationTarget::Column { table, column } => Subject::Table(format!("{table}.{column}")),
        MutationTarget::Table(table) => Subject::Table(table.clone()),
        MutationTarget::Structure(name) => Subject::Structure(name.clone()),
        MutationTarget::File(name) => Subject::File(name.clone()),
        MutationTarget::Service(name) => Subject::Service(name.clone()),
        MutationTarget::Response { request, .. } => Subject::request(request),
    }
}

fn check_kind(mutation: &Mutation) -> CheckKind {
    match (&mutation.target, mutation.kind) {
        (MutationTarget::Response { kind, .. }, _) => *kind,
        (MutationTarget::File(_), _) => CheckKind::Files,
        (MutationTarget::Service(_), MutationKind::ErrorLogged) => CheckKind::Logs,
        (MutationTarget::Service(_), _) => CheckKind::Health,
        (MutationTarget::Column { .. } | MutationTarget::Table(_) | MutationTarget::Structure(_), _) => CheckKind::Data,
    }
}

#[cfg(test)]
mod tests;
