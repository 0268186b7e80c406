//! Cells of kept rows, for people.

use crate::check::excerpt::apart;
use crate::observation::NULL;

/// Characters of a digest that are shown.
const DIGEST: usize = 12;
/// How many characters of a value are shown.
const SHOWN: usize = 40;

/// A value for people.
pub(super) fn excerpt(cell: &str) -> String {
    excerpts(cell, cell).0
}

/// Two values for people, cut around the place where they differ: they look different if they are.
pub(super) fn excerpts(was: &str, is: &str) -> (String, String) {
    let (was_read, is_read) = (Cell::of(was), Cell::of(is));
    let (was_cut, is_cut) = apart(&was_read.text, &is_read.text, SHOWN);
    // What differs is beyond what was read of both.
    let beyond = was != is && was_read.text == is_read.text;
    (was_read.shown(was_cut, beyond), is_read.shown(is_cut, beyond))
}

/// A value as it was read.
struct Cell<'c> {
    is_null: bool,
    /// The text, or its beginning; of bytes that are a text, that text.
    text: String,
    is_bytes: bool,
    /// Of a long value: how long it is, and its digest.
    long: Option<(&'c str, &'c str)>,
}

impl<'c> Cell<'c> {
    fn of(cell: &'c str) -> Self {
        let mut parts = cell.split('\u{1}');
        let text = plain(parts.next().unwrap_or_default());
        let long = parts.next().zip(parts.next());
        let of_bytes = long.is_none().then(|| text_of_bytes(&text)).flatten();
        let is_bytes = of_bytes.is_some();
        Self { is_null: cell == NULL, text: of_bytes.unwrap_or(text), is_bytes, long }
    }

    fn shown(&self, cut: String, beyond: bool) -> String {
        if self.is_null {
            return "null".to_owned();
        }
        let bytes = if self.is_bytes { " as bytes" } else { "" };
        match self.long {
            Some((length, digest)) if beyond => {
                let digest: String = digest.chars().take(DIGEST).collect();
                format!("'{cut}' ({length} characters, MD5 {digest}…)")
            }
            Some((length, _)) => format!("'{cut}' ({length} characters)"),
            None if self.text.chars().count() > SHOWN => {
                format!("'{cut}'{bytes} ({} characters)", self.text.chars().count())
            }
            None if !cut.is_empty() && cut.bytes().all(|byte| byte.is_ascii_digit()) && !self.is_bytes => cut,
            None => format!("'{cut}'{bytes}"),
        }
    }
}

/// The text that bytes in hexadecimal are, if they are one.
fn text_of_bytes(text: &str) -> Option<String> {
    let digits = text.strip_prefix("\\x").filter(|digits| !digits.is_empty() && digits.len() % 2 == 0)?;
    let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    let bytes = (0..digits.len()).step_by(2).map(byte).collect::<Option<Vec<u8>>>()?;
    String::from_utf8(bytes).ok().filter(|text| !text.chars().any(|c| c.is_control() && !c.is_whitespace()))
}

/// The text of a cell without its escapes.
pub(super) fn plain(cell: &str) -> String {
    let mut text = String::with_capacity(cell.len());
    let mut escaped = false;
    for character in cell.chars() {
        match (escaped, character) {
            (false, '\\') => {
                escaped = true;
                continue;
            }
            (false, other) => text.push(other),
            (true, 'n') => text.push('\n'),
            (true, 't') => text.push('\t'),
            (true, 'r') => text.push('\r'),
            (true, 'b') => text.push('\u{8}'),
            (true, 'f') => text.push('\u{c}'),
            (true, 'v') => text.push('\u{b}'),
            (true, '0') => text.push('\0'),
            (true, other) => text.push(other),
        }
        escaped = false;
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::excerpts;

    #[test]
    fn values_are_shown_so_that_people_can_tell_them_apart() {
        for (was, is, expected) in [
            ("1", "2", ("1", "2")),
            ("\\N", "null", ("null", "'null'")),
            ("a", "a ", ("'a'", "'a\\u{20}'")),
            ("", "\u{a0}", ("''", "'\\u{a0}'")),
            ("a\\tb", "a b", ("'a\\tb'", "'a b'")),
            // Bytes that are a text, and bytes that are none.
            ("\\\\x6162", "\\\\x6163", ("'ab' as bytes", "'ac' as bytes")),
            ("\\\\x6162", "ab", ("'ab' as bytes", "'ab'")),
            ("\\\\xff", "\\\\x00", ("'\\xff'", "'\\x00'")),
            // Of long values only the beginning, the length and a digest are known.
            (
                "ab\u{1}300\u{1}0123456789abcdef",
                "ab\u{1}300\u{1}fedcba9876543210",
                ("'ab' (300 characters, MD5 0123456789ab…)", "'ab' (300 characters, MD5 fedcba987654…)"),
            ),
        ] {
            assert_eq!(excerpts(was, is), (expected.0.to_owned(), expected.1.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn different_values_look_different(
            begin in "[a1 \u{a0}…']{0,50}", was in "[ab1\u{a0}]{0,3}", is in "[ab1\u{a0}]{0,3}", end in "[a1 ]{0,50}",
        ) {
            let (was, is) = (format!("{begin}{was}{end}"), format!("{begin}{is}{end}"));
            let (was_shown, is_shown) = excerpts(&was, &is);
            prop_assert_eq!(was == is, was_shown == is_shown, "{:?} {:?}", was, is);
        }
    }
}
