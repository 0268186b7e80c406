//! A regular expression of which the first group is what is wanted.

use std::fmt;
use std::ops::Deref;

use super::{Pattern, Scalar, quoted, scalar};

/// A pattern with at least one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPattern(Pattern);

impl GroupPattern {
    /// The first group of the first match in a text; none if nothing matches, or the match has nothing in the group.
    pub fn first_group<'t>(&self, text: &'t str) -> Option<&'t str> {
        Some(self.regex().captures(text)?.get(1)?.as_str())
    }
}

impl Scalar for GroupPattern {
    const FORMAT: &'static str = "pattern-with-a-group";
    const EXPECTED: &'static str = "a regular expression with a group around what is wanted, such as `id=(\\d+)`";

    fn parse(text: &str) -> Result<Self, String> {
        let pattern = Pattern::parse(text)?;
        if pattern.group_count() == 0 {
            return Err(format!("{} has no group", quoted(text)));
        }
        Ok(Self(pattern))
    }
}

scalar!(GroupPattern);

impl Deref for GroupPattern {
    type Target = Pattern;

    fn deref(&self) -> &Pattern {
        &self.0
    }
}

impl fmt::Display for GroupPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_without_a_group_says_nothing_of_what_is_wanted() {
        assert_eq!(GroupPattern::parse(r"id=\d+").unwrap_err(), r"`id=\d+` has no group");
        assert_eq!(GroupPattern::parse(r"id=(?:\d+)").unwrap_err(), r"`id=(?:\d+)` has no group");
        assert_eq!(GroupPattern::parse("(").unwrap_err(), "`(` is not a regular expression: unclosed group");
        let pattern = GroupPattern::parse(r"id=(\d+)|none").unwrap();
        assert_eq!(pattern.first_group("x id=12 id=13"), Some("12"));
        assert_eq!(pattern.first_group("none"), None);
    }
}
