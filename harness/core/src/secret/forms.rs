//! How a value looks where programs put it.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Every form of a value that is looked for, the value itself among them.
pub(super) fn forms(value: &str) -> Vec<String> {
    let mut forms = BTreeSet::from([value.to_owned()]);
    for lower in [false, true] {
        forms.insert(percent(value, lower, "%20", |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)));
        // As forms are sent, and as a path keeps more of it.
        forms.insert(percent(value, lower, "+", |byte| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte)));
        forms.insert(percent(value, lower, "%20", |byte| {
            byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte)
        }));
    }
    forms.insert(json(value, false));
    forms.insert(json(value, true));
    forms.insert(value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"));
    let escaped = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    forms.insert(escaped.replace('\'', "&#39;"));
    forms.insert(escaped.replace('\'', "&#x27;"));
    forms.insert(escaped.replace('\'', "&apos;"));
    forms.insert(value.replace('\'', "'\\''"));
    forms.insert(value.replace('\'', "''"));
    forms.insert(value.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$").replace('`', "\\`"));
    for offset in 0..3 {
        let standard = base64(value.as_bytes(), offset);
        forms.insert(standard.replace('+', "-").replace('/', "_"));
        forms.insert(standard);
    }
    // A form that is cut too short by its neighbours in base64 would be found everywhere.
    forms.into_iter().filter(|form| form.len() >= super::SHORTEST).collect()
}

fn percent(value: &str, lower: bool, blank: &str, plain: impl Fn(u8) -> bool) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        match byte {
            b' ' => text.push_str(blank),
            byte if plain(byte) => text.push(char::from(byte)),
            byte if lower => text.push_str(&format!("%{byte:02x}")),
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// The inside of a JSON string; with everything beyond ASCII as `\u`, as some writers have it.
fn json(value: &str, ascii: bool) -> String {
    let mut text = String::new();
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            other if other < ' ' || (ascii && !other.is_ascii()) => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    text.push_str(&format!("\\u{unit:04x}"));
                }
            }
            other => text.push(other),
        }
    }
    text
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
