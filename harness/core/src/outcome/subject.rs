//! What a finding is about.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::secret::Redactor;
use crate::vocabulary::ident::StageId;

/// What a finding, or a reason why something is inconclusive, is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A service, by its name.
    Service(String),
    /// A database, by its name in the product file.
    Database(String),
    /// The migrations of the product as a whole.
    Migrations,
    /// One migration, as the migrator calls it.
    Migration(String),
    /// All tables together.
    Tables,
    /// A table.
    Table(String),
    /// A sequence, an index, a constraint or another part of the database's structure, as rules name it.
    Structure(String),
    /// A file, a folder or a repository of a volume, as `volume:path`.
    File(String),
    /// A request, a command or a statement of a probe or step, as reports call it.
    Request(String, RequestPart),
    /// A GraphQL query, and where in its data.
    Query(String, String),
    /// The GraphQL schema.
    GraphqlSchema,
    /// A log: a service, or a file of it.
    Log(String),
    /// What was waited for.
    Wait(String),
    /// What was measured: a request, a service, a database.
    Measurement(String),
    /// An image.
    Image(String),
    /// The backup as a whole.
    Backup,
    /// A file of the backup.
    BackupFile(String),
    /// The stated product, release or other fact of the backup.
    BackupFact(String),
    /// A stage of the plan.
    Stage(StageId),
    /// A check in a stage.
    Check(String, StageId),
    /// The scenario's expectation.
    Expectation,
    /// How many more subjects of a kind there are that are not reported one by one.
    More(usize, String),
}

/// A part of a response.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RequestPart {
    /// The response as a whole.
    #[default]
    Whole,
    /// A header.
    Header(String),
    /// A value of its JSON, by its pointer.
    Json(String),
    /// Its size.
    Size,
    /// The number of its records.
    Records,
    /// Its digest.
    Digest,
}

impl Subject {
    /// A request as a whole.
    pub fn request(name: impl Into<String>) -> Self {
        Self::Request(name.into(), RequestPart::Whole)
    }

    /// What kind of subject it is, in one word: `service`, `table`, `request`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Service(_) => "service",
            Self::Database(_) => "database",
            Self::Migrations => "migrations",
            Self::Migration(_) => "migration",
            Self::Tables => "tables",
            Self::Table(_) => "table",
            Self::Structure(_) => "structure",
            Self::File(_) => "file",
            Self::Request(..) => "request",
            Self::Query(..) => "query",
            Self::GraphqlSchema => "graphql-schema",
            Self::Log(_) => "log",
            Self::Wait(_) => "wait",
            Self::Measurement(_) => "measurement",
            Self::Image(_) => "image",
            Self::Backup => "backup",
            Self::BackupFile(_) => "backup-file",
            Self::BackupFact(_) => "backup-fact",
            Self::Stage(_) => "stage",
            Self::Check(..) => "check",
            Self::Expectation => "expectation",
            Self::More(..) => "more",
        }
    }

    /// Its name among those of its kind; empty where there is only one.
    pub fn name(&self) -> String {
        match self {
            Self::Service(name)
            | Self::Database(name)
            | Self::Migration(name)
            | Self::Table(name)
            | Self::Structure(name)
            | Self::File(name)
            | Self::Log(name)
            | Self::Wait(name)
            | Self::Measurement(name)
            | Self::Image(name)
            | Self::BackupFile(name)
            | Self::BackupFact(name)
            | Self::Request(name, RequestPart::Whole) => name.clone(),
            Self::Request(name, part) => format!("{name}{part}"),
            Self::Query(name, at) if at.is_empty() => name.clone(),
            Self::Query(name, at) => format!("{name} {at}"),
            Self::Stage(stage) => stage.to_string(),
            Self::Check(check, stage) => format!("{check} at {stage}"),
            Self::More(count, what) => format!("{count} {what}"),
            Self::Migrations | Self::Tables | Self::GraphqlSchema | Self::Backup | Self::Expectation => String::new(),
        }
    }

    /// Takes secrets out of its name.
    pub fn redact(&mut self, redactor: &Redactor) {
        match self {
            Self::Service(name)
            | Self::Database(name)
            | Self::Migration(name)
            | Self::Table(name)
            | Self::Structure(name)
            | Self::File(name)
            | Self::Log(name)
            | Self::Wait(name)
            | Self::Measurement(name)
            | Self::Image(name)
            | Self::BackupFile(name)
            | Self::BackupFact(name)
            | Self::Check(name, _)
            | Self::More(_, name) => redactor.clean(name),
            Self::Request(name, part) => {
                redactor.clean(name);
                if let RequestPart::Header(text) | RequestPart::Json(text) = part {
                    redactor.clean(text);
                }
            }
            Self::Query(name, at) => {
                redactor.clean(name);
                redactor.clean(at);
            }
            Self::Migrations
            | Self::Tables
            | Self::GraphqlSchema
            | Self::Backup
            | Self::Stage(_)
            | Self::Expectation => {}
        }
    }
}

impl fmt::Display for RequestPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Header(name) => write!(f, ", header {name}"),
            Self::Json(pointer) => write!(f, ", {pointer}"),
            Self::Size => f.write_str(", size"),
            Self::Records => f.write_str(", records"),
            Self::Digest => f.write_str(", digest"),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(name) => write!(f, "service {name}"),
            Self::Database(name) => write!(f, "database {name}"),
            Self::Migrations => f.write_str("the schema"),
            Self::Migration(name) => write!(f, "migration {name}"),
            Self::Tables => f.write_str("the database"),
            Self::Table(name) => write!(f, "table {name}"),
            Self::GraphqlSchema => f.write_str("GraphQL schema"),
            Self::Log(name) => write!(f, "log of {name}"),
            Self::Image(name) => write!(f, "image {name}"),
            Self::Backup => f.write_str("the backup"),
            Self::BackupFile(name) => write!(f, "the backup's file {name}"),
            Self::BackupFact(name) => write!(f, "the backup's {name}"),
            Self::Stage(stage) => write!(f, "stage {stage}"),
            Self::Check(check, stage) => write!(f, "check {check} at stage {stage}"),
            Self::Expectation => f.write_str("the expected outcome"),
            Self::More(count, what) => write!(f, "{count} more {what}"),
            Self::Structure(_)
            | Self::File(_)
            | Self::Request(..)
            | Self::Query(..)
            | Self::Wait(_)
            | Self::Measurement(_) => f.write_str(&self.name()),
        }
    }
}
