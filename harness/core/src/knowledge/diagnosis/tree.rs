//! What follows from what.

use super::Found;

/// Lines within which the reason stands behind what wraps it (`An error has occurred, …:`); what comes later is another's.
const WRAPPED: u64 = 60;

/// A failure with what it follows from and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiagnosedFailure<'f> {
    /// The failure.
    pub found: &'f Found,
    /// What it follows from.
    pub follows: Option<&'f Found>,
    /// What follows from it, in order.
    pub consequences: Vec<DiagnosedFailure<'f>>,
}

/// The root causes, each with its consequences, in the order of their places.
pub fn tree(found: &[Found]) -> Vec<DiagnosedFailure<'_>> {
    let parents = parents(found);
    let roots = (0..found.len()).filter(|index| parents[*index].is_none());
    roots.map(|index| told(found, &parents, index)).collect()
}

fn told<'f>(found: &'f [Found], parents: &[Option<usize>], index: usize) -> DiagnosedFailure<'f> {
    let below = (0..found.len()).filter(|other| parents[*other] == Some(index));
    DiagnosedFailure {
        found: &found[index],
        follows: parents[index].map(|parent| &found[parent]),
        consequences: below.map(|other| told(found, parents, other)).collect(),
    }
}

/// By failure, the nearest one that it follows from: in the same log before it or close behind it, else in another log.
fn parents(found: &[Found]) -> Vec<Option<usize>> {
    let mut parents: Vec<Option<usize>> = vec![None; found.len()];
    for (index, one) in found.iter().enumerate() {
        let mut causes: Vec<usize> =
            (0..found.len()).filter(|other| *other != index && may_cause(&found[*other], one)).collect();
        causes.sort_by_key(|other| {
            let cause = &found[*other];
            (cause.log.abs_diff(one.log), cause.line.abs_diff(one.line), *other)
        });
        // Of two that say so of each other, the first is the cause.
        parents[index] = causes.into_iter().find(|cause| !leads_to(&parents, *cause, index));
    }
    parents
}

fn may_cause(cause: &Found, one: &Found) -> bool {
    let says = one.known.consequence_of.contains(&cause.known.id);
    says && (cause.log != one.log || cause.line <= one.line + WRAPPED)
}

fn leads_to(parents: &[Option<usize>], from: usize, to: usize) -> bool {
    let mut at = Some(from);
    while let Some(index) = at {
        if index == to {
            return true;
        }
        at = parents[index];
    }
    false
}
