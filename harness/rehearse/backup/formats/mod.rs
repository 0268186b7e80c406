//! Formats that are recognised by their first bytes, and verified to their end.

mod git_bundle;
mod gzip;
mod mongo;
mod neo4j;
mod pg_custom;
mod redis;
mod rows;
pub(super) mod sql;
mod sqlite;
mod zip;
mod zstd;

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use bzip2::bufread::MultiBzDecoder;
use lzma_rust2::XzReader;

use self::gzip::Gzip;
use self::pg_custom::Compression;
use self::sql::{Dialect, Dump};
use self::zstd::Zstd;
use super::stream::{Input, Limit, NotVerified, broken};
use super::{archive, shorten};

/// So much of a file says what it is: the first block of a tar archive, the first lines of a dump.
const BEGINNING: usize = 4096;
/// Compressed streams inside one another are read this deep: nobody makes more.
const DEEPEST: usize = 4;
/// The memory that xz may use, in KiB: twice what its highest level takes.
const XZ_MEMORY: u32 = 128 << 10;

const GZIP: &[u8] = &[0x1f, 0x8b, 8];
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
/// The rest of a frame that is skipped; its first byte is `0x50` and more.
const ZSTD_SKIPPED: &[u8] = &[0x2a, 0x4d, 0x18];
const BZIP2: &[u8] = b"BZh";
/// What follows its level: of a block, and of the end.
const BZIP2_BLOCKS: [&[u8]; 2] = [&[0x31, 0x41, 0x59, 0x26, 0x53, 0x59], &[0x17, 0x72, 0x45, 0x38, 0x50, 0x90]];
const ZIP: [&[u8]; 2] = [b"PK\x03\x04", b"PK\x05\x06"];
/// What a tar archive has in its first block.
const USTAR: &[u8] = b"ustar";

/// A format that is known by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Compressed(Compressed),
    Tar,
    Zip,
    GitBundle,
    PgCustom,
    Sql(Dialect),
    Mongo,
    Redis,
    Neo4j,
    Sqlite,
}

/// A format of one compressed stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compressed {
    Gzip,
    Xz,
    Zstd,
    Bzip2,
}

/// A file that is whole, as far as its format can show it.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What it is, in words, with what is not verified.
    pub(super) what: String,
    /// Of an archive: its entries, and those of them that are files.
    pub(super) entries: Option<(u64, u64)>,
    /// Bytes that it expands to.
    pub(super) expanded: Option<u64>,
    /// Why it must not be unpacked.
    pub(super) refused: Vec<String>,
    pub(super) dump: Option<Dump>,
    /// Whether it, or something in it, could not be read to its end.
    pub(super) unread: bool,
}

impl Known {
    /// The format of a file that begins so.
    fn of(begin: &[u8]) -> Option<Self> {
        let starts = |magic: &[u8]| begin.starts_with(magic);
        let bzip2 = || begin.get(4..).is_some_and(|rest| BZIP2_BLOCKS.iter().any(|magic| rest.starts_with(magic)));
        let skipped = || begin.first().is_some_and(|first| first >> 4 == 5) && begin[1..].starts_with(ZSTD_SKIPPED);
        if starts(GZIP) {
            Some(Self::Compressed(Compressed::Gzip))
        } else if starts(XZ) {
            Some(Self::Compressed(Compressed::Xz))
        } else if starts(ZSTD) || skipped() {
            Some(Self::Compressed(Compressed::Zstd))
        } else if starts(BZIP2) && bzip2() {
            Some(Self::Compressed(Compressed::Bzip2))
        } else if ZIP.iter().any(|magic| starts(magic)) {
            Some(Self::Zip)
        } else if starts(git_bundle::V2) || starts(git_bundle::V3) {
            Some(Self::GitBundle)
        } else if starts(pg_custom::MAGIC) {
            Some(Self::PgCustom)
        } else if starts(mongo::MAGIC) {
            Some(Self::Mongo)
        } else if redis::version(begin).is_some() {
            Some(Self::Redis)
        } else if starts(neo4j::ZSTD) || starts(neo4j::GZIP) {
            Some(Self::Neo4j)
        } else if starts(sqlite::MAGIC) {
            Some(Self::Sqlite)
        } else if begin.get(257..262) == Some(USTAR) || archive::is_header(begin) {
            Some(Self::Tar)
        } else {
            Dialect::of(begin).map(Self::Sql)
        }
    }

