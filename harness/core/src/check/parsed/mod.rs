//! Texts that programs store in columns, compared by what they mean: other quotes, another order of keys and white space
//! between values are no difference. A text that cannot be read as a whole has no such meaning and is compared as a text.

mod difference;
mod markup;
mod php;
mod structured;

use crate::model::product::TextFormat;
use crate::observation::LONGEST_TEXT;

pub(crate) use difference::differences;

/// How deep values may nest.
const DEEPEST: usize = 64;

/// What a text means.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Parsed {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A number: the same text for the same number.
    Number(String),
    /// A text.
    Text(String),
    /// Something unquoted of YAML that readers take for different things: a date, `yes`, `0x10`, `:symbol`.
    Bare(String),
    /// Values in their order.
    List(Vec<Parsed>),
    /// Pairs without an order; no key is there twice.
    Map(Vec<(Parsed, Parsed)>),
    /// A value of a kind that has a name: a tag of YAML, a class of PHP, an element of markup.
    Named(String, Box<Parsed>),
}

impl Parsed {
    /// Reads a text; none if it cannot be read as a whole.
    pub(crate) fn read(format: TextFormat, text: &str) -> Option<Self> {
        if text.chars().count() > LONGEST_TEXT {
            return None;
        }
        match format {
            TextFormat::Json => structured::json(text),
            TextFormat::Yaml => structured::yaml(text),
            TextFormat::PhpSerialised => php::read(text),
            TextFormat::Xml => markup::xml(text),
            TextFormat::Html => markup::html(text),
        }
    }

    /// A text that two values have in common only if they mean the same.
    pub(crate) fn canonical(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(text) => format!("n{text:?}"),
            Self::Text(text) => format!("{text:?}"),
            Self::Bare(text) => format!("b{text:?}"),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::canonical).collect();
                format!("[{}]", items.join(","))
            }
            Self::Map(pairs) => {
                let pair = |(key, value): &(Self, Self)| format!("{}={}", key.canonical(), value.canonical());
                let mut pairs: Vec<String> = pairs.iter().map(pair).collect();
                pairs.sort_unstable();
                format!("{{{}}}", pairs.join(","))
            }
            Self::Named(name, value) => format!("!{name:?}{}", value.canonical()),
        }
    }

    /// Pairs, unless a key is there twice.
    fn map(pairs: Vec<(Self, Self)>) -> Option<Self> {
        let mut keys: Vec<String> = pairs.iter().map(|(key, _)| key.canonical()).collect();
        keys.sort_unstable();
        keys.windows(2).all(|two| two[0] != two[1]).then_some(Self::Map(pairs))
    }
}

#[cfg(test)]
mod tests;
