//! Looks for known failures in a text of any size as it comes, in flat memory.
//!
//! A first look goes over the bytes without their blanks and finds where a text stands that a failure always has; only
//! there the pattern is tried: on the line, on several lines, and on the lines without their blanks, as a terminal may
//! have wrapped them.

use std::collections::VecDeque;
use std::mem::take;

use memchr::memchr_iter;

use super::bare::{Places, bare};
use super::recogniser::{Recogniser, Wanted, is_chained};
use super::spot::{AFTER, BEFORE, Spot};
use crate::vocabulary::release::Release;

/// Bytes that are looked at again, for what was cut: a text with the blanks of a few wrapped lines in it.
const AGAIN: usize = 2048;
/// Bytes that are looked at in one go.
const PIECE: usize = 128 << 10;
/// So often a failure is looked for in all ways where it might be and is not; later it is looked for on lines without
/// blanks only where they look as a terminal wraps them.
const PATIENCE: u32 = 500;

/// Something that was found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A known failure.
    Failure(Occurrence),
    /// What comes now is the same error once more, as `Caused by:` says it.
    Chained {
        /// The number of the line, from 1.
        line: u64,
    },
    /// All went well, whatever stands before.
    Recovered {
        /// The number of the line, from 1.
        line: u64,
        /// What it says.
        text: String,
    },
}

/// A place where a known failure was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// Its index in the list of known failures.
    pub failure: usize,
    /// The first and the last of its lines, from 1.
    pub lines: (u64, u64),
    /// What stands there, cut to what can be read.
    pub excerpt: Vec<String>,
    /// The named groups of its patterns.
    pub groups: Vec<(String, String)>,
}

impl Seen {
    /// The known failure.
    pub fn failure(&self) -> Option<&Occurrence> {
        match self {
            Self::Failure(occurrence) => Some(occurrence),
            Self::Chained { .. } | Self::Recovered { .. } => None,
        }
    }
}

/// Where a text that is looked for ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Hit {
    at: u64,
    /// Its number among those that are looked for; none where each line is tried.
    wanted: Option<usize>,
}

/// Looks through one text.
#[derive(Debug)]
pub struct Search<'r> {
    recogniser: &'r Recogniser,
    /// By failure, whether it is looked for.
    applies: Vec<bool>,
    /// The bytes that may still be needed.
    kept: Vec<u8>,
    /// How many bytes were before those.
    before: u64,
    /// Up to here it was searched.
    searched: u64,
    hits: VecDeque<Hit>,
    /// By failure, up to where it has been seen.
    covered: Vec<u64>,
    /// By failure, how often it might have been somewhere and was not.
    missed: Vec<u32>,
    /// A place and the number of its line.
    counted: (u64, u64),
    /// The text without its blanks; kept for its room.
    bare: Vec<u8>,
    found: Vec<Seen>,
}

