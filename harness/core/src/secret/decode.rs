//! Decodes text at one place: as the character that stands there, or as the one that an escape stands for.
//!
//! It is not known which program wrote a text, or how many times it was escaped: `\u0026` is six characters or an `&`, and
//! `%5C%22` is six characters, a `\` followed by a `"`, or a `"`. All of these are tried, several layers deep. The letters
//! and digits of an escape are taken literally: a program that escapes an escape does not change them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::entity;

/// How many times a text may have been escaped: `%252526` is an `&` after three.
pub(super) const MAX_LAYERS: u8 = 3;

/// The size of the cache: enough for the places that the layers of escapes reach from one place.
const CACHE_SLOTS: usize = 64;

/// A decoded character, or a byte of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Symbol {
    /// A byte of the text or of an escape; always used for ASCII.
    Byte(u8),
    /// A character beyond ASCII that an escape stands for as a whole.
    Char(char),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Decoded {
    pub(super) symbol: Symbol,
    pub(super) end: usize,
}

type Take<'f> = dyn FnMut(Decoded) + 'f;

pub(super) struct Decoder<'t> {
    text: &'t [u8],
    /// Whether decoding reached the end of the text and might have gone on.
    ran_out: Cell<bool>,
    /// By place and layers. Without it, a run of backslashes would be decoded again from each of them.
    cache: RefCell<Vec<Option<CacheEntry>>>,
}

#[derive(Clone)]
struct CacheEntry {
    key: (usize, u8),
    all: Rc<[Decoded]>,
    ran_out: bool,
}

