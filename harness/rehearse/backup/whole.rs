//! Reads a backup that is one archive: once, as a stream, without unpacking it, in memory that does not grow with it.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use rehearse_core::model::product::{ArchiveFile, Backup, Format, Need, Part};
use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::finding::Finding;
use rehearse_core::outcome::subject::Subject;
use rehearse_core::vocabulary::release::{Edition, Release};

use super::archive::{self, Contents, Entry};
use super::content::read_content;
use super::file::{Opened, Watch, Watched, open};
use super::names::{Names, hashed};
use super::place::open_archive;
use super::verified::{Missing, PartSummary, Verified};
use super::{MOST_FINDINGS, file_subject, free, information, named, shorten};

/// The largest information file that is read; no product writes a larger one.
const LARGEST_INFORMATION: u64 = 1 << 20;
/// At most this many distinct names are counted: eight bytes each.
const MOST_COUNTED: usize = 4 << 20;
/// At most this many entries that belong to no part are named.
const NAMED: usize = 5;

/// Reads the archive, and the files beside it.
///
/// # Errors
/// When a file exists but cannot be read, or nobody waits for it any more.
pub(super) fn read(
    backup: &Backup,
    (edition, expected): (Option<&Edition>, Option<&Release>),
    (file, folder): (&Path, &Path),
    watch: &Watch,
) -> io::Result<Verified> {
    let Some(archive) = &backup.archive else { return Err(io::Error::other("bug: no archive")) };
    let opened = open_archive(file)?;
    let size = opened.metadata()?.len();
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut verified = Verified::default();
    let mut sorter = Sorter::new(backup, free(folder));
    let damaged = match sorter.walk(archive, opened, size, watch) {
        Ok(contents) => {
            sorter.finish(contents);
            false
        }
        Err(error) if watch.is_given_up() || error.raw_os_error().is_some() => return Err(error),
        Err(error) => {
            let actual = if size == 0 { "an empty file".to_owned() } else { sorter.describe_error(&error) };
            let (code, expected) = (FindingCode::BackupDamaged, archive.format.describe());
            sorter.findings.push(Finding::new(code, file_subject(&name), expected, actual));
            true
        }
    };
    let information = sorter.information.take();
    verified.findings.append(&mut sorter.findings);
    verified.notes.append(&mut sorter.notes);
    information::judge(backup, information, (edition, expected), (file, damaged), &mut verified);
    let release = verified.release.clone();
    let counted = sorter.counted;
    for (index, (key, part)) in backup.parts.iter().enumerate() {
        match counted.get(&index) {
            Some(count) => {
                verified.notes.push(count.note(key));
                verified.parts.push(count.summary.clone());
                verified.findings.extend(count.names.empty_files(key));
                // The part that was cut off may have held the beginnings.
                let lost = count.names.without_beginning(key, verified.base.as_deref()).filter(|_| !damaged);
                if let Some(lost) = lost {
                    let how = part.remedy.as_ref().map(|remedy| format!(": {remedy}")).unwrap_or_default();
                    verified.wrong(
                        lost,
                        format!("make a new backup that holds {} from the beginning{how}", part.called(key)),
                    );
                }
                check_contradiction(backup, (key, part), &count.summary, &mut verified);
            }
            // It may be in the part that was cut off.
            None if damaged => {}
            None => add_missing(key, part, release.as_ref(), &mut verified),
        }
    }
    beside(backup, folder, watch, &mut verified)?;
    Ok(verified)
}

/// Reports a part that exists although the information says that it was left out: a restore that follows the information
/// leaves it out too.
fn check_contradiction(backup: &Backup, (key, part): (&str, &Part), summary: &PartSummary, verified: &mut Verified) {
    let word = part.skipped.as_ref().filter(|word| verified.skipped.contains(word));
    let (Some(word), Some(information)) = (word, &backup.information) else { return };
    if key.ends_with('/') && summary.files == 0 {
        return;
    }
    let expected = format!("nothing of the kind, as {} says that `{word}` was left out", information.file);
    let actual = format!("{} of {} bytes: the two contradict each other", part.called(key), summary.bytes);
    let step = "make a new backup, as a restore may leave out what the information says was left out";
    let finding = Finding::new(FindingCode::BackupContradiction, file_subject(key), expected, actual);
    verified.wrong(finding, step);
}

