//! A range of releases as a list of comparisons: `>=6.0, <6.1`.
//!
//! Pre-releases take their plain place in the order: `4.2.0-rc.1` is in `>=4, <5`, and `5.0.0-rc.1` is as well.
//! Editions and build metadata never matter.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Line, Release, ReleaseError};

/// Releases for which all comparisons hold; `*` holds for all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Range {
    comparisons: Vec<Comparison>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Comparison {
    op: Op,
    bound: Release,
    /// Set when the bound was typed with one or two numbers.
    line: Option<Line>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Less,
    AtMost,
    Exactly,
    AtLeast,
    More,
}

/// Why a text is not a range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RangeError {
    /// Nothing was typed, or nothing between two commas.
    #[error("range `{text}` lacks a comparison: expected comparisons such as `>=6.0, <6.1`, or `*`")]
    Empty {
        /// The range as typed.
        text: String,
    },
    /// A comparison whose operator is none of ours.
    #[error("range `{text}` has `{comparison}`: expected one of >=, >, <=, <, = and a release")]
    Operator {
        /// The range as typed.
        text: String,
        /// The comparison.
        comparison: String,
    },
    /// A comparison with something that is not a release.
    #[error("range `{text}` compares with something that is not a release")]
    Release {
        /// The range as typed.
        text: String,
        /// What is wrong with the release.
        #[source]
        source: ReleaseError,
    },
}

impl Range {
    /// The range of all releases, `*`.
    #[must_use]
    pub fn any() -> Range {
        Range::default()
    }

    /// Whether a release is in the range.
    #[must_use]
    pub fn contains(&self, release: &Release) -> bool {
        self.comparisons.iter().all(|comparison| comparison.holds(release))
    }
}

impl Comparison {
    fn holds(&self, release: &Release) -> bool {
        let order = release.cmp_number(&self.bound);
        let in_line = self.line.is_some_and(|line| line.contains(release));
        match self.op {
            Op::Less => order == Ordering::Less,
            Op::AtLeast => order != Ordering::Less,
            Op::AtMost => order != Ordering::Greater || in_line,
            Op::More => order == Ordering::Greater && !in_line,
            Op::Exactly => order == Ordering::Equal || in_line,
        }
    }
}

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim() == "*" {
            return Ok(Range::any());
        }
        let comparisons = text.split(',').map(|part| comparison(text, part.trim())).collect::<Result<_, _>>()?;
        Ok(Range { comparisons })
    }
}

fn comparison(text: &str, part: &str) -> Result<Comparison, RangeError> {
    if part.is_empty() {
        return Err(RangeError::Empty { text: text.to_owned() });
    }
    let (sign, bound) = part.split_at(part.find(|c| !"<>=!~^*".contains(c)).unwrap_or(part.len()));
    let op = match sign {
        "<" => Op::Less,
        "<=" => Op::AtMost,
        "" | "=" | "==" => Op::Exactly,
        ">=" => Op::AtLeast,
        ">" => Op::More,
        _ => return Err(RangeError::Operator { text: text.to_owned(), comparison: part.to_owned() }),
    };
    let bound = bound.trim();
    if bound.is_empty() || bound.contains(char::is_whitespace) {
        return Err(RangeError::Operator { text: text.to_owned(), comparison: part.to_owned() });
    }
    let release = bound.parse().map_err(|source| RangeError::Release { text: text.to_owned(), source })?;
    Ok(Comparison { op, bound: release, line: bound.parse().ok() })
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.comparisons.is_empty() {
            return f.write_str("*");
        }
        for (index, Comparison { op, bound, line: _ }) in self.comparisons.iter().enumerate() {
            let sign = match op {
                Op::Less => "<",
                Op::AtMost => "<=",
                Op::Exactly => "=",
                Op::AtLeast => ">=",
                Op::More => ">",
            };
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{sign}{bound}")?;
        }
        Ok(())
    }
}

impl Serialize for Range {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::parsed(deserializer)
    }
}
