//! `plan.json` and `summary.json`: what was planned, and what it came to. The latter is kept current during the run.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use rehearse_core::outcome::cause::{Cause, Symptom, SymptomDetail, causes};
use rehearse_core::outcome::coverage::Coverage;
use rehearse_core::outcome::event::{CheckReport, Event, EventKind};
use rehearse_core::outcome::reporter::{ReportError, Reporter};
use rehearse_core::outcome::summary::{Progress, StageRecord, Summary};
use rehearse_core::planning::plan::{Plan, Stage};
use rehearse_core::secret::Redactor;
use schemars::JsonSchema;
use serde::Serialize;

use super::view;
use super::wire::{
    VERSION, WireCheck, WireFinding, WireInconclusive, WireInterference, WireKnown, WireMigration, WireNote,
    WireOutcome, WireReason, WireStep, WireTime, findings, seconds,
};

/// What a rehearsal came to, or has come to so far.
#[derive(Debug, Serialize, JsonSchema)]
struct WireSummary {
    /// The version of this format.
    v: u32,
    /// The scenario.
    scenario: String,
    /// The product.
    product: String,
    /// The run's id.
    run: String,
    /// The version of the tool.
    tool: String,
    /// The source release.
    from: String,
    /// The target as it was named.
    to: String,
    /// When the run began, in seconds since 1970.
    started: u64,
    /// Whether the run has ended; false in a file that a killed run left.
    finished: bool,
    /// The verdict on the rehearsal.
    verdict: WireOutcome,
    /// The verdict without regard to an expectation.
    seen: WireOutcome,
    /// The exit code that this rehearsal gives the process.
    exit_code: u8,
    /// How the run differs from the outcome that the scenario exists to show.
    unmet: Vec<WireFinding>,
    /// What could not be removed.
    leftovers: Vec<String>,
    /// From the first event to the last one.
    wall_s: f64,
    /// Where the time went.
    totals: WireTotals,
    /// The hops, in order.
    hops: Vec<WireHop>,
    /// The assertions of every kind of check that the plan has.
    asserted: Vec<WireAssertions>,
    /// What the checks look at, of what was there on the source release, and by name what they do not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    coverage: Vec<Coverage>,
    /// Kinds of checks that have to assert something in every stage of checks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    require: Vec<String>,
    /// Kinds of checks that were not made, with the reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    skip_checks: BTreeMap<String, String>,
    /// All that is wrong, by root cause.
    causes: Vec<WireCause>,
    /// The stages, in order.
    stages: Vec<WireStage>,
}

/// How many assertions a kind of check made.
#[derive(Debug, Serialize, JsonSchema)]
struct WireAssertions {
    /// The kind.
    kind: String,
    /// In all stages.
    total: u64,
    /// By stage of checks that ended; 0 is a check that had no data.
    stages: BTreeMap<String, u32>,
}

/// A root cause and what follows from it.
#[derive(Debug, Serialize, JsonSchema)]
struct WireCause {
    /// What broke first.
    #[serde(flatten)]
    root: WireSymptom,
    /// What is connected with it.
    consequences: Vec<WireSymptom>,
    /// Stages that were never begun because of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    skipped: Vec<String>,
}

/// One thing that is wrong, and where: a finding, or an inconclusive reason.
#[derive(Debug, Serialize, JsonSchema)]
struct WireSymptom {
    /// The stage.
    stage: String,
    /// The check: `kind: name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<String>,
    /// What the product did wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    finding: Option<WireFinding>,
    /// Why it could not be decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<WireInconclusive>,
    /// The known failure behind that reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<WireKnown>,
}

impl From<&Symptom<'_>> for WireSymptom {
    fn from(symptom: &Symptom<'_>) -> Self {
        let (finding, reason) = match symptom.detail {
            SymptomDetail::Finding(finding) => (Some(WireFinding::from(finding)), None),
            SymptomDetail::Inconclusive(reason) => (None, Some(WireInconclusive::from(reason))),
        };
        // A finding has its own.
        let known = symptom.known().filter(|_| reason.is_some()).map(WireKnown::from);
        let check = symptom.check.map(CheckReport::title);
        Self { stage: symptom.stage.id.0.clone(), check, finding, reason, known }
    }
}

