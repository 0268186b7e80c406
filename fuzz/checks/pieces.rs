//! Where a text is cut before it is handed over.

/// The bytes in pieces of many sizes, the same for a seed.
pub(crate) fn pieces(bytes: &[u8], seed: u8) -> Vec<&[u8]> {
    let (mut rest, mut state, mut pieces) = (bytes, u64::from(seed) | 0x100, Vec::new());
    while !rest.is_empty() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let size = [1, 2, 3, 7, 29, 64, 300, 5000][(state % 8) as usize].min(rest.len());
        let (piece, more) = rest.split_at(size);
        pieces.push(piece);
        rest = more;
    }
    pieces
}
