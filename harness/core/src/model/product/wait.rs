//! Waits of a product or scenario: what they wait for, how progress is measured, and when they end.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Condition, HttpCondition, SqlCondition, main_database};
use crate::vocabulary::release::Range;
use crate::vocabulary::scalar::{Duration, Pointer};
use crate::vocabulary::template::Template;

/// A wait for a condition.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WaitUntil {
    /// What it waits for, for people; stable.
    pub name: String,
    /// Only on these releases.
    #[serde(default)]
    pub releases: Option<Range>,
    /// The service the condition is about; its exit ends the wait at once.
    #[serde(default)]
    pub service: Option<String>,
    /// Further services that have to keep running, such as those that do the work; the exit of one ends the wait at once.
    #[serde(default)]
    pub services: Vec<String>,
    /// The condition.
    pub condition: Condition,
    /// A number that measures progress: shown with its rate and the estimated time left.
    #[serde(default)]
    pub progress: Option<WaitProgress>,
    /// A query for what has failed: any row ends the wait as failed, and the first rows are shown. It is
    /// sent as often as `progress` is, and once more when the condition holds.
    #[serde(default)]
    pub failed: Option<SqlCondition>,
    /// Fails the wait, even before the deadline, if for this long no number of `progress` came closer to its goal. A number
    /// that cannot be read does not count as standing still.
    #[serde(default)]
    pub stalled_after: Option<Duration>,
    /// How long it may take.
    pub deadline: Duration,
}

/// A number that measures progress: by `sql`, or by `http` and `json`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WaitProgress {
    /// The database of `sql`.
    #[serde(default = "main_database")]
    pub database: String,
    /// A query with one row of one number.
    #[serde(default)]
    pub sql: Option<Template>,
    /// A request to the wait's service.
    #[serde(default)]
    pub http: Option<HttpCondition>,
    /// Where the response has the number.
    #[serde(default)]
    pub json: Option<Pointer>,
    /// What the number counts.
    #[serde(default)]
    pub counts: Counts,
    /// A query with one row of one number: the total, if `counts` is `done`.
    #[serde(default)]
    pub total: Option<Template>,
}

/// What a number of progress counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Counts {
    /// What remains: it goes down to 0.
    #[default]
    Remaining,
    /// What is done: it goes up.
    Done,
}