impl From<&Cause<'_>> for WireCause {
    fn from(cause: &Cause<'_>) -> Self {
        Self {
            root: WireSymptom::from(&cause.root),
            consequences: cause.consequences.iter().map(WireSymptom::from).collect(),
            skipped: cause.skipped.iter().map(|stage| stage.0.clone()).collect(),
        }
    }
}

/// Where the time went, in seconds.
#[derive(Debug, Serialize, JsonSchema)]
struct WireTotals {
    /// With the product at work.
    product_s: f64,
    /// Of the rest, with the container engine at work for us.
    engine_s: f64,
    /// What remains: the share of the tool itself.
    own_s: f64,
    /// The share of the tool itself in the whole, from 0 to 1.
    own_share: f64,
}

/// One hop of the path.
#[derive(Debug, Serialize, JsonSchema)]
struct WireHop {
    /// From 1.
    number: u32,
    /// The release before, as planned.
    from: String,
    /// The release after, as planned.
    to: String,
    /// The release that the image held, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<String>,
    /// Why it is in the path.
    because: String,
    /// How it ended: an outcome, `left out`, `not reached` or `under way`.
    fate: String,
}

/// What is known of a stage.
#[derive(Debug, Serialize, JsonSchema)]
struct WireStage {
    /// Its id.
    id: String,
    /// From 1.
    number: u32,
    /// For people.
    title: String,
    /// How it ended.
    outcome: WireOutcome,
    /// Why it is inconclusive, cancelled or skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<WireReason>,
    /// The known failure that is behind the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<WireKnown>,
    /// When it began, in seconds since the run began; none if it did not.
    started_s: Option<f64>,
    /// Where its time went.
    time: WireTime,
    /// What was found wrong outside of checks.
    findings: Vec<WireFinding>,
    /// The interferences that were noticed in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    interferences: Vec<WireInterference>,
    /// Facts worth reporting.
    notes: Vec<WireNote>,
    /// The steps that ended in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<WireStep>,
    /// Migrations that ended in it.
    migrations: Vec<WireMigration>,
    /// The checks made in it.
    checks: Vec<WireCheck>,
}

impl WireStage {
    fn new((stage, record): (&Stage, &StageRecord)) -> Self {
        let began = match record.progress {
            Progress::Waiting => false,
            Progress::Running(_) => true,
            Progress::Done => record.outcome != rehearse_core::outcome::verdict::Outcome::Skipped,
        };
        Self {
            id: stage.id.0.clone(),
            number: stage.number,
            title: stage.title.clone(),
            outcome: match record.progress {
                Progress::Waiting => WireOutcome::Waiting,
                Progress::Running(_) => WireOutcome::Running,
                Progress::Done => record.outcome.into(),
            },
            reason: record.reason.as_ref().map(WireReason::from),
            known: record.known.as_ref().map(WireKnown::from),
            started_s: began.then(|| seconds(record.started)),
            time: record.time.into(),
            findings: findings(&record.findings),
            interferences: record.interferences.iter().map(WireInterference::from).collect(),
            notes: record.notes.iter().map(WireNote::from).collect(),
            steps: record.steps.iter().map(WireStep::from).collect(),
            migrations: record.migrations.iter().map(WireMigration::from).collect(),
            checks: record.checks.iter().map(WireCheck::from).collect(),
        }
    }
}

