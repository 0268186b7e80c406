//! YAML text to nodes that know where they are written.
//!
//! The only module that names the YAML parser. It knows no schema: plain scalars keep their text, so `1.10`, `NO` and
//! `5.0` arrive as written. Anchors, aliases and merge keys are resolved here, within budgets.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, StrInput, Tag};

use super::offsets::Offsets;
use crate::source::diagnostic::{Problem, Rejected, did_you_mean};
use crate::source::span::{Source, Span};
use crate::vocabulary::scalar::quoted;

/// Bytes a file may have.
const LARGEST_FILE: usize = 4 << 20;
/// Bytes of scalars and keys after aliases are resolved; without it a long text aliased often fills the memory.
const LARGEST_TEXT: usize = 16 << 20;
/// Nodes after aliases are resolved.
const MOST_NODES: usize = 100_000;
/// How deep nodes may nest, aliases resolved.
const DEEPEST: usize = 64;

const PLACEHOLDER: &str = "a value that starts with `{{` reads as a map";

/// A value and where it is written. What an alias stands for keeps the place of its anchor, but the alias itself is
/// where it is used.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) kind: Kind,
}

/// What a node is before any schema has spoken.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Nothing is written.
    Null,
    /// One text; `plain` if it has no quotes.
    Scalar { text: String, plain: bool },
    /// A list.
    Seq(Vec<Node>),
    /// A map, in order; a repeated key has been reported and is still here.
    Map(Vec<Entry>),
    /// Something already reported, which fits any shape.
    Broken,
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) value: Node,
}

/// What is made of tags that are none of YAML's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tags {
    /// An author's mistake.
    Refused,
    /// Names of a program's classes, which say nothing to us.
    PassedOver,
}

/// Reads one document, with the problems that did not keep it from being read to its end.
pub(super) fn parse(source: &Source, tags: Tags) -> Result<(Node, Vec<Problem>), Rejected> {
    if source.text().len() > LARGEST_FILE {
        let label = format!("expected at most {} MiB", LARGEST_FILE >> 20);
        let title = format!("the file has {} bytes", source.text().len());
        return Err(Rejected::new(source.clone(), Problem::new(Span::empty(0), title, label), Vec::new()));
    }
    // The parser takes it for the end of the text.
    if let Some(at) = source.text().find('\0') {
        let span = Span { start: at, end: at + 1 };
        let title = "this is not YAML: found a NUL character";
        let problem = Problem::new(span, title, "the text cannot be read from here on");
        return Err(Rejected::new(source.clone(), problem, Vec::new()));
    }
    let mut reader = Reader {
        source,
        tags,
        events: Parser::new_from_str(source.text()),
        offsets: Offsets::of(source.text()),
        anchors: HashMap::new(),
        problems: Vec::new(),
        nodes: 0,
        bytes: 0,
    };
    match reader.document() {
        Ok(node) => Ok((node, reader.problems)),
        Err(fatal) => Err(Rejected::new(source.clone(), *fatal, reader.problems)),
    }
}

/// A problem after which nothing more can be read.
type Fatal = Box<Problem>;

