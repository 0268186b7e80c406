//! Reads a file of a backup to its end: whether it has the right format, and what it contains.

use std::io::{self, BufReader, Read};

use flate2::read::MultiGzDecoder;
use rehearse_core::model::product::Format;
use serde::Serialize;
use serde_json::Value;

use super::rows::Rows;
use super::{LARGEST_TEXT, archive, named, strict};

/// The part of a dump that says what it is.
const BEGINNING: usize = 16 << 10;
/// The part that says that it is complete.
const END: usize = 4 << 10;
const BEGINS: &str = "-- PostgreSQL database dump";
const ENDS: &str = "-- PostgreSQL database dump complete";

/// The content of a file that has the right format.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// A description for people, to follow its size.
    pub(super) note: String,
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
}

/// A dump of a database as SQL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Dump {
    /// Bytes of SQL.
    pub bytes: u64,
    /// The version of the server, as the dump says it.
    pub server: Option<String>,
    /// The version of `pg_dump`.
    pub client: Option<String>,
}

/// Reads a file of a backup of `size` bytes to its end by its format: what it holds, and why it must not be unpacked.
///
/// # Errors
/// When it is not whole, not of its format, or expands beyond all measure.
pub fn well_formed(file: impl Read, size: u64, format: Format) -> io::Result<(String, Vec<String>)> {
    let Content { note, refused, .. } = read_content(file, size, format, archive::most(size, None))?;
    Ok((note, refused))
}

