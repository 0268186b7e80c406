//! The bytes of a text that tell, in which a first look finds where something may be.

use memchr::memchr;
use memchr::memmem::find;

use crate::text::{ESCAPE, end_of_line, escape_length};

/// Ends a line before one that is quoted.
const QUOTED: &[u8] = b"\n>";

/// The bytes of a text that are no blanks, no backslashes, no terminal's codes and no marks of a quotation.
pub(super) fn bare<'b>(text: &[u8], into: &'b mut Vec<u8>) -> &'b [u8] {
    if into.len() < text.len() {
        into.resize(text.len(), 0);
    }
    let mut length = 0;
    if memchr(ESCAPE, text).is_none() && find(text, QUOTED).is_none() {
        for byte in text {
            into[length] = *byte;
            length += usize::from(counts(*byte));
        }
    } else {
        for place in Places::new(text) {
            into[length] = text[place];
            length += 1;
        }
    }
    &into[..length]
}

fn counts(byte: u8) -> bool {
    byte > b' ' && byte != b'\\'
}

/// Where those bytes stand.
pub(super) struct Places<'t> {
    text: &'t [u8],
    at: usize,
    /// Where the line ends in which the last escape sequence was.
    end: usize,
}

impl<'t> Places<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0, end: 0 }
    }
}

impl Iterator for Places<'_> {
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
            } else if counts(byte) {
                return Some(self.at - 1);
            }
        }
    }
}
