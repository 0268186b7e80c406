//! `junit.xml`: one suite per scenario, one case per stage and per check, under names that stay the same from run to
//! run.
//!
//! The file is rewritten whole as stages begin and end, so that a job that is killed leaves one. GitLab shows only the
//! content of an element, takes the attribute `type` for a cast when it is a word of Rails, and follows only the first
//! attachment of a case; Jenkins refuses a file for one forbidden character. What is written here heeds all of them.

mod cases;

use std::path::{Path, PathBuf};

use junit_report::{OffsetDateTime, Report, TestCase, TestResult, TestSuite};
use rehearse_core::event::{Event, EventKind, ReportError, Reporter};
use rehearse_core::summary::Summary;

use self::cases::{Came, Case, Kind};
use super::files::{lost, write_atomically};
use super::text::{attribute, cdata, head_and_tail};

/// What the texts of one case take at most: half for what went wrong, half for its output.
const CASE: usize = 64 << 10;
/// What one file takes at most; GitLab refuses more than 30 MB.
const FILE: usize = 20 << 20;
/// What an attribute takes at most, in characters.
const ATTRIBUTE: usize = 500;

/// Writes `junit.xml` of one rehearsal.
#[derive(Debug)]
pub struct Junit {
    path: PathBuf,
    prefix: String,
}

impl Junit {
    /// Writes to `path`. `prefix` leads from the project's folder to the output folder: evidence is named by it.
    pub fn new(path: &Path, prefix: impl Into<String>) -> Self {
        Self { path: path.to_owned(), prefix: prefix.into() }
    }
}

impl Reporter for Junit {
    fn report(&mut self, event: &Event, summary: &Summary) -> Result<(), ReportError> {
        match event.kind {
            EventKind::RunStarted(_)
            | EventKind::StageStarted { .. }
            | EventKind::StageFinished { .. }
            | EventKind::RunFinished => write_all(&self.path, [(summary, self.prefix.as_str())]),
            // A stage that is skipped is followed by one that begins, or by the end.
            EventKind::StageSkipped { .. }
            | EventKind::Progress { .. }
            | EventKind::Noted { .. }
            | EventKind::Migrated { .. }
            | EventKind::Checked { .. }
            | EventKind::Disturbed { .. }
            | EventKind::LeftBehind { .. } => Ok(()),
        }
    }
}

/// Writes several rehearsals into one file, each with the prefix of its evidence.
///
/// # Errors
/// When the file cannot be written.
pub fn write_all<'a>(path: &Path, runs: impl IntoIterator<Item = (&'a Summary, &'a str)>) -> Result<(), ReportError> {
    let mut suites = Vec::<Suite>::new();
    for (summary, prefix) in runs {
        if let Some(suite) = Suite::new(summary, prefix) {
            let names: Vec<String> = suites.iter().map(|suite| suite.name.clone()).collect();
            suites.push(Suite { name: unique(&suite.name, &names), ..suite });
        }
    }
    let xml = fit(&suites, FILE).map_err(|source| lost(path, source))?;
    write_atomically(path, &xml)
}

/// The suites in a file of at most `most` bytes: when there is too much to say, every case says less.
fn fit(suites: &[Suite], most: usize) -> Result<Vec<u8>, junit_report::Error> {
    let mut limit = CASE / 2;
    loop {
        let xml = write(suites, limit)?;
        if xml.len() <= most || limit <= 256 {
            return Ok(xml);
        }
        limit /= 2;
    }
}

struct Suite {
    name: String,
    began: OffsetDateTime,
    cases: Vec<Case>,
}

impl Suite {
    fn new(summary: &Summary, prefix: &str) -> Option<Self> {
        let run = summary.run()?;
        let began = i64::try_from(run.unix).ok().and_then(|unix| OffsetDateTime::from_unix_timestamp(unix).ok());
        Some(Self {
            name: shortened(&run.plan.scenario),
            began: began.unwrap_or(OffsetDateTime::UNIX_EPOCH),
            cases: cases::cases(summary, prefix),
        })
    }
}

/// GitLab drops the second case of a name in silence, so there is none.
fn unique(name: &str, taken: &[String]) -> String {
    let free = |name: &String| !taken.contains(name);
    std::iter::once(name.to_owned()).chain((2_usize..).map(|n| format!("{name} ({n})"))).find(free).unwrap_or_default()
}

