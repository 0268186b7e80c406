//! Migration output, read as it comes: which migrations ran, how long each took, and which one was running last.
//!
//! The stream is for progress and timing. It is never the proof: a killed migrator leaves an empty log (its standard
//! output is buffered) while its migrations are recorded in the database.

use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The format a migrator writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MigrationFormat {
    /// Ruby on Rails: `== 20220714093000 AddJournalUpdatedOn: migrating ====`.
    Rails,
}

/// One migration as the stream tells of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Migration {
    /// Its version: `20220714093000`.
    pub version: String,
    /// Its name: `AddJournalUpdatedOn`.
    pub name: String,
    /// How long it took, as the migrator says; none while it runs and for one that never ended.
    pub took: Option<Duration>,
}

/// What a line meant.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// A migration began.
    Began(Migration),
    /// A migration ended.
    Ended(Migration),
}

/// Reads a migrator's output line by line.
#[derive(Debug)]
pub struct MigrationReader {
    format: MigrationFormat,
    ended: Vec<Migration>,
    running: Option<Migration>,
    rest: Vec<u8>,
}

/// A line longer than this cannot tell of a migration; what is beyond is thrown away, so that memory stays flat.
const LONGEST_LINE: usize = 4096;

static RAILS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^== +(?:\[[^\]]*\] +)?(?:(\w+): )?(\d+) (\S+): (migrating|migrated(?: \(([0-9.]+)s\))?)(?:[ =]|$)")
        .ok()
});

impl MigrationReader {
    /// A reader that has read nothing.
    pub fn new(format: MigrationFormat) -> Self {
        Self { format, ended: Vec::new(), running: None, rest: Vec::new() }
    }

    /// Takes a piece of output, cut anywhere; returns what its complete lines told.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Told> {
        let mut told = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (line, complete) = match piece.strip_suffix(b"\n") {
                Some(line) => (line, true),
                None => (piece, false),
            };
            let room = LONGEST_LINE.saturating_sub(self.rest.len());
            self.rest.extend_from_slice(&line[..line.len().min(room)]);
            if complete {
                let text = std::mem::take(&mut self.rest);
                told.extend(self.line(&String::from_utf8_lossy(&text)));
            }
        }
        told
    }

    fn line(&mut self, line: &str) -> Option<Told> {
        let MigrationFormat::Rails = self.format;
        let found = RAILS.as_ref()?.captures(line.trim_end_matches('\r'))?;
        let migration = Migration {
            version: found[2].to_owned(),
            name: found[3].to_owned(),
            took: found
                .get(5)
                .and_then(|text| text.as_str().parse().ok())
                .and_then(|s| Duration::try_from_secs_f64(s).ok()),
        };
        if found[4].starts_with("migrated") {
            self.running = None;
            self.ended.push(migration.clone());
            Some(Told::Ended(migration))
        } else {
            self.running = Some(migration.clone());
            Some(Told::Began(migration))
        }
    }

    /// The migrations that ended, in order.
    pub fn ended(&self) -> &[Migration] {
        &self.ended
    }

    /// The migration that had begun and not ended.
    pub fn running(&self) -> Option<&Migration> {
        self.running.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> MigrationReader {
        let mut reader = MigrationReader::new(MigrationFormat::Rails);
        // Cut in odd places: chunks from a container end anywhere.
        for chunk in text.as_bytes().chunks(7) {
            reader.take(chunk);
        }
        reader
    }

    #[test]
    fn a_fresh_redmine_runs_301_migrations() {
        let reader = read(include_str!("../tests/data/fresh-migrate-5.0.4.log"));
        assert_eq!(reader.ended().len(), 301);
        assert!(reader.running().is_none());
    }

    #[test]
    fn a_long_name_without_closing_signs_is_still_read() {
        let reader = read(include_str!("../tests/data/migrate-5.0.4-to-6.0.5.log"));
        assert_eq!(reader.ended().len(), 16);
        assert!(reader.ended().iter().any(|m| m.name == "DeleteOrphanedQueryAndRoleFromQueriesRoles"));
        assert!(reader.ended().iter().all(|m| m.took.is_some()));
        assert_eq!(read(include_str!("../tests/data/migrate-6.0.5-to-6.1.5.log")).ended().len(), 5);
    }

    #[test]
    fn the_migration_that_failed_is_the_one_still_running() {
        for (log, version) in [
            (include_str!("../tests/data/fail-dup-identifier.log"), "20241213003659"),
            (include_str!("../tests/data/fail-dup-column.log"), "20230818020734"),
            (include_str!("../tests/data/dirty-migrate-6.1.log"), "20250423065135"),
        ] {
            assert_eq!(read(log).running().map(|m| m.version.as_str()), Some(version));
        }
    }

    #[test]
    fn a_database_prefix_is_no_part_of_the_version() {
        let reader = read("== main: 20240101000000 AddThing: migrating ===\n");
        assert_eq!(reader.running().map(|m| m.version.as_str()), Some("20240101000000"));
        let reader =
            read("== 20240101000000 AddThing: migrated (0.0100s) \nmain: == [advisory_lock_connection] object_id: 1\n");
        assert_eq!(reader.ended().len(), 1);
    }

    #[test]
    fn an_endless_line_takes_no_memory() {
        let mut reader = MigrationReader::new(MigrationFormat::Rails);
        for _ in 0..100 {
            reader.take(&[b'='; 100_000]);
        }
        assert!(reader.rest.len() <= LONGEST_LINE);
    }
}