    /// The format that a file of this name has to have.
    fn named(name: &str) -> Option<Self> {
        let (_, ending) = name.rsplit_once('.')?;
        match ending.to_ascii_lowercase().as_str() {
            "gz" | "tgz" => Some(Self::Compressed(Compressed::Gzip)),
            "xz" | "txz" => Some(Self::Compressed(Compressed::Xz)),
            "zst" | "tzst" => Some(Self::Compressed(Compressed::Zstd)),
            "bz2" | "tbz" | "tbz2" => Some(Self::Compressed(Compressed::Bzip2)),
            "tar" => Some(Self::Tar),
            "zip" => Some(Self::Zip),
            "bundle" => Some(Self::GitBundle),
            "rdb" => Some(Self::Redis),
            "sqlite" | "sqlite3" => Some(Self::Sqlite),
            _ => None,
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Self::Compressed(compressed) => compressed.describe(),
            Self::Tar => "a tar archive",
            Self::Zip => "a zip archive",
            Self::GitBundle => "a bundle of Git",
            Self::PgCustom => "pg_dump custom format",
            Self::Sql(Dialect::Postgres) => "SQL of pg_dump",
            Self::Sql(Dialect::MySql) => "SQL of mysqldump",
            Self::Mongo => "an archive of mongodump",
            Self::Redis => "a snapshot of Redis",
            Self::Neo4j => "a dump of Neo4j",
            Self::Sqlite => "a database of SQLite",
        }
    }
}

impl Compressed {
    fn describe(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
        }
    }
}

/// Reads a file of any format to its end if its first bytes are known; otherwise there is nothing to find.
pub(super) fn any(input: &mut Input<'_>, name: &str, limit: Limit) -> io::Result<Option<Found>> {
    let begin = input.peek(BEGINNING)?;
    if let Some(known) = Known::of(&begin) {
        return verified(input, known, limit, DEEPEST).map(Some);
    }
    let Some(expected) = Known::named(name) else { return Ok(None) };
    let first = begin.get(..16).unwrap_or(&begin);
    let first = if begin.is_empty() { "is empty".to_owned() } else { format!("begins with {}", super::named(first)) };
    Err(io::Error::other(format!("its name says that it is {}, but it {first}", expected.describe())))
}

/// Reads a file of a format to its end. What cannot be verified is said of it.
pub(super) fn of(input: &mut Input<'_>, known: Known, limit: Limit) -> io::Result<Found> {
    verified(input, known, limit, DEEPEST)
}

/// Reads a file of a format that is compressed; what it was found to be is what is inside.
pub(super) fn compressed_by(input: &mut Input<'_>, outer: Compressed, known: Known, limit: Limit) -> io::Result<Found> {
    let begin = input.peek(BEGINNING)?;
    let mut decoder = Decoder::new(input, outer, limit, &begin);
    let found = format(&mut decoder.input, known, limit, DEEPEST)?;
    let expanded = decoder.drain()?;
    Ok(Found { expanded: found.expanded.or(Some(expanded)), ..found })
}

/// Reads a file that may be compressed in itself, of a format inside.
pub(super) fn perhaps_compressed(input: &mut Input<'_>, known: Known, limit: Limit) -> io::Result<Found> {
    let begin = input.peek(BEGINNING)?;
    let Some(Known::Compressed(outer)) = Known::of(&begin) else { return verified(input, known, limit, DEEPEST) };
    let mut decoder = Decoder::new(input, outer, limit, &begin);
    let found = verified(&mut decoder.input, known, limit, DEEPEST)?;
    decoder.finish(outer, Some(found))
}

