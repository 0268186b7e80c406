//! Why something was reviewed, switched off or left out, in its author's words.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{BadScalar, Scalar, quoted};

/// A reason in words. Whoever reads the report has to be able to judge it, so that nothing can be excused without one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Because(String);

impl Because {
    /// As its author wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A reason that the tool gives itself.
    pub fn ours(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// What people write to switch something on or off, or to leave it open: each says that something is so, and none says why.
const NO_REASONS: [&str; 12] = ["true", "false", "yes", "no", "y", "n", "on", "off", "null", "none", "nil", "todo"];

impl Scalar for Because {
    const FORMAT: &'static str = "reason";
    const EXPECTED: &'static str = "a reason in words: why it may be so";

    fn parse(text: &str) -> Result<Self, String> {
        let words = text.trim();
        if words.is_empty() {
            return Err("the reason is empty".to_owned());
        }
        let none = NO_REASONS.iter().any(|word| words.eq_ignore_ascii_case(word));
        if none || !words.chars().any(char::is_alphabetic) {
            return Err(format!("{} is not a reason", quoted(words)));
        }
        Ok(Self(text.to_owned()))
    }
}

impl std::str::FromStr for Because {
    type Err = BadScalar;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text).map_err(|reason| BadScalar { reason, expected: Self::EXPECTED })
    }
}

impl<'de> Deserialize<'de> for Because {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Because {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl JsonSchema for Because {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Reason")
    }

    fn schema_id() -> Cow<'static, str> {
        Cow::Borrowed(concat!(module_path!(), "::Because"))
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": Self::FORMAT, "minLength": 1, "description": Self::EXPECTED })
    }
}

impl Deref for Because {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<Because> for String {
    fn from(because: Because) -> Self {
        because.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_is_no_reason() {
        for text in ["", " ", "\n\t", "false", "True", "YES", "off", "~", "null", "0", "12", "1.5", "-", "…", " n "] {
            assert!(Because::parse(text).is_err(), "{text:?}");
        }
        for text in ["it varies", "false alarms of the proxy", "flaky", "Änderung", "no: the product does it"] {
            assert_eq!(Because::parse(text).map(|because| because.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(Because::parse("false").unwrap_err(), "`false` is not a reason");
        assert_eq!(Because::parse(" ").unwrap_err(), "the reason is empty");
    }

    #[test]
    fn a_reason_that_is_no_text_is_refused() {
        for json in ["false", "1", "null", "\"\"", "[]"] {
            assert!(serde_json::from_str::<Because>(json).is_err(), "{json}");
        }
    }
}
