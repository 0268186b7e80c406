//! A regular expression: checked when it is read, compiled when it is first used.

use std::fmt;
use std::sync::{Arc, OnceLock};

use regex::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, ClassUnicodeRange, Hir, HirKind};
use regex_syntax::utf8::Utf8Sequences;

use super::{Scalar, quoted, scalar};

/// A regular expression, of bounded size, equal to another with the same text.
///
/// Compiling an expression takes many times as long as checking it, and most commands use few of the hundreds that a
/// product has: so reading one checks its grammar and its size, and the first use compiles it.
#[derive(Debug, Clone)]
pub struct Pattern(Arc<Checked>);

#[derive(Debug)]
struct Checked {
    text: String,
    /// The names of its groups, in their order; `None` for a group without a name.
    groups: Vec<Option<String>>,
    /// Whether a text without any characters might match.
    may_match_empty: bool,
    compiled: OnceLock<Regex>,
}

impl Pattern {
    /// Memory that one compiled pattern may take.
    const LIMIT: usize = 16 << 20;
    /// How deep its groups may be nested.
    const NESTED: u32 = 64;
    /// Memory of one state of a compiled pattern, at most.
    const STATE: usize = 48;

    /// The text as its author wrote it.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The compiled expression.
    pub fn regex(&self) -> &Regex {
        self.0.compiled.get_or_init(|| {
            // The size was bounded when it was read.
            RegexBuilder::new(&self.0.text).size_limit(usize::MAX).nest_limit(Self::NESTED).build().unwrap_or_else(
                |error| {
                    unreachable!("bug: the pattern {:?} passed its check and does not compile: {error}", self.0.text)
                },
            )
        })
    }

    /// The names of its groups that have one.
    pub fn group_names(&self) -> impl Iterator<Item = &str> {
        self.0.groups.iter().flatten().map(String::as_str)
    }

    /// How many groups it has, the whole match not counted.
    pub fn group_count(&self) -> usize {
        self.0.groups.len()
    }

    /// Whether it matches a text without any characters, and so is found in every text.
    pub fn matches_empty(&self) -> bool {
        self.0.may_match_empty && self.regex().is_match("")
    }
}

impl Scalar for Pattern {
    const FORMAT: &'static str = "pattern";
    const EXPECTED: &'static str = "a regular expression";

    fn parse(text: &str) -> Result<Self, String> {
        let parsed = ParserBuilder::new().nest_limit(Self::NESTED).build().parse(text);
        let hir = parsed.map_err(|error| refusal(text, &error))?;
        let compiled = OnceLock::new();
        if states(&hir).saturating_mul(Self::STATE) > Self::LIMIT {
            // The estimate is on the safe side: only compiling it shows whether it really is too large.
            let built = RegexBuilder::new(text).size_limit(Self::LIMIT).nest_limit(Self::NESTED).build();
            let _ = compiled.set(built.map_err(|error| refusal(text, &error))?);
        }
        let mut groups = Vec::new();
        name_groups(&hir, &mut groups);
        let may_match_empty = hir.properties().minimum_len() == Some(0);
        Ok(Self(Arc::new(Checked { text: text.to_owned(), groups, may_match_empty, compiled })))
    }
}

scalar!(Pattern);

/// The last line of an error, which says what is wrong; the lines before it draw a picture.
fn refusal(text: &str, error: &dyn fmt::Display) -> String {
    let whole = error.to_string();
    let last = whole.lines().last().unwrap_or_default();
    let last = last.strip_prefix("error: ").unwrap_or(last);
    format!("{} is not a regular expression: {last}", quoted(text))
}

/// How many states the compiled pattern has at most.
fn states(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(Class::Bytes(class)) => 1 + class.ranges().len(),
        HirKind::Class(Class::Unicode(class)) => 1 + class.ranges().iter().map(states_of_range).sum::<usize>(),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min).max(repetition.min).saturating_add(1);
            states(&repetition.sub).saturating_add(1).saturating_mul(times as usize)
        }
        HirKind::Capture(capture) => states(&capture.sub).saturating_add(2),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().fold(1, |all: usize, part| all.saturating_add(states(part)).saturating_add(1))
        }
    }
}

