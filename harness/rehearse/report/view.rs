//! What several reports need from the fold: the hops and how they ended, where the time went, what was expected.

use std::collections::BTreeMap;
use std::time::Duration;

use rehearse_core::model::scenario::CheckKind;
use rehearse_core::outcome::note::Note;
use rehearse_core::outcome::summary::{Progress, StageRecord, Summary};
use rehearse_core::outcome::verdict::{Outcome, Verdict};
use rehearse_core::planning::plan::{PlannedHop, Stage, StageAction};
use rehearse_core::vocabulary::ident::StageId;

/// The stages of the plan, each with what is known of it.
pub(super) fn stages(summary: &Summary) -> impl Iterator<Item = (&Stage, &StageRecord)> {
    summary.plan().into_iter().flat_map(|plan| &plan.stages).zip(summary.stages())
}

/// The stage whose failure the scenario exists to show, if it failed exactly as expected.
pub(super) fn as_expected(summary: &Summary) -> Option<&StageRecord> {
    let expectation = summary.run()?.expectation.as_ref()?;
    let met = summary.finished() && summary.verdict().0 == Verdict::Passed;
    summary.first_trouble().filter(|stage| met && expectation.stage.selects(&stage.id, stage.hop))
}

/// Whether the trouble of a stage is what the scenario exists to show: the failure itself, or one that it says follows
/// from it.
pub(super) fn is_as_expected(summary: &Summary, stage: &StageRecord) -> bool {
    let Some(expectation) = summary.run().and_then(|run| run.expectation.as_ref()) else { return false };
    let named = expectation.stage.selects(&stage.id, stage.hop) || expectation.consequences.contains(&stage.id);
    named && as_expected(summary).is_some()
}

/// How many assertions a kind of check made.
#[derive(Debug)]
pub(super) struct Fired<'a> {
    pub(super) kind: CheckKind,
    pub(super) total: u64,
    /// By stage, in order.
    pub(super) stages: Vec<(&'a StageId, u32)>,
}

impl Fired<'_> {
    /// The stages in which it made none.
    pub(super) fn empty_stages(&self) -> Vec<&str> {
        self.stages.iter().filter(|(_, fired)| *fired == 0).map(|(stage, _)| stage.0.as_str()).collect()
    }
}

/// The assertions of every kind of check that the plan has, in the stages that ended.
pub(super) fn fired(summary: &Summary) -> Vec<Fired<'_>> {
    let mut all: Vec<Fired<'_>> = Vec::new();
    for (stage, kind, fired) in summary.fired() {
        match all.iter_mut().find(|known| known.kind == kind) {
            Some(known) => {
                known.total += u64::from(fired);
                known.stages.push((stage, fired));
            }
            None => all.push(Fired { kind, total: u64::from(fired), stages: vec![(stage, fired)] }),
        }
    }
    all.sort_by_key(|fired| fired.kind);
    all
}

/// How a hop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Everything of it that began has ended, with this as the worst outcome.
    Ended(Outcome),
    /// The restored data did not need it.
    LeftOut,
    /// The path ended before it, or the run has not come to it yet.
    NotReached,
    /// It began and has not ended.
    UnderWay,
}

impl Fate {
    /// In words.
    pub(super) fn words(self) -> String {
        match self {
            Self::Ended(outcome) => outcome.to_string(),
            Self::LeftOut => "left out".to_owned(),
            Self::NotReached => "not reached".to_owned(),
            Self::UnderWay => "under way".to_owned(),
        }
    }
}

/// A hop, its stages and how it ended.
#[derive(Debug)]
pub(super) struct HopView<'a> {
    pub(super) hop: &'a PlannedHop,
    /// The release that the image held, or the planned one where that is not known.
    pub(super) to: String,
    /// The release that the image held, where that is known.
    pub(super) actual: Option<String>,
    pub(super) fate: Fate,
    pub(super) upgrade: Option<&'a StageRecord>,
    pub(super) check: Option<&'a StageRecord>,
}

/// The hops of the plan.
pub(super) fn hops(summary: &Summary) -> Vec<HopView<'_>> {
    let actual = actual(summary);
    let hops = summary.plan().map_or(&[][..], |plan| &plan.hops);
    let view = |hop| view_hop(summary, hop, actual.get(&hop.number));
    hops.iter().map(view).collect()
}

