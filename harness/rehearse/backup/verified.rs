//! What was learned of a backup.

use std::collections::BTreeMap;

use rehearse_core::model::product::{Need, Part};
use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::finding::Finding;
use rehearse_core::vocabulary::release::Release;
use serde::Serialize;
use serde_json::Value;

use super::content::{Dump, Formed};

/// What was learned of a backup.
#[derive(Debug, Clone, Default)]
pub(crate) struct Verified {
    /// Its manifest, or what the archive says of itself.
    pub(crate) manifest: Value,
    /// Its row counts per table, where the manifest has them.
    pub(crate) rows: Option<BTreeMap<String, u64>>,
    /// The release it says it is of.
    pub(crate) release: Option<Release>,
    /// When it was made, as it says.
    pub(crate) created: Option<String>,
    /// How the product was installed, as it says.
    pub(crate) installation: Option<String>,
    /// What else it says.
    pub(crate) facts: BTreeMap<String, String>,
    /// What was found of it.
    pub(crate) parts: Vec<PartSeen>,
    /// What was left out on purpose, as the backup says it.
    pub(crate) skipped: Vec<String>,
    /// Parts that are not there, and need not be for that.
    pub(crate) excused: Vec<String>,
    /// What is not there.
    pub(crate) missing: Vec<Missing>,
    /// Facts for the report.
    pub(crate) notes: Vec<String>,
    /// What is wrong with what is there.
    pub(crate) findings: Vec<Finding>,
    /// The backup that it continues, where it is an increment.
    pub(crate) base: Option<String>,
    /// What to do about findings that are no damage.
    pub(super) steps: Vec<String>,
    /// So many findings are no damage.
    pub(super) harmless: usize,
}

/// A part that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PartSeen {
    /// What it is.
    pub name: String,
    /// Its bytes, as they are stored.
    pub bytes: u64,
    /// Entries in it, where it is an archive or a folder of one; else it is one itself.
    pub entries: u64,
    /// Those of the entries that are files.
    pub files: u64,
    /// The file, entry or folder.
    pub file: String,
    /// What it expands to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expanded: Option<u64>,
    /// What was counted in it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, u64>,
    /// Of a dump.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dump: Option<Dump>,
    /// It lies beside the archive.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub beside: bool,
}

impl PartSeen {
    pub(super) fn new(file: &str, part: &Part) -> Self {
        Self { name: part.called(file).to_owned(), file: file.to_owned(), ..Self::default() }
    }

    /// A single file of so many bytes.
    pub(super) fn of_file(file: &str, part: &Part, bytes: u64, formed: &Formed) -> Self {
        let (entries, files) = formed.held.unwrap_or((1, 1));
        let (expanded, dump) = (formed.expanded, formed.dump.clone());
        Self { bytes, entries, files, expanded, dump, ..Self::new(file, part) }
    }
}

/// A part that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// What it is.
    pub name: String,
    /// The file, entry or folder.
    pub file: String,
    /// What a restore lacks without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without: Option<String>,
    /// It should lie beside the archive.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub beside: bool,
    /// Without it nothing is rehearsed.
    pub needed: bool,
    /// Without it nothing can be restored.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub vital: bool,
    /// What people do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Missing {
    pub(super) fn new(file: &str, part: &Part) -> Self {
        Self {
            name: part.called(file).to_owned(),
            file: file.to_owned(),
            without: part.without.clone(),
            beside: false,
            needed: matches!(part.need, Need::Vital | Need::Always),
            vital: part.need == Need::Vital,
            remedy: part.remedy.clone(),
        }
    }

    /// What its lack is called where the backup has to be complete.
    pub(crate) fn finding(&self) -> Finding {
        let why = self.without.as_ref().map(|without| format!("; {without}")).unwrap_or_default();
        let (expected, actual) = match self.beside {
            true => ("a file beside the archive", format!("no such file{why}")),
            false => ("a file", format!("no such file: the backup is not complete{why}")),
        };
        Finding::new(FindingCode::BackupFileMissing, super::file_subject(&self.file), expected, actual)
    }
}

impl Verified {
    /// Something is wrong that is no damage, and what to do about it.
    pub(super) fn wrong(&mut self, finding: Finding, step: impl Into<String>) {
        self.findings.push(finding);
        self.harmless += 1;
        let step = step.into();
        if !self.steps.contains(&step) {
            self.steps.push(step);
        }
    }

    /// Whether something is damaged, or must not be unpacked.
    pub(super) fn is_damaged(&self) -> bool {
        self.findings.len() > self.harmless
    }

    /// All that keeps it from being rehearsed: what is wrong with it, and what it cannot do without.
    pub(crate) fn refusals(&self) -> Vec<Finding> {
        let missing = self.missing.iter().filter(|missing| missing.needed).map(Missing::finding);
        missing.chain(self.findings.iter().cloned()).collect()
    }

    /// What is told where it passes.
    pub(crate) fn told(&self) -> Vec<String> {
        let lacks = self.missing.iter().filter(|missing| !missing.needed).map(|missing| {
            let why = missing.without.as_ref().map(|without| format!("; {without}")).unwrap_or_default();
            format!("{} is not in the backup{why}", missing.name)
        });
        let skipped = (!self.skipped.is_empty()).then(|| format!("left out on purpose: {}", self.skipped.join(", ")));
        self.notes.iter().cloned().chain(skipped).chain(lacks).collect()
    }
}