/// Whether an escape can begin with this byte.
pub(super) fn may_begin_escape(byte: u8) -> bool {
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

/// The prefixes of escapes that may stand for anything: `\`, `%` or `&` escaped again, or a number.
const GENERAL_PREFIXES: [&str; 24] = [
    r"\\", r"\%", r"\&", r"\u", r"\U", r"\x", r"\045", r"\046", r"\134", "%25", "%26", "%5c", "%5C", "%u", "%%", "&#",
    "&%", r"&\", "&amp", "&AMP", "&percnt", "&bsol", "''", "'$'",
];

/// The prefixes of all escapes of a byte, including a change of shell quotes before it; except the byte after a single
/// backslash.
pub(super) fn escape_prefixes(byte: u8) -> Vec<String> {
    let mut prefixes: Vec<String> = GENERAL_PREFIXES.map(str::to_owned).into();
    if byte.is_ascii() {
        prefixes.extend([format!("%{byte:02x}"), format!("%{byte:02X}")]);
        prefixes.extend([format!(r"\{byte:o}"), format!(r"\{byte:02o}"), format!(r"\{byte:03o}")]);
        let letters = (b'a'..=b'z').filter(|letter| control(*letter) == Some(byte));
        prefixes.extend(letters.map(|letter| format!(r"\{}", char::from(letter))));
        prefixes.extend(entity::names(char::from(byte)).map(|name| format!("&{name}")));
    } else {
        // A single byte, or a character given by number or name.
        prefixes.extend((8..16).flat_map(|digit| [format!("%{digit:x}"), format!("%{digit:X}")]));
        prefixes.extend([r"\2", r"\3", "&"].map(str::to_owned));
    }
    // Escapes that begin with the byte itself, bare or escaped.
    let doubling = match byte {
        b'\'' => r#"'"$\%&"#,
        b'"' => r#""\%&"#,
        b'$' => r"$\%&",
        _ => "",
    };
    let byte = char::from(byte);
    prefixes.extend(doubling.chars().flat_map(|next| [format!("{byte}{next}"), format!(r"\{byte}{next}")]));
    prefixes.extend((byte == ' ').then(|| "+".to_owned()));
    prefixes
}

impl<'t> Decoder<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { text, ran_out: Cell::new(false), cache: RefCell::default() }
    }

    pub(super) fn raw(&self, at: usize) -> Option<u8> {
        let byte = self.text.get(at).copied();
        self.ran_out.set(self.ran_out.get() || byte.is_none());
        byte
    }

    /// Whether decoding reached the end of the text since the last call.
    pub(super) fn ran_out(&self) -> bool {
        self.ran_out.replace(false)
    }

    /// Calls `take` with everything that the text at a place can stand for.
    pub(super) fn decode_at(&self, at: usize, take: &mut Take<'_>) {
        self.decode(at, MAX_LAYERS, take);
    }

    /// Where the text continues after a change of shell quotes, which stands for nothing: `'a'$'\n''b'`.
    pub(super) fn after_requoting(&self, at: usize) -> impl Iterator<Item = usize> {
        let rest = self.text.get(at..).unwrap_or_default();
        [b"''".as_slice(), b"'$'", b"'''$'"].into_iter().filter_map(move |change| {
            let cut = rest.len() < change.len() && change.starts_with(rest);
            self.ran_out.set(self.ran_out.get() || cut);
            rest.starts_with(change).then_some(at + change.len())
        })
    }

    fn decode(&self, at: usize, layers: u8, take: &mut Take<'_>) {
        match self.raw(at) {
            None => {}
            Some(byte) if layers == 0 || !may_begin_escape(byte) || !self.may_escape(byte, at + 1) => {
                take(Decoded { symbol: Symbol::Byte(byte), end: at + 1 });
            }
            Some(_) => self.cached(at, layers).iter().for_each(|decoded| take(*decoded)),
        }
    }

    /// Whether what follows such a byte can make it an escape; usually it is just the byte.
    fn may_escape(&self, byte: u8, after: usize) -> bool {
        let Some(next) = self.raw(after) else { return byte == b'+' };
        match byte {
            b'\\' | b'+' => true,
            _ if matches!(next, b'\\' | b'%' | b'&') => true,
            b'%' => next == b'u' || next.is_ascii_hexdigit(),
            b'&' => next == b'#' || next.is_ascii_alphabetic(),
            b'\'' => matches!(next, b'\'' | b'"'),
            _ => next == byte,
        }
    }

    fn cached(&self, at: usize, layers: u8) -> Rc<[Decoded]> {
        let slot = (at * usize::from(MAX_LAYERS + 1) + usize::from(layers)) % CACHE_SLOTS;
        let cached = self.cache.borrow().get(slot).cloned().flatten().filter(|entry| entry.key == (at, layers));
        let CacheEntry { all, ran_out, .. } = cached.unwrap_or_else(|| {
            let before = self.ran_out.replace(false);
            let mut all = Vec::new();
            self.decode(at, layers - 1, &mut |decoded| {
                all.push(decoded);
                self.unescape(decoded, layers - 1, &mut |decoded| all.push(decoded));
            });
            all.sort_unstable();
            all.dedup();
            let entry = CacheEntry { key: (at, layers), all: all.into(), ran_out: self.ran_out.replace(before) };
            let mut cache = self.cache.borrow_mut();
            cache.resize(CACHE_SLOTS, None);
            cache[slot] = Some(entry.clone());
            entry
        });
        self.ran_out.set(self.ran_out.get() || ran_out);
        all
    }

    fn unescape(&self, first: Decoded, layers: u8, take: &mut Take<'_>) {
        let Symbol::Byte(byte) = first.symbol else { return };
        match byte {
            b'\\' => self.backslash(first.end, layers, take),
            b'&' => self.ampersand(first.end, layers, take),
            b'+' => take(Decoded { symbol: Symbol::Byte(b' '), end: first.end }),
            b'%' => self.percent(first.end, take),
            _ => {}
        }
        let doublings: &[&[u8]] = match byte {
            b'"' | b'$' | b'%' => &[&[byte]],
            b'\'' => &[b"'", br"\''", br#""'"'"#],
            _ => &[],
        };
        for rest in doublings {
            self.literal(first.end, layers, rest, &mut |end| take(Decoded { symbol: first.symbol, end }));
        }
    }

    /// Calls `take` with where these bytes end if they begin here, escaped or not.
    fn literal(&self, at: usize, layers: u8, bytes: &[u8], take: &mut dyn FnMut(usize)) {
        match bytes.split_first() {
            None => take(at),
            Some((byte, rest)) => self.decode(at, layers, &mut |decoded| {
                if decoded.symbol == Symbol::Byte(*byte) {
                    self.literal(decoded.end, layers, rest, take);
                }
            }),
        }
    }

    /// What follows a backslash: in JSON and YAML, in strings of Python, Ruby, PHP and Go, and in shell quotes.
    fn backslash(&self, at: usize, layers: u8, take: &mut Take<'_>) {
        self.decode(at, layers, &mut |decoded| {
            let (Symbol::Byte(byte), end) = (decoded.symbol, decoded.end) else { return };
            match byte {
                b'u' => self.utf16(end, layers, take),
                b'U' => self.code(self.digits(end, 16, 8, 8), take),
                b'x' => {
                    self.byte(self.digits(end, 16, 2, 2), take);
                    self.braced(end, layers, take);
                }
                // This digit is the first of the number.
                b'0'..=b'7' => (1..=3).for_each(|most| self.byte(self.digits(end - 1, 8, most, most), take)),
                _ if byte.is_ascii() && !byte.is_ascii_alphanumeric() => take(decoded),
                _ => control(byte).into_iter().for_each(|byte| take(Decoded { symbol: Symbol::Byte(byte), end })),
            }
        });
    }

    /// What follows `\u`: four digits, twice four for a surrogate pair, or any number in braces.
    fn utf16(&self, at: usize, layers: u8, take: &mut Take<'_>) {
        self.braced(at, layers, take);
        let Some((high, end)) = self.digits(at, 16, 4, 4) else { return };
        if !(0xd800..0xdc00).contains(&high) {
            return self.code(Some((high, end)), take);
        }
        self.literal(end, layers, b"\\u", &mut |at| {
            let low = self.digits(at, 16, 4, 4).filter(|(low, _)| (0xdc00..0xe000).contains(low));
            self.code(low.map(|(low, end)| (0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00), end)), take);
        });
    }

    fn braced(&self, at: usize, layers: u8, take: &mut Take<'_>) {
        self.literal(at, layers, b"{", &mut |at| {
            let Some((code, end)) = self.digits(at, 16, 1, 8) else { return };
            self.literal(end, layers, b"}", &mut |end| self.code(Some((code, end)), take));
        });
    }

    /// What follows `%`: a byte, or `u` and four digits as JavaScript's `escape` writes them.
    fn percent(&self, at: usize, take: &mut Take<'_>) {
        match self.raw(at) {
            Some(b'u') => self.code(self.digits(at + 1, 16, 4, 4), take),
            Some(_) => self.byte(self.digits(at, 16, 2, 2), take),
            None => {}
        }
    }

    /// What follows `&`: a name, or a number in decimal or hexadecimal.
    fn ampersand(&self, at: usize, layers: u8, take: &mut Take<'_>) {
        self.literal(at, layers, b"#", &mut |at| {
            let hex = self.raw(at).is_some_and(|byte| byte.eq_ignore_ascii_case(&b'x'));
            let number = if hex { self.digits(at + 1, 16, 1, 10) } else { self.digits(at, 10, 1, 10) };
            let Some((code, end)) = number else { return };
            self.literal(end, layers, b";", &mut |end| self.code(Some((code, end)), take));
        });
        let rest = self.text.get(at..).unwrap_or_default();
        let letters =
            rest.iter().take(entity::MAX_NAME_LENGTH + 1).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if letters == rest.len() {
            self.ran_out.set(true);
        } else if let Some(character) = entity::named(&rest[..letters]) {
            let code = u64::from(u32::from(character));
            self.literal(at + letters, layers, b";", &mut |end| self.code(Some((code, end)), take));
        }
    }

    /// A number of `least` to `most` digits, and where it ends.
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
        let symbol = match u8::try_from(number) {
            Ok(byte) if byte.is_ascii() => Some(Symbol::Byte(byte)),
            Ok(_) | Err(_) => u32::try_from(number).ok().and_then(char::from_u32).map(Symbol::Char),
        };
        symbol.into_iter().for_each(|symbol| take(Decoded { symbol, end }));
    }

    /// Beyond ASCII, two digits are a byte of UTF-8 for one program and a character for another.
    fn byte(&self, number: Option<(u64, usize)>, take: &mut Take<'_>) {
        let Some((Ok(byte), end)) = number.map(|(number, end)| (u8::try_from(number), end)) else { return };
        take(Decoded { symbol: Symbol::Byte(byte), end });
        if !byte.is_ascii() {
            take(Decoded { symbol: Symbol::Char(char::from(byte)), end });
        }
    }
}