/// Reports a part that is not in the archive.
fn add_missing(key: &str, part: &Part, release: Option<&Release>, verified: &mut Verified) {
    let of_it = part.releases.as_ref().is_none_or(|range| release.is_none_or(|release| range.contains(release)));
    if !of_it || part.need == Need::Sometimes {
        return;
    }
    let on_purpose = part.skipped.as_ref().is_some_and(|word| verified.skipped.contains(word));
    if on_purpose && part.need != Need::Vital {
        verified.excused.push(part.called(key).to_owned());
    } else {
        verified.missing.push(Missing::new(key, part));
    }
}

/// Reads the files beside the archive.
fn beside(backup: &Backup, folder: &Path, watch: &Watch, verified: &mut Verified) -> io::Result<()> {
    for (name, part) in &backup.beside {
        let step = part.remedy.clone().unwrap_or_else(|| format!("put a whole {name} into the folder of the archive"));
        let mut finding = |actual: String| {
            let expected = format!("{}, beside the archive", part.format.describe());
            let finding = Finding::new(FindingCode::BackupUnusable, file_subject(name), expected, actual);
            verified.wrong(finding, step.clone());
        };
        match open(folder, name)? {
            Opened::Nothing if part.need == Need::Sometimes => {}
            Opened::Nothing => verified.missing.push(Missing { beside: true, ..Missing::new(name, part) }),
            Opened::Other(what) => finding(what),
            Opened::File(file) => {
                let size = file.metadata()?.len();
                let most = archive::most(size, free(folder));
                match read_content(Watched { file, watch }, (name, size), part.format, most) {
                    Err(error) if watch.is_given_up() || error.raw_os_error().is_some() => return Err(error),
                    _ if size == 0 => finding("an empty file".to_owned()),
                    Err(error) => finding(shorten(&error.to_string())),
                    Ok(content) if content.blank => finding("a file of blanks only".to_owned()),
                    Ok(content) => {
                        content.refused.iter().cloned().for_each(&mut finding);
                        verified.notes.push(format!("{name}: {size} bytes{}, beside the archive", content.note));
                        let actual = PartSummary::of_file(name, part, size, &content);
                        verified.parts.push(PartSummary { beside: true, ..actual });
                    }
                }
            }
        }
    }
    Ok(())
}

/// What was found of a part so far.
#[derive(Default)]
struct PartCount {
    summary: PartSummary,
    note: String,
    distinct: BTreeMap<String, HashSet<u64>>,
    names: Names,
}

impl PartCount {
    fn note(&self, key: &str) -> String {
        let PartSummary { bytes, .. } = self.summary;
        if !key.ends_with('/') {
            return format!("{key}: {bytes} bytes{}", self.note);
        }
        let counts: String = self.summary.counts.iter().map(|(what, count)| format!(", {what} {count}")).collect();
        let verified = self.summary.verified.map(|verified| format!(", {verified} verified")).unwrap_or_default();
        format!("{key}: {bytes} bytes, {} files{verified}{counts}", self.summary.files)
    }
}

/// Assigns every entry to its part.
struct Sorter<'a> {
    backup: &'a Backup,
    /// The parts that are folders.
    folders: Vec<(usize, &'a str, &'a Part)>,
    free: Option<u64>,
    /// Whether an entry was read.
    begun: bool,
    counted: BTreeMap<usize, PartCount>,
    information: Option<Vec<u8>>,
    other_entries: u64,
    named: Vec<String>,
    notes: Vec<String>,
    findings: Vec<Finding>,
}

