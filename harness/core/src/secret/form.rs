//! What is looked for: the characters of a value, and the letters of base64 of anything that holds it.
//!
//! How a character may be escaped is none of this: `read` knows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::read::Sign;
use super::{LINE, SHORTEST};

/// So many bytes tell a form from other words, for a first look.
const OPENING: usize = 4;

/// Letters of base64 behind a line end in the first of them that are enough: they are no words.
const REST: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// A value. Where it has several lines and is long enough to be no words, they may be joined by anything or nothing.
    Text { long: bool },
    /// Base64 may be broken into lines between any two letters.
    Base64,
}

/// Signs that stand one behind the other.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Form {
    kind: Kind,
    bytes: Vec<u8>,
}

/// The first signs of a form, unless an escape stands for one of them.
#[derive(Debug)]
pub(super) struct Opening {
    /// Where in the form.
    pub(super) begin: usize,
    pub(super) first: u8,
    /// All of them, in all spellings.
    pub(super) whole: Vec<Vec<u8>>,
    /// Those that an escape may follow.
    pub(super) parts: Vec<Vec<u8>>,
    /// What an escape may stand for there.
    pub(super) signs: Vec<u8>,
}

impl Form {
    /// All that is looked for of a value. Line ends change on the way: each line of a key is one of its own, but for those
    /// that frame it.
    pub(super) fn all(value: &str) -> Vec<Self> {
        let lines: Vec<&str> = value.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let alone = lines.iter().filter(|line| line.len() >= LINE && !line.starts_with("-----") && **line != value);
        let mut forms = Self::of(&lines.join("\n"), value);
        forms.extend(alone.flat_map(|line| Self::of(line, line)));
        forms
    }

    fn of(text: &str, value: &str) -> Vec<Self> {
        let long = text.len() >= LINE;
        let mut forms = vec![Self { kind: Kind::Text { long }, bytes: text.into() }];
        let encoded = (0..3).map(|offset| base64(value.as_bytes(), offset));
        // What is cut too short by its neighbours in base64 would be found everywhere.
        let encoded = encoded.filter(|letters| letters.len() >= SHORTEST);
        forms.extend(encoded.map(|letters| Self { kind: Kind::Base64, bytes: letters.into() }));
        forms
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// In so many bytes it is whole or not there: each sign escaped as long as any program does, and some room besides.
    pub(super) fn reach(&self) -> usize {
        24 * self.bytes.len() + 256
    }

    /// Where this form goes on when a sign of it was read.
    pub(super) fn fits(&self, at: usize, sign: Sign) -> Option<usize> {
        let rest = self.bytes.get(at..)?;
        match sign {
            Sign::Byte(byte) => (*rest.first()? == self.letter(byte)).then_some(at + 1),
            Sign::Char(character) => {
                let mut utf8 = [0; 4];
                let character = character.encode_utf8(&mut utf8).as_bytes();
                rest.starts_with(character).then_some(at + character.len())
            }
        }
    }

    /// Base64 has two alphabets.
    fn letter(&self, byte: u8) -> u8 {
        match (self.kind, byte) {
            (Kind::Base64, b'-') => b'+',
            (Kind::Base64, b'_') => b'/',
            (Kind::Base64 | Kind::Text { .. }, byte) => byte,
        }
    }

    /// Whether a sign may stand here without being one of this form.
    pub(super) fn passes(&self, at: usize, sign: Sign, raw: Option<u8>) -> bool {
        let Sign::Byte(byte) = sign else { return false };
        // A `+` in base64 is a letter, though it stands for a blank elsewhere.
        byte.is_ascii_whitespace()
            && match self.kind {
                Kind::Base64 => raw != Some(b'+'),
                Kind::Text { long } => self.breaks_behind(at) || (self.breaks(at) && (long || byte == b'\r')),
            }
    }

    /// Whether this sign may be missing.
    pub(super) fn may_lack(&self, at: usize) -> bool {
        matches!(self.kind, Kind::Text { long: true }) && self.breaks(at)
    }

    /// Whether nothing but the sign itself can stand here when a byte stands there that introduces nothing.
    pub(super) fn strict(&self, at: usize, byte: u8) -> bool {
        match self.kind {
            Kind::Base64 => !byte.is_ascii_whitespace(),
            Kind::Text { .. } => !self.breaks(at) && !self.breaks_behind(at),
        }
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self.kind, Kind::Text { .. })
    }

    fn breaks(&self, at: usize) -> bool {
        self.is_text() && self.bytes.get(at) == Some(&b'\n')
    }

    fn breaks_behind(&self, at: usize) -> bool {
        at > 0 && self.breaks(at - 1)
    }

    /// Where one may begin to look for this form: base64 that a line end cuts in its first letters is found behind it, for
    /// what stands before it is out by then.
    fn begins(&self) -> impl Iterator<Item = usize> {
        let cut = if self.is_text() { 0 } else { OPENING.min(self.bytes.len().saturating_sub(REST - 1)) };
        (0..cut.max(1)).take_while(move |at| *at == 0 || self.bytes.len() - at >= REST)
    }

    /// What this form begins with, by where it begins.
    pub(super) fn openings(&self) -> Vec<Opening> {
        self.begins().map(|begin| self.opening(begin)).collect()
    }

    fn opening(&self, begin: usize) -> Opening {
        let first = self.bytes[begin];
        let mut opening = Opening { begin, first, whole: vec![Vec::new()], parts: Vec::new(), signs: Vec::new() };
        // Whatever stands between lines: they may be joined in many ways.
        let end = self.bytes.len().min(begin + OPENING);
        for at in (begin..end).take_while(|at| !self.breaks(*at)) {
            let byte = self.bytes[at];
            // No program escapes letters and digits of base64, but line ends between them; none in the first letters of
            // what begins behind one.
            let escaped = self.is_text() || begin == 0 || !byte.is_ascii_alphanumeric();
            if at > begin && escaped {
                opening.parts.extend_from_slice(&opening.whole);
            }
            opening.signs.push(byte);
            let spelled = self.spelled(byte);
            let longer = |head: &Vec<u8>| spelled.iter().map(|sign| [&head[..], sign].concat()).collect::<Vec<_>>();
            opening.whole = opening.whole.iter().flat_map(longer).collect();
        }
        opening.signs.extend((!self.is_text()).then_some(*b"\n\r").into_iter().flatten());
        opening
    }

    /// A sign as it is, and behind a backslash.
    fn spelled(&self, byte: u8) -> Vec<Vec<u8>> {
        let mut spelled = vec![vec![byte]];
        if byte.is_ascii() && !byte.is_ascii_alphanumeric() {
            spelled.push(vec![b'\\', byte]);
        }
        spelled
            .extend((0..0x80).filter(|other| *other != byte && self.letter(*other) == byte).map(|other| vec![other]));
        spelled
    }
}

/// What base64 of anything with the value in it holds for certain, where the value begins at this offset of three.
fn base64(value: &[u8], offset: usize) -> String {
    let mut padded = vec![0; offset];
    padded.extend_from_slice(value);
    let mut text = STANDARD_NO_PAD.encode(&padded);
    // The letters that what stands before and after has a share in.
    if !padded.len().is_multiple_of(3) {
        text.pop();
    }
    text.split_off([0, 2, 3][offset])
}
