//! The custom format of `pg_dump`, read as `pg_restore` reads it: a header, a table of contents, then a block of data for each
//! entry that has any, in pieces with their lengths. It has no mark at its end: it is whole if no block is missing.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, ErrorKind, Read};

use crate::backup::stream::{Inflater, Input, Limit, NotVerified, broken};

pub(super) const MAGIC: &[u8] = b"PGDMP";
/// The versions of the format that are known: of PostgreSQL 8.4 to 18.
const OLDEST: (u8, u8) = (1, 11);
const NEWEST: (u8, u8) = (1, 16);
/// No text in a table of contents is longer: the definition of a function.
const LONGEST_TEXT: u64 = 256 << 20;
/// The kind of the format among those of `pg_dump`.
const CUSTOM: u8 = 1;
/// The state of an entry that has no data.
const NO_DATA: u8 = 3;
/// Kinds of blocks: of a table, and of large objects.
const DATA: u8 = 1;
const LARGE_OBJECTS: u8 = 3;

/// What a dump holds.
#[derive(Debug, Default)]
pub(super) struct Dump {
    pub(super) server: Option<String>,
    pub(super) client: Option<String>,
    pub(super) entries: u64,
    /// Blocks of data.
    pub(super) blocks: u64,
    pub(super) compression: Compression,
}

/// How the data are compressed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// Not at all, so that nothing shows a changed byte.
    #[default]
    None,
    /// With the checksums of zlib, which are verified.
    Zlib,
    /// As LZ4 or Zstandard, of which only the lengths are verified.
    Other,
}

/// A dump as it is read.
struct Reader<'i, 'a> {
    input: &'i mut Input<'a>,
    int_size: usize,
    offset_size: u64,
}

/// Reads a dump to its end.
pub(super) fn read(input: &mut Input<'_>, limit: Limit) -> io::Result<Dump> {
    const HEADER: &str = "the header";
    let [p, g, d, m, q, major, minor, _, int_size, offset_size, format] = input.bytes(HEADER)?;
    if [p, g, d, m, q] != MAGIC {
        return Err(broken("it is not in pg_dump's custom format", 0));
    }
    let version = (major, minor);
    if !(OLDEST..=NEWEST).contains(&version) {
        return Err(NotVerified::error(format!("pg_dump custom format of the unknown version {major}.{minor}")));
    }
    if format != CUSTOM || !(1..=8).contains(&int_size) || !(1..=8).contains(&offset_size) {
        return Err(broken("a header that no pg_dump writes", input.at()));
    }
    let mut reader = Reader { input, int_size: usize::from(int_size), offset_size: u64::from(offset_size) };
    let mut dump = Dump { compression: reader.compression(version)?, ..Dump::default() };
    // The time, in seven numbers; then the database, and the versions.
    for _ in 0..7 {
        reader.number(HEADER)?;
    }
    reader.text(HEADER)?;
    dump.server = reader.text(HEADER)?;
    dump.client = reader.text(HEADER)?;
    let entries = reader.number("the table of contents")?;
    let mut expected = Tally::default();
    for _ in 0..entries {
        if let Some(id) = reader.entry(version)? {
            expected.add(id);
        }
        dump.entries += 1;
    }
    let mut found = Tally::default();
    let mut bytes = 0_u64;
    while !reader.input.ended()? {
        let (id, read) = reader.block(dump.compression, limit)?;
        found.add(id);
        bytes = bytes.saturating_add(read);
        limit.check(bytes)?;
    }
    dump.blocks = found.count;
    if found != expected {
        let why = format!("data of {} entries in place of {}: it was cut off", found.count, expected.count);
        return Err(broken(why, reader.input.at()));
    }
    Ok(dump)
}

impl Reader<'_, '_> {
    fn byte(&mut self, within: &str) -> io::Result<u8> {
        self.input.bytes(within).map(|[byte]| byte)
    }

    /// A sign, then the number.
    fn number(&mut self, within: &str) -> io::Result<i64> {
        let negative = match self.byte(within)? {
            0 => false,
            1 => true,
            sign => return Err(broken(format!("a number with the sign {sign} in {within}"), self.input.at())),
        };
        let mut bytes = [0; 8];
        self.input.fill(&mut bytes[..self.int_size], within)?;
        let number = i64::from_le_bytes(bytes);
        Ok(if negative { number.wrapping_neg() } else { number })
    }

    fn text(&mut self, within: &str) -> io::Result<Option<String>> {
        let Ok(length) = u64::try_from(self.number(within)?) else { return Ok(None) };
        let text = self.input.some(length, LONGEST_TEXT, within)?;
        Ok(Some(String::from_utf8_lossy(&text).into_owned()))
    }

