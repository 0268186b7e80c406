//! An error that further lines may still belong to: indented ones, or a whole Python traceback, whose cause comes last.

use super::super::excerpt::shorten;
use super::WIDTH;
use super::own::{Message, Part};
use super::shape::shape;

/// How many lines of an example are kept besides the first: at its beginning and at its end.
const HEAD: usize = 4;
const TAIL: usize = 3;
/// An error ends after this many lines at the latest.
const MAX_LINES: u32 = 500;

const TRACEBACK: &[u8] = b"Traceback (most recent call last)";
/// The lines between the tracebacks of a chain.
const CHAINED: [&[u8]; 2] = [b"During handling of the above exception", b"The above exception was the direct cause"];

/// What a line is to the error before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follows {
    /// It belongs to the error.
    Taken,
    /// The error ended before it.
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// An error with whatever is indented below.
    Plain,
    /// A traceback, among its frames.
    Frames,
    /// A traceback after its last line; another one may be chained to it.
    Cause,
}

/// An error that further lines may still belong to.
#[derive(Debug)]
pub(super) struct Open {
    number: u64,
    first: Vec<u8>,
    head: Vec<Vec<u8>>,
    tail: Vec<Vec<u8>>,
    followed: u32,
    inside: Inside,
    cause: Option<Vec<u8>>,
    /// Of an error of PostgreSQL: how its further lines are recognised.
    message: Option<Message>,
    /// Whether a statement of ours provoked it.
    own: bool,
}

fn cut(line: &[u8]) -> Vec<u8> {
    line[..line.len().min(WIDTH)].to_vec()
}

impl Open {
    /// An error that begins with this line.
    pub(super) fn new(number: u64, line: &[u8]) -> Self {
        let inside = if memchr::memmem::find(line, TRACEBACK).is_some() { Inside::Frames } else { Inside::Plain };
        let (head, tail) = (Vec::new(), Vec::new());
        let message = Message::of(line);
        Self { number, first: cut(line), head, tail, followed: 0, inside, cause: None, message, own: false }
    }

    /// Takes the next line if it belongs to the error.
    pub(super) fn follows(&mut self, line: &[u8], is_error: bool) -> Follows {
        if self.followed >= MAX_LINES {
            return Follows::Ended;
        }
        if let Some(message) = &mut self.message {
            match message.takes(line) {
                Part::Other => return Follows::Taken,
                Part::OwnStatement => {
                    self.own = true;
                    return Follows::Taken;
                }
                Part::None if message.is_inside() => return Follows::Ended,
                Part::None => {}
            }
        }
        let indented = matches!(line.first(), Some(b' ' | b'\t'));
        let chained = CHAINED.iter().any(|text| line.starts_with(text));
        match self.inside {
            // A traceback that is logged below the line with the failure.
            Inside::Plain | Inside::Cause
                if line.starts_with(TRACEBACK) && (self.cause.is_none() || self.chained()) =>
            {
                self.inside = Inside::Frames;
            }
            // A line that is an error by itself is never hidden below another one.
            Inside::Plain if indented && !is_error => {}
            Inside::Frames if indented => {}
            Inside::Frames if is_exception(line) => {
                self.inside = Inside::Cause;
                self.cause = Some(cut(line));
            }
            Inside::Cause if line.is_empty() || chained => {}
            Inside::Plain | Inside::Frames | Inside::Cause => return Follows::Ended,
        }
        self.followed += 1;
        if line.is_empty() {
            return Follows::Taken;
        }
        if self.head.len() < HEAD {
            self.head.push(cut(line));
        } else {
            if self.tail.len() == TAIL {
                self.tail.remove(0);
            }
            self.tail.push(cut(line));
        }
        Follows::Taken
    }

    /// Whether the last line announces another traceback.
    fn chained(&self) -> bool {
        let last = self.tail.last().or(self.head.last());
        last.is_some_and(|line| CHAINED.iter().any(|text| line.starts_with(text)))
    }

    /// The last line of a traceback.
    pub(super) fn cause(&self) -> Option<&[u8]> {
        self.cause.as_deref()
    }

    /// Whether a statement of ours provoked it.
    pub(super) fn is_own(&self) -> bool {
        self.own
    }

    /// Its first line and its last.
    pub(super) fn lines(&self) -> (u64, u64) {
        (self.number, self.number + u64::from(self.followed))
    }

    /// Whether its last line only announces what follows: `aborted!`, `An error has occurred:`.
    pub(super) fn announces(&self) -> bool {
        let last = self.tail.last().or(self.head.last()).unwrap_or(&self.first);
        matches!(last.trim_ascii_end().last(), Some(b'!' | b':'))
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// What it has in common with others of its kind.
    pub(super) fn shape(&self) -> String {
        match &self.cause {
            Some(cause) => format!("{} … {}", shape(&self.first), shape(cause)),
            None => shape(&self.first),
        }
    }

    /// Its lines, with `…` in place of those that were left out.
    pub(super) fn example(&self) -> Vec<String> {
        let text = |line: &Vec<u8>| shorten(String::from_utf8_lossy(line).trim_end(), 400);
        let mut lines: Vec<String> = std::iter::once(&self.first).chain(&self.head).map(text).collect();
        let left_out = (self.followed as usize).saturating_sub(self.head.len() + self.tail.len());
        if left_out > 0 {
            lines.push(format!("… {left_out} lines …"));
        }
        lines.extend(self.tail.iter().map(text));
        lines
    }
}

/// `django.db.utils.ProgrammingError: relation …`: a name that begins with a letter, then nothing or a colon.
fn is_exception(line: &[u8]) -> bool {
    let name = line.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')).count();
    name > 0 && line[0].is_ascii_alphabetic() && (name == line.len() || line[name..].starts_with(b": "))
}
