//! The parts of a product's backup, and what the backup states about itself.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::main_database;
use crate::vocabulary::release::Range;
use crate::vocabulary::scalar::{GroupPattern, Pattern, Pointer};

/// What a backup is made of and how to trust it.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Backup {
    /// One archive is the whole backup: `parts` are its entries, and steps name it as `archive`. A backup is then given as
    /// that file, or as a folder that holds exactly one.
    #[serde(default)]
    pub archive: Option<ArchiveFile>,
    /// The entry of the archive that describes it.
    #[serde(default)]
    pub information: Option<Information>,
    /// The JSON file that describes the backup; without one, use `checksums` and `release-in`.
    #[serde(default)]
    pub manifest: Option<String>,
    /// Where the manifest names the product.
    #[serde(default)]
    pub product: Option<Pointer>,
    /// Where the manifest names the release. A backup restores only into exactly its own release, however that is written:
    /// `1.0` is `v1.0.0`, since an omitted number is 0.
    #[serde(default)]
    pub release: Option<Pointer>,
    /// Without a manifest: a text file of the backup that states the release.
    #[serde(default)]
    pub release_in: Option<ReleaseIn>,
    /// Where the manifest lists files: an object of `name: {sha256, bytes}`.
    #[serde(default)]
    pub files: Option<Pointer>,
    /// Without a manifest: a file with a line per file as `sha256sum` writes it, `digest  name`.
    #[serde(default)]
    pub checksums: Option<String>,
    /// The files of a complete backup, with their formats; for an archive its entries, or everything below a folder: `name/`.
    pub parts: BTreeMap<String, Part>,
    /// Files in the folder of the archive that the product does not put into the archive.
    #[serde(default)]
    pub beside: BTreeMap<String, Part>,
    /// Where the manifest states how many rows the restored tables must have, even if the product has no check `data`.
    #[serde(default)]
    pub rows: Option<ManifestRows>,
}

impl Backup {
    /// The name by which steps refer to the whole archive.
    pub const ARCHIVE: &str = "archive";

    /// What steps can put into a service, with its format: the files of a folder, or the archive and what lies beside it.
    pub fn files(&self) -> impl Iterator<Item = (&str, Format)> {
        let archive = self.archive.iter().map(|archive| (Self::ARCHIVE, archive.format));
        let parts = self.parts.iter().filter(|_| self.archive.is_none()).chain(&self.beside);
        archive.chain(parts.map(|(name, part)| (name.as_str(), part.format)))
    }
}

/// A text file of a backup that states its release.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "ReleaseFile")]
pub struct ReleaseIn {
    /// The file.
    pub file: String,
    /// A regular expression; its first group is the release.
    pub pattern: GroupPattern,
}

/// One file that is the whole backup.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ArchiveFile {
    /// The product's name for it: a regular expression on the file's name. A group `release` is compared with the content;
    /// a group `time`, in seconds since 1970, decides which of several archives is newer.
    pub name: Pattern,
    /// An example of such a name, for people.
    #[serde(default)]
    pub example: Option<String>,
    /// `tar` or `tar-gzip`.
    pub format: Format,
}

/// What an archive states about itself.
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
    /// Where it states when it was made: the first of these that is a text.
    #[serde(default)]
    pub created: Vec<Pointer>,
    /// Where it lists what was left out on purpose: a list, or words between commas.
    #[serde(default)]
    pub skipped: Option<Pointer>,
    /// Where an increment names the backup that it continues.
    #[serde(default)]
    pub base: Option<Pointer>,
    /// Where it states how the product was installed.
    #[serde(default)]
    pub installation: Option<Pointer>,
    /// Further facts to report: a name for people, and where the value is.
    #[serde(default)]
    pub facts: BTreeMap<String, Pointer>,
}

/// How an archive's information is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InformationFormat {
    /// JSON.
    Json,
    /// YAML as Ruby writes it: keys that are symbols lose their colon, tags of classes are ignored, all values are text.
    RubyYaml,
}

