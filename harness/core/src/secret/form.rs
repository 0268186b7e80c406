//! The forms of a secret that are searched for: the characters of the value, and the base64 letters of any text with it.
//!
//! How a character may be escaped is not part of a form: `decode` handles that.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::decode::Symbol;
use super::{MIN_LENGTH, MIN_LINE_LENGTH};

/// How many bytes of a form the first pass searches for: enough to distinguish it from ordinary words.
const PREFIX_LENGTH: usize = 4;

/// If a line end cuts base64 within its prefix, how many letters after the line end are enough: they are not words.
const MIN_BASE64_TAIL: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// A value. If it is long enough not to be ordinary words, its lines may be joined by any whitespace or none.
    Text { long: bool },
    /// Base64, which may be wrapped between any two letters.
    Base64,
}

/// A sequence of bytes to search for.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Form {
    kind: Kind,
    bytes: Vec<u8>,
}

/// The first bytes of a form, as the first pass searches for them.
#[derive(Debug)]
pub(super) struct FormPrefix {
    /// Where in the form it begins.
    pub(super) begin: usize,
    pub(super) first: u8,
    /// All of its bytes without escapes, in every spelling.
    pub(super) spellings: Vec<Vec<u8>>,
    /// Its beginnings that an escape may follow.
    pub(super) before_escape: Vec<Vec<u8>>,
    /// The bytes that an escape in it may stand for.
    pub(super) escapable: Vec<u8>,
}

impl Form {
    /// All forms of a value. Line ends may change on the way, so each long line of a key is a secret of its own, except the
    /// `-----BEGIN` and `-----END` lines.
    pub(super) fn all(value: &str) -> Vec<Self> {
        let lines: Vec<&str> = value.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let alone =
            lines.iter().filter(|line| line.len() >= MIN_LINE_LENGTH && !line.starts_with("-----") && **line != value);
        let mut forms = Self::of(&lines.join("\n"), value);
        forms.extend(alone.flat_map(|line| Self::of(line, line)));
        forms
    }

    fn of(text: &str, value: &str) -> Vec<Self> {
        let long = text.len() >= MIN_LINE_LENGTH;
        let mut forms = vec![Self { kind: Kind::Text { long }, bytes: text.into() }];
        let encoded = (0..3).map(|offset| base64(value.as_bytes(), offset));
        // Base64 that loses too many letters to its neighbours would be found everywhere.
        let encoded = encoded.filter(|letters| letters.len() >= MIN_LENGTH);
        forms.extend(encoded.map(|letters| Self { kind: Kind::Base64, bytes: letters.into() }));
        forms
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The maximum length of the form in a text: every byte in the longest escape, and some margin.
    pub(super) fn max_length(&self) -> usize {
        24 * self.bytes.len() + 256
    }

    /// The next position in the form if the symbol matches at this one.
    pub(super) fn accept(&self, at: usize, symbol: Symbol) -> Option<usize> {
        let rest = self.bytes.get(at..)?;
        match symbol {
            Symbol::Byte(byte) => (*rest.first()? == self.normalize(byte)).then_some(at + 1),
            Symbol::Char(character) => {
                let mut utf8 = [0; 4];
                let character = character.encode_utf8(&mut utf8).as_bytes();
                rest.starts_with(character).then_some(at + character.len())
            }
        }
    }

    /// The byte in the form's own alphabet: base64 has two.
    fn normalize(&self, byte: u8) -> u8 {
        match (self.kind, byte) {
            (Kind::Base64, b'-') => b'+',
            (Kind::Base64, b'_') => b'/',
            (Kind::Base64 | Kind::Text { .. }, byte) => byte,
        }
    }

    /// Whether the text may have this symbol here although the form does not.
    pub(super) fn may_skip(&self, at: usize, symbol: Symbol, raw: Option<u8>) -> bool {
        let Symbol::Byte(byte) = symbol else { return false };
        // A `+` is a letter of base64 and stands for a space elsewhere.
        byte.is_ascii_whitespace()
            && match self.kind {
                Kind::Base64 => raw != Some(b'+'),
                Kind::Text { long } => self.follows_line_end(at) || (self.is_line_end(at) && (long || byte == b'\r')),
            }
    }

    /// Whether this byte of the form may be missing in the text.
    pub(super) fn may_be_missing(&self, at: usize) -> bool {
        matches!(self.kind, Kind::Text { long: true }) && self.is_line_end(at)
    }

    /// Whether a byte that begins no escape must match here, because nothing may be skipped.
    pub(super) fn must_match(&self, at: usize, byte: u8) -> bool {
        match self.kind {
            Kind::Base64 => !byte.is_ascii_whitespace(),
            Kind::Text { .. } => !self.is_line_end(at) && !self.follows_line_end(at),
        }
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self.kind, Kind::Text { .. })
    }

