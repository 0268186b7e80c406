//! Extracts passages, releases and durations from the text of an upgrade plan.

use std::borrow::Cow;
use std::time::Duration;

use lazy_regex::{Lazy, lazy_regex};
use regex::Regex;

use crate::vocabulary::release::{Line, Release};
use crate::vocabulary::scalar::Pattern;

static VERSION: Lazy<Regex> =
    lazy_regex!(r"(?:^|[^\d.\w-])v?(\d{1,4}\.\d{1,3}(?:\.\d{1,3})?)(?:-([a-z]{2})(?:\.\d+)?)?(?:[^\d\w]|$)");
static DURATION: Lazy<Regex> = lazy_regex!(r"(?i)(\d+(?:[.,]\d+)?)\s*(h|hrs?|hours?|min|mins|minutes?|m|days?|d)\b");
static CLOCK: Lazy<Regex> = lazy_regex!(r"\b(\d{1,2}):(\d{2})\s*(?:-|–|—|to|until)\s*(\d{1,2}):(\d{2})\b");

/// A line of a plan, or a line joined with the next one if a sentence wraps.
#[derive(Debug)]
pub(super) struct Passage<'a> {
    /// The number of the line, from 1.
    pub(super) line: usize,
    /// The text.
    pub(super) text: Cow<'a, str>,
    /// Where the second line begins. A match has to span it: all others are found in the passages of the single lines.
    seam: Option<usize>,
}

impl Passage<'_> {
    /// Whether the text matches.
    pub(super) fn matches(&self, pattern: &Pattern) -> bool {
        let spans = |seam: usize| pattern.regex().find_iter(&self.text).any(|it| it.start() < seam && it.end() > seam);
        self.seam.map_or_else(|| pattern.regex().is_match(&self.text), spans)
    }

    /// Whether the text matches in a sentence that does not match `denial`.
    pub(super) fn states(&self, pattern: &Pattern, denial: Option<&Pattern>) -> bool {
        let spans = |it: &regex::Match<'_>| self.seam.is_none_or(|seam| it.start() < seam && it.end() > seam);
        let denies = |it: &regex::Match<'_>| {
            denial.is_some_and(|denial| denial.regex().is_match(sentence(&self.text, it.start(), it.end())))
        };
        pattern.regex().find_iter(&self.text).any(|it| spans(&it) && !denies(&it))
    }
}

/// What separates sentences, and clauses that each make a statement.
const SEPARATORS: [&str; 8] = [". ", "; ", "! ", "? ", " | ", ", since ", ", because ", ", but "];

/// The sentence or sentences that contain a range of the text.
fn sentence(text: &str, start: usize, end: usize) -> &str {
    let ends = |text: &str| SEPARATORS.iter().filter_map(|mark| text.find(mark).map(|at| at + 1)).min();
    let begins = |text: &str| SEPARATORS.iter().filter_map(|mark| text.rfind(mark).map(|at| at + mark.len())).max();
    let first = text.get(..start).and_then(begins).unwrap_or(0);
    let last = text.get(end..).and_then(ends).map_or(text.len(), |at| end + at);
    text.get(first..last).unwrap_or(text)
}

/// The passages of a plan: each line, and each wrapped line joined with the next.
pub(super) fn passages(text: &str) -> Vec<Passage<'_>> {
    let mut all = Vec::new();
    let mut in_code = false;
    let mut lines = text.lines().zip(1..).peekable();
    while let Some((line, number)) = lines.next() {
        all.push(Passage { line: number, text: Cow::Borrowed(line), seam: None });
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        let Some((next, _)) = lines.peek() else { continue };
        let shell = line.strip_suffix('\\');
        let continues = !fence && (shell.is_some() || !in_code && wraps(line, next));
        if continues {
            let first = shell.unwrap_or(line).trim_end();
            let text = format!("{first} {}", next.trim_start());
            all.push(Passage { line: number, text: Cow::Owned(text), seam: Some(first.len() + 1) });
        }
    }
    all
}

/// Whether a sentence continues on the next line: it has not ended, and the next line does not start a new block.
fn wraps(line: &str, next: &str) -> bool {
    let (line, next) = (line.trim(), next.trim_start());
    let marks = ['#', '|', '>', '-', '*', '+', '`', '$', '['];
    let numbered = next.trim_start_matches(|char: char| char.is_ascii_digit());
    let begins =
        next.is_empty() || next.starts_with(marks) || numbered.len() < next.len() && numbered.starts_with(['.', ')']);
    let ended = line.is_empty() || line.starts_with(['#', '|']) || line.ends_with(['.', ':', ';', '!', '?', '|']);
    !begins && !ended
}

/// A release of the product that a line names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedRelease {
    /// The number of the line, from 1.
    pub(super) line: usize,
    /// The number as the line has it.
    pub(super) text: String,
    /// Exactly one release, or a line.
    pub(super) named: ReleaseOrLine,
    /// The edition that follows the number.
    pub(super) edition: Option<String>,
}