impl WireSummary {
    fn new(summary: &Summary) -> Option<Self> {
        let run = summary.run()?;
        let totals = view::totals(summary);
        let (verdict, unmet) = summary.verdict();
        Some(Self {
            v: VERSION,
            scenario: run.plan.scenario.clone(),
            product: run.plan.product.clone(),
            run: run.run.0.clone(),
            tool: run.tool.clone(),
            from: run.plan.from.to_string(),
            to: run.plan.to.to_string(),
            started: run.unix,
            finished: summary.finished(),
            verdict: verdict.into(),
            seen: summary.observed().into(),
            exit_code: summary.exit().code(),
            unmet: findings(&unmet),
            leftovers: summary.leftovers().to_vec(),
            wall_s: seconds(totals.wall),
            totals: WireTotals {
                product_s: seconds(totals.product),
                engine_s: seconds(totals.engine),
                own_s: seconds(totals.own),
                own_share: (totals.own_share() * 10_000.0).round() / 10_000.0,
            },
            hops: view::hops(summary)
                .into_iter()
                .map(|view| WireHop {
                    number: view.hop.number,
                    from: view.hop.from.to_string(),
                    to: view.hop.to.to_string(),
                    actual: view.actual,
                    because: view.hop.because.clone(),
                    fate: view.fate.words(),
                })
                .collect(),
            asserted: view::fired(summary)
                .into_iter()
                .map(|fired| WireAssertions {
                    kind: fired.kind.name().to_owned(),
                    total: fired.total,
                    stages: fired.stages.into_iter().map(|(stage, count)| (stage.0.clone(), count)).collect(),
                })
                .collect(),
            coverage: summary.coverage().to_vec(),
            require: required(&run.plan),
            skip_checks: run
                .plan
                .skip_checks
                .iter()
                .map(|(kind, why)| (kind.name().to_owned(), why.to_string()))
                .collect(),
            causes: causes(summary).iter().map(WireCause::from).collect(),
            stages: view::stages(summary).map(WireStage::new).collect(),
        })
    }
}

/// What the run requires, as it is typed.
fn required(plan: &Plan) -> Vec<String> {
    let kinds = plan.require.iter().map(|kind| kind.name().to_owned());
    let coverage = plan.require_coverage.iter();
    kinds.chain(coverage.map(|(kind, percent)| format!("coverage:{}={percent}%", kind.name()))).collect()
}

/// The JSON schema of `summary.json`.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(WireSummary).to_value()
}

/// Writes `plan.json` and `summary.json`.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
    redactor: Redactor,
}

impl Files {
    /// Both files in a folder, which is created if it does not exist.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), redactor: Redactor::default() }
    }

    /// The same, without the secrets that the plan has in its steps.
    #[must_use]
    pub fn redacting(mut self, redactor: Redactor) -> Self {
        self.redactor = redactor;
        self
    }

    fn write(&self, name: &str, value: &impl Serialize) -> Result<(), ReportError> {
        let path = self.folder.join(name);
        let mut value = serde_json::to_value(value).map_err(|source| unwritable(&path, source))?;
        self.redactor.value(&mut value);
        let mut text = serde_json::to_vec_pretty(&value).map_err(|source| unwritable(&path, source))?;
        text.push(b'\n');
        write_atomically(&path, |file| file.write_all(&text)).map_err(|source| unwritable(&path, source))
    }
}

impl Reporter for Files {
    fn report(&mut self, event: &Event, summary: &Summary) -> Result<(), ReportError> {
        let current = match &event.kind {
            EventKind::RunStarted(run) => {
                self.write("plan.json", &run.plan)?;
                true
            }
            EventKind::StageStarted { .. } | EventKind::StageFinished { .. } | EventKind::RunFinished => true,
            EventKind::Progress { .. }
            | EventKind::StepFinished { .. }
            | EventKind::Noted { .. }
            | EventKind::Migrated { .. }
            | EventKind::Checked { .. }
            | EventKind::StageSkipped { .. }
            | EventKind::Interfered { .. }
            | EventKind::LeftBehind { .. } => false,
        };
        match WireSummary::new(summary) {
            Some(wire) if current => self.write("summary.json", &wire),
            _ => Ok(()),
        }
    }
}

/// Writes a file so that a reader finds either the old or the new content, never a part of one.
pub(super) fn write_atomically(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".part");
    path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    let mut file = BufWriter::new(File::create(&unfinished)?);
    write(&mut file)?;
    // Only a file that was written to its end gets the name.
    file.flush()?;
    std::fs::rename(&unfinished, path)
}

/// A file that could not be written.
pub(super) fn unwritable(path: &Path, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ReportError {
    ReportError { what: path.display().to_string(), source: source.into() }
}
