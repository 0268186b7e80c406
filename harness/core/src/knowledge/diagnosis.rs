//! What known failures logs tell of: each once, with its place, and below the one that it follows from.
//!
//! A failure follows from another where the list of known failures says so (`consequence-of`) and both are there; of
//! several, the nearest. What is recognised on the same lines as one that it follows from is that one, seen more
//! generally, and is not told beside it.

mod tree;
mod unexplained;
mod wide;

use std::collections::{BTreeMap, HashMap};

use crate::knowledge::signature::{Detection, Occurrence, Recogniser, Search};
use crate::outcome::finding::Known;
use crate::secret::without_named;
use crate::vocabulary::release::{Range, Release};

pub use tree::{DiagnosedFailure, tree};
pub use unexplained::{FirstError, Unexplained};
pub use wide::{WideNet, WideNetFound};

/// What is further apart than this is another time it failed, whatever stands between.
const CHAIN: u64 = 500;
/// Lines after `Caused by:` in which it says the error again.
const SAYS_AGAIN: u64 = 4;
/// Failures told one by one, of each known one: those beyond are counted to the first.
const APART: usize = 50;
/// Namings whose telling is remembered.
const REMEMBERED: usize = 10_000;

/// A known failure that logs tell of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its index in the list of known failures.
    pub failure: usize,
    /// What is told of it.
    pub known: Known,
    /// The releases it is about; all when not said.
    pub releases: Option<Range>,
    /// The name of the log it was first found in.
    pub source: String,
    /// The number of that log.
    pub log: usize,
    /// The line it was first found in, from 1.
    pub line: u64,
    /// What stands there.
    pub excerpt: Vec<String>,
    /// How many times it was found.
    pub count: u64,
    /// It looks like a failure and is none.
    pub harmless: bool,
    /// The first line behind the last time in its log that says that all went well, and what it says.
    pub recovered: Option<(u64, String)>,
}

impl Found {
    /// It was found again: what was well before is not any more.
    fn once_more(&mut self) {
        self.count += 1;
        self.recovered = None;
    }
}

/// Takes logs one after the other, in flat memory.
#[derive(Debug)]
pub struct Diagnosis<'r> {
    recogniser: &'r Recogniser,
    release: Option<Release>,
    sources: Vec<String>,
    open: Option<Search<'r>>,
    /// Occurrences whose lines another one may still share.
    recent: Vec<Occurrence>,
    /// By failure: the line in which the log has it last.
    last: BTreeMap<usize, u64>,
    /// The last line that says that the same error comes once more.
    chained: Option<u64>,
    found: Vec<Found>,
    by_text: HashMap<(usize, String, String), usize>,
    /// What was told of it is the same where it named the same.
    by_groups: HashMap<(usize, Vec<(String, String)>), usize>,
    /// The lines of what was found since they were asked for.
    explained: Vec<(u64, u64)>,
}

impl<'r> Diagnosis<'r> {
    /// A diagnosis by the failures that may occur on a release; by all when none is given.
    pub fn new(recogniser: &'r Recogniser, release: Option<Release>) -> Self {
        Self {
            recogniser,
            release,
            sources: Vec::new(),
            open: None,
            recent: Vec::new(),
            last: BTreeMap::new(),
            chained: None,
            found: Vec::new(),
            by_text: HashMap::new(),
            by_groups: HashMap::new(),
            explained: Vec::new(),
        }
    }

    /// A log begins.
    pub fn begin(&mut self, source: impl Into<String>) {
        self.end();
        self.sources.push(source.into());
        self.explained.clear();
        self.open = Some(Search::new(self.recogniser, self.release.as_ref()));
    }

    /// Takes a piece of the log, cut anywhere.
    pub fn take(&mut self, bytes: &[u8]) {
        let detections = self.open.as_mut().map(|search| search.take(bytes)).unwrap_or_default();
        self.record(detections);
    }

    /// The log has ended.
    pub fn end(&mut self) {
        let detections = self.open.take().map(Search::finish).unwrap_or_default();
        self.record(detections);
        self.settle();
        self.last.clear();
        self.chained = None;
    }

    /// Whether a failure was found in what was settled so far; what is harmless is none.
    pub fn found_any(&self) -> bool {
        self.found.iter().any(|found| !found.harmless)
    }