impl<'a> Sorter<'a> {
    fn new(backup: &'a Backup, free: Option<u64>) -> Self {
        let folders = backup.parts.iter().enumerate().filter(|(_, (key, _))| key.ends_with('/'));
        Self {
            backup,
            folders: folders.map(|(index, (key, part))| (index, key.as_str(), part)).collect(),
            free,
            begun: false,
            counted: BTreeMap::new(),
            information: None,
            other_entries: 0,
            named: Vec::new(),
            notes: Vec::new(),
            findings: Vec::new(),
        }
    }

    fn walk(&mut self, archive: &ArchiveFile, file: File, size: u64, watch: &Watch) -> io::Result<Contents> {
        let most = archive::most(size, self.free);
        let stream = io::BufReader::with_capacity(1 << 18, Watched { file, watch });
        let mut visit = |entry: Entry<'_>| self.sort(entry);
        // Of an archive's two formats, which the product file may name.
        if archive.format == Format::TarGzip {
            archive::walk(MultiGzDecoder::new(stream), size, most, &mut visit)
        } else {
            archive::walk(stream, size, most, &mut visit)
        }
    }

    /// Describes what is wrong with an archive that cannot be read, in clearer words than the error.
    fn describe_error(&self, error: &io::Error) -> String {
        let text = shorten(&error.to_string());
        if !self.begun && text.starts_with("numeric field") {
            "a file that is not a tar archive".to_owned()
        } else if text.contains("unexpected EOF") || text.contains("failed to read entire block") {
            format!("it was cut off: {text}")
        } else {
            text
        }
    }

    /// Reports what is known only at the end of the archive.
    fn finish(&mut self, contents: Contents) {
        for why in contents.refused {
            let (code, expected) = (FindingCode::BackupUnsafe, "an archive that may be unpacked");
            self.findings.push(Finding::new(code, Subject::BackupFact("archive".to_owned()), expected, why));
        }
        if contents.followed {
            let (code, expected) = (FindingCode::BackupDamaged, "nothing after the end of the archive");
            let actual = "bytes after its end, which no restore reads";
            self.findings.push(Finding::new(code, Subject::BackupFact("archive".to_owned()), expected, actual));
        }
        if self.other_entries > 0 {
            let shown = self.named.join(", ");
            let more = if self.other_entries > self.named.len() as u64 { ", …" } else { "" };
            self.notes.push(format!("{} entries that belong to no known part: {shown}{more}", self.other_entries));
        }
    }

    fn add_finding(&mut self, code: FindingCode, file: &str, expected: impl Into<String>, actual: impl Into<String>) {
        if self.findings.len() < MOST_FINDINGS {
            self.findings.push(Finding::new(code, file_subject(file), expected, actual));
        }
    }