impl<'r> Search<'r> {
    /// A search for what may occur on a release; on any when none is given.
    pub fn new(recogniser: &'r Recogniser, release: Option<&Release>) -> Self {
        let holds = |range: &Option<crate::vocabulary::release::Range>| {
            range.as_ref().is_none_or(|range| release.is_none_or(|release| range.contains(release)))
        };
        let applies: Vec<bool> = recogniser.failures().map(|failure| holds(&failure.releases)).collect();
        Self {
            covered: vec![0; applies.len()],
            missed: vec![0; applies.len()],
            recogniser,
            applies,
            kept: Vec::new(),
            before: 0,
            searched: 0,
            hits: VecDeque::new(),
            counted: (0, 1),
            bare: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Takes a piece, cut anywhere, and gives what was found in what is whole by now.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Seen> {
        for piece in bytes.chunks(PIECE) {
            self.kept.extend_from_slice(piece);
            // Small pieces are gathered: each search begins a little before what is new.
            if self.end() - self.searched >= PIECE as u64 {
                self.search();
                self.look(AFTER);
                self.forget();
            }
        }
        take(&mut self.found)
    }

    /// Gives what was found in the rest.
    pub fn finish(mut self) -> Vec<Seen> {
        self.search();
        self.look(0);
        self.found
    }

    fn end(&self) -> u64 {
        self.before + self.kept.len() as u64
    }

    /// An offset among the bytes that are kept.
    fn within(&self, at: u64) -> usize {
        usize::try_from(at.saturating_sub(self.before)).unwrap_or(usize::MAX).min(self.kept.len())
    }

    /// Finds where something may be in what has come.
    fn search(&mut self) {
        let from = self.within(self.searched).saturating_sub(AGAIN);
        let first = self.hits.len();
        let fresh = &self.kept[from..];
        if let Some(automaton) = &self.recogniser.automaton {
            let bare = bare(fresh, &mut self.bare);
            let mut places = Places::new(fresh);
            let (mut passed, mut place) = (0, 0);
            // Their ends come in order.
            for found in automaton.find_overlapping_iter(bare) {
                if found.end() > passed {
                    place = places.nth(found.end() - passed - 1).unwrap_or(fresh.len());
                    passed = found.end();
                }
                let at = self.before + (from + place) as u64;
                if at >= self.searched {
                    self.hits.push_back(Hit { at, wanted: Some(found.pattern().as_usize()) });
                }
            }
        }
        if !self.recogniser.everywhere.is_empty() {
            let since = self.within(self.searched);
            let ends = memchr_iter(b'\n', &self.kept[since..]);
            self.hits.extend(ends.map(|end| Hit { at: self.before + (since + end) as u64, wanted: None }));
            self.hits.make_contiguous()[first..].sort();
        }
        self.searched = self.end();
    }

    /// Looks closer at the places behind which so many bytes have come.
    fn look(&mut self, behind: usize) {
        while let Some(hit) = self.hits.front().copied() {
            if hit.at + behind as u64 > self.end() {
                return;
            }
            self.hits.pop_front();
            let at = self.within(hit.at);
            let (counted, line) = self.counted;
            let number = line + memchr_iter(b'\n', &self.kept[self.within(counted)..at]).count() as u64;
            self.counted = (hit.at, number);
            let recogniser = self.recogniser;
            let failures = match hit.wanted.and_then(|wanted| recogniser.wanted.get(wanted)) {
                None => &recogniser.everywhere,
                Some(Wanted::Failures(failures)) => failures,
                Some(Wanted::Chained) => {
                    if Spot::new(&self.kept, at, number).is(is_chained) {
                        self.found.push(Seen::Chained { line: number });
                    }
                    continue;
                }
                Some(Wanted::Recovered(index)) => {
                    let text = recogniser.recovered.get(*index).map(|text| text.trim()).unwrap_or_default();
                    if Spot::new(&self.kept, at, number).is(|form| form.trim() == text) {
                        self.found.push(Seen::Recovered { line: number, text: text.to_owned() });
                    }
                    continue;
                }
            };
            let unseen = |failure: &&usize| self.applies[**failure] && self.covered[**failure] <= hit.at;
            let mut spot = None;
            for failure in failures.iter().copied().filter(|failure| unseen(&failure)).collect::<Vec<_>>() {
                let spot = spot.get_or_insert_with(|| Spot::new(&self.kept, at, number));
                let thorough = self.missed[failure] < PATIENCE;
                match spot.recognised(&recogniser.ready[failure], &recogniser.json, thorough) {
                    Some((mut occurrence, end)) => {
                        occurrence.failure = failure;
                        self.covered[failure] = self.before + end as u64;
                        self.found.push(Seen::Failure(occurrence));
                    }
                    None => self.missed[failure] = self.missed[failure].saturating_add(1),
                }
            }
        }
    }

    /// Lets go of what is no longer needed.
    fn forget(&mut self) {
        let needed = self.hits.front().map_or(self.end(), |hit| hit.at);
        let drop = self.within(needed).saturating_sub(BEFORE);
        // Moving what stays costs as much as it has bytes.
        if drop < PIECE {
            return;
        }
        let (counted, line) = self.counted;
        let upto = self.before + drop as u64;
        if counted < upto {
            let passed = &self.kept[self.within(counted)..drop];
            self.counted = (upto, line + memchr_iter(b'\n', passed).count() as u64);
        }
        self.kept.drain(..drop);
        self.before = upto;
    }
}
