//! Alembic: a log line as a migration begins; nothing as it ends. Only the newest revisions are recorded.

use std::sync::LazyLock;

use regex::Regex;

use super::{Sign, Turn};

/// `Running upgrade a, b -> c, Merge`; nothing before the arrow when there was no revision, nothing behind it when there
/// is none any more.
static LINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let one = r"\w[\w.-]*";
    Regex::new(&format!(
        r"Running (?:(upgrade) ({one}(?:, {one})*)? ?-> ({one})(?:, (.*))?|downgrade ({one}) -> ?(?:{one})?(?:, (.*))?)$"
    ))
    .ok()
});

pub(super) fn signs(line: &str) -> Vec<Sign> {
    let Some(found) = LINE.as_ref().and_then(|pattern| pattern.captures(line)) else { return Vec::new() };
    let text = |group: usize| found.get(group).map_or("", |found| found.as_str()).trim();
    if found.get(1).is_none() {
        // What is recorded afterwards cannot be told: behind the arrow names and revisions look alike, and a revision
        // that another branch builds on too is not recorded again.
        return vec![Sign::Begins(Turn::new(text(5), text(6), true))];
    }
    let mut turn = Turn::new(text(3), text(4), false);
    turn.unrecords = text(2).split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect();
    vec![Sign::Begins(turn)]
}
