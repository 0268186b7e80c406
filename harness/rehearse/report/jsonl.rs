//! `events.jsonl`: every event as it happened, one JSON object a line, each on disk before the next.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use rehearse_core::outcome::event::{Event, EventKind, RunStarted};
use rehearse_core::outcome::reporter::{ReportError, Reporter};
use rehearse_core::outcome::summary::StepRecord;
use rehearse_core::outcome::summary::Summary;
use schemars::JsonSchema;
use serde::Serialize;

use super::files::unwritable;
use super::wire::{
    VERSION, WireCheck, WireFinding, WireInterference, WireKnown, WireMigration, WireNote, WireOutcome, WireReason,
    WireStep, WireTime, findings,
};

/// One line of `events.jsonl`.
#[derive(Debug, Serialize, JsonSchema)]
struct Line {
    /// The version of this format.
    v: u32,
    /// When, in milliseconds since the run began.
    at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    what: What,
}

/// What happened.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum What {
    /// The run began; the first line. `plan.json` has the whole plan.
    RunStarted {
        /// The run's id.
        run: String,
        /// When, in seconds since 1970.
        unix: u64,
        /// The version of the tool.
        tool: String,
        /// The scenario.
        scenario: String,
        /// The product.
        product: String,
        /// The source release.
        from: String,
        /// The target as it was named.
        to: String,
        /// The ids of the stages, in order.
        stages: Vec<String>,
        /// The outcome that the scenario exists to show.
        #[serde(skip_serializing_if = "Option::is_none")]
        expected: Option<Expected>,
    },
    /// A stage began.
    StageStarted {
        /// Its id.
        stage: String,
    },
    /// A sign of life.
    Progress {
        /// The stage's id.
        stage: String,
        /// One line for people.
        text: String,
    },
    /// A fact that belongs in the report.
    Noted {
        /// The stage's id.
        stage: String,
        /// The fact.
        note: WireNote,
    },
    /// A migration ended.
    Migrated {
        /// The stage's id.
        stage: String,
        /// The migration.
        migration: WireMigration,
    },
    /// A step of a stage ended.
    StepFinished {
        /// The step.
        step: WireStep,
    },
    /// A check was made.
    Checked {
        /// The stage's id.
        stage: String,
        /// What it came to.
        check: WireCheck,
    },
    /// A stage ended.
    StageFinished {
        /// Its id.
        stage: String,
        /// How it ended, its checks included.
        outcome: WireOutcome,
        /// What was found wrong outside of checks.
        findings: Vec<WireFinding>,
        /// Why it is inconclusive or cancelled.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<WireReason>,
        /// The known failure that is behind the reason.
        #[serde(skip_serializing_if = "Option::is_none")]
        known: Option<WireKnown>,
        /// Where the time went.
        time: WireTime,
    },
    /// Something from outside interfered: what the stage observes is not held against the product.
    Interfered {
        /// The stage it was noticed in.
        stage: String,
        /// The interference.
        interference: WireInterference,
    },
    /// A stage was never begun.
    StageSkipped {
        /// Its id.
        stage: String,
        /// Why.
        reason: WireReason,
    },
    /// Objects that the run made could not be removed.
    LeftBehind {
        /// Each by kind, name and reason.
        leftovers: Vec<String>,
    },
    /// The run ended; the last line.
    RunFinished,
}

/// The outcome that a scenario exists to show.
#[derive(Debug, Serialize, JsonSchema)]
struct Expected {
    /// The outcome.
    outcome: WireOutcome,
    /// The stage.
    stage: String,
}

impl From<&Event> for Line {
    fn from(event: &Event) -> Self {
        let at_ms = u64::try_from(event.at.as_millis()).unwrap_or(u64::MAX);
        Self { v: VERSION, at_ms, what: What::from(&event.kind) }
    }
}

impl From<&EventKind> for What {
    fn from(kind: &EventKind) -> Self {
        match kind {
            EventKind::RunStarted(run) => Self::from(run.as_ref()),
            EventKind::StageStarted { stage } => Self::StageStarted { stage: stage.0.clone() },
            EventKind::Progress { stage, text } => Self::Progress { stage: stage.0.clone(), text: text.clone() },
            EventKind::StepFinished { step, outcome, took } => {
                let step = StepRecord { id: step.clone(), outcome: *outcome, took: *took };
                Self::StepFinished { step: WireStep::from(&step) }
            }
            EventKind::Noted { stage, note } => Self::Noted { stage: stage.0.clone(), note: note.into() },
            EventKind::Migrated { stage, migration } => {
                Self::Migrated { stage: stage.0.clone(), migration: migration.into() }
            }
            EventKind::Checked { stage, report } => Self::Checked { stage: stage.0.clone(), check: report.into() },
            EventKind::StageFinished { stage, outcome, findings: all, reason, known, time } => Self::StageFinished {
                stage: stage.0.clone(),
                outcome: (*outcome).into(),
                findings: findings(all),
                reason: reason.as_ref().map(WireReason::from),
                known: known.as_ref().map(WireKnown::from),
                time: (*time).into(),
            },
            EventKind::Interfered { stage, interference } => {
                Self::Interfered { stage: stage.0.clone(), interference: interference.into() }
            }
            EventKind::StageSkipped { stage, reason } => {
                Self::StageSkipped { stage: stage.0.clone(), reason: reason.into() }
            }
            EventKind::LeftBehind { leftovers } => Self::LeftBehind { leftovers: leftovers.clone() },
            EventKind::RunFinished => Self::RunFinished,
        }
    }
}

impl From<&RunStarted> for What {
    fn from(run: &RunStarted) -> Self {
        let plan = &run.plan;
        Self::RunStarted {
            run: run.run.0.clone(),
            unix: run.unix,
            tool: run.tool.clone(),
            scenario: plan.scenario.clone(),
            product: plan.product.clone(),
            from: plan.from.to_string(),
            to: plan.to.to_string(),
            stages: plan.stages.iter().map(|stage| stage.id.0.clone()).collect(),
            expected: run.expectation.as_ref().map(|expectation| Expected {
                outcome: expectation.outcome.outcome().into(),
                stage: expectation.stage.to_string(),
            }),
        }
    }
}

/// The JSON schema of one line.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Line).to_value()
}

/// Writes `events.jsonl`.
#[derive(Debug)]
pub struct Jsonl {
    path: PathBuf,
    file: File,
}

impl Jsonl {
    /// Begins a new `events.jsonl` in a folder, which is created if it does not exist.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn new(folder: &Path) -> Result<Self, ReportError> {
        let path = folder.join("events.jsonl");
        let made = std::fs::create_dir_all(folder).and_then(|()| File::create(&path));
        match made {
            Ok(file) => Ok(Self { path, file }),
            Err(source) => Err(unwritable(&path, source)),
        }
    }
}

impl Reporter for Jsonl {
    fn report(&mut self, event: &Event, _: &Summary) -> Result<(), ReportError> {
        let mut line = serde_json::to_vec(&Line::from(event)).map_err(|source| unwritable(&self.path, source))?;
        line.push(b'\n');
        // One unbuffered write a line: a job that is killed keeps every line so far.
        self.file.write_all(&line).map_err(|source| unwritable(&self.path, source))
    }
}
