//! Values of secrets in a text that is quoted to its author: behind keys that say so, and in addresses.
//!
//! The text is one that could not be read, so that its lines are all there is to go by. In doubt more of a line is hidden.

use std::ops::Range;

use lazy_regex::{Lazy, lazy_regex};
use regex::Regex;

use crate::secret::names_a_secret;
use crate::source::span::{Source, Span};

/// A key and what parts it from its value.
static KEY: Lazy<Regex> = lazy_regex!(r#"([\w.-]+)["']?[ \t]*[:=][ \t]*"#);

/// The next key of a map on one line.
static NEXT: Lazy<Regex> = lazy_regex!(r#",[ \t]*["']?[\w.-]+["']?[ \t]*:"#);

/// A line that begins with a key, and the items of lists before it.
static NESTED: Lazy<Regex> = lazy_regex!(r#"^[ \t]*(?:- +)*["']?[\w.-]+["']?[ \t]*:(?:[ \t]|$)"#);

/// A password in an address.
static ADDRESS: Lazy<Regex> = lazy_regex!(r"://[^/\s:@]*:([^/\s]+)@");

/// Shorter words of a value are left in what is said: they are words of ours, too.
const WORD: usize = 4;

/// A source as it may be shown: everything stands where it stood.
#[derive(Debug)]
pub(super) struct Hidden<'s> {
    source: &'s Source,
    /// Sorted, apart from each other.
    ranges: Vec<Range<usize>>,
}

impl<'s> Hidden<'s> {
    pub(super) fn of(source: &'s Source) -> Self {
        let text = source.text();
        let mut ranges = Vec::new();
        let mut open: Option<Open> = None;
        for number in 1..=source.line_count() {
            let Span { start, end } = source.line(number);
            let line = &text[start..end];
            let indent = line.len() - line.trim_start().len();
            if line.trim().is_empty() {
                continue;
            }
            open = open.filter(|open| indent > open.indent && (open.quoted || !NESTED.is_match(line)));
            match &open {
                Some(_) => ranges.push(start + indent..end),
                None => open = in_line(line, start, indent, &mut ranges),
            }
        }
        ranges.extend(ADDRESS.captures_iter(text).filter_map(|found| found.get(1)).map(|found| found.range()));
        ranges.sort_by_key(|range| range.start);
        // An address may stand in a value.
        ranges.dedup_by(|next, before| {
            let within = next.start < before.end;
            before.end = if within { before.end.max(next.end) } else { before.end };
            within
        });
        Self { source, ranges }
    }

    /// The source with each character in the place of another one of its size, so that all places stay.
    pub(super) fn source(&self) -> Source {
        let (from, mut text, mut at) = (self.source.text(), String::new(), 0);
        for range in &self.ranges {
            text += &from[at..range.start];
            text.extend(from[range.clone()].chars().map(masked));
            at = range.end;
        }
        Source::new(self.source.name(), text + &from[at..])
    }

    /// What is said of a place without the words of the values on its line.
    pub(super) fn clean(&self, at: usize, said: &str) -> String {
        let place = self.source.place(at).line;
        let Span { start, .. } = self.source.line(place.saturating_sub(1).max(1));
        let end = self.source.line(place).end;
        let mut said = said.to_owned();
        let first = self.ranges.partition_point(|range| range.end <= start);
        for range in self.ranges.iter().skip(first).take_while(|range| range.start < end) {
            let value = &self.source.text()[range.clone()];
            let parted = |c: char| c.is_whitespace() || "\"'\\{}[],`".contains(c);
            let words = value.split(parted).map(|word| word.trim_start_matches(['*', '&', '!']));
            for word in words.filter(|word| word.chars().count() >= WORD) {
                // What is said of a long value is its beginning.
                let short: String = word.chars().take(WORD * 6).collect();
                let hidden = |word: &str| word.chars().map(|_| '*').collect::<String>();
                said = said.replace(word, &hidden(word)).replace(&short, &hidden(&short));
            }
        }
        said
    }
}

/// A value that goes on in the lines below.
struct Open {
    indent: usize,
    quoted: bool,
}

/// Finds values in a line; gives what may go on below it.
fn in_line(line: &str, start: usize, indent: usize, ranges: &mut Vec<Range<usize>>) -> Option<Open> {
    let mut at = 0;
    while let Some(found) = KEY.captures_at(line, at) {
        let (Some(whole), Some(name)) = (found.get(0), found.get(1)) else { break };
        at = whole.end();
        let rest = &line[at..];
        // An address is looked for by itself, and a map has keys of its own.
        if !names_a_secret(name.as_str())
            || rest.starts_with("//")
            || (rest.starts_with('{') && !rest.starts_with("{{"))
        {
            continue;
        }
        let Value { hidden, end, quoted } = value(rest, line[..whole.start()].contains(['{', '[']));
        let from = start + at + hidden.start;
        ranges.extend(outside_placeholders(&rest[hidden]).map(|range| from + range.start..from + range.end));
        at += end;
        if at == line.len() {
            return Some(Open { indent, quoted });
        }
    }
    None
}

/// A value that begins a text.
struct Value {
    /// Quotes and a bracket around it are shown.
    hidden: Range<usize>,
    end: usize,
    /// Whether it is quoted and goes on below.
    quoted: bool,
}

fn value(rest: &str, in_brackets: bool) -> Value {
    let quote = rest.chars().next().filter(|first| ['"', '\''].contains(first));
    if let Some(quote) = quote {
        let mut before = quote;
        for (at, character) in rest.char_indices().skip(1) {
            // What stands behind a quote in its place: the end of the line, of a list or map, or a comment.
            let ends = |behind: &str| behind.is_empty() || behind.starts_with([',', '}', ']', '#', ':']);
            if character == quote && !(quote == '"' && before == '\\') && ends(rest[at + 1..].trim_start()) {
                return Value { hidden: 1..at, end: at + 1, quoted: false };
            }
            before = if before == '\\' { quote } else { character };
        }
        return Value { hidden: 1..rest.len(), end: rest.len(), quoted: true };
    }
    let list = rest.starts_with('[');
    if !in_brackets && !list {
        return Value { hidden: 0..rest.len(), end: rest.len(), quoted: rest.starts_with(['|', '>']) };
    }
    let next = NEXT.find(rest).map(|next| next.start());
    let end = next.unwrap_or_else(|| rest.trim_end_matches(['}', ']', ' ', ',']).len()).max(usize::from(list));
    Value { hidden: usize::from(list)..end, end, quoted: false }
}

/// What of a value is written there, and not filled in later.
fn outside_placeholders(value: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= value.len() {
            return None;
        }
        let begin = value[at..].find("{{").map(|found| at + found);
        let end = begin.and_then(|begin| value[begin..].find("}}").map(|found| begin + found + 2));
        let (Some(begin), Some(end)) = (begin, end) else {
            let rest = at..value.len();
            at = value.len();
            return Some(rest);
        };
        let before = at..begin;
        at = end;
        Some(before)
    })
    .filter(|range| !range.is_empty())
}

