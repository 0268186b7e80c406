//! Verifies a backup on the host before anything starts: complete, undamaged, of its format and release.

mod archive;
mod content;
mod file;
mod formats;
mod information;
mod inspect;
mod names;
mod place;
mod stream;
mod strict;
mod verified;
mod whole;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use rehearse_core::model::product::{Backup, Format, Part, Product};
use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::finding::Finding;
use rehearse_core::outcome::subject::Subject;
use rehearse_core::vocabulary::release::{Edition, Release};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use content::{Content, read_content};
use file::{Opened, Watched, open};

pub use content::well_formed;
pub use file::Watch;
pub(crate) use file::beginning;
pub use formats::sql::Dump;
pub use inspect::{Inspection, inspect};
use place::NotFound;
pub(crate) use place::Place;
pub(crate) use verified::Verified;
pub use verified::{Missing, PartSummary};

/// A larger manifest, or file of checksums, is rejected; of other texts, this much is searched.
const LARGEST_TEXT: u64 = 16 << 20;
/// At most this many findings are reported for a backup.
const MOST_FINDINGS: usize = 50;
/// At most this many of its files are named in the report.
const MOST_NAMED: usize = 200;

/// The product that a backup should belong to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BackupOwner<'a> {
    /// Its name.
    pub(crate) product: &'a str,
    /// The edition of releases that are written without one.
    pub(crate) edition: Option<&'a Edition>,
}

impl<'a> BackupOwner<'a> {
    pub(crate) fn of(product: &'a Product) -> Self {
        Self { product: &product.product, edition: product.releases.default_edition.as_ref() }
    }
}

/// Reads the whole backup once. What is wrong with it is a finding; only a file that we cannot read is an error. It ends soon
/// after it is given up. Without an expected release, any release is fine.
///
/// # Errors
/// When a file exists but cannot be read.
pub(crate) fn verify(
    backup: &Backup,
    owner: BackupOwner<'_>,
    expected: Option<&Release>,
    given: &Path,
    watch: &Watch,
) -> io::Result<Verified> {
    match Place::of(backup, given)? {
        Ok(Place::Folder(folder)) => of_folder(backup, owner.product, expected, &folder, watch),
        Ok(Place::Archive { file, folder }) => whole::read(backup, (owner.edition, expected), (&file, &folder), watch),
        Err(NotFound { actual, newest }) => {
            let expected = match backup.archive.as_ref().map(|archive| &archive.example) {
                Some(_) if newest.is_some() => "one of its backups".to_owned(),
                Some(Some(example)) => {
                    format!("one archive that is named as the product names them, such as {example}")
                }
                Some(None) => "one archive that is named as the product names them".to_owned(),
                None => "a folder".to_owned(),
            };
            let actual = format!("{actual} ({})", given.display());
            let finding = Finding::new(FindingCode::BackupAmbiguous, Subject::Backup, expected, actual);
            let mut verified = Verified::default();
            match newest {
                Some(newest) => {
                    let newest = shell(&given.join(newest).display().to_string());
                    verified.wrong(finding, format!("choose one of them: rehearse backup inspect {newest}"));
                }
                None => verified.findings.push(finding),
            }
            Ok(verified)
        }
    }
}

