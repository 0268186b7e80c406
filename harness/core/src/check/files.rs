//! Judges the files in volumes: unless a rule allows it, nothing may be lost, changed or added.

mod repository;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use similar::{ChangeTag, TextDiff};

use crate::model::product::FileRule;
use crate::observation::{FileEntry, FileKind, FileRowsState, FileTree, FileTrees};
use crate::outcome::code::{FindingCode, InconclusiveCode};
use crate::outcome::event::CheckReport;
use crate::outcome::finding::Finding;
use crate::outcome::subject::Subject;
use crate::vocabulary::scalar::Because;
use crate::vocabulary::wildcard::fits;

use super::excerpt::apart;
use rules::{Change, Rules};

/// Lines of a configuration file that are shown.
const MOST_LINES: usize = 8;
/// Characters of such a line that are shown.
const LINE: usize = 200;
/// Findings that are reported one by one; the evidence has all.
const MOST_FINDINGS: usize = 20;

/// By what files are judged.
#[derive(Debug, Clone, Copy)]
pub struct FileTerms<'a> {
    /// Reviewed rules of this hop; none on the rollback, where nothing may differ.
    pub rules: &'a [&'a FileRule],
    /// Files that change by themselves, as `volume:path` with `*` for any characters, with the reason.
    pub volatile: &'a BTreeMap<String, Because>,
    /// Files to which probes have declared writes since the reference was taken, as `volume:path`.
    pub written: &'a BTreeSet<String>,
}

/// How one file differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FileDifference {
    /// The file, as `volume:path`.
    pub file: String,
    /// What is wrong with it.
    pub code: FindingCode,
    /// As it was.
    pub expected: String,
    /// As it is.
    pub actual: String,
    /// The reason why it is allowed; none if nothing allows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
}

/// Compares volumes with the reference. Returns every difference, allowed or not, for the evidence.
pub fn judge_files(
    reference: &FileTrees,
    now: &FileTrees,
    terms: FileTerms<'_>,
    report: &mut CheckReport,
) -> Vec<FileDifference> {
    let mut judge = Judge { rules: Rules::of(terms), differences: Vec::new() };
    for (volume, before) in reference {
        let Some(tree) = now.get(volume) else {
            // The check that failed to read it has said so.
            continue;
        };
        report.assertions += u32::try_from(before.entries.len() + before.repositories.len()).unwrap_or(u32::MAX);
        judge.tree(volume, before, tree);
        repository::judge(volume, &before.repositories, &tree.repositories, &mut judge, report);
    }
    for (volume, tree) in now.iter().filter(|(volume, _)| !reference.contains_key(*volume)) {
        judge.tree(volume, &FileTree::default(), tree);
    }
    let Judge { rules, differences } = judge;
    rules.count(&differences, report);
    add_findings(&differences, report);
    differences
}

/// Files of a baseline: nothing to compare yet, but something to compare with later.
pub fn note_files(volumes: &FileTrees, report: &mut CheckReport) {
    for (volume, tree) in volumes {
        let (files, repositories) = (tree.files(), tree.repositories.len());
        report.assertions += u32::try_from(files + repositories).unwrap_or(u32::MAX);
        let git = match repositories {
            0 => String::new(),
            1 => ", 1 Git repository".to_owned(),
            more => format!(", {more} Git repositories"),
        };
        report.notes.push(format!("volume {volume}: {files} files, {} bytes{git}", tree.bytes));
        for (path, repository) in &tree.repositories {
            for damage in &repository.damage {
                report.notes.push(format!("damaged already on the source release: {volume}:{path}: {damage}"));
            }
        }
    }
}

/// Compares the files that rows of a database name, as `volume:path`, with those that are there. `needing` are patterns of
/// files that need a row.
pub fn file_rows(named: &BTreeSet<String>, needing: &[String], now: &FileTrees) -> FileRowsState {
    let there = |file: &&String| {
        let entry = file.split_once(':').and_then(|(volume, path)| now.get(volume)?.entries.get(path));
        entry.is_some_and(|entry| matches!(entry.kind, FileKind::File { .. } | FileKind::Link(_)))
    };
    let mut state = FileRowsState { named: named.len(), ..FileRowsState::default() };
    state.missing = named.iter().filter(|file| !there(file)).cloned().collect();
    for (volume, tree) in now {
        let files = tree.entries.iter().filter(|(_, entry)| matches!(entry.kind, FileKind::File { .. }));
        for file in files.map(|(path, _)| format!("{volume}:{path}")) {
            if needing.iter().any(|pattern| fits(pattern, &file)) {
                state.needing += 1;
                if !named.contains(&file) {
                    state.unnamed.insert(file);
                }
            }
        }
    }
    state
}

