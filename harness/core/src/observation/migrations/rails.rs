//! Ruby on Rails: a line when a migration begins, a line with its time when it ends.

use std::time::Duration;

use lazy_regex::{Lazy, lazy_regex};
use regex::Regex;

use super::{Sign, Turn};

/// Of several databases each line begins with its database's name, and a configuration tool marks what it executes.
static LINE: Lazy<Regex> = lazy_regex!(
    r"(?x) ^(?:\s*\[execute\]\ *|\s+)?(?:\w+:\ )? ==\ +(?:\[[^\]]*\]\ +)?(?:\w+:\ )?
        (\d+)\ (\S+):\ (migrat|revert)(?:(ing)|ed(?:\ \(([0-9.]+)s\))?)(?:[\ =]|$)"
);

pub(super) fn signs(line: &str) -> Vec<Sign> {
    let Some(found) = LINE.captures(line) else { return Vec::new() };
    let mut turn = Turn::new(&found[1], &found[2], &found[3] == "revert");
    if found.get(4).is_some() {
        return vec![Sign::Begins(turn)];
    }
    let seconds = found.get(5).and_then(|text| text.as_str().parse().ok());
    turn.migration.took = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    vec![Sign::EndsAs(turn)]
}
