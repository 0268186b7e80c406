//! The events of a rehearsal, in order, emitted by the coordinator alone. Every report is a function of them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::code::InconclusiveCode;
use super::finding::{Finding, Known};
use super::note::Note;
use super::reason::{Inconclusive, Reason, SkipReason};
use super::subject::Subject;
use super::verdict::{Interference, Outcome};
use crate::model::scenario::{CheckKind, Expectation};
use crate::observation::migrations::Migration;
use crate::planning::plan::Plan;
use crate::secret::Redactor;
use crate::vocabulary::ident::{RunId, StageId, StepId};

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Event {
    /// When, since the run began.
    pub at: Duration,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum EventKind {
    /// The run began; the first event.
    RunStarted(Box<RunStarted>),
    /// A stage began.
    StageStarted {
        /// The stage.
        stage: StageId,
    },
    /// A sign of life inside a stage, for people.
    Progress {
        /// The stage.
        stage: StageId,
        /// One line.
        text: String,
    },
    /// A step of a stage ended.
    StepFinished {
        /// The step.
        step: StepId,
        /// How.
        outcome: Outcome,
        /// How long it took.
        took: Duration,
    },
    /// A fact that belongs in the report and changes no outcome.
    Noted {
        /// The stage.
        stage: StageId,
        /// The fact.
        note: Note,
    },
    /// A migration ended, as the migrator's output reports it.
    Migrated {
        /// The stage.
        stage: StageId,
        /// The migration.
        migration: Migration,
    },
    /// A check was made.
    Checked {
        /// The stage.
        stage: StageId,
        /// What it came to.
        report: CheckReport,
    },
    /// Something from outside interfered: what the stage observes is not held against the product.
    Interfered {
        /// The stage it was noticed in.
        stage: StageId,
        /// What.
        interference: Interference,
    },
    /// A stage ended.
    StageFinished {
        /// The stage.
        stage: StageId,
        /// How it ended by itself; the outcomes of its checks are added to this.
        outcome: Outcome,
        /// What was found wrong outside of checks.
        findings: Vec<Finding>,
        /// Why it is inconclusive or cancelled.
        reason: Option<Reason>,
        /// The known failure that is behind the reason.
        known: Option<Known>,
        /// Where the time went.
        time: StageTime,
    },
    /// A stage was never begun.
    StageSkipped {
        /// The stage.
        stage: StageId,
        /// Why.
        reason: SkipReason,
    },
    /// Objects that the run made could not be removed.
    LeftBehind {
        /// Each by kind, name and reason.
        leftovers: Vec<String>,
    },
    /// The run ended; the last event.
    RunFinished,
}

impl EventKind {
    /// Takes secrets out of it. The plan stays as it was made: the report that writes it takes them out.
    pub fn redact(&mut self, redactor: &Redactor) {
        match self {
            Self::RunStarted(_)
            | Self::StageStarted { .. }
            | Self::StepFinished { .. }
            | Self::Migrated { .. }
            | Self::RunFinished => {}
            Self::Progress { text, .. } => redactor.clean(text),
            Self::Noted { note, .. } => note.redact(redactor),
            Self::StageSkipped { reason, .. } => reason.redact(redactor),
            Self::Checked { report, .. } => report.redact(redactor),
            Self::Interfered { interference, .. } => {
                redactor.clean(&mut interference.object);
                redactor.clean(&mut interference.observed);
            }
            Self::StageFinished { findings, reason, .. } => {
                findings.iter_mut().for_each(|finding| finding.redact(redactor));
                reason.iter_mut().for_each(|reason| reason.redact(redactor));
            }
            Self::LeftBehind { leftovers } => leftovers.iter_mut().for_each(|text| redactor.clean(text)),
        }
    }
}

/// What a run is about.
#[derive(Debug, Clone)]
pub struct RunStarted {
    /// Its id.
    pub run: RunId,
    /// When, in seconds since 1970.
    pub unix: u64,
    /// The version of this tool.
    pub tool: String,
    /// The plan that is carried out.
    pub plan: Plan,
    /// The outcome that the scenario exists to show.
    pub expectation: Option<Expectation>,
}

/// Where the time of a stage went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageTime {
    /// From its beginning to its end.
    pub wall: Duration,
    /// Of that, with at least one request, command or wait of the product under way.
    pub product: Duration,
    /// Of the rest, with the container engine at work for us: images, containers, volumes, copies.
    pub engine: Duration,
}

