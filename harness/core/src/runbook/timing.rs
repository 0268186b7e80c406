//! How long stages take: in a rehearsal, and in production as far as it is known.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Production, Task};

/// What a rehearsal says about durations.
#[derive(Debug, Clone, Default)]
pub struct Rehearsed {
    /// The id of the run.
    pub run: String,
    /// Its verdict: `passed`.
    pub verdict: String,
    /// Its stages that ended.
    pub stages: Vec<StageTiming>,
}

/// How long a stage took.
#[derive(Debug, Clone)]
pub struct StageTiming {
    /// Its name: `hop-1/upgrade`.
    pub id: String,
    /// Whether it passed; a stage that failed may take longer or shorter once it passes.
    pub passed: bool,
    /// From its beginning to its end.
    pub took: Duration,
}

/// Where a duration comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measured {
    /// It was measured in production, as the scenario says.
    InProduction,
    /// It was measured in a rehearsal, on its machine and data.
    Rehearsed,
}

/// A duration, which may be unknown or known in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// The parts of it that are known.
    pub known: Duration,
    /// Where the least certain part comes from; `None` if no part is known.
    pub measured: Option<Measured>,
    /// Whether a part is unknown.
    pub unknown: bool,
}

impl Timing {
    /// No time at all.
    pub const NONE: Self = Self { known: Duration::ZERO, measured: None, unknown: false };
    /// Not known.
    pub const UNKNOWN: Self = Self { known: Duration::ZERO, measured: None, unknown: true };

    fn of(took: Duration, measured: Measured) -> Self {
        Self { known: took, measured: Some(measured), unknown: false }
    }

    /// The sum of two durations.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            known: self.known + other.known,
            measured: self.measured.max(other.measured),
            unknown: self.unknown || other.unknown,
        }
    }
}

/// Estimates durations by what is known.
pub(super) struct Estimator<'a> {
    pub(super) production: &'a Production,
    pub(super) rehearsed: Option<&'a Rehearsed>,
}

impl Estimator<'_> {
    /// How long a stage takes. `hop` is the number of the hop that the stage belongs to if its name does not say one.
    pub(super) fn stage(&self, name: &str, hop: Option<u32>) -> Timing {
        let id = match hop {
            Some(hop) if !name.contains('/') => format!("hop-{hop}/{name}"),
            Some(_) | None => name.to_owned(),
        };
        // What somebody measured in production outweighs any rehearsal.
        let short = name.rsplit('/').next().unwrap_or(name);
        let in_production = self.production.takes.get(&id).or_else(|| self.production.takes.get(short));
        if let Some(took) = in_production {
            return Timing::of(took.get(), Measured::InProduction);
        }
        let stages = self.rehearsed.map_or(&[][..], |rehearsed| rehearsed.stages.as_slice());
        let passed = stages.iter().find(|stage| stage.id == id && stage.passed);
        passed.map_or(Timing::UNKNOWN, |stage| Timing::of(stage.took, Measured::Rehearsed))
    }

    /// How long tasks take. A stage that measures several of them counts once.
    pub(super) fn tasks<'t>(&self, tasks: impl IntoIterator<Item = &'t Task>, hop: Option<u32>) -> Timing {
        let mut counted = BTreeMap::new();
        for stage in tasks.into_iter().flat_map(|task| &task.measured_by) {
            counted.entry(stage.clone()).or_insert_with(|| self.stage(stage, hop));
        }
        counted.into_values().fold(Timing::NONE, Timing::plus)
    }
}
