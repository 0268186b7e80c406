//! How the logs of a product are read besides its known failures: what users typed, what is said of success.

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
    /// Lines, without what stands before them, that say that all went well: told with a failure that they come after.
    #[serde(default)]
    #[schemars(inner(length(min = 8)))]
    pub recovered: Vec<String>,
}

/// What is no failure in lines that are one JSON object.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct JsonLines {
    /// Keys, anywhere in it, whose values users typed: no failure is recognised in these.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// Values of its keys with which a line tells of no failure.
    #[serde(default)]
    pub quiet: BTreeMap<String, Vec<String>>,
    /// Keys with which such a line tells of one all the same.
    #[serde(default)]
    pub unless: Vec<String>,
}

impl JsonLines {
    /// What a line tells of failures, with whatever stands before it; none where that is all of it.
    pub(crate) fn rest(&self, line: &[u8]) -> Option<String> {
        // Most lines are no JSON, which costs nothing.
        if self.ignore.is_empty() && self.quiet.is_empty() || memchr(b'{', line).is_none() {
            return None;
        }
        match self.said(&plain(&String::from_utf8_lossy(line))) {
            Said::All => None,
            Said::Only(rest) => Some(rest),
            Said::Nothing => Some(String::new()),
        }
    }

    /// What a line, without what stands before it, says of failures: none where that is all it says.
    pub(super) fn said(&self, line: &str) -> Said {
        let line = line.trim();
        if (self.ignore.is_empty() && self.quiet.is_empty()) || !line.starts_with('{') {
            return Said::All;
        }
        let Ok(Value::Object(mut object)) = serde_json::from_str(line) else { return Said::All };
        if self.is_quiet(&object) {
            return Said::Nothing;
        }
        if self.strip(&mut object) { Said::Only(Value::Object(object).to_string()) } else { Said::All }
    }

    fn is_quiet(&self, object: &Map<String, Value>) -> bool {
        let is = |(key, values): (&String, &Vec<String>)| {
            object.get(key).and_then(Value::as_str).is_some_and(|said| values.iter().any(|value| value == said))
        };
        let unless = |key: &String| object.get(key).is_some_and(|value| !value.is_null());
        self.quiet.iter().any(is) && !self.unless.iter().any(unless)
    }

    /// Takes out what users typed; whether there was any.
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

/// What of a line tells of failures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
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
    fn what_users_typed_and_quiet_lines_tell_of_no_failure() {
        let lines = JsonLines {
            ignore: vec!["params".into(), "ua".into()],
            quiet: [("severity".to_owned(), vec!["INFO".to_owned()])].into(),
            unless: vec!["exception.class".into()],
        };
        let check = |line: &str, expected: Said| assert_eq!(lines.said(line), expected, "{line}");
        check(r#"{"severity":"INFO","message":"x"}"#, Said::Nothing);
        check(r#"{"severity":"INFO","exception.class":"X"}"#, Said::All);
        check(r#"{"severity":"INFO","exception.class":null}"#, Said::Nothing);
        check(r#"{"severity":"ERROR","message":"x"}"#, Said::All);
        let deep = r#"{"a":[{"ua":"typed","b":"said"}],"params":{"c":"typed"}}"#;
        check(deep, Said::Only(r#"{"a":[{"b":"said"}]}"#.into()));
        check(r#"{"params":"cut"#, Said::All);
        check("params", Said::All);
        assert_eq!(JsonLines::default().said(deep), Said::All);
    }
}
