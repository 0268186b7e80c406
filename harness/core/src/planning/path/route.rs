//! A planned path: in compact form, and rendered as text on demand.

use serde::{Deserialize, Serialize};

use super::reason::{Leg, Reason, applies};
use super::rules::{ConditionId, EditionChange, Facts, Rules};
use super::table::Table;
use crate::vocabulary::release::{Edition, Line, Release};

/// A planned path that borrows from its planner. Cheap to make; [`Route::path`] renders it.
#[derive(Debug, Clone)]
pub struct Route<'p> {
    pub(super) rules: &'p Rules,
    pub(super) table: &'p Table<'p>,
    pub(super) facts: &'p Facts,
    pub(super) start: &'p Release,
    pub(super) end: &'p Release,
    pub(super) legs: Vec<Leg>,
    pub(super) line: Option<Line>,
    pub(super) editions: (Option<Edition>, Option<Edition>),
    pub(super) change: Option<u32>,
}

/// A path from one release to another, each hop with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Path {
    /// Where it starts, in the source's edition.
    pub from: Release,
    /// Where it ends, in the target's edition.
    pub to: Release,
    /// The line, if the target was given as one.
    pub line: Option<Line>,
    /// The hops, at least one.
    pub hops: Vec<Hop>,
    /// Stops on the path that were left out because they have no published release.
    pub dropped: Vec<Dropped>,
    /// Conditional stops on the path that are not needed because their conditions were decided to be false.
    pub needless: Vec<Dropped>,
}

/// One hop of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Hop {
    /// Where it starts.
    pub from: Release,
    /// Where it ends.
    pub to: Release,
    /// Why it is taken.
    pub because: String,
    /// The condition that may still make it unnecessary, if it is not decided yet.
    pub optional: Option<ConditionId>,
}

/// A stop that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Dropped {
    /// The line.
    pub at: Line,
    /// Why it is a stop.
    pub because: String,
}

