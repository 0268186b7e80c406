//! Where all that is to be said is more than a file takes: who says how much.
//!
//! What went wrong comes first. What passed says less, then what went wrong says less, then what passed says nothing,
//! then nobody does; and when the mere names are too many, cases that passed are left out before those that did not.
//! What is left out without a trace in its own case is told by a case of its own.

use std::fmt::Write;
use std::time::Duration;

use super::cases::{Came, Case, Element, Kind};
use super::{CASE, FILE};
use crate::report::text::xml;

/// What a text takes at most, from the least that is cut to nothing at all.
const LIMITS: [Option<usize>; 9] = [
    Some(CASE / 2),
    Some(CASE / 4),
    Some(CASE / 8),
    Some(CASE / 16),
    Some(CASE / 32),
    Some(CASE / 64),
    Some(CASE / 128),
    Some(CASE / 256),
    None,
];
/// Up to here texts get shorter before those that passed say nothing.
const SHORT: usize = 5;
/// What the elements around a text take.
const AROUND: usize = 64;
/// What a text that is cut takes at least: the line that says so.
const LINE: usize = 96;
/// Kept free for the case that tells what was left out.
const NOTICE: usize = 8 << 10;

/// Which of two kinds of cases one is: those in which something went wrong, and the others.
fn which(case: &Case) -> usize {
    match case.came {
        Came::Not { what: Element::Error | Element::Failure, .. } => 0,
        Came::Passed | Came::Not { what: Element::Skipped, .. } => 1,
    }
}

/// What the cases would take.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    bare: [usize; 2],
    texts: [[usize; LIMITS.len()]; 2],
}

impl Sizes {
    /// A case that takes so many bytes when it says nothing.
    pub(super) fn add(&mut self, case: &Case, bare: usize) {
        let which = which(case);
        self.bare[which] = self.bare[which].saturating_add(bare);
        let content = match &case.came {
            Came::Passed => "",
            Came::Not { content, .. } => content,
        };
        for text in [content, &case.out] {
            let clean = xml(text);
            let marks = clean.matches("]]>").count();
            for (limit, sum) in LIMITS.iter().zip(&mut self.texts[which]) {
                if let Some(limit) = limit.filter(|_| !clean.is_empty()) {
                    // An end mark is split over two sections.
                    let cut = if clean.len() <= limit { clean.len() } else { limit.max(LINE) };
                    *sum = sum.saturating_add(AROUND + cut + 12 * marks.min(cut / 3 + 1));
                }
            }
        }
    }

    fn sum(&self, [troubled, other]: [usize; 2]) -> usize {
        let texts = self.texts[0][troubled].saturating_add(self.texts[1][other]);
        self.bare[0].saturating_add(self.bare[1]).saturating_add(texts)
    }

    /// The most that can be said in so many bytes.
    pub(super) fn room(&self, most: usize) -> Room {
        let most = most.saturating_sub(NOTICE);
        let nothing = LIMITS.len() - 1;
        let mut steps = (0..=SHORT).map(|other| [0, other]).chain((1..=SHORT).map(|troubled| [troubled, SHORT]));
        let mut last =
            (SHORT..=nothing).map(|other| [SHORT, other]).chain((SHORT..nothing).map(|troubled| [troubled, nothing]));
        let fits = |step: &[usize; 2]| self.sum(*step) <= most;
        match steps.find(fits).or_else(|| last.find(fits)) {
            Some(step) => Room { step, left: [usize::MAX; 2], ..Room::whole() },
            None => {
                let troubled = self.bare[0].min(most);
                Room { step: [nothing; 2], left: [troubled, most - troubled], ..Room::whole() }
            }
        }
    }

    /// What a file takes in which there is so much room.
    pub(super) fn at(&self, room: &Room) -> usize {
        self.sum(room.step).saturating_add(NOTICE)
    }
}

/// What cases may still take.
#[derive(Debug)]
pub(super) struct Room {
    step: [usize; 2],
    left: [usize; 2],
    dropped: [usize; 2],
    silent: [usize; 2],
}

impl Room {
    /// Room for all that is to be said.
    pub(super) fn whole() -> Self {
        Self { step: [0; 2], left: [usize::MAX; 2], dropped: [0; 2], silent: [0; 2] }
    }

    /// What a text of a case takes at most; none when it says nothing.
    pub(super) fn limit(&self, case: &Case) -> Option<usize> {
        LIMITS.get(self.step[which(case)]).copied().flatten()
    }

    /// Whether there is room for a case of so many bytes, which it takes then.
    pub(super) fn takes(&mut self, case: &Case, bytes: usize) -> bool {
        let which = which(case);
        match self.left[which].checked_sub(bytes) {
            Some(left) => {
                // Where there is no end to the room, it does not end.
                self.left[which] = if self.left[which] == usize::MAX { usize::MAX } else { left };
                self.silent[which] += usize::from(self.limit(case).is_none());
                true
            }
            None => {
                self.dropped[which] += 1;
                false
            }
        }
    }

    /// The case that tells what was left out; none where every case tells it itself.
    pub(super) fn left_out(&self) -> Option<Case> {
        let counted = [
            (self.dropped[0], "cases in which something went wrong are missing"),
            (self.dropped[1], "cases that passed or were skipped are missing"),
            (self.silent[0], "cases in which something went wrong are without their texts"),
            (self.silent[1], "cases that passed or were skipped are without their texts"),
        ];
        if counted.iter().all(|(count, _)| *count == 0) {
            return None;
        }
        let mut content = format!("left out, since this file would have more than {} MiB\n", FILE >> 20);
        for (count, what) in counted.iter().filter(|(count, _)| *count > 0) {
            let _ = write!(content, "\n{count} {what}");
        }
        content.push_str("\n\nsummary.json and events.jsonl have all of it");
        // A file without what went wrong must not look as if nothing had.
        let what = if self.dropped[0] > 0 { Element::Error } else { Element::Skipped };
        let came = Came::Not { kind: Kind::LeftOut, what, content };
        Some(Case { name: "left out of this report".to_owned(), time: Duration::ZERO, came, out: String::new() })
    }
}
