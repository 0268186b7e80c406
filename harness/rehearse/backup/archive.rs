//! Reads an archive of a backup to its end without unpacking it: whether it is whole, and may be unpacked at all.
//!
//! Whoever wrote the archive decides where its entries go, so nothing in it may lie, or lead, outside of the folder it is
//! unpacked into; and what it expands to is bounded before a disk is filled with it.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::{self, Read};
use std::rc::Rc;

use super::named;

/// The maximum size of the headers before one entry: long names, extended attributes, the map of a sparse file.
const HEADERS: u64 = 8 << 20;
/// No system allows longer paths.
const LONGEST_NAME: usize = 4096;
/// The maximum size of the link names that are kept, to detect entries that would be written through a link.
const LINKS: usize = 64 << 20;
/// How many refused entries are reported one by one; the rest are only counted.
const REPORTED: usize = 5;
/// The size to which every archive may expand.
const FREELY: u64 = 1 << 30;
/// The expansion factor at which an archive is refused: text reaches 10 or 20, dumps of empty columns 50.
const BOMB: u64 = 200;
/// Beyond this expansion factor, the archive has to fit on a disk.
const SUSPICIOUS: u64 = 60;

/// Whether a file that begins so is a tar archive, by the checksum of its first header.
pub(super) fn is_header(begin: &[u8]) -> bool {
    let Some(bytes) = begin.first_chunk::<512>() else { return false };
    // The checksum of tar: the sum of all bytes, with those of the sum itself counted as spaces.
    let sum: u32 =
        bytes.iter().zip(0..).map(|(byte, at)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum();
    tar::Header::from_byte_slice(bytes).cksum().is_ok_and(|stated| stated == sum)
}

/// What an archive holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Its entries.
    pub(super) entries: u64,
    /// Those of them that are files.
    pub(super) files: u64,
    /// What they expand to.
    pub(super) bytes: u64,
    /// Why it must not be unpacked: the first of its entries that say so.
    pub(super) refused: Vec<String>,
    /// Whether something follows its end.
    pub(super) followed: bool,
    beyond: u64,
    links: HashSet<Vec<u8>>,
    watched: usize,
}

/// An entry as it goes by.
pub(super) struct Entry<'a> {
    /// Its name, without what says nothing.
    pub(super) name: Vec<u8>,
    pub(super) kind: tar::EntryType,
    /// Bytes of its content.
    pub(super) size: u64,
    pub(super) content: &'a mut dyn Read,
}

/// To how many bytes an archive of this size may expand where so many are free.
pub(super) fn most(size: u64, free: Option<u64>) -> u64 {
    let bomb = FREELY.max(size.saturating_mul(BOMB));
    free.map_or(bomb, |free| bomb.min(FREELY.max(size.saturating_mul(SUSPICIOUS)).max(free)))
}

/// What is said of so many bytes that expand to more than is believed.
pub(super) fn over(size: u64, most: u64) -> String {
    format!("{size} bytes expand to more than {most}, which no backup does")
}

/// Reads a tar archive of `size` bytes, as it is stored, that may expand to `most`.
///
/// # Errors
/// When the archive is not whole, or expands further.
pub(super) fn read(stream: impl Read, size: u64, most: u64) -> io::Result<Contents> {
    walk(stream, size, most, &mut |_| Ok(()))
}

