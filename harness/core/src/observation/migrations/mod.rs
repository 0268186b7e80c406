//! Reads the output of migrators as it arrives: which migrations ran, how long each took, and which one was running last.
//!
//! The output serves for progress and timing. It is never the proof: a killed migrator leaves an empty log (its standard
//! output is buffered) while its migrations are recorded in the database.

mod alembic;
mod bounded;
mod django;
mod rails;
#[cfg(test)]
mod tests;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::bounded::Bounded;
use crate::text::plain;

/// The format a migrator writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MigrationFormat {
    /// Ruby on Rails: `== 20220714093000 AddJournalUpdatedOn: migrating ====`.
    Rails,
    /// Django: `  Applying ipam.0027_remove_rir_slug... OK`.
    Django,
    /// Alembic: `INFO  [alembic.runtime.migration] Running upgrade 1975ea83b712 -> ae1027a6acf, Add a column`.
    Alembic,
}

/// One migration as the output reports it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Migration {
    /// What the database records of it: `20220714093000`, `ipam.0027_remove_rir_slug`. A migrator may cut a long one.
    pub version: String,
    /// Its name: `AddJournalUpdatedOn`; empty if the version contains it.
    pub name: String,
    /// How long it took, as the migrator states, or else as its output arrived; none while it runs and if it never ended.
    pub took: Option<Duration>,
}

impl Migration {
    /// Version and name: `20220714093000 AddJournalUpdatedOn`.
    pub fn title(&self) -> String {
        format!("{} {}", self.version, self.name).trim_end().to_owned()
    }
}

/// An event that the output reports.
#[derive(Debug, Clone, PartialEq)]
pub enum MigrationEvent {
    /// A migration began, or its reversal.
    Began(Migration),
    /// A migration ended.
    Ended(Migration),
    /// A migration was reverted.
    Reverted(Migration),
}

/// What a line of a format means.
#[derive(Debug, Clone, PartialEq)]
enum Sign {
    /// A migration begins. If the migrator does not report ends, it is also the end of the one before.
    Begins(Turn),
    /// The running migration ended.
    Ends(Option<Duration>),
    /// The named migration ended, whatever began.
    EndsAs(Turn),
}

/// A migration and what its end changes of what the database has recorded.
#[derive(Debug, Clone, PartialEq)]
struct Turn {
    migration: Migration,
    back: bool,
    unrecords: Vec<String>,
    records: Vec<String>,
}

impl Turn {
    fn new(version: &str, name: &str, back: bool) -> Self {
        let own = vec![version.to_owned()];
        let (unrecords, records) = if back { (own, Vec::new()) } else { (Vec::new(), own) };
        let migration = Migration { version: version.to_owned(), name: name.to_owned(), took: None };
        Self { migration, back, unrecords, records }
    }
}

/// A longer line cannot report a migration; the rest of it is dropped, so that memory stays flat.
const LONGEST_LINE: usize = 4096;

/// No product has this many migrations: further output cannot be that of a migrator, and is ignored.
const MOST: usize = 50_000;

/// An incomplete line, and how many of its signs were handled before it ended.
#[derive(Debug, Clone, Default)]
struct Line {
    bytes: Vec<u8>,
    handled: usize,
}

/// Reads a migrator's output as it comes.
#[derive(Debug, Clone)]
pub struct MigrationReader {
    format: MigrationFormat,
    out: Line,
    err: Line,
    ended: Bounded<Migration>,
    running: Option<Turn>,
    recorded: Bounded<()>,
    followed: usize,
}

impl MigrationReader {
    /// A reader that has read nothing.
    pub fn new(format: MigrationFormat) -> Self {
        let (out, err) = (Line::default(), Line::default());
        let (ended, recorded) = (Bounded::default(), Bounded::default());
        Self { format, out, err, ended, running: None, recorded, followed: 0 }
    }

