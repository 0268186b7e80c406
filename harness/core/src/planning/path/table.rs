//! What the rules mean regardless of source and target: per edition, the position of each stop in the catalog.

use std::borrow::Cow;

use super::reason::Reason;
use super::rules::{Rules, Stop};
use crate::vocabulary::catalog::Catalog;
use crate::vocabulary::release::{Edition, Line, Release};

/// The stops of one edition, sorted by release; for the same release, the strongest reason is first.
#[derive(Debug)]
pub(super) struct Table<'a> {
    pub(super) catalog: Cow<'a, Catalog>,
    pub(super) waypoints: Vec<Waypoint>,
    /// Stops at lines without a published release, sorted by line.
    pub(super) dropped: Vec<(Line, Reason)>,
}

/// Which releases and stops a table covers. Without an edition, the stops of all editions hold: an extra one does no harm.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope<'e> {
    /// No edition was named.
    All,
    /// This edition.
    Edition(&'e Edition),
    /// An edition that neither catalog nor rules name.
    Other,
}

impl Scope<'_> {
    fn has(self, editions: &[Edition]) -> bool {
        match self {
            Scope::All => true,
            Scope::Edition(edition) => editions.contains(edition),
            Scope::Other => false,
        }
    }
}

/// A stop at its position in the catalog.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waypoint {
    pub(super) at: u32,
    pub(super) reason: Reason,
    /// The stop holds for all sources, targets and data.
    pub(super) always: bool,
}

impl<'a> Table<'a> {
    pub(super) fn new(rules: &Rules, catalog: Cow<'a, Catalog>, scope: Scope<'_>) -> Table<'a> {
        let mut waypoints = Vec::new();
        let mut dropped = Vec::new();
        let listed = (0..).zip(&rules.stops).filter(|(_, stop)| stop.editions.is_empty() || scope.has(&stop.editions));
        let listed = listed.map(|(id, stop)| (stop.at, stop.exactly.as_ref(), Reason::Stop(id), holds_always(stop)));
        let generated =
            generated(rules, &catalog).into_iter().map(|(line, reason, always)| (line, None, reason, always));
        for (line, exactly, reason, always) in listed.chain(generated) {
            let at = match exactly {
                Some(release) => catalog.position(release).and_then(|at| u32::try_from(at).ok()),
                None => catalog.newest_index(&line),
            };
            match at {
                Some(at) => waypoints.push(Waypoint { at, reason, always }),
                None => dropped.push((line, reason)),
            }
        }
        waypoints.sort_by_key(|waypoint| (waypoint.at, waypoint.reason));
        dropped.sort_by_key(|(line, reason)| (line.start(), *reason));
        Table { catalog, waypoints, dropped }
    }

    pub(super) fn release(&self, at: u32) -> Option<&Release> {
        self.catalog.releases().get(at as usize)
    }

    /// The waypoints strictly between two positions; `after` counts the releases up to the source.
    pub(super) fn between(&self, after: u32, before: u32) -> &[Waypoint] {
        within(&self.waypoints, |w| w.at < after, |w| w.at < before)
    }

    /// The newest release of each minor strictly between the lines of two releases.
    pub(super) fn minors_between(&self, from: &Release, to: &Release) -> impl Iterator<Item = u32> + '_ {
        let (first, last) = ((from.major(), from.minor()), (to.major(), to.minor()));
        within(self.catalog.minors(), |n| n.minor_key() <= first, |n| n.minor_key() < last).iter().map(|n| n.index)
    }

    /// The newest release of each major strictly between the majors of two releases.
    pub(super) fn majors_between(&self, from: &Release, to: &Release) -> impl Iterator<Item = u32> + '_ {
        let minors = within(self.catalog.minors(), |n| n.major <= from.major(), |n| n.major < to.major());
        minors.chunk_by(|a, b| a.major == b.major).filter_map(|major| Some(major.last()?.index))
    }
}

fn within<T>(sorted: &[T], before: impl Fn(&T) -> bool, inside: impl Fn(&T) -> bool) -> &[T] {
    let start = sorted.partition_point(before);
    let rest = sorted.get(start..).unwrap_or_default();
    rest.get(..rest.partition_point(inside)).unwrap_or_default()
}

fn holds_always(stop: &Stop) -> bool {
    stop.when.is_none() && stop.from.is_none() && stop.to.is_none() && stop.before.is_none()
}

fn generated(rules: &Rules, catalog: &Catalog) -> Vec<(Line, Reason, bool)> {
    let newest = catalog.minors().last().map_or(0, |newest| newest.major);
    let mut stops = Vec::new();
    for (id, every) in (0..).zip(&rules.stops_every) {
        for major in every.from.major()..=newest {
            let minors = every.minors.iter().filter(|minor| (major, **minor) >= every.from.start());
            stops.extend(minors.map(|minor| (Line::of_minor(major, *minor), Reason::Every(id), true)));
        }
    }
    // A generated stop that is also listed appears once, with the reason of the list.
    stops.retain(|(line, _, _)| {
        !rules.stops.iter().any(|stop| stop.at == *line && holds_always(stop) && stop.editions.is_empty())
    });
    stops
}
