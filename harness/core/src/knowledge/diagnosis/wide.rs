//! A wide net for logs without known failures: lines with words that errors use, and how the logs end.

use std::collections::VecDeque;

use memchr::{memchr, memchr_iter, memrchr};
use regex::bytes::Regex;

use super::unexplained::FirstError;
use crate::knowledge::signature::{JsonLines, KnownFailure, shown_line};
use crate::model::product::LogCheck;
use crate::secret::without_named;

/// Words that rarely occur when all is well.
const WORDS: &str = r"(?i-u)\b(?:errors?|fatal|fail(?:ed|ure|ures|s|ing)?|panic(?:ked)?|abort(?:ed|ing|s)?|denied|refused|cannot|can't|could ?n[o']t|unable to|no space left|not enough|not ok|exception|unexpected (?:eof|end)|exiting|timed out|out of memory|segfault|segmentation fault|killed|corrupt(?:ed)?|unrecognized|unrecoverable|invalid)\b|(?-iu:[a-z](?:Error|Exception)\b)";
/// Where such a word says that there is no error, or is a name.
const NONE: &str = r#"(?i-u)(?:^|[^\w.])(?:0|no|zero|without(?: any)?|any)(?:\s+\w+)?\s+(?:errors?|fail(?:ed|ures?)|exceptions?)\b|\b(?:errors?|fail(?:ed|ures?)|exception)["']?\s*(?:[:=]|=>)\s*(?:0\b|no\b|none\b|null\b|nil\b|false\b|""|''|\[\]|\{\})|\b[\w.-]*errors?(?:\.log|/|\.html)|\berror[_ ]log\b|[/.]errors?\b"#;
/// Bytes of a line that are searched, and characters that are shown.
const LONGEST: usize = 64 << 10;
const WIDTH: usize = 400;
/// Bytes of the end of a log that are kept, and lines of it that are reported.
const END: usize = 16 << 10;
const LAST: usize = 3;

/// Takes logs in flat memory, until it has found as many lines as it is to keep.
#[derive(Debug)]
pub struct WideNet {
    words: Regex,
    none: Regex,
    harmless: Vec<Regex>,
    json: JsonLines,
    most: usize,
    source: String,
    lines: u64,
    rest: Vec<u8>,
    end: VecDeque<u8>,
    ended: Option<(String, Vec<String>)>,
    found: Vec<FirstError>,
}

/// What a wide net has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WideNetFound {
    /// The first lines with such words.
    pub lines: Vec<FirstError>,
    /// The last log that is not empty, and its last lines.
    pub end: Option<(String, Vec<String>)>,
}

impl WideNet {
    /// A net that keeps at most `most` lines, except those that the product calls harmless.
    ///
    /// # Errors
    /// If a pattern cannot be compiled for bytes.
    pub fn new(
        check: Option<&LogCheck>,
        json: &JsonLines,
        failures: &[KnownFailure],
        most: usize,
    ) -> Result<Self, regex::Error> {
        let allowed = check.into_iter().flat_map(|check| &check.allow).map(|line| &line.pattern);
        let harmless = failures.iter().filter(|failure| failure.harmless).map(|failure| &failure.pattern);
        Ok(Self {
            words: Regex::new(WORDS)?,
            none: Regex::new(NONE)?,
            harmless: allowed.chain(harmless).map(|pattern| Regex::new(pattern.as_str())).collect::<Result<_, _>>()?,
            json: json.clone(),
            most,
            source: String::new(),
            lines: 0,
            rest: Vec::new(),
            end: VecDeque::new(),
            ended: None,
            found: Vec::new(),
        })
    }

    /// Begins a log.
    pub fn begin(&mut self, source: &str) {
        source.clone_into(&mut self.source);
        self.lines = 0;
        self.rest.clear();
        self.end.clear();
    }

    /// Takes a piece, which may be cut anywhere. Lines are only searched if `wanted`.
    pub fn take(&mut self, piece: &[u8], wanted: bool) {
        let last = &piece[piece.len().saturating_sub(END)..];
        self.end.extend(last);
        self.end.drain(..self.end.len().saturating_sub(END));
        if !wanted || self.found.len() >= self.most {
            return;
        }
        let mut piece = piece;
        if !self.rest.is_empty() {
            let end = memchr(b'\n', piece);
            self.keep(&piece[..end.unwrap_or(piece.len())]);
            let Some(end) = end else { return };
            let line = std::mem::take(&mut self.rest);
            self.block(&line);
            self.lines += 1;
            piece = &piece[end + 1..];
        }
        let complete = memrchr(b'\n', piece).map_or(0, |end| end + 1);
        self.block(&piece[..complete]);
        self.keep(&piece[complete..]);
    }

    /// Ends the log.
    pub fn end(&mut self) {
        let line = std::mem::take(&mut self.rest);
        if self.found.len() < self.most {
            self.block(&line);
        }
        let end: Vec<u8> = self.end.drain(..).collect();
        let mut last: Vec<String> = String::from_utf8_lossy(&end)
            .lines()
            .rev()
            .filter_map(|line| readable(line.as_bytes()))
            .take(LAST)
            .collect();
        if !last.is_empty() {
            last.reverse();
            self.ended = Some((self.source.clone(), last));
        }
    }

    /// What was found.
    pub fn finish(self) -> WideNetFound {
        WideNetFound { lines: self.found, end: self.ended }
    }

    fn keep(&mut self, part: &[u8]) {
        let room = LONGEST.saturating_sub(self.rest.len());
        self.rest.extend_from_slice(&part[..part.len().min(room)]);
    }

    /// Searches lines, of which the last may lack its end.
    fn block(&mut self, block: &[u8]) {
        let mut at = 0;
        while at < block.len() && self.found.len() < self.most {
            let Some(found) = self.words.find_at(block, at) else { break };
            let start = memrchr(b'\n', &block[at..found.start()]).map_or(at, |end| at + end + 1);
            let end = memchr(b'\n', &block[start..]).map_or(block.len(), |end| start + end);
            self.lines += memchr_iter(b'\n', &block[at..start]).count() as u64;
            self.line(&block[start..end]);
            at = block.len().min(end + 1);
            self.lines += u64::from(end < block.len());
        }
        self.lines += memchr_iter(b'\n', &block[at..]).count() as u64;
    }

    fn line(&mut self, line: &[u8]) {
        let line = &line[..line.len().min(LONGEST)];
        let rest = self.json.rest(line);
        let text = rest.as_ref().map_or(line, |rest| rest.as_bytes());
        let denied: Vec<_> = self.none.find_iter(text).map(|found| found.range()).collect();
        let outside = |at: usize| denied.iter().all(|range| !range.contains(&at));
        let names_error = self.words.find_iter(text).any(|word| outside(word.start()));
        if !names_error || self.harmless.iter().any(|harmless| harmless.is_match(line)) {
            return;
        }
        if let Some(text) = readable(line) {
            let (source, line) = (self.source.clone(), self.lines + 1);
            self.found.push(FirstError { source, line, count: 1, example: vec![text] });
        }
    }
}

/// A line as people can read it; none if it is blank.
fn readable(line: &[u8]) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    let line = shown_line(&line);
    let line = line.trim_end();
    if line.trim().is_empty() {
        return None;
    }
    // Secrets are removed before the cut, since a part of one may not be recognised.
    let clean = without_named(line);
    let mut cut: String = clean.chars().take(WIDTH).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if cut.len() < clean.len() {
        cut.push_str(" …");
    }
    Some(cut)
}
