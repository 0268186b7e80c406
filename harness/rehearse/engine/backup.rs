//! Verifies a backup on the host before anything starts: complete, undamaged, of its format and release.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use rehearse_core::product::{Backup, Format};
use rehearse_core::release::Release;
use rehearse_core::verdict::Finding;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A manifest larger than this is none.
const LARGEST_MANIFEST: u64 = 16 << 20;

/// What was learned of a backup.
#[derive(Debug, Clone)]
pub(super) struct Verified {
    /// Its manifest.
    pub manifest: Value,
    /// Its row counts per table, where the manifest has them.
    pub rows: Option<BTreeMap<String, u64>>,
    /// Facts for the report.
    pub notes: Vec<String>,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
}

/// Reads the whole backup once. What is wrong is a finding; only what cannot be read by us is an error.
///
/// # Errors
/// When a file that is there cannot be read.
pub(super) fn verify(backup: &Backup, product: &str, release: &Release, folder: &Path) -> io::Result<Verified> {
    let mut verified = Verified { manifest: Value::Null, rows: None, notes: Vec::new(), findings: Vec::new() };
    if let Some(name) = &backup.manifest {
        match manifest(name, folder, &mut verified.findings)? {
            Some(manifest) => verified.manifest = manifest,
            None => return Ok(verified),
        }
    }
    let manifest = verified.manifest.clone();
    let said = |pointer: &str| manifest.pointer(pointer);
    if let Some(pointer) = &backup.product {
        let seen = said(pointer.as_str()).and_then(Value::as_str).unwrap_or("nothing");
        if seen != product {
            verified.findings.push(Finding::new("the backup's product", product, seen));
        }
    }
    if let Some(pointer) = &backup.release {
        let text = said(pointer.as_str()).and_then(Value::as_str);
        judge_release(text, || format!("the manifest at {pointer}"), release, &mut verified);
    }
    if let Some(place) = &backup.release_in {
        let text = text(&place.file, folder, "a text", &mut verified.findings)?.unwrap_or_default();
        let found = place.pattern.regex().captures(&text).and_then(|groups| groups.get(1)).map(|group| group.as_str());
        judge_release(found, || format!("{} by {}", place.file, place.pattern), release, &mut verified);
    }
    let mut files = serde_json::Map::new();
    if let Some(pointer) = &backup.files {
        files.extend(said(pointer.as_str()).and_then(Value::as_object).cloned().unwrap_or_default());
    }
    if let Some(name) = &backup.checksums {
        let text = text(name, folder, "checksums", &mut verified.findings)?.unwrap_or_default();
        files.extend(checksums(&text));
    }
    if files.is_empty() {
        verified.findings.push(Finding::new("the backup", "checksums of its files", "none"));
    }
    for (name, part) in &backup.parts {
        verify_part(name, part.format, files.get(name), folder, &mut verified)?;
    }
    for name in files.keys().filter(|name| !backup.parts.contains_key(*name)) {
        verify_part(name, Format::Any, files.get(name), folder, &mut verified)?;
    }
    if let Some(rows) = &backup.rows {
        let counts = said(rows.at.as_str())
            .and_then(Value::as_object)
            .map(|object| object.iter().filter_map(|(table, count)| Some((table.clone(), count.as_u64()?))).collect());
        if counts.is_none() {
            let expected = format!("row counts at {}", rows.at);
            verified.findings.push(Finding::new("the backup's manifest", expected, "none"));
        }
        verified.rows = counts;
    }
    Ok(verified)
}

fn judge_release(said: Option<&str>, place: impl Fn() -> String, release: &Release, verified: &mut Verified) {
    match said {
        None => verified.findings.push(Finding::new(place(), "the backup's release", "nothing there")),
        Some(text) if text.parse::<Release>().is_ok_and(|seen| seen == *release) => {
            verified.notes.push(format!("release {text}"));
        }
        Some(text) => verified.findings.push(Finding::new(
            "the backup's release",
            format!("{release}, as a backup restores only into exactly its own release"),
            text,
        )),
    }
}

/// Lines as `sha256sum` writes them: the digest, two spaces (or one and a star), the name.
fn checksums(text: &str) -> serde_json::Map<String, Value> {
    let line = |line: &str| {
        let (digest, name) = line.split_once(' ')?;
        let name = name.strip_prefix([' ', '*'])?.trim_end();
        Some((name.strip_prefix("./").unwrap_or(name).to_owned(), json!({ "sha256": digest })))
    };
    text.lines().filter_map(line).collect()
}

