//! Character positions, which the YAML parser counts in, to byte offsets.

use crate::source::span::Span;

/// The byte offset of each character of a text.
pub(super) struct Offsets {
    /// Absent where every character is one byte.
    bytes: Option<Vec<usize>>,
    end: usize,
}

impl Offsets {
    pub(super) fn of(text: &str) -> Self {
        let bytes = (!text.is_ascii()).then(|| text.char_indices().map(|(at, _)| at).collect());
        Self { bytes, end: text.len() }
    }

    /// The offset of a character; past the last one, the end.
    pub(super) fn byte(&self, character: usize) -> usize {
        match &self.bytes {
            Some(bytes) => bytes.get(character).copied().unwrap_or(self.end),
            None => character.min(self.end),
        }
    }

    /// The span between two characters.
    pub(super) fn span(&self, first: usize, after: usize) -> Span {
        let start = self.byte(first);
        Span { start, end: self.byte(after).max(start) }
    }
}
