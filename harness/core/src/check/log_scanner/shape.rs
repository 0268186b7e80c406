//! The shape of a line: what is left without numbers, ids, times and addresses.

/// A longer shape is cut.
const MAX_LENGTH: usize = 300;

/// The line with `0` for every number, id, time and address.
pub(super) fn shape(line: &[u8]) -> String {
    let mut shape: Vec<u8> = Vec::with_capacity(line.len().min(MAX_LENGTH));
    let mut at = 0;
    while at < line.len() && shape.len() < MAX_LENGTH {
        if is_uuid(&line[at..]) && !at.checked_sub(1).is_some_and(|before| line[before].is_ascii_alphanumeric()) {
            number(&mut shape);
            at += 36;
            continue;
        }
        let token = line[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if token == 0 {
            shape.push(line[at]);
            at += 1;
            continue;
        }
        let text = &line[at..at + token];
        at += token;
        let digits = text.iter().any(u8::is_ascii_digit);
        let hex = text.strip_prefix(b"0x").unwrap_or(text).iter().all(u8::is_ascii_hexdigit);
        if digits && hex {
            number(&mut shape);
        } else if digits {
            // `worker12`, `12ms`, `02T10`.
            for (index, byte) in text.iter().enumerate() {
                if !byte.is_ascii_digit() {
                    shape.push(*byte);
                } else if index == 0 || !text[index - 1].is_ascii_digit() {
                    number(&mut shape);
                }
            }
        } else {
            shape.extend_from_slice(text);
        }
    }
    shape.truncate(MAX_LENGTH);
    String::from_utf8_lossy(&shape).trim_end().to_owned()
}

/// Adds a number; several that are joined by single characters (`10:11:12.5`, `10.0.0.7`) count as one.
fn number(shape: &mut Vec<u8>) {
    if let [.., b'0', b'-' | b':' | b'.' | b',' | b'/'] = shape.as_slice() {
        shape.pop();
    } else {
        shape.push(b'0');
    }
}

fn is_uuid(text: &[u8]) -> bool {
    text.len() >= 36
        && text[..36].iter().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_only_in_numbers_have_one_shape() {
        let check = |line: &str, expected: &str| assert_eq!(shape(line.as_bytes()), expected);
        check("2024-01-02 10:11:12.123 ERROR job 17 failed", "0 0 ERROR job 0 failed");
        check("2024-01-02T10:11:12Z ERROR x", "0T0Z ERROR x");
        check("[deadbeef-abcd-face-beef-0123456789ab] FATAL", "[0] FATAL");
        check("from 10.0.0.7:5432 at 0x7f3a, worker12 took 12ms", "from 0 at 0, worker0 took 0ms");
        check("commit 9fceb02d0ae598e95dc970b74767f19372d61af8", "commit 0");
        check("added to a face", "added to a face");
        assert_ne!(shape(b"KeyError: 'name'"), shape(b"KeyError: 'slug'"));
        assert!(shape(&[b'x'; 5000]).len() <= MAX_LENGTH);
    }
}
