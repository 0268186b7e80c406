//! UTF-16 read as UTF-8, piece by piece: what `>` of PowerShell writes.

use std::io::{ErrorKind, Read};

/// Bytes that are read at once.
const PIECE: usize = 64 << 10;

/// Which byte of a unit comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    /// What a text's mark says.
    pub(super) fn of(first: &[u8]) -> Option<Self> {
        match first {
            [0xff, 0xfe, ..] => Some(Self::Little),
            [0xfe, 0xff, ..] => Some(Self::Big),
            _ => None,
        }
    }
}

/// Reads UTF-16 without its mark as UTF-8.
pub(super) struct Utf16<R> {
    source: R,
    order: Order,
    /// Bytes of a unit, or of the first half of a pair, whose rest has not come.
    rest: Vec<u8>,
    ready: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> Utf16<R> {
    pub(super) fn new(source: R, order: Order) -> Self {
        Self { source, order, rest: Vec::new(), ready: Vec::new(), given: 0, ended: false }
    }

    fn fill(&mut self) -> Result<(), std::io::Error> {
        let mut piece = vec![0; PIECE];
        let read = loop {
            match self.source.read(&mut piece) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                done => break done?,
            }
        };
        self.ended = read == 0;
        self.rest.extend_from_slice(&piece[..read]);
        let order = self.order;
        let unit = |pair: &[u8]| match order {
            Order::Little => u16::from_le_bytes([pair[0], pair[1]]),
            Order::Big => u16::from_be_bytes([pair[0], pair[1]]),
        };
        let mut whole = self.rest.len() / 2 * 2;
        let half = self.rest[..whole].chunks_exact(2).next_back().map(unit).is_some_and(|unit| unit & 0xfc00 == 0xd800);
        if half && !self.ended {
            whole -= 2;
        }
        let units = self.rest[..whole].chunks_exact(2).map(unit);
        let mut text: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        self.rest.drain(..whole);
        if self.ended && !self.rest.is_empty() {
            self.rest.clear();
            text.push(char::REPLACEMENT_CHARACTER);
        }
        (self.ready, self.given) = (text.into_bytes(), 0);
        Ok(())
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize, std::io::Error> {
        while self.given == self.ready.len() && !self.ended {
            self.fill()?;
        }
        let left = &self.ready[self.given..];
        let length = left.len().min(into.len());
        into[..length].copy_from_slice(&left[..length]);
        self.given += length;
        Ok(length)
    }
}