impl NamedRelease {
    /// Whether it is exactly this release, in any edition.
    pub(super) fn is(&self, release: &Release) -> bool {
        matches!(&self.named, ReleaseOrLine::Release(named) if named.numbers() == release.numbers())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReleaseOrLine {
    Release(Release),
    Line(Line),
}

/// The releases that a text names, in order. Skips a version if `others` matches the text before it.
pub(super) fn named_releases(text: &str, others: &Pattern) -> Vec<NamedRelease> {
    let mut found = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let mut at = 0;
        while let Some(groups) = VERSION.captures_at(line, at) {
            let (Some(version), edition) = (groups.get(1), groups.get(2)) else { break };
            // One character may separate two releases and belong to both matches: `16.3.9,16.7.10`.
            at = edition.map_or(version.end(), |edition| edition.end());
            let (before, after) = (&line[..version.start()], &line.as_bytes()[version.end()..]);
            // An IP address: `10.0.0.12`.
            if matches!(after, [b'.', digit, ..] if digit.is_ascii_digit()) {
                at = line[at..].find(char::is_whitespace).map_or(line.len(), |space| at + space);
                continue;
            }
            if others.regex().is_match(before.trim_end_matches('v')) {
                continue;
            }
            let text = version.as_str().to_owned();
            let named = match text.matches('.').count() {
                1 => text.parse().map(ReleaseOrLine::Line).ok(),
                _ => text.parse().map(ReleaseOrLine::Release).ok(),
            };
            let edition = edition.map(|edition| edition.as_str().to_owned());
            found.extend(named.map(|named| NamedRelease { line: number, text, named, edition }));
        }
    }
    found
}

/// The first duration that a line names: `1 h 30 min`. Units that follow each other belong to the same duration.
pub(super) fn duration(line: &str) -> Option<Duration> {
    let mut seconds = None;
    let mut upto = 0;
    for groups in DURATION.captures_iter(line) {
        let (whole, number) = (groups.get(0)?, groups.get(1)?);
        let number: f64 = number.as_str().replace(',', ".").parse().ok()?;
        let unit = match groups.get(2)?.as_str().to_lowercase().chars().next()? {
            'h' => 3600.0,
            'd' => 86_400.0,
            _ => 60.0,
        };
        let between = line.get(upto..whole.start()).unwrap_or_default().trim();
        if seconds.is_some() && !["", "and", ","].contains(&between) {
            break;
        }
        upto = whole.end();
        seconds = Some(seconds.unwrap_or_default() + number * unit);
    }
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

/// The length of a span of clock times in a line: `22:00 – 02:00`.
pub(super) fn clock_span(line: &str) -> Option<Duration> {
    let groups = CLOCK.captures(line)?;
    let minutes = |hour: usize, minute: usize| -> Option<u64> {
        let (hour, minute): (u64, u64) =
            (groups.get(hour)?.as_str().parse().ok()?, groups.get(minute)?.as_str().parse().ok()?);
        (hour <= 24 && minute < 60).then_some(hour * 60 + minute)
    };
    let (from, to) = (minutes(1, 2)?, minutes(3, 4)?);
    let length = if to > from { to - from } else { to + 24 * 60 - from };
    Some(Duration::from_secs(length * 60))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::scalar::Scalar;

    #[test]
    fn releases_are_distinguished_from_other_versions() {
        let others = Pattern::parse(r"(?i)(ubuntu|postgresql|docker|ip)\s*$").unwrap();
        let found = named_releases(
            "from 15.11.13 on Ubuntu 22.04 with PostgreSQL 13.14\n16.3.9, v16.7.10-ee.0 → 17.1 (10.0.0.12, 2026-11-21)\nat 17.3.7.",
            &others,
        );
        let texts: Vec<(usize, &str, Option<&str>)> =
            found.iter().map(|it| (it.line, it.text.as_str(), it.edition.as_deref())).collect();
        assert_eq!(
            texts,
            [
                (1, "15.11.13", None),
                (2, "16.3.9", None),
                (2, "16.7.10", Some("ee")),
                (2, "17.1", None),
                (3, "17.3.7", None)
            ]
        );
    }

    #[test]
    fn wrapped_sentences_are_joined_and_finished_ones_are_not() {
        let text = "No need to wait for\nbackground migrations. Then:\n- install it\n- the next\n\ndocker run \\\n  image\n```\na\nb\n```\n";
        let joined: Vec<String> = passages(text)
            .iter()
            .filter(|it| it.seam.is_some())
            .map(|it| format!("{}: {}", it.line, it.text))
            .collect();
        assert_eq!(joined, ["1: No need to wait for background migrations. Then:", "6: docker run image"]);
        let (spanning, within) = (Pattern::parse("for background").unwrap(), Pattern::parse("migrations").unwrap());
        let first = &passages(text)[1];
        assert!(first.matches(&spanning) && !first.matches(&within));
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        let minutes = |line| duration(line).map(|time| time.as_secs() / 60);
        assert_eq!(minutes("about 1 h 30 min"), Some(90));
        assert_eq!(minutes("takes 1.5 hours"), Some(90));
        assert_eq!(minutes("45m"), Some(45));
        assert_eq!(minutes("| 45 min | abort after 60 min |"), Some(45));
        assert_eq!(minutes("takes long"), None);
        assert_eq!(clock_span("Saturday 22:00 – 02:30").map(|time| time.as_secs() / 60), Some(270));
        assert_eq!(clock_span("at 22:00"), None);
    }
}