fn shortened(name: &str) -> String {
    attribute(name).chars().take(ATTRIBUTE).collect()
}

fn write(suites: &[Suite], limit: usize) -> Result<Vec<u8>, junit_report::Error> {
    let mut report = Report::new();
    for suite in suites {
        let mut written = TestSuite::new(&suite.name);
        "rehearse".clone_into(&mut written.package);
        written.set_timestamp(suite.began);
        let mut names = Vec::new();
        for case in &suite.cases {
            let name = unique(&shortened(&case.name), &names);
            written.add_testcase(TestCase {
                name: name.clone(),
                time: case.time.try_into().unwrap_or_default(),
                result: result(&case.came, limit),
                classname: Some(format!("rehearse.{}", suite.name)),
                filepath: None,
                system_out: text(&case.out, limit),
                system_err: None,
            });
            names.push(name);
        }
        report.add_testsuite(written);
    }
    let mut xml = Vec::new();
    report.write_xml(&mut xml)?;
    xml.push(b'\n');
    Ok(xml)
}

/// Sanitised first, so that no cut runs through an escape sequence.
fn text(text: &str, limit: usize) -> Option<String> {
    let clean = super::text::xml(text);
    (!clean.is_empty()).then(|| cdata(&head_and_tail(&clean, limit)))
}

fn result(came: &Came, limit: usize) -> TestResult {
    match came {
        Came::Passed => TestResult::Success,
        Came::Not { kind, what, content } => {
            let (type_, message) = (kind.name().to_owned(), shortened(content.lines().next().unwrap_or_default()));
            let cause = text(content, limit);
            match what {
                cases::Element::Skipped => TestResult::SkippedWithCause { type_, message, cause },
                cases::Element::Error => TestResult::Error { type_, message, cause },
                cases::Element::Failure => TestResult::Failure { type_, message, cause },
            }
        }
    }
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
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn suite(name: &str, content: &str) -> Suite {
        let came = Came::Not { kind: Kind::Failed, what: cases::Element::Failure, content: content.to_owned() };
        let case = |name: &str| Case {
            name: name.to_owned(),
            time: Duration::ZERO,
            came: came.clone(),
            out: content.to_owned(),
        };
        Suite { name: shortened(name), began: OffsetDateTime::UNIX_EPOCH, cases: vec![case(name), case(name)] }
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_as_it_was_sanitised(text in any::<String>(), seed in "[\\x00-\\xff\u{fffe}\u{ffff}\\]>\\[]{0,60}") {
            for text in [format!("{text}{seed}"), format!("{seed}]]>{text}")] {
                let xml = String::from_utf8(write(&[suite(&text, &text)], CASE).unwrap()).unwrap();
                let read = roxmltree::Document::parse(&xml).unwrap();
                let clean = crate::report::text::xml(&text);
                for element in ["failure", "system-out"] {
                    let node = read.descendants().find(|node| node.has_tag_name(element));
                    // A parser joins the sections of a text that was split; roxmltree gives them as one node or several.
                    let seen: String = node.into_iter().flat_map(|node| node.children()).filter_map(|part| part.text()).collect();
                    prop_assert_eq!(&seen, &clean);
                }
            }
        }
    }

    #[test]
    fn a_case_and_a_file_have_bounds() {
        let long = "a line of a log ]]>\n".repeat(20_000);
        let one = write(&[suite("one", &long)], CASE / 2).unwrap();
        // Two cases; an end mark that is split takes more than it was.
        assert!((CASE..4 * CASE).contains(&one.len()), "{}", one.len());
        let less = String::from_utf8(fit(&[suite("one", &long)], CASE).unwrap()).unwrap();
        assert!(less.len() <= CASE && less.contains("are left out here"), "{}", less.len());
    }

    #[test]
    fn the_second_of_a_name_gets_a_number() {
        let xml = String::from_utf8(write(&[suite("same", "x")], CASE).unwrap()).unwrap();
        assert!(xml.contains("name=\"same\"") && xml.contains("name=\"same (2)\""), "{xml}");
    }
}
