//! Recognises Git repositories among the files of a volume, and reads what they mean: references, HEAD, settings, and the
//! ids of their objects. How objects are packed means nothing. Packs and loose objects are verified by their own checksums.

use std::collections::{BTreeMap, BTreeSet};

use flate2::write::ZlibDecoder;
use lazy_regex::{Lazy, lazy_regex};
use regex::Regex;
use rehearse_core::observation::{FileKind, Repository};
use sha1::{Digest, Sha1};
use std::io::Write as _;

use super::{Entries, hex};

/// A reference or a configuration is no longer than this; `packed-refs` has a line for each reference.
const MOST_TEXT: u64 = 64 << 10;
const MOST_PACKED_REFS: u64 = 64 << 20;
/// The ids of a pack with more objects than fit into this index are not read.
const MOST_INDEX: u64 = 512 << 20;
static SHA256: Lazy<Regex> = lazy_regex!(r"(?im)^\s*objectformat\s*=\s*sha256");
/// Bytes of a SHA-1 id.
const ID: usize = 20;

/// What is kept of a file that may belong to a repository, while its bytes pass.
pub(super) enum Part {
    /// Nothing.
    Other,
    /// Its text: HEAD, a reference, packed references.
    Text(Vec<u8>),
    /// The index of a pack.
    Index(Vec<u8>),
    /// A pack: its checksum so far, and its last bytes, which state it.
    Pack(Sha1, Vec<u8>),
    /// A loose object; none once it cannot be unpacked.
    Object(Option<Box<ZlibDecoder<Hashing>>>),
}

/// Hashes what is written into it.
#[derive(Default)]
pub(super) struct Hashing(Sha1);

impl std::io::Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The id of a loose object, by its path in a repository: `objects/ab/cdef…`.
fn loose(path: &str) -> Option<String> {
    let mut last = path.rsplit('/');
    let (rest, first) = (last.next()?, last.next()?);
    (is_hex(first, 2) && is_hex(rest, 38) && last.next() == Some("objects")).then(|| format!("{first}{rest}"))
}

impl Part {
    /// What has to be kept of a file, by its path and size.
    pub(super) fn of(path: &str, size: u64) -> Self {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let in_packs = folder.ends_with("objects/pack");
        let in_references = folder.split('/').any(|part| part == "refs");
        if in_packs && name.ends_with(".idx") && size <= MOST_INDEX {
            Self::Index(Vec::new())
        } else if in_packs && name.ends_with(".pack") {
            Self::Pack(Sha1::new(), Vec::new())
        } else if loose(path).is_some() {
            Self::Object(Some(Box::new(ZlibDecoder::new(Hashing::default()))))
        } else if name == "packed-refs" && size <= MOST_PACKED_REFS
            || (["HEAD", "config"].contains(&name) || in_references) && size <= MOST_TEXT
        {
            Self::Text(Vec::new())
        } else {
            Self::Other
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Other => {}
            Self::Text(all) | Self::Index(all) => all.extend_from_slice(bytes),
            Self::Pack(hash, last) => {
                // All but the last bytes so far belong to what the checksum covers.
                last.extend_from_slice(bytes);
                let covered = last.len().saturating_sub(ID);
                hash.update(last.get(..covered).unwrap_or_default());
                last.drain(..covered);
            }
            Self::Object(decoder) => {
                let unpacked = decoder.as_mut().map(|decoder| decoder.write_all(bytes));
                if unpacked.is_some_and(|written| written.is_err()) {
                    *decoder = None;
                }
            }
        }
    }
}

/// What was kept, by path.
#[derive(Default)]
pub(super) struct Collector {
    texts: BTreeMap<String, String>,
    /// The first eight bytes of each id in an index; none if it cannot be read.
    indexes: BTreeMap<String, Option<Vec<u64>>>,
    /// Whether a pack or a loose object is what its checksum says.
    intact: BTreeMap<String, bool>,
}

impl Collector {
    pub(super) fn keep(&mut self, path: &str, part: Part) {
        match part {
            Part::Other => {}
            Part::Text(text) => {
                let text = String::from_utf8_lossy(&text).trim_end().to_owned();
                self.texts.insert(path.to_owned(), text);
            }
            Part::Index(bytes) => drop(self.indexes.insert(path.to_owned(), ids(&bytes))),
            Part::Pack(hash, stated) => drop(self.intact.insert(path.to_owned(), hash.finalize()[..] == stated[..])),
            Part::Object(decoder) => {
                let unpacked = decoder.and_then(|decoder| decoder.finish().ok());
                let id = unpacked.map(|hashing| hex(&hashing.0.finalize()));
                self.intact.insert(path.to_owned(), id == loose(path));
            }
        }
    }