    /// The first and last lines of all occurrences that were found in the log since this was asked.
    pub fn explained(&mut self) -> Vec<(u64, u64)> {
        std::mem::take(&mut self.explained)
    }

    /// All that was found, in the order of the logs and their lines.
    pub fn finish(mut self) -> Vec<Found> {
        self.end();
        self.found.sort_by_key(|found| (found.log, found.line, found.failure));
        self.found
    }

    fn record(&mut self, detections: Vec<Detection>) {
        for detection in detections {
            match detection {
                Detection::Failure(occurrence) => {
                    self.explained.push(occurrence.lines);
                    let upto = self.recent.iter().map(|recent| recent.lines.1).max().unwrap_or_default();
                    if occurrence.lines.0 > upto {
                        self.settle();
                    }
                    self.recent.push(occurrence);
                }
                Detection::Chained { line } => {
                    self.settle();
                    self.chained = Some(line);
                }
                Detection::Recovered { line, text } => {
                    self.settle();
                    // One that was found in a later log too stays open: nothing is known of that one's place.
                    let log = self.sources.len();
                    let open = |found: &&mut Found| found.log == log && found.recovered.is_none();
                    for found in self.found.iter_mut().filter(open) {
                        found.recovered = Some((line, text.clone()));
                    }
                }
            }
        }
    }

    /// Takes in what shares its lines with nothing that may still come.
    fn settle(&mut self) {
        let recent = std::mem::take(&mut self.recent);
        let recogniser = self.recogniser;
        let general = |one: &Occurrence| {
            let of =
                recogniser.failure(one.failure).map(|failure| failure.consequence_of.as_slice()).unwrap_or_default();
            recent.iter().any(|other| {
                let named = recogniser.failure(other.failure).is_some_and(|failure| of.contains(&failure.id));
                named && other.lines.0 <= one.lines.1 && one.lines.0 <= other.lines.1
            })
        };
        let kept: Vec<bool> = recent.iter().map(|one| !general(one)).collect();
        for (occurrence, kept) in recent.into_iter().zip(kept) {
            if kept {
                self.add(occurrence);
            }
        }
    }

    fn add(&mut self, occurrence: Occurrence) {
        let Some(failure) = self.recogniser.failure(occurrence.failure) else { return };
        let line = occurrence.lines.0;
        let before = self.last.insert(occurrence.failure, line);
        let again = before.is_some_and(|before| {
            let said_again = |chained| before < chained && (chained..=chained + SAYS_AGAIN).contains(&line);
            line.saturating_sub(before) <= CHAIN && self.chained.is_some_and(said_again)
        });
        if again {
            return;
        }
        let named = (occurrence.failure, occurrence.groups);
        if let Some(found) = self.by_groups.get(&named).and_then(|at| self.found.get_mut(*at)) {
            found.once_more();
            return;
        }
        let groups: Vec<(String, String)> =
            named.1.iter().map(|(name, group)| (name.clone(), without_named(group).into_owned())).collect();
        let known = failure.describe(&groups);
        let key = (occurrence.failure, known.cause.clone(), known.remedy.clone());
        let of_it = || self.found.iter().enumerate().filter(|(_, found)| found.failure == occurrence.failure);
        let there = self.by_text.get(&key).copied();
        let there = there.or_else(|| (of_it().count() >= APART).then(|| of_it().map(|(at, _)| at).next()).flatten());
        if self.by_groups.len() < REMEMBERED {
            self.by_groups.insert(named, there.unwrap_or(self.found.len()));
        }
        if let Some(found) = there.and_then(|at| self.found.get_mut(at)) {
            found.once_more();
            return;
        }
        self.by_text.insert(key, self.found.len());
        self.found.push(Found {
            failure: occurrence.failure,
            known,
            releases: failure.releases.clone(),
            source: self.sources.last().cloned().unwrap_or_default(),
            log: self.sources.len(),
            line,
            excerpt: occurrence.excerpt.iter().map(|line| without_named(line).into_owned()).collect(),
            count: 1,
            harmless: failure.harmless,
            recovered: None,
        });
    }
}

#[cfg(test)]
mod tests;
