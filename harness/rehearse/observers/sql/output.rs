//! What a client program prints, in bounded memory.

use std::borrow::Cow;

use crate::engine::host::{Sink, Stream};

/// Answers longer than this are not for a probe.
const LONGEST: usize = 64 << 20;
/// Nor are those of more values: each takes many times its text.
pub(super) const MOST_VALUES: usize = 4_000_000;
/// What a client says before it fails.
const WORDS: usize = 64 << 10;
/// Of an answer that is too long its end is kept: there stands whether it is whole.
const END: usize = 256;

/// What a client program prints, whole or not at all.
#[derive(Default)]
pub(super) struct Output {
    out: Vec<u8>,
    pub(super) err: Vec<u8>,
    over: bool,
}

impl Sink for Output {
    fn take(&mut self, stream: Stream, bytes: &[u8]) {
        match stream {
            Stream::Err => words(&mut self.err, bytes),
            Stream::Out if self.over || self.out.len() + bytes.len() > LONGEST => {
                self.over = true;
                self.out.extend_from_slice(bytes.get(bytes.len().saturating_sub(END)..).unwrap_or_default());
                self.out = self.out.split_off(self.out.len().saturating_sub(END));
            }
            Stream::Out => self.out.extend_from_slice(bytes),
        }
    }
}

impl Output {
    /// Whether this is how it ends, on a line of its own; takes it off then.
    pub(super) fn take_end(&mut self, end: &[u8]) -> bool {
        let Some(before) = self.out.strip_suffix(end).map(<[u8]>::len) else { return false };
        let begins_a_line = before == 0 || self.out.get(before - 1) == Some(&b'\n');
        if begins_a_line {
            self.out.truncate(before);
        }
        begins_a_line
    }

    /// The rows of it, which are lists of values between these signs.
    pub(super) fn text(&self, between: &[u8]) -> Result<Cow<'_, str>, String> {
        if self.over {
            return Err(format!("an answer of more than {} MiB", LONGEST >> 20));
        }
        if self.out.iter().filter(|byte| between.contains(byte)).count() > MOST_VALUES {
            return Err(format!("an answer of more than {MOST_VALUES} values"));
        }
        Ok(String::from_utf8_lossy(&self.out))
    }
}

/// Keeps the beginning of what a client says besides its answer.
pub(super) fn words(err: &mut Vec<u8>, bytes: &[u8]) {
    let room = WORDS.saturating_sub(err.len());
    err.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

/// What a client program said when it failed, as one line.
pub(super) fn last_words(program: &str, code: i64, err: &[u8]) -> String {
    const LONGEST: usize = 4000;
    let text = String::from_utf8_lossy(err).split_whitespace().collect::<Vec<_>>().join(" ");
    let end = text.char_indices().nth(LONGEST).map_or(text.len(), |(end, _)| end);
    format!("{program} ended with {code}: {}", text.get(..end).unwrap_or_default())
}