/// A file of a backup.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Part {
    /// Its format, verified by its content.
    pub format: Format,
    /// What it is, in a plain word: `database`, `uploads`. The default is the file's name.
    #[serde(default)]
    pub name: Option<String>,
    /// How much it is needed; only for files in an archive and next to one.
    #[serde(default)]
    pub need: Need,
    /// Only backups of these releases have it; only for files in an archive.
    #[serde(default)]
    pub releases: Option<Range>,
    /// The word in the information for a part that was left out on purpose; it is a problem if the part is there all the same.
    /// Only for files in an archive.
    #[serde(default)]
    pub skipped: Option<String>,
    /// What a restore lacks without it, for people.
    #[serde(default)]
    pub without: Option<String>,
    /// What to count in a folder of an archive: a plain word, and a regular expression on the names of entries. Names with
    /// the same first group count once.
    #[serde(default)]
    pub counts: BTreeMap<String, Pattern>,
    /// Files in a folder of an archive that are never empty: a regular expression on the names of entries.
    #[serde(default)]
    pub filled: Option<Pattern>,
    /// Files in a folder of an archive that continue one another: a regular expression on the names of entries. Its first
    /// group says what they belong to, its second is a number; without number 1 the later ones are useless.
    #[serde(default)]
    pub increments: Option<Pattern>,
    /// What to do if it is missing or cannot be used.
    #[serde(default)]
    pub remedy: Option<String>,
}

impl Part {
    /// What it is called: its plain word, or the file's name.
    pub fn called<'a>(&'a self, file: &'a str) -> &'a str {
        self.name.as_deref().unwrap_or(file)
    }
}

/// How much a part is needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Nothing can be restored without it, even where it was left out on purpose.
    Vital,
    /// The backup is not complete, and is not rehearsed.
    #[default]
    Always,
    /// It is reported as missing; some instances have none.
    Usually,
    /// Few instances have it; nothing is reported if it is missing.
    Sometimes,
}

/// A format of a backup's file, recognised by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `pg_dump -Fc`, read to its end: its table of contents and the data of all its entries, with the checksums of zlib
    /// where they are compressed by it.
    PgDumpCustom,
    /// SQL from `pg_dump` or `pg_dumpall`: read to its end, which has to be the end of a dump.
    PgDumpSql,
    /// The same, compressed by gzip.
    PgDumpSqlGzip,
    /// SQL from `mysqldump` or `mariadb-dump`: read to its end, which has to be the end of a dump. Of one made with
    /// `--compact` nothing says whether it is whole, and it is refused.
    MysqlDump,
    /// The same, compressed by gzip.
    MysqlDumpGzip,
    /// `mongodump --archive`, compressed by gzip or not: every collection to its end, with its CRC.
    MongoArchive,
    /// A snapshot of Redis or Valkey: its end and its CRC, which `rdbchecksum no` leaves out.
    RedisRdb,
    /// `neo4j-admin database dump`, compressed by zstd or gzip: its archive with the number of files and bytes it states.
    Neo4jDump,
    /// A database of SQLite: its header and its number of pages, which have no checksums.
    Sqlite,
    /// A tar archive compressed by gzip, read to its end.
    TarGzip,
    /// A tar archive, read to its end.
    Tar,
    /// UTF-8 text.
    Text,
    /// One JSON object without duplicate keys.
    Json,
    /// Anything. What is gzip, xz, zstd, bzip2, tar, zip, a bundle of Git or one of the formats above by its first bytes is
    /// read to its end all the same, also inside of what is compressed; and so is every such file in a folder of an archive. A
    /// name such as `.gz` has to be right.
    Any,
    /// Anything, and not looked into: for files of people, who may have uploaded a broken archive.
    Bytes,
}

impl Format {
    /// Whether it is an archive, whose entries are checked before it is unpacked.
    pub fn is_archive(self) -> bool {
        match self {
            Self::Tar | Self::TarGzip => true,
            Self::PgDumpCustom
            | Self::PgDumpSql
            | Self::PgDumpSqlGzip
            | Self::MysqlDump
            | Self::MysqlDumpGzip
            | Self::MongoArchive
            | Self::RedisRdb
            | Self::Neo4jDump
            | Self::Sqlite
            | Self::Text
            | Self::Json
            | Self::Any
            | Self::Bytes => false,
        }
    }

    /// What it is, for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::PgDumpCustom => "a whole dump in pg_dump's custom format",
            Self::PgDumpSql => "a whole dump of PostgreSQL as SQL",
            Self::PgDumpSqlGzip => "a whole dump of PostgreSQL as SQL, compressed by gzip",
            Self::MysqlDump => "a whole dump of MySQL or MariaDB as SQL",
            Self::MysqlDumpGzip => "a whole dump of MySQL or MariaDB as SQL, compressed by gzip",
            Self::MongoArchive => "a whole archive of mongodump",
            Self::RedisRdb => "a whole snapshot of Redis",
            Self::Neo4jDump => "a whole dump of Neo4j",
            Self::Sqlite => "a whole database of SQLite",
            Self::TarGzip => "a whole tar archive compressed by gzip",
            Self::Tar => "a whole tar archive",
            Self::Text => "text in UTF-8",
            Self::Json => "an object of JSON",
            Self::Any => "a whole file",
            Self::Bytes => "a file",
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
