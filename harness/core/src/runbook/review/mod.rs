//! Reads a plan that somebody wrote, and says what is missing in it and what is wrong.

mod endings;
mod path;
mod time;
mod words;

use std::fmt;

use serde::Serialize;

use self::endings::Ends;
use super::Runbook;
use super::mentions::mentions;
use crate::planning::path::{Rules, Target};
use crate::vocabulary::catalog::Catalog;
use crate::vocabulary::release::Release;

/// What a review came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// What is to be said of the plan.
    pub remarks: Vec<Remark>,
    /// The path that it was held against, from its source; empty where the plan does not tell enough to know it.
    pub path: Vec<Release>,
}

/// What is to be said of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// What kind.
    pub kind: RemarkKind,
    /// The line it is about, from 1; of what is missing, the one that denies it.
    pub line: Option<usize>,
    /// What is missing or wrong.
    pub what: String,
    /// Why it matters, with the document that says so.
    pub because: String,
    /// What to write or do instead.
    pub instead: String,
}

/// What kind of remark it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemarkKind {
    /// What is said is wrong.
    Wrong,
    /// What has to be said is not.
    Missing,
}

impl fmt::Display for RemarkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wrong => "wrong",
            Self::Missing => "missing",
        })
    }
}

/// Reviews a plan by what the product's operators have to write down, and by its path rules. `from` and `to` are given
/// where the plan's own words for them do not count. What is wrong comes first, in the plan's order.
#[must_use]
pub fn review(
    text: &str,
    runbook: &Runbook,
    rules: &Rules,
    catalog: &Catalog,
    from: Option<&Release>,
    to: Option<&Target>,
) -> Review {
    let mut remarks = Vec::new();
    let mentions = mentions(text, &runbook.releases.others);
    let words = &runbook.releases;
    let given = Ends { from: from.cloned(), to: to.cloned() };
    let Ends { from, to } = endings::ends(text, words, &mentions, catalog, given, &mut remarks);
    let hops = path::path((text, words), from.as_ref(), to.as_ref(), rules, catalog, &mentions, &mut remarks);
    path::published(&mentions, catalog, &mut remarks);
    path::editions(&mentions, rules, &mut remarks);
    path::once(text, words, &mentions, &hops, &mut remarks);
    path::installed(text, words, &mentions, &hops, catalog, &mut remarks);
    if let Some(from) = &from {
        path::restored(text, from, words, &mentions, &mut remarks);
    }
    path::crossed(text, words, &mut remarks);
    let first_hop = path::first_install(text, words, &mentions, &hops);
    words::mistakes(text, runbook, &hops, &mut remarks);
    words::sequences(text, runbook, &mut remarks);
    words::missing(text, runbook, &hops, first_hop, &mut remarks);
    time::time(text, words, &mentions, &mut remarks);
    remarks.sort_by_key(|remark| (remark.kind, remark.line));
    let path = hops.first().map(|hop| &hop.from).into_iter().chain(hops.iter().map(|hop| &hop.to)).cloned().collect();
    Review { remarks, path }
}
