//! A database of SQLite: its header says how many pages it has. Pages have no checksums.

use std::io;

use crate::backup::stream::{Input, broken};

pub(super) const MAGIC: &[u8] = b"SQLite format 3\0";
const HEADER: usize = 100;

/// What the header says.
pub(super) struct Database {
    pub(super) pages: u64,
    pub(super) page_size: u64,
    /// Whether what was written last may be in a file beside it.
    pub(super) wal: bool,
    /// Whether the header knows the number of pages: before SQLite 3.7 it did not.
    pub(super) counted: bool,
}

/// Reads a database to its end.
pub(super) fn read(input: &mut Input<'_>) -> io::Result<Database> {
    let header: [u8; HEADER] = input.bytes("the header of the database")?;
    if !header.starts_with(MAGIC) {
        return Err(broken("it is no database of SQLite", 0));
    }
    let byte = |at: usize| header.get(at).copied().unwrap_or_default();
    let number = |at: usize| u32::from_be_bytes([byte(at), byte(at + 1), byte(at + 2), byte(at + 3)]);
    let page_size = match u64::from(u16::from_be_bytes([byte(16), byte(17)])) {
        1 => 65536,
        size if size >= 512 && size.is_power_of_two() => size,
        size => return Err(broken(format!("pages of {size} bytes, which SQLite does not have"), 16)),
    };
    let (write, read) = (byte(18), byte(19));
    if !(1..=2).contains(&write) || !(1..=2).contains(&read) {
        return Err(broken(format!("the unknown versions {write} and {read} of the format"), 18));
    }
    if [byte(21), byte(22), byte(23)] != [64, 32, 32] || header[72..92] != [0; 20] {
        return Err(broken("a header that no SQLite writes", 21));
    }
    let (changes, stated, valid_for) = (number(24), u64::from(number(28)), number(92));
    let (trunk, free) = (u64::from(number(32)), u64::from(number(36)));
    let begin = input.at();
    let size = begin + io::copy(input, &mut io::sink())?;
    if !size.is_multiple_of(page_size) {
        let why = format!(
            "{size} bytes are not a multiple of the page size, {page_size} bytes: it was cut off, or something follows"
        );
        return Err(broken(why, size));
    }
    let pages = size / page_size;
    let counted = stated != 0 && changes == valid_for;
    if counted && stated != pages {
        let how = if pages < stated { "it was cut off" } else { "something follows" };
        return Err(broken(format!("{pages} pages in place of {stated}: {how}"), size));
    }
    if (trunk == 0) != (free == 0) || trunk > pages || free >= pages {
        return Err(broken(format!("a list of {free} free pages at page {trunk} of {pages}"), 32));
    }
    Ok(Database { pages, page_size, wal: read == 2, counted })
}
