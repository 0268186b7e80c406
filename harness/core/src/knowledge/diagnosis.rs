//! The known failures in logs: each once, with its place, and below the one that it follows from.
//!
//! A failure follows from another if the list of known failures says so (`consequence-of`) and both occur; of several, from
//! the nearest. If a failure and its cause match the same lines, only the cause is reported.

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

/// Two reports of a failure that are further apart than this are two failures, whatever is between them.
const CHAIN: u64 = 500;
/// Within this many lines after `Caused by:` the same error is only repeated.
const REPEATED_WITHIN: u64 = 4;
/// How many variants of one known failure are reported separately; further ones are counted with the first.
const MAX_VARIANTS: usize = 50;
/// How many combinations of group values are remembered with their description.
const REMEMBERED: usize = 10_000;

/// A known failure that was found in logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its index in the list of known failures.
    pub failure: usize,
    /// Its cause and remedy, with the values from the log.
    pub known: Known,
    /// The releases on which it occurs; all if none.
    pub releases: Option<Range>,
    /// The name of the log it was first found in.
    pub source: String,
    /// The number of that log.
    pub log: usize,
    /// The line it was first found in, from 1.
    pub line: u64,
    /// The text there.
    pub excerpt: Vec<String>,
    /// How many times it was found.
    pub count: u64,
    /// Whether it only looks like a failure.
    pub harmless: bool,
    /// The first line after its last occurrence in its log that reports success, and its text.
    pub recovered: Option<(u64, String)>,
}

impl Found {
    /// Counts another occurrence, after which an earlier success no longer holds.
    fn count_again(&mut self) {
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
    /// The last line that announces a repetition of the same error.
    chained: Option<u64>,
    found: Vec<Found>,
    by_text: HashMap<(usize, String, String), usize>,
    /// The index in `found` by failure and group values: equal values have equal descriptions.
    by_groups: HashMap<(usize, Vec<(String, String)>), usize>,
    /// The lines of what was found since the last call of `explained`.
    explained: Vec<(u64, u64)>,
}

impl<'r> Diagnosis<'r> {
    /// A diagnosis with the failures that may occur on a release, or with all.
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

    /// Begins a log.
    pub fn begin(&mut self, source: impl Into<String>) {
        self.end();
        self.sources.push(source.into());
        self.explained.clear();
        self.open = Some(Search::new(self.recogniser, self.release.as_ref()));
    }

    /// Takes a piece of the log, which may be cut anywhere.
    pub fn take(&mut self, bytes: &[u8]) {
        let detections = self.open.as_mut().map(|search| search.take(bytes)).unwrap_or_default();
        self.record(detections);
    }

    /// Ends the log.
    pub fn end(&mut self) {
        let detections = self.open.take().map(Search::finish).unwrap_or_default();
        self.record(detections);
        self.settle();
        self.last.clear();
        self.chained = None;
    }

    /// Whether a failure was found so far that is not harmless.
    pub fn found_any(&self) -> bool {
        self.found.iter().any(|found| !found.harmless)
    }

    /// The first and last lines of all occurrences that were found in the log since the last call.
    pub fn explained(&mut self) -> Vec<(u64, u64)> {
        std::mem::take(&mut self.explained)
    }

    /// Everything that was found, in the order of the logs and their lines.
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
                    // A failure that was also found in a later log stays open: its place there is not known.
                    let log = self.sources.len();
                    let open = |found: &&mut Found| found.log == log && found.recovered.is_none();
                    for found in self.found.iter_mut().filter(open) {
                        found.recovered = Some((line, text.clone()));
                    }
                }
            }
        }
    }

    /// Adds the recent occurrences, whose lines no later one can share.
    fn settle(&mut self) {
        let recent = std::mem::take(&mut self.recent);
        let recogniser = self.recogniser;
        let is_consequence = |occurrence: &Occurrence| {
            let causes = recogniser
                .failure(occurrence.failure)
                .map(|failure| failure.consequence_of.as_slice())
                .unwrap_or_default();
            recent.iter().any(|other| {
                let is_cause = recogniser.failure(other.failure).is_some_and(|failure| causes.contains(&failure.id));
                is_cause && other.lines.0 <= occurrence.lines.1 && occurrence.lines.0 <= other.lines.1
            })
        };
        let causes: Vec<bool> = recent.iter().map(|occurrence| !is_consequence(occurrence)).collect();
        for (occurrence, is_cause) in recent.into_iter().zip(causes) {
            if is_cause {
                self.add(occurrence);
            }
        }
    }

    fn add(&mut self, occurrence: Occurrence) {
        let Some(failure) = self.recogniser.failure(occurrence.failure) else { return };
        let line = occurrence.lines.0;
        let before = self.last.insert(occurrence.failure, line);
        let repeated = before.is_some_and(|before| {
            let announced = |chained| before < chained && (chained..=chained + REPEATED_WITHIN).contains(&line);
            line.saturating_sub(before) <= CHAIN && self.chained.is_some_and(announced)
        });
        if repeated {
            return;
        }
        let named = (occurrence.failure, occurrence.groups);
        if let Some(found) = self.by_groups.get(&named).and_then(|at| self.found.get_mut(*at)) {
            found.count_again();
            return;
        }
        let groups: Vec<(String, String)> =
            named.1.iter().map(|(name, group)| (name.clone(), without_named(group).into_owned())).collect();
        let known = failure.describe(&groups);
        let key = (occurrence.failure, known.cause.clone(), known.remedy.clone());
        let variants = || self.found.iter().enumerate().filter(|(_, found)| found.failure == occurrence.failure);
        let known_at = self.by_text.get(&key).copied();
        let known_at = known_at
            .or_else(|| (variants().count() >= MAX_VARIANTS).then(|| variants().map(|(at, _)| at).next()).flatten());
        if self.by_groups.len() < REMEMBERED {
            self.by_groups.insert(named, known_at.unwrap_or(self.found.len()));
        }
        if let Some(found) = known_at.and_then(|at| self.found.get_mut(at)) {
            found.count_again();
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
