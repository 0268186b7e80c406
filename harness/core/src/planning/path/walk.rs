//! Applies allowed and forbidden hops: finds the fewest hops that are all legal, with detours around forbidden ones.

use super::reason::{Leg, Reason};
use super::refusal::Refusal;
use super::rules::Rules;
use super::table::Table;
use crate::vocabulary::release::Release;

/// The fewest legal hops over the releases of `legs`. If there is no such path, the newest releases of lines in between are
/// possible stops too. Among paths with the same number of hops, the longest hops come first.
pub(super) fn walk(rules: &Rules, table: &Table<'_>, start: &Release, legs: Vec<Leg>) -> Result<Vec<Leg>, Refusal> {
    if let Some(path) = fewest(rules, table, start, &legs) {
        return Ok(path);
    }
    let blocked = blocked(rules, table, start, &legs);
    let Some((from, to, forbid)) = blocked.first().copied() else { return Ok(legs) };
    let mut more = legs;
    if let Some(end) = more.last().and_then(|leg| table.release(leg.to)) {
        let own_line = table.catalog.newest_index(&start.line());
        let own_line = own_line.filter(|at| table.release(*at).is_some_and(|newest| is_between(newest, start, end)));
        for at in table.minors_between(start, end).chain(own_line) {
            let around = |release: &Release| blocked.iter().find(|(from, to, _)| is_between(release, from, to));
            let id = table.release(at).and_then(around).map_or(forbid, |(_, _, id)| *id);
            more.push(Leg { to: at, reason: Reason::Detour(id), allowed: None });
        }
    }
    // The order of reasons keeps the target last, and the reason of a requested release over that of a detour.
    more.sort_by_key(|leg| (leg.to, leg.reason));
    more.dedup_by_key(|leg| leg.to);
    fewest(rules, table, start, &more).ok_or_else(|| Refusal::NoWay {
        from: Box::new(from.clone()),
        to: Box::new(to.clone()),
        because: rules.forbid.get(forbid as usize).map_or_else(String::new, |edge| edge.because.clone()),
    })
}

fn is_between(release: &Release, from: &Release, to: &Release) -> bool {
    release.cmp_number(from).is_gt() && release.cmp_number(to).is_lt()
}

/// The hops of a path that are forbidden, each with the rule that forbids it.
fn blocked<'t>(
    rules: &Rules,
    table: &'t Table<'_>,
    start: &'t Release,
    legs: &[Leg],
) -> Vec<(&'t Release, &'t Release, u32)> {
    let nodes: Vec<&Release> = legs.iter().filter_map(|leg| table.release(leg.to)).collect();
    let hops = std::iter::once(start).chain(nodes.iter().copied()).zip(nodes.iter().copied());
    hops.filter_map(|(from, to)| Some((from, to, forbidden(rules, from, to)?))).collect()
}

fn forbidden(rules: &Rules, from: &Release, to: &Release) -> Option<u32> {
    (0..).zip(&rules.forbid).find(|(_, edge)| edge.covers(from, to)).map(|(id, _)| id)
}

fn allowed(rules: &Rules, from: &Release, to: &Release) -> Option<u32> {
    (0..).zip(&rules.allow).find(|(_, edge)| edge.covers(from, to)).map(|(id, _)| id)
}

/// Works backwards from the target: for each release, the fewest hops to the target and the first of them.
fn fewest(rules: &Rules, table: &Table<'_>, start: &Release, legs: &[Leg]) -> Option<Vec<Leg>> {
    let nodes: Vec<&Release> =
        std::iter::once(start).chain(legs.iter().filter_map(|leg| table.release(leg.to))).collect();
    let mut best: Vec<Option<Step>> = vec![None; nodes.len()];
    *best.last_mut()? = Some(Step { hops: 0, next: nodes.len(), allowed: None });
    for (at, from) in nodes.iter().enumerate().rev().skip(1) {
        let mut passes_required = false;
        for (next, to) in nodes.iter().enumerate().skip(at + 1) {
            let rule = if passes_required { allowed(rules, from, to) } else { None };
            let legal = (!passes_required || rule.is_some()) && forbidden(rules, from, to).is_none();
            let leg = legs.get(next - 1)?;
            passes_required |= !matches!(leg.reason, Reason::Detour(_));
            let (true, Some(rest)) = (legal, best.get(next).copied().flatten()) else { continue };
            let slot = best.get_mut(at)?;
            if slot.is_none_or(|known| rest.hops < known.hops) {
                *slot = Some(Step { hops: rest.hops + 1, next, allowed: rule });
            }
        }
    }
    let mut path = Vec::with_capacity(legs.len());
    let mut at = 0;
    while at + 1 < nodes.len() {
        let step = best.get(at).copied().flatten()?;
        path.push(Leg { allowed: step.allowed, ..*legs.get(step.next - 1)? });
        at = step.next;
    }
    Some(path)
}

/// The first hop of the shortest path to the target.
#[derive(Clone, Copy)]
struct Step {
    hops: usize,
    next: usize,
    allowed: Option<u32>,
}
