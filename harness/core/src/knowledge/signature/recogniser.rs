//! A list of known failures, prepared for searching texts of any size.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::Regex;

use super::KnownFailure;
use super::reading::{JsonLines, LogLines};
use super::significant_bytes::significant_bytes;
use super::whitespace_insensitive::{needles, reaches_over_lines, whitespace_insensitive};
use crate::vocabulary::scalar::Pattern;

/// Lines between two reports of one error: what follows repeats the error before.
const CHAINED: [&str; 3] =
    ["Caused by:", "During handling of the above exception", "The above exception was the direct cause"];

/// A list of known failures, prepared for searching texts.
///
/// Preparing it compiles no pattern: most texts hold few of the failures, and a pattern is compiled when the first pass
/// finds a place where it may match.
#[derive(Debug)]
pub struct Recogniser {
    pub(super) compiled: Vec<CompiledFailure>,
    /// Finds, in the significant bytes of a text, where a failure may be.
    pub(super) automaton: Option<AhoCorasick>,
    /// What each text that the automaton searches for means.
    pub(super) wanted: Vec<Wanted>,
    /// Failures whose matches have no text in common: these are tried on every line.
    pub(super) everywhere: Vec<usize>,
    /// Which parts of JSON lines report no failure.
    pub(super) json: JsonLines,
    /// Lines that report success.
    pub(super) recovered: Vec<String>,
}

/// A known failure with the variants of its patterns.
#[derive(Debug)]
pub(super) struct CompiledFailure {
    pub(super) failure: KnownFailure,
    pub(super) pattern: PatternVariants,
    pub(super) before: Option<PatternVariants>,
    pub(super) after: Option<PatternVariants>,
    /// Whether it may match over several lines.
    pub(super) over_lines: bool,
}

/// A pattern as written and for texts without whitespace, each compiled when it is first used.
#[derive(Debug)]
pub(super) struct PatternVariants {
    written: Pattern,
    whitespace_insensitive: OnceLock<Option<Regex>>,
    /// Finds texts of which every match holds one; `None` when there are no such texts.
    needles: OnceLock<Option<AhoCorasick>>,
}

impl PatternVariants {
    fn new(pattern: &Pattern) -> Self {
        Self { written: pattern.clone(), whitespace_insensitive: OnceLock::new(), needles: OnceLock::new() }
    }

    /// The pattern as its author wrote it.
    pub(super) fn as_written(&self) -> &Regex {
        self.written.regex()
    }

    /// The pattern for texts without whitespace; `None` for a pattern that depends on where lines end.
    pub(super) fn whitespace_insensitive(&self) -> Option<&Regex> {
        self.whitespace_insensitive.get_or_init(|| whitespace_insensitive(self.written.as_str())).as_ref()
    }

    /// Whether it may match anywhere in a text.
    pub(super) fn may_be_in(&self, text: &[u8]) -> bool {
        let needles = || needles(self.written.as_str()).and_then(|needles| AhoCorasick::new(needles).ok());
        let Some(needles) = self.needles.get_or_init(needles) else { return true };
        needles.is_match(significant_bytes(text, &mut Vec::new()))
    }
}

/// What it means that a text was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// One of these failures may be at this place.
    Failures(Vec<usize>),
    /// What follows repeats the error before.
    Chained,
    /// The line with this index reports success.
    Recovered(usize),
}

impl Recogniser {
    /// Prepares a list.
    pub fn new(failures: &[KnownFailure]) -> Self {
        Self::reading(failures, &LogLines::default())
    }

    /// Prepares a list for logs whose lines are read as the product says.
    pub fn reading(failures: &[KnownFailure], lines: &LogLines) -> Self {
        let significant = |text: &str| significant_bytes(text.as_bytes(), &mut Vec::new()).to_vec();
        let mut texts: Vec<(Vec<u8>, Wanted)> =
            CHAINED.iter().map(|text| (significant(text), Wanted::Chained)).collect();
        texts.extend(
            lines.recovered.iter().enumerate().map(|(index, text)| (significant(text), Wanted::Recovered(index))),
        );
        let mut everywhere = Vec::new();
        let mut compiled = Vec::with_capacity(failures.len());
        for (index, failure) in failures.iter().enumerate() {
            match needles(failure.pattern.as_str()) {
                None => everywhere.push(index),
                Some(needles) => {
                    for needle in needles {
                        match texts.iter_mut().find(|(text, _)| *text == needle) {
                            Some((_, Wanted::Failures(of))) => of.push(index),
                            Some((_, Wanted::Chained | Wanted::Recovered(_))) | None => {
                                texts.push((needle, Wanted::Failures(vec![index])))
                            }
                        }
                    }
                }
            }
            compiled.push(CompiledFailure {
                pattern: PatternVariants::new(&failure.pattern),
                before: failure.before.as_ref().map(PatternVariants::new),
                after: failure.after.as_ref().map(PatternVariants::new),
                over_lines: reaches_over_lines(failure.pattern.as_str()),
                failure: failure.clone(),
            });
        }
        let mut builder = AhoCorasick::builder();
        // Overlapping matches are needed: one text may be a part of another.
        builder.match_kind(MatchKind::Standard).kind(Some(AhoCorasickKind::DFA));
        let automaton = builder.build(texts.iter().map(|(text, _)| text)).ok();
        if automaton.is_none() {
            everywhere = (0..compiled.len()).collect();
        }
        Self {
            compiled,
            automaton,
            wanted: texts.into_iter().map(|(_, wanted)| wanted).collect(),
            everywhere,
            json: lines.json.clone(),
            recovered: lines.recovered.clone(),
        }
    }

    /// The known failures, in the order of the list.
    pub fn failures(&self) -> impl Iterator<Item = &KnownFailure> {
        self.compiled.iter().map(|compiled| &compiled.failure)
    }

    /// A known failure by its index in the list.
    pub fn failure(&self, index: usize) -> Option<&KnownFailure> {
        self.compiled.get(index).map(|compiled| &compiled.failure)
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.compiled.is_empty()
    }
}

/// Whether a line stands between two reports of the same error.
pub(super) fn is_chained(line: &str) -> bool {
    CHAINED.iter().any(|text| line.trim_start().starts_with(text))
}
