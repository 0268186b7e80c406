//! The information file of an archive, compared with its name and with what is rehearsed.

use std::path::Path;

use rehearse_core::model::product::{ArchiveFile, Backup, Information, InformationFormat};
use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::finding::Finding;
use rehearse_core::source::span::Source;
use rehearse_core::source::spec::ruby;
use rehearse_core::vocabulary::release::{Edition, Release};
use rehearse_core::vocabulary::scalar::Pointer;
use serde_json::Value;

use super::verified::Verified;
use super::{file_subject, release_subject, shell, shorten, strict};

/// At most this many words of what was left out are read.
const MOST_WORDS: usize = 100;

/// Reads the information file and judges the release in it.
pub(super) fn judge(
    backup: &Backup,
    bytes: Option<Vec<u8>>,
    (default, expected): (Option<&Edition>, Option<&Release>),
    (file, damaged): (&Path, bool),
    verified: &mut Verified,
) {
    let Some(information) = &backup.information else { return };
    let Some(bytes) = bytes else {
        // It may be in the part that was cut off.
        if !damaged {
            let actual = "no such file: nothing says which release it is of";
            let subject = file_subject(&information.file);
            verified.findings.push(Finding::new(FindingCode::BackupManifest, subject, "a file", actual));
        }
        return;
    };
    if bytes.is_empty() {
        let reported = verified.findings.iter().any(|finding| finding.subject == file_subject(&information.file));
        if !reported {
            let (code, subject) = (FindingCode::BackupManifest, file_subject(&information.file));
            verified.findings.push(Finding::new(code, subject, wanted(information), "an empty file"));
        }
        return;
    }
    let value = match read(information, bytes) {
        Ok(value) => value,
        Err(why) => {
            let (code, subject) = (FindingCode::BackupManifest, file_subject(&information.file));
            verified.findings.push(Finding::new(code, subject, wanted(information), shorten(&why)));
            return;
        }
    };
    let value_at = |pointer: &Pointer| value.pointer(pointer.as_str()).and_then(text);
    verified.created = information.created.iter().find_map(&value_at);
    verified.installation = information.installation.as_ref().and_then(&value_at);
    verified.base = information.base.as_ref().and_then(&value_at);
    let facts = information.facts.iter();
    verified.facts = facts.filter_map(|(name, pointer)| Some((name.clone(), value_at(pointer)?))).collect();
    if let Some(pointer) = &information.skipped {
        verified.skipped = words(value.pointer(pointer.as_str()));
    }
    if let Some(created) = &verified.created {
        verified.notes.push(format!("made {created}"));
    }
    let facts = verified.facts.iter().map(|(name, fact)| format!("{name} {fact}"));
    verified.notes.extend(facts);
    match value_at(&information.release) {
        None => {
            let expected = format!("a release in {} at {}", information.file, information.release);
            let (code, actual) = (FindingCode::BackupRelease, "nothing there");
            verified.findings.push(Finding::new(code, release_subject(), expected, actual));
        }
        Some(text) => release(&text, default, expected, verified),
    }
    if let Some(archive) = &backup.archive {
        compare_with_name(archive, file, (value_at(&information.release).as_deref(), default), verified);
    }
    verified.manifest = value;
}

