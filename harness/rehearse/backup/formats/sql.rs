//! Dumps of databases as SQL. A complete stream does not prove a complete dump, as the program that made it may have ended
//! early: the mark that it writes last does.

use std::io::{self, Read};

use serde::Serialize;

use super::rows::Rows;
use crate::backup::stream::Limit;
use crate::backup::{named, shorten};

/// The part of a dump that says what it is.
const BEGINNING: usize = 16 << 10;
/// The part that says that it is complete.
const END: usize = 4 << 10;
const PG_BEGINS: &str = "-- PostgreSQL database dump";
const PG_ENDS: &str = "-- PostgreSQL database dump complete";
/// Of `pg_dumpall`, around the dumps of all databases.
const CLUSTER_BEGINS: &str = "-- PostgreSQL database cluster dump";
const CLUSTER_ENDS: &str = "-- PostgreSQL database cluster dump complete";
const MYSQL_BEGINS: [&str; 2] = ["-- MySQL dump ", "-- MariaDB dump "];
const MYSQL_ENDS: &str = "-- Dump completed";
/// Without comments, the last statements give back what the first ones took; `--compact` leaves out both.
const MYSQL_TAKES: [&str; 2] = [" SET @OLD_SQL_NOTES=@@SQL_NOTES", " SET @OLD_NOTE_VERBOSITY=@@NOTE_VERBOSITY"];
const MYSQL_GIVES_BACK: [&str; 2] = [" SET SQL_NOTES=@OLD_SQL_NOTES", " SET NOTE_VERBOSITY=@OLD_NOTE_VERBOSITY"];

/// A dump of a database as SQL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Dump {
    /// Bytes of SQL.
    pub bytes: u64,
    /// The kind of the server: `PostgreSQL`, `MySQL` or `MariaDB`.
    pub kind: &'static str,
    /// The version of the server, as the dump says it.
    pub server: Option<String>,
    /// The program that made it: `pg_dump`, `mysqldump` or `mariadb-dump`.
    pub program: &'static str,
    /// The version of that program.
    pub client: Option<String>,
}

impl Dump {
    /// What says which server and program it is of.
    pub fn versions(&self) -> impl Iterator<Item = String> {
        let of = |what: &str, version: &Option<String>| version.as_ref().map(|version| format!("{what} {version}"));
        [of(self.kind, &self.server), of(self.program, &self.client)].into_iter().flatten()
    }
}

/// Which program makes the dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::backup) enum Dialect {
    /// `pg_dump` and `pg_dumpall`.
    Postgres,
    /// `mysqldump` and `mariadb-dump`.
    MySql,
}

impl Dialect {
    /// The dialect of a dump that begins so, by its first comments.
    pub(super) fn of(begins: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(begins);
        let said = |line: &str| {
            let line = line.trim_end();
            if line == PG_BEGINS || line == CLUSTER_BEGINS {
                Some(Self::Postgres)
            } else if MYSQL_BEGINS.iter().any(|mark| line.starts_with(mark)) {
                Some(Self::MySql)
            } else {
                None
            }
        };
        // Other lines before that would be of another text, which only speaks of a dump.
        let before = |line: &&str| line.trim_end() == "--" || line.is_empty() || line.starts_with("/*");
        text.lines().skip_while(before).take(1).find_map(said)
    }

    /// Fails early if it cannot be a dump, instead of reading for hours.
    fn check_beginning(self, begins: &[u8]) -> io::Result<()> {
        let text = String::from_utf8_lossy(begins);
        let (is_one, expected) = match self {
            Self::Postgres => {
                let mark = |line: &str| line.trim_end() == PG_BEGINS;
                (text.lines().any(mark), format!("SQL of pg_dump, which contains `{PG_BEGINS}`"))
            }
            Self::MySql => {
                let is_one = has_comments(&text) || text.lines().any(|line| is_any(line, &MYSQL_TAKES));
                (
                    is_one,
                    "SQL of mysqldump or mariadb-dump with a mark at its end, which --compact leaves out".to_owned(),
                )
            }
        };
        if is_one {
            return Ok(());
        }
        let first = begins.split(|byte| *byte == b'\n').find(|line| !line.is_empty()).unwrap_or_default();
        let first = named(first.get(..60).unwrap_or(first));
        Err(io::Error::other(format!("it is not {expected}: it begins with {first}")))
    }

