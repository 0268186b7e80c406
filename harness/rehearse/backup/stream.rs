//! Streams of untrusted bytes that know where they are, so that what is wrong with one can be said with its place.

use std::cell::Cell;
use std::fmt;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::rc::Rc;

use flate2::{Decompress, FlushDecompress, Status};

use super::archive;

/// To how much the file may expand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    /// Bytes of the file.
    pub(super) size: u64,
    /// Bytes that are believed.
    pub(super) most: u64,
}

impl Limit {
    pub(super) fn check(self, bytes: u64) -> io::Result<()> {
        if bytes > self.most { Err(io::Error::other(archive::over(self.size, self.most))) } else { Ok(()) }
    }
}

/// Why a stream is neither whole nor broken as far as we can tell.
#[derive(Debug)]
pub(super) struct NotVerified(pub(super) String);

impl fmt::Display for NotVerified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotVerified {}

impl NotVerified {
    pub(super) fn error(why: impl Into<String>) -> io::Error {
        io::Error::other(Self(why.into()))
    }

    /// The reason, if the error is one.
    pub(super) fn why(error: &io::Error) -> Option<&Self> {
        error.get_ref().and_then(|inner| inner.downcast_ref())
    }
}

/// Something is wrong at a place of the stream.
pub(super) fn broken(why: impl fmt::Display, at: u64) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("{why}, at byte {at}"))
}

/// The stream ends too early.
fn cut_off(within: &str, at: u64) -> io::Error {
    io::Error::new(
        ErrorKind::UnexpectedEof,
        format!("it ends in the middle of {within}, after {at} bytes: it was cut off"),
    )
}

/// A stream of which a beginning can be looked at, and that counts what was taken from it.
pub(super) struct Input<'a> {
    inner: Box<dyn BufRead + 'a>,
    begin: io::Cursor<Vec<u8>>,
    at: Rc<Cell<u64>>,
}

impl<'a> Input<'a> {
    pub(super) fn new(inner: impl BufRead + 'a) -> Self {
        Self { inner: Box::new(inner), begin: io::Cursor::default(), at: Rc::default() }
    }

    /// How many bytes were taken.
    pub(super) fn at(&self) -> u64 {
        self.at.get()
    }

    /// The next bytes, up to `most`, which stay in the stream.
    pub(super) fn peek(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let mut begin = Vec::new();
        self.begin.read_to_end(&mut begin)?;
        if begin.len() < most {
            self.inner.by_ref().take((most - begin.len()) as u64).read_to_end(&mut begin)?;
        }
        let peeked = begin.get(..most).unwrap_or(&begin).to_vec();
        self.begin = io::Cursor::new(begin);
        Ok(peeked)
    }

    /// The next bytes of something.
    pub(super) fn bytes<const N: usize>(&mut self, within: &str) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes, within)?;
        Ok(bytes)
    }

    pub(super) fn fill(&mut self, into: &mut [u8], within: &str) -> io::Result<()> {
        self.read_exact(into).map_err(|error| self.within(error, within))
    }

    pub(super) fn u16(&mut self, within: &str) -> io::Result<u16> {
        self.bytes(within).map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self, within: &str) -> io::Result<u32> {
        self.bytes(within).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, within: &str) -> io::Result<u64> {
        self.bytes(within).map(u64::from_le_bytes)
    }

    /// So many of the next bytes, as text and the like.
    pub(super) fn some(&mut self, bytes: u64, most: u64, within: &str) -> io::Result<Vec<u8>> {
        if bytes > most {
            return Err(broken(format!("{within} of {bytes} bytes, more than {most}"), self.at()));
        }
        let mut text = Vec::new();
        let read = self.by_ref().take(bytes).read_to_end(&mut text)?;
        if read as u64 == bytes { Ok(text) } else { Err(cut_off(within, self.at())) }
    }

    /// Passes over so many bytes.
    pub(super) fn skip(&mut self, bytes: u64, within: &str) -> io::Result<()> {
        let skipped = io::copy(&mut self.by_ref().take(bytes), &mut io::sink())?;
        if skipped == bytes { Ok(()) } else { Err(cut_off(within, self.at())) }
    }

    /// Whether nothing follows.
    pub(super) fn ended(&mut self) -> io::Result<bool> {
        Ok(self.fill_buf()?.is_empty())
    }

    /// The stream has to end here.
    pub(super) fn end(&mut self, of: &str) -> io::Result<()> {
        if self.ended()? { Ok(()) } else { Err(broken(format!("something follows the end of {of}"), self.at())) }
    }

    /// Says in which part the stream ended.
    fn within(&self, error: io::Error, within: &str) -> io::Error {
        if error.kind() == ErrorKind::UnexpectedEof { cut_off(within, self.at()) } else { error }
    }

    /// What a decoder makes of it, within a limit and with the places of errors.
    pub(super) fn decoded<'b, D: Read + 'b>(
        self,
        format: &'static str,
        limit: Limit,
        decoder: impl FnOnce(Input<'a>) -> D,
    ) -> Input<'b> {
        let at = Rc::clone(&self.at);
        let inner = Decoded { inner: decoder(self), format, at, read: 0, limit };
        Input::new(BufReader::with_capacity(1 << 16, inner))
    }

    /// The same stream, for a reader that wants one of its own.
    pub(super) fn borrowed(&mut self) -> Input<'_> {
        let at = Rc::clone(&self.at);
        // Both would count the same bytes: the borrowed one counts for itself, from where this one is.
        let own = Rc::new(Cell::new(at.get()));
        Input { inner: Box::new(self), begin: io::Cursor::default(), at: own }
    }
}

