//! What a place in a text reads as: the character that stands there, or the one that an escape stands for.
//!
//! Nobody tells which program wrote a text, nor how many wrote it before: `\u0026` is six characters or an `&`, and
//! `%5C%22` is six, a `\` with a `"` behind it, or a `"`. All of that is read, several layers deep. Letters and digits of an
//! escape are taken as they stand: who escapes an escape leaves them alone.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::entity;

/// How many programs may have escaped what another one had escaped: `%252526` is an `&` after three.
pub(super) const DEEP: u8 = 3;

/// So many places are remembered, by their lowest bits: those that layers of escapes reach from one place.
const REMEMBERED: usize = 64;

/// Something read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sign {
    /// A byte, as most writers know it: all of ASCII is one.
    Byte(u8),
    /// A character beyond ASCII that an escape stands for: its bytes stand nowhere.
    Char(char),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Read {
    pub(super) sign: Sign,
    pub(super) end: usize,
}

type Take<'f> = dyn FnMut(Read) + 'f;

pub(super) struct Reader<'t> {
    text: &'t [u8],
    /// Whether the text ended where more of it could have been read.
    ran_out: Cell<bool>,
    /// By place and layers. Else a flood of backslashes would be read again from each of them.
    known: RefCell<Vec<Option<Known>>>,
}

#[derive(Clone)]
struct Known {
    of: (usize, u8),
    reads: Rc<[Read]>,
    ran_out: bool,
}

/// Whether more than the byte itself can begin here.
pub(super) fn introduces(byte: u8) -> bool {
    matches!(byte, b'\\' | b'%' | b'&' | b'+' | b'\'' | b'"' | b'$')
}

fn control(letter: u8) -> Option<u8> {
    match letter {
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        b'a' => Some(7),
        b'b' => Some(8),
        b'v' => Some(11),
        b'f' => Some(12),
        b'e' => Some(27),
        _ => None,
    }
}

/// What an escape begins with that may stand for anything: one of `\`, `%` and `&` that was escaped again, or a number.
const NESTED: [&str; 24] = [
    r"\\", r"\%", r"\&", r"\u", r"\U", r"\x", r"\045", r"\046", r"\134", "%25", "%26", "%5c", "%5C", "%u", "%%", "&#",
    "&%", r"&\", "&amp", "&AMP", "&percnt", "&bsol", "''", "'$'",
];

