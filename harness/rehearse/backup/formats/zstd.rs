//! Zstandard: frames one after another, each with a checksum where its writer wanted one.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read};
use std::rc::Rc;

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::backup::stream::{Input, NotVerified};

/// Decodes a stream of frames.
pub(super) struct Zstd<'a> {
    input: Input<'a>,
    decoder: FrameDecoder,
    /// Bytes of the frame so far, if there is one.
    frame: Option<u64>,
    /// Whether a frame had no checksum.
    unchecked: Rc<Cell<bool>>,
}

impl<'a> Zstd<'a> {
    /// `unchecked` becomes true once a frame has no checksum.
    pub(super) fn new(input: Input<'a>, unchecked: Rc<Cell<bool>>) -> Self {
        Self { input, decoder: FrameDecoder::new(), frame: None, unchecked }
    }

    /// Says whether it was cut off: the decoder does not.
    fn error(&mut self, error: impl std::error::Error + Send + Sync + 'static) -> io::Error {
        match self.input.ended() {
            Ok(true) => io::Error::new(ErrorKind::UnexpectedEof, "incomplete frame"),
            Ok(false) => io::Error::new(ErrorKind::InvalidData, error),
            Err(of_the_disk) => of_the_disk,
        }
    }

    /// Begins the next frame; false at the end of the stream.
    fn begin(&mut self) -> io::Result<bool> {
        loop {
            if self.input.ended()? {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.input) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    self.input.skip(u64::from(length), "a frame that is skipped")?;
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::BadMagicNumber(magic))) => {
                    let why = format!("{magic:#010x} in place of a frame: something follows its end");
                    return Err(io::Error::new(ErrorKind::InvalidData, why));
                }
                Err(FrameDecoderError::WindowSizeTooBig { requested, max }) => {
                    let why = format!("zstd that needs {} MiB of memory, more than {}", requested >> 20, max >> 20);
                    return Err(NotVerified::error(why));
                }
                Err(FrameDecoderError::DictNotProvided { dict_id }) => {
                    return Err(NotVerified::error(format!("zstd that needs dictionary {dict_id}")));
                }
                Err(error) => return Err(self.error(error)),
            }
        }
    }

    /// Compares a frame with what is said of it.
    fn finish(&mut self, bytes: u64) -> io::Result<()> {
        match (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum()) {
            (Some(stated), Some(actual)) if stated != actual => {
                return Err(io::Error::new(ErrorKind::InvalidData, "its checksum does not match"));
            }
            (Some(_), Some(_)) => {}
            (None, _) | (_, None) => self.unchecked.set(true),
        }
        let stated = self.decoder.content_size();
        if stated != 0 && stated != bytes {
            return Err(io::Error::new(ErrorKind::InvalidData, format!("{bytes} bytes in place of {stated}")));
        }
        Ok(())
    }
}

impl Read for Zstd<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            let Some(bytes) = self.frame else {
                if !self.begin()? {
                    return Ok(0);
                }
                self.frame = Some(0);
                continue;
            };
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let decoded = self.decoder.decode_blocks(&mut self.input, BlockDecodingStrategy::UptoBlocks(1));
                decoded.map_err(|error| self.error(error))?;
            }
            let read = self.decoder.read(into)?;
            if read > 0 {
                self.frame = Some(bytes + read as u64);
                return Ok(read);
            }
            self.finish(bytes)?;
            self.frame = None;
        }
    }
}
