//! The rules of a hop for pages, found by path and identity.

use std::collections::BTreeMap;

use super::{CrawlTerms, PageDifference};
use crate::model::product::{PageChange, PageRule};
use crate::observation::pages::Answer;
use crate::vocabulary::wildcard::fits;

#[derive(Debug)]
pub(super) struct Rules<'a> {
    terms: CrawlTerms<'a>,
    /// How many texts and values each reason let through.
    let_through: BTreeMap<String, u64>,
}

impl<'a> Rules<'a> {
    pub(super) fn of(terms: CrawlTerms<'a>) -> Self {
        Self { terms, let_through: BTreeMap::new() }
    }

    fn of_identity(&self, identity: &str) -> impl Iterator<Item = &'a PageRule> + use<'a> {
        let applies =
            |rule: &&&PageRule| rule.identities.is_empty() || rule.identities.iter().any(|name| name == identity);
        self.terms.rules.iter().filter(applies).copied().collect::<Vec<_>>().into_iter()
    }

    /// Why a page may be answered in another way; none if nothing allows it.
    pub(super) fn answer(&self, identity: &str, path: &str, was: &Answer, is: &Answer) -> Option<String> {
        let mut rules = self.of_identity(identity);
        let rule = rules.find(|rule| {
            let PageChange::Answers(change) = &rule.allow else { return false };
            any(&change.pages, path) && change.from == was.word() && change.to == is.word()
        });
        rule.map(because)
    }

    /// Why a page may have another content type, or a far shorter body.
    pub(super) fn body(&self, identity: &str, path: &str) -> Option<String> {
        let mut rules = self.of_identity(identity);
        rules.find(|rule| matches!(&rule.allow, PageChange::Bodies(pages) if any(pages, path))).map(because)
    }

    /// Why an asset may not load.
    pub(super) fn asset(&self, identity: &str, path: &str) -> Option<String> {
        let mut rules = self.of_identity(identity);
        rules.find(|rule| matches!(&rule.allow, PageChange::Assets(paths) if any(paths, path))).map(because)
    }

    /// Whether a text may be gone, or shown to others.
    pub(super) fn text(&mut self, identity: &str, path: &str, text: &str) -> bool {
        let mut rules = self.of_identity(identity);
        let rule = rules.find(|rule| {
            let PageChange::Texts(change) = &rule.allow else { return false };
            any(&change.pages, path) && change.texts.iter().any(|pattern| pattern.regex().is_match(text))
        });
        if let Some(rule) = rule {
            *self.let_through.entry(because(rule)).or_default() += 1;
        }
        rule.is_some()
    }

    /// The keys of JSON that may change.
    pub(super) fn keys(&self, identity: &str, path: &str) -> Vec<String> {
        let rules = self.of_identity(identity).filter_map(|rule| match &rule.allow {
            PageChange::Values(change) if any(&change.pages, path) => Some(&change.keys),
            PageChange::Values(_)
            | PageChange::Answers(_)
            | PageChange::Texts(_)
            | PageChange::Bodies(_)
            | PageChange::Assets(_) => None,
        });
        rules.flatten().cloned().collect()
    }

    /// Whether a text changes by itself.
    pub(super) fn is_volatile(&self, text: &str) -> bool {
        self.terms.volatile.iter().any(|volatile| volatile.text.regex().is_match(text))
    }

    /// How much each reason let through.
    pub(super) fn counts(&self, differences: &[PageDifference]) -> BTreeMap<String, u64> {
        let mut counts: BTreeMap<String, u64> = self.terms.rules.iter().map(|rule| (because(rule), 0)).collect();
        counts.extend(self.let_through.clone());
        for because in differences.iter().filter_map(|difference| difference.allowed.clone()) {
            *counts.entry(because).or_default() += 1;
        }
        counts
    }
}

fn any(patterns: &[String], path: &str) -> bool {
    patterns.iter().any(|pattern| fits(pattern, path))
}

fn because(rule: &PageRule) -> String {
    format!("{}: {}", rule.crossing, rule.because)
}
