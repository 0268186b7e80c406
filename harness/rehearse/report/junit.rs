//! `junit.xml`: one suite per scenario, one case per stage and per check, under names that stay the same from run to
//! run.
//!
//! The file is rewritten whole as stages begin and end, so that a job that is killed leaves one. GitLab shows only the
//! content of an element, takes the attribute `type` for a cast when it is a word of Rails, and follows only the first
//! attachment of a case; Jenkins refuses a file for one forbidden character. What is written here heeds all of them.
//!
//! However many cases there are: each is made as it is written and forgotten then, and where all of them would be more
//! than a file takes, what each may say is decided before (`room`).

mod cases;
mod names;
mod room;
mod said;
mod tangle;
#[cfg(test)]
mod tests;
mod xml;

use std::io;
use std::path::{Path, PathBuf};

use junit_report::OffsetDateTime;
use rehearse_core::outcome::event::{Event, EventKind, ReportError, Reporter};
use rehearse_core::outcome::summary::Summary;

use self::cases::{Case, Cases, Kind, Stopped, Telling};
use self::names::Names;
use self::room::{Room, Sizes};
use self::xml::{Frame, Total};
use super::files::{lost, write_atomically};
use super::text::attribute;

/// What the texts of one case take at most: half for what went wrong, half for its output.
const CASE: usize = 64 << 10;
/// What one file takes at most; GitLab refuses more than 30 MB.
const FILE: usize = 20 << 20;
/// What an attribute takes at most, in characters.
const ATTRIBUTE: usize = 500;
/// A larger file is written anew only once it tells of an eighth more checks, and at the end: written with each stage it
/// would cost the more the more stages there are.
const LARGE: usize = 1 << 20;

/// Writes `junit.xml` of one rehearsal.
#[derive(Debug)]
pub struct Junit {
    path: PathBuf,
    prefix: String,
    /// The bytes that were written last, and the checks they tell of.
    last: (usize, usize),
}

impl Junit {
    /// Writes to `path`. `prefix` leads from the project's folder to the output folder: evidence is named by it.
    pub fn new(path: &Path, prefix: impl Into<String>) -> Self {
        Self { path: path.to_owned(), prefix: prefix.into(), last: (0, 0) }
    }
}

impl Reporter for Junit {
    fn report(&mut self, event: &Event, summary: &Summary) -> Result<(), ReportError> {
        let ((bytes, told), checks) = (self.last, summary.checks());
        let due = match event.kind {
            EventKind::RunStarted(_) | EventKind::RunFinished => true,
            // While a stage runs the file says that the run has not ended, so this is the moment that may grow old.
            EventKind::StageStarted { .. } => bytes <= LARGE || checks > told + told / 8,
            EventKind::StageFinished { .. } => bytes <= LARGE,
            // A stage that is skipped is followed by one that begins, or by the end.
            EventKind::StageSkipped { .. }
            | EventKind::Progress { .. }
            | EventKind::Noted { .. }
            | EventKind::Migrated { .. }
            | EventKind::Checked { .. }
            | EventKind::Interfered { .. }
            | EventKind::LeftBehind { .. } => false,
        };
        if due {
            let xml = content([(summary, self.prefix.as_str())]).map_err(|source| lost(&self.path, source))?;
            write_atomically(&self.path, &xml)?;
            self.last = (xml.len(), checks);
        }
        Ok(())
    }
}

/// Writes several rehearsals into one file, each with the prefix of its evidence.
///
/// # Errors
/// When the file cannot be written.
pub fn write_all<'a>(path: &Path, runs: impl IntoIterator<Item = (&'a Summary, &'a str)>) -> Result<(), ReportError> {
    let xml = content(runs).map_err(|source| lost(path, source))?;
    write_atomically(path, &xml)
}

/// What a file says of several rehearsals, each with the prefix of its evidence.
///
/// # Errors
/// When the library that writes XML fails.
pub fn content<'a>(runs: impl IntoIterator<Item = (&'a Summary, &'a str)>) -> io::Result<Vec<u8>> {
    let mut names = Names::default();
    let suite = |(summary, prefix)| Suite::new(summary, prefix, &mut names);
    let suites: Vec<Suite<'_>> = runs.into_iter().filter_map(suite).collect();
    fit(&suites, FILE)
}

