//! gzip: members one after another, of which each has a checksum. Bytes after the last one are not taken for a truncated member.

use std::io::{self, ErrorKind, Read};

use flate2::bufread::GzDecoder;

use crate::backup::stream::Input;

/// Begins a member.
const MEMBER: &[u8] = &[0x1f, 0x8b];

/// Decodes all members.
pub(super) struct Gzip<'a> {
    /// None at the end.
    member: Option<GzDecoder<Input<'a>>>,
}

impl<'a> Gzip<'a> {
    pub(super) fn new(input: Input<'a>) -> Self {
        Self { member: Some(GzDecoder::new(input)) }
    }
}

impl Read for Gzip<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.member {
            let read = member.read(into)?;
            if read > 0 {
                return Ok(read);
            }
            let Some(mut input) = self.member.take().map(GzDecoder::into_inner) else { break };
            if !input.ended()? {
                if input.peek(MEMBER.len())? != MEMBER {
                    return Err(io::Error::new(ErrorKind::InvalidData, "something follows its end"));
                }
                self.member = Some(GzDecoder::new(input));
            }
        }
        Ok(0)
    }
}
