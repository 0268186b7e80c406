//! The output of a client program, in bounded memory.

use std::borrow::Cow;

use crate::engine::host::{Sink, Stream};

/// A longer result is not what a probe is for.
const MAX_LEN: usize = 64 << 20;
/// Neither is one with more values, which take many times the memory of their text.
pub(super) const MOST_VALUES: usize = 4_000_000;
/// How much of standard error is kept.
const WORDS: usize = 64 << 10;
/// Of a result that is too long, the end is kept, which shows whether it is complete.
const END: usize = 256;

/// The output of a client program, complete or not at all.
#[derive(Default)]
pub(super) struct Output {
    out: Vec<u8>,
    pub(super) err: Vec<u8>,
    over: bool,
}

impl Sink for Output {
    fn take(&mut self, stream: Stream, bytes: &[u8]) {
        match stream {
            Stream::Err => keep_beginning(&mut self.err, bytes),
            Stream::Out if self.over || self.out.len() + bytes.len() > MAX_LEN => {
                self.over = true;
                self.out.extend_from_slice(bytes.get(bytes.len().saturating_sub(END)..).unwrap_or_default());
                self.out = self.out.split_off(self.out.len().saturating_sub(END));
            }
            Stream::Out => self.out.extend_from_slice(bytes),
        }
    }
}

impl Output {
    /// Whether it ends with this, at the beginning of a line; if so, removes it.
    pub(super) fn take_end(&mut self, end: &[u8]) -> bool {
        let Some(before) = self.out.strip_suffix(end).map(<[u8]>::len) else { return false };
        let begins_a_line = before == 0 || self.out.get(before - 1) == Some(&b'\n');
        if begins_a_line {
            self.out.truncate(before);
        }
        begins_a_line
    }

    /// The output as text; `between` are the separators of its values.
    pub(super) fn text(&self, between: &[u8]) -> Result<Cow<'_, str>, String> {
        if self.over {
            return Err(format!("a result of more than {} MiB", MAX_LEN >> 20));
        }
        if self.out.iter().filter(|byte| between.contains(byte)).count() > MOST_VALUES {
            return Err(format!("a result of more than {MOST_VALUES} values"));
        }
        Ok(String::from_utf8_lossy(&self.out))
    }
}

/// Keeps the beginning of standard error.
pub(super) fn keep_beginning(err: &mut Vec<u8>, bytes: &[u8]) {
    let room = WORDS.saturating_sub(err.len());
    err.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

/// The error of a failed client program, on one line.
pub(super) fn error_line(program: &str, code: i64, err: &[u8]) -> String {
    const MAX_LEN: usize = 4000;
    let text = String::from_utf8_lossy(err).split_whitespace().collect::<Vec<_>>().join(" ");
    let end = text.char_indices().nth(MAX_LEN).map_or(text.len(), |(end, _)| end);
    format!("{program} ended with {code}: {}", text.get(..end).unwrap_or_default())
}
