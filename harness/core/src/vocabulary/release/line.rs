//! A line of releases that differ in patch only (`6.1`), or all of a major (`17`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Release;

/// All releases that share a major, or a major and a minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line {
    major: u64,
    minor: Option<u64>,
}

/// Why a text is not a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line `{text}` is not a major or major.minor: expected one or two numbers, such as 17 or 17.3")]
pub struct LineError {
    text: String,
}

impl Line {
    /// All releases of a major.
    #[must_use]
    pub const fn of_major(major: u64) -> Line {
        Line { major, minor: None }
    }

    /// All patches of a minor.
    #[must_use]
    pub const fn of_minor(major: u64, minor: u64) -> Line {
        Line { major, minor: Some(minor) }
    }

    /// The first number.
    #[must_use]
    pub const fn major(&self) -> u64 {
        self.major
    }

    /// The second number; `None` means the whole major.
    #[must_use]
    pub const fn minor(&self) -> Option<u64> {
        self.minor
    }

    /// Whether a release belongs to this line, pre-releases and any edition included.
    #[must_use]
    pub fn contains(&self, release: &Release) -> bool {
        self.major == release.major() && self.minor.is_none_or(|minor| minor == release.minor())
    }

    /// Where the line begins among minors.
    pub(crate) fn start(&self) -> (u64, u64) {
        (self.major, self.minor.unwrap_or(0))
    }
}

impl FromStr for Line {
    type Err = LineError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || LineError { text: text.to_owned() };
        let number = |part: &str| match part.bytes().all(|b| b.is_ascii_digit()) {
            true => part.parse().map_err(|_| error()),
            false => Err(error()),
        };
        let typed = text.trim();
        let typed = typed.strip_prefix(['v', 'V']).unwrap_or(typed);
        match typed.split_once('.') {
            Some((major, minor)) => Ok(Line::of_minor(number(major)?, number(minor)?)),
            None => Ok(Line::of_major(number(typed)?)),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.minor {
            Some(minor) => write!(f, "{}.{minor}", self.major),
            None => write!(f, "{}", self.major),
        }
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::parsed(deserializer)
    }
}
