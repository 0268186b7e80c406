//! The budgets of a release, as the product file gives them; every product has them, with or without its word.

use std::time::Duration as StdDuration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HttpStep, Product};
use crate::vocabulary::release::Release;
use crate::vocabulary::scalar::{Because, Duration, Size};

/// What a release may need, compared with the baseline.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PerformanceCheck {
    /// How many times each request is sent and counted.
    #[serde(default = "seven")]
    #[schemars(range(min = 5))]
    pub samples: u32,
    /// How many times each request is sent before that, without being counted.
    #[serde(default = "two")]
    pub warm_up: u32,
    /// The median may be this many times the baseline's.
    #[serde(default = "double")]
    #[schemars(range(min = 1))]
    pub ratio: f64,
    /// A median below baseline plus this is never too slow; 200ms when not given.
    #[serde(default)]
    pub slack: Option<Duration>,
    /// The requests. Without any, none is timed. One is compared with the request of the same `name` on the source release,
    /// or, where it has none, with the same request; what the source release cannot be asked is not timed.
    #[serde(default)]
    pub requests: Vec<HttpStep>,
    /// The time that each versioned service needs from its start to being ready; one that upgrades itself as it starts is left
    /// out. Twice the baseline's, or 12 seconds more, when not given.
    #[serde(default)]
    pub ready: TimeBudget,
    /// The memory that each versioned service uses after the requests, without the file cache. Twice the baseline's, or 200MiB
    /// more, when not given.
    #[serde(default)]
    pub memory: SizeBudget,
    /// The size of each database. Twice the baseline's, or 100MiB more, when not given.
    #[serde(default)]
    pub database_size: SizeBudget,
    /// The bytes of all files in each volume that the check of files reads. Twice the baseline's, or 200MiB more, when not
    /// given.
    #[serde(default)]
    pub files_size: SizeBudget,
}

impl Default for PerformanceCheck {
    fn default() -> Self {
        Self {
            samples: seven(),
            warm_up: two(),
            ratio: double(),
            slack: None,
            requests: Vec::new(),
            ready: TimeBudget::default(),
            memory: SizeBudget::default(),
            database_size: SizeBudget::default(),
            files_size: SizeBudget::default(),
        }
    }
}

/// How much longer something may take than on the baseline.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TimeBudget {
    /// It may be this many times the baseline's; 2 when not given.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub ratio: Option<f64>,
    /// A time below baseline plus this is never too long; 12s when not given.
    #[serde(default)]
    pub slack: Option<Duration>,
    /// It is not judged, for this reason.
    #[serde(default)]
    pub off: Option<Because>,
}

/// How much larger something may be than on the baseline.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SizeBudget {
    /// It may be this many times the baseline's; 2 when not given.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub ratio: Option<f64>,
    /// A size below baseline plus this is never too large; when not given, 200MiB, and 100MiB for `database-size`.
    #[serde(default)]
    pub slack: Option<Size>,
    /// It is not judged, for this reason.
    #[serde(default)]
    pub off: Option<Because>,
}

impl Product {
    /// Whether the check of performance has something to measure.
    pub fn measures_anything(&self) -> bool {
        let check = &self.checks.performance;
        let versioned = self.services.values().any(|service| service.versioned);
        let judged = [
            (check.ready.off.is_none() && versioned),
            (check.memory.off.is_none() && versioned),
            (check.database_size.off.is_none() && !self.databases.is_empty()),
            (check.files_size.off.is_none() && self.file_volumes().next().is_some()),
        ];
        !check.requests.is_empty() || judged.contains(&true)
    }
}

impl PerformanceCheck {
    /// The requests that are timed on a release: those for it that the source release has too, or has by the same name.
    pub fn timed(&self, release: &Release, source: &Release) -> Vec<&HttpStep> {
        let of_source = |step: &HttpStep| {
            let same = |other: &HttpStep| step.name.is_some() && other.name == step.name && other.is_for(source);
            step.is_for(source) || self.requests.iter().any(same)
        };
        self.requests.iter().filter(|step| step.is_for(release) && of_source(step)).collect()
    }

    /// The slack of the median of a request.
    pub fn slack(&self) -> StdDuration {
        self.slack.as_ref().map_or(StdDuration::from_millis(200), |slack| slack.get())
    }
}

impl TimeBudget {
    /// Whether the product file says something about it.
    pub fn is_given(&self) -> bool {
        self.ratio.is_some() || self.slack.is_some()
    }

    /// Why it cannot be both; none if it can.
    pub(super) fn mistake(&self) -> Option<&'static str> {
        mistake(self.is_given(), self.off.as_ref())
    }
}

impl SizeBudget {
    /// Whether the product file says something about it.
    pub fn is_given(&self) -> bool {
        self.ratio.is_some() || self.slack.is_some()
    }

    /// Why it cannot be both; none if it can.
    pub(super) fn mistake(&self) -> Option<&'static str> {
        mistake(self.is_given(), self.off.as_ref())
    }
}

fn mistake(given: bool, off: Option<&Because>) -> Option<&'static str> {
    (given && off.is_some()).then_some("give either a budget or `off`")
}

fn seven() -> u32 {
    7
}

fn two() -> u32 {
    2
}

fn double() -> f64 {
    2.0
}
