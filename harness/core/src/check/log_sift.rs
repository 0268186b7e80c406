//! Sifts logs as they are read, in flat memory: what counts as an error is kept by kind, with one example of each.
//!
//! A first look goes over many lines at once, with all patterns as one; only lines in which it sees something, and those
//! that belong to an error, are looked at one by one.

mod open;
mod shape;
mod together;

use std::borrow::Cow;
use std::collections::HashMap;

use memchr::{memchr, memchr_iter, memchr2, memrchr};
use regex::bytes::{Regex, RegexSet};

use self::open::{Follows, Open};
use self::together::together;
use crate::observe::{ErrorKind, LogReview};
use crate::product::LogCheck;
use crate::release::Release;

/// A line longer than this is judged by its beginning.
const LONGEST_LINE: usize = 64 * 1024;

/// Begins a terminal's colour: `\x1b[31m`.
const ESCAPE: u8 = 0x1b;

/// Kinds of errors kept per log; errors of further kinds are counted.
const KINDS: usize = 1000;

/// Reads a log in pieces, in flat memory, and keeps the kinds of lines that count as errors.
#[derive(Debug)]
pub struct LogSift {
    /// All patterns as one over many lines; none when they cannot be put together, and each line is judged by itself.
    any: Option<Regex>,
    errors: RegexSet,
    allow: Vec<(Regex, String)>,
    review: LogReview,
    kinds: HashMap<String, usize>,
    /// The error whose lines are still coming.
    open: Option<Open>,
    rest: Vec<u8>,
}

impl LogSift {
    /// A sift for one log of a service on a release.
    ///
    /// # Errors
    /// When a pattern cannot be compiled for bytes.
    pub fn new(check: &LogCheck, release: &Release, source: impl Into<String>) -> Result<Self, regex::Error> {
        let applies =
            |range: &Option<crate::release::Range>| range.as_ref().is_none_or(|range| range.contains(release));
        let errors: Vec<&str> = check.errors.iter().map(|pattern| pattern.regex().as_str()).collect();
        Ok(Self {
            any: together(&errors),
            errors: RegexSet::new(&errors)?,
            allow: check
                .allow
                .iter()
                .filter(|line| applies(&line.releases))
                .map(|line| Ok((Regex::new(line.pattern.regex().as_str())?, line.because.clone())))
                .collect::<Result<_, regex::Error>>()?,
            review: LogReview { source: source.into(), ..LogReview::default() },
            kinds: HashMap::new(),
            open: None,
            rest: Vec::new(),
        })
    }

    /// Takes a piece, cut anywhere.
    pub fn take(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        if !self.rest.is_empty() {
            let end = memchr(b'\n', bytes);
            self.keep(&bytes[..end.unwrap_or(bytes.len())]);
            let Some(end) = end else { return };
            let line = std::mem::take(&mut self.rest);
            self.line(&line);
            bytes = &bytes[end + 1..];
        }
        let whole = memrchr(b'\n', bytes).map_or(0, |end| end + 1);
        self.block(&bytes[..whole]);
        self.keep(&bytes[whole..]);
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LONGEST_LINE.saturating_sub(self.rest.len());
        self.rest.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Whole lines.
    fn block(&mut self, block: &[u8]) {
        let mut at = 0;
        while at < block.len() {
            let piece = &block[at..];
            // Beyond ASCII, with carriage returns or colours, the one pattern for all could mean something else.
            let odd = |byte: &u8| *byte >= 0x80 || *byte == b'\r' || *byte == ESCAPE;
            let plain = if piece.is_ascii() && memchr2(b'\r', ESCAPE, piece).is_none() {
                piece.len()
            } else {
                let first = piece.iter().position(odd).unwrap_or(piece.len());
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

    /// Whole lines of ASCII.
    fn plain(&mut self, block: &[u8]) {
        let mut at = 0;
        while at < block.len() {
            let start = match (&self.open, &self.any) {
                (None, Some(any)) => match any.find_at(block, at) {
                    // A match lies in one line; that one is looked at, and the search goes on behind.
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
        let line = &line[..line.len().min(LONGEST_LINE)];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = &*without_colours(line);
        if let Some(open) = &mut self.open {
            match open.follows(line, &self.errors) {
                Follows::Taken => return,
                Follows::Ended => self.close(),
            }
        }
        if !self.errors.is_match(line) {
            return;
        }
        match self.allowed(line) {
            Some(because) => self.allow(because),
            None => self.open = Some(Open::new(self.review.lines, line)),
        }
    }

    fn allowed(&self, line: &[u8]) -> Option<String> {
        self.allow.iter().find(|(regex, _)| regex.is_match(line)).map(|(_, because)| because.clone())
    }

    fn allow(&mut self, because: String) {
        *self.review.allowed.entry(because).or_default() += 1;
    }

    /// All lines of an error are there.
    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        // What a traceback is about stands in its last line.
        if let Some(because) = open.cause().and_then(|line| self.allowed(line)) {
            return self.allow(because);
        }
        self.review.count += 1;
        let shape = open.shape();
        let kept = self.review.kinds.len();
        match self.kinds.get(&shape).and_then(|known| self.review.kinds.get_mut(*known)) {
            Some(kind) => kind.count += 1,
            None if kept < KINDS => {
                self.kinds.insert(shape.clone(), kept);
                let kind = ErrorKind { shape, count: 1, line: open.number(), example: open.example() };
                self.review.kinds.push(kind);
            }
            None => self.review.beyond += 1,
        }
    }

    /// The review of all that was taken.
    pub fn finish(mut self) -> LogReview {
        if !self.rest.is_empty() {
            let line = std::mem::take(&mut self.rest);
            self.line(&line);
        }
        self.close();
        self.review
    }
}

/// The line as people see it: a colour before a word would else be a part of the word.
fn without_colours(line: &[u8]) -> Cow<'_, [u8]> {
    if memchr(ESCAPE, line).is_none() {
        return Cow::Borrowed(line);
    }
    let mut text = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = memchr(ESCAPE, rest) {
        text.extend_from_slice(&rest[..at]);
        let code = rest[at + 1..].strip_prefix(b"[").unwrap_or_default();
        let length = code.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b';').count();
        let coloured = code.get(length).is_some_and(u8::is_ascii_alphabetic);
        rest = &rest[if coloured { at + 2 + length + 1 } else { at + 1 }..];
    }
    text.extend_from_slice(rest);
    Cow::Owned(text)
}

fn end_of_line(block: &[u8], from: usize) -> usize {
    memchr(b'\n', &block[from..]).map_or(block.len(), |end| from + end)
}

#[cfg(test)]
mod tests;
