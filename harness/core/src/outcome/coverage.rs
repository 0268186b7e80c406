//! What a rehearsal looked at, of what was there.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much of one kind of thing the checks look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Of what.
    pub kind: CoverageKind,
    /// How many of them a check looks at.
    pub looked_at: usize,
    /// How many there are.
    pub all: usize,
    /// Those that no check looks at, by name, with the reason.
    pub unseen: BTreeMap<String, String>,
}

/// What coverage is counted of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CoverageKind {
    /// Databases that the product file declares.
    Databases,
    /// Tables of the database that the check of data reads.
    Tables,
    /// Columns of these tables.
    Columns,
    /// Volumes.
    Volumes,
    /// Identities that the product file declares.
    Identities,
    /// What services print, and their log files.
    Logs,
}

impl CoverageKind {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Databases => "databases",
            Self::Tables => "tables",
            Self::Columns => "columns",
            Self::Volumes => "volumes",
            Self::Identities => "identities",
            Self::Logs => "logs",
        }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind.name(), self.looked_at, self.all)
    }
}