impl Route<'_> {
    /// The published releases on it, without the source and ending with the target.
    pub fn releases(&self) -> impl Iterator<Item = &Release> {
        self.legs.iter().filter_map(|leg| self.table.release(leg.to))
    }

    /// The positions of those releases among the published ones of the path's edition.
    pub fn positions(&self) -> impl Iterator<Item = usize> + '_ {
        self.legs.iter().map(|leg| leg.to as usize)
    }

    /// How many hops it takes.
    #[must_use]
    pub fn hop_count(&self) -> usize {
        self.legs.len()
    }

    /// The path with all its text.
    #[must_use]
    pub fn path(&self) -> Path {
        let (source_edition, edition) = &self.editions;
        let edited = |release: &Release, edition: &Option<Edition>| match edition {
            Some(edition) => self.table.catalog.in_edition(release, edition),
            None => release.clone(),
        };
        let mut hops: Vec<Hop> = Vec::with_capacity(self.legs.len());
        let from = edited(self.start, source_edition);
        for (leg, to) in self.legs.iter().zip(self.releases()) {
            let from = hops.last().map_or_else(|| from.clone(), |hop| hop.to.clone());
            let because = self.because(leg, &from, to, hops.is_empty());
            hops.push(Hop { from, to: edited(to, edition), because, optional: self.condition_of(leg).cloned() });
        }
        Path {
            from,
            to: edited(self.end, edition),
            line: self.line,
            hops,
            dropped: self.dropped(),
            needless: self.needless(),
        }
    }

    fn dropped(&self) -> Vec<Dropped> {
        let inside = (self.start.major(), self.start.minor())..(self.end.major(), self.end.minor());
        let relevant =
            self.table.dropped.iter().filter(|(line, _)| line.start() > inside.start && inside.contains(&line.start()));
        let holding = relevant
            .filter_map(|(line, reason)| Some((line, applies(self.rules, *reason, self.start, self.end, self.facts)?)));
        let mut dropped: Vec<Dropped> =
            holding.map(|(line, reason)| Dropped { at: *line, because: self.text(reason) }).collect();
        dropped.dedup_by_key(|dropped| dropped.at);
        dropped
    }

    /// Stops between source and target whose conditions were decided to be false.
    fn needless(&self) -> Vec<Dropped> {
        let position = |release| self.table.catalog.position(release).and_then(|at| u32::try_from(at).ok());
        let (Some(start), Some(end)) = (position(self.start), position(self.end)) else { return Vec::new() };
        let passed = |at: u32| self.legs.iter().any(|leg| leg.to == at);
        let between = self.table.between(start + 1, end).iter().filter(|waypoint| !passed(waypoint.at));
        let decided = between.filter_map(|waypoint| {
            let Reason::Stop(id) = waypoint.reason else { return None };
            let stop = self.rules.stops.get(id as usize)?;
            let needless = self.facts.decided.get(stop.when.as_ref()?) == Some(&false);
            needless.then(|| Dropped { at: stop.at, because: stop.because.clone() })
        });
        decided.collect()
    }

    fn because(&self, leg: &Leg, from: &Release, to: &Release, first: bool) -> String {
        let mut because = self.text(leg.reason);
        if leg.reason == Reason::Target {
            if let Some(line) = self.line {
                because.push_str(&format!(", the newest of {line}"));
            }
            if from.line().contains(to) {
                because.push_str(", a direct patch");
            }
        }
        if let Some(edge) = leg.allowed.and_then(|id| self.rules.allow.get(id as usize)) {
            because.push_str(&with("; allowed directly", &edge.because));
        }
        if let (true, Some(change)) = (first, self.change.and_then(|id| self.rules.edition_change.get(id as usize)))
            && !matches!(leg.reason, Reason::Edition(_))
        {
            because.push_str(&format!("; {}", change_text(change)));
        }
        because
    }

    fn text(&self, reason: Reason) -> String {
        let stop = |id: u32| self.rules.stops.get(id as usize);
        let because = |id: u32| stop(id).map_or("", |stop| stop.because.as_str());
        let condition = |id: u32| stop(id).and_then(|stop| stop.when.as_ref()).map_or("", ConditionId::as_str);
        match reason {
            Reason::Stop(id) => with("required stop", because(id)),
            Reason::Every(id) => with(
                "required stop",
                self.rules.stops_every.get(id as usize).map_or("", |every| every.because.as_str()),
            ),
            Reason::Decided(id) => {
                with(&format!("conditional stop, `{}` holds on this data", condition(id)), because(id))
            }
            Reason::Undecided(id) => {
                with(&format!("conditional stop, `{}` is not decided yet", condition(id)), because(id))
            }
            Reason::Minor => "one minor at a time".to_owned(),
            Reason::Major => "one major at a time".to_owned(),
            Reason::Detour(id) => with(
                "way around a forbidden hop",
                self.rules.forbid.get(id as usize).map_or("", |edge| edge.because.as_str()),
            ),
            Reason::Edition(id) => self.rules.edition_change.get(id as usize).map_or_else(String::new, change_text),
            Reason::Target => "target".to_owned(),
        }
    }

    fn condition_of(&self, leg: &Leg) -> Option<&ConditionId> {
        match leg.reason {
            Reason::Undecided(id) => self.rules.stops.get(id as usize)?.when.as_ref(),
            Reason::Stop(_)
            | Reason::Decided(_)
            | Reason::Every(_)
            | Reason::Minor
            | Reason::Major
            | Reason::Detour(_)
            | Reason::Edition(_)
            | Reason::Target => None,
        }
    }
}

fn with(what: &str, because: &str) -> String {
    if because.is_empty() { what.to_owned() } else { format!("{what}: {because}") }
}

fn change_text(change: &EditionChange) -> String {
    with(&format!("edition changes from {} to {}", change.from, change.to), &change.because)
}