impl Read for Input<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Input<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.begin.position() < self.begin.get_ref().len() as u64 {
            self.begin.fill_buf()
        } else {
            self.inner.fill_buf()
        }
    }

    fn consume(&mut self, bytes: usize) {
        if self.begin.position() < self.begin.get_ref().len() as u64 {
            self.begin.consume(bytes);
        } else {
            self.inner.consume(bytes);
        }
        self.at.set(self.at.get() + bytes as u64);
    }
}

/// What a decoder makes of a stream.
struct Decoded<D> {
    inner: D,
    format: &'static str,
    /// Where the decoder is in its own stream.
    at: Rc<Cell<u64>>,
    read: u64,
    limit: Limit,
}

impl<D: Read> Read for Decoded<D> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into).map_err(|error| {
            let (format, at) = (self.format, self.at.get());
            // What the disk says, and what we cannot read, is not the fault of the file.
            if error.raw_os_error().is_some() || NotVerified::why(&error).is_some() {
                return error;
            }
            let why = if error.kind() == ErrorKind::UnexpectedEof {
                format!("it ends in the middle of the {format} stream, after {at} bytes: it was cut off ({error})")
            } else {
                format!("the {format} stream is broken at byte {at}: {error}")
            };
            io::Error::new(error.kind(), why)
        })?;
        self.read += read as u64;
        self.limit.check(self.read)?;
        Ok(read)
    }
}

/// Inflates what ends by itself inside of a larger stream.
pub(super) struct Inflater {
    inner: Decompress,
    out: Vec<u8>,
}

impl Inflater {
    /// With the header and the checksum of zlib, or without.
    pub(super) fn new(zlib: bool) -> Self {
        Self { inner: Decompress::new(zlib), out: vec![0; 1 << 16] }
    }

    /// Inflates one stream to its end, and takes nothing that follows it; tells its bytes.
    pub(super) fn inflate(&mut self, from: &mut dyn BufRead, most: u64, mut see: impl FnMut(&[u8])) -> io::Result<u64> {
        loop {
            let piece = from.fill_buf()?;
            let ended = piece.is_empty();
            let (taken, given) = (self.inner.total_in(), self.inner.total_out());
            let status = self.inner.decompress(piece, &mut self.out, FlushDecompress::None);
            let [taken, given] = [self.inner.total_in() - taken, self.inner.total_out() - given];
            // Both are at most the lengths of slices.
            from.consume(usize::try_from(taken).unwrap_or(usize::MAX));
            see(self.out.get(..usize::try_from(given).unwrap_or(usize::MAX)).unwrap_or_default());
            if self.inner.total_out() > most {
                return Err(io::Error::new(ErrorKind::InvalidData, "more than is said of it"));
            }
            match status.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))? {
                Status::StreamEnd => return Ok(self.inner.total_out()),
                Status::Ok | Status::BufError if ended && given == 0 => {
                    return Err(io::Error::new(ErrorKind::UnexpectedEof, "incomplete deflate stream"));
                }
                Status::Ok | Status::BufError => {}
            }
        }
    }

    /// Makes it ready for another stream.
    pub(super) fn reset(&mut self, zlib: bool) {
        self.inner.reset(zlib);
    }
}
