//! Scans logs as they are read, in flat memory: what counts as an error is kept by kind, with one example of each.
//!
//! A first search goes over many lines at once, with all patterns as one. Only the lines that it finds, and those that
//! belong to an error, are looked at one by one.

mod level;
mod open;
mod own;
mod shape;
mod together;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;

use memchr::{memchr, memchr_iter, memchr2, memrchr};
use regex::bytes::{Regex, RegexSet};

use self::open::{Follows, Open};
use self::together::together;
use crate::knowledge::signature::JsonLines;
use crate::model::product::LogCheck;
use crate::observation::{ErrorKind, LogReview, LogSource};
use crate::text::{ESCAPE, end_of_line, plain_bytes};
use crate::vocabulary::release::Release;

/// A line longer than this is judged part by part.
const LONGEST_LINE: usize = 64 * 1024;
/// Bytes of one part with which the next one begins, so that a match across the cut is found.
const OVERLAP: usize = 4 * 1024;
/// Bytes of a line that are shown and decide its kind; of a longer line, its beginning and what made it an error.
const WIDTH: usize = 600;

/// Kinds of errors kept per log; errors of further kinds are counted.
const KINDS: usize = 1000;

/// Reads a log in pieces, in flat memory, and keeps the kinds of lines that count as errors.
#[derive(Debug)]
pub struct LogScanner {
    /// All patterns as one over many lines; none if they cannot be combined, so that each line is judged by itself.
    any: Option<Regex>,
    errors: RegexSet,
    /// Those of the patterns that hold whatever level a line has.
    at_any_level: RegexSet,
    /// Each pattern by itself, to find its place; compiled for the first long line that needs it.
    places: OnceCell<Vec<Regex>>,
    allow: Vec<(Regex, String)>,
    review: LogReview,
    kinds: HashMap<String, usize>,
    /// The error that further lines may still belong to.
    open: Option<Open>,
    rest: Vec<u8>,
    /// What is known of a line of which `rest` holds only the last part.
    long: Option<Long>,
    /// If errors are returned one by one and not kept by kind: those that were not returned yet.
    singles: Option<Vec<OneError>>,
    /// Which JSON lines are not errors.
    json: JsonLines,
}

/// One error, with the lines that belong to it.
#[derive(Debug)]
pub struct OneError(Open);

impl OneError {
    /// Its first line and its last, from 1.
    pub fn lines(&self) -> (u64, u64) {
        self.0.lines()
    }

    /// Whether its last line only announces what follows.
    pub fn announces(&self) -> bool {
        self.0.announces()
    }

    /// What it has in common with others of its kind.
    pub fn shape(&self) -> String {
        self.0.shape()
    }

    /// Its lines, shortened for people.
    pub fn example(&self) -> Vec<String> {
        self.0.example()
    }
}

/// A line that is too long to be kept as a whole.
#[derive(Debug)]
struct Long {
    beginning: Vec<u8>,
    /// The first part of it that is an error.
    error: Option<Vec<u8>>,
}

impl LogScanner {
    /// A scanner for one log of a service on a release.
    ///
    /// # Errors
    /// If a pattern cannot be compiled for bytes.
    pub fn new(check: &LogCheck, release: &Release, source: impl Into<LogSource>) -> Result<Self, regex::Error> {
        let applies = |range: &Option<crate::vocabulary::release::Range>| {
            range.as_ref().is_none_or(|range| range.contains(release))
        };
        let at_any_level: Vec<&str> = check.at_any_level.iter().map(|pattern| pattern.as_str()).collect();
        let errors: Vec<&str> =
            check.errors.iter().map(|pattern| pattern.as_str()).chain(at_any_level.iter().copied()).collect();
        Ok(Self {
            any: together(&errors),
            errors: RegexSet::new(&errors)?,
            at_any_level: RegexSet::new(&at_any_level)?,
            places: OnceCell::new(),
            allow: check
                .allow
                .iter()
                .filter(|line| applies(&line.releases))
                .map(|line| Ok((Regex::new(line.pattern.as_str())?, line.because.to_string())))
                .collect::<Result<_, regex::Error>>()?,
            review: LogReview { source: source.into(), ..LogReview::default() },
            kinds: HashMap::new(),
            open: None,
            rest: Vec::new(),
            long: None,
            singles: None,
            json: JsonLines::default(),
        })
    }

