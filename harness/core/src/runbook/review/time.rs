//! Whether the times that a plan names fit its window.

use std::time::Duration;

use super::super::Mentions;
use super::super::mentions::{Mention, duration, span};
use super::{Remark, RemarkKind};
use crate::planning::plan::humane;

/// Whether what the plan's hops take fits its window. Only times on lines that name a release are those of a hop: others may
/// be sums, or say the same again, and of those nothing is concluded.
pub(super) fn time(text: &str, words: &Mentions, mentions: &[Mention], remarks: &mut Vec<Remark>) {
    let mut window: Option<(usize, Duration)> = None;
    let (mut hops, mut back) = (Duration::ZERO, Duration::ZERO);
    let mut back_named = false;
    for (line, number) in text.lines().zip(1..) {
        let back_said = words.back.regex().find(line);
        let is_back = back_said.is_some();
        back_named |= is_back;
        if words.window.regex().is_match(line) {
            if let Some(length) = span(line).or_else(|| duration(line)) {
                window.get_or_insert((number, length));
            }
        } else if let Some(length) = duration(line) {
            match (is_back, mentions.iter().any(|it| it.line == number)) {
                // What stands behind the word is its time: `hops 3 h, restore 70 min`.
                (true, _) => {
                    let behind = back_said.and_then(|said| duration(line.get(said.end()..)?));
                    back = back.max(behind.unwrap_or(length));
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
                    "hops and steps take {}, and the rollback, of which no time is named, has to fit too",
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
            because: "without it nobody knows until when it can be decided".to_owned(),
            instead: "a measured time: rehearse the restore".to_owned(),
        });
    }
}
