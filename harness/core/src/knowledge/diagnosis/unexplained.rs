//! The first errors, by the product's check of logs, that are not on the lines of a known failure.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::check::{LogScanner, OneError};
use crate::knowledge::signature::JsonLines;
use crate::model::product::LogCheck;
use crate::secret::without_named;
use crate::vocabulary::release::Release;

/// After this many further bytes, a known failure on the lines of an error has been found: more than a search holds back.
const LAG: u64 = 768 << 10;
/// How many errors may wait for that; beyond it, the oldest is judged by what is known by then.
const WAITING: usize = 20_000;
/// An announced error follows its announcement within this many lines.
const ANNOUNCED: u64 = 2;
/// How many places of known failures are kept for the waiting errors.
const EXPLAINED: usize = 50_000;

/// A kind of error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstError {
    /// The name of its log.
    pub source: String,
    /// The line of the first one.
    pub line: u64,
    /// How many there are in that log.
    pub count: u64,
    /// The first one.
    pub example: Vec<String>,
}

/// Takes the logs that a diagnosis takes, in flat memory.
#[derive(Debug)]
pub struct Unexplained {
    check: LogCheck,
    release: Release,
    json: JsonLines,
    most: usize,
    open: Option<Log>,
    first: Vec<FirstError>,
}

#[derive(Debug)]
struct Log {
    scanner: LogScanner,
    taken: u64,
    waiting: Waiting,
}

/// The errors of a log that are still to be judged.
#[derive(Debug, Default)]
struct Waiting {
    source: String,
    /// Errors that a known failure may still explain, and how many bytes had been read when they came.
    errors: VecDeque<(u64, OneError)>,
    /// Lines of known failures, as ranges that do not touch: the last line by the first.
    explained: BTreeMap<u64, u64>,
    /// The index among the first errors, by kind.
    kinds: HashMap<String, usize>,
}

impl Unexplained {
    /// Keeps at most `most` kinds of errors. Without a release, a line that is harmless on some release counts as harmless.
    ///
    /// # Errors
    /// If a pattern cannot be compiled for bytes.
    pub fn new(
        check: &LogCheck,
        json: &JsonLines,
        release: Option<&Release>,
        most: usize,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let mut check = check.clone();
        if release.is_none() {
            // The log may be of a release on which the line is harmless.
            check.allow.iter_mut().for_each(|line| line.releases = None);
        }
        let release = release.cloned().map_or_else(|| "0".parse(), Ok)?;
        // Compiled once now, so that a bad pattern is an error before anything is read.
        LogScanner::new(&check, &release, "")?;
        Ok(Self { check, release, json: json.clone(), most, open: None, first: Vec::new() })
    }

    /// Begins a log. It is only searched if there is room for further kinds.
    pub fn begin(&mut self, source: &str) {
        let scanner =
            || LogScanner::new(&self.check, &self.release, source).ok().map(|scanner| scanner.one_by_one(&self.json));
        let scanner = (self.first.len() < self.most).then(scanner).flatten();
        let waiting = Waiting { source: source.to_owned(), ..Waiting::default() };
        self.open = scanner.map(|scanner| Log { scanner, taken: 0, waiting });
    }

    /// Takes a piece, and the lines of the known failures that the diagnosis found in it.
    pub fn take(&mut self, piece: &[u8], explained: &[(u64, u64)]) {
        let Some(Log { scanner, taken, waiting }) = &mut self.open else { return };
        scanner.take(piece);
        *taken += piece.len() as u64;
        waiting.add(*taken, scanner.singles(), explained);
        while waiting.errors.len() > WAITING || waiting.errors.front().is_some_and(|(at, _)| at + LAG <= *taken) {
            waiting.judge(&mut self.first, self.most);
        }
        while waiting.explained.len() > EXPLAINED {
            waiting.explained.pop_first();
        }
    }

    /// Ends the log.
    pub fn end(&mut self, explained: &[(u64, u64)]) {
        let Some(Log { scanner, taken, mut waiting }) = self.open.take() else { return };
        waiting.add(taken, scanner.ended(), explained);
        while !waiting.errors.is_empty() {
            waiting.judge(&mut self.first, self.most);
        }
    }

    /// The first kinds of errors that no known failure explains.
    pub fn first(&self) -> &[FirstError] {
        &self.first
    }
}

impl Waiting {
    fn add(&mut self, taken: u64, errors: Vec<OneError>, explained: &[(u64, u64)]) {
        self.errors.extend(errors.into_iter().map(|error| (taken, error)));
        for (first, last) in explained {
            self.explain(*first, *last);
        }
    }

    fn explain(&mut self, first: u64, last: u64) {
        let (mut first, mut last) = (first, last);
        // Ranges that touch it are merged with it.
        while let Some((from, upto)) = self.explained.range(..=last + 1).next_back().map(|(from, upto)| (*from, *upto))
        {
            if upto + 1 < first {
                break;
            }
            self.explained.remove(&from);
            (first, last) = (first.min(from), last.max(upto));
        }
        self.explained.insert(first, last);
    }

    /// Whether a known failure is on one of these lines.
    fn explains(&self, first: u64, last: u64) -> bool {
        self.explained.range(..=last).next_back().is_some_and(|(_, upto)| *upto >= first)
    }

    /// Judges the oldest waiting error.
    fn judge(&mut self, all: &mut Vec<FirstError>, most: usize) {
        let Some((_, error)) = self.errors.pop_front() else { return };
        let (first, last) = error.lines();
        if self.explains(first, last) || error.announces() && self.explains(last + 1, last + ANNOUNCED) {
            return;
        }
        let shape = error.shape();
        if let Some(kind) = self.kinds.get(&shape).and_then(|kind| all.get_mut(*kind)) {
            kind.count += 1;
        } else if all.len() < most {
            self.kinds.insert(shape, all.len());
            let example = error.example().iter().map(|line| without_named(line).into_owned()).collect();
            all.push(FirstError { source: self.source.clone(), line: first, count: 1, example });
        }
    }
}