/// A range of characters becomes sequences of byte ranges, as UTF-8 has them.
fn states_of_range(range: &ClassUnicodeRange) -> usize {
    let (start, end) = (u32::from(range.start()), u32::from(range.end()));
    if start >> 6 == end >> 6 {
        // Only the last byte differs: nearly all ranges of a class such as `\w`, which has hundreds of them.
        range.end().len_utf8() + 1
    } else {
        Utf8Sequences::new(range.start(), range.end()).map(|sequence| sequence.len() + 1).sum()
    }
}

/// Adds the groups. One that can never take part, as in `(a){0}b`, is left out by the parser; its number stays taken when
/// others follow.
fn name_groups(hir: &Hir, groups: &mut Vec<Option<String>>) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Literal(_) | HirKind::Class(_) => {}
        HirKind::Repetition(repetition) => name_groups(&repetition.sub, groups),
        HirKind::Capture(capture) => {
            let number = capture.index as usize;
            groups.resize(groups.len().max(number), None);
            groups[number - 1] = capture.name.as_ref().map(ToString::to_string);
            name_groups(&capture.sub, groups);
        }
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().for_each(|part| name_groups(part, groups));
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    #[test]
    fn reading_a_pattern_does_not_compile_it() {
        let read = pattern(r"(?i)\w+ (\d{1,10})\b");
        assert!(read.0.compiled.get().is_none());
        assert!(read.clone().regex().is_match("Take 3"));
        assert!(read.0.compiled.get().is_some(), "a clone shares what was compiled");
    }

    #[test]
    fn patterns_are_bounded_and_equal_by_text() {
        assert_eq!(pattern("^a+$").to_string(), "^a+$");
        assert_eq!(Pattern::parse("a(").unwrap_err(), "`a(` is not a regular expression: unclosed group");
        let large = Pattern::parse(r"\w{1000}{1000}").unwrap_err();
        assert!(large.contains("size limit"), "{large}");
        assert_eq!(pattern("a"), pattern("a"));
        assert_ne!(pattern("a"), pattern("b"));
    }

    /// What is accepted without being compiled would have been accepted by compiling it under the limit.
    #[test]
    fn the_estimate_of_the_size_is_on_the_safe_side() {
        for text in [r"\w", r"(?i)straße\w+", r"\PL", r"[^\n]", ".", r"\d{3}-\p{Greek}", r"[\x{80}-\x{10FFFF}]"] {
            for times in (1..=400).step_by(19) {
                let text = format!("(?:{text}){{{times}}}");
                let read = Pattern::parse(&text);
                let built = RegexBuilder::new(&text).size_limit(Pattern::LIMIT).build();
                assert_eq!(read.is_ok(), built.is_ok(), "{text}");
            }
        }
    }

    #[test]
    fn groups_are_known_without_compiling() {
        for text in
            ["a", "(a)(?P<x>b)", "(?<y>(?P<x>a)|b)(c)*", "(?P<x>a){0}(b)", "(b)(?P<x>a){0}", "(?:a)", "((?P<deep>a)+)?"]
        {
            let read = pattern(text);
            let names: Vec<&str> = read.group_names().collect();
            assert!(read.0.compiled.get().is_none());
            assert_eq!(names, read.regex().capture_names().flatten().collect::<Vec<_>>(), "{text}");
            assert_eq!(read.group_count() + 1, read.regex().captures_len(), "{text}");
        }
    }

    #[test]
    fn what_matches_an_empty_text_is_known() {
        for text in ["", "a*", "^$", r"(a|\B)", r"\b", "a", "(a|bc)+", "[^x]", r"\P{any}"] {
            let read = pattern(text);
            assert_eq!(read.matches_empty(), read.regex().is_match(""), "{text}");
        }
    }
}