/// Compares the release with that in the file name. What is inside counts, because a name may be changed by hand.
fn compare_with_name(
    archive: &ArchiveFile,
    file: &Path,
    (inside, default): (Option<&str>, Option<&Edition>),
    verified: &mut Verified,
) {
    let file_name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let Some(name) = archive.name.regex().captures(&file_name) else {
        verified.notes.push(format!("{} is not how the product names its backups", super::named(file_name.as_bytes())));
        return;
    };
    let (Some(group), Some(release), Some(inside)) = (name.name("release"), &verified.release, inside) else { return };
    let named = group.as_str().parse::<Release>().map_err(|error| shorten(&error.to_string()));
    if named.as_ref().is_ok_and(|named| same(named, release, default)) {
        return;
    }
    let release = describe(release, default);
    let expected = named.map_or_else(|error| error, |named| describe(&named, default));
    let expected = format!("{expected}, as its name says");
    let actual = format!("{release} inside, which is what counts");
    let finding = Finding::new(FindingCode::BackupUnusable, release_subject(), expected, actual);
    let parts = (file_name.get(..group.start()), file_name.get(group.end()..));
    let renamed = parts.0.zip(parts.1).map(|(before, behind)| format!("{before}{inside}{behind}"));
    let fits = |renamed: &String| {
        let groups = archive.name.regex().captures(renamed);
        !renamed.contains(['/', '\0'])
            && groups.and_then(|groups| groups.name("release").map(|it| it.as_str() == inside)) == Some(true)
    };
    match renamed.filter(fits) {
        Some(renamed) => {
            let [from, to] =
                [file.to_owned(), file.with_file_name(renamed)].map(|path| shell(&path.display().to_string()));
            verified.wrong(finding, format!("restore the name of the backup of {release}: mv -n -- {from} {to}"));
        }
        None => verified.findings.push(finding),
    }
}

fn wanted(information: &Information) -> &'static str {
    match information.format {
        InformationFormat::Json => "JSON",
        InformationFormat::RubyYaml => "YAML",
    }
}

fn read(information: &Information, bytes: Vec<u8>) -> Result<Value, String> {
    let text = String::from_utf8(bytes)
        .map_err(|error| format!("other bytes than UTF-8 from byte {} on", error.utf8_error().valid_up_to()))?;
    let value = match information.format {
        InformationFormat::Json => strict::json(&text).map_err(|error| error.to_string())?,
        InformationFormat::RubyYaml => ruby(Source::new(information.file.clone(), text)).map_err(|rejected| {
            let first = rejected.problems().first();
            let place = first.map(|problem| rejected.source().place(problem.span.start));
            let line = place.map_or(0, |place| place.line);
            first.map_or_else(String::new, |problem| format!("{} in line {line}", problem.title))
        })?,
    };
    if value.is_object() { Ok(value) } else { Err("no keys and values".to_owned()) }
}

fn release(text: &str, default: Option<&Edition>, expected: Option<&Release>, verified: &mut Verified) {
    let release = match text.parse::<Release>() {
        Ok(release) => release,
        Err(error) => {
            let (code, actual) = (FindingCode::BackupRelease, shorten(&error.to_string()));
            verified.findings.push(Finding::new(code, release_subject(), "a release", actual));
            return;
        }
    };
    let edition = release.edition().or(default).cloned();
    match expected {
        Some(expected) if !same(expected, &release, default) => {
            let wanted = format!(
                "{}, as a backup restores only into exactly its own release and edition",
                describe(expected, default)
            );
            let (code, actual) = (FindingCode::BackupRelease, describe(&release, default));
            verified.findings.push(Finding::new(code, release_subject(), wanted, actual));
        }
        Some(_) | None => verified.notes.push(format!("release {}", describe(&release, default))),
    }
    verified.release = Some(match edition {
        Some(edition) => release.with_edition(&edition),
        None => release,
    });
}

/// A release with its edition, for people.
fn describe(release: &Release, default: Option<&Edition>) -> String {
    match release.edition().or(default) {
        Some(edition) => format!("{} ({edition})", release.name()),
        None => release.name().to_owned(),
    }
}

/// Whether two releases are the same one, where one without an edition is of `default`.
fn same(one: &Release, other: &Release, default: Option<&Edition>) -> bool {
    let edition = |release: &Release| release.edition().or(default).cloned();
    one.cmp_number(other).is_eq() && edition(one) == edition(other)
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(shorten(text.trim())),
        Value::Number(number) => Some(number.to_string()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A list, or words between commas.
fn words(value: Option<&Value>) -> Vec<String> {
    let split = |text: &str| text.split(',').map(|word| shorten(word.trim())).collect::<Vec<_>>();
    let mut words = match value {
        Some(Value::String(text)) => split(text),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).flat_map(split).collect(),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => Vec::new(),
    };
    words.retain(|word| !word.is_empty());
    words.truncate(MOST_WORDS);
    words
}