    fn sort(&mut self, mut entry: Entry<'_>) -> io::Result<()> {
        self.begun = true;
        // A name that is not UTF-8 matches no part, but it may be in a folder of one.
        let name = String::from_utf8_lossy(&entry.name).into_owned();
        if self.backup.information.as_ref().is_some_and(|information| information.file == name) {
            return self.take_information(&name, entry);
        }
        if let Some((index, (key, part))) =
            self.backup.parts.iter().enumerate().find(|(_, (key, _))| **key == name && !key.ends_with('/'))
        {
            return self.file(index, key, part, entry);
        }
        let below = |key: &str| {
            name.strip_prefix(key.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if let Some((index, key, part)) = self.folders.iter().find(|(_, key, _)| below(key)).copied() {
            let verified = match is_file(&entry) && entry.size > 0 {
                true => self.verify_file(&name, part, &mut entry)?,
                false => false,
            };
            let part_count = self.counted.entry(index).or_insert_with(|| PartCount {
                summary: PartSummary {
                    counts: part.counts.keys().map(|what| (what.clone(), 0)).collect(),
                    ..PartSummary::new(key, part)
                },
                ..PartCount::default()
            });
            part_count.summary.entries += 1;
            if !entry.kind.is_dir() {
                part_count.summary.files += 1;
                *part_count.summary.verified.get_or_insert_default() += u64::from(verified);
                part_count.summary.bytes = part_count.summary.bytes.saturating_add(entry.size);
                count(part_count, part, &name);
                part_count.names.add(part, &name, is_file(&entry) && entry.size == 0);
            }
            return Ok(());
        }
        if !entry.kind.is_dir() {
            self.other_entries += 1;
            if self.named.len() < NAMED {
                self.named.push(named(&entry.name));
            }
        }
        Ok(())
    }

    /// Reads a file in a folder to its end if its format is known; says whether it is whole.
    fn verify_file(&mut self, name: &str, part: &Part, entry: &mut Entry<'_>) -> io::Result<bool> {
        let most = archive::most(entry.size, self.free);
        match read_content(&mut *entry.content, (name, entry.size), part.format, most) {
            Ok(content) => Ok(content.verified),
            Err(error) if error.raw_os_error().is_some() => Err(error),
            Err(error) => {
                self.add_finding(FindingCode::BackupDamaged, name, part.format.describe(), shorten(&error.to_string()));
                Ok(false)
            }
        }
    }

    fn take_information(&mut self, name: &str, entry: Entry<'_>) -> io::Result<()> {
        if !is_file(&entry) {
            self.add_finding(FindingCode::BackupFileKind, name, "a file", "an entry of another kind");
        } else if self.information.is_some() {
            self.add_finding(FindingCode::BackupUnsafe, name, "one entry of that name", "a second one");
        } else if entry.size > LARGEST_INFORMATION {
            let most = format!("at most {} MiB", LARGEST_INFORMATION >> 20);
            self.add_finding(FindingCode::BackupManifest, name, most, format!("{} bytes", entry.size));
            // It exists, so it is not reported as missing too.
            self.information = Some(Vec::new());
        } else {
            let mut bytes = Vec::new();
            entry.content.read_to_end(&mut bytes)?;
            self.information = Some(bytes);
        }
        Ok(())
    }

    /// Reads an entry that is a part. If something is wrong with it, the rest is still read.
    fn file(&mut self, index: usize, key: &str, part: &Part, entry: Entry<'_>) -> io::Result<()> {
        if !is_file(&entry) {
            self.add_finding(FindingCode::BackupFileKind, key, "a file", "an entry of another kind");
            return Ok(());
        }
        if self.counted.contains_key(&index) {
            let actual = "a second one, which would replace it";
            self.add_finding(FindingCode::BackupUnsafe, key, "one entry of that name", actual);
            return Ok(());
        }
        let mut summary = PartSummary { bytes: entry.size, ..PartSummary::new(key, part) };
        let mut note = String::new();
        match read_content(entry.content, (key, entry.size), part.format, archive::most(entry.size, self.free)) {
            Ok(content) => {
                summary = PartSummary::of_file(key, part, entry.size, &content);
                for why in content.refused {
                    self.add_finding(FindingCode::BackupUnsafe, key, "an archive that may be unpacked", why);
                }
                note = content.note;
            }
            Err(error) if error.raw_os_error().is_some() => return Err(error),
            Err(error) => {
                self.add_finding(FindingCode::BackupDamaged, key, part.format.describe(), shorten(&error.to_string()));
            }
        }
        self.counted.insert(index, PartCount { summary, note, ..PartCount::default() });
        Ok(())
    }
}

/// Counts a name if it matches what the part counts.
fn count(part_count: &mut PartCount, part: &Part, name: &str) {
    for (what, pattern) in &part.counts {
        let Some(found) = pattern.regex().captures(name) else { continue };
        let one = found.get(1).or_else(|| found.get(0)).map_or("", |group| group.as_str());
        let distinct = part_count.distinct.entry(what.clone()).or_default();
        // Beyond that, the number is a lower bound.
        if distinct.len() < MOST_COUNTED && distinct.insert(hashed(one)) {
            *part_count.summary.counts.entry(what.clone()).or_default() += 1;
        }
    }
}

fn is_file(entry: &Entry<'_>) -> bool {
    entry.kind.is_file() || entry.kind.is_contiguous()
}