    /// Takes a piece of output, which may be cut anywhere; returns its events. If a migration is named before its line ends,
    /// its beginning is reported at once.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<MigrationEvent> {
        let mut line = std::mem::take(&mut self.out);
        let events = self.read(&mut line, bytes);
        self.out = line;
        events
    }

    /// The same for a second stream, standard error, which has lines of its own.
    pub fn take_err(&mut self, bytes: &[u8]) -> Vec<MigrationEvent> {
        let mut line = std::mem::take(&mut self.err);
        let events = self.read(&mut line, bytes);
        self.err = line;
        events
    }

    fn read(&mut self, line: &mut Line, bytes: &[u8]) -> Vec<MigrationEvent> {
        let mut events = Vec::new();
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (text, ended) = match piece {
                [text @ .., b'\n' | b'\r'] => (text, true),
                text => (text, false),
            };
            let room = LONGEST_LINE.saturating_sub(line.bytes.len());
            line.bytes.extend_from_slice(&text[..text.len().min(room)]);
            if room > 0 || ended {
                events.extend(self.handle(line, ended));
            }
            if ended {
                *line = Line::default();
            }
        }
        events
    }

    fn handle(&mut self, line: &mut Line, ended: bool) -> Vec<MigrationEvent> {
        if !ended && !self.format.reports_within_a_line() {
            return Vec::new();
        }
        let text = String::from_utf8_lossy(&line.bytes);
        let text = plain(&text);
        let signs = match self.format {
            MigrationFormat::Rails => rails::signs(&text),
            MigrationFormat::Django => django::signs(&text, ended),
            MigrationFormat::Alembic => alembic::signs(&text),
        };
        let new: Vec<Sign> = signs.into_iter().skip(line.handled).collect();
        line.handled += new.len();
        new.into_iter().flat_map(|sign| self.follow(sign)).collect()
    }

    fn follow(&mut self, sign: Sign) -> Vec<MigrationEvent> {
        self.followed += 1;
        if self.followed > 2 * MOST {
            return Vec::new();
        }
        match sign {
            Sign::Begins(turn) => {
                // A migration that begins again did not end: its migrator was started again.
                let again = |last: &Turn| last.migration.version == turn.migration.version && last.back == turn.back;
                let last = self.running.take().filter(|last| self.format.runs_one_by_one() && !again(last));
                let last = last.map(|last| self.end(last));
                let began = MigrationEvent::Began(turn.migration.clone());
                self.running = Some(turn);
                last.into_iter().chain([began]).collect()
            }
            Sign::Ends(took) => {
                let ended = self.running.take().map(|mut turn| {
                    turn.migration.took = took;
                    self.end(turn)
                });
                ended.into_iter().collect()
            }
            Sign::EndsAs(turn) => {
                self.running = None;
                vec![self.end(turn)]
            }
        }
    }

    fn end(&mut self, turn: Turn) -> MigrationEvent {
        turn.unrecords.iter().for_each(|version| self.recorded.remove(version));
        turn.records.into_iter().for_each(|version| self.recorded.push(version, ()));
        if turn.back {
            self.ended.remove(&turn.migration.version);
            return MigrationEvent::Reverted(turn.migration);
        }
        self.ended.push(turn.migration.version.clone(), turn.migration.clone());
        MigrationEvent::Ended(turn.migration)
    }

    /// Ends the output. A last line without a line end counts. If the migrator does not report ends, its own success is the
    /// end of the last migration.
    pub fn finish(&mut self, succeeded: bool) -> Vec<MigrationEvent> {
        let mut events = self.take(b"\n");
        events.extend(self.take_err(b"\n"));
        if succeeded && !self.format.reports_ends() {
            events.extend(self.follow(Sign::Ends(None)));
        }
        events
    }

    /// The migrations that ended, in order, without those that were reverted.
    pub fn ended(&self) -> Vec<&Migration> {
        self.ended.iter().map(|(_, migration)| migration).collect()
    }

    /// The migration that began and has not ended.
    pub fn running(&self) -> Option<&Migration> {
        self.running.as_ref().map(|turn| &turn.migration)
    }

    /// Whether the running migration is being reverted.
    pub fn takes_back(&self) -> bool {
        self.running.as_ref().is_some_and(|turn| turn.back)
    }

    /// What the database must have recorded according to the output: every migration that ended, or only those that no later
    /// one builds on, if only these are recorded.
    pub fn recorded(&self) -> Vec<&str> {
        self.recorded.iter().map(|(version, ())| version).collect()
    }

    /// The name in `names` that this version stands for: the same, or the only one of which it is a shortened form.
    pub fn full<'n>(&self, version: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
        let cut = match self.format {
            MigrationFormat::Django => django::CUT_AT.contains(&version.chars().count()),
            MigrationFormat::Rails | MigrationFormat::Alembic => false,
        };
        let like: Vec<&str> =
            names.into_iter().filter(|name| *name == version || (cut && name.starts_with(version))).collect();
        match like.as_slice() {
            [name] => Some(name),
            several => several.iter().find(|name| **name == version).copied(),
        }
    }
}

impl MigrationFormat {
    /// Whether a migration is named long before its line ends.
    fn reports_within_a_line(self) -> bool {
        match self {
            Self::Django => true,
            Self::Rails | Self::Alembic => false,
        }
    }

    /// Whether a migration begins only after the one before succeeded, so that its beginning also reports that end.
    fn runs_one_by_one(self) -> bool {
        match self {
            Self::Django | Self::Alembic => true,
            Self::Rails => false,
        }
    }

    /// Whether the output reports the end of a migration.
    fn reports_ends(self) -> bool {
        match self {
            Self::Rails | Self::Django => true,
            Self::Alembic => false,
        }
    }
}
