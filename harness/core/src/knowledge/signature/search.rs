//! Searches a text of any size for known failures as it arrives, in constant memory.
//!
//! A first pass over the significant bytes finds the places that hold a text which every match of a failure holds. Only
//! there is the pattern tried: on the line, on several lines, and on the lines without whitespace, because a terminal may
//! have wrapped them.

use std::collections::VecDeque;
use std::mem::take;

use memchr::memchr_iter;

use super::candidate::{AFTER, BEFORE, Candidate};
use super::occurrence::Occurrence;
use super::recogniser::{Recogniser, Wanted, is_chained};
use super::significant_bytes::{SignificantOffsets, significant_bytes};
use crate::vocabulary::release::Release;

/// Bytes before a new piece that are searched again, for texts that the cut divided: one text with the whitespace of a
/// few wrapped lines in it.
const AGAIN: usize = 2048;
/// Bytes that are searched at once.
const PIECE: usize = 128 << 10;
/// After so many candidates that were not the failure, it is tried without whitespace only on lines that look as if a
/// terminal had wrapped them: otherwise a text full of near matches would cost too much.
const PATIENCE: u32 = 500;

/// What a search found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detection {
    /// A known failure.
    Failure(Occurrence),
    /// What follows repeats the error before, as after `Caused by:`.
    Chained {
        /// The number of the line, from 1.
        line: u64,
    },
    /// A line that reports success, whatever was before it.
    Recovered {
        /// The number of the line, from 1.
        line: u64,
        /// The line.
        text: String,
    },
}

impl Detection {
    /// The known failure.
    pub fn failure(&self) -> Option<&Occurrence> {
        match self {
            Self::Failure(occurrence) => Some(occurrence),
            Self::Chained { .. } | Self::Recovered { .. } => None,
        }
    }
}

/// The end of a text that the first pass found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Hit {
    at: u64,
    /// The number of that text; `None` where every line is tried.
    wanted: Option<usize>,
}

/// A search of one text.
#[derive(Debug)]
pub struct Search<'r> {
    recogniser: &'r Recogniser,
    /// For each failure, whether it can occur on the release.
    applies: Vec<bool>,
    /// The bytes that may still be needed.
    kept: Vec<u8>,
    /// How many bytes came before those.
    before: u64,
    /// The end of what the first pass has covered.
    searched: u64,
    hits: VecDeque<Hit>,
    /// For each failure, the end of its last occurrence.
    covered: Vec<u64>,
    /// For each failure, how many candidates were not the failure.
    missed: Vec<u32>,
    /// An offset and the number of its line.
    counted: (u64, u64),
    /// A buffer for the significant bytes, reused.
    significant: Vec<u8>,
    found: Vec<Detection>,
}

impl<'r> Search<'r> {
    /// A search for the failures that can occur on a release; for all when none is given.
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
            significant: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Takes a piece, cut anywhere, and returns what was found in the part that is complete by now.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Detection> {
        for piece in bytes.chunks(PIECE) {
            self.kept.extend_from_slice(piece);
            // Small pieces are gathered, because each search begins a little before what is new.
            if self.end() - self.searched >= PIECE as u64 {
                self.search();
                self.look(AFTER);
                self.forget();
            }
        }
        take(&mut self.found)
    }

    /// Returns what was found in the rest.
    pub fn finish(mut self) -> Vec<Detection> {
        self.search();
        self.look(0);
        self.found
    }

    fn end(&self) -> u64 {
        self.before + self.kept.len() as u64
    }

    /// An offset of the text as an offset into the bytes that are kept.
    fn within(&self, at: u64) -> usize {
        usize::try_from(at.saturating_sub(self.before)).unwrap_or(usize::MAX).min(self.kept.len())
    }

    /// The first pass: finds places in what has arrived where a failure may be.
    fn search(&mut self) {
        let from = self.within(self.searched).saturating_sub(AGAIN);
        let first = self.hits.len();
        let fresh = &self.kept[from..];
        if let Some(automaton) = &self.recogniser.automaton {
            let significant = significant_bytes(fresh, &mut self.significant);
            let mut offsets = SignificantOffsets::new(fresh);
            let (mut passed, mut offset) = (0, 0);
            // Matches are ordered by their ends, so the offsets are walked once.
            for found in automaton.find_overlapping_iter(significant) {
                if found.end() > passed {
                    offset = offsets.nth(found.end() - passed - 1).unwrap_or(fresh.len());
                    passed = found.end();
                }
                let at = self.before + (from + offset) as u64;
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

    /// The second pass: tries the patterns at places that are followed by so many bytes.
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
                    if Candidate::new(&self.kept, at, number).is(is_chained) {
                        self.found.push(Detection::Chained { line: number });
                    }
                    continue;
                }
                Some(Wanted::Recovered(index)) => {
                    let text = recogniser.recovered.get(*index).map(|text| text.trim()).unwrap_or_default();
                    if Candidate::new(&self.kept, at, number).is(|form| form.trim() == text) {
                        self.found.push(Detection::Recovered { line: number, text: text.to_owned() });
                    }
                    continue;
                }
            };
            let uncovered = |failure: &&usize| self.applies[**failure] && self.covered[**failure] <= hit.at;
            let mut candidate = None;
            for failure in failures.iter().copied().filter(|failure| uncovered(&failure)).collect::<Vec<_>>() {
                let candidate = candidate.get_or_insert_with(|| Candidate::new(&self.kept, at, number));
                let thorough = self.missed[failure] < PATIENCE;
                match candidate.recognised(&recogniser.compiled[failure], &recogniser.json, thorough) {
                    Some((mut occurrence, end)) => {
                        occurrence.failure = failure;
                        self.covered[failure] = self.before + end as u64;
                        self.found.push(Detection::Failure(occurrence));
                    }
                    None => self.missed[failure] = self.missed[failure].saturating_add(1),
                }
            }
        }
    }

    /// Drops the bytes that are no longer needed.
    fn forget(&mut self) {
        let needed = self.hits.front().map_or(self.end(), |hit| hit.at);
        let drop = self.within(needed).saturating_sub(BEFORE);
        // Dropping moves the bytes that stay, so it has to be worth it.
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