/// The same, with a look at every entry; what `visit` leaves of its content is passed over.
///
/// # Errors
/// As before, and those of `visit`.
pub(super) fn walk(
    stream: impl Read,
    size: u64,
    most: u64,
    visit: &mut dyn FnMut(Entry<'_>) -> io::Result<()>,
) -> io::Result<Contents> {
    let ration =
        Rc::new(Ration { size, most, left: Cell::new(most), headers: Cell::new(None), ended: Cell::new(false) });
    let mut archive = tar::Archive::new(Rationed { inner: stream, ration: Rc::clone(&ration) });
    let mut contents = Contents::default();
    let mut entries = archive.entries()?;
    loop {
        ration.headers.set(Some(HEADERS));
        let Some(entry) = entries.next() else { break };
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        let said = entry.size();
        if kind.is_pax_global_extensions() {
            contents.global(&mut entry)?;
            ration.headers.set(None);
            continue;
        }
        ration.headers.set(None);
        contents.entries += 1;
        let name = named(&entry.path_bytes());
        let stored = if kind.is_gnu_sparse() { 0 } else { said };
        let real = contents.see(&mut entry)?.unwrap_or(0).max(said);
        ration.spend(real - stored).map_err(|error| io::Error::other(format!("{name}: {error}")))?;
        if said > ration.left.get() {
            return Err(io::Error::other(format!("{name}: {}", ration.over())));
        }
        contents.files += u64::from(kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse());
        contents.bytes = contents.bytes.saturating_add(real);
        let plain = plain(&entry.path_bytes());
        let mut content = Counted { inner: entry, read: 0 };
        visit(Entry { name: plain, kind, size: said, content: &mut content })?;
        io::copy(&mut content, &mut io::sink())?;
        let read = content.read;
        if read != said {
            return Err(io::Error::other(format!("it ends in the middle of {name}: {read} of {said} bytes")));
        }
    }
    ration.headers.set(None);
    if contents.entries == 0 {
        return Err(io::Error::other("an archive without entries"));
    }
    if ration.ended.get() {
        return Err(io::Error::other("it ends without the mark of its end: it was cut off"));
    }
    // What follows the end of the archive still belongs to the compressed stream's checksum.
    let mut rest = archive.into_inner();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match rest.read(&mut buffer)? {
            0 => break,
            read => contents.followed |= buffer[..read].iter().any(|byte| *byte != 0),
        }
    }
    if contents.beyond > 0 {
        contents.refused.push(format!("{} entries more of that kind", contents.beyond));
    }
    Ok(contents)
}

impl Contents {
    fn refuse(&mut self, why: String) {
        if self.refused.len() < REPORTED {
            self.refused.push(why);
        } else {
            self.beyond += 1;
        }
    }

