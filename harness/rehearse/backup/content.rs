//! Reads a file of a backup to its end: whether it has the right format, and what it contains.

use std::io::{self, BufReader, Read};

use rehearse_core::model::product::Format;
use serde_json::Value;

use super::formats::sql::{Dialect, Dump};
use super::formats::{self, Compressed, Found, Known};
use super::stream::{Input, Limit};
use super::{LARGEST_TEXT, archive, strict};

/// The content of a file that has the right format.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// A description for people, to follow its size.
    pub(super) note: String,
    /// What it was found to be, where its format alone does not say it, and what of it is not verified.
    pub(super) found: Option<String>,
    /// Why it must not be unpacked nevertheless.
    pub(super) refused: Vec<String>,
    /// Of an archive: its entries, and those of them that are files.
    pub(super) archive_content: Option<(u64, u64)>,
    /// Bytes that it expands to.
    pub(super) expanded: Option<u64>,
    /// Of a dump.
    pub(super) dump: Option<Dump>,
    /// A text of blanks only.
    pub(super) blank: bool,
    /// Whether it was read to its end, and nothing is wrong with it.
    pub(super) verified: bool,
}

/// Reads a file of a backup of `size` bytes to its end by its format: what it holds, and why it must not be unpacked.
///
/// # Errors
/// When it is not whole, not of its format, or expands beyond all measure.
pub fn well_formed(file: impl Read, size: u64, format: Format) -> io::Result<(String, Vec<String>)> {
    let Content { note, refused, .. } = read_content(file, ("", size), format, archive::most(size, None))?;
    Ok((note, refused))
}

/// Reads a file of this name and size, which may expand to `most`.
pub(super) fn read_content(
    file: impl Read,
    (name, size): (&str, u64),
    format: Format,
    most: u64,
) -> io::Result<Content> {
    let mut file = BufReader::with_capacity(1 << 16, file);
    let limit = Limit { size, most };
    let of = |known: Known, file| formats::of(&mut Input::new(file), known, limit);
    let gzip = |known: Known, file| formats::compressed_by(&mut Input::new(file), Compressed::Gzip, known, limit);
    match format {
        Format::PgDumpCustom => of(Known::PgCustom, file).map(found),
        Format::PgDumpSql => of(Known::Sql(Dialect::Postgres), file).map(dump),
        Format::PgDumpSqlGzip => gzip(Known::Sql(Dialect::Postgres), file).map(dump),
        Format::MysqlDump => of(Known::Sql(Dialect::MySql), file).map(dump),
        Format::MysqlDumpGzip => gzip(Known::Sql(Dialect::MySql), file).map(dump),
        Format::MongoArchive => formats::perhaps_compressed(&mut Input::new(file), Known::Mongo, limit).map(found),
        Format::RedisRdb => of(Known::Redis, file).map(found),
        Format::Neo4jDump => of(Known::Neo4j, file).map(found),
        Format::Sqlite => of(Known::Sqlite, file).map(found),
        Format::TarGzip => gzip(Known::Tar, file).map(archive_content),
        Format::Tar => of(Known::Tar, file).map(archive_content),
        Format::Text => text(file),
        Format::Json => json(file),
        // Nothing is unpacked by us that is not of a format that says so.
        Format::Any => formats::any(&mut Input::new(file), name, limit).map(|known| match known {
            Some(known) => Content { refused: Vec::new(), ..found(known) },
            None => {
                let what = if size == 0 { "empty" } else { "of a format that is not verified" };
                Content { verified: false, ..found(Found { what: what.to_owned(), ..Found::default() }) }
            }
        }),
        Format::Bytes => {
            // Reading it fails if the disk does.
            io::copy(&mut file, &mut io::sink())?;
            let what = "not looked into".to_owned();
            Ok(Content { verified: false, ..found(Found { what, ..Found::default() }) })
        }
    }
}

fn note(note: &str) -> Content {
    Content { note: note.to_owned(), verified: true, ..Content::default() }
}

fn found(found: Found) -> Content {
    let Found { what, entries, expanded, refused, dump, unread } = found;
    Content {
        note: format!(", {what}"),
        found: Some(what),
        refused,
        archive_content: entries,
        expanded,
        dump,
        blank: false,
        verified: !unread,
    }
}

/// Of a dump as SQL, whose versions are shown as such.
fn dump(dump: Found) -> Content {
    Content { found: None, ..found(dump) }
}

/// Of an archive, whose entries are shown as such.
fn archive_content(archive: Found) -> Content {
    let (entries, _) = archive.entries.unwrap_or_default();
    Content { note: format!(", {entries} entries"), found: None, ..found(archive) }
}

fn text(mut file: impl Read) -> io::Result<Content> {
    let mut buffer = vec![0; 1 << 16];
    let mut rest = Vec::new();
    let mut blank = true;
    loop {
        let read = file.read(&mut buffer)?;
        blank &= buffer[..read].iter().all(u8::is_ascii_whitespace);
        rest.extend_from_slice(&buffer[..read]);
        match std::str::from_utf8(&rest) {
            Ok(_) => rest.clear(),
            Err(error) if error.error_len().is_none() && read > 0 => {
                rest.drain(..error.valid_up_to());
            }
            Err(error) => return Err(io::Error::other(error)),
        }
        if read == 0 {
            return Ok(Content { blank, ..note(", text") });
        }
    }
}

fn json(file: impl Read) -> io::Result<Content> {
    let mut text = String::new();
    file.take(LARGEST_TEXT + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LARGEST_TEXT {
        return Err(io::Error::other(format!("more than {} MiB", LARGEST_TEXT >> 20)));
    }
    if text.trim().is_empty() {
        return Ok(Content { blank: true, ..Content::default() });
    }
    match strict::json(&text)? {
        Value::Object(_) => Ok(note(", JSON")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(io::Error::other("JSON that is not an object"))
        }
    }
}