    /// The same, but `singles` returns each error instead of keeping kinds. Of JSON only the parts that report failures
    /// count.
    #[must_use]
    pub fn one_by_one(self, json: &JsonLines) -> Self {
        Self { singles: Some(Vec::new()), json: json.clone(), ..self }
    }

    /// The errors that are complete and were not returned yet.
    pub fn singles(&mut self) -> Vec<OneError> {
        self.singles.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Ends the log, and returns the remaining errors.
    pub fn ended(mut self) -> Vec<OneError> {
        if !self.rest.is_empty() {
            self.last_part();
        }
        self.close();
        self.singles()
    }

    /// Takes a piece of the log, which may be cut anywhere.
    pub fn take(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        if !self.rest.is_empty() {
            let end = memchr(b'\n', bytes);
            self.keep(&bytes[..end.unwrap_or(bytes.len())]);
            let Some(end) = end else { return };
            self.last_part();
            bytes = &bytes[end + 1..];
        }
        let complete = memrchr(b'\n', bytes).map_or(0, |end| end + 1);
        self.block(&bytes[..complete]);
        self.keep(&bytes[complete..]);
    }

    fn keep(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        while !bytes.is_empty() {
            let room = LONGEST_LINE - self.rest.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.rest.extend_from_slice(now);
            bytes = later;
            if self.rest.len() == LONGEST_LINE {
                self.part();
                self.rest.drain(..LONGEST_LINE - OVERLAP);
            }
        }
    }

    /// Judges what is kept of a line whose end has not been read yet.
    fn part(&mut self) {
        let part = &*plain_bytes(&self.rest);
        match &mut self.long {
            None => {
                let error = self.errors.is_match(part).then(|| part.to_vec());
                self.long = Some(Long { beginning: part.to_vec(), error });
            }
            Some(long) if long.error.is_none() && goes_on_as_error(&self.errors, part) => {
                long.error = Some(part.to_vec());
            }
            Some(_) => {}
        }
    }

    /// Judges the kept line, whose end has been read.
    fn last_part(&mut self) {
        if self.long.is_some() {
            if self.rest.last() == Some(&b'\r') {
                self.rest.pop();
            }
            self.part();
        }
        let line = std::mem::take(&mut self.rest);
        match self.long.take() {
            None => self.line(&line),
            Some(long) => {
                self.review.lines += 1;
                self.judge(&long.beginning, long.error.as_deref());
            }
        }
    }

    /// Scans complete lines.
    fn block(&mut self, block: &[u8]) {
        let mut at = 0;
        while at < block.len() {
            let piece = &block[at..];
            // With carriage returns, colours or characters beyond ASCII, the combined pattern could match differently.
            let not_plain = |byte: &u8| *byte >= 0x80 || *byte == b'\r' || *byte == ESCAPE;
            let plain = if piece.is_ascii() && memchr2(b'\r', ESCAPE, piece).is_none() {
                piece.len()
            } else {
                let first = piece.iter().position(not_plain).unwrap_or(piece.len());
                memrchr(b'\n', &piece[..first]).map_or(0, |end| end + 1)
            };
            if plain > 0 {
                self.plain(&piece[..plain]);
            } else {
                self.line(&piece[..end_of_line(piece, 0)]);
            }
            at += if plain > 0 { plain } else { end_of_line(piece, 0) + 1 };
        }
    }

    /// Scans complete lines of ASCII.
    fn plain(&mut self, block: &[u8]) {
        let mut at = 0;
        while at < block.len() {
            let start = match (&self.open, &self.any) {
                (None, Some(any)) => match any.find_at(block, at) {
                    // A match is within one line: that line is judged, and the search continues after it.
                    Some(found) => memrchr(b'\n', &block[at..found.start()]).map_or(at, |end| at + end + 1),
                    None => block.len(),
                },
                (Some(_), _) | (_, None) => at,
            };
            self.review.lines += memchr_iter(b'\n', &block[at..start]).count() as u64;
            if start >= block.len() {
                return;
            }
            let end = end_of_line(block, start);
            self.line(&block[start..end]);
            at = end + 1;
        }
    }

    fn line(&mut self, line: &[u8]) {
        self.review.lines += 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = &*plain_bytes(line);
        let error = self.errors.is_match(line).then_some(line);
        self.judge(line, error);
    }

    /// Judges a line with the part of it that is an error, which may be the whole line.
    fn judge(&mut self, line: &[u8], error: Option<&[u8]>) {
        if let Some(open) = &mut self.open {
            match open.follows(line, error.is_some()) {
                Follows::Taken => return,
                Follows::Ended => self.close(),
            }
        }
        let Some(error) = error else { return };
        if self.json.rest(line).is_some_and(|rest| !self.errors.is_match(rest.as_bytes())) {
            return;
        }
        if own::quotes_own(line) {
            self.review.own += 1;
            return;
        }
        // Where errors are returned one by one, the product file says which lines report no failure.
        let is_low = || self.singles.is_none() && level::is_low(line) && !self.at_any_level.is_match(error);
        match self.allowed(line).or_else(|| self.allowed(error)) {
            Some(because) => self.allow(because),
            None if is_low() => self.review.low += 1,
            None => self.open = Some(Open::new(self.review.lines, &self.excerpt(line, error))),
        }
    }

    /// The beginning of a line, and the surroundings of the error if it comes later: the rest is neither shown nor a part
    /// of its kind.
    fn excerpt<'l>(&self, line: &'l [u8], error: &[u8]) -> Cow<'l, [u8]> {
        if line.len() <= WIDTH {
            return Cow::Borrowed(line);
        }
        let compile = || self.errors.patterns().iter().filter_map(|pattern| Regex::new(pattern).ok()).collect();
        let places = self.places.get_or_init(compile).iter().filter_map(|pattern| Some(pattern.find(error)?.start()));
        let at = places.min().unwrap_or_default();
        if at < WIDTH / 2 && error.starts_with(&line[..WIDTH]) {
            return Cow::Borrowed(&line[..WIDTH]);
        }
        let around = &error[at.saturating_sub(WIDTH / 6)..error.len().min(at + WIDTH / 2)];
        Cow::Owned([&line[..WIDTH / 4], " … ".as_bytes(), around].concat())
    }

    fn allowed(&self, line: &[u8]) -> Option<String> {
        self.allow.iter().find(|(regex, _)| regex.is_match(line)).map(|(_, because)| because.clone())
    }

    fn allow(&mut self, because: String) {
        *self.review.allowed.entry(because).or_default() += 1;
    }

    /// Completes the open error.
    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        if open.is_own() {
            self.review.own += 1;
            return;
        }
        // The last line of a traceback says what it is about.
        if let Some(because) = open.cause().and_then(|line| self.allowed(line)) {
            return self.allow(because);
        }
        self.review.count += 1;
        if let Some(singles) = &mut self.singles {
            return singles.push(OneError(open));
        }
        let shape = open.shape();
        let count = self.review.kinds.len();
        match self.kinds.get(&shape).and_then(|known| self.review.kinds.get_mut(*known)) {
            Some(kind) => kind.count += 1,
            None if count < KINDS => {
                self.kinds.insert(shape.clone(), count);
                let kind = ErrorKind { shape, count: 1, line: open.number(), example: open.example() };
                self.review.kinds.push(kind);
            }
            None => self.review.beyond += 1,
        }
    }

    /// The review of everything that was taken.
    pub fn finish(mut self) -> LogReview {
        if !self.rest.is_empty() {
            self.last_part();
        }
        self.close();
        self.review
    }
}

/// Whether a later part of a line is an error. Its first byte is not the beginning of a line, which a pattern may require.
fn goes_on_as_error(errors: &RegexSet, part: &[u8]) -> bool {
    part.len() > 1 && errors.is_match_at(part, 1)
}

#[cfg(test)]
mod tests;
