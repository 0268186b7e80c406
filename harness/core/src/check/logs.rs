//! Sifts logs as they are read, and judges what is left.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::bytes::{Regex, RegexSet};

use super::compare::shorten;
use crate::event::CheckReport;
use crate::observe::LogReview;
use crate::product::LogCheck;
use crate::release::Release;
use crate::verdict::Finding;

/// Reads a log in pieces, in flat memory, and keeps the lines that count as errors.
#[derive(Debug)]
pub struct LogSift {
    errors: RegexSet,
    allow: Vec<(Regex, String)>,
    review: LogReview,
    rest: Vec<u8>,
}

/// A line longer than this is judged by its beginning.
const LONGEST_LINE: usize = 64 * 1024;

/// Error lines kept per log.
const KEPT: usize = 200;

impl LogSift {
    /// A sift for one log of a service on a release.
    ///
    /// # Errors
    /// When a pattern cannot be compiled for bytes.
    pub fn new(check: &LogCheck, release: &Release, source: impl Into<String>) -> Result<Self, regex::Error> {
        let applies =
            |range: &Option<crate::release::Range>| range.as_ref().is_none_or(|range| range.contains(release));
        Ok(Self {
            errors: RegexSet::new(check.errors.iter().map(|pattern| pattern.regex().as_str()))?,
            allow: check
                .allow
                .iter()
                .filter(|line| applies(&line.releases))
                .map(|line| Ok((Regex::new(line.pattern.regex().as_str())?, line.because.clone())))
                .collect::<Result<_, regex::Error>>()?,
            review: LogReview { source: source.into(), ..LogReview::default() },
            rest: Vec::new(),
        })
    }

    /// Takes a piece, cut anywhere.
    pub fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let complete = piece.ends_with(b"\n");
            let line = piece.strip_suffix(b"\n").unwrap_or(piece);
            if complete && self.rest.is_empty() {
                self.line(line);
                continue;
            }
            let room = LONGEST_LINE.saturating_sub(self.rest.len());
            self.rest.extend_from_slice(&line[..line.len().min(room)]);
            if complete {
                let line = std::mem::take(&mut self.rest);
                self.line(&line);
            }
        }
    }

    fn line(&mut self, line: &[u8]) {
        self.review.lines += 1;
        let line = &line[..line.len().min(LONGEST_LINE)];
        if !self.errors.is_match(line) {
            return;
        }
        if let Some((_, because)) = self.allow.iter().find(|(regex, _)| regex.is_match(line)) {
            *self.review.allowed.entry(because.clone()).or_default() += 1;
            return;
        }
        self.review.count += 1;
        if self.review.errors.len() < KEPT {
            self.review.errors.push((self.review.lines, String::from_utf8_lossy(line).trim_end().to_owned()));
        }
    }

    /// The review of all that was taken.
    pub fn finish(mut self) -> LogReview {
        if !self.rest.is_empty() {
            let line = std::mem::take(&mut self.rest);
            self.line(&line);
        }
        self.review
    }
}

/// Numbers, and runs of hexadecimal digits as in ids and addresses.
static NUMBERS: LazyLock<Option<regex::Regex>> =
    LazyLock::new(|| regex::Regex::new("(?i)[0-9a-f]{4,}(-[0-9a-f]{4,})*|[0-9]+").ok());

/// What is left of a line when numbers, ids and addresses are taken away.
fn kind_of(line: &str) -> String {
    match NUMBERS.as_ref() {
        Some(numbers) => shorten(&numbers.replace_all(line, "0"), 300),
        None => line.to_owned(),
    }
}

/// Judges the logs since the hop began. Kinds of lines that the baseline had too are noted, not counted against.
pub fn judge_logs(reviews: &[LogReview], baseline: &[LogReview], report: &mut CheckReport) {
    let known: BTreeSet<String> =
        baseline.iter().flat_map(|review| review.errors.iter().map(|(_, line)| kind_of(line))).collect();
    let lines: u64 = reviews.iter().map(|review| review.lines).sum();
    if lines == 0 {
        report.unclear.push("no line was logged since the hop began".to_owned());
    }
    for review in reviews {
        report.assertions += u32::from(review.lines > 0);
        report.evidence.extend(review.evidence.clone());
        let allowed: u64 = review.allowed.values().sum();
        report
            .notes
            .push(format!("{}: {} lines, {} errors, {allowed} allowed", review.source, review.lines, review.count));
        let mut told = BTreeSet::new();
        for (number, line) in &review.errors {
            let kind = kind_of(line);
            if !told.insert(kind.clone()) {
                continue;
            }
            let times = review.errors.iter().filter(|(_, other)| kind_of(other) == kind).count();
            let text = format!("line {number}: {} ({times} of its kind)", shorten(line, 400));
            if known.contains(&kind) {
                report.notes.push(format!("{}: as on the baseline: {text}", review.source));
            } else {
                let mut finding =
                    Finding::new(format!("log of {}", review.source), "no error that the baseline did not have", text);
                finding.evidence.clone_from(&review.evidence);
                report.findings.push(finding);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::CheckKind;

    fn review(text: &str) -> LogReview {
        let check: LogCheck = serde_json::from_value(serde_json::json!({
            "errors": ["\\b(ERROR|FATAL)\\b", "^[A-Z]\\w*Error"],
            "allow": [{"pattern": "gs binary", "because": "optional"}],
        }))
        .unwrap();
        let mut sift = LogSift::new(&check, &"6.0.5".parse().unwrap(), "web").unwrap();
        for piece in text.as_bytes().chunks(5) {
            sift.take(piece);
        }
        sift.finish()
    }

    #[test]
    fn the_one_real_error_inside_noise_is_found() {
        let review = review("INFO fine\nERROR gs binary (gs) not available\nFATAL -- : ActionView error 5\nlast");
        assert_eq!((review.lines, review.count, review.allowed["optional"]), (4, 1, 1));
        assert_eq!(review.errors, [(3, "FATAL -- : ActionView error 5".to_owned())]);
        let mut report = CheckReport::new(CheckKind::Logs, "all");
        judge_logs(std::slice::from_ref(&review), &[], &mut report);
        assert_eq!(report.findings.len(), 1);
        let mut report = CheckReport::new(CheckKind::Logs, "all");
        judge_logs(std::slice::from_ref(&review), &[self::review("FATAL -- : ActionView error 7")], &mut report);
        assert_eq!(report.findings.len(), 0);
    }

    #[test]
    fn silent_logs_are_inconclusive() {
        let mut report = CheckReport::new(CheckKind::Logs, "all");
        judge_logs(&[review("")], &[], &mut report);
        assert_eq!(report.decide().outcome, crate::verdict::Outcome::Inconclusive);
    }

    #[test]
    fn a_line_that_never_ends_takes_no_memory() {
        let check: LogCheck = serde_json::from_value(serde_json::json!({"errors": ["x"]})).unwrap();
        let mut sift = LogSift::new(&check, &"1.0".parse().unwrap(), "web").unwrap();
        for _ in 0..1000 {
            sift.take(&[b'x'; 4096]);
        }
        assert!(sift.rest.len() <= LONGEST_LINE);
        assert_eq!(sift.finish().count, 1);
    }
}
