//! Alembic: a log line as a migration begins; nothing as it ends. Only the newest revisions are recorded.

use std::sync::LazyLock;

use regex::Regex;

use super::{Sign, Turn};

/// `Running upgrade a, b -> c, Merge`; nothing before the arrow when there was no revision, nothing behind it when there
/// is none any more.
static LINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let revisions = r"\w+(?:, \w+)*";
    Regex::new(&format!(
        r"Running (?:(upgrade) ({revisions})? ?-> (\w+)(?:, (.*))?|downgrade (\w+) -> ?(\w*)(?:, (.*))?)$"
    ))
    .ok()
});

pub(super) fn signs(line: &str) -> Vec<Sign> {
    let Some(found) = LINE.as_ref().and_then(|pattern| pattern.captures(line)) else { return Vec::new() };
    let text = |group: usize| found.get(group).map_or("", |found| found.as_str()).trim();
    let list = |group| text(group).split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let upgrade = found.get(1).is_some();
    let (version, name) = if upgrade { (text(3), text(4)) } else { (text(5), text(7)) };
    let mut turn = Turn::new(version, name, !upgrade);
    if upgrade {
        turn.unrecords = list(2);
    } else {
        turn.records = list(6);
    }
    vec![Sign::Begins(turn)]
}
