//! What the lines of somebody's plan say: releases and times.

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

/// A line of a plan, or the end of one with the next where a sentence goes on in it.
#[derive(Debug)]
pub(super) struct Said<'a> {
    /// From 1.
    pub(super) line: usize,
    /// The words.
    pub(super) text: Cow<'a, str>,
    /// Where the second line begins: what is found has to reach over it, the rest stands in lines of its own.
    seam: Option<usize>,
}

impl Said<'_> {
    /// Whether the words are like this.
    pub(super) fn is(&self, pattern: &Pattern) -> bool {
        let over = |seam: usize| pattern.regex().find_iter(&self.text).any(|it| it.start() < seam && it.end() > seam);
        self.seam.map_or_else(|| pattern.regex().is_match(&self.text), over)
    }

    /// Whether the words say this in a sentence that does not deny it.
    pub(super) fn says(&self, pattern: &Pattern, denied: Option<&Pattern>) -> bool {
        let over = |it: &regex::Match<'_>| self.seam.is_none_or(|seam| it.start() < seam && it.end() > seam);
        let denies = |it: &regex::Match<'_>| {
            denied.is_some_and(|denied| denied.regex().is_match(sentence(&self.text, it.start(), it.end())))
        };
        pattern.regex().find_iter(&self.text).any(|it| over(&it) && !denies(&it))
    }
}

/// Between sentences, and parts of one of which each says something of its own.
const MARKS: [&str; 8] = [". ", "; ", "! ", "? ", " | ", ", since ", ", because ", ", but "];

/// The sentence, or sentences, that a place of a text is in.
fn sentence(text: &str, start: usize, end: usize) -> &str {
    let ends = |text: &str| MARKS.iter().filter_map(|mark| text.find(mark).map(|at| at + 1)).min();
    let begins = |text: &str| MARKS.iter().filter_map(|mark| text.rfind(mark).map(|at| at + mark.len())).max();
    let first = text.get(..start).and_then(begins).unwrap_or(0);
    let last = text.get(end..).and_then(ends).map_or(text.len(), |at| end + at);
    text.get(first..last).unwrap_or(text)
}

/// What a plan says, line by line, and over the ends of lines that were wrapped.
pub(super) fn said(text: &str) -> Vec<Said<'_>> {
    let mut all = Vec::new();
    let mut in_code = false;
    let mut lines = text.lines().zip(1..).peekable();
    while let Some((line, number)) = lines.next() {
        all.push(Said { line: number, text: Cow::Borrowed(line), seam: None });
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        let Some((next, _)) = lines.peek() else { continue };
        let shell = line.strip_suffix('\\');
        let goes_on = !fence && (shell.is_some() || !in_code && wraps(line, next));
        if goes_on {
            let first = shell.unwrap_or(line).trim_end();
            let text = format!("{first} {}", next.trim_start());
            all.push(Said { line: number, text: Cow::Owned(text), seam: Some(first.len() + 1) });
        }
    }
    all
}

/// Whether a sentence goes on in the next line: not behind its end, nor where something of its own begins.
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
pub(super) struct Mention {
    /// From 1.
    pub(super) line: usize,
    /// The number as it stands there.
    pub(super) text: String,
    /// What it is: exactly one release, or a line.
    pub(super) named: Named,
    /// The edition that stands behind it.
    pub(super) edition: Option<String>,
}

impl Mention {
    /// Whether it is exactly this release, whatever the edition.
    pub(super) fn is(&self, release: &Release) -> bool {
        matches!(&self.named, Named::Release(named) if named.numbers() == release.numbers())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    Release(Release),
    Line(Line),
}

/// The releases that a text names, in its order; versions of something else left out by what stands before them.
pub(super) fn mentions(text: &str, others: &Pattern) -> Vec<Mention> {
    let mut found = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let mut at = 0;
        while let Some(groups) = VERSION.captures_at(line, at) {
            let (Some(version), edition) = (groups.get(1), groups.get(2)) else { break };
            // What ends one may begin the next: `16.3.9, 16.7.10`.
            at = edition.map_or(version.end(), |edition| edition.end());
            let (before, behind) = (&line[..version.start()], &line.as_bytes()[version.end()..]);
            // An address: `10.0.0.12`.
            if matches!(behind, [b'.', digit, ..] if digit.is_ascii_digit()) {
                at = line[at..].find(char::is_whitespace).map_or(line.len(), |space| at + space);
                continue;
            }
            if others.regex().is_match(before.trim_end_matches('v')) {
                continue;
            }
            let text = version.as_str().to_owned();
            let named = match text.matches('.').count() {
                1 => text.parse().map(Named::Line).ok(),
                _ => text.parse().map(Named::Release).ok(),
            };
            let edition = edition.map(|edition| edition.as_str().to_owned());
            found.extend(named.map(|named| Mention { line: number, text, named, edition }));
        }
    }
    found
}

/// The first time that a line names: `1 h 30 min`. None where it names none; another one, apart from it, is another time.
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

/// How long a line's span of the clock is: `22:00 – 02:00`.
pub(super) fn span(line: &str) -> Option<Duration> {
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
    fn releases_are_told_from_other_versions() {
        let others = Pattern::parse(r"(?i)(ubuntu|postgresql|docker|ip)\s*$").unwrap();
        let found = mentions(
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
    fn sentences_go_on_over_wrapped_lines_and_end_at_their_end() {
        let text = "No need to wait for\nbackground migrations. Then:\n- install it\n- the next\n\ndocker run \\\n  image\n```\na\nb\n```\n";
        let joined: Vec<String> =
            said(text).iter().filter(|it| it.seam.is_some()).map(|it| format!("{}: {}", it.line, it.text)).collect();
        assert_eq!(joined, ["1: No need to wait for background migrations. Then:", "6: docker run image"]);
        let (over, within) = (Pattern::parse("for background").unwrap(), Pattern::parse("migrations").unwrap());
        let first = &said(text)[1];
        assert!(first.is(&over) && !first.is(&within));
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let minutes = |line| duration(line).map(|time| time.as_secs() / 60);
        assert_eq!(minutes("about 1 h 30 min"), Some(90));
        assert_eq!(minutes("takes 1.5 hours"), Some(90));
        assert_eq!(minutes("45m"), Some(45));
        assert_eq!(minutes("| 45 min | abort after 60 min |"), Some(45));
        assert_eq!(minutes("takes long"), None);
        assert_eq!(span("Saturday 22:00 – 02:30").map(|time| time.as_secs() / 60), Some(270));
        assert_eq!(span("at 22:00"), None);
    }
}