fn view_hop<'a>(summary: &'a Summary, hop: &'a PlannedHop, actual: Option<&String>) -> HopView<'a> {
    let own: Vec<(&Stage, &StageRecord)> = stages(summary).filter(|(stage, _)| stage.hop == Some(hop.number)).collect();
    let stage_with = |wanted: fn(&StageAction) -> bool| {
        own.iter().find(|(stage, _)| wanted(&stage.action)).map(|(_, record)| *record)
    };
    let any = |outcome| own.iter().any(|(_, record)| record.progress == Progress::Done && record.outcome == outcome);
    let began = |record: &StageRecord| record.progress != Progress::Waiting && record.outcome != Outcome::Skipped;
    let running = own.iter().any(|(_, record)| matches!(record.progress, Progress::Running(_)));
    let waiting = own.iter().any(|(_, record)| record.progress == Progress::Waiting);
    let broken = stages(summary)
        .take_while(|(stage, _)| stage.hop != Some(hop.number))
        .any(|(_, record)| matches!(record.outcome, Outcome::Failed | Outcome::Inconclusive | Outcome::Cancelled));
    let worst = [Outcome::Failed, Outcome::Cancelled, Outcome::Inconclusive].into_iter().find(|outcome| any(*outcome));
    let fate = match worst {
        Some(outcome) => Fate::Ended(outcome),
        None if running || (waiting && own.iter().any(|(_, record)| began(record))) => Fate::UnderWay,
        None if any(Outcome::Passed) => Fate::Ended(Outcome::Passed),
        None if hop.when.is_some() && !waiting && !broken => Fate::LeftOut,
        None => Fate::NotReached,
    };
    HopView {
        hop,
        to: actual.cloned().unwrap_or_else(|| hop.to.to_string()),
        actual: actual.cloned(),
        fate,
        upgrade: stage_with(|action| matches!(action, StageAction::Upgrade { .. })),
        check: stage_with(|action| matches!(action, StageAction::Check { .. })),
    }
}

/// The releases that the images of the hops hold.
fn actual(summary: &Summary) -> BTreeMap<u32, String> {
    let notes = summary.stages().iter().flat_map(|record| &record.notes);
    let resolved = |note: &Note| {
        if let Note::ImageResolved { hop, release, .. } = note { Some((*hop, release.to_string())) } else { None }
    };
    notes.filter_map(resolved).collect()
}

/// Where the time of a run went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) wall: Duration,
    pub(super) product: Duration,
    pub(super) engine: Duration,
    pub(super) own: Duration,
}

impl Totals {
    /// The share of the tool itself in the whole.
    pub(super) fn own_share(&self) -> f64 {
        share(self.own, self.wall)
    }
}

/// A part of a whole, from 0 to 1.
pub(super) fn share(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() { 0.0 } else { part.as_secs_f64() / whole.as_secs_f64() }
}

/// Adds up the stages that follow one another. A background stage counts only where nothing else ran: its time overlaps
/// with that of others, and the same second must not count twice.
pub(super) fn totals(summary: &Summary) -> Totals {
    let background = |stage: &Stage| matches!(stage.action, StageAction::Images { background: true, .. });
    let mut totals = Totals { wall: summary.wall(), ..Totals::default() };
    let mut alone = Duration::ZERO;
    for (stage, record) in stages(summary).filter(|(_, record)| record.progress == Progress::Done) {
        if !background(stage) {
            totals.product += record.time.product;
            totals.engine += record.time.engine;
            continue;
        }
        let end = record.started + record.time.wall;
        let covered: Duration = stages(summary)
            .filter(|(other, done)| !background(other) && done.progress == Progress::Done)
            .map(|(_, other)| {
                (other.started + other.time.wall).min(end).saturating_sub(other.started.max(record.started))
            })
            .sum();
        alone += record.time.wall.saturating_sub(covered).min(record.time.engine);
    }
    totals.engine += alone;
    totals.own = totals.wall.saturating_sub(totals.product).saturating_sub(totals.engine);
    totals
}
