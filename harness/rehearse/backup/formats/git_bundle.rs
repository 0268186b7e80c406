//! A bundle of Git: a header with references, then a pack whose objects are counted and whose end is a digest of all of it.

use std::io::{self, BufRead, Read};

use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::backup::stream::{Inflater, Input, Limit, broken};

pub(super) const V2: &[u8] = b"# v2 git bundle\n";
pub(super) const V3: &[u8] = b"# v3 git bundle\n";
/// No line of a header is longer: the name of a reference.
const LONGEST_LINE: u64 = 64 << 10;

/// What a bundle holds.
pub(super) struct Bundle {
    pub(super) objects: u32,
    pub(super) references: u64,
    /// Commits that have to be there already.
    pub(super) prerequisites: u64,
}

/// The digest of a pack.
enum Hash {
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Hash {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha1(hash) => hash.update(bytes),
            Self::Sha256(hash) => hash.update(bytes),
        }
    }

    fn length(&self) -> u64 {
        match self {
            Self::Sha1(_) => 20,
            Self::Sha256(_) => 32,
        }
    }

    fn digest(self) -> Vec<u8> {
        match self {
            Self::Sha1(hash) => hash.finalize().to_vec(),
            Self::Sha256(hash) => hash.finalize().to_vec(),
        }
    }
}

/// A pack whose bytes are hashed as they are taken.
struct Pack<'i, 'a> {
    input: &'i mut Input<'a>,
    hash: Hash,
}

impl Read for Pack<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(into)?;
        self.hash.update(into.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl BufRead for Pack<'_, '_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        // What was filled is still there: filling it again reads nothing.
        if let Ok(filled) = self.input.fill_buf() {
            self.hash.update(filled.get(..bytes).unwrap_or_default());
        }
        self.input.consume(bytes);
    }
}

impl Pack<'_, '_> {
    fn byte(&mut self) -> io::Result<u8> {
        let [byte] = self.input.bytes("the pack")?;
        self.hash.update(&[byte]);
        Ok(byte)
    }

    fn u32(&mut self) -> io::Result<u32> {
        let bytes: [u8; 4] = self.input.bytes("the pack")?;
        self.hash.update(&bytes);
        Ok(u32::from_be_bytes(bytes))
    }

    /// One object, with its inflated size as it is stated.
    fn object(&mut self, inflater: &mut Inflater, limit: Limit) -> io::Result<u64> {
        let first = self.byte()?;
        let (kind, mut size, mut shift, mut byte) = (first >> 4 & 7, u64::from(first & 15), 4, first);
        while byte & 0x80 != 0 {
            byte = self.byte()?;
            let more = u64::from(byte & 0x7f).checked_shl(shift).filter(|_| shift < 60);
            size |= more.ok_or_else(|| broken("an object of Git with an impossible size", self.input.at()))?;
            shift += 7;
        }
        match kind {
            // A commit, a tree, a blob, a tag.
            1..=4 => {}
            // A difference to an object that many bytes before.
            6 => while self.byte()? & 0x80 != 0 {},
            // A difference to the object of this name.
            7 => {
                for _ in 0..self.hash.length() {
                    self.byte()?;
                }
            }
            other => return Err(broken(format!("an object of Git of the unknown kind {other}"), self.input.at())),
        }
        limit.check(size)?;
        inflater.reset(true);
        let inflated = inflater.inflate(self, size, |_| ());
        let inflated = inflated.map_err(|error| match error.raw_os_error() {
            Some(_) => error,
            None => {
                let kind = error.kind();
                io::Error::new(kind, format!("an object of Git is broken at byte {}: {error}", self.input.at()))
            }
        })?;
        if inflated != size {
            let why = format!("an object of Git of {inflated} bytes in place of {size}");
            return Err(broken(why, self.input.at()));
        }
        Ok(size)
    }
}

/// Reads a bundle to its end.
pub(super) fn read(input: &mut Input<'_>, limit: Limit) -> io::Result<Bundle> {
    let begin: [u8; V2.len()] = input.bytes("the header of the bundle")?;
    if begin != V2 && begin != V3 {
        return Err(broken("it is not a Git bundle", 0));
    }
    let (mut references, mut prerequisites, mut sha256) = (0, 0, false);
    loop {
        let mut line = Vec::new();
        input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        let Some(line) = line.strip_suffix(b"\n") else {
            let why =
                if input.ended()? { "it ends in the middle of its header: it was cut off" } else { "a line too long" };
            return Err(broken(why, input.at()));
        };
        match line {
            [] => break,
            [b'@', capability @ ..] => sha256 |= capability == b"object-format=sha256",
            [b'-', rest @ ..] if named(rest) => prerequisites += 1,
            reference if named(reference) => references += 1,
            _ => return Err(broken("a line of its header that names no object", input.at())),
        }
    }
    let hash = if sha256 { Hash::Sha256(Sha256::new()) } else { Hash::Sha1(Sha1::new()) };
    let mut pack = Pack { input, hash };
    let (magic, version, objects) = (pack.u32()?, pack.u32()?, pack.u32()?);
    if magic != u32::from_be_bytes(*b"PACK") || !matches!(version, 2 | 3) {
        return Err(broken("its header is not followed by a pack", pack.input.at()));
    }
    let mut inflater = Inflater::new(true);
    let mut inflated = 0_u64;
    for _ in 0..objects {
        inflated = inflated.saturating_add(pack.object(&mut inflater, limit)?);
        limit.check(inflated)?;
    }
    let Pack { input, hash } = pack;
    let stated = input.some(hash.length(), 32, "the digest of the pack")?;
    if stated != hash.digest() {
        return Err(broken("the digest of the pack does not match", input.at()));
    }
    input.end("the bundle")?;
    Ok(Bundle { objects, references, prerequisites })
}

/// Whether a line begins with the name of an object.
fn named(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    matches!(name.len(), 40 | 64) && name.iter().all(u8::is_ascii_hexdigit)
}
