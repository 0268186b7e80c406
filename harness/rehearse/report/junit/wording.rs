//! The texts of a case, each within its limit: about one thing, about many, and in one line.

use std::borrow::Cow;
use std::fmt::{Display, Write};

use rehearse_core::outcome::cause::{Symptom, SymptomDetail};
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::outcome::finding::{Finding, Known};
use rehearse_core::outcome::summary::StageRecord;
use rehearse_core::outcome::verdict::Outcome;

use super::CASE;
use crate::report::text::{head_and_tail, one_line, xml};

/// The length in bytes at which a text about many things ends: the rest would be cut off anyway.
const CONTENT: usize = 4 * CASE;

/// Writes about one thing after another, and how many more there are once the text is too long.
pub(super) fn write_each<T>(all: impl Iterator<Item = T>, content: &mut String, write: impl Fn(T, &mut String)) {
    let mut all = all;
    while let Some(each) = all.next() {
        write(each, content);
        if content.len() > CONTENT {
            let more = all.count();
            if more > 0 {
                let _ = write!(content, "\n… and {more} more\n");
            }
            return;
        }
    }
}

/// A text, or its beginning and its end if it is longer than a case may be.
pub(super) fn bounded(text: &str) -> Cow<'_, str> {
    if text.len() <= CASE { Cow::Borrowed(text) } else { Cow::Owned(head_and_tail(&xml(text), CASE)) }
}

/// How many checks a first line names.
const NAMED: usize = 20;

/// In one line: what a stage came to.
pub(super) fn stage_message(record: &StageRecord) -> String {
    let outcome = record.outcome;
    if let Some(message) = of_findings(&record.findings) {
        return format!("{outcome}: {message}");
    }
    let not_passed = || record.checks.iter().filter(|check| check.outcome != Outcome::Passed);
    let count = not_passed().count();
    let mut named: Vec<String> =
        not_passed().take(NAMED).map(|check| format!("{} {}", one_line(&check.title()), check.outcome)).collect();
    if count > NAMED {
        named.push("…".to_owned());
    }
    match &record.reason {
        Some(reason) => format!("{outcome}: {}", brief(reason)),
        None if count == 0 => outcome.to_string(),
        None => format!("{outcome}: {count} of {} checks: {}", record.checks.len(), named.join(", ")),
    }
}

/// In one line: what a check came to.
pub(super) fn check_message(check: &CheckReport) -> String {
    let message = of_findings(&check.findings).or_else(|| check.inconclusive.first().map(brief));
    message.map_or(check.outcome.to_string(), |message| format!("{}: {message}", check.outcome))
}

pub(super) fn of_findings(findings: &[Finding]) -> Option<String> {
    let more = match findings.len().saturating_sub(1) {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    Some(brief(findings.first()?) + &more)
}

/// How many characters a first line takes of a text: a finding may hold half a log.
const BRIEF: usize = 300;

pub(super) fn brief(text: impl Display) -> String {
    let mut beginning = Beginning { text: String::new(), left: 16 * BRIEF };
    let complete = write!(beginning, "{text}").is_ok();
    let line = one_line(&beginning.text);
    match line.char_indices().nth(BRIEF) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if complete => line,
        None => line + "…",
    }
}

pub(super) fn brief_of(detail: &SymptomDetail<'_>) -> String {
    match detail {
        SymptomDetail::Finding(finding) => brief(finding),
        SymptomDetail::Inconclusive(reason) => brief(reason),
    }
}

/// Takes the first characters of what is written, then ends the writing.
struct Beginning {
    text: String,
    left: usize,
}

impl Write for Beginning {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        match text.char_indices().nth(self.left) {
            Some((end, _)) => {
                self.text.push_str(&text[..end]);
                self.left = 0;
                Err(std::fmt::Error)
            }
            None => {
                self.left -= text.chars().count();
                self.text.push_str(text);
                Ok(())
            }
        }
    }
}

/// What a symptom is about.
pub(super) fn subject(symptom: &Symptom<'_>) -> String {
    match symptom.detail {
        SymptomDetail::Finding(finding) => finding.subject.to_string(),
        SymptomDetail::Inconclusive(reason) => reason.to_string(),
    }
}

pub(super) fn known_failure(known: &Known) -> String {
    format!("known failure: {known}\n")
}

/// Properties of a case. `junit-report` writes no element `properties`; Jenkins and others read them from the output of
/// a case as well.
pub(super) fn properties(properties: &[(String, String)]) -> String {
    properties.iter().map(|(key, value)| format!("[[PROPERTY|{key}={value}]]\n")).collect()
}

/// Foreign text in which no reader finds one of our `[[…]]` marks.
pub(super) fn harmless(text: &str) -> String {
    one_line(text).replace("[[", "[ [")
}
