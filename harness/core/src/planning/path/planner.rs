//! Decides on a path: resolves source and target, then collects the stops between them.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::reason::{Leg, Reason, applies};
use super::refusal::{End, Nearest, Refusal, Unknown};
use super::route::{Path, Route};
use super::rules::{Facts, Rules, Spacing};
use super::table::{Scope, Table, Waypoint};
use super::walk;
use crate::vocabulary::catalog::Catalog;
use crate::vocabulary::release::{Edition, Line, Release, ReleaseError};

/// How many published names a refusal suggests.
const SUGGESTIONS: usize = 3;

/// The target of an upgrade: one release, or the newest release of a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// Exactly this release.
    Release(Release),
    /// The newest published final release of this line.
    Line(Line),
}

/// Why a text is not a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("target is neither a line such as 17.3 nor a release")]
pub struct TargetError(#[from] ReleaseError);

impl FromStr for Target {
    type Err = TargetError;

    /// One or two numbers are a line, anything else is a release.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Target::Line).or_else(|_| Ok(Target::Release(text.parse()?)))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Release(release) => release.fmt(f),
            Target::Line(line) => line.fmt(f),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(|TargetError(source)| de::Error::custom(source))
    }
}

impl From<Release> for Target {
    fn from(release: Release) -> Target {
        Target::Release(release)
    }
}

impl From<Line> for Target {
    fn from(line: Line) -> Target {
        Target::Line(line)
    }
}

/// Plans any number of paths by the same rules over the same catalog.
#[derive(Debug)]
pub struct Planner<'a> {
    rules: &'a Rules,
    /// The table of all releases: for sources and targets that do not name an edition.
    all: Table<'a>,
    /// The tables of the editions that the catalog or the rules name, sorted by edition.
    editions: Vec<(Edition, Table<'a>)>,
    /// The table for an edition that neither the catalog nor the rules name.
    other: Table<'a>,
}

