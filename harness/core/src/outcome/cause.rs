//! Groups all that is wrong in a run by root cause: one thing that broke gives one cause, and what follows from it is
//! listed under it.
//!
//! A symptom is a consequence only where evidence connects it with the cause: the same command, the same silent service,
//! the same error in both, a schema that is behind and an object that is missing. What cannot be connected stays a cause
//! of its own, so that nothing that may be independent is hidden below something else.

mod shape;

use std::collections::BTreeSet;

use super::code::FindingCode;
use super::event::CheckReport;
use super::finding::{Finding, Known};
use super::reason::{Inconclusive, Reason, SkipReason};
use super::subject::Subject;
use super::summary::{Progress, StageRecord, Summary};
use super::verdict::Outcome;
use crate::model::scenario::CheckKind;
use crate::planning::plan::{Phase, Stage};
use crate::vocabulary::ident::StageId;
use shape::{Shape, shapes, undefined};

/// One thing that is wrong, and where.
#[derive(Debug, Clone, Copy)]
pub struct Symptom<'a> {
    /// The stage.
    pub stage: &'a StageRecord,
    /// The check; none for what a stage found outside of checks.
    pub check: Option<&'a CheckReport>,
    /// What.
    pub detail: SymptomDetail<'a>,
}

/// What is wrong.
#[derive(Debug, Clone, Copy)]
pub enum SymptomDetail<'a> {
    /// The product failed.
    Finding(&'a Finding),
    /// We could not tell, and why.
    Inconclusive(&'a Inconclusive),
}

impl<'a> Symptom<'a> {
    /// The known failure it is.
    pub fn known(&self) -> Option<&'a Known> {
        match (self.detail, self.check) {
            (SymptomDetail::Finding(finding), _) => finding.known.as_ref(),
            (SymptomDetail::Inconclusive(_), Some(check)) => check.known.as_ref(),
            (SymptomDetail::Inconclusive(_), None) => self.stage.known.as_ref(),
        }
    }

    /// The stage, and the check if there is one: `hop-1/check / health: home`.
    pub fn place(&self) -> String {
        match self.check {
            Some(check) => format!("{} / {}", self.stage.id, check.title()),
            None => self.stage.id.to_string(),
        }
    }

    /// The outcome that it gives its stage or check.
    pub fn outcome(&self) -> Outcome {
        match self.detail {
            SymptomDetail::Finding(_) => Outcome::Failed,
            SymptomDetail::Inconclusive(_) => Outcome::Inconclusive,
        }
    }

    /// The finding or the reason, as one text for people.
    pub fn text(&self) -> String {
        match self.detail {
            SymptomDetail::Finding(finding) => finding.to_string(),
            SymptomDetail::Inconclusive(reason) => reason.to_string(),
        }
    }

    /// Whether it belongs to this stage and check.
    pub fn is_of(&self, stage: &StageId, check: Option<&CheckReport>) -> bool {
        let title = |check: &CheckReport| (check.kind, check.name.clone());
        self.stage.id == *stage && self.check.map(title) == check.map(title)
    }
}

/// A root cause and what follows from it.
#[derive(Debug, Clone)]
pub struct Cause<'a> {
    /// What broke first.
    pub root: Symptom<'a>,
    /// What is connected with it.
    pub consequences: Vec<Symptom<'a>>,
    /// Stages that were never begun because of it.
    pub skipped: Vec<&'a StageId>,
}

/// How close a kind of symptom is to the root, closest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Migration,
    Step,
    Service,
    Schema,
    Data,
    Health,
    Responses,
    Logs,
    Performance,
    Inconclusive,
}

impl Rank {
    fn of(symptom: &Symptom<'_>) -> Self {
        let SymptomDetail::Finding(finding) = symptom.detail else { return Self::Inconclusive };
        match (symptom.check.map(|check| check.kind), &finding.subject) {
            (None, Subject::Migration(_)) => Self::Migration,
            (None | Some(CheckKind::Version | CheckKind::Health), Subject::Service(_)) => Self::Service,
            (None, _) => Self::Step,
            (Some(kind), _) => Self::of_kind(kind),
        }
    }

    fn of_kind(kind: CheckKind) -> Self {
        match kind {
            CheckKind::Version | CheckKind::Health => Self::Health,
            CheckKind::Migrations => Self::Schema,
            CheckKind::Data | CheckKind::Files | CheckKind::Fresh => Self::Data,
            CheckKind::Access
            | CheckKind::Crawl
            | CheckKind::Graphql
            | CheckKind::Repositories
            | CheckKind::Artifacts
            | CheckKind::Journeys => Self::Responses,
            CheckKind::Logs => Self::Logs,
            CheckKind::Performance => Self::Performance,
        }
    }
}

