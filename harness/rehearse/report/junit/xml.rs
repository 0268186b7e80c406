//! Cases and suites as XML, written by `junit-report` one at a time: the library writes a whole report, which would have
//! to be in memory twice, so each case is written as the only one of a report and cut out of it.

use std::io;
use std::time::Duration;

use junit_report::{OffsetDateTime, Report, TestCase, TestResult, TestSuite};

use super::cases::{Came, Case, Element};
use super::{Suite, shortened};
use crate::report::text::{head_and_tail, sections, xml};

pub(super) const END_OF_SUITE: &[u8] = b"</testsuite>";
pub(super) const END: &[u8] = b"</testsuites>\n";

/// What stands before the first suite.
pub(super) fn beginning() -> io::Result<Vec<u8>> {
    let mut xml = written(Report::new())?;
    let empty = xml.ends_with(b"/>").then(|| xml.len() - 2).ok_or_else(otherwise)?;
    xml.truncate(empty);
    xml.push(b'>');
    Ok(xml)
}

/// A case under its name; without a limit it says nothing.
pub(super) fn case(case: &Case, class: &str, name: &str, limit: Option<usize>) -> io::Result<Vec<u8>> {
    let mut suite = TestSuite::new("");
    suite.set_timestamp(OffsetDateTime::UNIX_EPOCH);
    suite.add_testcase(TestCase {
        name: name.to_owned(),
        time: case.time.try_into().unwrap_or_default(),
        result: result(&case.came, limit),
        classname: Some(class.to_owned()),
        filepath: None,
        system_out: text(&case.out, limit),
        system_err: None,
    });
    let mut report = Report::new();
    report.add_testsuite(suite);
    let mut xml = written(report)?;
    let begin = xml.windows(9).position(|at| at == b"<testcase").ok_or_else(otherwise)?;
    let end = xml.strip_suffix(b"</testsuite></testsuites>").ok_or_else(otherwise)?.len();
    xml.truncate(end);
    xml.drain(..begin);
    Ok(xml)
}

/// Sanitised first, so that no cut runs through an escape sequence.
fn text(text: &str, limit: Option<usize>) -> Option<String> {
    let clean = xml(text);
    limit.filter(|_| !clean.is_empty()).map(|limit| sections(&head_and_tail(&clean, limit)))
}

fn result(came: &Came, limit: Option<usize>) -> TestResult {
    match came {
        Came::Passed => TestResult::Success,
        Came::Not { kind, what, content } => {
            let (type_, message) = (kind.name().to_owned(), shortened(content.lines().next().unwrap_or_default()));
            let cause = text(content, limit);
            match what {
                Element::Skipped => TestResult::SkippedWithCause { type_, message, cause },
                Element::Error => TestResult::Error { type_, message, cause },
                Element::Failure => TestResult::Failure { type_, message, cause },
            }
        }
    }
}

/// What a suite says of its cases before they come.
#[derive(Debug, Default)]
pub(super) struct Total {
    tests: u64,
    errors: u64,
    failures: u64,
    time: Duration,
}

impl Total {
    pub(super) fn add(&mut self, case: &Case) {
        self.tests += 1;
        self.time = self.time.saturating_add(case.time);
        match case.came {
            Came::Passed | Came::Not { what: Element::Skipped, .. } => {}
            Came::Not { what: Element::Error, .. } => self.errors += 1,
            Came::Not { what: Element::Failure, .. } => self.failures += 1,
        }
    }
}

/// The element of a suite without cases.
pub(super) struct Frame(String);

impl Frame {
    pub(super) fn of(suite: &Suite<'_>) -> io::Result<Self> {
        let mut empty = TestSuite::new(&suite.name);
        "rehearse".clone_into(&mut empty.package);
        empty.set_timestamp(suite.began);
        let mut report = Report::new();
        report.add_testsuite(empty);
        let xml = String::from_utf8(written(report)?).map_err(|_| otherwise())?;
        let element = xml.find("<testsuite ").and_then(|begin| xml.get(begin..)?.strip_suffix("/></testsuites>"));
        Ok(Self(element.ok_or_else(otherwise)?.to_owned()))
    }

    /// What it takes at most.
    pub(super) fn most(&self) -> usize {
        self.0.len() + 100 + END_OF_SUITE.len()
    }

    /// Its beginning, with the numbers of its cases. A value holds no quotation mark as it is: what is looked for here
    /// is an attribute, and the name stands before it.
    pub(super) fn head(&self, number: usize, total: &Total) -> Vec<u8> {
        let Total { tests, errors, failures, time } = total;
        let with = |element: String, name: &str, value: String| {
            element.replacen(&format!(" {name}=\"0\""), &format!(" {name}=\"{value}\""), 1)
        };
        let head = with(self.0.clone(), "id", number.to_string());
        let head = with(head, "tests", tests.to_string());
        let head = with(head, "errors", errors.to_string());
        let head = with(head, "failures", failures.to_string());
        let head = with(head, "time", time.as_secs_f64().to_string());
        (head + ">").into_bytes()
    }
}

fn written(report: Report) -> io::Result<Vec<u8>> {
    let mut xml = Vec::new();
    report.write_xml(&mut xml).map_err(io::Error::other)?;
    Ok(xml)
}

fn otherwise() -> io::Error {
    io::Error::other("junit-report writes a report otherwise than it did; this is a bug of rehearse")
}
