//! How the target release is installed without any data, as the product file gives it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ProbeStep, Step};
use crate::vocabulary::release::Range;
use crate::vocabulary::scalar::Because;

/// The upgraded deployment has what a fresh installation of the target release has. It is installed without any data beside
/// the upgraded one after the last hop, and only read.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FreshCheck {
    /// What an administrator does after `deploy` to install the release without any data. All services are created before, with
    /// empty volumes.
    #[schemars(length(min = 1))]
    pub install: Vec<Step>,
    /// Steps that show settings which are in force, asked of both: JSON, or lines with a name and a value. A name that only the
    /// fresh installation has is a finding; another value is a note.
    #[serde(default)]
    pub settings: Vec<ProbeStep>,
    /// What the upgraded deployment may lack.
    #[serde(default)]
    pub rules: Vec<FreshRule>,
}

/// What an upgraded deployment may lack, reviewed.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FreshRule {
    /// Only on these target releases.
    #[serde(default)]
    pub releases: Option<Range>,
    /// What it may lack.
    pub allow: FreshDifference,
    /// Why, with the document that says so. Shown in the report.
    pub because: Because,
}

/// What only a fresh installation has. In names, `*` stands for any characters.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FreshDifference {
    /// Tables, columns, indexes and other parts of the structure, as the finding names them.
    Structure(Vec<String>),
    /// Rows, as the finding names them: the table alone, or `table name='x'`.
    Rows(Vec<String>),
    /// Files and folders, as `volume:path`.
    Files(Vec<String>),
    /// Settings, as the finding names them.
    Settings(Vec<String>),
}
