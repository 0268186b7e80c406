//! Text as people read it: without the escape sequences of a terminal.
//!
//! This is the only place that knows them. Everything that reads output (logs, migrators, reports) removes them here, so
//! that all parts of the program read the same words in a line.

use std::borrow::Cow;

use anstream::adapter::strip_bytes;
use memchr::memchr;

/// The character that begins an escape sequence.
pub(crate) const ESCAPE: u8 = 0x1b;

/// The text without escape sequences: colours, cursor movements, titles, links, character sets.
///
/// A sequence ends with its line at the latest, so that one that was cut off does not swallow the rest of a log.
pub fn plain(text: &str) -> Cow<'_, str> {
    match plain_bytes(text.as_bytes()) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// The same for bytes, whatever their encoding is.
pub fn plain_bytes(bytes: &[u8]) -> Cow<'_, [u8]> {
    if memchr(ESCAPE, bytes).is_none() {
        return Cow::Borrowed(bytes);
    }
    let mut text = Vec::with_capacity(bytes.len());
    let (mut from, mut end) = (0, 0);
    while let Some(found) = memchr(ESCAPE, &bytes[from..]) {
        let at = from + found;
        // Searched once per line: a line may consist of escape sequences only.
        if at >= end {
            end = end_of_line(bytes, at);
        }
        text.extend_from_slice(&bytes[from..at]);
        from = at + escape_length(&bytes[at..end]);
    }
    text.extend_from_slice(&bytes[from..]);
    Cow::Owned(text)
}

/// The end of the line that contains `at`.
pub(crate) fn end_of_line(bytes: &[u8], at: usize) -> usize {
    memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |end| at + end)
}

/// The length in bytes of the escape sequences at the beginning of `line`: everything before the next visible byte.
pub(crate) fn escape_length(line: &[u8]) -> usize {
    match line.get(1) {
        // The letters after a stray escape character do not belong to it.
        Some(byte) if !byte.is_ascii() => 1,
        _ => strip_bytes(line).next().map_or(line.len(), |visible| visible.as_ptr().addr() - line.as_ptr().addr()),
    }
}

/// Whether a line of a log or of a command's output says what went wrong. A line of a stack trace does not, although it may
/// have words such as `error` in the names of files. Ruby's first line begins like one of a trace, with a file and a line,
/// but goes on after the quoted method with what went wrong.
pub fn names_an_error(line: &str) -> bool {
    let line = line.trim_start().to_lowercase();
    let traced = line.starts_with("from ") || (line.starts_with('/') && !line.contains("': "));
    !traced && ["error", "detail:", "denied", "fatal", "abort", "fail"].iter().any(|word| line.contains(word))
}

/// An error with its causes, each once: some libraries repeat a cause in the message of the error above it.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escape_sequences_are_removed_and_text_stays() {
        let table = [
            ("nothing", "nothing"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}[0;1;31mred\u{1b}[m", "red"),
            ("\u{1b}[38:5:1mred", "red"),
            ("\u{1b}[?25l\u{1b}[2K\u{1b}[1Gprogress\u{1b}[?25h", "progress"),
            // What `tput sgr0` prints.
            ("\u{1b}(B\u{1b}[m ERROR", " ERROR"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\ behind", "link behind"),
            ("\u{1b}Pq#0;1\u{1b}\\after", "after"),
            ("\u{1b}c\u{1b}7saved\u{1b}8", "saved"),
            ("a\tb\r\n\u{1b}[1mc\r\n", "a\tb\r\nc\r\n"),
            // Cut off, at every place.
            ("end\u{1b}", "end"),
            ("end\u{1b}[", "end"),
            ("end\u{1b}[3", "end"),
            ("\u{1b}[3\nnext", "\nnext"),
            ("\u{1b}]0;never ended\nnext", "\nnext"),
            ("\u{1b}\u{1b}[1mx", "x"),
            ("\u{1b}é", "é"),
            ("é\u{1b}[1mé🦀", "éé🦀"),
        ];
        for (text, expected) in table {
            assert_eq!(plain(text), expected, "{text:?}");
            assert_eq!(plain_bytes(text.as_bytes()), expected.as_bytes(), "{text:?}");
        }
    }

    #[test]
    fn bytes_of_another_encoding_stay() {
        assert_eq!(&*plain_bytes(b"gr\xf6\xdfe \x1b[1mgr\xf6\xdfe\xc3\x1b[0m\xe9"), b"gr\xf6\xdfe gr\xf6\xdfe\xc3\xe9");
    }

    #[test]
    fn a_line_of_escape_sequences_takes_linear_time() {
        for piece in ["\u{1b}", "\u{1b}]", "\u{1b}[1mx", "\u{1b}]0;"] {
            let text = piece.repeat(200_000);
            let began = std::time::Instant::now();
            assert!(!plain(&text).contains(char::from(ESCAPE)));
            assert!(began.elapsed().as_secs() < 5, "{piece:?}: {:?}", began.elapsed());
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Layer>>);

    #[test]
    fn a_chain_names_every_cause_once() {
        let inner = Layer("connection refused", None);
        let middle = Layer("cannot connect: connection refused", Some(Box::new(inner)));
        let outer = Layer("cannot list containers", Some(Box::new(middle)));
        assert_eq!(error_chain(&outer), "cannot list containers: cannot connect: connection refused");
    }

    #[test]
    fn a_line_of_a_stack_trace_names_no_error() {
        for line in [
            "/usr/lib/ruby/3.1.0/fileutils.rb:243:in `mkdir': Permission denied @ dir_s_mkdir - /tmp (Errno::EACCES)",
            "PG::Error: x",
            "  FATAL:  no",
            "DETAIL:  Key",
            "rake aborted!",
            "Permission denied",
            "it failed",
        ] {
            assert!(names_an_error(line), "{line}");
        }
        for line in ["", "ready", "/usr/lib/error.rb:1", "  from /usr/lib/error.rb:1"] {
            assert!(!names_an_error(line), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_escape_is_left_and_other_lines_stay_as_they_are(text in "(\\PC|\u{1b}|\u{1b}\\[|\u{1b}\\]|\n|\u{7}|m){0,40}") {
            let cleaned = plain(&text);
            prop_assert!(!cleaned.contains(char::from(ESCAPE)));
            prop_assert_eq!(plain(&cleaned), &*cleaned);
            let lines: Vec<&str> = cleaned.split('\n').collect();
            prop_assert_eq!(lines.len(), text.split('\n').count());
            for (line, original) in lines.iter().zip(text.split('\n')) {
                prop_assert_eq!(plain(original), *line);
                prop_assert!(original.contains(char::from(ESCAPE)) || original == *line);
            }
        }
    }
}