fn verified(input: &mut Input<'_>, known: Known, limit: Limit, deep: usize) -> io::Result<Found> {
    match format(input, known, limit, deep) {
        Err(error) => match NotVerified::why(&error) {
            Some(NotVerified(why)) => {
                Ok(Found { what: format!("{why}, which is not verified"), unread: true, ..Found::default() })
            }
            None => Err(error),
        },
        found => found,
    }
}

fn format(input: &mut Input<'_>, known: Known, limit: Limit, deep: usize) -> io::Result<Found> {
    let what = |what: String| Found { what, ..Found::default() };
    match known {
        Known::Compressed(outer) => compressed(input, outer, limit, deep),
        Known::Tar => {
            let contents = archive::read(&mut *input, limit.size, limit.most)?;
            if contents.followed {
                return Err(broken("something follows the end of the archive", input.at()));
            }
            Ok(Found {
                what: format!("a tar archive with {} entries", contents.entries),
                entries: Some((contents.entries, contents.files)),
                expanded: Some(contents.bytes),
                refused: contents.refused,
                ..Found::default()
            })
        }
        Known::Zip => zip::read(input, limit).map(|archive| {
            let (entries, unread) = (archive.entries, archive.unread);
            let unread = if unread > 0 { format!(", {unread} of them not verified") } else { String::new() };
            let expanded = Some(archive.bytes);
            Found {
                entries: Some((entries, entries)),
                expanded,
                ..what(format!("a zip archive with {entries} entries{unread}"))
            }
        }),
        Known::GitBundle => git_bundle::read(input, limit).map(|bundle| {
            let needs = match bundle.prerequisites {
                0 => String::new(),
                many => format!(", which continues {many} commits"),
            };
            what(format!("a bundle of Git with {} objects and {} references{needs}", bundle.objects, bundle.references))
        }),
        Known::PgCustom => pg_custom::read(input, limit).map(|dump| what(pg_dump(&dump))),
        Known::Sql(dialect) => sql::read(&mut *input, dialect, limit).map(|dump| {
            let versions: String = dump.versions().map(|version| format!(", {version}")).collect();
            Found { dump: Some(dump.clone()), ..what(format!("{} bytes of SQL{versions}", dump.bytes)) }
        }),
        Known::Mongo => mongo::read(input).map(|archive| {
            let (collections, documents) = (archive.collections, archive.documents);
            let of = |what: &str, version: Option<String>| {
                version.map(|version| format!(", {what} {}", shorten(&version))).unwrap_or_default()
            };
            let versions = of("MongoDB", archive.server) + &of("mongodump", archive.tool);
            what(format!("{documents} documents in {collections} collections{versions}"))
        }),
        Known::Redis => redis::read(input).map(|snapshot| {
            let unchecked = if snapshot.checked { "" } else { ", without a checksum: only its end is verified" };
            what(format!("a snapshot of Redis in version {}{unchecked}", snapshot.version))
        }),
        Known::Neo4j => neo4j::read(input, limit).map(|dump| {
            let counted = if dump.counted { "" } else { ", whose number it does not say" };
            let unchecked = unchecked(dump.unchecked);
            let expanded = Some(dump.bytes);
            Found { expanded, ..what(format!("a dump of Neo4j with {} files{counted}{unchecked}", dump.files)) }
        }),
        Known::Sqlite => sqlite::read(input).map(|database| {
            let (pages, size) = (database.pages, database.page_size);
            let counted = if database.counted { "" } else { ", whose number it does not say" };
            let wal = if database.wal { "; what was written last may be in a -wal beside it" } else { "" };
            what(format!("{pages} pages of {size} bytes{counted}, which have no checksums{wal}"))
        }),
    }
}