/// Judges rows that name files. What was so on the source release already is noted, and not held against a hop; `before` is
/// none on the source release itself.
pub fn judge_file_rows(now: &FileRowsState, before: Option<&FileRowsState>, report: &mut CheckReport) {
    if now.named == 0 {
        report.cannot_tell(InconclusiveCode::NothingAsserted, "no row names a file");
        return;
    }
    report.assertions += u32::try_from(now.named + now.needing).unwrap_or(u32::MAX);
    let lists = [
        (&now.missing, before.map(|before| &before.missing), FindingCode::RowWithoutFile),
        (&now.unnamed, before.map(|before| &before.unnamed), FindingCode::FileWithoutRow),
    ];
    let mut findings = Vec::new();
    for (files, before, code) in lists {
        let is_missing = code == FindingCode::RowWithoutFile;
        let Some(before) = before else {
            if !files.is_empty() {
                let what = if is_missing { "files that rows name are missing" } else { "files have no row" };
                let count = files.len();
                let names: Vec<&str> = files.iter().map(String::as_str).collect();
                report.notes.push(format!("on the source release {count} {what}: {}", super::data::list(&names)));
            }
            continue;
        };
        let (expected, actual) = if is_missing {
            ("the file that a row names", "no such file")
        } else {
            ("a row that names the file", "none")
        };
        let new = files.difference(before);
        findings.extend(new.map(|file| Finding::new(code, Subject::File(file.clone()), expected, actual)));
    }
    keep_first(findings, report);
}

struct Judge<'a> {
    rules: Rules<'a>,
    differences: Vec<FileDifference>,
}

impl Judge<'_> {
    fn differs(&mut self, change: Change, code: FindingCode, file: String, expected: String, actual: String) {
        let allowed = self.rules.allowed(change, &file);
        self.differences.push(FileDifference { file, code, expected, actual, allowed });
    }

    fn tree(&mut self, volume: &str, before: &FileTree, now: &FileTree) {
        let full = |path: &str| format!("{volume}:{path}");
        let mut found = self.moved(volume, before, now);
        for (path, old) in &before.entries {
            match now.entries.get(path) {
                Some(new) => self.entry(full(path), old, new, lines(before.texts.get(path), now.texts.get(path))),
                // It is reported as a repository.
                None if before.repositories.contains_key(path) => {}
                None if found.from.remove(path) || below_missing(path, before, now, &found.folders) => {}
                None => {
                    let code = FindingCode::FileLost;
                    self.differs(Change::Removed, code, full(path), describe(old), "gone".to_owned());
                }
            }
        }
        for (path, new) in now.entries.iter().filter(|(path, _)| !before.entries.contains_key(*path)) {
            let known = found.to.contains(path) || found.folders.contains(path) || now.repositories.contains_key(path);
            if !known && !is_empty_folder(path, new, now) && !below_missing(path, now, before, &found.folders) {
                let code = FindingCode::FileAdded;
                self.differs(Change::Added, code, full(path), "no such file before".to_owned(), describe(new));
            }
        }
    }

    /// Finds files that rules let move again by their content.
    fn moved(&mut self, volume: &str, before: &FileTree, now: &FileTree) -> Found {
        let full = |path: &str| format!("{volume}:{path}");
        let mut found = Found::default();
        let mut new: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
        for (path, entry) in now.entries.iter().filter(|(path, _)| !before.entries.contains_key(*path)) {
            new.entry(content(entry).unwrap_or_default()).or_default().push(path);
        }
        for (path, old) in before.entries.iter().filter(|(path, _)| !now.entries.contains_key(*path)) {
            let Some(alike) = content(old).and_then(|content| new.get(content)) else { continue };
            for (to, because) in self.rules.moves(&full(path)) {
                let free = |place: &&&String| !found.to.contains(**place) && fits(to, &full(place));
                let Some(place) = alike.iter().find(free).map(|place| (*place).clone()) else { continue };
                self.differences.push(FileDifference {
                    file: full(path),
                    code: FindingCode::FileMoved,
                    expected: describe(old),
                    actual: format!("at {}", full(&place)),
                    allowed: Some(because),
                });
                let mut above = place.as_str();
                while let Some((folder, _)) = above.rsplit_once('/') {
                    found.folders.insert(folder.to_owned());
                    above = folder;
                }
                found.from.insert(path.clone());
                found.to.insert(place);
                break;
            }
        }
        found
    }

    fn entry(&mut self, file: String, old: &FileEntry, new: &FileEntry, lines: Option<String>) {
        if old.kind != new.kind {
            let code = FindingCode::FileChanged;
            let actual = describe(new) + &lines.map(|lines| format!(": {lines}")).unwrap_or_default();
            self.differs(Change::Rewritten, code, file.clone(), describe(old), actual);
        }
        let rights = |entry: &FileEntry| format!("mode {:o}, owner {}:{}", entry.mode, entry.owner, entry.group);
        // The mode of a link means nothing.
        let link = matches!((&old.kind, &new.kind), (FileKind::Link(_), _) | (_, FileKind::Link(_)));
        if rights(old) != rights(new) && !link {
            self.differs(Change::Permissions, FindingCode::FilePermissions, file, rights(old), rights(new));
        }
    }
}