    /// Whether the last lines are those of a complete dump.
    fn check_end(self, begins: &str, ends: &str) -> io::Result<()> {
        let early = |mark: &str, program: &str| {
            Err(io::Error::other(format!("it ends without `{mark}`: {program} ended early, or something follows")))
        };
        match self {
            Self::Postgres => {
                let cluster = begins.lines().any(|line| line.trim_end() == CLUSTER_BEGINS);
                let mark = if cluster { CLUSTER_ENDS } else { PG_ENDS };
                let mut behind = ends.rsplit(mark).next().filter(|behind| behind.len() < ends.len()).map(str::lines);
                // Only comments follow, and in newer releases a line against tampering.
                let empty = |line: &str| line.is_empty() || line.starts_with("--") || line.starts_with("\\unrestrict ");
                let ended = behind.as_mut().is_some_and(|lines| lines.all(|line| empty(line.trim_end())));
                if ended { Ok(()) } else { early(mark, "pg_dump") }
            }
            Self::MySql => {
                // A row is one line: its line breaks are escaped, so that no row looks like that.
                let last = ends.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
                if has_comments(begins) {
                    if last.starts_with(MYSQL_ENDS) { Ok(()) } else { early(MYSQL_ENDS, "mysqldump") }
                } else if is_any(last, &MYSQL_GIVES_BACK) {
                    Ok(())
                } else {
                    early("SET SQL_NOTES=@OLD_SQL_NOTES", "mysqldump")
                }
            }
        }
    }

    fn dump(self, begins: &str, bytes: u64) -> Dump {
        let after = |before: &str| {
            let rest = begins.lines().find_map(|line| line.strip_prefix(before))?;
            Some(shorten(rest.trim()))
        };
        match self {
            Self::Postgres => Dump {
                bytes,
                kind: "PostgreSQL",
                server: after("-- Dumped from database version "),
                program: "pg_dump",
                client: after("-- Dumped by pg_dump version "),
            },
            Self::MySql => {
                let server = after("-- Server version");
                let of_mariadb = server.as_ref().is_some_and(|version| version.contains("MariaDB"));
                let [mysql, mariadb] = MYSQL_BEGINS.map(after);
                let program = if mariadb.is_some() { "mariadb-dump" } else { "mysqldump" };
                let client = mariadb.or(mysql).and_then(|rest| rest.split_whitespace().next().map(str::to_owned));
                Dump { bytes, kind: if of_mariadb { "MariaDB" } else { "MySQL" }, server, program, client }
            }
        }
    }
}

fn has_comments(begins: &str) -> bool {
    begins.lines().any(|line| MYSQL_BEGINS.iter().any(|mark| line.starts_with(mark)))
}

fn is_any(line: &str, marks: &[&str]) -> bool {
    line.starts_with("/*") && marks.iter().any(|mark| line.contains(mark))
}

/// Reads SQL to its end.
pub(in crate::backup) fn read(mut stream: impl Read, dialect: Dialect, limit: Limit) -> io::Result<Dump> {
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
        limit.check(bytes)?;
        let piece = &buffer[..read];
        match dialect {
            Dialect::Postgres => rows.see(piece),
            // It has no rows outside of statements.
            Dialect::MySql => {}
        }
        begins.extend_from_slice(&piece[..read.min(BEGINNING - begins.len())]);
        ends.extend_from_slice(&piece[read.saturating_sub(END)..]);
        ends.drain(..ends.len().saturating_sub(END));
        if begins.len() == BEGINNING {
            dialect.check_beginning(&begins)?;
        }
    }
    dialect.check_beginning(&begins)?;
    if let Some(table) = rows.within() {
        let inspect = format!("it ends among the rows of {}: pg_dump ended early", named(table));
        return Err(io::Error::other(inspect));
    }
    let begins = String::from_utf8_lossy(&begins);
    dialect.check_end(&begins, &String::from_utf8_lossy(&ends))?;
    Ok(dialect.dump(&begins, bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use rehearse_core::model::product::Format;

    use super::*;
    use crate::backup::content::read_content;

    const DUMP: &str = "--\n-- PostgreSQL database dump\n--\n\n-- Dumped from database version 13.11\n-- Dumped by pg_dump version 13.14\n\nSELECT 1;\n\n--\n-- PostgreSQL database dump complete\n--\n\n";

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn inspect(bytes: &[u8]) -> Result<Dump, String> {
        let (format, size) = (Format::PgDumpSqlGzip, bytes.len() as u64);
        let read = read_content(bytes, ("dump.sql.gz", size), format, 1 << 20);
        read.map(|read| read.dump.unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_dump_is_read_to_its_end_with_its_versions() {
        let (server, client) = (Some("13.11".to_owned()), Some("13.14".to_owned()));
        assert_eq!(
            inspect(&gzip(DUMP)),
            Ok(Dump { bytes: DUMP.len() as u64, kind: "PostgreSQL", server, program: "pg_dump", client })
        );
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
