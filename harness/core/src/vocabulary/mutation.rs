//! The kinds of changes that a mutation test plants.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of change is planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MutationKind {
    /// One value of one row.
    ValueChanged,
    /// One row.
    RowLost,
    /// An index.
    IndexLost,
    /// A foreign key.
    ForeignKeyLost,
    /// A check or a unique constraint.
    ConstraintLost,
    /// A column's default.
    DefaultLost,
    /// A column takes null.
    NotNullLost,
    /// A text column that takes shorter texts.
    ColumnNarrowed,
    /// A trigger that swallows new rows.
    TriggerAdded,
    /// Every right on a table for everyone.
    RightGranted,
    /// A view.
    ViewLost,
    /// A function or procedure with another body.
    RoutineChanged,
    /// A sequence that ends soon.
    SequenceLimited,
    /// A role that may do everything.
    RoleAdded,
    /// A setting of the database.
    SettingChanged,
    /// One byte of a file, its size the same.
    BytesChanged,
    /// A file.
    FileLost,
    /// Everyone may write a file, or may not any more.
    ModeChanged,
    /// The HEAD of a Git repository.
    HeadMoved,
    /// A service that does not run.
    ServiceStopped,
    /// A line in a log that says that something went wrong.
    ErrorLogged,
    /// A response that is an error of the server.
    ResponseFailed,
    /// A response that refuses the identity.
    ResponseRefused,
    /// A response without content.
    ResponseEmpty,
    /// A response whose second half is missing.
    ResponseCut,
}

impl MutationKind {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::ValueChanged => "value changed",
            Self::RowLost => "row lost",
            Self::IndexLost => "index lost",
            Self::ForeignKeyLost => "foreign key lost",
            Self::ConstraintLost => "constraint lost",
            Self::DefaultLost => "default lost",
            Self::NotNullLost => "not null lost",
            Self::ColumnNarrowed => "column narrowed",
            Self::TriggerAdded => "trigger added",
            Self::RightGranted => "right granted",
            Self::ViewLost => "view lost",
            Self::RoutineChanged => "routine changed",
            Self::SequenceLimited => "sequence limited",
            Self::RoleAdded => "role added",
            Self::SettingChanged => "setting changed",
            Self::BytesChanged => "bytes changed",
            Self::FileLost => "file lost",
            Self::ModeChanged => "mode changed",
            Self::HeadMoved => "HEAD moved",
            Self::ServiceStopped => "service stopped",
            Self::ErrorLogged => "error logged",
            Self::ResponseFailed => "response failed",
            Self::ResponseRefused => "response refused",
            Self::ResponseEmpty => "response empty",
            Self::ResponseCut => "response cut",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    const ALL: [Self; 25] = [
        Self::ValueChanged,
        Self::RowLost,
        Self::IndexLost,
        Self::ForeignKeyLost,
        Self::ConstraintLost,
        Self::DefaultLost,
        Self::NotNullLost,
        Self::ColumnNarrowed,
        Self::TriggerAdded,
        Self::RightGranted,
        Self::ViewLost,
        Self::RoutineChanged,
        Self::SequenceLimited,
        Self::RoleAdded,
        Self::SettingChanged,
        Self::BytesChanged,
        Self::FileLost,
        Self::ModeChanged,
        Self::HeadMoved,
        Self::ServiceStopped,
        Self::ErrorLogged,
        Self::ResponseFailed,
        Self::ResponseRefused,
        Self::ResponseEmpty,
        Self::ResponseCut,
    ];
}

impl fmt::Display for MutationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
