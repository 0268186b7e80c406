//! The content of volumes: every file with its digest, and Git repositories by what they mean.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Everything in one volume.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FileTree {
    /// Entries by their path below the root of the volume, without a leading slash: `2026/01/report.pdf`. The root itself
    /// is the empty path.
    pub entries: BTreeMap<String, FileEntry>,
    /// Git repositories by the path of their folder. Their files are not among the entries.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub repositories: BTreeMap<String, Repository>,
    /// Texts of small configuration files, by path, without the values whose names say that they are secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub texts: BTreeMap<String, String>,
    /// Bytes in all files.
    pub bytes: u64,
}

/// A file, a folder, or another entry of a volume. Its times are not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// What it is.
    pub kind: FileKind,
    /// Permission bits, with set-user-id, set-group-id and sticky.
    pub mode: u32,
    /// The owner's number.
    pub owner: u64,
    /// The group's number.
    pub group: u64,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    /// A regular file.
    File {
        /// Bytes.
        size: u64,
        /// SHA-256 of its bytes, in hexadecimal.
        digest: String,
    },
    /// A folder.
    Folder,
    /// A symbolic link, with its target as it is written.
    Link(String),
    /// A pipe, a device or another special file, in a word.
    Special(String),
}

/// A Git repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// Where HEAD points: `ref: refs/heads/main`, or an object id.
    pub head: String,
    /// Branches, tags and other references, with the object ids they point to.
    pub references: BTreeMap<String, String>,
    /// Digests of the files that decide how it works, by name: `config`, `hooks/post-receive`.
    pub settings: BTreeMap<String, String>,
    /// The ids of its objects, in packs or on their own: the first eight bytes of each.
    pub objects: BTreeSet<u64>,
    /// What is wrong with it, in words: a pack without an index, an index that cannot be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damage: Vec<String>,
}

/// How rows of a database and files name each other. Files are named as `volume:path`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRowsState {
    /// How many files rows name.
    pub named: usize,
    /// How many files need a row.
    pub needing: usize,
    /// Files that rows name and that are not there.
    pub missing: BTreeSet<String>,
    /// Files that need a row and have none.
    pub unnamed: BTreeSet<String>,
}

/// The file trees of a deployment, by the names of its volumes.
pub type FileTrees = BTreeMap<String, FileTree>;

impl FileTree {
    /// How many regular files there are, those of repositories not counted.
    pub fn files(&self) -> usize {
        self.entries.values().filter(|entry| matches!(entry.kind, FileKind::File { .. })).count()
    }
}
