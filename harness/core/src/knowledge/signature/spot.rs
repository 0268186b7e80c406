//! A place in a text where a known failure may be, with the lines around it.

use std::cell::OnceCell;
use std::ops::Range;

use memchr::{memchr, memrchr};
use regex::{Captures, Regex};

use super::blankless::squeezed;
use super::lines::{plain, shown, unescaped};
use super::reading::{JsonLines, Said};
use super::recogniser::{Ready, Ways};
use super::search::Occurrence;

/// Bytes before and behind a place that are looked at.
pub(super) const BEFORE: usize = 16 << 10;
pub(super) const AFTER: usize = 16 << 10;
/// Bytes that are looked at first: what is near is meant.
const NEAR: usize = 2 << 10;
/// Bytes of each side that one message may have been wrapped over, and its lines.
const WRAPPED: (usize, usize) = (2 << 10, 10);
/// Bytes of each side that a pattern over several lines may have, and its lines.
const SEVERAL: (usize, usize) = (8 << 10, 80);
/// Lines of an excerpt, and characters of one of them.
const LINES: usize = 5;
const WIDTH: usize = 400;

/// A place with what is around it.
pub(super) struct Spot<'t> {
    text: &'t [u8],
    line: Range<usize>,
    number: u64,
    /// The line as it was meant, as it is shown, and what it says where it is JSON.
    forms: Vec<String>,
    wrapped: OnceCell<Window>,
    several: OnceCell<Window>,
}

/// Lines in one text.
struct Window {
    text: String,
    lines: Vec<Line>,
    /// The index of the line that it is about.
    about: usize,
}

/// A line of a window.
struct Line {
    /// Where it begins in the window's text.
    begins: usize,
    /// Where it stands in the whole.
    stands: Range<usize>,
}

/// A match in a window: its named groups, and the indexes of its first and last line.
struct Found {
    groups: Vec<(String, String)>,
    first: usize,
    last: usize,
}

/// What was recognised, where its last line ends, and where its first one stands.
type Recognised = (Occurrence, usize, Range<usize>);

impl<'t> Spot<'t> {
    /// The place at an offset of a text, and the number of its line.
    pub(super) fn new(text: &'t [u8], at: usize, number: u64) -> Self {
        let from = at.saturating_sub(BEFORE);
        let start = memrchr(b'\n', &text[from..at]).map_or(from, |end| from + end + 1);
        let upto = text.len().min(at + AFTER);
        let end = memchr(b'\n', &text[at..upto]).map_or(upto, |end| at + end);
        let line = String::from_utf8_lossy(&text[start..end]);
        let shown = shown(&line).into_owned();
        let plain = plain(&shown).into_owned();
        let said = unescaped(&plain);
        // What stands before a line may also be a part of it, as the first column of a table.
        let forms = if plain.len() < shown.len() { vec![plain, shown] } else { vec![shown] };
        let forms = forms.into_iter().chain(said).collect();
        Self { text, line: start..end, number, forms, wrapped: OnceCell::new(), several: OnceCell::new() }
    }

    /// Whether the line is such a one, in any form.
    pub(super) fn is(&self, what: impl Fn(&str) -> bool) -> bool {
        self.forms.iter().any(|form| what(form))
    }

    /// Tries a failure here. Where it is recognised: what stands there, and where its last line ends.
    ///
    /// Lines without blanks are looked at where it is to be thorough, or where they look as a terminal wraps them.
    pub(super) fn recognised(&self, ready: &Ready, json: &JsonLines, thorough: bool) -> Option<(Occurrence, usize)> {
        let several = || {
            let window = self.several.get_or_init(|| self.window(SEVERAL, true));
            self.in_a_window(ready, window, &ready.pattern.plain)
        };
        let wrapped = || {
            if !thorough && !self.looks_wrapped() {
                return None;
            }
            let pattern = ready.pattern.blankless()?;
            self.in_a_window(ready, self.wrapped.get_or_init(|| self.window(WRAPPED, false)), pattern)
        };
        let found = if ready.over_lines { several() } else { None };
        let (occurrence, end, first) = found.or_else(|| self.on_the_line(ready)).or_else(wrapped)?;
        self.is_said(ready, json, first).then_some((occurrence, end))
    }