/// A symptom with everything that can connect it with another one.
struct Node<'a> {
    symptom: Symptom<'a>,
    at: usize,
    stage: &'a Stage,
    rank: Rank,
    text: String,
    shapes: BTreeSet<Shape>,
}

impl<'a> Node<'a> {
    /// Only a symptom that is compared with others needs a copy of its text.
    fn new(symptom: Symptom<'a>, at: usize, stage: &'a Stage, compared: bool) -> Self {
        let text = if compared { symptom.text() } else { String::new() };
        Self { rank: Rank::of(&symptom), shapes: shapes(&text), symptom, at, stage, text }
    }

    fn finding(&self) -> Option<&'a Finding> {
        match self.symptom.detail {
            SymptomDetail::Finding(finding) => Some(finding),
            SymptomDetail::Inconclusive(_) => None,
        }
    }

    fn subject(&self) -> Option<&'a Subject> {
        self.finding().map(|finding| &finding.subject)
    }

    /// The service that it is about.
    fn of_service(&self) -> Option<&'a str> {
        if let Subject::Service(name) = self.subject()? { Some(name) } else { None }
    }

    /// The service whose log it is about.
    fn of_log(&self) -> Option<&'a str> {
        let finding = self.finding()?;
        if let Subject::Log(_) = finding.subject { finding.service.as_deref() } else { None }
    }

    /// The table that it is about.
    fn of_table(&self) -> Option<&'a str> {
        if let Subject::Table(name) = self.subject()? { Some(name) } else { None }
    }

    fn of_checks(&self) -> bool {
        self.symptom.check.is_some()
    }

    fn same_stage(&self, other: &Self) -> bool {
        self.at == other.at
    }

    /// Whether both are about the same deployment on the same release: only then can one follow from the other.
    fn near(&self, other: &Self) -> bool {
        let place = |item: &Self| (item.stage.phase, item.stage.hop);
        let one_deployment = matches!(self.stage.phase, Phase::Hop | Phase::Rollback);
        self.same_stage(other) || (one_deployment && place(self) == place(other))
    }

    /// Whether evidence connects `other` with this symptom as a consequence of it.
    fn explains(&self, other: &Self) -> bool {
        self.near(other)
            && (self.known_to_cause(other)
                || self.broke_step_of(other)
                || self.silences(other)
                || self.shapes.intersection(&other.shapes).next().is_some()
                || self.lacks_schema_for(other)
                || self.lost_table_of(other)
                || self.logged_error_of(other))
    }

    fn known_to_cause(&self, other: &Self) -> bool {
        match (self.symptom.known(), other.symptom.known()) {
            (Some(own), Some(known)) => own.id == known.id || known.consequence_of.contains(&own.id),
            (Some(_) | None, _) => false,
        }
    }

    /// Steps end at the first that fails: what a stage reports besides its failed migration comes from the same command,
    /// and what its checks find is what that command left behind.
    fn broke_step_of(&self, other: &Self) -> bool {
        let broke = matches!(self.rank, Rank::Migration | Rank::Step | Rank::Service) && !self.of_checks();
        let same = || self.subject() == other.subject();
        broke
            && self.same_stage(other)
            && (other.of_checks() || (other.finding().is_some() && (self.rank == Rank::Migration || same())))
    }

    /// This is a service that ended or is not ready, and the other symptom is that it did not respond.
    fn silences(&self, other: &Self) -> bool {
        let Some(name) = self.of_service().filter(|_| self.rank == Rank::Service) else { return false };
        let Some(finding) = other.finding() else { return words(&other.text).any(|word| word == name) };
        let was_requested = finding.service.as_deref() == Some(name);
        let status = self.finding().and_then(|own| own.status).filter(|status| *status >= 500);
        let same_status = status.is_some() && finding.status == status;
        // The product's own words, in whatever it responded with.
        let names_connection = || {
            let connection_words = ["connect", "refused", "resolve", "unreachable", "not known", "closed"];
            let actual = finding.actual.to_lowercase();
            words(&finding.actual).any(|word| word == name) && connection_words.iter().any(|part| actual.contains(part))
        };
        let logged = || {
            let lines = self.finding().and_then(|own| own.quote.as_deref()).unwrap_or_default();
            let line = finding.quote.as_deref().unwrap_or_default().trim();
            other.of_log() == Some(name) && !line.is_empty() && lines.contains(line)
        };
        (was_requested && (finding.code == FindingCode::NoResponse || same_status))
            || other.of_service() == Some(name)
            || names_connection()
            || logged()
    }

    /// The schema is behind the code, and the other symptom is a missing object.
    fn lacks_schema_for(&self, other: &Self) -> bool {
        matches!(self.rank, Rank::Migration | Rank::Schema) && other.rank > Rank::Schema && undefined(&other.shapes)
    }

    /// A table or column has changed, and the other symptom names it.
    fn lost_table_of(&self, other: &Self) -> bool {
        let Some(name) = self.of_table().filter(|_| self.rank == Rank::Data) else { return false };
        let last = name.rsplit('.').next().unwrap_or(name);
        (other.rank == Rank::Data && other.of_table() == Some(name) && !self.same_stage(other))
            || other.shapes.iter().any(|shape| shape.object == last)
    }

    /// A service logged an error that is already connected, and the other symptom is an error that it responded with.
    fn logged_error_of(&self, other: &Self) -> bool {
        let Some(name) = self.of_log().filter(|_| !self.shapes.is_empty()) else { return false };
        other.finding().is_some_and(|finding| {
            self.same_stage(other)
                && finding.service.as_deref() == Some(name)
                && finding.status.is_some_and(|status| status >= 500)
        })
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_')
}