fn of_folder(
    backup: &Backup,
    product: &str,
    release: Option<&Release>,
    folder: &Path,
    watch: &Watch,
) -> io::Result<Verified> {
    let mut verified = Verified::default();
    if let Some(name) = &backup.manifest {
        match manifest(name, folder, &mut verified.findings)? {
            Some(manifest) => verified.manifest = manifest,
            None => return Ok(verified),
        }
    }
    let manifest = std::mem::take(&mut verified.manifest);
    let manifest_value = |pointer: &str| manifest.pointer(pointer);
    if let Some(pointer) = &backup.product {
        let actual = manifest_value(pointer.as_str()).and_then(Value::as_str).unwrap_or("nothing");
        if actual != product {
            let (code, subject) = (FindingCode::BackupProduct, Subject::BackupFact("product".to_owned()));
            verified.findings.push(Finding::new(code, subject, product, shorten(actual)));
        }
    }
    if let Some(pointer) = &backup.release {
        let text = manifest_value(pointer.as_str()).and_then(Value::as_str);
        judge_release(text, || format!("the manifest at {pointer}"), release, &mut verified);
    }
    if let Some(place) = &backup.release_in {
        let text = text(&place.file, folder, Whole::Beginning, &mut verified.findings)?.unwrap_or_default();
        let found = place.pattern.regex().captures(&text).and_then(|groups| groups.get(1)).map(|group| group.as_str());
        judge_release(found, || format!("{} by {}", place.file, place.pattern), release, &mut verified);
    }
    let mut files = serde_json::Map::new();
    if let Some(pointer) = &backup.files {
        files.extend(manifest_value(pointer.as_str()).and_then(Value::as_object).cloned().unwrap_or_default());
    }
    if let Some(name) = &backup.checksums {
        let text = text(name, folder, Whole::Text, &mut verified.findings)?.unwrap_or_default();
        for (file, facts) in checksums(&text) {
            if files.get(&file).is_some_and(|known| known.get("sha256") != facts.get("sha256")) {
                let actual = format!("another one for {}", named(file.as_bytes()));
                let (code, expected) = (FindingCode::BackupManifest, "one SHA-256 for each file");
                verified.findings.push(Finding::new(code, file_subject(name), expected, actual));
            }
            files.insert(file, facts);
        }
    }
    if files.is_empty() {
        let (code, expected) = (FindingCode::BackupManifest, "checksums of its files");
        verified.findings.push(Finding::new(code, Subject::Backup, expected, "none"));
    }
    let parts = backup.parts.iter().map(|(name, part)| (name, part.format, Some(part)));
    let others = files.keys().filter(|name| !backup.parts.contains_key(*name)).map(|name| (name, Format::Any, None));
    let mut unnamed = 0;
    for (name, format, part) in parts.chain(others) {
        if verified.findings.len() >= MOST_FINDINGS {
            let (expected, actual) = ("fewer problems", "so many that the rest is not read");
            verified.findings.push(Finding::new(FindingCode::BackupUnusable, Subject::Backup, expected, actual));
            break;
        }
        let place = (name.as_str(), folder);
        let Some((size, content)) = verify_part(place, format, (part, files.get(name)), &mut verified, watch)? else {
            continue;
        };
        if verified.notes.len() < MOST_NAMED {
            verified.notes.push(format!("{}: {size} bytes{}", shorten(name), content.note));
        } else {
            unnamed += 1
        }
        verified.parts.extend(part.map(|part| PartSummary::of_file(name, part, size, &content)));
    }
    if unnamed > 0 {
        verified.notes.push(format!("{unnamed} more files"));
    }
    if let Some(rows) = &backup.rows {
        let counts = manifest_value(rows.at.as_str()).and_then(Value::as_object).map(|object| {
            let count = |(table, count): (&String, &Value)| match count.as_u64() {
                Some(count) => Ok((table.clone(), count)),
                None => Err(format!("{} for {}", shorten(&count.to_string()), named(table.as_bytes()))),
            };
            object.iter().map(count).collect::<Result<BTreeMap<String, u64>, String>>()
        });
        let mut finding = |actual: String| {
            let expected = format!("row counts at {}", rows.at);
            let subject = Subject::BackupFact("manifest".to_owned());
            verified.findings.push(Finding::new(FindingCode::BackupManifest, subject, expected, actual));
        };
        match counts {
            None => finding("none".to_owned()),
            Some(Err(actual)) => finding(actual),
            Some(Ok(counts)) => verified.rows = Some(counts),
        }
    }
    verified.manifest = manifest;
    Ok(verified)
}

