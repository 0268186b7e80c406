//! Alembic logs a line when a migration begins and nothing when it ends. Only the newest revisions are recorded.

use lazy_regex::{Lazy, lazy_regex};
use regex::Regex;

use super::{Sign, Turn};

/// `Running upgrade a, b -> c, Merge`; nothing before the arrow if there was no revision before, and nothing after it if there
/// is none afterwards.
static LINE: Lazy<Regex> = lazy_regex!(
    r"(?x) Running\ (?:
        (upgrade)\ (\w[\w.-]*(?:,\ \w[\w.-]*)*)?\ ?->\ (\w[\w.-]*)(?:,\ (.*))?
      | downgrade\ (\w[\w.-]*)\ ->\ ?(?:\w[\w.-]*)?(?:,\ (.*))?
    )$"
);

pub(super) fn signs(line: &str) -> Vec<Sign> {
    let Some(found) = LINE.captures(line) else { return Vec::new() };
    let text = |group: usize| found.get(group).map_or("", |found| found.as_str()).trim();
    if found.get(1).is_none() {
        // The line does not show what is recorded afterwards: after the arrow, names and revisions look alike, and a revision
        // that another branch builds on too is not recorded again.
        return vec![Sign::Begins(Turn::new(text(5), text(6), true))];
    }
    let mut turn = Turn::new(text(3), text(4), false);
    turn.unrecords = text(2).split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect();
    vec![Sign::Begins(turn)]
}