    /// Whether a failure is still recognised without what users typed, and on a line that tells of failures at all.
    fn is_said(&self, ready: &Ready, json: &JsonLines, first: Range<usize>) -> bool {
        let line = String::from_utf8_lossy(&self.text[first]);
        match json.said(&plain(&line)) {
            Said::All => true,
            Said::Nothing => false,
            Said::Only(rest) => {
                let forms = [unescaped(&rest), Some(rest)];
                forms.iter().flatten().any(|form| {
                    let mut bare = String::new();
                    squeezed(form, &mut bare);
                    let wrapped = || ready.pattern.blankless().is_some_and(|pattern| pattern.is_match(&bare));
                    ready.pattern.plain.is_match(form) || wrapped()
                })
            }
        }
    }

    fn on_the_line(&self, ready: &Ready) -> Option<Recognised> {
        let pattern = &ready.pattern.plain;
        let (form, captures) = self.forms.iter().find_map(|form| Some((form, pattern.captures(form)?)))?;
        let excerpt = around(form, captures.get_match().range());
        let mut groups = Vec::new();
        named(pattern, &captures, &mut groups);
        self.beside(ready, self.line.start, &mut groups);
        let lines = (self.number, self.number);
        Some((Occurrence { failure: 0, lines, excerpt, groups }, self.line.end.max(1), self.line.clone()))
    }

    fn in_a_window(&self, ready: &Ready, window: &Window, pattern: &Regex) -> Option<Recognised> {
        let Found { mut groups, first, last } = window.find(pattern)?;
        let (start, end) = (window.lines[first].stands.start, window.lines[last].stands.end);
        self.beside(ready, start, &mut groups);
        let number = |index: usize| (self.number + index as u64).saturating_sub(window.about as u64);
        let occurrence =
            Occurrence { failure: 0, lines: (number(first), number(last)), excerpt: self.excerpt(start..end), groups };
        Some((occurrence, end.max(1), window.lines[first].stands.clone()))
    }

    /// Adds what stands before and behind.
    fn beside(&self, ready: &Ready, start: usize, groups: &mut Vec<(String, String)>) {
        if let Some(before) = &ready.before {
            let near = |reach: usize| line_start(self.text, start.saturating_sub(reach))..start;
            groups.extend(taken(self.text, before, near(NEAR), near(BEFORE), Which::Last));
        }
        if let Some(after) = &ready.after {
            let near = |reach: usize| start..self.text.len().min(self.line.end + reach);
            groups.extend(taken(self.text, after, near(NEAR), near(AFTER), Which::First));
        }
    }

    /// Whether the line, or the one before it, is as long as none around is: it may have gone on in the next one. Or it
    /// holds a run of blanks, as where a padded end was joined.
    fn looks_wrapped(&self) -> bool {
        let around = self.stand(WRAPPED);
        let longest = around.0.iter().map(Range::len).max().unwrap_or(0);
        let own = [around.1.checked_sub(1), Some(around.1)].into_iter().flatten();
        let full = own.filter_map(|index| around.0.get(index)).any(|line| line.len() == longest);
        full || self.forms[0].trim().contains("    ")
    }

    /// The lines around, with their ends or without any blanks.
    fn window(&self, reach: (usize, usize), ends: bool) -> Window {
        let (lines, about) = self.stand(reach);
        let mut text = String::new();
        let lines = lines
            .into_iter()
            .map(|stands| {
                let begins = text.len();
                let line = String::from_utf8_lossy(&self.text[stands.clone()]);
                if ends {
                    text.push_str(&plain(&line));
                    text.push('\n');
                } else if !is_header(&line) {
                    squeezed(&plain(&line), &mut text);
                }
                Line { begins, stands }
            })
            .collect();
        Window { text, lines, about }
    }

