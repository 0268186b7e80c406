//! Finds out what an unknown backup is: of which product and release, complete or not, damaged or not.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use rehearse_core::model::product::{Backup, Product};
use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::finding::Finding;
use rehearse_core::outcome::subject::Subject;
use rehearse_core::vocabulary::catalog::Catalog;
use rehearse_core::vocabulary::release::Release;
use serde::Serialize;

use super::file::{Opened, Watch, open};
use super::place::{archives, open_archive};
use super::verified::{Missing, PartSummary};
use super::{BackupOwner, Dump, Verified, archive, strict, verify};

/// At most this many entries of an archive are read to recognise its product.
const FIRST: usize = 64;
/// At most this many releases near an unknown one are named.
const NEAR: usize = 3;
/// The score of a certain sign of a product: the name of the file, or the manifest.
const CERTAIN: usize = 1000;
/// A larger manifest is not read to recognise a product.
const LARGEST_MANIFEST: u64 = 16 << 20;

/// A product with its releases.
type Known = (Product, Catalog);

/// What a backup is.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// `archive`, or `folder`.
    pub kind: &'static str,
    /// The product, where it was recognised.
    pub product: Option<String>,
    /// The release, without its edition.
    pub release: Option<String>,
    /// The edition, where the product has several.
    pub edition: Option<String>,
    /// The parts that exist.
    pub parts: Vec<PartSummary>,
    /// The names of the missing parts.
    pub missing: Vec<String>,
    /// What is wrong with the parts that exist: damage, or content that must not be unpacked.
    pub problems: Vec<String>,
    /// Whether nothing is missing, nothing was left out and nothing is wrong.
    pub complete: bool,
    /// What was left out on purpose, according to the backup.
    pub skipped: Vec<String>,
    /// What is missing, and what that means.
    pub lacks: Vec<Missing>,
    /// The image of the product that restores it.
    pub image: Option<String>,
    /// When it was made.
    pub created: Option<String>,
    /// How the product was installed.
    pub installation: Option<String>,
    /// The database's dump.
    pub database: Option<Dump>,
    /// Further facts that it states.
    pub facts: BTreeMap<String, String>,
    /// Further observations.
    pub notes: Vec<String>,
    /// Whether something is damaged, or must not be unpacked; other problems have steps.
    #[serde(skip)]
    pub damaged: bool,
    /// What to do about problems that are not damage.
    #[serde(skip)]
    pub steps: Vec<String>,
}

/// Reads a backup to its end, as one of the recognised product, or of the only product given.
///
/// # Errors
/// When it cannot be read, or nobody waits for it any more.
pub fn inspect(products: &[(Product, Catalog)], given: &Path, watch: &Watch) -> io::Result<Inspection> {
    let kind = if std::fs::metadata(given)?.is_dir() { "folder" } else { "archive" };
    let product = match products {
        [only] => Ok(only),
        several => recognise(several, given)?,
    };
    match product {
        Ok(product) => {
            let mut verified = verify(&product.0.backup, BackupOwner::of(&product.0), None, given, watch)?;
            let published = published(product, &mut verified);
            Ok(inspection(kind, Some(product), published, verified))
        }
        Err(actual) => {
            let known = products.iter().map(|(product, _)| product.product.as_str()).collect::<Vec<_>>().join(", ");
            let expected = format!("a backup of one of {known}");
            let subject = Subject::BackupFile(given.display().to_string());
            let findings = vec![Finding::new(FindingCode::BackupProduct, subject, expected, actual)];
            Ok(inspection(kind, None, false, Verified { findings, ..Verified::default() }))
        }
    }
}

fn inspection(kind: &'static str, product: Option<&Known>, published: bool, verified: Verified) -> Inspection {
    let release = verified.release.as_ref();
    let problems: Vec<String> = verified.findings.iter().map(Finding::to_string).collect();
    let damaged = verified.is_damaged();
    let complete = problems.is_empty() && verified.missing.is_empty() && verified.excused.is_empty();
    Inspection {
        kind,
        product: product.map(|(product, _)| product.product.clone()),
        release: release.map(|release| release.name().to_owned()),
        edition: release.and_then(|release| release.edition()).map(ToString::to_string),
        missing: verified.missing.iter().map(|missing| missing.name.clone()).collect(),
        problems,
        complete,
        skipped: verified.skipped,
        lacks: verified.missing,
        image: product.filter(|_| published).and_then(|product| image(product, verified.release.as_ref()?)),
        created: verified.created,
        installation: verified.installation,
        database: verified.parts.iter().find_map(|part| part.dump.clone()),
        facts: verified.facts,
        damaged,
        steps: verified.steps,
        notes: verified.notes,
        parts: verified.parts,
    }
}

/// Whether its release was published. Without that, there is no image for it, and the stated release must be wrong.
fn published((product, catalog): &Known, verified: &mut Verified) -> bool {
    let Some(release) = verified.release.clone() else { return false };
    if catalog.releases().is_empty() || catalog.contains(&release) {
        return true;
    }
    let edition = release.edition().map(|edition| format!(" ({edition})")).unwrap_or_default();
    let stated = product.backup.information.as_ref().map(|it| format!(", as {} says", it.file)).unwrap_or_default();
    let of_day = product.releases.as_of.as_ref().map(|day| format!(" of {day}")).unwrap_or_default();
    let why = catalog.unpublished(&release).filter(|why| !why.is_empty()).map(|why| format!(" ({why})"));
    let near: Vec<&str> = catalog.nearest(release.name(), NEAR).into_iter().map(Release::name).collect();
    let actual = format!(
        "{}{edition}{stated}, which is not in the list{of_day}{}; near ones are {}",
        release.name(),
        why.unwrap_or_default(),
        near.join(", ")
    );
    let expected = "one of the releases that were published";
    let finding = Finding::new(FindingCode::BackupUnusable, super::release_subject(), expected, actual);
    let newer = catalog.newest().is_some_and(|newest| release.cmp_number(newest).is_gt());
    let newer = if newer { "; if it is newer than the list, give a newer list with --product-dir" } else { "" };
    let step = format!("find out which release really made it; there is no image of this one{newer}");
    verified.wrong(finding, step);
    false
}