struct Reader<'a> {
    source: &'a Source,
    tags: Tags,
    events: Parser<'a, StrInput<'a>>,
    offsets: Offsets,
    anchors: HashMap<usize, Node>,
    problems: Vec<Problem>,
    nodes: usize,
    bytes: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Fatal> {
        match self.events.next_event() {
            Some(Ok((event, span))) => Ok((event, self.offsets.span(span.start.index(), span.end.index()))),
            Some(Err(error)) => Err(Box::new(self.syntax(&error))),
            None => Ok((Event::StreamEnd, Span::empty(self.source.text().len()))),
        }
    }

    fn document(&mut self) -> Result<Node, Fatal> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root.unwrap_or(Node { span: Span::empty(0), kind: Kind::Null })),
                Event::DocumentStart(_) if root.is_some() => {
                    let title = "a second document starts here";
                    return Err(Box::new(Problem::new(span, title, "expected one document in the file")));
                }
                Event::Nothing | Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd => {}
                Event::Alias(_)
                | Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::SequenceEnd
                | Event::MappingStart(..)
                | Event::MappingEnd => root = Some(self.node(event, span, 1)?),
            }
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Fatal> {
        self.spend(1, 0, span)?;
        within_depth(depth, span)?;
        let (anchor, node) = match event {
            Event::Alias(anchor) => return self.alias(anchor, span, depth),
            Event::Scalar(text, style, anchor, tag) => (anchor, self.scalar(text, style, tag.as_deref(), span)?),
            Event::SequenceStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), "seq", span);
                (anchor, self.seq(span, depth)?)
            }
            Event::MappingStart(anchor, tag) => {
                self.check_tag(tag.as_deref(), "map", span);
                (anchor, self.map(span, depth)?)
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => {
                return Err(Box::new(Problem::new(span, "the file ends early", "expected a value")));
            }
        };
        // The parser counts anchors from one; zero is none.
        if anchor != 0 {
            self.spend_on_copy(&node, node.span, depth)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, span: Span, depth: usize) -> Result<Node, Fatal> {
        // Taken out and put back rather than cloned: the budget is asked before memory is used.
        let Some(node) = self.anchors.remove(&anchor) else {
            let title = format!("{} stands for a value it is part of", quoted(self.source.slice(span)));
            self.problems.push(Problem::new(span, title, "expected an anchor that is complete above"));
            return Ok(Node { span, kind: Kind::Broken });
        };
        let copy = self.spend_on_copy(&node, span, depth).map(|()| Node { span, kind: node.kind.clone() });
        self.anchors.insert(anchor, node);
        copy
    }

    fn scalar(&mut self, text: Cow<'a, str>, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Result<Node, Fatal> {
        self.spend(0, text.len(), span)?;
        let plain = style == ScalarStyle::Plain && !tag.is_some_and(|tag| is_core(tag, "str"));
        self.check_tag(tag, "str", span);
        if plain && text.is_empty() {
            return Ok(Node { span: Span::empty(span.start), kind: Kind::Null });
        }
        // Block scalars end where the next token starts.
        let end = span.start + self.source.slice(span).trim_end().len();
        Ok(Node { span: Span { start: span.start, end }, kind: Kind::Scalar { text: text.into_owned(), plain } })
    }

    fn seq(&mut self, span: Span, depth: usize) -> Result<Node, Fatal> {
        let mut items = Vec::new();
        loop {
            let (event, at) = self.next()?;
            if event == Event::SequenceEnd {
                let end = closing(span, at, items.last().map(|item: &Node| item.span.end));
                return Ok(Node { span: Span { start: span.start, end }, kind: Kind::Seq(items) });
            }
            items.push(self.node(event, at, depth + 1)?);
        }
    }

    fn map(&mut self, span: Span, depth: usize) -> Result<Node, Fatal> {
        let reported = self.problems.len();
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen = HashSet::new();
        let mut merge = None;
        let (mut last, mut nested_key) = (None, false);
        let end = loop {
            let (event, at) = self.next()?;
            if event == Event::MappingEnd {
                break closing(span, at, last);
            }
            let key = self.node(event, at, depth + 1)?;
            let (event, at) = self.next()?;
            let value = self.node(event, at, depth + 1)?;
            last = Some(value.span.end.max(key.span.end));
            let Some((text, plain)) = self.key(&key) else {
                nested_key |= matches!(key.kind, Kind::Map(_) | Kind::Broken);
                continue;
            };
            if !seen.insert(text.clone()) {
                let help = (plain && text == "<<").then(|| "merge several maps as `<<: [*one, *two]`".to_owned());
                let title = format!("the key {} is repeated", quoted(&text));
                self.problems.push(Problem { help, ..Problem::new(key.span, title, "expected each key once") });
            }
            if plain && text == "<<" {
                merge = merge.or(Some((entries.len(), value)));
            } else {
                entries.push(Entry { key: text, key_span: key.span, value });
            }
        };
        let span = Span { start: span.start, end };
        if nested_key && self.source.slice(span).starts_with("{{") {
            // What else was said of it is noise: the author wrote a placeholder, not a map in a map.
            self.problems.truncate(reported);
            self.problems.push(unquoted_placeholder(self.source, span));
            return Ok(Node { span, kind: Kind::Broken });
        }
        if let Some((at, value)) = merge {
            self.merge(&mut entries, at, value, &mut seen);
        }
        Ok(Node { span, kind: Kind::Map(entries) })
    }

    /// The text of a key, and whether it is plain; reports what cannot be one.
    fn key(&mut self, key: &Node) -> Option<(String, bool)> {
        let title = match &key.kind {
            Kind::Scalar { text, plain } => return Some((text.clone(), *plain)),
            Kind::Broken => return None,
            Kind::Null => "a key is missing before `:`",
            Kind::Seq(_) => "a list cannot be a key",
            Kind::Map(_) => "a map cannot be a key",
        };
        self.problems.push(Problem::new(key.span, title, "expected a key that is text"));
        None
    }

    /// Puts the entries of a merge key where it stood. What the map says itself wins, then the earlier map of a list.
    fn merge(&mut self, entries: &mut Vec<Entry>, at: usize, value: Node, seen: &mut HashSet<String>) {
        let parts = match value.kind {
            Kind::Seq(parts) => parts,
            Kind::Map(_) | Kind::Null | Kind::Scalar { .. } | Kind::Broken => vec![value],
        };
        let mut merged = Vec::new();
        for part in parts {
            match part.kind {
                Kind::Map(more) => merged.extend(more.into_iter().filter(|entry| seen.insert(entry.key.clone()))),
                Kind::Broken => {}
                Kind::Null | Kind::Scalar { .. } | Kind::Seq(_) => {
                    let title = "`<<` takes a map or a list of maps";
                    self.problems.push(Problem::new(
                        part.span,
                        title,
                        "expected an alias of a map, such as `*defaults`",
                    ));
                }
            }
        }
        entries.splice(at..at, merged);
    }

    fn check_tag(&mut self, tag: Option<&Tag>, allowed: &str, span: Span) {
        if let Some(tag) = tag.filter(|tag| self.tags == Tags::Refused && !is_core(tag, allowed)) {
            let written = if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
            let title = format!("the tag {} is not supported", quoted(&written));
            let length = self.source.slice(span).find(char::is_whitespace).unwrap_or(span.end - span.start);
            let span = Span { start: span.start, end: span.start + length };
            self.problems.push(Problem::new(span, title, "expected a value without a tag"));
        }
    }

    fn spend_on_copy(&mut self, node: &Node, at: Span, depth: usize) -> Result<(), Fatal> {
        within_depth(depth, at)?;
        match &node.kind {
            Kind::Null | Kind::Broken => self.spend(1, 0, at),
            Kind::Scalar { text, .. } => self.spend(1, text.len(), at),
            Kind::Seq(items) => {
                self.spend(1, 0, at)?;
                items.iter().try_for_each(|item| self.spend_on_copy(item, at, depth + 1))
            }
            Kind::Map(entries) => {
                self.spend(1, 0, at)?;
                entries.iter().try_for_each(|entry| {
                    self.spend(0, entry.key.len(), at)?;
                    self.spend_on_copy(&entry.value, at, depth + 1)
                })
            }
        }
    }

    fn spend(&mut self, nodes: usize, bytes: usize, at: Span) -> Result<(), Fatal> {
        self.nodes += nodes;
        self.bytes += bytes;
        let label = if self.nodes > MOST_NODES {
            format!("expected at most {MOST_NODES} values")
        } else if self.bytes > LARGEST_TEXT {
            format!("expected at most {} MiB of text", LARGEST_TEXT >> 20)
        } else {
            return Ok(());
        };
        Err(Box::new(Problem::new(at, "the file is too large once its aliases are resolved", label)))
    }

    fn syntax(&mut self, error: &ScanError) -> Problem {
        let text = self.source.text();
        let start = self.offsets.byte(error.marker().index());
        let first = text.get(start..).and_then(|rest| rest.chars().next()).filter(|&c| c != '\n' && c != '\r');
        let span = Span { start, end: start + first.map_or(0, char::len_utf8) };
        if error.info().contains("unknown anchor") {
            return self.unknown_anchor(start);
        }
        let line = self.source.line(self.source.place(start).line);
        if let Some(at) = self.source.slice(line).find(" {{") {
            // Said before of its first half, if it has one.
            self.problems.retain(|problem| !(line.start..=line.end).contains(&problem.span.start));
            let span = Span { start: line.start + at + 1, end: line.end };
            return Problem::new(span, PLACEHOLDER, "expected quotes around the whole value");
        }
        let has = |part: &str| error.info().contains(part);
        let help = if has("tabs") || has(" tab") {
            Some("indent with spaces")
        } else if has("mapping values are not allowed") {
            Some("quote a value that holds `: `, and indent the keys of one map alike")
        } else if has("quoted scalar") {
            Some("close the quote")
        } else if has("expected key") {
            Some("indent the keys of one map alike")
        } else if has("illegal placement") {
            Some("close the bracket before it, or quote the text")
        } else {
            None
        };
        let help = help.map(str::to_owned);
        let title = format!("this is not YAML: {}", error.info());
        Problem { help, ..Problem::new(span, title, "the text cannot be read from here on") }
    }

    fn unknown_anchor(&self, start: usize) -> Problem {
        let ends = |c: char| c.is_whitespace() || [',', ']', '}'].contains(&c);
        let (before, after) = self.source.text().split_at(start);
        let alias = after.split(ends).next().unwrap_or_default();
        let known = before.split_whitespace().filter_map(|word| word.trim_start_matches(['[', '{']).strip_prefix('&'));
        let help = did_you_mean(alias.trim_start_matches('*'), known).map(|near| format!("did you mean `*{near}`?"));
        let span = Span { start, end: start + alias.len() };
        let title = format!("{} has no anchor", quoted(alias));
        Problem { help, ..Problem::new(span, title, "expected the name of an anchor (`&name`) further up") }
    }
}

/// Where a collection ends: at its bracket, or with its last value when it has none.
fn closing(opening: Span, end: Span, last: Option<usize>) -> usize {
    if end.is_empty() { last.unwrap_or(opening.end).max(opening.start) } else { end.end }
}

fn within_depth(depth: usize, at: Span) -> Result<(), Fatal> {
    if depth <= DEEPEST {
        return Ok(());
    }
    let label = format!("expected at most {DEEPEST} levels");
    Err(Box::new(Problem::new(at, "values are nested too deep", label)))
}

fn is_core(tag: &Tag, suffix: &str) -> bool {
    tag.is_yaml_core_schema() && tag.suffix == suffix
}

fn unquoted_placeholder(source: &Source, span: Span) -> Problem {
    let span = source.first_line(span);
    let help = format!("write `\"{}\"`", source.slice(span));
    Problem::new(span, PLACEHOLDER, "expected quotes around it").with_help(help)
}
