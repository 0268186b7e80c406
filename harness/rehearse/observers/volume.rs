//! Reads the content of a volume from a tar stream: every file with its digest, and Git repositories by what they mean.

mod git;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Read};

use rehearse_core::observation::{FileEntry, FileKind, FileTree};
use rehearse_core::secret::{names_a_secret, without_named};
use rehearse_core::text::error_chain;
use sha2::{Digest, Sha256};
use tar::Archive;
use tokio::sync::mpsc;
use tokio_util::bytes::Bytes;

use git::{Collector, Part};

/// Bytes that are read and hashed at once.
const CHUNK: usize = 256 * 1024;

/// Reads a tar stream to its end. Its first entry is the root of the volume; the name of the root stands before all names
/// and is taken away. Memory grows with the number of files, not with their size.
///
/// # Errors
/// If the stream is empty, ends early or is not a tar archive.
pub fn read_tree(archive: impl Read) -> io::Result<FileTree> {
    let mut archive = Archive::new(archive);
    let mut tree = FileTree::default();
    let mut git = Collector::default();
    let mut buffer = vec![0; CHUNK];
    for entry in archive.entries()? {
        let mut entry = entry?;
        let header = entry.header();
        let (kind, mode) = (header.entry_type(), header.mode()? & 0o7777);
        let (owner, group) = (header.uid()?, header.gid()?);
        let path = below_root(&entry.path_bytes());
        let kind = if kind.is_dir() {
            FileKind::Folder
        } else if kind.is_symlink() {
            FileKind::Link(target(&entry))
        } else if kind.is_hard_link() {
            match tree.entries.get(&below_root(target(&entry).as_bytes())) {
                // A second name of a file that was read already.
                Some(first) => first.kind.clone(),
                None => FileKind::Special("a hard link to a file that is not in the volume".to_owned()),
            }
        } else if kind.is_fifo() {
            FileKind::Special("a pipe".to_owned())
        } else if kind.is_character_special() || kind.is_block_special() {
            FileKind::Special("a device".to_owned())
        } else {
            let size = entry.size();
            tree.bytes += size;
            let mut part = Part::of(&path, size);
            let mut configuration = Configuration::of(&path, size, tree.texts.len());
            let mut hash = Sha256::new();
            loop {
                let read = entry.read(&mut buffer)?;
                let bytes = buffer.get(..read).unwrap_or_default();
                if bytes.is_empty() {
                    break;
                }
                hash.update(bytes);
                part.update(bytes);
                configuration.update(bytes);
            }
            git.keep(&path, part);
            tree.texts.extend(configuration.text().map(|text| (path.clone(), text)));
            FileKind::File { size, digest: hex(&hash.finalize()) }
        };
        tree.entries.insert(path, FileEntry { kind, mode, owner, group });
    }
    if !tree.entries.contains_key("") {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the archive of the volume has no root"));
    }
    tree.repositories = git.repositories(&mut tree.entries);
    Ok(tree)
}

/// Reads a tar stream that arrives in pieces, in a thread of its own, which ends as soon as the sender is gone.
pub(super) async fn read_stream(archive: mpsc::Receiver<Bytes>) -> Result<FileTree, String> {
    let reading = tokio::task::spawn_blocking(move || read_tree(Pieces { archive, piece: Bytes::new() }));
    match reading.await {
        Ok(tree) => tree.map_err(|error| error_chain(&error)),
        Err(panic) => Err(format!("reading it ended: {panic}")),
    }
}

/// Pieces of a stream as one.
struct Pieces {
    archive: mpsc::Receiver<Bytes>,
    piece: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.archive.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let count = self.piece.len().min(to.len());
        let (Some(to), piece) = (to.get_mut(..count), self.piece.split_to(count)) else { return Ok(0) };
        to.copy_from_slice(&piece);
        Ok(count)
    }
}

/// The bytes of a file that is kept as a text, so that its lines can be compared; none for any other file.
struct Configuration(Option<Vec<u8>>);

/// Longer files are not kept as texts, and no more files than this.
const MOST_TEXT: u64 = 64 << 10;
const MOST_TEXTS: usize = 500;

impl Configuration {
    fn of(path: &str, size: u64, kept: usize) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        let extension = name.rsplit_once('.').map(|(_, extension)| extension);
        let is_one = extension.is_some_and(|extension| {
            ["conf", "cfg", "ini", "yml", "yaml", "toml", "json", "properties", "env", "xml", "rb", "py"]
                .contains(&extension)
        });
        let keep = is_one && size <= MOST_TEXT && kept < MOST_TEXTS && !names_a_secret(name);
        Self(keep.then(Vec::new))
    }

    fn update(&mut self, bytes: &[u8]) {
        self.0.iter_mut().for_each(|kept| kept.extend_from_slice(bytes));
    }

    /// The text without the values whose names say that they are secret.
    fn text(self) -> Option<String> {
        let text = String::from_utf8(self.0?).ok()?;
        Some(without_named(&text).into_owned())
    }
}

fn target(entry: &tar::Entry<'_, impl Read>) -> String {
    entry.link_name_bytes().map(|name| text(&name)).unwrap_or_default()
}

/// A name without its first component, the root of the volume.
fn below_root(name: &[u8]) -> String {
    let name = text(name);
    let name = name.trim_start_matches("./").trim_end_matches('/');
    name.split_once('/').map_or(String::new(), |(_, below)| below.to_owned())
}

/// A name as text. Bytes that are not UTF-8 stay different from each other: `\xff`.
fn text(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing into a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

type Entries = BTreeMap<String, FileEntry>;

#[cfg(test)]
mod tests;
