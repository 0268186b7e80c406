//! What a product's backup consists of, and what it says of itself.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::main_database;
use crate::vocabulary::release::Range;
use crate::vocabulary::scalar::{Pattern, Pointer};

/// What a backup is made of and how to trust it.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Backup {
    /// One archive is the whole backup: `parts` are its entries, and steps name it as `archive`. A backup is then given as
    /// that file, or as a folder that holds exactly one.
    #[serde(default)]
    pub archive: Option<ArchiveFile>,
    /// The entry of the archive that says what it is.
    #[serde(default)]
    pub information: Option<Information>,
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
    /// The files a complete backup has, with their formats; of an archive its entries, or all below a folder: `name/`.
    pub parts: BTreeMap<String, Part>,
    /// Files that lie beside the archive, in its folder, as the product does not put them into it.
    #[serde(default)]
    pub beside: BTreeMap<String, Part>,
    /// What the manifest says the restored data must be.
    #[serde(default)]
    pub rows: Option<ManifestRows>,
}

impl Backup {
    /// How steps name the whole archive.
    pub const ARCHIVE: &str = "archive";

    /// What steps can put into a service, with its format: the files of a folder, or the archive and what lies beside it.
    pub fn files(&self) -> impl Iterator<Item = (&str, Format)> {
        let archive = self.archive.iter().map(|archive| (Self::ARCHIVE, archive.format));
        let parts = self.parts.iter().filter(|_| self.archive.is_none()).chain(&self.beside);
        archive.chain(parts.map(|(name, part)| (name.as_str(), part.format)))
    }
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

/// One file that is the whole backup.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ArchiveFile {
    /// How the product calls it: a regular expression on the file's name. A group `release` is held against what is inside;
    /// a group `time`, in seconds since 1970, tells which of several is newer.
    pub name: Pattern,
    /// A name as the product gives it, for people.
    #[serde(default)]
    pub example: Option<String>,
    /// `tar` or `tar-gzip`.
    pub format: Format,
}

/// What an archive says of itself.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Information {
    /// The entry.
    pub file: String,
    /// How it is written.
    pub format: InformationFormat,
    /// Where it names the release; one without an edition is of the product's `default-edition`. A backup restores only into
    /// exactly its own release and edition.
    pub release: Pointer,
    /// Where it says when it was made: the first of these that is a text.
    #[serde(default)]
    pub created: Vec<Pointer>,
    /// Where it lists what was left out on purpose: a list, or words between commas.
    #[serde(default)]
    pub skipped: Option<Pointer>,
    /// Where it names the backup that it continues, where it is an increment.
    #[serde(default)]
    pub base: Option<Pointer>,
    /// Where it says how the product was installed.
    #[serde(default)]
    pub installation: Option<Pointer>,
    /// What else is told: a name for people, and where it stands.
    #[serde(default)]
    pub facts: BTreeMap<String, Pointer>,
}

/// How an archive's information is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InformationFormat {
    /// JSON.
    Json,
    /// YAML as Ruby writes it: keys that are symbols lose their colon, tags of classes say nothing, all values are text.
    RubyYaml,
}

/// A file of a backup.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Part {
    /// Its format, verified by its content.
    pub format: Format,
    /// What it is, in a plain word: `database`, `uploads`. The file's name when not given.
    #[serde(default)]
    pub name: Option<String>,
    /// What is made of its lack; of an archive and beside it only.
    #[serde(default)]
    pub need: Need,
    /// Only backups of these releases have it; of an archive only.
    #[serde(default)]
    pub releases: Option<Range>,
    /// The word by which the information says that it was left out on purpose; of an archive only.
    #[serde(default)]
    pub skipped: Option<String>,
    /// What a restore lacks without it, for people.
    #[serde(default)]
    pub without: Option<String>,
    /// What is counted in a folder of an archive: a plain word, and a regular expression on the names of entries. Names
    /// with the same first group count once.
    #[serde(default)]
    pub counts: BTreeMap<String, Pattern>,
    /// Files in a folder of an archive that are never empty: a regular expression on the names of entries.
    #[serde(default)]
    pub filled: Option<Pattern>,
    /// Files in a folder of an archive that continue one another: a regular expression on the names of entries. Its first
    /// group says what they are of, its second is a number; without number 1 the later ones are of no use.
    #[serde(default)]
    pub increments: Option<Pattern>,
    /// What people do where it is missing, or cannot be used.
    #[serde(default)]
    pub remedy: Option<String>,
}

impl Part {
    /// What it is called: its plain word, or the file's name.
    pub fn called<'a>(&'a self, file: &'a str) -> &'a str {
        self.name.as_deref().unwrap_or(file)
    }
}

/// What is made of a part that is not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Nothing can be restored without it, even where it was left out on purpose.
    Vital,
    /// The backup is not complete, and is not rehearsed.
    #[default]
    Always,
    /// It is told as missing; some instances have none.
    Usually,
    /// Few instances have it.
    Sometimes,
}

/// A format of a backup's file, recognised by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `pg_dump -Fc`: starts with `PGDMP`.
    PgDumpCustom,
    /// SQL of `pg_dump`, compressed by gzip: read to its end, which has to be that of a dump.
    PgDumpSqlGzip,
    /// A tar archive compressed by gzip, read to its end.
    TarGzip,
    /// A tar archive, read to its end.
    Tar,
    /// UTF-8 text.
    Text,
    /// One object of JSON that says each thing once.
    Json,
    /// Anything.
    Any,
}

impl Format {
    /// Whether it is an archive, whose entries are looked at before it is unpacked.
    pub fn is_archive(self) -> bool {
        match self {
            Self::Tar | Self::TarGzip => true,
            Self::PgDumpCustom | Self::PgDumpSqlGzip | Self::Text | Self::Json | Self::Any => false,
        }
    }

    /// What it is, for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::PgDumpCustom => "a dump in pg_dump's custom format",
            Self::PgDumpSqlGzip => "a whole dump of PostgreSQL as SQL, compressed by gzip",
            Self::TarGzip => "a whole tar archive compressed by gzip",
            Self::Tar => "a whole tar archive",
            Self::Text => "text in UTF-8",
            Self::Json => "an object of JSON",
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
