//! `junit.xml`: one suite per scenario, one case per stage and per check, under names that stay the same from run to
//! run.
//!
//! The file is rewritten whole as stages begin and end, so that a job that is killed leaves one. GitLab shows only the
//! content of an element, takes the attribute `type` for a cast when it is a word of Rails, and follows only the first
//! attachment of a case; Jenkins refuses a file for one forbidden character. What is written here suits all of them.
//!
//! A file takes a limited number of cases, the red ones first; what is left out is counted in a case of its own
//! (`budget`). A case that is left out is never built.

mod budget;
mod cases;
mod cause_index;
mod names;
#[cfg(test)]
mod tests;
mod wording;
mod xml;

use std::io;
use std::path::{Path, PathBuf};

use junit_report::{OffsetDateTime, Report, TestSuite};
use rehearse_core::outcome::event::{Event, EventKind};
use rehearse_core::outcome::reporter::{ReportError, Reporter};
use rehearse_core::outcome::summary::Summary;

use self::budget::{CASE, LeftOut, SizeBudget};
use self::cases::{CaseBuilder, Cases, Kind};
use self::names::Names;
use super::files::{unwritable, write_atomically};
use super::text::attribute;

/// The most bytes that an attribute takes as it is written.
const ATTRIBUTE: usize = 400;
/// With more checks than this, the file is written again only when an eighth more of them have been added, and at the
/// end: to write it with every stage would cost time by the square of the stages.
const MANY: usize = 2000;

/// Writes `junit.xml` of one rehearsal.
#[derive(Debug)]
pub struct Junit {
    path: PathBuf,
    prefix: String,
    /// How many checks there were when it was last written.
    written: usize,
}

impl Junit {
    /// Writes to `path`. `prefix` is the path from the project's folder to the output folder, and begins the path of
    /// every piece of evidence.
    pub fn new(path: &Path, prefix: impl Into<String>) -> Self {
        Self { path: path.to_owned(), prefix: prefix.into(), written: 0 }
    }
}

impl Reporter for Junit {
    fn report(&mut self, event: &Event, summary: &Summary) -> Result<(), ReportError> {
        let (written, checks) = (self.written, summary.checks());
        let due = match event.kind {
            EventKind::RunStarted(_) | EventKind::RunFinished => true,
            // While a stage runs, the file says that the run has not ended, so it may be somewhat old here.
            EventKind::StageStarted { .. } => checks <= MANY || checks > written + written / 8,
            EventKind::StageFinished { .. } => checks <= MANY,
            // Another stage that begins, or the end, follows a stage that is skipped.
            EventKind::StageSkipped { .. }
            | EventKind::Progress { .. }
            | EventKind::StepFinished { .. }
            | EventKind::Noted { .. }
            | EventKind::Migrated { .. }
            | EventKind::Checked { .. }
            | EventKind::Interfered { .. }
            | EventKind::LeftBehind { .. } => false,
        };
        if due {
            write_all(&self.path, [(summary, self.prefix.as_str())])?;
            self.written = checks;
        }
        Ok(())
    }
}

/// Writes several rehearsals into one file, each with the prefix of its evidence.
///
/// # Errors
/// When the file cannot be written.
pub fn write_all<'a>(path: &Path, runs: impl IntoIterator<Item = (&'a Summary, &'a str)>) -> Result<(), ReportError> {
    let report = report(&suites(runs));
    write_atomically(path, |file| xml::write(&report, file)).map_err(|source| unwritable(path, source))
}

/// The content of a file about several rehearsals, each with the prefix of its evidence.
///
/// # Errors
/// When the library that writes XML fails.
pub fn content<'a>(runs: impl IntoIterator<Item = (&'a Summary, &'a str)>) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    xml::write(&report(&suites(runs)), &mut content)?;
    Ok(content)
}

fn suites<'a>(runs: impl IntoIterator<Item = (&'a Summary, &'a str)>) -> Vec<Suite<'a>> {
    let mut names = Names::default();
    runs.into_iter().filter_map(|(summary, prefix)| Suite::new(summary, prefix, &mut names)).collect()
}

/// The suites, each with as many of its cases as fit into the file.
fn report(suites: &[Suite<'_>]) -> Report {
    let (mut red, mut green) = (0, 0);
    for suite in suites {
        suite.cases.each(&mut |result, _| if result.is_red() { red += 1 } else { green += 1 });
    }
    let mut budget = SizeBudget::new(red, green);
    let mut report = Report::new();
    for suite in suites {
        report.add_testsuite(suite.within(&mut budget));
    }
    report
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
            cases: Box::new(CaseBuilder::new(summary, prefix)),
        })
    }

    fn within(&self, budget: &mut SizeBudget) -> TestSuite {
        let mut suite = TestSuite::new(&self.name);
        "rehearse".clone_into(&mut suite.package);
        suite.set_timestamp(self.began);
        let class = format!("rehearse.{}", self.name);
        // GitLab drops the second case of a name silently.
        let (mut names, mut left_out) = (Names::default(), LeftOut::default());
        self.cases.each(&mut |result, case| match budget.take(result) {
            Some(limit) => {
                let case = case();
                suite.add_testcase(xml::case(&case, &class, &names.unique(shortened(&case.name)), limit));
            }
            None => left_out.count(result),
        });
        if let Some(case) = left_out.case() {
            suite.add_testcase(xml::case(&case, &class, &names.unique(case.name.clone()), CASE));
        }
        suite
    }
}

fn shortened(name: &str) -> String {
    let mut left = ATTRIBUTE;
    let fits = |c: &char| {
        let written = if matches!(c, '<' | '>' | '&' | '"' | '\'') { "&quot;".len() } else { c.len_utf8() };
        left.checked_sub(written).map(|rest| left = rest).is_some()
    };
    attribute(name).chars().take_while(fits).collect()
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
