//! Arranges failures by what follows from what.

use super::Found;

/// A cause follows the error that wraps it (`An error has occurred, …:`) within this many lines; a later one is unrelated.
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
    roots.map(|index| node(found, &parents, index)).collect()
}

fn node<'f>(found: &'f [Found], parents: &[Option<usize>], index: usize) -> DiagnosedFailure<'f> {
    let consequences = (0..found.len()).filter(|other| parents[*other] == Some(index));
    DiagnosedFailure {
        found: &found[index],
        follows: parents[index].map(|parent| &found[parent]),
        consequences: consequences.map(|other| node(found, parents, other)).collect(),
    }
}

/// For each failure, the nearest one that it follows from: in the same log before it or shortly after it, or in another
/// log.
fn parents(found: &[Found]) -> Vec<Option<usize>> {
    let mut parents: Vec<Option<usize>> = vec![None; found.len()];
    for (index, failure) in found.iter().enumerate() {
        let mut causes: Vec<usize> =
            (0..found.len()).filter(|other| *other != index && may_cause(&found[*other], failure)).collect();
        causes.sort_by_key(|other| {
            let cause = &found[*other];
            (cause.log.abs_diff(failure.log), cause.line.abs_diff(failure.line), *other)
        });
        // If each of two names the other as its cause, the first one is the cause.
        parents[index] = causes.into_iter().find(|cause| !leads_to(&parents, *cause, index));
    }
    parents
}

fn may_cause(cause: &Found, failure: &Found) -> bool {
    let listed = failure.known.consequence_of.contains(&cause.known.id);
    listed && (cause.log != failure.log || cause.line <= failure.line + WRAPPED)
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