    /// Looks at an entry's name, kind and links, by whichever of its headers a reader may believe; tells the size it says
    /// a sparse file has once unpacked.
    fn see(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> io::Result<Option<u64>> {
        let mut names = vec![entry.header().path_bytes().into_owned(), entry.path_bytes().into_owned()];
        let mut targets: Vec<Vec<u8>> =
            [entry.header().link_name_bytes(), entry.link_name_bytes()].into_iter().flatten().map(Into::into).collect();
        let mut real = None;
        for pair in entry.pax_extensions()?.into_iter().flatten() {
            let pair = pair?;
            match pair.key_bytes() {
                b"path" | b"GNU.sparse.name" => names.push(pair.value_bytes().to_vec()),
                b"linkpath" => targets.push(pair.value_bytes().to_vec()),
                b"GNU.sparse.realsize" | b"GNU.sparse.size" | b"SCHILY.realsize" => {
                    let size = pair.value().ok().and_then(|size| size.parse::<u64>().ok());
                    real = real.max(Some(size.ok_or_else(|| io::Error::other("a sparse file without a size"))?));
                }
                _ => {}
            }
        }
        let kind = entry.header().entry_type();
        let shown = named(&entry.path_bytes());
        names.dedup();
        targets.dedup();
        // A volume's label is a name of nothing.
        if kind.as_byte() != b'V' {
            if let Some(why) = names.iter().find_map(|name| leaves(name)) {
                self.refuse(format!("{shown} {why}"));
            }
            if let Some(link) = names.iter().find_map(|name| self.above(name)) {
                self.refuse(format!("{shown} would be written through the link {link}"));
            }
        }
        if kind.is_character_special() || kind.is_block_special() {
            self.refuse(format!("{shown} is a device"));
        } else if kind.is_fifo() {
            self.refuse(format!("{shown} is a pipe"));
        } else if kind.is_hard_link() {
            for target in &targets {
                let to = named(target);
                if let Some(why) = leaves(target) {
                    self.refuse(format!("{shown} is a link to {to}, which {why}"));
                } else if let Some(link) = self.above(target) {
                    self.refuse(format!("{shown} is a link to {to}, through the link {link}"));
                } else if self.links.contains(&plain(target)) {
                    self.watch(&names)?;
                }
            }
        } else if kind.is_symlink() {
            for target in &targets {
                if names.iter().any(|name| leads_out(name, target)) {
                    let to = named(target);
                    self.refuse(format!("{shown} is a link that leads out, to {to}{}", without(&entry.path_bytes())));
                }
            }
            self.watch(&names)?;
        }
        Ok(real)
    }

    fn watch(&mut self, names: &[Vec<u8>]) -> io::Result<()> {
        for name in names.iter().map(|name| plain(name)) {
            self.watched += name.len();
            self.links.insert(name);
        }
        if self.watched > LINKS { Err(io::Error::other("more links than can be watched")) } else { Ok(()) }
    }

    /// The link that a name lies below.
    fn above(&self, name: &[u8]) -> Option<String> {
        if self.links.is_empty() {
            return None;
        }
        let plain = plain(name);
        let ends = plain.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        ends.map(|end| &plain[..end]).find(|above| self.links.contains(*above)).map(named)
    }

    /// Headers for all entries to come: a reader that heeds them could be led elsewhere than we look.
    fn global(&mut self, entry: &mut tar::Entry<'_, impl Read>) -> io::Result<()> {
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        for pair in tar::PaxExtensions::new(&bytes) {
            let key = pair?.key_bytes().to_vec();
            if matches!(key.as_slice(), b"path" | b"linkpath" | b"size") || key.starts_with(b"GNU.sparse.") {
                self.refuse(format!("a header for all entries says the {} of each", named(&key)));
            }
        }
        Ok(())
    }
}

/// What is wrong with a name that has to stay inside.
fn leaves(name: &[u8]) -> Option<String> {
    if name.len() > LONGEST_NAME {
        Some(format!("has a name of {} bytes", name.len()))
    } else if name.contains(&0) {
        Some("has a NUL in its name".to_owned())
    } else if name.starts_with(b"/") {
        Some("has an absolute name".to_owned())
    } else if name.split(|byte| *byte == b'/').any(|part| part == b"..") {
        Some("has a `..` in its name".to_owned())
    } else {
        None
    }
}

/// What to do about an entry that is refused: the archive is made anew without it. `tar` takes a pattern, and matches it
/// below any folder where it is not anchored.
fn without(name: &[u8]) -> String {
    let typed = std::str::from_utf8(name)
        .ok()
        .filter(|name| name.chars().count() <= 200 && !name.contains(|c: char| c.is_control() || "'*?[\\".contains(c)));
    let exclude = match typed {
        Some(name) => format!("tar --anchored --exclude='{name}' …"),
        None => "tar --exclude".to_owned(),
    };
    format!("; make the archive anew without it ({exclude}), or with what it leads to in its place (tar --dereference)")
}

/// Whether a link of this name leads out of the folder. By the letter: nothing is written through a link, so what other
/// links make of it is only ever read.
fn leads_out(name: &[u8], target: &[u8]) -> bool {
    let mut depth = plain(name).split(|byte| *byte == b'/').count() - 1;
    target.starts_with(b"/")
        || target.split(|byte| *byte == b'/').any(|part| match part {
            b"" | b"." => false,
            b".." => match depth.checked_sub(1) {
                Some(up) => {
                    depth = up;
                    false
                }
                None => true,
            },
            _ => {
                depth += 1;
                false
            }
        })
}

/// A name without what says nothing: `./a//b/` is `a/b`.
fn plain(name: &[u8]) -> Vec<u8> {
    let parts = name.split(|byte| *byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    parts.collect::<Vec<_>>().join(&b'/')
}

/// What may still be read.
struct Ration {
    size: u64,
    most: u64,
    left: Cell<u64>,
    /// Of headers, while they are read.
    headers: Cell<Option<u64>>,
    /// The stream has come to its end.
    ended: Cell<bool>,
}

impl Ration {
    fn spend(&self, bytes: u64) -> io::Result<()> {
        self.left.set(self.left.get().checked_sub(bytes).ok_or_else(|| io::Error::other(self.over()))?);
        if let Some(headers) = self.headers.get() {
            let many = || io::Error::other(format!("headers of more than {} MiB before one entry", HEADERS >> 20));
            self.headers.set(Some(headers.checked_sub(bytes).ok_or_else(many)?));
        }
        Ok(())
    }

    fn over(&self) -> String {
        over(self.size, self.most)
    }
}

/// Counts what is read, whoever reads it.
struct Counted<R> {
    inner: R,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.read += read as u64;
        Ok(read)
    }
}

struct Rationed<R> {
    inner: R,
    ration: Rc<Ration>,
}

impl<R: Read> Read for Rationed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        if read == 0 && !into.is_empty() {
            self.ration.ended.set(true);
        }
        self.ration.spend(read as u64)?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