fn manifest(name: &str, folder: &Path, findings: &mut Vec<Finding>) -> io::Result<Option<Value>> {
    let Some(text) = text(name, folder, "JSON", findings)? else { return Ok(None) };
    match serde_json::from_str(&text) {
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            findings.push(Finding::new(format!("the backup's file {name}"), "JSON", error.to_string()));
            Ok(None)
        }
    }
}

/// A small text file of the backup.
fn text(name: &str, folder: &Path, what: &str, findings: &mut Vec<Finding>) -> io::Result<Option<String>> {
    let object = format!("the backup's file {name}");
    let Some(path) = inside(folder, name) else {
        findings.push(Finding::new(object, "a plain name", "a path that leaves the backup"));
        return Ok(None);
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            findings.push(Finding::new(object, "a file", format!("no such file in {}", folder.display())));
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    match file.take(LARGEST_MANIFEST).read_to_string(&mut text) {
        Ok(_) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            findings.push(Finding::new(object, what, "no UTF-8"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A name from a manifest that stays inside the folder.
pub(crate) fn inside(folder: &Path, name: &str) -> Option<PathBuf> {
    let plain = Path::new(name).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    (plain && !name.is_empty()).then(|| folder.join(name))
}

fn verify_part(
    name: &str,
    format: Format,
    listed: Option<&Value>,
    folder: &Path,
    verified: &mut Verified,
) -> io::Result<()> {
    let object = format!("the backup's file {name}");
    let mut finding = |expected: String, seen: String| verified.findings.push(Finding::new(&object, expected, seen));
    let Some(path) = inside(folder, name) else {
        finding("a plain name".into(), "a path that leaves the backup".into());
        return Ok(());
    };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            finding("a file".into(), "no such file: the backup is not complete".into());
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let (size, digest) = digest(file)?;
    let wanted = |key: &str| listed.and_then(|listed| listed.get(key));
    match wanted("bytes").and_then(Value::as_u64) {
        Some(bytes) if bytes != size => finding(format!("{bytes} bytes"), format!("{size} bytes")),
        _ => {}
    }
    match wanted("sha256").and_then(Value::as_str) {
        Some(sha256) if sha256.eq_ignore_ascii_case(&digest) => {}
        Some(sha256) => finding(format!("SHA-256 {sha256}"), digest),
        None => finding("a SHA-256 that the backup states".into(), "none".into()),
    }
    match well_formed(&path, format) {
        Ok(note) => verified.notes.push(format!("{name}: {size} bytes{note}")),
        Err(error) => finding(format.describe().to_owned(), error.to_string()),
    }
    Ok(())
}

fn digest(file: File) -> io::Result<(u64, String)> {
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut digest = Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        size += read as u64;
        digest.update(&buffer[..read]);
    }
    Ok((size, digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// Reads a file to its end by its format; says what it holds.
fn well_formed(path: &Path, format: Format) -> io::Result<String> {
    let file = BufReader::new(File::open(path)?);
    match format {
        Format::PgDumpCustom => {
            let mut magic = [0; 5];
            let mut file = file;
            file.read_exact(&mut magic)?;
            if &magic == b"PGDMP" {
                Ok(", pg_dump custom format".into())
            } else {
                Err(io::Error::other("no pg_dump custom format"))
            }
        }
        Format::TarGzip => entries(MultiGzDecoder::new(file)),
        Format::Tar => entries(file),
        Format::Text => {
            let mut file = file;
            let mut buffer = vec![0; 1 << 16];
            let mut rest = Vec::new();
            loop {
                let read = file.read(&mut buffer)?;
                rest.extend_from_slice(&buffer[..read]);
                match std::str::from_utf8(&rest) {
                    Ok(_) => rest.clear(),
                    Err(error) if error.error_len().is_none() && read > 0 => {
                        rest.drain(..error.valid_up_to());
                    }
                    Err(error) => return Err(io::Error::other(error)),
                }
                if read == 0 {
                    return Ok(", text".into());
                }
            }
        }
        Format::Any => Ok(String::new()),
    }
}

fn entries(reader: impl Read) -> io::Result<String> {
    let mut archive = tar::Archive::new(reader);
    let mut count = 0_u64;
    for entry in archive.entries()? {
        io::copy(&mut entry?, &mut io::sink())?;
        count += 1;
    }
    // What follows the end of the archive still belongs to the compressed stream's checksum.
    io::copy(&mut archive.into_inner(), &mut io::sink())?;
    if count == 0 { Err(io::Error::other("an archive without entries")) } else { Ok(format!(", {count} entries")) }
}