pub(super) fn read_content(file: impl Read, size: u64, format: Format, most: u64) -> io::Result<Content> {
    let mut file = BufReader::with_capacity(1 << 16, file);
    let note = |note: &str| Content { note: note.to_owned(), ..Content::default() };
    match format {
        Format::PgDumpCustom => {
            let mut magic = [0; 5];
            file.read_exact(&mut magic)?;
            if &magic == b"PGDMP" {
                Ok(note(", pg_dump custom format"))
            } else {
                Err(io::Error::other("it is not in pg_dump's custom format"))
            }
        }
        Format::PgDumpSqlGzip => sql(MultiGzDecoder::new(file), size, most).map(|dump| {
            let of = |what: &str, version: &Option<String>| {
                version.as_ref().map(|version| format!(", {what} {version}")).unwrap_or_default()
            };
            let (server, client) = (of("PostgreSQL", &dump.server), of("pg_dump", &dump.client));
            let note = format!(", {} bytes of SQL{server}{client}", dump.bytes);
            Content { note, expanded: Some(dump.bytes), dump: Some(dump), ..Content::default() }
        }),
        Format::TarGzip => archive::read(MultiGzDecoder::new(file), size, most).map(archive_content),
        Format::Tar => archive::read(file, size, most).map(archive_content),
        Format::Text => {
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
        Format::Json => {
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
        Format::Any => Ok(note("")),
    }
}

fn archive_content(contents: archive::Contents) -> Content {
    let followed = if contents.followed { ", and bytes after its end, which are ignored" } else { "" };
    Content {
        note: format!(", {} entries{followed}", contents.entries),
        refused: contents.refused,
        archive_content: Some((contents.entries, contents.files)),
        expanded: Some(contents.bytes),
        ..Content::default()
    }
}

/// Reads SQL to its end. A complete stream does not prove a complete dump: `pg_dump` may have ended early.
fn sql(mut stream: impl Read, size: u64, most: u64) -> io::Result<Dump> {
    let (mut begins, mut ends) = (Vec::new(), Vec::new());
    let mut rows = Rows::default();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        bytes += read as u64;
        if bytes > most {
            return Err(io::Error::other(archive::over(size, most)));
        }
        let piece = &buffer[..read];
        rows.see(piece);
        begins.extend_from_slice(&piece[..read.min(BEGINNING - begins.len())]);
        ends.extend_from_slice(&piece[read.saturating_sub(END)..]);
        ends.drain(..ends.len().saturating_sub(END));
        // Fails early if it cannot be a dump, instead of reading for hours.
        if begins.len() == BEGINNING {
            is_a_dump(&begins)?;
        }
    }
    is_a_dump(&begins)?;
    if let Some(table) = rows.within() {
        let inspect = format!("it ends among the rows of {}: pg_dump ended early", named(table));
        return Err(io::Error::other(inspect));
    }
    let last = String::from_utf8_lossy(&ends);
    let mut behind = last.rsplit(ENDS).next().filter(|behind| behind.len() < last.len()).map(str::lines);
    // Only comments follow, and in newer releases a line against tampering.
    let empty = |line: &str| line.is_empty() || line.starts_with("--") || line.starts_with("\\unrestrict ");
    if !behind.as_mut().is_some_and(|lines| lines.all(|line| empty(line.trim_end()))) {
        return Err(io::Error::other(format!("it ends without `{ENDS}`: pg_dump ended early")));
    }
    let text = String::from_utf8_lossy(&begins);
    let version_after = |before: &str| {
        let version = text.lines().find_map(|line| line.strip_prefix(before))?;
        Some(super::shorten(version.trim()))
    };
    let (server, client) =
        (version_after("-- Dumped from database version "), version_after("-- Dumped by pg_dump version "));
    Ok(Dump { bytes, server, client })
}

fn is_a_dump(begins: &[u8]) -> io::Result<()> {
    if String::from_utf8_lossy(begins).lines().any(|line| line.trim_end() == BEGINS) {
        return Ok(());
    }
    let first = begins.split(|byte| *byte == b'\n').find(|line| !line.is_empty()).unwrap_or_default();
    let first = first.get(..60).unwrap_or(first);
    Err(io::Error::other(format!(
        "it is not SQL of pg_dump, which contains `{BEGINS}`: it begins with {}",
        named(first)
    )))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const DUMP: &str = "--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 13.11\n-- Dumped by pg_dump version 13.14\n\nSELECT 1;\n\n--\n-- PostgreSQL database dump complete\n--\n\n";

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn inspect(bytes: &[u8]) -> Result<Dump, String> {
        let read_content = read_content(bytes, bytes.len() as u64, Format::PgDumpSqlGzip, 1 << 20);
        read_content.map(|read_content| read_content.dump.unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_dump_is_read_to_its_end_with_its_versions() {
        let (server, client) = (Some("13.11".to_owned()), Some("13.14".to_owned()));
        assert_eq!(inspect(&gzip(DUMP)), Ok(Dump { bytes: DUMP.len() as u64, server, client }));
        // With the header that pg_dump writes since 2025, and a dump of many pieces.
        let restricted = format!(
            "--\n-- PostgreSQL database dump\n--\n\n\\restrict x\n\n{}\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict x\n\n",
            "INSERT;\n".repeat(50_000)
        );
        assert_eq!(inspect(&gzip(&restricted)).unwrap().bytes, restricted.len() as u64);
    }

    #[test]
    fn an_incomplete_dump_is_rejected() {
        let version_after = |text: &str| inspect(&gzip(text)).unwrap_err();
        assert!(version_after("").contains("it is not SQL of pg_dump"));
        assert!(version_after("CREATE TABLE a;").ends_with("it begins with `CREATE TABLE a;`"));
        assert!(version_after("\u{1b}[2J").ends_with("it begins with `\\u{1b}[2J`"));
        assert!(version_after(&DUMP.replace(" complete", "")).contains("pg_dump ended early"));
        // Text in a row is not output of pg_dump itself.
        let rows = DUMP.replace("SELECT 1;", "COPY public.notes (note) FROM stdin;\nx");
        assert!(version_after(&rows).contains("it ends among the rows of `public.notes`"), "{}", version_after(&rows));
        assert!(inspect(&gzip(&rows.replace("\nx\n", "\nx\n\\.\n"))).is_ok());
        assert!(version_after(&format!("{DUMP}CREATE TABLE a();\n")).contains("pg_dump ended early"));
        assert!(version_after(&"x".repeat(1 << 21)).contains("it begins with `xxx"));
        let bomb = format!("{DUMP}{}", " ".repeat(2 << 20));
        assert!(version_after(&bomb).contains("expand to more than 1048576, which no backup does"));
        let whole = gzip(DUMP);
        let cut = inspect(&whole[..whole.len() - 9]).unwrap_err();
        assert!(cut.contains("incomplete deflate stream") || cut.contains("unexpected end of file"), "{cut}");
        let mut flipped = whole.clone();
        let at = flipped.len() - 6;
        flipped[at] ^= 1;
        assert!(inspect(&flipped).unwrap_err().contains("checksum"), "{:?}", inspect(&flipped));
    }
}