/// With more symptoms than this they are not compared with each other, and each is a cause of its own.
const COMPARED: usize = 2000;

/// The root causes of all that is wrong, in the order of the stages, nearest the root first.
pub fn causes(summary: &Summary) -> Vec<Cause<'_>> {
    let planned = summary.plan().map_or(&[][..], |plan| plan.stages.as_slice());
    let stages: Vec<(&Stage, &StageRecord)> = planned.iter().zip(summary.stages()).collect();
    let done = || stages.iter().enumerate().filter(|(_, (_, record))| record.progress == Progress::Done);
    let compared = done().map(|(_, (_, record))| symptoms(record).len()).sum::<usize>() <= COMPARED;
    let mut groups: Vec<Vec<Node<'_>>> = Vec::new();
    for (at, (stage, record)) in done() {
        groups.extend(symptoms(record).into_iter().map(|symptom| vec![Node::new(symptom, at, stage, compared)]));
    }
    groups.sort_by_key(|group| group.first().map(|item| (item.rank, item.at)));
    if compared {
        while merge(&mut groups) {}
    }
    groups.sort_by_key(|group| group.first().map(|item| (item.at, item.rank)));
    let mut causes: Vec<Cause<'_>> = groups
        .into_iter()
        .filter_map(|group| {
            let mut items = group.into_iter();
            let root = items.next()?.symptom;
            let mut rest: Vec<Node<'_>> = items.collect();
            rest.sort_by_key(|item| (item.at, item.rank));
            let consequences = rest.into_iter().map(|item| item.symptom).collect();
            Some(Cause { root, consequences, skipped: Vec::new() })
        })
        .collect();
    for (_, record) in stages.iter().filter(|(_, record)| record.outcome == Outcome::Skipped) {
        let caused_by = |id: &StageId| match record.reason.as_ref().and_then(Reason::skipped) {
            Some(SkipReason::Stage { stage, .. }) => stage == id,
            Some(_) | None => false,
        };
        let of_root = causes.iter().position(|cause| caused_by(&cause.root.stage.id));
        let of_any =
            || causes.iter().position(|cause| cause.consequences.iter().any(|other| caused_by(&other.stage.id)));
        if let Some(cause) = of_root.or_else(of_any).and_then(|at| causes.get_mut(at)) {
            cause.skipped.push(&record.id);
        }
    }
    causes
}

/// Puts one group below another that explains it; false if no such pair is left.
fn merge(groups: &mut Vec<Vec<Node<'_>>>) -> bool {
    for other in (1..groups.len()).rev() {
        let explains = |group: &&Vec<Node<'_>>| {
            groups[other].first().is_some_and(|root| group.iter().any(|item| item.explains(root)))
        };
        if let Some(at) = groups[..other].iter().position(|group| explains(&group)) {
            let moved = groups.remove(other);
            groups[at].extend(moved);
            return true;
        }
    }
    false
}

fn symptoms(record: &StageRecord) -> Vec<Symptom<'_>> {
    let symptom = |check, detail| Symptom { stage: record, check, detail };
    let mut all: Vec<Symptom<'_>> =
        record.findings.iter().map(|finding| symptom(None, SymptomDetail::Finding(finding))).collect();
    if record.outcome == Outcome::Inconclusive {
        all.extend(
            record
                .reason
                .iter()
                .filter_map(Reason::inconclusive)
                .map(|reason| symptom(None, SymptomDetail::Inconclusive(reason))),
        );
    }
    for check in &record.checks {
        all.extend(check.findings.iter().map(|finding| symptom(Some(check), SymptomDetail::Finding(finding))));
        all.extend(check.inconclusive.iter().map(|reason| symptom(Some(check), SymptomDetail::Inconclusive(reason))));
    }
    all
}
