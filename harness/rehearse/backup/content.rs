//! Reads a file of a backup by its format to its end: whether it is what it should be, and what it holds.

use std::io::{self, BufReader, Read};

use flate2::read::MultiGzDecoder;
use rehearse_core::model::product::Format;
use serde::Serialize;
use serde_json::Value;

use super::rows::Rows;
use super::{LARGEST_TEXT, archive, named, strict};

/// Where a dump says what it is.
const BEGINNING: usize = 16 << 10;
/// Where it says that it is whole.
const END: usize = 4 << 10;
const BEGINS: &str = "-- PostgreSQL database dump";
const ENDS: &str = "-- PostgreSQL database dump complete";

/// A file that is what its format says.
#[derive(Debug, Default)]
pub(super) struct Formed {
    /// What it is, for people: to be put behind its size.
    pub(super) note: String,
    /// Why it must not be unpacked all the same.
    pub(super) refused: Vec<String>,
    /// Of an archive: its entries, and those of them that are files.
    pub(super) held: Option<(u64, u64)>,
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
    let Formed { note, refused, .. } = formed(file, size, format, archive::most(size, None))?;
    Ok((note, refused))
}

pub(super) fn formed(file: impl Read, size: u64, format: Format, most: u64) -> io::Result<Formed> {
    let mut file = BufReader::with_capacity(1 << 16, file);
    let note = |note: &str| Formed { note: note.to_owned(), ..Formed::default() };
    match format {
        Format::PgDumpCustom => {
            let mut magic = [0; 5];
            file.read_exact(&mut magic)?;
            if &magic == b"PGDMP" {
                Ok(note(", pg_dump custom format"))
            } else {
                Err(io::Error::other("no pg_dump custom format"))
            }
        }
        Format::PgDumpSqlGzip => sql(MultiGzDecoder::new(file), size, most).map(|dump| {
            let of = |what: &str, version: &Option<String>| {
                version.as_ref().map(|version| format!(", {what} {version}")).unwrap_or_default()
            };
            let (server, client) = (of("PostgreSQL", &dump.server), of("pg_dump", &dump.client));
            let note = format!(", {} bytes of SQL{server}{client}", dump.bytes);
            Formed { note, expanded: Some(dump.bytes), dump: Some(dump), ..Formed::default() }
        }),
        Format::TarGzip => archive::read(MultiGzDecoder::new(file), size, most).map(held),
        Format::Tar => archive::read(file, size, most).map(held),
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
                    return Ok(Formed { blank, ..note(", text") });
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
                return Ok(Formed { blank: true, ..Formed::default() });
            }
            match strict::json(&text)? {
                Value::Object(_) => Ok(note(", JSON")),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                    Err(io::Error::other("JSON without keys"))
                }
            }
        }
        Format::Any => Ok(note("")),
    }
}

fn held(contents: archive::Contents) -> Formed {
    let followed = if contents.followed { ", and bytes after its end that no reader looks at" } else { "" };
    Formed {
        note: format!(", {} entries{followed}", contents.entries),
        refused: contents.refused,
        held: Some((contents.entries, contents.files)),
        expanded: Some(contents.bytes),
        ..Formed::default()
    }
}

/// Reads SQL to its end. That it is a whole stream says nothing of `pg_dump`, which may have ended before its time.
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
        // What cannot be a dump is not read for hours.
        if begins.len() == BEGINNING {
            is_a_dump(&begins)?;
        }
    }
    is_a_dump(&begins)?;
    if let Some(table) = rows.within() {
        let seen = format!("it ends among the rows of {}: pg_dump did not come to its end", named(table));
        return Err(io::Error::other(seen));
    }
    let last = String::from_utf8_lossy(&ends);
    let mut behind = last.rsplit(ENDS).next().filter(|behind| behind.len() < last.len()).map(str::lines);
    // Behind it are comments only, and what newer releases say against tampering.
    let empty = |line: &str| line.is_empty() || line.starts_with("--") || line.starts_with("\\unrestrict ");
    if !behind.as_mut().is_some_and(|lines| lines.all(|line| empty(line.trim_end()))) {
        return Err(io::Error::other(format!("it ends without `{ENDS}`: pg_dump did not come to its end")));
    }
    let text = String::from_utf8_lossy(&begins);
    let said = |before: &str| {
        let version = text.lines().find_map(|line| line.strip_prefix(before))?;
        Some(super::shorten(version.trim()))
    };
    let (server, client) = (said("-- Dumped from database version "), said("-- Dumped by pg_dump version "));
    Ok(Dump { bytes, server, client })
}

fn is_a_dump(begins: &[u8]) -> io::Result<()> {
    if String::from_utf8_lossy(begins).lines().any(|line| line.trim_end() == BEGINS) {
        return Ok(());
    }
    let first = begins.split(|byte| *byte == b'\n').find(|line| !line.is_empty()).unwrap_or_default();
    let first = first.get(..60).unwrap_or(first);
    Err(io::Error::other(format!("no SQL of pg_dump, which says `{BEGINS}`: it begins with {}", named(first))))
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

    fn seen(bytes: &[u8]) -> Result<Dump, String> {
        let formed = formed(bytes, bytes.len() as u64, Format::PgDumpSqlGzip, 1 << 20);
        formed.map(|formed| formed.dump.unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_dump_is_read_to_its_end_and_says_of_what_it_is() {
        let (server, client) = (Some("13.11".to_owned()), Some("13.14".to_owned()));
        assert_eq!(seen(&gzip(DUMP)), Ok(Dump { bytes: DUMP.len() as u64, server, client }));
        // As pg_dump has it since 2025, and one of many pieces.
        let restricted = format!(
            "--\n-- PostgreSQL database dump\n--\n\n\\restrict x\n\n{}\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict x\n\n",
            "INSERT;\n".repeat(50_000)
        );
        assert_eq!(seen(&gzip(&restricted)).unwrap().bytes, restricted.len() as u64);
    }

    #[test]
    fn what_is_no_whole_dump_is_refused() {
        let said = |text: &str| seen(&gzip(text)).unwrap_err();
        assert!(said("").contains("no SQL of pg_dump"));
        assert!(said("CREATE TABLE a;").ends_with("it begins with `CREATE TABLE a;`"));
        assert!(said("\u{1b}[2J").ends_with("it begins with `\\u{1b}[2J`"));
        assert!(said(&DUMP.replace(" complete", "")).contains("pg_dump did not come to its end"));
        // What stands in a row is no word of pg_dump.
        let rows = DUMP.replace("SELECT 1;", "COPY public.notes (note) FROM stdin;\nx");
        assert!(said(&rows).contains("it ends among the rows of `public.notes`"), "{}", said(&rows));
        assert!(seen(&gzip(&rows.replace("\nx\n", "\nx\n\\.\n"))).is_ok());
        assert!(said(&format!("{DUMP}CREATE TABLE a();\n")).contains("pg_dump did not come to its end"));
        assert!(said(&"x".repeat(1 << 21)).contains("it begins with `xxx"));
        let bomb = format!("{DUMP}{}", " ".repeat(2 << 20));
        assert!(said(&bomb).contains("expand to more than 1048576, which no backup does"));
        let whole = gzip(DUMP);
        let cut = seen(&whole[..whole.len() - 9]).unwrap_err();
        assert!(cut.contains("incomplete deflate stream") || cut.contains("unexpected end of file"), "{cut}");
        let mut flipped = whole.clone();
        let at = flipped.len() - 6;
        flipped[at] ^= 1;
        assert!(seen(&flipped).unwrap_err().contains("checksum"), "{:?}", seen(&flipped));
    }
}
