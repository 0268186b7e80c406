//! Judges an upgraded deployment against a fresh installation of the same release: what only the fresh one has is a finding, what
//! only the upgraded one has is a note.

mod identity;
mod rows;
mod settings;
mod structure;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::product::{FreshDifference, FreshRule};
use crate::observation::{DataState, FileEntry, FileKind, FileTree, FileTrees};
use crate::outcome::code::{FindingCode, InconclusiveCode};
use crate::outcome::event::CheckReport;
use crate::outcome::finding::Finding;
use crate::outcome::subject::Subject;
use crate::vocabulary::scalar::Because;
use crate::vocabulary::wildcard::fits;

pub use settings::{SettingValues, settings_in_rows, settings_in_text};

/// Findings that are reported one by one; the evidence has all.
const MOST_FINDINGS: usize = 20;

/// Something that only the fresh installation has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lacking {
    /// As rules name it.
    pub name: String,
    /// What the fresh installation has.
    pub expected: String,
    /// What the upgraded deployment has in its place.
    pub actual: String,
    /// The reason why it may lack it; none if nothing allows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
    #[serde(skip)]
    subject: Subject,
    #[serde(skip)]
    code: FindingCode,
}

/// By what an upgraded deployment is judged.
#[derive(Debug, Clone, Copy)]
pub struct FreshTerms<'a> {
    /// The rules of the target release.
    pub rules: &'a [&'a FreshRule],
    /// Tables that are judged elsewhere, with the reason.
    pub elsewhere: &'a BTreeMap<String, Because>,
    /// Columns that change by themselves, as `table.column`.
    pub volatile: &'a [String],
    /// Files that change by themselves, as `volume:path`, with the reason.
    pub volatile_files: &'a BTreeMap<String, Because>,
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Structure,
    Rows,
    Files,
    Settings,
}

impl FreshTerms<'_> {
    fn allowed(&self, part: Part, name: &str) -> Option<String> {
        let rule = self.rules.iter().find(|rule| {
            let (of, patterns) = match &rule.allow {
                FreshDifference::Structure(patterns) => (Part::Structure, patterns),
                FreshDifference::Rows(patterns) => (Part::Rows, patterns),
                FreshDifference::Files(patterns) => (Part::Files, patterns),
                FreshDifference::Settings(patterns) => (Part::Settings, patterns),
            };
            of == part && patterns.iter().any(|pattern| fits(pattern, name))
        });
        rule.map(|rule| rule.because.to_string())
    }
}

/// Compares the structure around the tables. Returns what only the fresh installation has, allowed or not.
pub fn judge_fresh_structure(
    fresh: &DataState,
    upgraded: &DataState,
    terms: FreshTerms<'_>,
    report: &mut CheckReport,
) -> Vec<Lacking> {
    let lacking = structure::lacking(fresh, upgraded, terms, report);
    add_findings(&lacking, report);
    lacking
}

/// Compares the rows that the fresh installation begins with. Returns those that only it has, allowed or not.
pub fn judge_fresh_rows(
    fresh: &DataState,
    upgraded: &DataState,
    terms: FreshTerms<'_>,
    report: &mut CheckReport,
) -> Vec<Lacking> {
    let lacking = rows::lacking(fresh, upgraded, terms, report);
    add_findings(&lacking, report);
    lacking
}

/// Compares the files in volumes, and the names of settings in configuration files.
pub fn judge_fresh_files(
    fresh: &FileTrees,
    upgraded: &FileTrees,
    terms: FreshTerms<'_>,
    report: &mut CheckReport,
) -> Vec<Lacking> {
    let mut lacking = Vec::new();
    for (volume, tree) in fresh {
        let Some(present) = upgraded.get(volume) else { continue };
        files_of(volume, tree, present, terms, report, &mut lacking);
    }
    add_findings(&lacking, report);
    lacking
}

fn files_of(
    volume: &str,
    fresh: &FileTree,
    upgraded: &FileTree,
    terms: FreshTerms<'_>,
    report: &mut CheckReport,
    lacking: &mut Vec<Lacking>,
) {
    let volatile = |name: &str| terms.volatile_files.keys().any(|pattern| fits(pattern, name));
    let mut differ = 0;
    for (path, entry) in &fresh.entries {
        let name = format!("{volume}:{path}");
        if volatile(&name) {
            continue;
        }
        report.assertions += 1;
        match upgraded.entries.get(path) {
            Some(other) => differ += u32::from(other.kind != entry.kind),
            None if below_lacking(path, upgraded) || upgraded.repositories.contains_key(path) => {}
            None => lacking.push(Lacking {
                allowed: terms.allowed(Part::Files, &name),
                subject: Subject::File(name.clone()),
                name,
                expected: format!("{}, as in a fresh installation", what(entry)),
                actual: "it is not there".to_owned(),
                code: FindingCode::FreshFile,
            }),
        }
    }
    for (path, text) in &fresh.texts {
        let Some(present) = upgraded.texts.get(path) else { continue };
        let name = format!("{volume}:{path}");
        let subject = Subject::File(name.clone());
        let (fresh, upgraded) = (settings_in_text(text), settings_in_text(present));
        lacking.extend(settings::lacking(&name, &subject, &fresh, &upgraded, terms, report));
    }
    if differ > 0 {
        let files = if differ == 1 { "1 file has".to_owned() } else { format!("{differ} files have") };
        report.notes.push(format!("volume {volume}: {files} another content than in a fresh installation"));
    }
}

/// Compares settings that are in force, as one step shows them.
pub fn judge_fresh_settings(
    step: &str,
    fresh: &SettingValues,
    upgraded: &SettingValues,
    terms: FreshTerms<'_>,
    report: &mut CheckReport,
) -> Vec<Lacking> {
    if fresh.is_empty() {
        let text = "the fresh installation shows no settings";
        report.cannot_tell_about(InconclusiveCode::NothingToCompare, Subject::request(step), text);
        return Vec::new();
    }
    let lacking: Vec<Lacking> =
        settings::lacking(step, &Subject::request(step), fresh, upgraded, terms, report).collect();
    add_findings(&lacking, report);
    lacking
}

/// Whether a folder above a path is not there: that folder is reported, not everything in it.
fn below_lacking(path: &str, upgraded: &FileTree) -> bool {
    path.rsplit_once('/').is_some_and(|(folder, _)| !upgraded.entries.contains_key(folder))
}

fn what(entry: &FileEntry) -> &'static str {
    match entry.kind {
        FileKind::File { .. } => "a file",
        FileKind::Folder => "a folder",
        FileKind::Link(_) => "a link",
        FileKind::Special(_) => "a special file",
    }
}

fn add_findings(lacking: &[Lacking], report: &mut CheckReport) {
    let wrong: Vec<&Lacking> = lacking.iter().filter(|lacking| lacking.allowed.is_none()).collect();
    let shown = wrong.iter().take(MOST_FINDINGS);
    report
        .findings
        .extend(shown.map(|one| Finding::new(one.code, one.subject.clone(), one.expected.clone(), one.actual.clone())));
    let beyond = wrong.len().saturating_sub(MOST_FINDINGS);
    if beyond > 0 {
        let subject = Subject::More(beyond, "differences from a fresh installation".to_owned());
        report.findings.push(Finding::new(FindingCode::FreshMore, subject, "none", "differences in the evidence"));
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for because in lacking.iter().filter_map(|lacking| lacking.allowed.as_deref()) {
        *counts.entry(because).or_default() += 1;
    }
    report.notes.extend(counts.into_iter().map(|(because, count)| format!("{count} lacking by a rule: {because}")));
}

#[cfg(test)]
mod tests;
