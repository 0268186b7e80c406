//! A candidate: a place in a text where a known failure may be, with the lines around it.

use std::cell::OnceCell;
use std::ops::Range;

use memchr::{memchr, memrchr};
use regex::{Captures, Regex};

use super::lines::{plain, shown, unescaped};
use super::occurrence::Occurrence;
use super::reading::{FailureText, JsonLines};
use super::recogniser::{CompiledFailure, PatternVariants};
use super::whitespace_insensitive::push_without_whitespace;

/// Bytes before and after a candidate that are searched.
pub(super) const BEFORE: usize = 16 << 10;
pub(super) const AFTER: usize = 16 << 10;
/// Bytes that are searched first: the nearest match is the right one.
const NEAR: usize = 2 << 10;
/// Bytes and lines on each side over which one message may have been wrapped.
const WRAPPED: (usize, usize) = (2 << 10, 10);
/// Bytes and lines on each side over which a pattern may match.
const SEVERAL: (usize, usize) = (8 << 10, 80);
/// Lines of an excerpt, and characters of one of them.
const LINES: usize = 5;
const WIDTH: usize = 400;

/// A place with the lines around it.
pub(super) struct Candidate<'t> {
    text: &'t [u8],
    line: Range<usize>,
    number: u64,
    /// The line without what was put before it, the line as a terminal shows it, and, where it is JSON, its strings
    /// without escapes.
    forms: Vec<String>,
    wrapped: OnceCell<Window>,
    several: OnceCell<Window>,
}

/// Neighbouring lines joined into one text.
struct Window {
    text: String,
    lines: Vec<Line>,
    /// The index of the candidate's own line.
    own: usize,
}

/// A line of a window.
struct Line {
    /// Its offset in the window's text.
    begins: usize,
    /// Its range in the whole text.
    range: Range<usize>,
}

/// A match in a window: its named groups, and the indexes of its first and last line.
struct WindowMatch {
    groups: Vec<(String, String)>,
    first: usize,
    last: usize,
}

/// What was recognised, the end of its last line, and the range of its first line.
type Recognised = (Occurrence, usize, Range<usize>);

impl<'t> Candidate<'t> {
    /// The candidate at an offset of a text, on the line of that number.
    pub(super) fn new(text: &'t [u8], at: usize, number: u64) -> Self {
        let from = at.saturating_sub(BEFORE);
        let start = memrchr(b'\n', &text[from..at]).map_or(from, |end| from + end + 1);
        let upto = text.len().min(at + AFTER);
        let end = memchr(b'\n', &text[at..upto]).map_or(upto, |end| at + end);
        let line = String::from_utf8_lossy(&text[start..end]);
        let shown = shown(&line).into_owned();
        let plain = plain(&shown).into_owned();
        let inner = unescaped(&plain);
        // What looks like a prefix may also be a part of the line, as the first column of a table is.
        let forms = if plain.len() < shown.len() { vec![plain, shown] } else { vec![shown] };
        let forms = forms.into_iter().chain(inner).collect();
        Self { text, line: start..end, number, forms, wrapped: OnceCell::new(), several: OnceCell::new() }
    }

    /// Whether the line is one that the predicate accepts, in any of its forms.
    pub(super) fn is(&self, accepts: impl Fn(&str) -> bool) -> bool {
        self.forms.iter().any(|form| accepts(form))
    }

    /// Tries a failure here. Returns the occurrence and the end of its last line.
    ///
    /// Lines are tried without their whitespace when the search is to be thorough, or when they look as if a terminal had
    /// wrapped them.
    pub(super) fn recognised(
        &self,
        failure: &CompiledFailure,
        json: &JsonLines,
        thorough: bool,
    ) -> Option<(Occurrence, usize)> {
        let several = || {
            let window = self.several.get_or_init(|| self.window(SEVERAL, true));
            self.in_a_window(failure, window, failure.pattern.as_written())
        };
        let wrapped = || {
            if !thorough && !self.looks_wrapped() {
                return None;
            }
            let pattern = failure.pattern.whitespace_insensitive()?;
            self.in_a_window(failure, self.wrapped.get_or_init(|| self.window(WRAPPED, false)), pattern)
        };
        let found = if failure.over_lines { several() } else { None };
        let (occurrence, end, first) = found.or_else(|| self.on_the_line(failure)).or_else(wrapped)?;
        self.reports_it(failure, json, first).then_some((occurrence, end))
    }