    fn compression(&mut self, version: (u8, u8)) -> io::Result<Compression> {
        if version >= (1, 15) {
            return match self.byte("the header")? {
                0 => Ok(Compression::None),
                1 => Ok(Compression::Zlib),
                2 | 3 => Ok(Compression::Other),
                other => Err(broken(format!("the unknown compression {other}"), self.input.at())),
            };
        }
        // The level of zlib.
        Ok(if self.number("the header")? == 0 { Compression::None } else { Compression::Zlib })
    }

    /// An entry of the table of contents; its number if it has data.
    fn entry(&mut self, version: (u8, u8)) -> io::Result<Option<i64>> {
        const WITHIN: &str = "the table of contents";
        let (id, dumped) = (self.number(WITHIN)?, self.number(WITHIN)? != 0);
        // Two numbers of the catalogue as text, a name and a kind; then the section.
        for _ in 0..4 {
            self.text(WITHIN)?;
        }
        self.number(WITHIN)?;
        // Definition, removal, `COPY`, schema, tablespace.
        for _ in 0..5 {
            self.text(WITHIN)?;
        }
        if version >= (1, 14) {
            self.text(WITHIN)?;
        }
        if version >= (1, 16) {
            self.number(WITHIN)?;
        }
        // The owner, and whether it has OIDs; then what it depends on.
        self.text(WITHIN)?;
        self.text(WITHIN)?;
        while self.text(WITHIN)?.is_some() {}
        let state = self.byte(WITHIN)?;
        if !(1..=NO_DATA).contains(&state) {
            return Err(broken(format!("an entry in the unknown state {state}"), self.input.at()));
        }
        self.input.skip(self.offset_size, WITHIN)?;
        Ok((dumped && state != NO_DATA).then_some(id))
    }

    /// The data of an entry: its number, and what they expand to.
    fn block(&mut self, compression: Compression, limit: Limit) -> io::Result<(i64, u64)> {
        const WITHIN: &str = "the header of a block of data";
        let at = self.input.at();
        let kind = self.byte(WITHIN)?;
        let id = self.number(WITHIN)?;
        match kind {
            DATA => Ok((id, self.data(id, compression, limit)?)),
            LARGE_OBJECTS => {
                let mut bytes = 0_u64;
                while self.number("large objects")? != 0 {
                    bytes = bytes.saturating_add(self.data(id, compression, limit)?);
                    limit.check(bytes)?;
                }
                Ok((id, bytes))
            }
            other => Err(broken(format!("a block of data of the unknown kind {other}"), at)),
        }
    }

    fn data(&mut self, id: i64, compression: Compression, limit: Limit) -> io::Result<u64> {
        let mut pieces = Pieces { reader: self, left: 0, ended: false };
        if pieces.fill_buf()?.is_empty() {
            return Ok(0);
        }
        match compression {
            Compression::None | Compression::Other => io::copy(&mut pieces, &mut io::sink()),
            Compression::Zlib => {
                let inflated = Inflater::new(true).inflate(&mut pieces, limit.most, |_| ());
                let ended = inflated.is_ok() && pieces.fill_buf()?.is_empty();
                let at = self.input.at();
                match inflated {
                    Ok(bytes) if ended => Ok(bytes),
                    Ok(_) => Err(broken(format!("data of entry {id} behind their end"), at)),
                    Err(error) if error.kind() == ErrorKind::InvalidData => {
                        Err(broken(format!("the data of entry {id} are broken: {error}"), at))
                    }
                    Err(error) => Err(error),
                }
            }
        }
    }
}

/// The data of one entry, put together from their pieces.
struct Pieces<'r, 'i, 'a> {
    reader: &'r mut Reader<'i, 'a>,
    left: u64,
    ended: bool,
}

impl Read for Pieces<'_, '_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Pieces<'_, '_, '_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        const WITHIN: &str = "the data of an entry";
        if self.left == 0 && !self.ended {
            let length = self.reader.number(WITHIN)?;
            let negative = |_| broken(format!("a piece of {length} bytes"), self.reader.input.at());
            self.left = u64::try_from(length).map_err(negative)?;
            self.ended = self.left == 0;
        }
        if self.ended {
            return Ok(&[]);
        }
        if self.reader.input.ended()? {
            // Fails, with the place.
            self.reader.input.skip(1, WITHIN)?;
        }
        let piece = self.reader.input.fill_buf()?;
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        Ok(piece.get(..most).unwrap_or(piece))
    }

    fn consume(&mut self, bytes: usize) {
        self.left -= bytes as u64;
        self.reader.input.consume(bytes);
    }
}

/// Numbers in any order, in flat memory.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    count: u64,
    sum: u64,
}

impl Tally {
    fn add(&mut self, id: i64) {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        self.count += 1;
        self.sum = self.sum.wrapping_add(hasher.finish());
    }
}
