//! What a rehearsal comes to: outcomes, findings, the verdict and the exit code, decided here and nowhere else.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::secret::Redactor;

/// How a stage or a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// All that was asked held, and something was asked.
    Passed,
    /// The product's fault.
    Failed,
    /// We could not tell.
    Inconclusive,
    /// Stopped from outside.
    Cancelled,
    /// Never begun, because of something before.
    Skipped,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Inconclusive => "inconclusive",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        })
    }
}

/// What a whole rehearsal comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every check saw data and found nothing wrong (or: failed exactly as the scenario expects).
    Passed,
    /// The product's fault.
    Failed,
    /// We could not tell.
    Inconclusive,
    /// Stopped from outside.
    Cancelled,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Inconclusive => "inconclusive",
            Self::Cancelled => "cancelled",
        })
    }
}

/// What a check found to be wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The object: `table projects`, `GET /issues.json as auditor`, `migration 20241213003659`.
    pub object: String,
    /// What was expected.
    pub expected: String,
    /// What was seen.
    pub actual: String,
    /// The file in the output folder that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// The known failure it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<Known>,
    /// The service that was asked, where one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

/// A failure that the product's file knows, as it was recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Known {
    /// Its id.
    pub id: String,
    /// Why it happens.
    pub cause: String,
    /// What to do about it.
    pub remedy: String,
    /// The document that says so, or where it was measured.
    pub source: String,
    /// Known failures that it follows from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consequence_of: Vec<String>,
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} — remedy: {} ({})", self.id, self.cause, self.remedy, self.source)
    }
}

impl Finding {
    /// A finding without evidence yet.
    pub fn new(object: impl Into<String>, expected: impl Into<String>, actual: impl Into<String>) -> Self {
        let (object, expected, actual) = (object.into(), expected.into(), actual.into());
        Self { object, expected, actual, evidence: None, known: None, service: None }
    }

    /// Takes secrets out of it.
    pub fn redact(&mut self, redactor: &Redactor) {
        for text in [&mut self.object, &mut self.expected, &mut self.actual] {
            redactor.clean(text);
        }
    }

    /// The same finding, with the file that shows it.
    #[must_use]
    pub fn shown_by(mut self, evidence: impl Into<String>) -> Self {
        self.evidence = Some(evidence.into());
        self
    }
}

/// Something from outside that came between a run and what it rehearses. Never the product's fault: what was seen while
/// it lasted proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interference {
    /// What kind.
    pub kind: InterferenceKind,
    /// What it befell: `the container engine`, `service web of main`.
    pub object: String,
    /// What was seen.
    pub seen: String,
}

/// What can come between a run and what it rehearses. The words are a public contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InterferenceKind {
    /// The container engine does not answer.
    EngineGone,
    /// The container engine was away for a while, and with it what it ran.
    EngineRestarted,
    /// The kernel killed a process for want of memory.
    OutOfMemory,
    /// No room is left where the engine keeps its data, or where we do.
    DiskFull,
    /// Somebody else stopped, killed, paused or removed a container of the run.
    ContainerTouched,
    /// Somebody else removed a network of the run, or took a container off it.
    NetworkTouched,
    /// Somebody else removed an image that the run had obtained.
    ImageTouched,
}

impl InterferenceKind {
    /// As in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::EngineGone => "engine-gone",
            Self::EngineRestarted => "engine-restarted",
            Self::OutOfMemory => "out-of-memory",
            Self::DiskFull => "disk-full",
            Self::ContainerTouched => "container-touched",
            Self::NetworkTouched => "network-touched",
            Self::ImageTouched => "image-touched",
        }
    }

    /// What to do before the next try.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::EngineGone => "start it again (systemctl start docker), then: rehearse sweep",
            Self::EngineRestarted => "see its log for why (journalctl -u docker), and run again",
            Self::OutOfMemory => "raise the service's `memory`, or run where more is free",
            Self::DiskFull => "make room there (docker system df, docker image prune, rehearse sweep) and run again",
            Self::ContainerTouched => {
                "leave containers labelled org.rehearse.run alone while the run goes on, and run again"
            }
            Self::NetworkTouched => {
                "leave networks labelled org.rehearse.run alone while the run goes on, and run again"
            }
            Self::ImageTouched => "prune images when no run goes on, and run again",
        }
    }
}

impl fmt::Display for Interference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}; {}", self.kind.name(), self.object, self.seen, self.kind.remedy())
    }
}

/// What a finding expected when nothing came at all.
pub const SILENT: &str = "an answer";

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, seen {}", self.object, self.expected, self.actual)
    }
}

/// How a process of ours exits. The numbers are a public contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Everything passed.
    Passed = 0,
    /// A product failed.
    Failed = 1,
    /// The input is bad: a file, an argument, a backup.
    BadInput = 2,
    /// We could not tell, or something of ours stayed behind.
    Inconclusive = 3,
    /// Stopped from outside.
    Cancelled = 4,
    /// Nothing was selected.
    NothingSelected = 5,
}

impl Exit {
    /// The exit code of one rehearsal. Never green with leftovers.
    pub fn of(verdict: Verdict, leftovers: bool) -> Self {
        match (verdict, leftovers) {
            (Verdict::Passed, false) => Self::Passed,
            (Verdict::Failed, _) => Self::Failed,
            (Verdict::Cancelled, _) => Self::Cancelled,
            (Verdict::Passed, true) | (Verdict::Inconclusive, _) => Self::Inconclusive,
        }
    }

    /// The exit code of several rehearsals: a cancellation outweighs bad input, that a failure, that an inconclusive one.
    pub fn of_all(exits: impl IntoIterator<Item = Self>) -> Self {
        let weight = |exit: &Self| match exit {
            Self::Passed => 0,
            Self::NothingSelected => 1,
            Self::Inconclusive => 2,
            Self::Failed => 3,
            Self::BadInput => 4,
            Self::Cancelled => 5,
        };
        exits.into_iter().max_by_key(weight).unwrap_or(Self::NothingSelected)
    }

    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_are_never_green() {
        assert_eq!(Exit::of(Verdict::Passed, true), Exit::Inconclusive);
        assert_eq!(Exit::of(Verdict::Failed, true), Exit::Failed);
    }

    #[test]
    fn of_several_the_worst_decides_and_none_is_nothing_selected() {
        assert_eq!(Exit::of_all([Exit::Passed, Exit::Inconclusive, Exit::Failed]), Exit::Failed);
        assert_eq!(Exit::of_all([Exit::Passed, Exit::Inconclusive]), Exit::Inconclusive);
        assert_eq!(Exit::of_all([]), Exit::NothingSelected);
    }
}
