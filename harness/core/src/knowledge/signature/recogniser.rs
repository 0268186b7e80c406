//! A list of known failures, made ready for looking through texts of any size.

use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::Regex;

use super::KnownFailure;
use super::bare::bare;
use super::blankless::{blankless, needles, reaches_over_lines};
use super::reading::{JsonLines, LogLines};
use crate::vocabulary::scalar::Pattern;

/// What stands between the tellings of one error: what follows is the same error once more.
const CHAINED: [&str; 3] =
    ["Caused by:", "During handling of the above exception", "The above exception was the direct cause"];

/// A list of known failures, made ready for looking through texts.
#[derive(Debug)]
pub struct Recogniser {
    pub(super) ready: Vec<Ready>,
    /// Finds, in a text without blanks, where a failure may be.
    pub(super) automaton: Option<AhoCorasick>,
    /// By text that is looked for, whose it is.
    pub(super) wanted: Vec<Wanted>,
    /// Failures without a text that is always there: each line is tried.
    pub(super) everywhere: Vec<usize>,
    /// What is no failure in JSON.
    pub(super) json: JsonLines,
    /// Lines that say that all went well.
    pub(super) recovered: Vec<String>,
}

/// A known failure with all ways to look for it.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) failure: KnownFailure,
    pub(super) pattern: Ways,
    pub(super) before: Option<Ways>,
    pub(super) after: Option<Ways>,
    /// It may match over several lines.
    pub(super) over_lines: bool,
}

/// A pattern as it is written, and for texts without blanks.
#[derive(Debug)]
pub(super) struct Ways {
    pub(super) plain: Regex,
    blankless: OnceLock<Option<Regex>>,
    /// Finds a text that is always there; none when there is no such.
    needles: OnceLock<Option<AhoCorasick>>,
}

impl Ways {
    fn new(pattern: &Pattern) -> Self {
        Self { plain: pattern.regex().clone(), blankless: OnceLock::new(), needles: OnceLock::new() }
    }

    /// For texts without blanks; none for a pattern that needs to know where lines end.
    pub(super) fn blankless(&self) -> Option<&Regex> {
        self.blankless.get_or_init(|| blankless(self.plain.as_str())).as_ref()
    }

    /// Whether it may be in a text at all.
    pub(super) fn may_be_in(&self, text: &[u8]) -> bool {
        let needles = || needles(self.plain.as_str()).and_then(|needles| AhoCorasick::new(needles).ok());
        let Some(needles) = self.needles.get_or_init(needles) else { return true };
        needles.is_match(bare(text, &mut Vec::new()))
    }
}

/// What a text that was found says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// One of these failures may be here.
    Failures(Vec<usize>),
    /// What comes now is the same error once more.
    Chained,
    /// All went well, as one of these lines says.
    Recovered(usize),
}

impl Recogniser {
    /// Makes a list ready.
    pub fn new(failures: &[KnownFailure]) -> Self {
        Self::reading(failures, &LogLines::default())
    }

    /// Makes a list ready for logs that are to be read so.
    pub fn reading(failures: &[KnownFailure], lines: &LogLines) -> Self {
        // As they stand in a text without its blanks.
        let bare = |text: &str| bare(text.as_bytes(), &mut Vec::new()).to_vec();
        let mut texts: Vec<(Vec<u8>, Wanted)> = CHAINED.iter().map(|text| (bare(text), Wanted::Chained)).collect();
        texts.extend(lines.recovered.iter().enumerate().map(|(index, text)| (bare(text), Wanted::Recovered(index))));
        let mut everywhere = Vec::new();
        let mut ready = Vec::with_capacity(failures.len());
        for (index, failure) in failures.iter().enumerate() {
            match needles(failure.pattern.regex().as_str()) {
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
            ready.push(Ready {
                pattern: Ways::new(&failure.pattern),
                before: failure.before.as_ref().map(Ways::new),
                after: failure.after.as_ref().map(Ways::new),
                over_lines: reaches_over_lines(failure.pattern.regex().as_str()),
                failure: failure.clone(),
            });
        }
        let mut builder = AhoCorasick::builder();
        // Every text that is there is wanted, also one inside another.
        builder.match_kind(MatchKind::Standard).kind(Some(AhoCorasickKind::DFA));
        let automaton = builder.build(texts.iter().map(|(text, _)| text)).ok();
        if automaton.is_none() {
            everywhere = (0..ready.len()).collect();
        }
        Self {
            ready,
            automaton,
            wanted: texts.into_iter().map(|(_, wanted)| wanted).collect(),
            everywhere,
            json: lines.json.clone(),
            recovered: lines.recovered.clone(),
        }
    }

    /// The known failures, in the order of the list.
    pub fn failures(&self) -> impl Iterator<Item = &KnownFailure> {
        self.ready.iter().map(|ready| &ready.failure)
    }

    /// A known failure by its index in the list.
    pub fn failure(&self, index: usize) -> Option<&KnownFailure> {
        self.ready.get(index).map(|ready| &ready.failure)
    }

    /// Whether there is nothing to recognise.
    pub fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }
}

/// Whether a line stands between two tellings of the same error.
pub(super) fn is_chained(line: &str) -> bool {
    CHAINED.iter().any(|text| line.trim_start().starts_with(text))
}
