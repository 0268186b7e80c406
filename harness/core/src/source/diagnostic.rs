//! What is wrong with a text an author wrote, and where.
//!
//! Nothing is rendered here: a problem is data, `cli` draws it.

mod hidden;

use std::collections::HashSet;
use std::fmt;

use hidden::Hidden;

use crate::source::span::{Source, Span};

/// More than this nobody reads.
pub(crate) const MOST_PROBLEMS: usize = 1000;

/// One mistake in a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong: lower case, no full stop.
    pub title: String,
    /// Where.
    pub span: Span,
    /// What was expected there; shown under the span.
    pub label: String,
    /// How to mend it, where we have a good guess.
    pub help: Option<String>,
}

impl Problem {
    /// A problem without help.
    pub fn new(span: Span, title: impl Into<String>, label: impl Into<String>) -> Self {
        Self { title: title.into(), span, label: label.into(), help: None }
    }

    /// Adds how to mend it.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A source that was refused, with every problem of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Rejected {
    // Not named `source`: thiserror would take it for the cause.
    file: Source,
    problems: Vec<Problem>,
}

impl Rejected {
    /// Refuses `source` for one problem and others: sorts them by place, drops repeated ones, and cuts each span to
    /// its first line, so that it points at one place and not at a page. Past a thousand problems the rest is left out. What
    /// is quoted of the source shows no values of secrets.
    pub fn new(source: Source, first: Problem, others: Vec<Problem>) -> Self {
        let mut problems = others;
        problems.push(first);
        for problem in &mut problems {
            problem.span = source.first_line(problem.span);
        }
        problems.sort_by_key(|problem| problem.span);
        // An alias repeats what it stands for, mistakes included.
        let mut seen = HashSet::new();
        problems.retain(|problem| seen.insert((problem.span, problem.title.clone())));
        problems.truncate(MOST_PROBLEMS);
        let hidden = Hidden::of(&source);
        for problem in &mut problems {
            let at = problem.span.start;
            problem.title = hidden.clean(at, &problem.title);
            problem.help = problem.help.take().map(|help| hidden.clean(at, &help));
        }
        Self { file: hidden.source(), problems }
    }

    /// Refuses `source` when there are problems.
    ///
    /// # Errors
    /// When `problems` is not empty.
    pub fn unless_empty(source: &Source, mut problems: Vec<Problem>) -> Result<(), Self> {
        match problems.pop() {
            Some(last) => Err(Self::new(source.clone(), last, problems)),
            None => Ok(()),
        }
    }

    /// The text that was refused, without values of secrets: all else stands where it stood.
    pub fn source(&self) -> &Source {
        &self.file
    }

    /// The problems, sorted by place; never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let place = self.file.place(problem.span.start);
            let gap = if index == 0 { "" } else { "\n" };
            write!(f, "{gap}{}:{}:{}: {}", self.file.name(), place.line, place.column, problem.title)?;
        }
        Ok(())
    }
}

/// The candidate an author most likely meant by `unknown`, if any is near enough.
///
/// Case, `_` and `-` do not count as differences.
pub fn did_you_mean<'a>(unknown: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let plain = |text: &str| text.to_lowercase().replace('_', "-");
    // Past this length it is no typing mistake, and comparing costs the product of both lengths.
    if unknown.chars().count() > 64 {
        return None;
    }
    let unknown = plain(unknown);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&unknown, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= allowed(unknown.chars().count().max(candidate.chars().count())))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate.to_owned())
}

/// How many slips a name of this length may hold and still be the name meant.
fn allowed(length: usize) -> usize {
    match length {
        0..=2 => 0,
        3..=5 => 1,
        6..=8 => 2,
        _ => length / 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(unknown: &str, candidates: &[&str]) -> Option<String> {
        did_you_mean(unknown, candidates.iter().copied())
    }

    #[test]
    fn the_nearest_name_is_offered_and_a_far_one_is_not() {
        assert_eq!(near("relase", &["release", "edition"]).as_deref(), Some("release"));
        assert_eq!(near("stalled_after", &["stalled-after"]).as_deref(), Some("stalled-after"));
        assert_eq!(near("Image", &["image"]).as_deref(), Some("image"));
        assert_eq!(near("wbe", &["web", "db"]).as_deref(), Some("web"));
        assert_eq!(near("worker", &["web", "db"]), None);
        assert_eq!(near("go", &["db"]), None);
        assert_eq!(near(&"x".repeat(10_000), &["x"]), None);
    }

    #[test]
    fn problems_come_sorted_and_once() {
        let source = Source::new("p.yaml", "one\ntwo\n");
        let late = Problem::new(Span { start: 4, end: 7 }, "late", "");
        let early = Problem::new(Span { start: 0, end: 3 }, "early", "");
        let rejected = Rejected::unless_empty(&source, vec![late.clone(), early, late]).unwrap_err();
        assert_eq!(rejected.to_string(), "p.yaml:1:1: early\np.yaml:2:1: late");
        assert_eq!(Rejected::unless_empty(&source, vec![]), Ok(()));
    }
}
