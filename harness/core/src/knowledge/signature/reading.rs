//! How the lines of a product's logs are read: what users typed, and what reports success.

use std::collections::BTreeMap;

use memchr::memchr;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::lines::plain;

/// How the lines of a product's logs are to be read.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LogLines {
    /// Lines that are one JSON object.
    #[serde(default)]
    pub json: JsonLines,
    /// Lines, without their prefixes, that report success: they are shown with the failures that come before them.
    #[serde(default)]
    #[schemars(inner(length(min = 8)))]
    pub recovered: Vec<String>,
}

/// Which parts of lines that are one JSON object report no failure.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct JsonLines {
    /// Keys, at any depth, whose values users typed: no failure is recognised in these, and `rehearse diagnose` sees no error in
    /// them.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// Values of its keys that mark a line as reporting no failure.
    #[serde(default)]
    pub quiet: BTreeMap<String, Vec<String>>,
    /// Keys that make such a line report a failure all the same.
    #[serde(default)]
    pub unless: Vec<String>,
}

impl JsonLines {
    /// The part of a line, with its prefix, that can report failures; `None` where that is the whole line.
    pub(crate) fn rest(&self, line: &[u8]) -> Option<String> {
        // Most lines are not JSON; for these the check is nearly free.
        if self.ignore.is_empty() && self.quiet.is_empty() || memchr(b'{', line).is_none() {
            return None;
        }
        match self.failure_text(&plain(&String::from_utf8_lossy(line))) {
            FailureText::All => None,
            FailureText::Only(rest) => Some(rest),
            FailureText::Nothing => Some(String::new()),
        }
    }

    /// The part of a line, without its prefix, that can report failures.
    pub(super) fn failure_text(&self, line: &str) -> FailureText {
        let line = line.trim();
        if (self.ignore.is_empty() && self.quiet.is_empty()) || !line.starts_with('{') {
            return FailureText::All;
        }
        let Ok(Value::Object(mut object)) = serde_json::from_str(line) else { return FailureText::All };
        if self.is_quiet(&object) {
            return FailureText::Nothing;
        }
        if self.strip(&mut object) { FailureText::Only(Value::Object(object).to_string()) } else { FailureText::All }
    }

    fn is_quiet(&self, object: &Map<String, Value>) -> bool {
        let is = |(key, values): (&String, &Vec<String>)| {
            object.get(key).and_then(Value::as_str).is_some_and(|found| values.iter().any(|value| value == found))
        };
        let unless = |key: &String| object.get(key).is_some_and(|value| !value.is_null());
        self.quiet.iter().any(is) && !self.unless.iter().any(unless)
    }

    /// Takes out what users typed; returns whether there was any.
    fn strip(&self, object: &mut Map<String, Value>) -> bool {
        let before = object.len();
        object.retain(|key, _| !self.ignore.contains(key));
        let mut stripped = object.len() < before;
        for value in object.values_mut() {
            stripped |= self.strip_value(value);
        }
        stripped
    }

    fn strip_value(&self, value: &mut Value) -> bool {
        match value {
            Value::Object(object) => self.strip(object),
            Value::Array(all) => all.iter_mut().fold(false, |stripped, value| self.strip_value(value) | stripped),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }
}

/// The part of a line that can report failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FailureText {
    /// All of it.
    All,
    /// The rest of an object.
    Only(String),
    /// None of it.
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_typed_and_quiet_lines_report_no_failure() {
        let lines = JsonLines {
            ignore: vec!["params".into(), "ua".into()],
            quiet: [("severity".to_owned(), vec!["INFO".to_owned()])].into(),
            unless: vec!["exception.class".into()],
        };
        let check = |line: &str, expected: FailureText| assert_eq!(lines.failure_text(line), expected, "{line}");
        check(r#"{"severity":"INFO","message":"x"}"#, FailureText::Nothing);
        check(r#"{"severity":"INFO","exception.class":"X"}"#, FailureText::All);
        check(r#"{"severity":"INFO","exception.class":null}"#, FailureText::Nothing);
        check(r#"{"severity":"ERROR","message":"x"}"#, FailureText::All);
        let deep = r#"{"a":[{"ua":"typed","b":"said"}],"params":{"c":"typed"}}"#;
        check(deep, FailureText::Only(r#"{"a":[{"b":"said"}]}"#.into()));
        check(r#"{"params":"cut"#, FailureText::All);
        check("params", FailureText::All);
        assert_eq!(JsonLines::default().failure_text(deep), FailureText::All);
    }
}
