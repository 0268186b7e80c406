//! What to run inside a service: a line for a shell, or words.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::vocabulary::scalar::Scalar;
use crate::vocabulary::template::{Template, TemplateError};

/// A command, with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A line or script, run by `sh -ec`.
    Shell(Template),
    /// A program and its arguments, run as they are.
    Words(Vec<Template>),
}

impl Command {
    /// The words to execute, placeholders filled in.
    ///
    /// # Errors
    /// When a placeholder has no value in `context`.
    pub fn argv(&self, context: &serde_json::Value) -> Result<Vec<String>, TemplateError> {
        match self {
            Self::Shell(line) => Ok(vec!["sh".to_owned(), "-ec".to_owned(), line.render(context)?]),
            Self::Words(words) => words.iter().map(|word| word.render(context)).collect(),
        }
    }

    /// Its templates, with the JSON pointer of each below the command.
    pub fn templates(&self) -> impl Iterator<Item = (String, &Template)> {
        let (line, words) = match self {
            Self::Shell(line) => (Some(line), &[][..]),
            Self::Words(words) => (None, words.as_slice()),
        };
        let words = words.iter().enumerate().map(|(at, word)| (format!("/{at}"), word));
        line.map(|line| (String::new(), line)).into_iter().chain(words)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shell(line) => write!(f, "{line}"),
            Self::Words(words) => {
                f.write_str(&words.iter().map(|word| shown(word.text())).collect::<Vec<_>>().join(" "))
            }
        }
    }
}

/// A word as a shell would need it.
fn shown(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Command;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, or a list of words")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Command, E> {
                Template::parse(text).map(Command::Shell).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Command, A::Error> {
                let words: Result<Vec<Template>, A::Error> =
                    std::iter::from_fn(|| items.next_element().transpose()).collect();
                words.map(Command::Words)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

impl Serialize for Command {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Shell(line) => line.serialize(serializer),
            Self::Words(words) => words.serialize(serializer),
        }
    }
}

impl JsonSchema for Command {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Command")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "a line run by `sh -ec`, or a list of words run as they are",
            "anyOf": [
                { "type": "string", "format": Template::FORMAT, "minLength": 1 },
                { "type": "array", "items": { "type": "string", "format": Template::FORMAT }, "minItems": 1 },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_text_goes_to_a_shell_and_a_list_does_not() {
        let context = json!({"name": "it's"});
        let shell: Command = serde_json::from_value(json!("echo {{ name }} | cat")).unwrap();
        assert_eq!(shell.argv(&context).unwrap(), ["sh", "-ec", "echo it's | cat"]);
        let words: Command = serde_json::from_value(json!(["echo", "{{ name }}", "a b"])).unwrap();
        assert_eq!(words.argv(&context).unwrap(), ["echo", "it's", "a b"]);
        assert_eq!(words.to_string(), "echo '{{ name }}' 'a b'");
        assert_eq!(serde_json::to_value(&words).unwrap(), json!(["echo", "{{ name }}", "a b"]));
        assert!(words.argv(&json!({})).is_err());
    }

    #[test]
    fn templates_come_with_their_pointer() {
        let words: Command = serde_json::from_value(json!(["echo", "{{ name }}"])).unwrap();
        let pointers: Vec<String> = words.templates().map(|(pointer, _)| pointer).collect();
        assert_eq!(pointers, ["/0", "/1"]);
    }
}
