//! What an unquoted scalar says, by the core schema of YAML 1.2: no `yes`, no octal by a leading zero, no dates.

use serde_json::{Map, Value};

use super::yaml::{Kind, Node};

/// `null` or `~`; what is not written at all is no scalar.
pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "~" | "null" | "Null" | "NULL")
}

pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

pub(super) fn integer(text: &str) -> Option<i128> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    // `from_str_radix` takes a sign of its own, and so a second one.
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let radix =
        |digits: &str, radix| (!digits.starts_with(['+', '-'])).then(|| i128::from_str_radix(digits, radix).ok());
    match text.get(..2) {
        Some("0x") => radix(text.get(2..)?, 16)?,
        Some("0o") => radix(text.get(2..)?, 8)?,
        _ => text.parse().ok(),
    }
}

/// A finite number.
pub(super) fn float(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    // Rust also reads `inf`, `nan` and `infinity`.
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A number as JSON has it, if it fits 64 bits.
pub(super) fn number(number: i128) -> Option<Value> {
    i64::try_from(number).map(Value::from).ok().or_else(|| u64::try_from(number).map(Value::from).ok())
}

/// The value of a node where no schema says what it should be.
pub(super) fn value(node: &Node) -> Value {
    match &node.kind {
        Kind::Null | Kind::Broken => Value::Null,
        Kind::Scalar { text, plain: false } => Value::String(text.clone()),
        Kind::Scalar { text, plain: true } => scalar(text),
        Kind::Seq(items) => items.iter().map(value).collect(),
        Kind::Map(entries) => {
            entries.iter().map(|entry| (entry.key.clone(), value(&entry.value))).collect::<Map<_, _>>().into()
        }
    }
}

fn scalar(text: &str) -> Value {
    if is_null(text) {
        return Value::Null;
    }
    let whole = integer(text).and_then(number);
    let known = boolean(text).map(Value::from).or(whole).or_else(|| float(text).map(Value::from));
    known.unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn unquoted_scalars_follow_the_core_schema() {
        let cases = [
            ("null", json!(null)),
            ("~", json!(null)),
            ("true", json!(true)),
            ("yes", json!("yes")),
            ("NO", json!("NO")),
            ("12", json!(12)),
            ("-3", json!(-3)),
            ("+3", json!(3)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("0x-1", json!("0x-1")),
            ("017", json!(17)),
            ("1e3", json!(1000.0)),
            (".5", json!(0.5)),
            ("1.2.3", json!("1.2.3")),
            ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
            ("inf", json!("inf")),
            ("nan", json!("nan")),
            ("1e999", json!("1e999")),
            ("2024-01-01", json!("2024-01-01")),
            ("é", json!("é")),
            ("--1", json!("--1")),
        ];
        for (text, expected) in cases {
            assert_eq!(scalar(text), expected, "{text}");
        }
    }
}
