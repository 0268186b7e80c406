//! The ids by which events, reports and labels speak of the same thing.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The id of a stage: `hop-1/upgrade`. Stable from run to run; unique in a plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct StageId(pub String);

impl fmt::Display for StageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The id of a step: its stage and its place in it, from 1. `hop-1/upgrade.3`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId {
    /// The stage.
    pub stage: StageId,
    /// From 1.
    pub number: u32,
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.stage, self.number)
    }
}

/// The id of a run: in the labels of everything it makes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

impl RunId {
    /// The last group of it, which is random: short enough for names.
    pub fn short(&self) -> &str {
        short_run(&self.0)
    }
}

/// The last group of a run's id.
pub fn short_run(run: &str) -> &str {
    run.rsplit('-').next().unwrap_or(run)
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a deployment inside one run: `main`, or `rollback`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeploymentName(pub String);

impl DeploymentName {
    /// The deployment that the backup is restored into first and that the hops are made on.
    pub fn main() -> Self {
        Self("main".to_owned())
    }

    /// The deployment into which the target release is installed without any data.
    pub fn fresh() -> Self {
        Self("fresh".to_owned())
    }

    /// The deployment of a rollback into fresh volumes.
    pub fn rollback() -> Self {
        Self("rollback".to_owned())
    }
}

impl fmt::Display for DeploymentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
