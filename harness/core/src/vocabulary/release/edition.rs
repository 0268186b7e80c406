//! The edition of a release: `ce`, `ee`. Knows nothing of what an edition contains.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An edition of a product, lower case: `ce`, `ee`, `enterprise`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edition(Arc<str>);

/// Why a text is not an edition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("edition `{text}` is not a word: expected a letter, then letters, digits or dashes, such as `ee`")]
pub struct EditionError {
    text: String,
}

impl Edition {
    /// The words that mean an edition when a release ends in one of them.
    pub(super) const SUFFIXES: [&'static str; 4] = ["ce", "ee", "community", "enterprise"];

    /// The edition's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An edition of a word that is known to be one.
    pub(super) fn of_suffix(word: &str) -> Edition {
        Edition(word.into())
    }
}

impl FromStr for Edition {
    type Err = EditionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = text.trim().to_ascii_lowercase();
        let is_word = word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if is_word { Ok(Edition(word.into())) } else { Err(EditionError { text: text.to_owned() }) }
    }
}

impl fmt::Display for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Edition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Edition({})", self.0)
    }
}

impl Serialize for Edition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Edition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::parsed(deserializer)
    }
}
