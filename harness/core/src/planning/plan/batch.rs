//! The batches of a mutation test.

use serde::{Deserialize, Serialize};

/// Mutations that are planted together and judged together. Each is of another object, so that what is noticed can be told
/// apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MutationBatch {
    /// Responses of the product, changed on their way to the checks.
    Responses,
    /// A value of each table, bytes of files.
    Values,
    /// A row of each table, whole files.
    Rows,
    /// Objects of the database around its tables, permissions of files.
    Structure,
    /// Log lines, then the services themselves.
    Services,
}

impl MutationBatch {
    /// All batches, in the order in which they are planted.
    pub const ALL: [Self; 5] = [Self::Responses, Self::Values, Self::Rows, Self::Structure, Self::Services];

    /// Its name in the ids of stages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Responses => "responses",
            Self::Values => "values",
            Self::Rows => "rows",
            Self::Structure => "structure",
            Self::Services => "services",
        }
    }

    /// Whether it changes the deployment, so that it needs one of its own.
    pub fn changes_state(self) -> bool {
        self != Self::Responses
    }
}