/// The suites in a file of at most `most` bytes: when there is too much to say, every case says less.
fn fit(suites: &[Suite<'_>], most: usize) -> io::Result<Vec<u8>> {
    let written = match write(suites, &mut Room::whole(), most, 0) {
        Err(Stopped::Full) => {
            let mut sizes = Sizes::default();
            for suite in suites {
                suite.each(&mut |case, name| {
                    sizes.add(case, xml::case(case, &suite.class(), name, None)?.len());
                    Ok(())
                })?;
            }
            let heads: io::Result<Vec<usize>> = suites.iter().map(|suite| Ok(Frame::of(suite)?.most())).collect();
            let mut room = sizes.room(most.saturating_sub(heads?.iter().sum()));
            let expected = sizes.at(&room).min(most);
            write(suites, &mut room, usize::MAX, expected)
        }
        written @ (Ok(_) | Err(Stopped::Lost(_))) => written,
    };
    Ok(written?)
}

/// The suites in a file, in so far as there is room; stopped where it has more than `most` bytes all the same.
fn write(suites: &[Suite<'_>], room: &mut Room, most: usize, expected: usize) -> Result<Vec<u8>, Stopped> {
    let mut file = Vec::with_capacity(expected);
    file.extend_from_slice(&xml::beginning()?);
    for (number, suite) in suites.iter().enumerate() {
        let (began, mut total, class) = (file.len(), Total::default(), suite.class());
        suite.each(&mut |case, name| {
            let xml = xml::case(case, &class, name, room.limit(case))?;
            if room.takes(case, xml.len()) {
                total.add(case);
                file.extend_from_slice(&xml);
            }
            if file.len() > most { Err(Stopped::Full) } else { Ok(()) }
        })?;
        if let Some(case) = room.left_out().filter(|_| number + 1 == suites.len()) {
            total.add(&case);
            file.extend_from_slice(&xml::case(&case, &class, &case.name, Some(CASE / 2))?);
        }
        // How many there are stands before them.
        file.splice(began..began, Frame::of(suite)?.head(number, &total));
        file.extend_from_slice(xml::END_OF_SUITE);
    }
    file.extend_from_slice(xml::END);
    if file.len() > most { Err(Stopped::Full) } else { Ok(file) }
}

struct Suite<'a> {
    name: String,
    began: OffsetDateTime,
    cases: Box<dyn Cases + 'a>,
}

impl<'a> Suite<'a> {
    fn new(summary: &'a Summary, prefix: &'a str, names: &mut Names) -> Option<Self> {
        let run = summary.run()?;
        let began = i64::try_from(run.unix).ok().and_then(|unix| OffsetDateTime::from_unix_timestamp(unix).ok());
        Some(Self {
            name: names.unique(shortened(&run.plan.scenario)),
            began: began.unwrap_or(OffsetDateTime::UNIX_EPOCH),
            cases: Box::new(Telling::new(summary, prefix)),
        })
    }

    fn class(&self) -> String {
        format!("rehearse.{}", self.name)
    }

    /// Every case with the name that it alone has.
    fn each(&self, take: &mut dyn FnMut(&Case, &str) -> Result<(), Stopped>) -> Result<(), Stopped> {
        let mut names = Names::default();
        self.cases.each(&mut |case| take(case, &names.unique(shortened(&case.name))))
    }
}

fn shortened(name: &str) -> String {
    attribute(name).chars().take(ATTRIBUTE).collect()
}

impl Kind {
    /// Never a word that Rails casts (`integer`, `array`, `yaml`, `symbol`, …): GitLab's parser obeys those.
    fn name(self) -> &'static str {
        match self {
            Self::Failed => "rehearse::failed",
            Self::Consequence => "rehearse::consequence",
            Self::Inconclusive => "rehearse::inconclusive",
            Self::Cancelled => "rehearse::cancelled",
            Self::Skipped => "rehearse::skipped",
            Self::NotReached => "rehearse::not-reached",
            Self::Unfinished => "rehearse::unfinished",
            Self::Leftover => "rehearse::leftover",
            Self::Unexpected => "rehearse::unexpected",
            Self::LeftOut => "rehearse::left-out",
        }
    }
}
