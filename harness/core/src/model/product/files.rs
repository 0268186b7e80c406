//! What is judged of the files in volumes, as the product file gives it.
//!
//! A path is written as `volume:path`, without a leading slash: `files:2026/01/report.pdf`. `*` stands for any characters,
//! those of several folders included.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::main_database;
use crate::vocabulary::release::Release;
use crate::vocabulary::scalar::Because;

/// No file of a volume was lost, changed or added, except by reviewed rules. Every product has this check; the volumes of
/// services that a database runs in are left to the check `data`.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FilesCheck {
    /// Volumes that are not read, with the reason.
    #[serde(default)]
    pub elsewhere: BTreeMap<String, Because>,
    /// Files that change, come and go by themselves, as `volume:path`, with the reason.
    #[serde(default)]
    pub volatile: BTreeMap<String, Because>,
    /// Rows of a database that name files: each has its file, and each file its row.
    #[serde(default)]
    pub rows: Vec<FileRows>,
    /// What a hop may change.
    #[serde(default)]
    pub rules: Vec<FileRule>,
}

/// Rows that name files.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FileRows {
    /// What the rows are; stable.
    pub name: String,
    /// The database.
    #[serde(default = "main_database")]
    pub database: String,
    /// A query with one row for each file: the file, as `volume:path`.
    pub sql: String,
    /// Files that need a row, as `volume:path`. Not judged when not given.
    #[serde(default)]
    pub files: Vec<String>,
}

/// What a hop may change in files, reviewed.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FileRule {
    /// It happens when this release is reached or passed.
    pub crossing: Release,
    /// What may change.
    pub allow: FileChange,
    /// Why, with the document that says so. Shown in the report.
    pub because: Because,
}

/// A change of files.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileChange {
    /// Files and folders appear, as `volume:path`.
    Added(Vec<String>),
    /// Files and folders disappear, as `volume:path`.
    Removed(Vec<String>),
    /// Files get another content, as `volume:path`.
    Rewritten(Vec<String>),
    /// Files get another path and keep their content.
    Moved(MovedFiles),
    /// Files and folders get another mode or owner, as `volume:path`.
    Permissions(Vec<String>),
}

/// Files get another path and keep their content. Each file that is gone has to be found among the new ones, by its bytes.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MovedFiles {
    /// Where they were, as `volume:path`.
    pub from: String,
    /// Where they are now, as `volume:path`. Folders above them may be new.
    pub to: String,
}

impl FileChange {
    /// Why it cannot be applied; none if it can.
    pub(super) fn mistake(&self) -> Option<&'static str> {
        let located = |path: &String| path.contains(':');
        let all = match self {
            Self::Added(paths) | Self::Removed(paths) | Self::Rewritten(paths) | Self::Permissions(paths) => {
                paths.iter().all(located)
            }
            Self::Moved(moved) => located(&moved.from) && located(&moved.to),
        };
        (!all).then_some("files are named as `volume:path`")
    }
}