impl<'a> Planner<'a> {
    /// Places the stops of all editions in the catalog, once.
    #[must_use]
    pub fn new(rules: &'a Rules, catalog: &'a Catalog) -> Planner<'a> {
        let mut editions = catalog.editions();
        editions.extend(rules.stops.iter().flat_map(|stop| stop.editions.iter().cloned()));
        editions.extend(rules.edition_change.iter().flat_map(|change| [change.from.clone(), change.to.clone()]));
        editions.sort_unstable();
        editions.dedup();
        let table = |edition: Edition| {
            let table = Table::new(rules, Cow::Owned(catalog.of_edition(&edition)), Scope::Edition(&edition));
            (edition, table)
        };
        let editions = editions.into_iter().map(table).collect();
        let all = Table::new(rules, Cow::Borrowed(catalog), Scope::All);
        let other = Table::new(rules, Cow::Owned(catalog.of_all_editions()), Scope::Other);
        Planner { rules, all, editions, other }
    }

    /// Plans a path and renders it.
    ///
    /// # Errors
    /// Why there is no such path.
    pub fn path(&self, from: &Release, to: &Target, facts: &Facts) -> Result<Path, Refusal> {
        self.plan(from, to, facts).map(|route| route.path())
    }

    /// Plans a path, without rendering any text.
    ///
    /// # Errors
    /// Why there is no such path.
    pub fn plan<'p>(&'p self, from: &Release, to: &Target, facts: &'p Facts) -> Result<Route<'p>, Refusal> {
        let (named, line) = match to {
            Target::Release(release) => (release.edition(), None),
            Target::Line(line) => (None, Some(*line)),
        };
        let source_edition = from.edition().or(named);
        let edition = named.or(from.edition());
        let change = self.edition_change(source_edition, edition)?;
        let source_table = self.table(source_edition);
        let table = self.table(edition);

        let source = lookup(source_table, from, source_edition, End::Source);
        let ((source, start), (target, end)) = match to {
            Target::Release(release) => match (source, lookup(table, release, edition, End::Target)) {
                (Ok(source), Ok(target)) => (source, target),
                (Err(source), Err(target)) => return Err(Refusal::Unknown(vec![*source, *target])),
                (Err(unknown), Ok(_)) | (Ok(_), Err(unknown)) => return Err(Refusal::Unknown(vec![*unknown])),
            },
            Target::Line(line) => {
                let source = source.map_err(|unknown| Refusal::Unknown(vec![*unknown]))?;
                (source, newest(table, *line)?)
            }
        };
        // The source's position does not apply to another edition's catalog, so count the releases that are not newer.
        let after = match change {
            None => source + 1,
            Some(_) => index(table.catalog.releases().partition_point(|release| release.cmp_number(start).is_le())),
        };
        if target < after && end.cmp_number(start).is_lt() {
            return Err(Refusal::Downgrade { from: Box::new(from.clone()), to: Box::new(end.clone()) });
        }
        if target < after && change.is_none() {
            return Err(Refusal::AlreadyThere { at: Box::new(from.clone()) });
        }

        if let Some(until) = self.rules.until.as_ref().filter(|until| end.cmp_number(until).is_gt()) {
            return Err(Refusal::Beyond { to: Box::new(end.clone()), until: Box::new(until.clone()) });
        }

        let mut legs = match target < after {
            true => Vec::with_capacity(1),
            false => self.legs(table, (start, end), after..target, facts),
        };
        if !(self.rules.allow.is_empty() && self.rules.forbid.is_empty()) {
            legs = walk::walk(self.rules, table, start, legs)?;
        }
        if let Some(change) = change
            && let Some(same) = table.catalog.position(start)
        {
            legs.insert(0, Leg { to: index(same), reason: Reason::Edition(change), allowed: None });
        }
        let editions = (source_edition.cloned(), edition.cloned());
        Ok(Route { rules: self.rules, table, start, end, legs, line, editions, change, facts })
    }

    fn legs(&self, table: &Table<'_>, ends: (&Release, &Release), at: Range<u32>, facts: &Facts) -> Vec<Leg> {
        let (from, to) = ends;
        let target = at.end;
        let between = table.between(at.start, target);
        let mut legs = Vec::with_capacity(between.len() + 1);
        for Waypoint { at, reason, always } in between {
            let reason = if *always { Some(*reason) } else { applies(self.rules, *reason, from, to, facts) };
            legs.extend(reason.map(|reason| Leg { to: *at, reason, allowed: None }));
        }
        let mut space = |at, reason| legs.push(Leg { to: at, reason, allowed: None });
        match self.rules.minors {
            Spacing::OneAtATime => table.minors_between(from, to).for_each(|at| space(at, Reason::Minor)),
            Spacing::Any => {}
        }
        match self.rules.majors {
            Spacing::OneAtATime => table.majors_between(from, to).for_each(|at| space(at, Reason::Major)),
            Spacing::Any => {}
        }
        legs.sort_unstable_by_key(|leg| (leg.to, leg.reason));
        legs.dedup_by_key(|leg| leg.to);
        legs.push(Leg { to: target, reason: Reason::Target, allowed: None });
        legs
    }

    fn edition_change(&self, from: Option<&Edition>, to: Option<&Edition>) -> Result<Option<u32>, Refusal> {
        let (Some(from), Some(to)) = (from, to) else { return Ok(None) };
        if from == to {
            return Ok(None);
        }
        let changes = &self.rules.edition_change;
        let allowed = (0..).zip(changes).find(|(_, change)| change.from == *from && change.to == *to);
        allowed.map(|(id, _)| Some(id)).ok_or_else(|| Refusal::EditionChange {
            from: from.clone(),
            to: to.clone(),
            allowed: changes.iter().map(|change| (change.from.clone(), change.to.clone())).collect(),
            because: {
                let refused = self.rules.edition_refused.iter().find(|rule| rule.from == *from && rule.to == *to);
                refused.map(|rule| rule.because.clone())
            },
        })
    }

    fn table(&self, edition: Option<&Edition>) -> &Table<'a> {
        let Some(edition) = edition else { return &self.all };
        let known = self.editions.iter().find(|(known, _)| known == edition);
        known.map_or(&self.other, |(_, table)| table)
    }
}

/// A published release and its position.
type Found<'t> = (u32, &'t Release);

fn lookup<'t>(
    table: &'t Table<'_>,
    release: &Release,
    edition: Option<&Edition>,
    end: End,
) -> Result<Found<'t>, Box<Unknown>> {
    let at = table.catalog.position(release).map(index);
    at.and_then(|at| Some((at, table.release(at)?))).ok_or_else(|| {
        let nearest = suggest(table, release.name(), (release.major(), release.minor()));
        let announced = table.catalog.unpublished(release).map(str::to_owned);
        Box::new(Unknown { end, release: release.clone(), edition: edition.cloned(), nearest, announced })
    })
}

fn newest<'t>(table: &'t Table<'_>, line: Line) -> Result<Found<'t>, Refusal> {
    let at = table.catalog.newest_index(&line);
    at.and_then(|at| Some((at, table.release(at)?)))
        .ok_or_else(|| Refusal::EmptyLine { line, nearest: suggest(table, &line.to_string(), line.start()) })
}

/// The releases near a name. Beyond the newest line, only the newest release is useful: the neighbours by number would be
/// the oldest releases of the newest major.
fn suggest(table: &Table<'_>, name: &str, line: (u64, u64)) -> Nearest {
    let catalog = &table.catalog;
    let beyond = catalog.releases().last().is_some_and(|last| line > (last.major(), last.minor()));
    match catalog.newest().filter(|_| beyond) {
        Some(newest) => Nearest { releases: vec![newest.clone()], beyond },
        None => Nearest { releases: catalog.nearest(name, SUGGESTIONS).into_iter().cloned().collect(), beyond: false },
    }
}

/// Catalogs are far smaller than the range of `u32`.
fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
