//! A snapshot of Redis or Valkey: it ends with an opcode, and since version 5 with a CRC of all that is before.

use std::io::{self, BufRead};

use crc::{CRC_64_REDIS, Crc, Table};

use crate::backup::stream::{Input, broken};

static CRC: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_REDIS);
/// The opcode after the last key.
const END: u8 = 0xff;
/// The first version with a checksum.
const CHECKED: u32 = 5;

/// What a snapshot says.
pub(super) struct Snapshot {
    pub(super) version: u32,
    /// Whether it has a checksum: `rdbchecksum no` leaves it out.
    pub(super) checked: bool,
}

/// The version in the header, and its length.
pub(super) fn version(begin: &[u8]) -> Option<u32> {
    let digits = begin.get(..9)?.strip_prefix(b"REDIS").or_else(|| begin.get(..9)?.strip_prefix(b"VALKEY"))?;
    std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}

/// Reads a snapshot to its end.
pub(super) fn read(input: &mut Input<'_>) -> io::Result<Snapshot> {
    let begin = input.peek(9)?;
    let version = version(&begin).ok_or_else(|| broken("it is no snapshot of Redis, which begins with REDIS", 0))?;
    let mut digest = CRC.digest();
    // What may be the checksum is not part of what it is of.
    let kept = if version >= CHECKED { 8 } else { 0 };
    let mut last: Vec<u8> = Vec::new();
    let mut before = 0;
    loop {
        let piece = input.fill_buf()?;
        if piece.is_empty() {
            break;
        }
        let taken = piece.len();
        last.extend_from_slice(piece);
        let over = last.len().saturating_sub(kept);
        digest.update(&last[..over]);
        before = last[..over].last().copied().unwrap_or(before);
        last.drain(..over);
        input.consume(taken);
    }
    let at = input.at();
    let ended = before == END && last.len() == kept && at > 9;
    let stated = last.try_into().map_or(0, u64::from_le_bytes);
    let checked = version >= CHECKED && stated != 0;
    if checked && stated == digest.finalize() && ended {
        return Ok(Snapshot { version, checked });
    }
    if !ended {
        return Err(broken(
            "it does not end with the mark of the end of a snapshot: it was cut off, or something follows",
            at,
        ));
    }
    if checked {
        return Err(broken("its checksum does not match what is before it", at));
    }
    Ok(Snapshot { version, checked })
}
