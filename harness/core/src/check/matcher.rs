//! Whether a value is as expected.

use serde_json::Value;

use crate::model::product::Matcher;
use crate::vocabulary::template::{Template, TemplateError};

/// Whether `value`, or its absence, satisfies `matcher`; otherwise `Err` with what was expected, in words.
///
/// # Errors
/// If a placeholder of the matcher cannot be filled in.
pub fn holds(matcher: &Matcher, value: Option<&Value>, context: &Value) -> Result<Result<(), String>, TemplateError> {
    let present = value.filter(|value| !value.is_null());
    Ok(match matcher {
        Matcher::Equals(expected) => {
            let expected = fill(expected, context)?;
            result(value.is_some_and(|value| alike(value, &expected)), || expected.to_string())
        }
        Matcher::Not(excluded) => {
            let excluded = fill(excluded, context)?;
            result(value.is_some_and(|value| !alike(value, &excluded)), || format!("anything but {excluded}"))
        }
        Matcher::Matches(pattern) => {
            let pattern = pattern.filled(context)?;
            result(present.is_some_and(|value| pattern.regex().is_match(&plain(value))), || {
                format!("text that matches {:?}", pattern.as_str())
            })
        }
        Matcher::AtLeast(least) => {
            result(present.and_then(number).is_some_and(|n| n >= *least), || format!("at least {least}"))
        }
        Matcher::AtMost(most) => {
            result(present.and_then(number).is_some_and(|n| n <= *most), || format!("at most {most}"))
        }
        Matcher::Contains(part) => {
            let part = fill(part, context)?;
            result(present.is_some_and(|value| contains(value, &part)), || format!("something that contains {part}"))
        }
        Matcher::Present => result(present.is_some(), || "a value".to_owned()),
        Matcher::Absent => result(present.is_none(), || "no value".to_owned()),
    })
}

fn result(holds: bool, expected: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(expected()) }
}

fn template(text: &str) -> Result<Template, TemplateError> {
    text.parse().map_err(|error: crate::vocabulary::scalar::BadScalar| TemplateError::Failed {
        template: text.to_owned(),
        reason: error.to_string(),
    })
}

/// Fills the placeholders in every string of a value.
pub(crate) fn fill(value: &Value, context: &Value) -> Result<Value, TemplateError> {
    Ok(match value {
        Value::String(text) => Value::String(template(text)?.render(context)?),
        Value::Array(items) => Value::Array(items.iter().map(|item| fill(item, context)).collect::<Result<_, _>>()?),
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(key, item)| Ok((key.clone(), fill(item, context)?)))
                .collect::<Result<_, TemplateError>>()?,
        ),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    })
}

/// A value as people write it: a string without quotes.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// Whether values are equal. A number equals its text, since queries return texts and JSON has numbers.
fn alike(left: &Value, right: &Value) -> bool {
    left == right
        || match (left, right) {
            (Value::Number(_), Value::String(_)) | (Value::String(_), Value::Number(_)) => plain(left) == plain(right),
            (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
            _ => false,
        }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Array(items) => Some(items.len() as f64),
        Value::Null | Value::Bool(_) | Value::Object(_) => None,
    }
}

fn contains(value: &Value, part: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| covers(item, part)),
        Value::String(text) => text.contains(&plain(part)),
        Value::Object(_) => covers(value, part),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether `value` has all of `part`: objects may have more keys.
fn covers(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::Object(value), Value::Object(part)) => {
            part.iter().all(|(key, part)| value.get(key).is_some_and(|value| covers(value, part)))
        }
        _ => alike(value, part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(matcher: Matcher, value: Value, expected: bool) {
        let value = (!value.is_null()).then_some(value);
        assert_eq!(holds(&matcher, value.as_ref(), &json!({"sha": "abc"})).unwrap().is_ok(), expected, "{matcher:?}");
    }

    #[test]
    fn a_matcher_holds_only_for_the_values_it_describes() {
        check(Matcher::Equals(json!(5)), json!("5"), true);
        check(Matcher::Equals(json!("5")), json!(5.0), false);
        check(Matcher::Equals(json!(5)), json!(null), false);
        check(Matcher::Not(json!(5)), json!(null), false);
        check(Matcher::Not(json!(5)), json!(6), true);
        check(Matcher::AtLeast(3.0), json!([1, 2, 3]), true);
        check(Matcher::AtLeast(3.0), json!("x"), false);
        check(Matcher::AtMost(3.0), json!(null), false);
        check(Matcher::Contains(json!({"revision": "{{ sha }}"})), json!([{"revision": "abc", "more": 1}]), true);
        check(Matcher::Contains(json!({"revision": "{{ sha }}"})), json!([]), false);
        check(Matcher::Present, json!(null), false);
        check(Matcher::Absent, json!(null), true);
    }
}
