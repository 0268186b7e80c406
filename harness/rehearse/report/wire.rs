//! The shapes that `events.jsonl` and `summary.json` share. They are a public contract, so they are not the core's own
//! types: those may change from one day to the next.

use std::time::Duration;

use rehearse_core::observation::migrations::Migration;
use rehearse_core::outcome::event::{CheckReport, StageTime};
use rehearse_core::outcome::verdict::{Finding, Interference, Known, Outcome, Verdict};
use schemars::JsonSchema;
use serde::Serialize;

/// The version of both formats. A field more keeps it; a field less or another meaning raises it.
pub(super) const VERSION: u32 = 1;

/// Seconds, to the millisecond.
pub(super) fn seconds(time: Duration) -> f64 {
    time.as_millis() as f64 / 1000.0
}

/// How a stage or a check ended.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WireOutcome {
    /// All that was asked held.
    Passed,
    /// The product's fault.
    Failed,
    /// We could not tell.
    Inconclusive,
    /// Stopped from outside.
    Cancelled,
    /// Never begun.
    Skipped,
    /// Begun and not ended; only in a summary of a run that is under way or was killed.
    Running,
    /// Not begun yet; only in a summary of a run that is under way or was killed.
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

/// What was found to be wrong.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WireFinding {
    /// The object.
    object: String,
    /// What was expected of it.
    expected: String,
    /// What was seen.
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
    /// What it befell.
    object: String,
    /// What was seen.
    seen: String,
    /// What to do before the next try.
    remedy: String,
}

impl From<&Interference> for WireInterference {
    fn from(interference: &Interference) -> Self {
        let Interference { kind, object, seen } = interference.clone();
        Self { kind: kind.name().to_owned(), object, seen, remedy: kind.remedy().to_owned() }
    }
}

/// A failure that the product's file knows, as it was recognised.
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
        let Finding { object, expected, actual, evidence, known, service: _ } = finding.clone();
        Self { object, expected, actual, evidence, known: known.as_ref().map(WireKnown::from) }
    }
}

/// Findings in their shape for files.
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
    /// What remains: our own share.
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
    /// How long it took, as the migrator says or its output came.
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
    /// How many assertions really fired on data.
    assertions: u32,
    /// How long it took, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    took_s: Option<f64>,
    /// What is wrong.
    findings: Vec<WireFinding>,
    /// Why it cannot tell.
    inconclusive: Vec<String>,
    /// The known failure that is behind what it cannot tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<WireKnown>,
    /// What was accepted by a reviewed rule, and figures.
    notes: Vec<String>,
    /// Files in the output folder that show what was seen.
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
            inconclusive: check.inconclusive.clone(),
            known: check.known.as_ref().map(WireKnown::from),
            notes: check.notes.clone(),
            evidence: check.evidence.clone(),
        }
    }
}