fn judge_release(text: Option<&str>, place: impl Fn() -> String, expected: Option<&Release>, verified: &mut Verified) {
    let Some(text) = text else {
        let (code, actual) = (FindingCode::BackupRelease, "nothing there");
        verified.findings.push(Finding::new(code, release_subject(), format!("a release in {}", place()), actual));
        return;
    };
    let release = text.parse::<Release>();
    if expected.is_none_or(|expected| release.as_ref().is_ok_and(|release| release == expected)) && release.is_ok() {
        verified.notes.push(format!("release {}", shorten(text)));
    } else {
        let wanted = match expected {
            Some(release) => format!("{release}, as a backup restores only into exactly its own release"),
            None => "a release".to_owned(),
        };
        verified.findings.push(Finding::new(FindingCode::BackupRelease, release_subject(), wanted, shorten(text)));
    }
    verified.release = release.ok();
}

/// Reads lines as `sha256sum` writes them: the digest, two spaces (or one and an asterisk), the name.
fn checksums(text: &str) -> impl Iterator<Item = (String, Value)> {
    text.lines().filter_map(|line| {
        let (digest, name) = line.split_once(' ')?;
        let name = name.strip_prefix([' ', '*'])?.trim_end();
        Some((name.strip_prefix("./").unwrap_or(name).to_owned(), json!({ "sha256": digest })))
    })
}

fn manifest(name: &str, folder: &Path, findings: &mut Vec<Finding>) -> io::Result<Option<Value>> {
    let Some(text) = text(name, folder, Whole::Text, findings)? else { return Ok(None) };
    match strict::json(&text) {
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            let (code, actual) = (FindingCode::BackupManifest, shorten(&error.to_string()));
            findings.push(Finding::new(code, file_subject(name), "JSON", actual));
            Ok(None)
        }
    }
}

/// How much of a text file is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whole {
    /// All of it.
    Text,
    /// The beginning is enough.
    Beginning,
}

/// A text file of the backup.
fn text(name: &str, folder: &Path, whole: Whole, findings: &mut Vec<Finding>) -> io::Result<Option<String>> {
    let mut finding = |code, expected: &str, actual: String| {
        findings.push(Finding::new(code, file_subject(name), expected, actual));
    };
    let file = match open(folder, name)? {
        Opened::File(file) => file,
        Opened::Nothing => {
            finding(FindingCode::BackupFileMissing, "a file", format!("no such file in {}", folder.display()));
            return Ok(None);
        }
        Opened::Other(what) => {
            finding(FindingCode::BackupFileKind, "a file", what);
            return Ok(None);
        }
    };
    let size = file.metadata()?.len();
    let mut bytes = Vec::new();
    file.take(LARGEST_TEXT + 1).read_to_end(&mut bytes)?;
    let cut = bytes.len() as u64 > LARGEST_TEXT;
    if cut && whole == Whole::Text {
        let most = format!("at most {} MiB", LARGEST_TEXT >> 20);
        finding(FindingCode::BackupManifest, &most, format!("{size} bytes"));
        return Ok(None);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        // The part that was read may end in the middle of a character.
        Err(error) if cut && error.utf8_error().error_len().is_none() => {
            let end = error.utf8_error().valid_up_to();
            Ok(Some(String::from_utf8_lossy(error.as_bytes().get(..end).unwrap_or_default()).into_owned()))
        }
        Err(error) => {
            let actual = format!("other bytes from byte {} on", error.utf8_error().valid_up_to());
            finding(FindingCode::BackupManifest, "text in UTF-8", actual);
            Ok(None)
        }
    }
}

/// The subject for a file of the backup, whose name is not trusted.
fn file_subject(name: &str) -> Subject {
    Subject::BackupFile(shorten(name))
}

fn release_subject() -> Subject {
    Subject::BackupFact("release".to_owned())
}