    /// Whether a failure is still recognised when what users typed is left out, on a line that can report failures.
    fn reports_it(&self, failure: &CompiledFailure, json: &JsonLines, first: Range<usize>) -> bool {
        let line = String::from_utf8_lossy(&self.text[first]);
        match json.failure_text(&plain(&line)) {
            FailureText::All => true,
            FailureText::Nothing => false,
            FailureText::Only(rest) => {
                let forms = [unescaped(&rest), Some(rest)];
                forms.iter().flatten().any(|form| {
                    let mut text = String::new();
                    push_without_whitespace(form, &mut text);
                    let wrapped =
                        || failure.pattern.whitespace_insensitive().is_some_and(|pattern| pattern.is_match(&text));
                    failure.pattern.as_written().is_match(form) || wrapped()
                })
            }
        }
    }

    fn on_the_line(&self, failure: &CompiledFailure) -> Option<Recognised> {
        let pattern = failure.pattern.as_written();
        let (form, captures) = self.forms.iter().find_map(|form| Some((form, pattern.captures(form)?)))?;
        let excerpt = around(form, captures.get_match().range());
        let mut groups = Vec::new();
        named(pattern, &captures, &mut groups);
        self.add_context_groups(failure, self.line.start, &mut groups);
        let lines = (self.number, self.number);
        Some((Occurrence { failure: 0, lines, excerpt, groups }, self.line.end.max(1), self.line.clone()))
    }

    fn in_a_window(&self, failure: &CompiledFailure, window: &Window, pattern: &Regex) -> Option<Recognised> {
        let WindowMatch { mut groups, first, last } = window.find(pattern)?;
        let (start, end) = (window.lines[first].range.start, window.lines[last].range.end);
        self.add_context_groups(failure, start, &mut groups);
        let number = |index: usize| (self.number + index as u64).saturating_sub(window.own as u64);
        let occurrence =
            Occurrence { failure: 0, lines: (number(first), number(last)), excerpt: self.excerpt(start..end), groups };
        Some((occurrence, end.max(1), window.lines[first].range.clone()))
    }

    /// Adds the groups of the patterns for what comes before and after.
    fn add_context_groups(&self, failure: &CompiledFailure, start: usize, groups: &mut Vec<(String, String)>) {
        if let Some(before) = &failure.before {
            let near = |reach: usize| line_start(self.text, start.saturating_sub(reach))..start;
            groups.extend(taken(self.text, before, near(NEAR), near(BEFORE), Which::Last));
        }
        if let Some(after) = &failure.after {
            let near = |reach: usize| start..self.text.len().min(self.line.end + reach);
            groups.extend(taken(self.text, after, near(NEAR), near(AFTER), Which::First));
        }
    }

    /// Whether the line, or the one before it, is the longest around, so that a terminal may have wrapped it; or whether
    /// it holds a run of spaces, as where a padded end was joined with the next line.
    fn looks_wrapped(&self) -> bool {
        let around = self.line_ranges(WRAPPED);
        let longest = around.0.iter().map(Range::len).max().unwrap_or(0);
        let own = [around.1.checked_sub(1), Some(around.1)].into_iter().flatten();
        let full = own.filter_map(|index| around.0.get(index)).any(|line| line.len() == longest);
        full || self.forms[0].trim().contains("    ")
    }

    /// The lines around, with their ends, or without any whitespace.
    fn window(&self, reach: (usize, usize), ends: bool) -> Window {
        let (lines, own) = self.line_ranges(reach);
        let mut text = String::new();
        let lines = lines
            .into_iter()
            .map(|range| {
                let begins = text.len();
                let line = String::from_utf8_lossy(&self.text[range.clone()]);
                if ends {
                    text.push_str(&plain(&line));
                    text.push('\n');
                } else if !is_header(&line) {
                    push_without_whitespace(&plain(&line), &mut text);
                }
                Line { begins, range }
            })
            .collect();
        Window { text, lines, own }
    }

    /// The ranges of the lines around, and the index of the candidate's own line.
    fn line_ranges(&self, (bytes, most): (usize, usize)) -> (Vec<Range<usize>>, usize) {
        let mut lines = vec![self.line.clone()];
        while lines.len() <= most {
            let next = lines.last().map_or(0, |line| line.start);
            if next == 0 || self.line.start - next > bytes {
                break;
            }
            let from = next.saturating_sub(1 + bytes);
            let start = memrchr(b'\n', &self.text[from..next - 1]).map_or(from, |end| from + end + 1);
            lines.push(start..next - 1);
        }
        lines.reverse();
        let own = lines.len() - 1;
        while lines.len() - own <= most {
            let next = lines.last().map_or(0, |line| line.end + 1);
            if next >= self.text.len() || next - self.line.end > bytes {
                break;
            }
            let upto = self.text.len().min(next + bytes);
            let end = memchr(b'\n', &self.text[next..upto]).map_or(upto, |end| next + end);
            lines.push(next..end);
        }
        (lines, own)
    }

