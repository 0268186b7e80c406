//! The report as `junit-report` writes it.

use std::io::{self, Write};

use junit_report::{Error, Report, TestCase, TestResult};

use super::cases::{Case, CaseResult, Element};
use super::shortened;
use crate::report::text::{head_and_tail, sections, xml};

/// A case under its name. Its texts take at most `limit` bytes together.
pub(super) fn case(case: &Case, class: &str, name: &str, limit: usize) -> TestCase {
    TestCase {
        name: name.to_owned(),
        time: case.time.try_into().unwrap_or_default(),
        result: result(case, limit / 2),
        classname: Some(class.to_owned()),
        filepath: None,
        system_out: text(&case.out, limit / 2),
        system_err: None,
    }
}

fn result(case: &Case, limit: usize) -> TestResult {
    match case.result {
        CaseResult::Passed => TestResult::Success,
        CaseResult::NotPassed { kind, element } => {
            let type_ = kind.name().to_owned();
            let message = shortened(case.content.lines().next().unwrap_or_default());
            let cause = text(&case.content, limit);
            match element {
                Element::Skipped => TestResult::SkippedWithCause { type_, message, cause },
                Element::Error => TestResult::Error { type_, message, cause },
                Element::Failure => TestResult::Failure { type_, message, cause },
            }
        }
    }
}

/// How many times longer an end mark becomes by the split, at most.
const SPLIT: usize = 5;

/// A text of at most `limit` bytes as the content of CDATA sections. It is sanitised first, so that no cut runs through
/// an escape sequence; an end mark is split over two sections, since the library writes content as it is.
fn text(text: &str, limit: usize) -> Option<String> {
    let clean = xml(text);
    let fits = |text: &String| text.len() <= limit;
    let within = |limit| sections(&head_and_tail(&clean, limit));
    // Few texts have an end mark, so the first try is most often the last.
    let cut = [limit, limit - limit / 4, limit / 2].into_iter().map(within).find(fits);
    (!clean.is_empty()).then(|| cut.unwrap_or_else(|| within(limit / SPLIT)))
}

/// Writes a report to `sink`.
pub(super) fn write(report: &Report, sink: &mut dyn Write) -> io::Result<()> {
    let written = report.write_xml(&mut *sink).map_err(|error| match error {
        Error::Io(error) => error,
        Error::Xml(error) => io::Error::other(error),
    });
    written.and_then(|()| sink.write_all(b"\n"))
}
