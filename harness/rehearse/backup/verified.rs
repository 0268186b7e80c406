//! The result of reading a backup.

use std::collections::BTreeMap;

use rehearse_core::model::product::{Need, Part};
use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::finding::Finding;
use rehearse_core::vocabulary::release::Release;
use serde::Serialize;
use serde_json::Value;

use super::content::Content;
use super::formats::sql::Dump;

/// The result of reading a backup.
#[derive(Debug, Clone, Default)]
pub(crate) struct Verified {
    /// Its manifest, or the archive's own information.
    pub(crate) manifest: Value,
    /// Its row counts per table, if the manifest has them.
    pub(crate) rows: Option<BTreeMap<String, u64>>,
    /// The release that it states.
    pub(crate) release: Option<Release>,
    /// When it was made, according to itself.
    pub(crate) created: Option<String>,
    /// How the product was installed, according to itself.
    pub(crate) installation: Option<String>,
    /// Further facts that it states.
    pub(crate) facts: BTreeMap<String, String>,
    /// The parts that were found.
    pub(crate) parts: Vec<PartSummary>,
    /// What was left out on purpose, according to the backup.
    pub(crate) skipped: Vec<String>,
    /// Missing parts that were left out on purpose.
    pub(crate) excused: Vec<String>,
    /// Missing parts.
    pub(crate) missing: Vec<Missing>,
    /// Facts for the report.
    pub(crate) notes: Vec<String>,
    /// What is wrong with the parts that exist.
    pub(crate) findings: Vec<Finding>,
    /// The backup that it continues, if it is incremental.
    pub(crate) base: Option<String>,
    /// What to do about findings that are not damage.
    pub(super) steps: Vec<String>,
    /// How many findings are not damage.
    pub(super) harmless: usize,
}

/// A part that exists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PartSummary {
    /// What it is.
    pub name: String,
    /// Its size in bytes, as stored.
    pub bytes: u64,
    /// The number of entries, if it is an archive or a folder in one; otherwise 1.
    pub entries: u64,
    /// How many of the entries are files.
    pub files: u64,
    /// The file, entry or folder.
    pub file: String,
    /// Its size in bytes when expanded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expanded: Option<u64>,
    /// What was counted in it, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, u64>,
    /// What it was found to be, where its format alone does not say it, and what of it is not verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// How many of the files of a folder were verified to their end: those of a format that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<u64>,
    /// About the dump, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dump: Option<Dump>,
    /// Whether it is beside the archive.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub beside: bool,
}

impl PartSummary {
    pub(super) fn new(file: &str, part: &Part) -> Self {
        Self { name: part.called(file).to_owned(), file: file.to_owned(), ..Self::default() }
    }

    /// A single file of so many bytes.
    pub(super) fn of_file(file: &str, part: &Part, bytes: u64, content: &Content) -> Self {
        let (entries, files) = content.archive_content.unwrap_or((1, 1));
        let (expanded, dump, content) = (content.expanded, content.dump.clone(), content.found.clone());
        Self { bytes, entries, files, expanded, dump, content, ..Self::new(file, part) }
    }
}

/// A missing part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// What it is.
    pub name: String,
    /// The file, entry or folder.
    pub file: String,
    /// What a restore lacks without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without: Option<String>,
    /// Whether it should be beside the archive.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub beside: bool,
    /// Whether a rehearsal needs it.
    pub needed: bool,
    /// Whether a restore is impossible without it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub vital: bool,
    /// What to do about it.
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

    /// The finding if the backup has to be complete.
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
    /// Adds a finding that is not damage, and what to do about it.
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

    /// Everything that prevents a rehearsal: what is wrong with it, and missing parts that are needed.
    pub(crate) fn refusals(&self) -> Vec<Finding> {
        let missing = self.missing.iter().filter(|missing| missing.needed).map(Missing::finding);
        missing.chain(self.findings.iter().cloned()).collect()
    }

    /// The notes for the report of a backup that passes.
    pub(crate) fn notes(&self) -> Vec<String> {
        let lacks = self.missing.iter().filter(|missing| !missing.needed).map(|missing| {
            let why = missing.without.as_ref().map(|without| format!("; {without}")).unwrap_or_default();
            format!("{} is not in the backup{why}", missing.name)
        });
        let skipped = (!self.skipped.is_empty()).then(|| format!("left out on purpose: {}", self.skipped.join(", ")));
        self.notes.iter().cloned().chain(skipped).chain(lacks).collect()
    }
}
