//! The rules of a hop for files, found by path.

use std::collections::BTreeMap;

use super::{FileDifference, FileTerms};
use crate::model::product::FileChange;
use crate::outcome::event::CheckReport;
use crate::vocabulary::wildcard::fits;

/// In which way a file differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Added,
    Removed,
    Rewritten,
    Permissions,
}

pub(super) struct Rules<'a>(FileTerms<'a>);

impl<'a> Rules<'a> {
    pub(super) fn of(terms: FileTerms<'a>) -> Self {
        Self(terms)
    }

    /// Why a file may differ in this way; none if nothing allows it.
    pub(super) fn allowed(&self, change: Change, file: &str) -> Option<String> {
        let terms = &self.0;
        if let Some((pattern, because)) = terms.volatile.iter().find(|(pattern, _)| fits(pattern, file)) {
            return Some(format!("volatile {pattern}: {because}"));
        }
        if terms.written.iter().any(|pattern| fits(pattern, file)) {
            return Some("written by a probe".to_owned());
        }
        let rule = terms.rules.iter().find(|rule| {
            let patterns = match (&rule.allow, change) {
                (FileChange::Added(patterns), Change::Added)
                | (FileChange::Removed(patterns), Change::Removed)
                | (FileChange::Rewritten(patterns), Change::Rewritten)
                | (FileChange::Permissions(patterns), Change::Permissions) => patterns,
                (
                    FileChange::Added(_)
                    | FileChange::Removed(_)
                    | FileChange::Rewritten(_)
                    | FileChange::Permissions(_)
                    | FileChange::Moved(_),
                    _,
                ) => return false,
            };
            patterns.iter().any(|pattern| fits(pattern, file))
        });
        rule.map(|rule| format!("{}: {}", rule.crossing, rule.because))
    }

    /// The rules that let a file that is gone be somewhere else, each with the pattern of where.
    pub(super) fn moves(&self, file: &str) -> impl Iterator<Item = (&'a str, String)> {
        let rules = self.0.rules.iter().filter_map(move |rule| {
            let FileChange::Moved(moved) = &rule.allow else { return None };
            fits(&moved.from, file).then(|| (moved.to.as_str(), format!("{}: {}", rule.crossing, rule.because)))
        });
        rules.collect::<Vec<_>>().into_iter()
    }

    /// Adds to a report how many files each reason let through.
    pub(super) fn count(&self, differences: &[FileDifference], report: &mut CheckReport) {
        let FileTerms { rules, volatile, .. } = self.0;
        let reasons = rules.iter().map(|rule| format!("{}: {}", rule.crossing, rule.because));
        let by_itself = volatile.iter().map(|(pattern, because)| format!("volatile {pattern}: {because}"));
        reasons.chain(by_itself).for_each(|reason| report.let_through(&reason, 0));
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for because in differences.iter().filter_map(|difference| difference.allowed.as_deref()) {
            *counts.entry(because).or_default() += 1;
        }
        let noun = |count| if count == 1 { "file" } else { "files" };
        for (because, count) in counts {
            report.notes.push(format!("{count} {} by {because}", noun(count)));
            report.let_through(because, count);
        }
    }
}
