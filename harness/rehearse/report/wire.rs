//! The shapes that `events.jsonl` and `summary.json` share. They are a public contract, so they are not the core's own
//! types: those may change from one day to the next.

use std::collections::BTreeMap;
use std::time::Duration;

use rehearse_core::observation::migrations::Migration;
use rehearse_core::outcome::event::{CheckReport, StageTime};
use rehearse_core::outcome::finding::{Finding, Known};
use rehearse_core::outcome::note::Note;
use rehearse_core::outcome::reason::{Inconclusive, Reason, SkipReason};
use rehearse_core::outcome::subject::Subject;
use rehearse_core::outcome::summary::StepRecord;
use rehearse_core::outcome::verdict::{Interference, Outcome, Verdict};
use schemars::JsonSchema;
use serde::Serialize;

/// The version of both formats. A new field keeps it; a removed field or a changed meaning raises it.
pub(super) const VERSION: u32 = 1;

/// Seconds, to the millisecond.
pub(super) fn seconds(time: Duration) -> f64 {
    time.as_millis() as f64 / 1000.0
}

/// How a stage or a check ended.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WireOutcome {
    /// Every assertion held.
    Passed,
    /// The product's fault.
    Failed,
    /// We could not tell.
    Inconclusive,
    /// Stopped from outside.
    Cancelled,
    /// Never begun.
    Skipped,
    /// Begun, but not ended; only in the summary of a run that still runs or was killed.
    Running,
    /// Not begun yet; only in the summary of a run that still runs or was killed.
    Waiting,
}

impl From<Outcome> for WireOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Passed => Self::Passed,
            Outcome::Failed => Self::Failed,
            Outcome::Inconclusive => Self::Inconclusive,
            Outcome::Cancelled => Self::Cancelled,
            Outcome::Skipped => Self::Skipped,
        }
    }
}

impl From<Verdict> for WireOutcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Passed => Self::Passed,
            Verdict::Failed => Self::Failed,
            Verdict::Inconclusive => Self::Inconclusive,
            Verdict::Cancelled => Self::Cancelled,
        }
    }
}

/// A fault of the product that was observed.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WireFinding {
    /// What kind of fault it is: `data.rows-lost`.
    code: String,
    /// What it is about.
    subject: WireSubject,
    /// What was expected.
    expected: String,
    /// What was observed instead.
    actual: String,
    /// The file in the output folder that shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<String>,
    /// The known failure it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<WireKnown>,
}

/// Something from outside that came between the run and what it rehearses.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WireInterference {
    /// `engine-gone`, `engine-restarted`, `out-of-memory`, `disk-full`, `container-touched`, `network-touched`
    /// or `image-touched`.
    kind: String,
    /// What it happened to.
    object: String,
    /// What was observed.
    observed: String,
    /// What to do before the next try.
    remedy: String,
}

impl From<&Interference> for WireInterference {
    fn from(interference: &Interference) -> Self {
        let Interference { kind, object, observed, remedy } = interference.clone();
        Self { kind: kind.name().to_owned(), object, observed, remedy }
    }
}

/// A known failure of the product file that was recognised.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WireKnown {
    /// Its id.
    id: String,
    /// Why it happens.
    cause: String,
    /// What to do about it.
    remedy: String,
    /// The document that says so, or where it was measured.
    source: String,
}

impl From<&Known> for WireKnown {
    fn from(known: &Known) -> Self {
        let Known { id, cause, remedy, source, consequence_of: _ } = known.clone();
        Self { id, cause, remedy, source }
    }
}

impl From<&Finding> for WireFinding {
    fn from(finding: &Finding) -> Self {
        let Finding { code, subject, expected, actual, evidence, known, .. } = finding.clone();
        let (code, subject) = (code.name().to_owned(), WireSubject::from(&subject));
        Self { code, subject, expected, actual, evidence, known: known.as_ref().map(WireKnown::from) }
    }
}

/// What a finding or a reason is about.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WireSubject {
    /// `service`, `table`, `request`, …
    kind: String,
    /// Its name among those of its kind; empty where there is only one.
    name: String,
}

impl From<&Subject> for WireSubject {
    fn from(subject: &Subject) -> Self {
        Self { kind: subject.kind().to_owned(), name: subject.name() }
    }
}

/// Why something could not be decided.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WireInconclusive {
    /// What kind of reason it is: `nothing-asserted`.
    code: String,
    /// What it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<WireSubject>,
    /// For people.
    text: String,
}

impl From<&Inconclusive> for WireInconclusive {
    fn from(reason: &Inconclusive) -> Self {
        let subject = reason.subject.as_ref().map(WireSubject::from);
        Self { code: reason.code.name().to_owned(), subject, text: reason.text.clone() }
    }
}

/// Why a stage did not pass or fail.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WireReason {
    /// What kind of reason it is: an inconclusive code, `cancelled`, or why it was skipped:
    /// `stage-not-passed`, `stop-not-needed`, `run-cancelled`, `deadline`, `interfered`, `no-baseline`,
    /// `rollback-skipped`, `startup-failed`.
    code: String,
    /// The stage because of which it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<String>,
    /// For people.
    text: String,
}