impl StageTime {
    /// What remains: our own share.
    pub fn own(&self) -> Duration {
        self.wall.saturating_sub(self.product).saturating_sub(self.engine)
    }
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CheckReport {
    /// Its kind.
    pub kind: CheckKind,
    /// Its name, unique in its kind.
    pub name: String,
    /// How many assertions it made on data.
    pub assertions: u32,
    /// What it comes to.
    pub outcome: Outcome,
    /// How long it took, where that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took: Option<Duration>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Why it is inconclusive.
    pub inconclusive: Vec<Inconclusive>,
    /// The known failure behind the inconclusive reasons.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<Known>,
    /// What was accepted by a reviewed rule, and figures worth showing.
    pub notes: Vec<String>,
    /// How many rows, values, files, texts or parts of the structure each reviewed rule let through, by its release and
    /// reason; 0 for a rule that was not needed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rules: BTreeMap<String, u64>,
    /// Files in the output folder that show what was observed.
    pub evidence: Vec<String>,
}

impl CheckReport {
    /// An empty report.
    pub fn new(kind: CheckKind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            assertions: 0,
            outcome: Outcome::Inconclusive,
            took: None,
            findings: Vec::new(),
            inconclusive: Vec::new(),
            known: None,
            notes: Vec::new(),
            rules: BTreeMap::new(),
            evidence: Vec::new(),
        }
    }

    /// Takes secrets out of it.
    pub fn redact(&mut self, redactor: &Redactor) {
        redactor.clean(&mut self.name);
        self.findings.iter_mut().for_each(|finding| finding.redact(redactor));
        self.inconclusive.iter_mut().for_each(|reason| reason.redact(redactor));
        self.notes.iter_mut().for_each(|text| redactor.clean(text));
    }

    /// The same, with how long it took.
    #[must_use]
    pub fn in_time(mut self, took: Duration) -> Self {
        self.took = Some(took);
        self
    }

    /// Adds an inconclusive reason that has no subject.
    pub fn cannot_tell(&mut self, code: InconclusiveCode, text: impl Into<String>) {
        self.inconclusive.push(Inconclusive::new(code, text));
    }

    /// Adds an inconclusive reason about one subject.
    pub fn cannot_tell_about(&mut self, code: InconclusiveCode, subject: Subject, text: impl Into<String>) {
        self.inconclusive.push(Inconclusive::about(code, subject, text));
    }

    /// Counts what a reviewed rule let through.
    pub fn let_through(&mut self, rule: &str, count: u64) {
        *self.rules.entry(rule.to_owned()).or_default() += count;
    }

    /// Names the service that the request went to in every finding that names none.
    pub fn set_service(&mut self, service: Option<&str>) {
        for finding in self.findings.iter_mut().filter(|finding| finding.service.is_none()) {
            finding.service = service.map(str::to_owned);
        }
    }

    /// Decides the outcome: any finding fails the check; otherwise any inconclusive reason, or no assertion at all, makes it
    /// inconclusive.
    #[must_use]
    pub fn decide(mut self) -> Self {
        self.outcome = if !self.findings.is_empty() {
            Outcome::Failed
        } else if !self.inconclusive.is_empty() {
            Outcome::Inconclusive
        } else if self.assertions == 0 {
            self.cannot_tell(InconclusiveCode::NothingAsserted, "there was no data, so the check asserted nothing");
            Outcome::Inconclusive
        } else {
            Outcome::Passed
        };
        self
    }

    /// The kind and the name, as reports show them: `data: main`.
    pub fn title(&self) -> String {
        format!("{}: {}", self.kind.name(), self.name)
    }
}