/// A character in place of another one, of the same size.
fn masked(character: char) -> char {
    match character.len_utf8() {
        _ if ['\n', '\r'].contains(&character) => character,
        1 => '*',
        2 => '·',
        3 => '•',
        _ => '🞄',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let source = Source::new("p.yaml", text);
        let hidden = Hidden::of(&source).source();
        assert_eq!(hidden.text(), expected);
        assert_eq!(hidden.text().len(), text.len());
    }

    #[test]
    fn values_of_secrets_are_hidden_and_all_else_stays_where_it_is() {
        check("POSTGRES_PASSWORD: hunter2 extra: x\nname: y", "POSTGRES_PASSWORD: ****************\nname: y");
        check("env: { A: b, DB_PASS: hun,ter2, C: d }", "env: { A: b, DB_PASS: ********, C: d }");
        check("{ \"token\": \"a \\\" b\", \"x\": 1 }", "{ \"token\": \"******\", \"x\": 1 }");
        check("token: 'it''s' # why", "token: '*****' # why");
        check("{ tokens: [abc, 'd'], x: 1 }", "{ tokens: [*********, x: 1 }");
        check("{ token: \"ünï\", secret: 'é", "{ token: \"·*·\", secret: '·");
        check("  - SECRET=one two", "  - SECRET=*******");
        check("api_token:x1", "api_token:**");
        check("password: pässwört日本😀 x", "password: *·***·**••🞄**");
    }

    #[test]
    fn values_of_several_lines_are_hidden() {
        check(
            "key:\n  PRIVATE_KEY: |\n    one\n\n    two\n  B: c",
            "key:\n  PRIVATE_KEY: *\n    ***\n\n    ***\n  B: c",
        );
        check("password: \"one\n  two: three\"\nb: c", "password: \"***\n  ***********\nb: c");
        check("tokens:\n  - abcdef\n  - ghi\nb: c", "tokens:\n  ********\n  *****\nb: c");
        check("secrets:\n  settings: [a]\n  files: []", "secrets:\n  settings: [a]\n  files: []");
    }

    #[test]
    fn placeholders_maps_and_other_words_are_shown() {
        for text in [
            "password: {{ settings.db }}",
            "secrets: { settings: [a] }",
            "capture: { token: { json: /token } }",
            "passenger_pool: 6",
            "url: http://host:80/a@b",
            "",
        ] {
            check(text, text);
        }
        check("url: postgres://me:hunter2@db/x", "url: postgres://me:*******@db/x");
        check("password: \"a{{ x }}b\"", "password: \"*{{ x }}*\"");
    }

    #[test]
    fn what_is_said_has_no_words_of_them() {
        let source = Source::new("p.yaml", "a: b\npassword: *hunter2 x\nc: hunter2");
        let hidden = Hidden::of(&source);
        assert_eq!(hidden.clean(15, "`*hunter2` has no anchor"), "`********` has no anchor");
        assert_eq!(hidden.clean(0, "hunter2"), "hunter2");
    }
}
