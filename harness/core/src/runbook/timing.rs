//! How long things took in a rehearsal, what is known of production, and what that leaves of the window.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Production, Task};

/// What a rehearsal says of how long things take.
#[derive(Debug, Clone, Default)]
pub struct Rehearsed {
    /// The run.
    pub run: String,
    /// What it came to: `passed`.
    pub verdict: String,
    /// Its stages that ended.
    pub stages: Vec<StageTiming>,
}

/// How long a stage took.
#[derive(Debug, Clone)]
pub struct StageTiming {
    /// Its name: `hop-1/upgrade`.
    pub id: String,
    /// Whether it passed: what did not may take another time once it does.
    pub passed: bool,
    /// From its beginning to its end.
    pub took: Duration,
}

/// Where a time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measured {
    /// The scenario says so of production.
    InProduction,
    /// A rehearsal measured it, on its machine and data.
    Rehearsed,
}

/// A time, or that nobody knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// The parts of it that are known.
    pub known: Duration,
    /// Where the least sure part comes from; nothing while no part is known.
    pub measured: Option<Measured>,
    /// Whether a part is unknown.
    pub unknown: bool,
}

impl Timing {
    /// Nothing, which takes no time.
    pub const NONE: Self = Self { known: Duration::ZERO, measured: None, unknown: false };
    /// Nobody knows.
    pub const UNKNOWN: Self = Self { known: Duration::ZERO, measured: None, unknown: true };

    fn of(took: Duration, measured: Measured) -> Self {
        Self { known: took, measured: Some(measured), unknown: false }
    }

    /// Both, one after the other.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            known: self.known + other.known,
            measured: self.measured.max(other.measured),
            unknown: self.unknown || other.unknown,
        }
    }
}

/// Tells times by what is known.
pub(super) struct Clock<'a> {
    pub(super) production: &'a Production,
    pub(super) rehearsed: Option<&'a Rehearsed>,
}

impl Clock<'_> {
    /// How long a stage takes; `hop` is the number of the hop that a stage without one belongs to.
    pub(super) fn stage(&self, name: &str, hop: Option<u32>) -> Timing {
        let id = match hop {
            Some(hop) if !name.contains('/') => format!("hop-{hop}/{name}"),
            Some(_) | None => name.to_owned(),
        };
        // What somebody measured in production outweighs any rehearsal.
        let short = name.rsplit('/').next().unwrap_or(name);
        let said = self.production.takes.get(&id).or_else(|| self.production.takes.get(short));
        if let Some(said) = said {
            return Timing::of(said.get(), Measured::InProduction);
        }
        let stages = self.rehearsed.map_or(&[][..], |rehearsed| rehearsed.stages.as_slice());
        let passed = stages.iter().find(|stage| stage.id == id && stage.passed);
        passed.map_or(Timing::UNKNOWN, |stage| Timing::of(stage.took, Measured::Rehearsed))
    }

    /// How long tasks take, each stage that measured any of them counted once.
    pub(super) fn tasks<'t>(&self, tasks: impl IntoIterator<Item = &'t Task>, hop: Option<u32>) -> Timing {
        let mut counted = BTreeMap::new();
        for stage in tasks.into_iter().flat_map(|task| &task.measured_by) {
            counted.entry(stage.clone()).or_insert_with(|| self.stage(stage, hop));
        }
        counted.into_values().fold(Timing::NONE, Timing::plus)
    }
}
