//! What a product's backup consists of, and what it says of itself.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::main_database;
use crate::scalar::{Pattern, Pointer};

/// What a backup is made of and how to trust it.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Backup {
    /// The file that describes it, JSON; without one, `checksums` and `release-in` say what it would.
    #[serde(default)]
    pub manifest: Option<String>,
    /// Where the manifest names the product.
    #[serde(default)]
    pub product: Option<Pointer>,
    /// Where the manifest names the release. A backup restores only into exactly its own release, however that is written:
    /// `1.0` is `v1.0.0`, since a number that is not written is 0.
    #[serde(default)]
    pub release: Option<Pointer>,
    /// Where else the release is said: in a text file of the backup.
    #[serde(default)]
    pub release_in: Option<ReleaseIn>,
    /// Where the manifest lists files: an object of `name: {sha256, bytes}`.
    #[serde(default)]
    pub files: Option<Pointer>,
    /// A file with a line per file as `sha256sum` writes it: `digest  name`.
    #[serde(default)]
    pub checksums: Option<String>,
    /// The files a complete backup has, with their formats.
    pub parts: BTreeMap<String, Part>,
    /// What the manifest says the restored data must be.
    #[serde(default)]
    pub rows: Option<ManifestRows>,
}

/// A text file of a backup that says its release.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ReleaseIn {
    /// The file.
    pub file: String,
    /// A regular expression; its first group is the release.
    pub pattern: Pattern,
}

/// A file of a backup.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Part {
    /// Its format, verified by its content.
    pub format: Format,
}

/// A format of a backup's file, recognised by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `pg_dump -Fc`: starts with `PGDMP`.
    PgDumpCustom,
    /// A tar archive compressed by gzip, read to its end.
    TarGzip,
    /// A tar archive, read to its end.
    Tar,
    /// UTF-8 text.
    Text,
    /// Anything.
    Any,
}

impl Format {
    /// Whether it is an archive, whose entries are looked at before it is unpacked.
    pub fn is_archive(self) -> bool {
        match self {
            Self::Tar | Self::TarGzip => true,
            Self::PgDumpCustom | Self::Text | Self::Any => false,
        }
    }

    /// What it is, for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::PgDumpCustom => "a dump in pg_dump's custom format",
            Self::TarGzip => "a whole tar archive compressed by gzip",
            Self::Tar => "a whole tar archive",
            Self::Text => "text in UTF-8",
            Self::Any => "a file",
        }
    }
}

/// Where the manifest states row counts per table.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ManifestRows {
    /// The database.
    #[serde(default = "main_database")]
    pub database: String,
    /// Where the manifest has an object of `table: count`.
    pub at: Pointer,
}
