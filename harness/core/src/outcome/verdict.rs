//! What a rehearsal comes to: outcomes, the verdict and the exit code, decided here and nowhere else.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a stage or a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every assertion held, and there was at least one.
    Passed,
    /// The product's fault.
    Failed,
    /// We could not tell.
    Inconclusive,
    /// Stopped from outside.
    Cancelled,
    /// Never begun, because of what happened before.
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
    /// Every check had data and found nothing wrong, or the run failed exactly as the scenario expects.
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

/// Something from outside that came between a run and what it rehearses. It is never the product's fault, and what was
/// observed while it lasted proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interference {
    /// What kind.
    pub kind: InterferenceKind,
    /// What it happened to: `the container engine`, `service web of main`.
    pub object: String,
    /// What was observed.
    pub observed: String,
    /// What to do before the next try, as the host knows it.
    pub remedy: String,
}

/// What can come between a run and what it rehearses. The words are a public contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InterferenceKind {
    /// The container engine does not answer.
    EngineGone,
    /// The container engine was away for a while, and with it everything that it ran.
    EngineRestarted,
    /// The kernel killed a process because memory ran out.
    OutOfMemory,
    /// No space is left where the engine keeps its data, or where the run keeps its own.
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
}

impl fmt::Display for Interference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}; {}", self.kind.name(), self.object, self.observed, self.remedy)
    }
}

/// How the process exits. The numbers are a public contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Everything passed.
    Passed = 0,
    /// A product failed.
    Failed = 1,
    /// The input is bad: a file, an argument, a backup.
    BadInput = 2,
    /// We could not tell, or the run left something behind.
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

    /// The exit code of several rehearsals. A cancellation outweighs bad input, bad input a failure, and a failure an
    /// inconclusive one.
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
    fn a_run_with_leftovers_never_passes() {
        assert_eq!(Exit::of(Verdict::Passed, true), Exit::Inconclusive);
        assert_eq!(Exit::of(Verdict::Failed, true), Exit::Failed);
    }

    #[test]
    fn the_worst_of_several_decides_and_none_means_nothing_was_selected() {
        assert_eq!(Exit::of_all([Exit::Passed, Exit::Inconclusive, Exit::Failed]), Exit::Failed);
        assert_eq!(Exit::of_all([Exit::Passed, Exit::Inconclusive]), Exit::Inconclusive);
        assert_eq!(Exit::of_all([]), Exit::NothingSelected);
    }
}