/// Verifies one file; returns its size and content if it has the right format.
fn verify_part(
    (name, folder): (&str, &Path),
    format: Format,
    (part, listed): (Option<&Part>, Option<&Value>),
    verified: &mut Verified,
    watch: &Watch,
) -> io::Result<Option<(u64, Content)>> {
    let findings = &mut verified.findings;
    use FindingCode::{BackupChecksum, BackupDamaged, BackupFileKind, BackupFileMissing, BackupManifest, BackupUnsafe};
    let mut finding = |code, expected: String, actual: String| {
        findings.push(Finding::new(code, file_subject(name), expected, actual));
    };
    let missing = &mut verified.missing;
    let mut again = || match (open(folder, name)?, part) {
        (Opened::File(file), _) => Ok::<_, io::Error>(Some(Watched { file, watch })),
        (Opened::Nothing, Some(part)) => {
            missing.push(Missing::new(name, part));
            Ok(None)
        }
        (Opened::Nothing, None) => {
            finding(BackupFileMissing, "a file".into(), "no such file: the backup is not complete".into());
            Ok(None)
        }
        (Opened::Other(what), _) => {
            finding(BackupFileKind, "a file".into(), what);
            Ok(None)
        }
    };
    let Some(first) = again()? else { return Ok(None) };
    let Some(second) = again()? else { return Ok(None) };
    let (size, digest) = digest(first)?;
    let wanted = |key: &str| listed.and_then(|listed| listed.get(key));
    match wanted("bytes").map(|bytes| (bytes, bytes.as_u64())) {
        Some((_, Some(bytes))) if bytes != size => {
            finding(BackupChecksum, format!("{bytes} bytes"), format!("{size} bytes"));
        }
        Some((stated, None)) => {
            let expected = "a number of bytes that the backup states";
            finding(BackupManifest, expected.into(), shorten(&stated.to_string()));
        }
        Some((_, Some(_))) | None => {}
    }
    match wanted("sha256").and_then(Value::as_str) {
        Some(sha256) if sha256.eq_ignore_ascii_case(&digest) => {}
        Some(sha256) => finding(BackupChecksum, format!("SHA-256 {}", shorten(sha256)), digest),
        None => finding(BackupManifest, "a SHA-256 that the backup states".into(), "none".into()),
    }
    match read_content(second, (name, size), format, archive::most(size, free(folder))) {
        Ok(content) => {
            for why in &content.refused {
                finding(BackupUnsafe, "an archive that may be unpacked".into(), why.clone());
            }
            Ok(Some((size, content)))
        }
        // Not the file, but the disk that it is on; or nobody waits for it any more.
        Err(error) if watch.is_given_up() || error.raw_os_error().is_some() => Err(error),
        Err(error) => {
            finding(BackupDamaged, format.describe().to_owned(), shorten(&error.to_string()));
            Ok(None)
        }
    }
}

/// The free space on the disks of this machine: where the backup is, and where temporary files are.
fn free(folder: &Path) -> Option<u64> {
    let of = |folder: &Path| {
        let facts = rustix::fs::statvfs(folder).ok()?;
        Some(facts.f_bavail.saturating_mul(facts.f_frsize))
    };
    of(folder).max(of(&std::env::temp_dir()))
}

fn digest(mut file: impl Read) -> io::Result<(u64, String)> {
    let mut digest = Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        size += read as u64;
        digest.update(&buffer[..read]);
    }
    Ok((size, digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// An untrusted text, cut for a report and without control characters.
fn shorten(text: &str) -> String {
    const LONGEST: usize = 300;
    let clean = |text: &str| text.replace(char::is_control, "\u{fffd}");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}… ({} bytes)", clean(text.get(..end).unwrap_or_default()), text.len()),
        None => clean(text),
    }
}

/// A word of a command, quoted for a shell.
fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// An untrusted name, quoted, because it may contain anything.
fn named(name: &[u8]) -> String {
    format!("`{}`", shorten(&String::from_utf8_lossy(name).escape_debug().to_string()))
}

#[cfg(test)]
mod tests;