fn pg_dump(dump: &pg_custom::Dump) -> String {
    let of = |what: &str, version: &Option<String>| {
        // Without the package that it is from: `15.18 (Debian 15.18-0+deb12u1)`.
        let number = version.as_deref().and_then(|version| version.split(" (").next());
        number.map(|version| format!(", {what} {}", shorten(version))).unwrap_or_default()
    };
    let versions = of("PostgreSQL", &dump.server) + &of("pg_dump", &dump.client);
    let not_verified = match dump.compression {
        Compression::Zlib => "",
        Compression::None => ", which have no checksums",
        Compression::Other => ", of which only the lengths are verified",
    };
    let (entries, blocks) = (dump.entries, dump.blocks);
    format!("pg_dump custom format, {entries} entries, {blocks} with data{not_verified}{versions}")
}

fn unchecked(unchecked: bool) -> &'static str {
    if unchecked { ", compressed without a checksum" } else { "" }
}

/// What is inside of a compressed stream.
struct Decoder<'a> {
    input: Input<'a>,
    /// Whether it turned out to have no checksum.
    unchecked: Rc<Cell<bool>>,
}

impl<'s> Decoder<'s> {
    fn new(input: &'s mut Input<'_>, format: Compressed, limit: Limit, begin: &[u8]) -> Self {
        let unchecked = Rc::new(Cell::new(false));
        let of_zstd = Rc::clone(&unchecked);
        let (borrowed, name) = (input.borrowed(), format.describe());
        let input = match format {
            Compressed::Gzip => borrowed.decoded(name, limit, Gzip::new),
            Compressed::Bzip2 => borrowed.decoded(name, limit, MultiBzDecoder::new),
            Compressed::Zstd => borrowed.decoded(name, limit, |input| Zstd::new(input, of_zstd)),
            Compressed::Xz => {
                // The kind of its checks, in the header of the stream: none.
                unchecked.set(begin.get(7) == Some(&0));
                borrowed.decoded(name, limit, |input| Xz(XzReader::new_mem_limit(input, true, XZ_MEMORY)))
            }
        };
        Self { input, unchecked }
    }

    /// What nobody has looked at still belongs to the checksum. Tells to how many bytes it expands.
    fn drain(&mut self) -> io::Result<u64> {
        io::copy(&mut self.input, &mut io::sink())?;
        Ok(self.input.at())
    }

    fn finish(mut self, format: Compressed, found: Option<Found>) -> io::Result<Found> {
        let bytes = self.drain()?;
        let inside = match &found {
            Some(found) => found.what.clone(),
            None => format!("{bytes} bytes of another format"),
        };
        let what = format!("{} of {inside}{}", format.describe(), unchecked(self.unchecked.get()));
        Ok(Found { what, expanded: Some(bytes), ..found.unwrap_or_default() })
    }
}

fn compressed(input: &mut Input<'_>, outer: Compressed, limit: Limit, deep: usize) -> io::Result<Found> {
    let begin = input.peek(BEGINNING)?;
    let mut decoder = Decoder::new(input, outer, limit, &begin);
    let inside = if deep == 0 { None } else { Known::of(&decoder.input.peek(BEGINNING)?) };
    let found = inside.map(|inside| verified(&mut decoder.input, inside, limit, deep - 1)).transpose()?;
    decoder.finish(outer, found)
}

/// xz, whose reader has no error of its own for too little memory.
struct Xz<R: io::Read>(XzReader<R>);

impl<R: io::Read> io::Read for Xz<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into).map_err(|error| {
            if error.kind() == io::ErrorKind::OutOfMemory {
                NotVerified::error(format!("xz that needs more than {} MiB of memory", XZ_MEMORY >> 10))
            } else {
                error
            }
        })
    }
}

#[cfg(test)]
mod tests;
