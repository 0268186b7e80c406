//! Django: a migration is named as it begins, and its end is written behind the name, or on a line of its own where
//! something else was printed meanwhile. What is printed meanwhile says nothing: ` OK` alone is an end.
//!
//! Django writes ` OK`, ` FAKED`, and with `-v 2` ` OK (0.123s)`; a product may pad and cut the names and write
//! ` OK        0.01s`.

use std::time::Duration;

use lazy_regex::{Lazy, lazy_regex};
use regex::Regex;

use super::{Sign, Turn};

/// A migrator that aligns its output cuts `app.name` here, as it applies (50) and as it takes back (48).
pub(super) const CUT_AT: [usize; 2] = [50, 48];

/// A migration begins: at the line's beginning, or after what a container engine writes before a line.
static BEGINS: Lazy<Regex> = lazy_regex!(r"(?:^|\s\s)(Una|A)pplying ([A-Za-z_]\w*\.\w+)\.\.\.");
/// It ends: right behind its name, or on a line of its own, where only a container's name or a time may stand before.
static ENDS: Lazy<Regex> = lazy_regex!(
    r"(?x) ^(?:[\w.-]+\ *\|)?(?:\s*\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:?\d\d))?
        \s*(?:OK|FAKED)(?:\s+\(?([0-9]+(?:\.[0-9]+)?)s\)?)?\s*$"
);

pub(super) fn signs(line: &str, ended: bool) -> Vec<Sign> {
    let mut signs = Vec::new();
    let mut rest = line;
    for found in BEGINS.captures_iter(line) {
        signs.push(Sign::Begins(Turn::new(&found[2], "", &found[1] == "Una")));
        rest = found.get(0).and_then(|all| line.get(all.end()..)).unwrap_or_default();
    }
    // Before the line has ended, ` OK` may yet become another word.
    if let Some(found) = ended.then(|| ENDS.captures(rest)).flatten() {
        let seconds = found.get(1).and_then(|text| text.as_str().parse().ok());
        signs.push(Sign::Ends(seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())));
    }
    signs
}
