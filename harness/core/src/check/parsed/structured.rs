//! JSON and YAML.

use serde_json::Value;

use crate::source::stored::{Stored, StoredKind, read};

use super::Parsed;

/// Digits of a number beyond which a float is not exact.
const EXACT: usize = 15;

pub(super) fn json(text: &str) -> Option<Parsed> {
    if repeats_a_key(text)? {
        return None;
    }
    value(&serde_json::from_str(text).ok()?)
}

fn value(value: &Value) -> Option<Parsed> {
    Some(match value {
        Value::Null => Parsed::Null,
        Value::Bool(value) => Parsed::Bool(*value),
        Value::Number(number) => number_of(&number.to_string())?,
        Value::String(text) => Parsed::Text(text.clone()),
        Value::Array(items) => Parsed::List(items.iter().map(self::value).collect::<Option<_>>()?),
        Value::Object(map) => {
            let pair = |(key, item): (&String, &Value)| Some((Parsed::Text(key.clone()), self::value(item)?));
            Parsed::Map(map.iter().map(pair).collect::<Option<_>>()?)
        }
    })
}

/// A whole number as it is; a float by its value, unless it has more digits than a float keeps.
fn number_of(text: &str) -> Option<Parsed> {
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return Some(Parsed::Number(text.to_owned()));
    }
    let digits = text.bytes().take_while(|byte| !matches!(byte, b'e' | b'E')).filter(u8::is_ascii_digit).count();
    let float: f64 = text.parse().ok().filter(|_| digits <= EXACT + 2)?;
    let whole = float.fract() == 0.0 && float.abs() < 1e15;
    Some(Parsed::Number(if whole { format!("{float:.0}") } else { format!("{float:?}") }))
}

/// Whether an object has a key twice, or a number more digits than its reader keeps; none if it is no JSON.
fn repeats_a_key(text: &str) -> Option<bool> {
    let mut keys: Vec<std::collections::HashSet<String>> = Vec::new();
    let mut stream = text.char_indices().peekable();
    while let Some((at, character)) = stream.next() {
        match character {
            '{' => keys.push(std::collections::HashSet::new()),
            '[' => keys.push(std::collections::HashSet::new()),
            '}' | ']' => drop(keys.pop()?),
            '"' => {
                let mut end = None;
                while let Some((place, inside)) = stream.next() {
                    match inside {
                        '\\' => drop(stream.next()),
                        '"' => {
                            end = Some(place + 1);
                            break;
                        }
                        _ => {}
                    }
                }
                let end = end?;
                let rest = text.get(end..)?.trim_start();
                if rest.starts_with(':') {
                    let key: String = serde_json::from_str(text.get(at..end)?).ok()?;
                    if !keys.last_mut()?.insert(key) {
                        return Some(true);
                    }
                }
            }
            '0'..='9' | '-' => {
                let rest = text.get(at..)?;
                let end = rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E')));
                let number = rest.get(..end.unwrap_or(rest.len()))?;
                let whole = number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok();
                if !whole && number_digits(number) > EXACT + 2 {
                    return None;
                }
                while stream.next_if(|(place, _)| *place < at + number.len()).is_some() {}
            }
            _ => {}
        }
    }
    Some(false)
}

fn number_digits(number: &str) -> usize {
    number.bytes().take_while(|byte| !matches!(byte, b'e' | b'E')).filter(u8::is_ascii_digit).count()
}

pub(super) fn yaml(text: &str) -> Option<Parsed> {
    stored(&read(text)?)
}

fn stored(value: &Stored) -> Option<Parsed> {
    let tag = value.tag.as_deref().filter(|tag| !is_redundant(tag, &value.kind));
    let inner = match &value.kind {
        // A tag says what an unquoted text is; without one, it depends on the reader.
        StoredKind::Scalar { text, plain } if *plain && value.tag.is_none() => plain_scalar(text),
        StoredKind::Scalar { text, .. } => Parsed::Text(text.clone()),
        StoredKind::List(items) => Parsed::List(items.iter().map(stored).collect::<Option<_>>()?),
        StoredKind::Map(pairs) => {
            let pair = |(key, item): &(Stored, Stored)| Some((stored(key)?, stored(item)?));
            Parsed::map(pairs.iter().map(pair).collect::<Option<_>>()?)?
        }
    };
    Some(match tag {
        Some(tag) => Parsed::Named(tag.to_owned(), Box::new(inner)),
        None => inner,
    })
}

/// Whether a tag says what the value is anyway.
fn is_redundant(tag: &str, kind: &StoredKind) -> bool {
    let name = match kind {
        StoredKind::Scalar { .. } => "str",
        StoredKind::List(_) => "seq",
        StoredKind::Map(_) => "map",
    };
    tag.strip_suffix(name).is_some_and(|before| matches!(before, "!!" | "tag:yaml.org,2002:" | "tag:yaml.org,2002:!"))
}

/// Words that readers of one version or another take for more than a text.
const WORDS: [&str; 6] = ["yes", "no", "on", "off", "y", "n"];

fn plain_scalar(text: &str) -> Parsed {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Parsed::Null,
        "true" | "True" | "TRUE" => Parsed::Bool(true),
        "false" | "False" | "FALSE" => Parsed::Bool(false),
        // With a zero before it, it is octal to some.
        _ if is_number && (digits == "0" && text == digits || !digits.starts_with('0')) => {
            Parsed::Number(text.to_owned())
        }
        _ if WORDS.iter().any(|word| text.eq_ignore_ascii_case(word)) => Parsed::Bare(text.to_owned()),
        _ if text.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '/')) => Parsed::Text(text.to_owned()),
        _ => Parsed::Bare(text.to_owned()),
    }
}
