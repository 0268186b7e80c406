//! A product's rules for upgrade paths, and what is known about the data. Plain values without any logic.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::vocabulary::release::{Edition, Line, Range, Release};

/// A product's path rules. The default allows any way forward in one hop.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rules {
    /// How many minors a hop may cross; this applies across majors too.
    pub minors: Spacing,
    /// How many majors a hop may cross.
    pub majors: Spacing,
    /// Lines a path must stop at.
    pub stops: Vec<Stop>,
    /// Stops that repeat in each major, which covers future majors.
    pub stops_every: Vec<StopsEvery>,
    /// Hops that may be taken directly, regardless of spacing and stops.
    pub allow: Vec<Edge>,
    /// Hops that must not be taken, even if `allow` names them.
    pub forbid: Vec<Edge>,
    /// Changes of edition that an upgrade may make.
    pub edition_change: Vec<EditionChange>,
    /// Changes of edition that are refused with a specific reason. Every change that no rule allows is refused anyway.
    pub edition_refused: Vec<EditionChange>,
    /// The newest release that the rules cover; a newer target is refused.
    pub until: Option<Release>,
}

/// How many lines a hop may cross.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spacing {
    /// Any number.
    #[default]
    Any,
    /// One: the path stops at the newest release of each published line in between.
    OneAtATime,
}

/// A line whose newest release a path must stop at.
#[derive(Debug, Clone, PartialEq)]
pub struct Stop {
    /// The line; its newest published release is the stop.
    pub at: Line,
    /// Exactly this release in place of the line's newest.
    pub exactly: Option<Release>,
    /// Why it is a stop.
    pub because: String,
    /// The condition on the data under which the stop holds, if there is one.
    pub when: Option<ConditionId>,
    /// The editions it holds for; none means all.
    pub editions: Vec<Edition>,
    /// The sources it holds for.
    pub from: Option<Range>,
    /// The targets it holds for.
    pub to: Option<Range>,
    /// It holds for targets that are this release or newer, including its pre-releases.
    pub before: Option<Release>,
}

impl Stop {
    /// A stop that always holds.
    pub fn at(line: Line, because: impl Into<String>) -> Stop {
        let because = because.into();
        Stop { at: line, exactly: None, because, when: None, editions: Vec::new(), from: None, to: None, before: None }
    }
}

/// Stops at the same minors of each major.
#[derive(Debug, Clone, PartialEq)]
pub struct StopsEvery {
    /// The minors, the same in each major.
    pub minors: Vec<u64>,
    /// The first line the rule holds for.
    pub from: Line,
    /// Why they are stops.
    pub because: String,
}

/// Hops from some releases to others.
#[derive(Debug, Clone, PartialEq)]
pub struct Edge {
    /// Where such a hop starts.
    pub from: Range,
    /// Where such a hop ends.
    pub to: Range,
    /// Why it is allowed or forbidden.
    pub because: String,
}

impl Edge {
    pub(super) fn covers(&self, from: &Release, to: &Release) -> bool {
        self.from.contains(from) && self.to.contains(to)
    }
}

/// A change of edition that an upgrade may make, or may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditionChange {
    /// The edition left.
    pub from: Edition,
    /// The edition entered.
    pub to: Edition,
    /// Why that is allowed, or is not.
    pub because: String,
}

/// The name of a condition on the restored data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConditionId(String);

impl ConditionId {
    /// A condition's name.
    pub fn new(name: impl Into<String>) -> ConditionId {
        ConditionId(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ConditionId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConditionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What is known about the restored data. A condition that is not listed is not decided yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// The conditions that were decided.
    pub decided: BTreeMap<ConditionId, bool>,
}

impl Facts {
    /// Nothing is decided.
    #[must_use]
    pub fn none() -> Facts {
        Facts::default()
    }
}
