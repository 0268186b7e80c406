//! A release of a product: its number, edition and the text it was typed as, in one total order.
//!
//! Refuses what only looks like a release: a distribution's package version orders by other rules, and reading one as a
//! release would silently turn an upgrade into a downgrade.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use semver::Version;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

mod edition;
mod line;
mod parse;
mod range;
mod schema;
#[cfg(test)]
mod tests;

pub use edition::{Edition, EditionError};
pub use line::{Line, LineError};
pub use range::{Range, RangeError};
pub(crate) use schema::VALIDATORS;

/// One release of a product: `18.5.7-ee.0`, `v1.2.3`, `2024.01.1`, `4.0.0.1`, `6.2-rc1`.
///
/// Releases that differ only in how they are written (`1.2` and `v1.2.0`, `rc1` and `RC.1`) are equal. The order is
/// number, pre-release before release, build metadata, edition, build of the edition.
#[derive(Clone)]
pub struct Release {
    text: Arc<str>,
    name_len: usize,
    version: Version,
    fourth: u64,
    edition: Option<Edition>,
    edition_build: Option<u32>,
}

/// Why a text is not a release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// Nothing was typed.
    #[error("a release is empty: expected a number such as 1.2.3")]
    Empty,
    /// A number was expected where something else stands.
    #[error("release `{text}` has `{part}` where a number is expected")]
    NotANumber {
        /// The text as typed.
        text: String,
        /// The part that is no number.
        part: String,
    },
    /// More than four numbers.
    #[error("release `{text}` has {count} numbers: at most four are understood")]
    TooManyNumbers {
        /// The text as typed.
        text: String,
        /// How many numbers it has.
        count: usize,
    },
    /// What follows the numbers is neither a pre-release, build metadata nor an edition.
    #[error("release `{text}` ends in `{rest}`: expected -PRERELEASE, +BUILD or -EDITION")]
    BadSuffix {
        /// The text as typed.
        text: String,
        /// What follows the numbers.
        rest: String,
    },
    /// A version of a distribution's package, which orders by other rules.
    #[error(
        "release `{text}` looks like a distribution's package version: give the product's own release, such as {hint}"
    )]
    Package {
        /// The text as typed.
        text: String,
        /// The release it seems to package.
        hint: String,
    },
}

impl Release {
    /// The text as typed, without the edition: `v18.5.7` of `v18.5.7-ee.0`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text.get(..self.name_len).unwrap_or(&self.text)
    }

    /// The text as typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The canonical text without edition, at least three numbers: `18.5.7`, `2024.1.1`, `4.0.0.1-rc.1`.
    #[must_use]
    pub fn number(&self) -> String {
        let Version { major, minor, patch, pre, build } = &self.version;
        let mut number = format!("{major}.{minor}.{patch}");
        for (mark, part) in [
            (".", if self.fourth == 0 { String::new() } else { self.fourth.to_string() }),
            ("-", pre.to_string()),
            ("+", build.to_string()),
        ] {
            if !part.is_empty() {
                number.push_str(mark);
                number.push_str(&part);
            }
        }
        number
    }

    /// The first number.
    #[must_use]
    pub fn major(&self) -> u64 {
        self.version.major
    }

    /// The second number, 0 if none was typed.
    #[must_use]
    pub fn minor(&self) -> u64 {
        self.version.minor
    }

    /// The third number, 0 if none was typed.
    #[must_use]
    pub fn patch(&self) -> u64 {
        self.version.patch
    }

    /// The fourth number, 0 if none was typed.
    #[must_use]
    pub fn fourth(&self) -> u64 {
        self.fourth
    }

    /// The edition, if the release names one.
    #[must_use]
    pub fn edition(&self) -> Option<&Edition> {
        self.edition.as_ref()
    }

    /// The build of the edition: `0` of `18.5.7-ee.0`.
    #[must_use]
    pub fn edition_build(&self) -> Option<u32> {
        self.edition_build
    }

    /// Whether this comes before the release of the same number: `-rc1`, `-beta`.
    #[must_use]
    pub fn is_prerelease(&self) -> bool {
        !self.version.pre.is_empty()
    }

    /// The line this release belongs to: `18.5` of `18.5.7`.
    #[must_use]
    pub fn line(&self) -> Line {
        Line::of_minor(self.major(), self.minor())
    }

    /// The same release in an edition: `18.5.7-ee`.
    #[must_use]
    pub fn with_edition(&self, edition: &Edition) -> Release {
        Release {
            text: format!("{}-{edition}", self.name()).into(),
            edition: Some(edition.clone()),
            edition_build: None,
            ..self.clone()
        }
    }

    /// The same release in a build of an edition: `18.5.7-ee.1`.
    #[must_use]
    pub fn with_edition_build(&self, edition: &Edition, build: u32) -> Release {
        Release {
            text: format!("{}-{edition}.{build}", self.name()).into(),
            edition_build: Some(build),
            ..self.with_edition(edition)
        }
    }

    /// The same release without an edition.
    #[must_use]
    pub fn without_edition(&self) -> Release {
        Release { text: self.name().into(), edition: None, edition_build: None, ..self.clone() }
    }

    /// Compares number and pre-release only: neither build metadata nor edition makes a release newer.
    #[must_use]
    pub fn cmp_number(&self, other: &Release) -> Ordering {
        self.numbers().cmp(&other.numbers()).then_with(|| self.version.pre.cmp(&other.version.pre))
    }

    /// Compares the four numbers only: `2.0.0-rc.1` counts as `2.0.0`.
    pub(crate) fn numbers(&self) -> [u64; 4] {
        [self.version.major, self.version.minor, self.version.patch, self.fourth]
    }

    fn key(&self) -> (&semver::BuildMetadata, &Option<Edition>, Option<u32>) {
        (&self.version.build, &self.edition, self.edition_build)
    }
}

impl PartialEq for Release {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Release {}

impl PartialOrd for Release {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Release {
    fn cmp(&self, other: &Self) -> Ordering {
        self.cmp_number(other).then_with(|| self.key().cmp(&other.key()))
    }
}

impl Hash for Release {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.numbers().hash(state);
        self.version.pre.hash(state);
        self.key().hash(state);
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Release({})", self.text)
    }
}

impl FromStr for Release {
    type Err = ReleaseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse::release(text)
    }
}

impl Serialize for Release {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Release {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer)
    }
}

/// Reads any of this module's types from its text.
fn parsed<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}