/// What every escape of a byte begins with, and a change of the shell's quotes before it; but for the byte behind a single
/// backslash.
pub(super) fn heads(byte: u8) -> Vec<String> {
    let mut heads: Vec<String> = NESTED.map(str::to_owned).into();
    if byte.is_ascii() {
        heads.extend([format!("%{byte:02x}"), format!("%{byte:02X}")]);
        heads.extend([format!(r"\{byte:o}"), format!(r"\{byte:02o}"), format!(r"\{byte:03o}")]);
        let letters = (b'a'..=b'z').filter(|letter| control(*letter) == Some(byte));
        heads.extend(letters.map(|letter| format!(r"\{}", char::from(letter))));
        heads.extend(entity::names(char::from(byte)).map(|name| format!("&{name}")));
    } else {
        // A byte of its own, or a character that is told by its number or name.
        heads.extend((8..16).flat_map(|digit| [format!("%{digit:x}"), format!("%{digit:X}")]));
        heads.extend([r"\2", r"\3", "&"].map(str::to_owned));
    }
    // Those that begin with the byte itself, bare or escaped.
    let doubling = match byte {
        b'\'' => r#"'"$\%&"#,
        b'"' => r#""\%&"#,
        b'$' => r"$\%&",
        _ => "",
    };
    let byte = char::from(byte);
    heads.extend(doubling.chars().flat_map(|next| [format!("{byte}{next}"), format!(r"\{byte}{next}")]));
    heads.extend((byte == ' ').then(|| "+".to_owned()));
    heads
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { text, ran_out: Cell::new(false), known: RefCell::default() }
    }

    pub(super) fn raw(&self, at: usize) -> Option<u8> {
        let byte = self.text.get(at).copied();
        self.ran_out.set(self.ran_out.get() || byte.is_none());
        byte
    }

    /// Whether more text could have been read since this was asked last.
    pub(super) fn ran_out(&self) -> bool {
        self.ran_out.replace(false)
    }

    /// Everything that can be read at a place.
    pub(super) fn each(&self, at: usize, take: &mut Take<'_>) {
        self.read(at, DEEP, take);
    }

    /// Where text goes on behind changes of the shell's quotes, which stand for nothing: `'a'$'\n''b'`. One closes, and one
    /// opens again.
    pub(super) fn requoted(&self, at: usize) -> impl Iterator<Item = usize> {
        let rest = self.text.get(at..).unwrap_or_default();
        [b"''".as_slice(), b"'$'", b"'''$'"].into_iter().filter_map(move |change| {
            let cut = rest.len() < change.len() && change.starts_with(rest);
            self.ran_out.set(self.ran_out.get() || cut);
            rest.starts_with(change).then_some(at + change.len())
        })
    }

    fn read(&self, at: usize, layers: u8, take: &mut Take<'_>) {
        match self.raw(at) {
            None => {}
            Some(byte) if layers == 0 || !introduces(byte) || !self.may_escape(byte, at + 1) => {
                take(Read { sign: Sign::Byte(byte), end: at + 1 });
            }
            Some(_) => self.known(at, layers).iter().for_each(|read| take(*read)),
        }
    }

    /// Whether what stands behind an introducer allows for an escape: most of them are what they are.
    fn may_escape(&self, byte: u8, behind: usize) -> bool {
        let Some(next) = self.raw(behind) else { return byte == b'+' };
        match byte {
            b'\\' | b'+' => true,
            _ if matches!(next, b'\\' | b'%' | b'&') => true,
            b'%' => next == b'u' || next.is_ascii_hexdigit(),
            b'&' => next == b'#' || next.is_ascii_alphabetic(),
            b'\'' => matches!(next, b'\'' | b'"'),
            _ => next == byte,
        }
    }

    fn known(&self, at: usize, layers: u8) -> Rc<[Read]> {
        let slot = (at * usize::from(DEEP + 1) + usize::from(layers)) % REMEMBERED;
        let known = self.known.borrow().get(slot).cloned().flatten().filter(|known| known.of == (at, layers));
        let Known { reads, ran_out, .. } = known.unwrap_or_else(|| {
            let before = self.ran_out.replace(false);
            let mut reads = Vec::new();
            self.read(at, layers - 1, &mut |read| {
                reads.push(read);
                self.unescape(read, layers - 1, &mut |read| reads.push(read));
            });
            reads.sort_unstable();
            reads.dedup();
            let made = Known { of: (at, layers), reads: reads.into(), ran_out: self.ran_out.replace(before) };
            let mut known = self.known.borrow_mut();
            known.resize(REMEMBERED, None);
            known[slot] = Some(made.clone());
            made
        });
        self.ran_out.set(self.ran_out.get() || ran_out);
        reads
    }

    fn unescape(&self, first: Read, layers: u8, take: &mut Take<'_>) {
        let Sign::Byte(byte) = first.sign else { return };
        match byte {
            b'\\' => self.backslash(first.end, layers, take),
            b'&' => self.ampersand(first.end, layers, take),
            b'+' => take(Read { sign: Sign::Byte(b' '), end: first.end }),
            b'%' => self.percent(first.end, take),
            _ => {}
        }
        let alike: &[&[u8]] = match byte {
            b'"' | b'$' | b'%' => &[&[byte]],
            b'\'' => &[b"'", br"\''", br#""'"'"#],
            _ => &[],
        };
        for row in alike {
            self.row(first.end, layers, row, &mut |end| take(Read { sign: first.sign, end }));
        }
    }

    /// Where these bytes end that begin here, escaped or not.
    fn row(&self, at: usize, layers: u8, bytes: &[u8], take: &mut dyn FnMut(usize)) {
        match bytes.split_first() {
            None => take(at),
            Some((byte, rest)) => self.read(at, layers, &mut |read| {
                if read.sign == Sign::Byte(*byte) {
                    self.row(read.end, layers, rest, take);
                }
            }),
        }
    }

    /// What stands behind a backslash: in JSON and YAML, as Python, Ruby, PHP and Go quote, in the shell's quotes.
    fn backslash(&self, at: usize, layers: u8, take: &mut Take<'_>) {
        self.read(at, layers, &mut |read| {
            let (Sign::Byte(byte), end) = (read.sign, read.end) else { return };
            match byte {
                b'u' => self.unit(end, layers, take),
                b'U' => self.code(self.digits(end, 16, 8, 8), take),
                b'x' => {
                    self.byte(self.digits(end, 16, 2, 2), take);
                    self.braced(end, layers, take);
                }
                // The digit was one of the text: the number begins with it.
                b'0'..=b'7' => (1..=3).for_each(|most| self.byte(self.digits(end - 1, 8, most, most), take)),
                _ if byte.is_ascii() && !byte.is_ascii_alphanumeric() => take(read),
                _ => control(byte).into_iter().for_each(|byte| take(Read { sign: Sign::Byte(byte), end })),
            }
        });
    }

    /// What stands behind `\u`: four digits, twice four for what lies beyond them, or any in braces.
    fn unit(&self, at: usize, layers: u8, take: &mut Take<'_>) {
        self.braced(at, layers, take);
        let Some((high, end)) = self.digits(at, 16, 4, 4) else { return };
        if !(0xd800..0xdc00).contains(&high) {
            return self.code(Some((high, end)), take);
        }
        self.row(end, layers, b"\\u", &mut |at| {
            let low = self.digits(at, 16, 4, 4).filter(|(low, _)| (0xdc00..0xe000).contains(low));
            self.code(low.map(|(low, end)| (0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00), end)), take);
        });
    }

    fn braced(&self, at: usize, layers: u8, take: &mut Take<'_>) {
        self.row(at, layers, b"{", &mut |at| {
            let Some((code, end)) = self.digits(at, 16, 1, 8) else { return };
            self.row(end, layers, b"}", &mut |end| self.code(Some((code, end)), take));
        });
    }

    /// What stands behind `%`: a byte, or as JavaScript once had it `u` and four digits.
    fn percent(&self, at: usize, take: &mut Take<'_>) {
        match self.raw(at) {
            Some(b'u') => self.code(self.digits(at + 1, 16, 4, 4), take),
            Some(_) => self.byte(self.digits(at, 16, 2, 2), take),
            None => {}
        }
    }

    /// What stands behind `&`: a name, or a number in decimal or hex.
    fn ampersand(&self, at: usize, layers: u8, take: &mut Take<'_>) {
        self.row(at, layers, b"#", &mut |at| {
            let hex = self.raw(at).is_some_and(|byte| byte.eq_ignore_ascii_case(&b'x'));
            let number = if hex { self.digits(at + 1, 16, 1, 10) } else { self.digits(at, 10, 1, 10) };
            let Some((code, end)) = number else { return };
            self.row(end, layers, b";", &mut |end| self.code(Some((code, end)), take));
        });
        let rest = self.text.get(at..).unwrap_or_default();
        let letters = rest.iter().take(entity::LONGEST + 1).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if letters == rest.len() {
            self.ran_out.set(true);
        } else if let Some(character) = entity::named(&rest[..letters]) {
            let code = u64::from(u32::from(character));
            self.row(at + letters, layers, b";", &mut |end| self.code(Some((code, end)), take));
        }
    }

    /// A number of so many digits, and where it ends.
    fn digits(&self, at: usize, base: u32, least: usize, most: usize) -> Option<(u64, usize)> {
        let mut number = 0;
        for count in 0..most {
            match self.raw(at + count).and_then(|byte| char::from(byte).to_digit(base)) {
                Some(digit) => number = number * u64::from(base) + u64::from(digit),
                None if count >= least => return Some((number, at + count)),
                None => return None,
            }
        }
        Some((number, at + most))
    }

    fn code(&self, number: Option<(u64, usize)>, take: &mut Take<'_>) {
        let Some((number, end)) = number else { return };
        let sign = match u8::try_from(number) {
            Ok(byte) if byte.is_ascii() => Some(Sign::Byte(byte)),
            Ok(_) | Err(_) => u32::try_from(number).ok().and_then(char::from_u32).map(Sign::Char),
        };
        sign.into_iter().for_each(|sign| take(Read { sign, end }));
    }

    /// What beyond ASCII is written by two digits is a byte of UTF-8 for one program and a character for another.
    fn byte(&self, number: Option<(u64, usize)>, take: &mut Take<'_>) {
        let Some((Ok(byte), end)) = number.map(|(number, end)| (u8::try_from(number), end)) else { return };
        take(Read { sign: Sign::Byte(byte), end });
        if !byte.is_ascii() {
            take(Read { sign: Sign::Char(char::from(byte)), end });
        }
    }
}
