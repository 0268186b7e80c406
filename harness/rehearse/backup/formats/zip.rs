//! A zip archive, read as a stream: every entry with its CRC, then the directory at the end, which has to list just these.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, ErrorKind, Read};

use crc32fast::Hasher as Crc;

use crate::backup::stream::{Inflater, Input, Limit, NotVerified, broken};

const ENTRY: u32 = 0x0403_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;
const MORE_DATA: u32 = 0x0806_4b50;
const LISTED: u32 = 0x0201_4b50;
const SIGNATURE: u32 = 0x0505_4b50;
const LARGE_END: u32 = 0x0606_4b50;
const LARGE_END_PLACE: u32 = 0x0706_4b50;
const END: u32 = 0x0605_4b50;

/// Stands for a number that is too large for its field and is among the extra fields.
const ELSEWHERE: u32 = u32::MAX;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// Flags of an entry.
const ENCRYPTED: u16 = 1;
const SIZES_FOLLOW: u16 = 8;
/// The extra field of large numbers.
const LARGE: u16 = 1;

/// What an archive holds.
#[derive(Debug, Default)]
pub(super) struct Archive {
    pub(super) entries: u64,
    /// Those of them whose content could not be compared with its CRC: encrypted, or compressed in a rare way.
    pub(super) unread: u64,
    /// What they expand to.
    pub(super) bytes: u64,
    /// All entries as they come by, in any order.
    tally: u64,
    listed: u64,
    listed_tally: u64,
}

/// What an entry and its place in the directory both say.
#[derive(Hash)]
struct Facts {
    name: Vec<u8>,
    crc: u32,
    compressed: u64,
    bytes: u64,
    at: u64,
}