    fn is_line_end(&self, at: usize) -> bool {
        self.is_text() && self.bytes.get(at) == Some(&b'\n')
    }

    fn follows_line_end(&self, at: usize) -> bool {
        at > 0 && self.is_line_end(at - 1)
    }

    /// Where in the form a search may begin. If a line end cuts base64 in its first letters, a stream may have written those
    /// already, and the rest is found after the line end.
    fn starts(&self) -> impl Iterator<Item = usize> {
        let cut =
            if self.is_text() { 0 } else { PREFIX_LENGTH.min(self.bytes.len().saturating_sub(MIN_BASE64_TAIL - 1)) };
        (0..cut.max(1)).take_while(move |at| *at == 0 || self.bytes.len() - at >= MIN_BASE64_TAIL)
    }

    /// The prefixes of this form, one for each start.
    pub(super) fn prefixes(&self) -> Vec<FormPrefix> {
        self.starts().map(|begin| self.prefix(begin)).collect()
    }

    fn prefix(&self, begin: usize) -> FormPrefix {
        let first = self.bytes[begin];
        let (spellings, before_escape, escapable) = (vec![Vec::new()], Vec::new(), Vec::new());
        let mut prefix = FormPrefix { begin, first, spellings, before_escape, escapable };
        // A prefix ends at a line end, since lines may be joined in many ways.
        let end = self.bytes.len().min(begin + PREFIX_LENGTH);
        for at in (begin..end).take_while(|at| !self.is_line_end(*at)) {
            let byte = self.bytes[at];
            // Programs escape no letters or digits of base64, only line ends between them; and the prefix of a tail begins
            // after its line end.
            let escaped = self.is_text() || begin == 0 || !byte.is_ascii_alphanumeric();
            if at > begin && escaped {
                prefix.before_escape.extend_from_slice(&prefix.spellings);
            }
            prefix.escapable.push(byte);
            let next = self.spellings(byte);
            let extended = |head: &Vec<u8>| next.iter().map(|tail| [&head[..], tail].concat()).collect::<Vec<_>>();
            prefix.spellings = prefix.spellings.iter().flat_map(extended).collect();
        }
        prefix.escapable.extend((!self.is_text()).then_some(*b"\n\r").into_iter().flatten());
        prefix
    }

    /// A byte as it is, after a backslash, and in the other alphabet.
    fn spellings(&self, byte: u8) -> Vec<Vec<u8>> {
        let mut spellings = vec![vec![byte]];
        if byte.is_ascii() && !byte.is_ascii_alphanumeric() {
            spellings.push(vec![b'\\', byte]);
        }
        let same = (0..0x80).filter(|other| *other != byte && self.normalize(*other) == byte);
        spellings.extend(same.map(|other| vec![other]));
        spellings
    }
}

/// The letters that base64 of any text with the value is sure to have if the value begins at this offset modulo three.
fn base64(value: &[u8], offset: usize) -> String {
    let mut padded = vec![0; offset];
    padded.extend_from_slice(value);
    let mut text = STANDARD_NO_PAD.encode(&padded);
    // The letters at both ends also depend on the neighbouring bytes.
    if !padded.len().is_multiple_of(3) {
        text.pop();
    }
    text.split_off([0, 2, 3][offset])
}