/// Files that were found again at another path.
#[derive(Default)]
struct Found {
    from: BTreeSet<String>,
    to: BTreeSet<String>,
    /// The folders above the new paths.
    folders: BTreeSet<String>,
}

/// Whether a folder above a path is in one tree and not in the other: that folder is reported, not everything in it, unless
/// it is one of those `known`.
fn below_missing(path: &str, here: &FileTree, there: &FileTree, known: &BTreeSet<String>) -> bool {
    let mut above = path;
    while let Some((folder, _)) = above.rsplit_once('/') {
        if here.entries.contains_key(folder) && !there.entries.contains_key(folder) && !known.contains(folder) {
            return true;
        }
        above = folder;
    }
    false
}

/// The lines that are gone from a configuration file, and those that are new; none if either text was not kept.
fn lines(old: Option<&String>, new: Option<&String>) -> Option<String> {
    let (old, new) = (old?, new?);
    let difference = TextDiff::from_lines(old, new);
    let mut changes: Vec<String> = Vec::new();
    for part in difference.ops() {
        let of = |tag| -> Vec<&str> {
            let lines = difference.iter_changes(part).filter(|change| change.tag() == tag);
            lines.map(|change| change.value()).collect()
        };
        let (gone, new) = (of(ChangeTag::Delete), of(ChangeTag::Insert));
        changes.extend(gone.iter().enumerate().map(|(at, line)| format!("-{}", shown(line, new.get(at)))));
        changes.extend(new.iter().enumerate().map(|(at, line)| format!("+{}", shown(line, gone.get(at)))));
    }
    let shown = changes.iter().take(MOST_LINES).map(String::as_str).collect::<Vec<_>>().join(" | ");
    match changes.len().saturating_sub(MOST_LINES) {
        // The values that differ are secret.
        0 if changes.is_empty() => None,
        0 => Some(shown),
        more => Some(format!("{shown} | and {more} more lines")),
    }
}

/// A line, so that it looks different from the other one that stood or stands in its place.
fn shown(line: &str, other: Option<&&str>) -> String {
    let end = |line: &'_ str| line.strip_suffix('\n').map_or(line.len(), str::len);
    match other {
        None => line.trim_end().to_owned(),
        Some(other) if line[..end(line)] == other[..end(other)] => apart(line, other, LINE).0,
        Some(other) => apart(&line[..end(line)], &other[..end(other)], LINE).0,
    }
}

/// Whether an entry is a folder with nothing but folders in it: what a file that came and went may leave.
fn is_empty_folder(path: &str, entry: &FileEntry, tree: &FileTree) -> bool {
    let prefix = format!("{path}/");
    let mut below = tree.entries.range(prefix.clone()..).take_while(|(path, _)| path.starts_with(&prefix));
    entry.kind == FileKind::Folder && below.all(|(_, entry)| entry.kind == FileKind::Folder)
}

/// What a file or a link holds; none for a folder.
fn content(entry: &FileEntry) -> Option<&str> {
    match &entry.kind {
        FileKind::File { digest, .. } => Some(digest),
        FileKind::Link(to) => Some(to),
        FileKind::Folder | FileKind::Special(_) => None,
    }
}

fn describe(entry: &FileEntry) -> String {
    match &entry.kind {
        FileKind::File { size, digest } => format!("{size} bytes, SHA-256 {}", digest.get(..16).unwrap_or(digest)),
        FileKind::Folder => "a folder".to_owned(),
        FileKind::Link(to) => format!("a link to {to}"),
        FileKind::Special(what) => what.clone(),
    }
}

fn add_findings(differences: &[FileDifference], report: &mut CheckReport) {
    let wrong = differences.iter().filter(|difference| difference.allowed.is_none());
    let findings = wrong.map(|difference| {
        let subject = Subject::File(difference.file.clone());
        Finding::new(difference.code, subject, difference.expected.clone(), difference.actual.clone())
    });
    let mut findings: Vec<Finding> = findings.collect();
    // The gravest first, by the order of the codes.
    findings.sort_by_key(|finding| finding.code);
    keep_first(findings, report);
}

fn keep_first(mut findings: Vec<Finding>, report: &mut CheckReport) {
    let beyond = findings.len().saturating_sub(MOST_FINDINGS);
    findings.truncate(MOST_FINDINGS);
    report.findings.extend(findings);
    if beyond > 0 {
        let subject = Subject::More(beyond, "files".to_owned());
        report.findings.push(Finding::new(FindingCode::FilesMore, subject, "none", "differences in the evidence"));
    }
}

#[cfg(test)]
mod tests;