    /// Where the lines around stand, and which of them is the line.
    fn stand(&self, (bytes, most): (usize, usize)) -> (Vec<Range<usize>>, usize) {
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
        let about = lines.len() - 1;
        while lines.len() - about <= most {
            let next = lines.last().map_or(0, |line| line.end + 1);
            if next >= self.text.len() || next - self.line.end > bytes {
                break;
            }
            let upto = self.text.len().min(next + bytes);
            let end = memchr(b'\n', &self.text[next..upto]).map_or(upto, |end| next + end);
            lines.push(next..end);
        }
        (lines, about)
    }

    fn excerpt(&self, stands: Range<usize>) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.text[stands]);
        let lines: Vec<String> =
            text.lines().map(|line| cut(plain(line).trim(), 0..0)).filter(|line| !line.is_empty()).collect();
        few(lines)
    }
}

impl Window {
    /// The match of which the line is a part that the window is about.
    fn find(&self, pattern: &Regex) -> Option<Found> {
        let begins = self.lines[self.about].begins;
        let ends = self.lines.get(self.about + 1).map_or(self.text.len(), |line| line.begins);
        let found = pattern.find_iter(&self.text).find(|found| found.end() > begins)?;
        if found.start() >= ends {
            return None;
        }
        let captures = pattern.captures_at(&self.text, found.start())?;
        let mut groups = Vec::new();
        named(pattern, &captures, &mut groups);
        let line = |at: usize| self.lines.iter().rposition(|line| line.begins <= at).unwrap_or(0);
        // What ends with a line's end is no part of the next line.
        let last = found.end().saturating_sub(1).max(found.start());
        Some(Found { groups, first: line(found.start()), last: line(last) })
    }
}

/// Which match is meant.
#[derive(Clone, Copy)]
enum Which {
    First,
    Last,
}

/// The named groups of what stands nearest in a part of the text, else in a larger one.
fn taken(text: &[u8], ways: &Ways, near: Range<usize>, far: Range<usize>, which: Which) -> Vec<(String, String)> {
    let look = |stands: &Range<usize>| {
        if !ways.may_be_in(&text[stands.clone()]) {
            return None;
        }
        let part = String::from_utf8_lossy(&text[stands.clone()]);
        let mut lines = String::with_capacity(part.len());
        for line in part.lines() {
            let line = plain(line);
            lines.push_str(unescaped(&line).as_deref().unwrap_or(&line));
            lines.push('\n');
        }
        nearest(&ways.plain, &lines, which).or_else(|| {
            let pattern = ways.blankless()?;
            let mut bare = String::with_capacity(lines.len());
            squeezed(&lines, &mut bare);
            nearest(pattern, &bare, which)
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

/// Adds the named groups that took part.
fn named(pattern: &Regex, captures: &Captures<'_>, groups: &mut Vec<(String, String)>) {
    for name in pattern.capture_names().flatten() {
        if let Some(group) = captures.name(name).filter(|group| !group.is_empty()) {
            groups.push((name.to_owned(), group.as_str().to_owned()));
        }
    }
}

/// `==> /var/log/app/current <==`: what `tail` says of the lines that follow.
fn is_header(line: &str) -> bool {
    line.starts_with("==> ") && line.trim_end().ends_with(" <==")
}

fn line_start(text: &[u8], at: usize) -> usize {
    memrchr(b'\n', &text[..at]).map_or(0, |end| end + 1)
}

/// The lines of a match in a text of one line, or of what JSON says.
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

/// The first lines and the last.
fn few(mut lines: Vec<String>) -> Vec<String> {
    if lines.len() > LINES {
        let left_out = lines.len() - (LINES - 1);
        lines.drain(LINES - 2..lines.len() - 1);
        lines.insert(LINES - 2, format!("… {left_out} lines …"));
    }
    lines
}

/// A line that can be read: around what was found in it, without other control characters.
fn cut(line: &str, found: Range<usize>) -> String {
    let near = |at: usize| (0..=at.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
    let from = if found.end > WIDTH { near(found.start.saturating_sub(WIDTH / 4)) } else { 0 };
    let to = near(from + WIDTH);
    let text: String = line[from..to].chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let (before, behind) = (if from > 0 { "… " } else { "" }, if to < line.len() { " …" } else { "" });
    format!("{before}{}{behind}", text.trim())
}
