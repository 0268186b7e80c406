//! Errors that statements of ours provoked: the database logs them, but they say nothing about the product.

use memchr::memmem::find;

use crate::observation::OWN_STATEMENT;

/// What stands before the statement where a log has it in the same line: JSON and CSV of PostgreSQL, and the error log of
/// statements of MariaDB.
const BEFORE: [&str; 3] = [r#""statement":""#, r#",""#, " : "];
/// The parts of a message of PostgreSQL that come after its first line, each with the prefix of that line.
const PARTS: [&[u8]; 7] = [b"DETAIL", b"HINT", b"QUERY", b"CONTEXT", b"LOCATION", b"BACKTRACE", b"STATEMENT"];
/// Between the word that says what a line is and the text.
const COLON: &[u8] = b":  ";

/// Whether a line that is an error has a statement of ours in it.
pub(super) fn quotes_own(line: &[u8]) -> bool {
    memchr::memmem::find_iter(line, OWN_STATEMENT)
        .any(|at| BEFORE.iter().any(|text| line[..at].ends_with(text.as_bytes())))
}

/// A message of PostgreSQL in plain text: `2024-01-02 10:11:12 UTC [7] ERROR:  relation …`.
#[derive(Debug)]
pub(super) struct Message {
    /// What its lines begin with, without the digits: a log may count them.
    prefix: Vec<u8>,
    /// Whether its last line was a part of it behind the first.
    inside: bool,
}

/// What a line is to the message before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Another part of the message.
    Other,
    /// The statement that provoked it, which is ours.
    OwnStatement,
    /// It does not belong to the message.
    None,
}

impl Message {
    /// The message that this line begins, if it is one.
    pub(super) fn of(line: &[u8]) -> Option<Self> {
        let (prefix, _, _) = split(line)?;
        Some(Self { prefix, inside: false })
    }

    /// Whether the next line belongs to the message.
    pub(super) fn takes(&mut self, line: &[u8]) -> Part {
        // A text of several lines goes on after a tab.
        if self.inside && line.first() == Some(&b'\t') {
            return Part::Other;
        }
        let Some((prefix, word, text)) = split(line) else { return Part::None };
        if prefix != self.prefix {
            return Part::None;
        }
        // The word is in the language of the server.
        let part = if text.starts_with(OWN_STATEMENT.as_bytes()) {
            Part::OwnStatement
        } else if PARTS.contains(&word) {
            Part::Other
        } else {
            return Part::None;
        };
        self.inside = true;
        part
    }

    /// Whether its last line was a part of it behind the first.
    pub(super) fn is_inside(&self) -> bool {
        self.inside
    }
}

/// The prefix of a line without its digits, the word before the colon, and the text behind it.
fn split(line: &[u8]) -> Option<(Vec<u8>, &[u8], &[u8])> {
    let colon = find(line, COLON)?;
    let begin = line[..colon].iter().rposition(|byte| *byte == b' ').map_or(0, |space| space + 1);
    let prefix = line[..begin].iter().copied().filter(|byte| !byte.is_ascii_digit()).collect();
    Some((prefix, &line[begin..colon], &line[colon + COLON.len()..]))
}
