//! The significant bytes of a text: the first pass searches only these.
//!
//! Whitespace, backslashes, terminal codes and quotation marks at the beginning of a line change on a text's way from the
//! program to us; what is left is the same in every copy.

use memchr::memchr;
use memchr::memmem::find;

use crate::text::{ESCAPE, end_of_line, escape_length};

/// The end of a line whose next line is quoted.
const QUOTED: &[u8] = b"\n>";

/// The significant bytes of a text.
pub(super) fn significant_bytes<'b>(text: &[u8], into: &'b mut Vec<u8>) -> &'b [u8] {
    if into.len() < text.len() {
        into.resize(text.len(), 0);
    }
    let mut length = 0;
    if memchr(ESCAPE, text).is_none() && find(text, QUOTED).is_none() {
        // Nearly every text: written without a branch per byte, this is several times faster.
        for byte in text {
            into[length] = *byte;
            length += usize::from(is_significant(*byte));
        }
    } else {
        for offset in SignificantOffsets::new(text) {
            into[length] = text[offset];
            length += 1;
        }
    }
    &into[..length]
}

fn is_significant(byte: u8) -> bool {
    byte > b' ' && byte != b'\\'
}

/// The offsets of the significant bytes of a text.
pub(super) struct SignificantOffsets<'t> {
    text: &'t [u8],
    at: usize,
    /// Where the line ends in which the last escape sequence was.
    end: usize,
}

impl<'t> SignificantOffsets<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0, end: 0 }
    }
}

impl Iterator for SignificantOffsets<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        loop {
            let byte = *self.text.get(self.at)?;
            self.at += 1;
            if byte == ESCAPE {
                let from = self.at - 1;
                if from >= self.end {
                    self.end = end_of_line(self.text, from);
                }
                self.at = from + escape_length(&self.text[from..self.end]);
            } else if byte == b'\n' && self.text.get(self.at) == Some(&b'>') {
                let marks = self.text[self.at..].iter().take_while(|byte| matches!(byte, b'>' | b' '));
                self.at += marks.count();
            } else if is_significant(byte) {
                return Some(self.at - 1);
            }
        }
    }
}
