//! Why something was not decided, not carried out or not begun.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::code::InconclusiveCode;
use super::subject::Subject;
use super::verdict::Outcome;
use crate::secret::Redactor;
use crate::vocabulary::ident::StageId;

/// Why something could not be decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Inconclusive {
    /// What kind of reason it is.
    pub code: InconclusiveCode,
    /// What it is about; none if it has no single subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Subject>,
    /// For people. No code reads it back.
    pub text: String,
}

impl Inconclusive {
    /// A reason that has no subject.
    pub fn new(code: InconclusiveCode, text: impl Into<String>) -> Self {
        Self { code, subject: None, text: text.into() }
    }

    /// A reason about one subject.
    pub fn about(code: InconclusiveCode, subject: Subject, text: impl Into<String>) -> Self {
        Self { code, subject: Some(subject), text: text.into() }
    }

    /// A bug in this tool.
    pub fn bug(text: impl fmt::Display) -> Self {
        Self::new(InconclusiveCode::Bug, format!("bug: {text}"))
    }

    /// Takes secrets out of it.
    pub fn redact(&mut self, redactor: &Redactor) {
        self.subject.iter_mut().for_each(|subject| subject.redact(redactor));
        redactor.clean(&mut self.text);
    }
}

impl fmt::Display for Inconclusive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Some(subject) => write!(f, "{subject}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// Why a stage did not pass or fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It is inconclusive.
    Inconclusive(Inconclusive),
    /// It was stopped from outside.
    Cancelled(Cancelled),
    /// It was never begun.
    Skipped(SkipReason),
}

impl Reason {
    /// Takes secrets out of it.
    pub fn redact(&mut self, redactor: &Redactor) {
        match self {
            Self::Inconclusive(reason) => reason.redact(redactor),
            Self::Skipped(reason) => reason.redact(redactor),
            Self::Cancelled(_) => {}
        }
    }

    /// Why it is inconclusive.
    pub fn inconclusive(&self) -> Option<&Inconclusive> {
        match self {
            Self::Inconclusive(reason) => Some(reason),
            Self::Cancelled(_) | Self::Skipped(_) => None,
        }
    }

    /// Why it was never begun.
    pub fn skipped(&self) -> Option<&SkipReason> {
        match self {
            Self::Skipped(reason) => Some(reason),
            Self::Inconclusive(_) | Self::Cancelled(_) => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inconclusive(reason) => reason.fmt(f),
            Self::Cancelled(when) => when.fmt(f),
            Self::Skipped(reason) => reason.fmt(f),
        }
    }
}

/// When a run was stopped from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cancelled {
    /// Before its first stage.
    BeforeStart,
    /// In a stage.
    DuringStage,
    /// During teardown; how many objects could not be removed.
    DuringTeardown(usize),
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeforeStart => f.write_str("cancelled from outside before it began"),
            Self::DuringStage => f.write_str("cancelled from outside"),
            Self::DuringTeardown(0) => f.write_str("cancelled from outside during teardown"),
            Self::DuringTeardown(left) => write!(
                f,
                "cancelled from outside during teardown, with {left} leftovers; remove them with: rehearse sweep"
            ),
        }
    }
}

/// Why a stage was never begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkipReason {
    /// A stage before it did not pass.
    Stage {
        /// That stage.
        stage: StageId,
        /// How it ended.
        outcome: Outcome,
    },
    /// The restored data does not need the stop.
    NotNeeded(StopDecision),
    /// The run was cancelled before.
    Cancelled,
    /// The deadline of the run passed before.
    Deadline(Duration),
    /// Something from outside ended the run; what.
    Interfered(String),
    /// There is no baseline to return to.
    NoBaseline,
    /// The scenario skips the rollback, with its reason.
    RollbackSkipped(String),
    /// The run could not begin.
    StartupFailed,
}

impl SkipReason {
    /// Takes secrets out of it.
    pub fn redact(&mut self, redactor: &Redactor) {
        match self {
            Self::Interfered(text) | Self::RollbackSkipped(text) => redactor.clean(text),
            Self::NotNeeded(decision) => decision.redact(redactor),
            Self::Stage { .. } | Self::Cancelled | Self::Deadline(_) | Self::NoBaseline | Self::StartupFailed => {}
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stage { stage, outcome } => write!(f, "stage {stage} {outcome}"),
            Self::NotNeeded(decision) => decision.fmt(f),
            Self::Cancelled => f.write_str("the run was cancelled"),
            Self::Deadline(limit) => write!(f, "the run's deadline of {limit:?} has passed"),
            Self::Interfered(what) => write!(f, "the run was interrupted from outside: {what}"),
            Self::NoBaseline => f.write_str("there is no baseline"),
            Self::RollbackSkipped(because) => f.write_str(because),
            Self::StartupFailed => f.write_str("the run could not begin"),
        }
    }
}

/// How a conditional stop was decided on the restored data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StopDecision {
    /// The release to stop at.
    pub release: String,
    /// Whether it is needed.
    pub needed: bool,
    /// The query that decided.
    pub query: String,
    /// What it returned.
    pub value: String,
}

impl StopDecision {
    /// Takes secrets out of it.
    pub fn redact(&mut self, redactor: &Redactor) {
        redactor.clean(&mut self.query);
        redactor.clean(&mut self.value);
    }
}

impl fmt::Display for StopDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.needed { "is needed" } else { "is not needed" };
        write!(f, "the stop at {} {verb}: {} is {}", self.release, self.query, self.value)
    }
}
