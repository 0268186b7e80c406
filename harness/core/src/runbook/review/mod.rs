//! Reviews an upgrade plan that somebody wrote: what is wrong in it, and what is missing.

mod content;
mod endpoints;
mod path;
mod time;

use std::fmt;

use serde::Serialize;

use self::endpoints::Endpoints;
use super::Runbook;
use super::extract::named_releases;
use crate::planning::path::{Rules, Target};
use crate::vocabulary::catalog::Catalog;
use crate::vocabulary::release::Release;

/// The result of a review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// What is wrong or missing in the plan.
    pub remarks: Vec<Remark>,
    /// The path that it was compared with, from its source; empty if the plan does not say enough to determine one.
    pub path: Vec<Release>,
}

/// Something that is wrong or missing in a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// Its kind.
    pub kind: RemarkKind,
    /// The number of the line it is about, from 1; if something is missing, the line that denies it.
    pub line: Option<usize>,
    /// What is missing or wrong.
    pub what: String,
    /// Why it matters, with the document that says so.
    pub because: String,
    /// What to write or do instead.
    pub instead: String,
}

/// The kind of a remark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemarkKind {
    /// The plan says something that is wrong.
    Wrong,
    /// The plan does not say something that it must say.
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

/// Reviews a plan by what the product's operators have to write down and by the product's path rules. `from` and `to`, if
/// given, override what the plan says. What is wrong comes first, in the order of the plan.
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
    let named = named_releases(text, &runbook.releases.others);
    let patterns = &runbook.releases;
    let given = Endpoints { from: from.cloned(), to: to.cloned() };
    let Endpoints { from, to } = endpoints::endpoints(text, patterns, &named, catalog, given, &mut remarks);
    let hops = path::path((text, patterns), from.as_ref(), to.as_ref(), rules, catalog, &named, &mut remarks);
    path::unpublished(&named, catalog, &mut remarks);
    path::edition_changes(&named, rules, &mut remarks);
    path::contradictions(text, patterns, &named, &hops, &mut remarks);
    path::install_order(text, patterns, &named, &hops, catalog, &mut remarks);
    if let Some(from) = &from {
        path::restored_backups(text, from, patterns, &named, &mut remarks);
    }
    path::restores_into_other_releases(text, patterns, &mut remarks);
    let first_hop = path::first_install(text, patterns, &named, &hops);
    content::mistakes(text, runbook, &hops, &mut remarks);
    content::sequences(text, runbook, &mut remarks);
    content::missing(text, runbook, &hops, first_hop, &mut remarks);
    time::time(text, patterns, &named, &mut remarks);
    remarks.sort_by_key(|remark| (remark.kind, remark.line));
    let path = hops.first().map(|hop| &hop.from).into_iter().chain(hops.iter().map(|hop| &hop.to)).cloned().collect();
    Review { remarks, path }
}
