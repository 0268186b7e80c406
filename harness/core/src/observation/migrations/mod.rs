//! Migration output, read as it comes: which migrations ran, how long each took, and which one was running last.
//!
//! The stream is for progress and timing. It is never the proof: a killed migrator leaves an empty log (its standard
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

/// One migration as the stream tells of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Migration {
    /// What the database records of it: `20220714093000`, `ipam.0027_remove_rir_slug`. A migrator may cut a long one.
    pub version: String,
    /// Its name besides: `AddJournalUpdatedOn`; empty where the version says it.
    pub name: String,
    /// How long it took, as the migrator says, or as its output came where it does not say; none while it runs and for
    /// one that never ended.
    pub took: Option<Duration>,
}

impl Migration {
    /// Version and name: `20220714093000 AddJournalUpdatedOn`.
    pub fn title(&self) -> String {
        format!("{} {}", self.version, self.name).trim_end().to_owned()
    }
}

/// What the output told.
#[derive(Debug, Clone, PartialEq)]
pub enum MigrationEvent {
    /// A migration began; also one that is taken back.
    Began(Migration),
    /// A migration ended.
    Ended(Migration),
    /// A migration was taken back.
    Reverted(Migration),
}

/// What a line means, in the words of its format.
#[derive(Debug, Clone, PartialEq)]
enum Sign {
    /// A migration begins. Where the migrator says no end, it is also the end of the one before.
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

/// A line longer than this cannot tell of a migration; what is beyond is thrown away, so that memory stays flat.
const LONGEST_LINE: usize = 4096;

/// No product has so many migrations, there and back: what a migrator tells beyond them is no word of its own.
const MOST: usize = 50_000;

/// A line in the making, and how many of its signs were heeded before it ended.
#[derive(Debug, Clone, Default)]
struct Line {
    bytes: Vec<u8>,
    heeded: usize,
}

/// Reads a migrator's output as it comes.
#[derive(Debug, Clone)]
pub struct MigrationReader {
    format: MigrationFormat,
    out: Line,
    beside: Line,
    ended: Bounded<Migration>,
    running: Option<Turn>,
    recorded: Bounded<()>,
    followed: usize,
}

impl MigrationReader {
    /// A reader that has read nothing.
    pub fn new(format: MigrationFormat) -> Self {
        let (out, beside) = (Line::default(), Line::default());
        let (ended, recorded) = (Bounded::default(), Bounded::default());
        Self { format, out, beside, ended, running: None, recorded, followed: 0 }
    }

    /// Takes a piece of output, cut anywhere; returns what it told. Where a migration is named before its line ends,
    /// that it began is told at once.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<MigrationEvent> {
        let mut line = std::mem::take(&mut self.out);
        let told = self.read(&mut line, bytes);
        self.out = line;
        told
    }

    /// The same for a second stream beside the first, whose lines are its own.
    pub fn take_beside(&mut self, bytes: &[u8]) -> Vec<MigrationEvent> {
        let mut line = std::mem::take(&mut self.beside);
        let told = self.read(&mut line, bytes);
        self.beside = line;
        told
    }

    fn read(&mut self, line: &mut Line, bytes: &[u8]) -> Vec<MigrationEvent> {
        let mut told = Vec::new();
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (text, ended) = match piece {
                [text @ .., b'\n' | b'\r'] => (text, true),
                text => (text, false),
            };
            let room = LONGEST_LINE.saturating_sub(line.bytes.len());
            line.bytes.extend_from_slice(&text[..text.len().min(room)]);
            if room > 0 || ended {
                told.extend(self.heed(line, ended));
            }
            if ended {
                *line = Line::default();
            }
        }
        told
    }

    fn heed(&mut self, line: &mut Line, ended: bool) -> Vec<MigrationEvent> {
        if !ended && !self.format.tells_within_a_line() {
            return Vec::new();
        }
        let text = String::from_utf8_lossy(&line.bytes);
        let text = plain(&text);
        let signs = match self.format {
            MigrationFormat::Rails => rails::signs(&text),
            MigrationFormat::Django => django::signs(&text, ended),
            MigrationFormat::Alembic => alembic::signs(&text),
        };
        let fresh: Vec<Sign> = signs.into_iter().skip(line.heeded).collect();
        line.heeded += fresh.len();
        fresh.into_iter().flat_map(|sign| self.follow(sign)).collect()
    }

    fn follow(&mut self, sign: Sign) -> Vec<MigrationEvent> {
        self.followed += 1;
        if self.followed > 2 * MOST {
            return Vec::new();
        }
        match sign {
            Sign::Begins(turn) => {
                // One that begins again did not end: its migrator was started anew.
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

    /// The output is over. A last line without an end counts; where a migrator says no end of a migration, that it came
    /// to a good end is the end of the last one.
    pub fn finish(&mut self, well: bool) -> Vec<MigrationEvent> {
        let mut told = self.take(b"\n");
        told.extend(self.take_beside(b"\n"));
        if well && !self.format.says_an_end() {
            told.extend(self.follow(Sign::Ends(None)));
        }
        told
    }

    /// The migrations that ended, in order, without those taken back again.
    pub fn ended(&self) -> Vec<&Migration> {
        self.ended.iter().map(|(_, migration)| migration).collect()
    }

    /// The migration that had begun and not ended.
    pub fn running(&self) -> Option<&Migration> {
        self.running.as_ref().map(|turn| &turn.migration)
    }

    /// Whether the one that had begun is being taken back.
    pub fn takes_back(&self) -> bool {
        self.running.as_ref().is_some_and(|turn| turn.back)
    }

    /// What the database has to have recorded by what was told: every migration that ended, or those alone that no
    /// later one builds on, where only these are recorded.
    pub fn recorded(&self) -> Vec<&str> {
        self.recorded.iter().map(|(version, ())| version).collect()
    }

    /// The name in `names` that this version stands for: its own, or the only one that it is cut from.
    pub fn full<'n>(&self, version: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
        let cut = match self.format {
            MigrationFormat::Django => django::CUT_AT.contains(&version.chars().count()),
            MigrationFormat::Rails | MigrationFormat::Alembic => false,
        };
        let like: Vec<&str> =
            names.into_iter().filter(|name| *name == version || (cut && name.starts_with(version))).collect();
        match like.as_slice() {
            [one] => Some(one),
            several => several.iter().find(|name| **name == version).copied(),
        }
    }
}

impl MigrationFormat {
    /// Whether a migration is named long before its line ends.
    fn tells_within_a_line(self) -> bool {
        match self {
            Self::Django => true,
            Self::Rails | Self::Alembic => false,
        }
    }

    /// Whether the next one begins only when the one before has ended well, so that its beginning tells that end too.
    fn runs_one_by_one(self) -> bool {
        match self {
            Self::Django | Self::Alembic => true,
            Self::Rails => false,
        }
    }

    /// Whether the end of a migration is said.
    fn says_an_end(self) -> bool {
        match self {
            Self::Rails | Self::Django => true,
            Self::Alembic => false,
        }
    }
}