impl Facts {
    fn hashed(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

/// Reads an archive to its end.
pub(super) fn read(input: &mut Input<'_>, limit: Limit) -> io::Result<Archive> {
    let mut archive = Archive::default();
    let mut inflater = Inflater::new(false);
    // Where the directory begins, and where its end is told for large archives.
    let (mut directory, mut ending) = (None, None);
    loop {
        let at = input.at();
        let kind = input.u32("the archive, before the directory at its end")?;
        if kind != ENTRY && kind != MORE_DATA {
            directory.get_or_insert(at);
        }
        match kind {
            ENTRY if directory.is_none() => entry(input, at, &mut archive, &mut inflater, limit)?,
            MORE_DATA if directory.is_none() => {
                let bytes = input.u32("the archive")?;
                input.skip(u64::from(bytes), "the archive")?;
            }
            LISTED if ending.is_none() => listed(input, &mut archive)?,
            SIGNATURE if ending.is_none() => {
                let bytes = input.u16("the directory")?;
                input.skip(u64::from(bytes), "the directory")?;
            }
            LARGE_END if ending.is_none() => {
                ending = Some(at);
                large_end(input, &archive, (directory, at))?;
            }
            LARGE_END_PLACE if ending.is_some() => {
                input.u32("the end of the directory")?;
                let place = input.u64("the end of the directory")?;
                if ending != Some(place) {
                    return Err(broken(format!("the directory ends at another place than byte {place}"), at));
                }
                input.u32("the end of the directory")?;
            }
            END => {
                let expected = ending.unwrap_or(at);
                end(input, &archive, (directory, expected))?;
                break;
            }
            other => return Err(broken(format!("neither an entry nor the directory but {other:#010x}"), at)),
        }
    }
    if (archive.entries, archive.tally) != (archive.listed, archive.listed_tally) {
        let (entries, listed) = (archive.entries, archive.listed);
        let why = format!("its directory lists {listed} entries, and not just the {entries} that are there");
        return Err(broken(why, input.at()));
    }
    input.end("the archive")?;
    Ok(archive)
}

/// An entry with its content.
fn entry(
    input: &mut Input<'_>,
    at: u64,
    archive: &mut Archive,
    inflater: &mut Inflater,
    limit: Limit,
) -> io::Result<()> {
    const WITHIN: &str = "the header of an entry";
    input.u16(WITHIN)?;
    let (flags, method) = (input.u16(WITHIN)?, input.u16(WITHIN)?);
    input.u32(WITHIN)?;
    let (crc, compressed, bytes) = (input.u32(WITHIN)?, input.u32(WITHIN)?, input.u32(WITHIN)?);
    let (name_length, more_length) = (input.u16(WITHIN)?, input.u16(WITHIN)?);
    let name = input.some(u64::from(name_length), u64::from(u16::MAX), WITHIN)?;
    let more = input.some(u64::from(more_length), u64::from(u16::MAX), WITHIN)?;
    let large = extra(&more, LARGE);
    let mut numbers = large.unwrap_or_default();
    let bytes = number(bytes, &mut numbers);
    let compressed = number(compressed, &mut numbers);
    let follow = flags & SIZES_FOLLOW != 0;
    // Of a folder, nothing follows that would have to be found.
    let known = !follow || compressed != 0 || crc != 0 || name.ends_with(b"/");
    let readable = flags & ENCRYPTED == 0 && matches!(method, STORED | DEFLATED);
    let shown = crate::backup::named(&name);
    if follow && !known && !(readable && method == DEFLATED) {
        return Err(NotVerified::error(format!("a zip archive in which {shown} does not tell its size")));
    }
    let begin = input.at();
    let mut found = Crc::new();
    let mut read = 0;
    let wrong = |why: String, at: u64| broken(format!("{shown}: {why}"), at);
    if !readable {
        archive.unread += 1;
        input.skip(compressed, &shown)?;
        read = bytes;
    } else if method == DEFLATED {
        inflater.reset(false);
        let most = if known { bytes } else { limit.most };
        let inflated = inflater.inflate(&mut *input, most, |piece| found.update(piece));
        read = inflated.map_err(|error| {
            let at = input.at();
            if error.kind() == ErrorKind::UnexpectedEof {
                io::Error::new(
                    error.kind(),
                    format!("it ends in the middle of {shown}, after {at} bytes: it was cut off"),
                )
            } else if error.kind() == ErrorKind::InvalidData {
                wrong(error.to_string(), at)
            } else {
                error
            }
        })?;
    } else {
        let mut left = input.by_ref().take(compressed);
        loop {
            let piece = left.fill_buf()?;
            if piece.is_empty() {
                break;
            }
            found.update(piece);
            let taken = piece.len();
            read += taken as u64;
            left.consume(taken);
        }
        if read != compressed {
            let why = format!("it ends in the middle of {shown}, after {} bytes: it was cut off", input.at());
            return Err(io::Error::new(ErrorKind::UnexpectedEof, why));
        }
    }
    let stored = input.at() - begin;
    let found = if readable { found.finalize() } else { crc };
    let (crc, compressed, bytes) = if follow {
        descriptor(input, (found, stored, read), large.is_some(), &shown)?
    } else {
        (crc, compressed, bytes)
    };
    if (found, stored, read) != (crc, compressed, bytes) {
        let why = if found == crc { "another size than it says" } else { "its CRC does not match" };
        return Err(wrong(why.to_owned(), input.at()));
    }
    archive.entries += 1;
    archive.bytes = archive.bytes.saturating_add(bytes);
    limit.check(archive.bytes)?;
    archive.tally = archive.tally.wrapping_add(Facts { name, crc, compressed, bytes, at }.hashed());
    Ok(())
}

/// CRC and sizes behind an entry: with or without a signature before them, and in four or eight bytes each.
fn descriptor(input: &mut Input<'_>, found: (u32, u64, u64), large: bool, shown: &str) -> io::Result<(u32, u64, u64)> {
    const WITHIN: &str = "what follows an entry";
    let first = input.u32(WITHIN)?;
    let crc = if first == DESCRIPTOR && found.0 != DESCRIPTOR { input.u32(WITHIN)? } else { first };
    let (at, next) = (input.at(), input.peek(16)?);
    let word = |from: usize| {
        let four = next.get(from..from + 4).and_then(|four| four.try_into().ok()).map(u32::from_le_bytes);
        four.map(u64::from).ok_or_else(|| broken(format!("it ends behind {shown}: it was cut off"), at))
    };
    let (small, wide) = ((word(0)?, word(4)?), |from| Ok::<u64, io::Error>(word(from)? | word(from + 4)? << 32));
    // Writers do not agree on which of the two it is: what fits was meant.
    if small == (found.1, found.2) && !(large && wide(8).is_ok_and(|bytes| bytes == found.2)) {
        input.skip(8, WITHIN)?;
        return Ok((crc, small.0, small.1));
    }
    let sizes = (wide(0)?, wide(8)?);
    input.skip(16, WITHIN)?;
    Ok((crc, sizes.0, sizes.1))
}

/// What the directory lists.
fn listed(input: &mut Input<'_>, archive: &mut Archive) -> io::Result<()> {
    const WITHIN: &str = "the directory";
    input.skip(12, WITHIN)?;
    let (crc, compressed, bytes) = (input.u32(WITHIN)?, input.u32(WITHIN)?, input.u32(WITHIN)?);
    let (name, more, comment) = (input.u16(WITHIN)?, input.u16(WITHIN)?, input.u16(WITHIN)?);
    input.skip(8, WITHIN)?;
    let at = input.u32(WITHIN)?;
    let name = input.some(u64::from(name), u64::from(u16::MAX), WITHIN)?;
    let more = input.some(u64::from(more), u64::from(u16::MAX), WITHIN)?;
    input.skip(u64::from(comment), WITHIN)?;
    let mut numbers = extra(&more, LARGE).unwrap_or_default();
    let bytes = number(bytes, &mut numbers);
    let compressed = number(compressed, &mut numbers);
    let at = number(at, &mut numbers);
    archive.listed += 1;
    archive.listed_tally = archive.listed_tally.wrapping_add(Facts { name, crc, compressed, bytes, at }.hashed());
    Ok(())
}

fn large_end(input: &mut Input<'_>, archive: &Archive, place: (Option<u64>, u64)) -> io::Result<()> {
    const WITHIN: &str = "the end of the directory";
    let length = input.u64(WITHIN)?;
    input.skip(20, WITHIN)?;
    let (entries, size, begin) = (input.u64(WITHIN)?, input.u64(WITHIN)?, input.u64(WITHIN)?);
    input.skip(length.saturating_sub(44), WITHIN)?;
    ends(input, archive, place, (entries, size, begin))
}

fn end(input: &mut Input<'_>, archive: &Archive, (directory, at): (Option<u64>, u64)) -> io::Result<()> {
    const WITHIN: &str = "the end of the directory";
    input.skip(6, WITHIN)?;
    let (entries, size, begin) = (input.u16(WITHIN)?, input.u32(WITHIN)?, input.u32(WITHIN)?);
    let comment = input.u16(WITHIN)?;
    input.skip(u64::from(comment), WITHIN)?;
    // A number that is too large for its field is in the end of large archives, which was compared before.
    let actual = directory.unwrap_or(at);
    let entries = if entries == u16::MAX { archive.listed } else { u64::from(entries) };
    let size = if size == ELSEWHERE { at - actual } else { u64::from(size) };
    let begin = if begin == ELSEWHERE { actual } else { u64::from(begin) };
    ends(input, archive, (directory, at), (entries, size, begin))
}

/// Compares the end of the directory with the directory.
fn ends(
    input: &Input<'_>,
    archive: &Archive,
    (directory, at): (Option<u64>, u64),
    (entries, size, begin): (u64, u64, u64),
) -> io::Result<()> {
    let actual = directory.unwrap_or(at);
    if (entries, size, begin) == (archive.listed, at - actual, actual) {
        Ok(())
    } else {
        Err(broken("the end of the directory does not fit the directory", input.at()))
    }
}

/// One of the extra fields.
fn extra(mut fields: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let (head, rest) = fields.split_first_chunk::<4>()?;
        let [a, b, c, d] = *head;
        let (kind, length) = (u16::from_le_bytes([a, b]), usize::from(u16::from_le_bytes([c, d])));
        let (field, rest) = rest.split_at_checked(length)?;
        if kind == wanted {
            return Some(field);
        }
        fields = rest;
    }
}

/// A number, or what stands for it among the large ones.
fn number(small: u32, large: &mut &[u8]) -> u64 {
    if small != ELSEWHERE {
        return u64::from(small);
    }
    match large.split_first_chunk::<8>() {
        Some((number, rest)) => {
            *large = rest;
            u64::from_le_bytes(*number)
        }
        None => u64::from(small),
    }
}
