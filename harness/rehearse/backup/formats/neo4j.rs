//! A dump of Neo4j: a compressed stream with the number of files and bytes, then a tar archive of just these.

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use super::gzip::Gzip;
use super::zstd::Zstd;
use crate::backup::archive;
use crate::backup::stream::{Input, Limit, broken};

/// Of `neo4j-admin database dump` since 5: Zstandard, and gzip.
pub(super) const ZSTD: &[u8] = b"DZV1";
pub(super) const GZIP: &[u8] = b"DGV1";
/// Begins what is inside of Zstandard.
const INNER: &[u8] = b"zstd";
/// The version of the numbers that follow.
const NUMBERS: [u8; 4] = [0, 0, 0, 1];

/// What a dump holds.
pub(super) struct Dump {
    pub(super) files: u64,
    pub(super) bytes: u64,
    /// Whether the numbers of the dump were there to compare with; dumps before Neo4j 4 have none.
    pub(super) counted: bool,
    /// Whether what is compressed has no checksum.
    pub(super) unchecked: bool,
}

/// Reads a dump to its end.
pub(super) fn read(input: &mut Input<'_>, limit: Limit) -> io::Result<Dump> {
    let begin = input.peek(4)?;
    let marked = begin == ZSTD || begin == GZIP;
    if marked {
        input.skip(4, "the header of the dump")?;
    }
    let unchecked = Rc::new(Cell::new(false));
    let begin = input.peek(4)?;
    let mut inner = if begin.starts_with(super::GZIP) {
        input.borrowed().decoded("gzip", limit, Gzip::new)
    } else if begin.starts_with(super::ZSTD) {
        input.borrowed().decoded("zstd", limit, |input| Zstd::new(input, Rc::clone(&unchecked)))
    } else {
        return Err(broken("it is not a Neo4j dump: those are compressed with zstd or gzip", 0));
    };
    if inner.peek(4)? == INNER {
        inner.skip(4, "the dump")?;
    }
    let stated = if inner.peek(4)? == NUMBERS {
        inner.skip(4, "the dump")?;
        let [files, bytes] = [inner.bytes("the dump")?, inner.bytes("the dump")?].map(u64::from_be_bytes);
        Some((files, bytes))
    } else {
        None
    };
    let contents = archive::read(&mut inner, limit.size, limit.most)?;
    if contents.followed {
        return Err(broken("something follows the end of the archive in the dump", inner.at()));
    }
    let found = (contents.files, contents.bytes);
    if let Some(stated) = stated.filter(|stated| *stated != found) {
        let why = format!("{} files of {} bytes in place of {} of {}", found.0, found.1, stated.0, stated.1);
        return Err(broken(why, inner.at()));
    }
    drop(inner);
    Ok(Dump { files: found.0, bytes: found.1, counted: stated.is_some(), unchecked: unchecked.get() })
}
