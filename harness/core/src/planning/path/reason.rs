//! Why a path passes a release.

use super::rules::{Facts, Rules, Stop};
use crate::vocabulary::release::Release;

/// Why a path passes a release; strongest first, since one release may be passed for several reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// A listed stop.
    Stop(u32),
    /// A listed stop whose condition was decided and holds.
    Decided(u32),
    /// A stop of each major.
    Every(u32),
    /// The path may cross only one minor at a time.
    Minor,
    /// The path may cross only one major at a time.
    Major,
    /// A listed stop whose condition is not decided.
    Undecided(u32),
    /// A detour around a forbidden hop.
    Detour(u32),
    /// The same release in another edition.
    Edition(u32),
    /// The target.
    Target,
}

/// One hop: where it ends, why, and which rule allows it to skip stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leg {
    pub(super) to: u32,
    pub(super) reason: Reason,
    pub(super) allowed: Option<u32>,
}

/// The reason of a stop, if it holds for this source, target and data.
pub(super) fn applies(rules: &Rules, reason: Reason, from: &Release, to: &Release, facts: &Facts) -> Option<Reason> {
    let Reason::Stop(id) = reason else { return Some(reason) };
    let Stop { when, from: sources, to: targets, before, .. } = rules.stops.get(id as usize)?;
    let holds = sources.as_ref().is_none_or(|range| range.contains(from))
        && targets.as_ref().is_none_or(|range| range.contains(to))
        && before.as_ref().is_none_or(|release| to.numbers() >= release.numbers());
    let decided = when.as_ref().map(|condition| facts.decided.get(condition));
    match decided {
        _ if !holds => None,
        None => Some(reason),
        Some(Some(true)) => Some(Reason::Decided(id)),
        Some(Some(false)) => None,
        Some(None) => Some(Reason::Undecided(id)),
    }
}
