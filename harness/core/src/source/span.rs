//! Where things are written: a named text, and a piece of it.
//!
//! Positions are byte offsets, lines and columns are for people. No YAML type leaks through here.

/// A text an author wrote, with the name it is shown under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    name: String,
    text: String,
    /// The byte offset at which each line starts; never empty.
    lines: Vec<usize>,
}

/// A piece of a [`Source`]: byte offsets, the end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// The offset of the first byte.
    pub start: usize,
    /// The offset after the last byte; equal to `start` where something is absent.
    pub end: usize,
}

/// A place as an editor shows it, both counted from one; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl Source {
    /// Wraps `text`, to be shown as `name` (usually its path).
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let (name, text) = (name.into(), text.into());
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { name, text, lines }
    }

    /// The name it is shown under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text of `span`; empty where the span is not one of this source.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    /// The line and column of a byte offset; an offset past the end is the end.
    pub fn place(&self, offset: usize) -> Place {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.lines.partition_point(|&start| start <= offset).max(1);
        let column = self.slice(Span { start: self.line_start(line), end: offset }).chars().count() + 1;
        // A byte order mark takes no room on the screen.
        let marked = line == 1 && column > 1 && self.text.starts_with('\u{feff}');
        Place { line, column: column - usize::from(marked) }
    }

    /// The span of a line counted from one, without its line break.
    pub fn line(&self, line: usize) -> Span {
        let start = self.line_start(line);
        let end = self.lines.get(line).copied().unwrap_or(self.text.len());
        let text = self.slice(Span { start, end });
        Span { start, end: start + text.trim_end_matches(['\n', '\r']).len() }
    }

    /// How many lines there are; an empty text has one.
    pub fn line_count(&self) -> usize {
        self.lines.len()
    }

    /// Cuts `span` to its first line, so that a problem points at one place and not at a page.
    pub fn first_line(&self, span: Span) -> Span {
        let text = self.slice(span);
        let first = text.split(['\n', '\r']).next().unwrap_or_default().trim_end();
        Span { start: span.start, end: span.start + first.len() }
    }

    fn line_start(&self, line: usize) -> usize {
        self.lines.get(line.saturating_sub(1)).copied().unwrap_or(self.text.len())
    }
}

impl Span {
    /// An empty span, for what is absent.
    pub fn empty(at: usize) -> Self {
        Self { start: at, end: at }
    }

    /// Whether it covers nothing.
    pub fn is_empty(self) -> bool {
        self.start >= self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, offset: usize, expected: (usize, usize)) {
        let place = Source::new("t", text).place(offset);
        assert_eq!((place.line, place.column), expected, "{text:?} at {offset}");
    }

    #[test]
    fn places_count_from_one_and_in_characters() {
        check("", 0, (1, 1));
        check("ab\ncd", 0, (1, 1));
        check("ab\ncd", 2, (1, 3));
        check("ab\ncd", 3, (2, 1));
        check("ab\ncd", 99, (2, 3));
        check("é: ü", 4, (1, 4));
        check("é: ü", 5, (1, 4)); // inside a character: its start
        check("a\r\nb", 3, (2, 1));
        check("\u{feff}a: 1", 3, (1, 1));
        check("\u{feff}a: 1", 0, (1, 1));
    }

    #[test]
    fn a_line_comes_without_its_break() {
        let source = Source::new("t", "one\r\ntwo\n");
        assert_eq!(source.slice(source.line(1)), "one");
        assert_eq!(source.slice(source.line(2)), "two");
        assert_eq!(source.slice(source.line(3)), "");
        assert_eq!(source.line_count(), 3);
    }

    #[test]
    fn a_span_is_cut_to_its_first_line() {
        let source = Source::new("t", "k: 1  \n  l: 2");
        assert_eq!(source.first_line(Span { start: 0, end: 13 }), Span { start: 0, end: 4 });
    }
}
