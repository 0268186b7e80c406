//! What the lines of somebody's plan say: releases and times.

use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;

use crate::release::{Line, Release};
use crate::scalar::Pattern;

static VERSION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?:^|[^\d.\w-])v?(\d{1,4}\.\d{1,3}(?:\.\d{1,3})?)(?:-([a-z]{2})(?:\.\d+)?)?(?:[^\d\w]|$)").ok()
});
static DURATION: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)(\d+(?:[.,]\d+)?)\s*(h|hrs?|hours?|min|mins|minutes?|m|days?|d)\b").ok());
static CLOCK: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b(\d{1,2}):(\d{2})\s*(?:-|–|—|to|until)\s*(\d{1,2}):(\d{2})\b").ok());

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
        while let Some(groups) = VERSION.as_ref().and_then(|pattern| pattern.captures_at(line, at)) {
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

/// The times that a line names, added up: `1 h 30 min`. None where it names none.
pub(super) fn duration(line: &str) -> Option<Duration> {
    let mut seconds = None;
    for groups in DURATION.iter().flat_map(|pattern| pattern.captures_iter(line)) {
        let number: f64 = groups.get(1)?.as_str().replace(',', ".").parse().ok()?;
        let unit = match groups.get(2)?.as_str().to_lowercase().chars().next()? {
            'h' => 3600.0,
            'd' => 86_400.0,
            _ => 60.0,
        };
        seconds = Some(seconds.unwrap_or_default() + number * unit);
    }
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

/// How long a line's span of the clock is: `22:00 – 02:00`.
pub(super) fn span(line: &str) -> Option<Duration> {
    let groups = CLOCK.as_ref()?.captures(line)?;
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
    use crate::scalar::Scalar;

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
    fn times_are_read_as_people_write_them() {
        let minutes = |line| duration(line).map(|time| time.as_secs() / 60);
        assert_eq!(minutes("about 1 h 30 min"), Some(90));
        assert_eq!(minutes("takes 1.5 hours"), Some(90));
        assert_eq!(minutes("45m"), Some(45));
        assert_eq!(minutes("takes long"), None);
        assert_eq!(span("Saturday 22:00 – 02:30").map(|time| time.as_secs() / 60), Some(270));
        assert_eq!(span("at 22:00"), None);
    }
}
