//! Whether the times that a plan names fit its window.

use std::time::Duration;

use super::super::ReleasePatterns;
use super::super::extract::{NamedRelease, clock_span, duration};
use super::{Remark, RemarkKind};
use crate::planning::plan::humane;

/// Whether the plan's hops fit its window. Only durations on lines that name a release count as those of a hop: others may
/// be sums or repetitions.
pub(super) fn time(text: &str, patterns: &ReleasePatterns, named: &[NamedRelease], remarks: &mut Vec<Remark>) {
    let mut window: Option<(usize, Duration)> = None;
    let (mut hops, mut back) = (Duration::ZERO, Duration::ZERO);
    let mut back_named = false;
    for (line, number) in text.lines().zip(1..) {
        let back_match = patterns.back.regex().find(line);
        let is_back = back_match.is_some();
        back_named |= is_back;
        if patterns.window.regex().is_match(line) {
            if let Some(length) = clock_span(line).or_else(|| duration(line)) {
                window.get_or_insert((number, length));
            }
        } else if let Some(length) = duration(line) {
            match (is_back, named.iter().any(|it| it.line == number)) {
                // The duration follows the word: `hops 3 h, restore 70 min`.
                (true, _) => {
                    let after = back_match.and_then(|found| duration(line.get(found.end()..)?));
                    back = back.max(after.unwrap_or(length));
                }
                (false, true) => hops += length,
                (false, false) => {}
            }
        }
    }
    let Some((line, window)) = window else { return };
    if !hops.is_zero() && hops + back > window {
        remarks.push(Remark {
            kind: RemarkKind::Wrong,
            line: Some(line),
            what: format!("a window of {} for what takes {}", humane(window), humane(hops + back)),
            because: if back.is_zero() {
                format!(
                    "hops and steps take {}, and the rollback, for which no time is given, has to fit too",
                    humane(hops)
                )
            } else {
                let (hops, back) = (humane(hops), humane(back));
                format!("hops and steps take {hops}, the rollback {back}, and it has to fit too")
            },
            instead: "a longer window, or several with a part of the path each".to_owned(),
        });
    }
    if back_named && back.is_zero() && !hops.is_zero() {
        remarks.push(Remark {
            kind: RemarkKind::Missing,
            line: None,
            what: "how long the rollback takes".to_owned(),
            because: "without it nobody knows how long the decision to roll back can wait".to_owned(),
            instead: "a measured time: rehearse the restore".to_owned(),
        });
    }
}