/// The image of the product itself on a release.
fn image((product, catalog): &Known, release: &Release) -> Option<String> {
    let built = release.edition().map(|edition| catalog.in_edition(release, edition));
    let mut context = rehearse_core::deployment::names(product, built.as_ref().unwrap_or(release));
    let more = context.as_object_mut()?;
    more.insert("product".to_owned(), product.product.clone().into());
    more.insert("settings".to_owned(), serde_json::to_value(&product.settings).ok()?);
    let service = product.services.values().find(|service| service.versioned)?;
    service.image.render(&context).ok()
}

/// The product of a backup; otherwise the reason why it was not recognised.
fn recognise<'p>(products: &'p [Known], given: &Path) -> io::Result<Result<&'p Known, String>> {
    let facts = std::fs::metadata(given)?;
    if !facts.is_dir() && !facts.is_file() {
        return Ok(Err("a pipe or a device".to_owned()));
    }
    let names = if facts.is_file() { first_entries(given) } else { Vec::new() };
    let mut scores = Vec::new();
    for known in products {
        let (product, _) = known;
        let score = if facts.is_file() { of_file(&product.backup, given, &names) } else { of_folder(product, given)? };
        scores.push((score, known));
    }
    let best = scores.iter().map(|(score, _)| *score).max().unwrap_or_default();
    let found: Vec<&Known> = scores.iter().filter(|(score, _)| *score == best).map(|(_, known)| *known).collect();
    Ok(match (best, found.as_slice()) {
        (0, _) if facts.is_dir() => Err("a folder without such a backup; give the product with --product".to_owned()),
        (0, _) if facts.len() == 0 => Err("an empty file".to_owned()),
        (0, _) if names.is_empty() => Err("a file that is not a tar archive".to_owned()),
        (0, _) => Err("an archive of something else; give the product with --product".to_owned()),
        (_, [one]) => Ok(one),
        (_, several) => {
            let names = several.iter().map(|(product, _)| product.product.as_str()).collect::<Vec<_>>().join(", ");
            Err(format!("a backup that may be of {names}; give the product with --product"))
        }
    })
}

/// How much an archive looks like one of a product.
fn of_file(backup: &Backup, given: &Path, names: &[String]) -> usize {
    let Some(archive) = &backup.archive else { return 0 };
    let name = given.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let called = if archive.name.regex().is_match(name) { CERTAIN } else { 0 };
    let known = |entry: &&String| {
        let part = |key: &String| key == *entry || key.ends_with('/') && entry.starts_with(key.as_str());
        backup.information.as_ref().is_some_and(|information| information.file == **entry)
            || backup.parts.keys().any(part)
    };
    called + names.iter().filter(known).count()
}

/// How much a folder looks like a backup of a product: its manifest names it, or at least half of its files are there.
fn of_folder(product: &Product, folder: &Path) -> io::Result<usize> {
    let backup = &product.backup;
    if backup.archive.is_some() {
        return Ok(if archives(backup, folder)?.is_empty() { 0 } else { CERTAIN });
    }
    if let (Some(manifest), Some(pointer)) = (&backup.manifest, &backup.product) {
        let Opened::File(file) = open(folder, manifest)? else { return Ok(0) };
        let mut text = String::new();
        let read = file.take(LARGEST_MANIFEST).read_to_string(&mut text);
        let value = read.ok().and_then(|_| strict::json(&text).ok());
        let stated = value.as_ref().and_then(|value| value.pointer(pointer.as_str())).and_then(|value| value.as_str());
        return Ok(if stated == Some(product.product.as_str()) { CERTAIN } else { 0 });
    }
    let release_in = backup.release_in.as_ref().map(|place| &place.file);
    let files: std::collections::BTreeSet<&String> =
        backup.parts.keys().chain(&backup.manifest).chain(&backup.checksums).chain(release_in).collect();
    let mut existing = 0;
    for file in &files {
        existing += usize::from(matches!(open(folder, file)?, Opened::File(_)));
    }
    Ok(if existing * 2 >= files.len() { existing } else { 0 })
}

/// The names of the first entries of a tar archive, without a leading `./`; empty if it is not a tar archive. Only headers
/// are read, so that this is fast for any size; whether they are right is checked later.
fn first_entries(given: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let Ok(mut file) = open_archive(given) else { return names };
    for _ in 0..FIRST {
        let Some(header) = header(&mut file) else { break };
        let name = String::from_utf8_lossy(&header.path_bytes()).into_owned();
        names.push(name.trim_start_matches("./").to_owned());
        let Ok(size) = header.entry_size() else { break };
        let Some(skip) = size.checked_next_multiple_of(512).and_then(|size| i64::try_from(size).ok()) else { break };
        if file.seek(SeekFrom::Current(skip)).is_err() {
            break;
        }
    }
    names
}

fn header(file: &mut File) -> Option<tar::Header> {
    let mut header = tar::Header::new_old();
    file.read_exact(header.as_mut_bytes()).ok()?;
    archive::is_header(header.as_bytes()).then_some(header)
}