    /// The repositories among these entries, whose files are taken out of the entries.
    pub(super) fn repositories(&self, entries: &mut Entries) -> BTreeMap<String, Repository> {
        let is_folder = |path: &str| entries.get(path).is_some_and(|entry| entry.kind == FileKind::Folder);
        let below =
            |folder: &str, name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let heads = self.texts.keys().filter_map(|path| match path.rsplit_once('/') {
            Some((folder, "HEAD")) => Some(folder),
            Some(_) => None,
            None => (path == "HEAD").then_some(""),
        });
        let folders: BTreeSet<String> = heads
            .filter(|folder| is_folder(&below(folder, "objects")) && is_folder(&below(folder, "refs")))
            .map(str::to_owned)
            .collect();
        folders.into_iter().map(|folder| self.repository(folder, entries)).collect()
    }

    fn repository(&self, folder: String, entries: &mut Entries) -> (String, Repository) {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let mut repository = Repository::default();
        // Checksums of another kind than those that are verified here.
        let config = self.texts.get(&format!("{prefix}config"));
        let sha256 = config.is_some_and(|config| SHA256.is_match(config));
        let inside: Vec<(String, FileKind)> = entries
            .range(prefix.clone()..)
            .take_while(|(path, _)| path.starts_with(&prefix))
            .filter(|(path, _)| **path != folder)
            .map(|(path, entry)| (path.clone(), entry.kind.clone()))
            .collect();
        for (path, kind) in inside {
            let name = path.get(prefix.len()..).unwrap_or_default();
            if self.file(&path, name, &kind, sha256, &mut repository) {
                entries.remove(&path);
            }
        }
        (folder, repository)
    }

    /// Adds a file to the repository; `false` if it is judged like any other file.
    fn file(&self, path: &str, name: &str, kind: &FileKind, sha256: bool, repository: &mut Repository) -> bool {
        let FileKind::File { digest, .. } = kind else {
            // The rights of these two decide who may push; folders below them come and go.
            return !["objects", "refs"].contains(&name);
        };
        let text = self.texts.get(path);
        let first = name.split('/').next().unwrap_or_default();
        match (first, text) {
            ("HEAD", Some(text)) => repository.head.clone_from(text),
            ("refs", Some(text)) if !name.ends_with(".lock") => {
                drop(repository.references.insert(name.to_owned(), text.clone()))
            }
            ("packed-refs", Some(text)) => packed(text, repository),
            ("objects", _) if sha256 => {}
            ("objects", _) => self.object(path, name, repository),
            // Notes that Git leaves for itself.
            ("logs" | "index" | "FETCH_HEAD" | "ORIG_HEAD" | "COMMIT_EDITMSG" | "gc.log" | "gc.pid", _) => {}
            ("info", _) if name == "info/refs" => {}
            ("config" | "hooks" | "custom_hooks" | "info" | "description" | "shallow", _) => {
                drop(repository.settings.insert(name.to_owned(), digest.clone()))
            }
            _ => return false,
        }
        true
    }

    fn object(&self, path: &str, name: &str, repository: &mut Repository) {
        if let Some(index) = self.indexes.get(path) {
            let pack = format!("{}.pack", path.trim_end_matches(".idx"));
            match index {
                Some(_) if !self.intact.contains_key(&pack) => {
                    repository.damage.push(format!("{name}: its pack is missing"));
                }
                Some(ids) => repository.objects.extend(ids),
                None => repository.damage.push(format!("{name}: not the index of a pack")),
            }
        }
        if self.intact.get(path) == Some(&false) {
            repository.damage.push(format!("{name}: its content is not what its checksum says"));
        } else if let Some(id) = loose(path) {
            repository.objects.extend(id.get(..16).and_then(|first| u64::from_str_radix(first, 16).ok()));
        } else if let Some(pack) = name.strip_suffix(".pack")
            && !self.indexes.contains_key(&format!("{}.idx", path.trim_end_matches(".pack")))
        {
            repository.damage.push(format!("{pack}.pack: its index is missing"));
        }
    }
}

/// References in one file, `id name` on each line. A reference with a file of its own outweighs them.
fn packed(text: &str, repository: &mut Repository) {
    for line in text.lines().filter(|line| !line.starts_with(['#', '^'])) {
        if let Some((id, name)) = line.split_once(' ') {
            repository.references.entry(name.to_owned()).or_insert_with(|| id.to_owned());
        }
    }
}

/// The first eight bytes of each id in the index of a pack, version 2.
fn ids(index: &[u8]) -> Option<Vec<u64>> {
    const FANOUT: usize = 8;
    const IDS: usize = FANOUT + 256 * 4;
    if index.get(..FANOUT)? != b"\xfftOc\x00\x00\x00\x02" {
        return None;
    }
    let count = index.get(IDS - 4..IDS)?.try_into().ok().map(u32::from_be_bytes)?;
    let ids = index.get(IDS..IDS + usize::try_from(count).ok()? * ID)?;
    Some(ids.chunks_exact(ID).filter_map(|id| Some(u64::from_be_bytes(id.get(..8)?.try_into().ok()?))).collect())
}
