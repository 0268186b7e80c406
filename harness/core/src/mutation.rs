//! Mutation testing of a product file: changes that bad upgrades make, planted on purpose on a restored backup. A mutation
//! that no check notices has survived: there the product file is blind.

mod fault;
mod judge;

pub use fault::ResponseFault;
pub use judge::{Fate, Judged, Seen, judge_mutation, mutation_reports};

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::scenario::CheckKind;
use crate::observation::ItemKind;
pub use crate::vocabulary::mutation::MutationKind;

/// The kinds of structure that a kind of mutation changes; none if it changes something else.
pub fn changed_items(kind: MutationKind) -> &'static [ItemKind] {
    match kind {
        MutationKind::IndexLost => &[ItemKind::Index],
        MutationKind::ForeignKeyLost => &[ItemKind::ForeignKey],
        // A unique constraint is held by an index.
        MutationKind::ConstraintLost => &[ItemKind::Constraint, ItemKind::Index],
        MutationKind::DefaultLost => &[ItemKind::Default],
        MutationKind::NotNullLost => &[ItemKind::NotNull],
        MutationKind::ColumnNarrowed => &[ItemKind::Type],
        MutationKind::TriggerAdded => &[ItemKind::Trigger],
        MutationKind::RightGranted => &[ItemKind::Privilege],
        MutationKind::ViewLost => &[ItemKind::View],
        MutationKind::RoutineChanged => &[ItemKind::Routine],
        MutationKind::SequenceLimited => &[ItemKind::Sequence],
        MutationKind::RoleAdded => &[ItemKind::Role],
        MutationKind::SettingChanged => &[ItemKind::Setting],
        MutationKind::ValueChanged
        | MutationKind::RowLost
        | MutationKind::BytesChanged
        | MutationKind::FileLost
        | MutationKind::ModeChanged
        | MutationKind::HeadMoved
        | MutationKind::ServiceStopped
        | MutationKind::ErrorLogged
        | MutationKind::ResponseFailed
        | MutationKind::ResponseRefused
        | MutationKind::ResponseEmpty
        | MutationKind::ResponseCut => &[],
    }
}

/// What a mutation changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MutationTarget {
    /// A column of a table.
    Column {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A table.
    Table(String),
    /// An object of the database, by its own name or that of the table it belongs to.
    Structure(String),
    /// A file, or the HEAD of a Git repository, as `volume:path`.
    File(String),
    /// A service.
    Service(String),
    /// The response to a request of a check.
    Response {
        /// The kind of the check.
        kind: CheckKind,
        /// The check.
        check: String,
        /// The request, as reports call it.
        request: String,
    },
}

impl fmt::Display for MutationTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column { table, column } => write!(f, "{table}.{column}"),
            Self::Table(name) | Self::Structure(name) | Self::File(name) | Self::Service(name) => f.write_str(name),
            Self::Response { kind, check, request } => write!(f, "{request} of {}: {check}", kind.name()),
        }
    }
}

/// One change that can be planted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mutation {
    /// What kind of change it is.
    pub kind: MutationKind,
    /// What it changes.
    pub target: MutationTarget,
}

/// A change of a database, and how to plant it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlMutation {
    /// The change.
    pub mutation: Mutation,
    /// Statements that plant it, the best one first: each returns how many objects it changed. The server may refuse some.
    pub statements: Vec<String>,
}