impl From<&Reason> for WireReason {
    fn from(reason: &Reason) -> Self {
        let (code, stage) = match reason {
            Reason::Inconclusive(reason) => (reason.code.name(), None),
            Reason::Cancelled(_) => ("cancelled", None),
            Reason::Skipped(reason) => (skip_code(reason), skipped_by(reason)),
        };
        Self { code: code.to_owned(), stage, text: reason.to_string() }
    }
}

impl From<&SkipReason> for WireReason {
    fn from(reason: &SkipReason) -> Self {
        Self { code: skip_code(reason).to_owned(), stage: skipped_by(reason), text: reason.to_string() }
    }
}

fn skip_code(reason: &SkipReason) -> &'static str {
    match reason {
        SkipReason::Stage { .. } => "stage-not-passed",
        SkipReason::NotNeeded(_) => "stop-not-needed",
        SkipReason::Cancelled => "run-cancelled",
        SkipReason::Deadline(_) => "deadline",
        SkipReason::Interfered(_) => "interfered",
        SkipReason::NoBaseline => "no-baseline",
        SkipReason::RollbackSkipped(_) => "rollback-skipped",
        SkipReason::StartupFailed => "startup-failed",
    }
}

fn skipped_by(reason: &SkipReason) -> Option<String> {
    if let SkipReason::Stage { stage, .. } = reason { Some(stage.to_string()) } else { None }
}

/// A fact that changes no outcome.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WireNote {
    /// What kind of note it is: `image-resolved`, `stop-decided`, `remark`, …
    kind: String,
    /// For people.
    text: String,
}

impl From<&Note> for WireNote {
    fn from(note: &Note) -> Self {
        Self { kind: note.kind().to_owned(), text: note.to_string() }
    }
}

/// A step that ended.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WireStep {
    /// Its id: `hop-1/upgrade.3`.
    id: String,
    /// How it ended.
    outcome: WireOutcome,
    /// How long it took, in seconds.
    took_s: f64,
}

impl From<&StepRecord> for WireStep {
    fn from(step: &StepRecord) -> Self {
        Self { id: step.id.to_string(), outcome: step.outcome.into(), took_s: seconds(step.took) }
    }
}

/// Findings as files have them.
pub(super) fn findings(findings: &[Finding]) -> Vec<WireFinding> {
    findings.iter().map(WireFinding::from).collect()
}

/// Where the time of a stage went, in seconds.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WireTime {
    /// From its beginning to its end.
    wall_s: f64,
    /// Of that, with the product at work.
    product_s: f64,
    /// Of the rest, with the container engine at work for us.
    engine_s: f64,
    /// What remains: the share of the tool itself.
    own_s: f64,
}

impl From<StageTime> for WireTime {
    fn from(time: StageTime) -> Self {
        Self {
            wall_s: seconds(time.wall),
            product_s: seconds(time.product),
            engine_s: seconds(time.engine),
            own_s: seconds(time.own()),
        }
    }
}

/// A migration that ended.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WireMigration {
    /// Its version.
    version: String,
    /// Its name.
    name: String,
    /// How long it took, as the migrator states or as its output arrived.
    seconds: Option<f64>,
}

impl From<&Migration> for WireMigration {
    fn from(migration: &Migration) -> Self {
        let Migration { version, name, took } = migration.clone();
        Self { version, name, seconds: took.map(seconds) }
    }
}

/// What a check came to.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WireCheck {
    /// Its kind: `version`, `health`, `migrations`, `data`, …
    kind: String,
    /// Its name, unique in its kind and stage.
    name: String,
    /// What it came to.
    outcome: WireOutcome,
    /// How many assertions it made on data.
    assertions: u32,
    /// How long it took, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    took_s: Option<f64>,
    /// What is wrong.
    findings: Vec<WireFinding>,
    /// Why it is inconclusive.
    inconclusive: Vec<WireInconclusive>,
    /// The known failure behind the inconclusive reasons.
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<WireKnown>,
    /// What was accepted by a reviewed rule, and figures.
    notes: Vec<String>,
    /// How many rows, values, files, texts or parts of the structure each reviewed rule let through, by its release and
    /// reason; 0 for a rule that was not needed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    rules: BTreeMap<String, u64>,
    /// Files in the output folder that show what was observed.
    evidence: Vec<String>,
}

impl From<&CheckReport> for WireCheck {
    fn from(check: &CheckReport) -> Self {
        Self {
            kind: check.kind.name().to_owned(),
            name: check.name.clone(),
            outcome: check.outcome.into(),
            assertions: check.assertions,
            took_s: check.took.map(seconds),
            findings: findings(&check.findings),
            inconclusive: check.inconclusive.iter().map(WireInconclusive::from).collect(),
            known: check.known.as_ref().map(WireKnown::from),
            notes: check.notes.clone(),
            rules: check.rules.clone(),
            evidence: check.evidence.clone(),
        }
    }
}