    fn excerpt(&self, range: Range<usize>) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.text[range]);
        let lines: Vec<String> =
            text.lines().map(|line| cut(plain(line).trim(), 0..0)).filter(|line| !line.is_empty()).collect();
        few(lines)
    }
}

impl Window {
    /// The match that the candidate's own line is a part of.
    fn find(&self, pattern: &Regex) -> Option<WindowMatch> {
        let begins = self.lines[self.own].begins;
        let ends = self.lines.get(self.own + 1).map_or(self.text.len(), |line| line.begins);
        let found = pattern.find_iter(&self.text).find(|found| found.end() > begins)?;
        if found.start() >= ends {
            return None;
        }
        let captures = pattern.captures_at(&self.text, found.start())?;
        let mut groups = Vec::new();
        named(pattern, &captures, &mut groups);
        let line = |at: usize| self.lines.iter().rposition(|line| line.begins <= at).unwrap_or(0);
        // A match that ends with the end of a line does not reach into the next line.
        let last = found.end().saturating_sub(1).max(found.start());
        Some(WindowMatch { groups, first: line(found.start()), last: line(last) })
    }
}

/// Which of several matches is the right one.
#[derive(Clone, Copy)]
enum Which {
    First,
    Last,
}

/// The named groups of the nearest match in a part of the text, or else in a larger part.
fn taken(
    text: &[u8],
    variants: &PatternVariants,
    near: Range<usize>,
    far: Range<usize>,
    which: Which,
) -> Vec<(String, String)> {
    let look = |range: &Range<usize>| {
        if !variants.may_be_in(&text[range.clone()]) {
            return None;
        }
        let part = String::from_utf8_lossy(&text[range.clone()]);
        let mut lines = String::with_capacity(part.len());
        for line in part.lines() {
            let line = plain(line);
            lines.push_str(unescaped(&line).as_deref().unwrap_or(&line));
            lines.push('\n');
        }
        nearest(variants.as_written(), &lines, which).or_else(|| {
            let pattern = variants.whitespace_insensitive()?;
            let mut joined = String::with_capacity(lines.len());
            push_without_whitespace(&lines, &mut joined);
            nearest(pattern, &joined, which)
        })
    };
    look(&near).or_else(|| look(&far)).unwrap_or_default()
}

fn nearest(pattern: &Regex, text: &str, which: Which) -> Option<Vec<(String, String)>> {
    let captures = match which {
        Which::First => pattern.captures(text)?,
        Which::Last => {
            let last = pattern.find_iter(text).last()?;
            pattern.captures_at(text, last.start())?
        }
    };
    let mut groups = Vec::new();
    named(pattern, &captures, &mut groups);
    Some(groups)
}

/// Adds the named groups that took part in the match.
fn named(pattern: &Regex, captures: &Captures<'_>, groups: &mut Vec<(String, String)>) {
    for name in pattern.capture_names().flatten() {
        if let Some(group) = captures.name(name).filter(|group| !group.is_empty()) {
            groups.push((name.to_owned(), group.as_str().to_owned()));
        }
    }
}

/// `==> /var/log/app/current <==`: the header that `tail` prints before the lines of a file.
fn is_header(line: &str) -> bool {
    line.starts_with("==> ") && line.trim_end().ends_with(" <==")
}

fn line_start(text: &[u8], at: usize) -> usize {
    memrchr(b'\n', &text[..at]).map_or(0, |end| end + 1)
}

/// The lines of a match in one line, or in the strings of a JSON line.
fn around(form: &str, found: Range<usize>) -> Vec<String> {
    let start = form[..found.start].rfind('\n').map_or(0, |end| end + 1);
    let end = form[found.end..].find('\n').map_or(form.len(), |end| found.end + end);
    let inside = found.start - start..found.end - start;
    few(form[start..end]
        .lines()
        .enumerate()
        .map(|(n, line)| cut(line.trim_end(), if n == 0 { inside.clone() } else { 0..0 }))
        .collect())
}

/// The first lines and the last one.
fn few(mut lines: Vec<String>) -> Vec<String> {
    if lines.len() > LINES {
        let left_out = lines.len() - (LINES - 1);
        lines.drain(LINES - 2..lines.len() - 1);
        lines.insert(LINES - 2, format!("… {left_out} lines …"));
    }
    lines
}

/// A readable part of a line: around the match, without control characters.
fn cut(line: &str, found: Range<usize>) -> String {
    let near = |at: usize| (0..=at.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
    let from = if found.end > WIDTH { near(found.start.saturating_sub(WIDTH / 4)) } else { 0 };
    let to = near(from + WIDTH);
    let text: String = line[from..to].chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let (before, behind) = (if from > 0 { "… " } else { "" }, if to < line.len() { " …" } else { "" });
    format!("{before}{}{behind}", text.trim())
}
