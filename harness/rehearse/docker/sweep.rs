//! Finds what runs have left behind, and removes what no longer belongs to a live run.

use std::collections::HashMap;
use std::time::SystemTime;

use crate::docker::client::{Client, failed};
use crate::docker::label::{self, OwnershipLabels};
use crate::docker::owner::Liveness;
use crate::docker::removal::{Kind, Thing, listing, remove_found};
use crate::engine::host::{HostError, Leftover};

/// What to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// Only what has outlived its lease. A run does this when it starts, so that a kept failure stays.
    Expired,
    /// What has expired, and what belongs to a process of this machine that is gone.
    Dead,
    /// As [`Self::Dead`], and what belongs to other machines, of which nobody here knows whether they are alive.
    DeadOrElsewhere,
}

/// The standing of a thing of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its run is still running.
    Live,
    /// Its run is gone, but its lease is not over.
    Dead,
    /// Its lease is over, and no live process of this machine owns it.
    Expired,
    /// It belongs to another machine, within its lease.
    Elsewhere,
}

/// A thing of ours that still exists.
#[derive(Debug, Clone)]
pub struct Remnant {
    /// `container`, `network`, `volume`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Who owns it.
    pub ownership: OwnershipLabels,
    /// Its standing.
    pub standing: Standing,
}

/// What a sweep did.
#[derive(Debug, Clone, Default)]
pub struct SweepReport {
    /// What it removed.
    pub removed: Vec<Remnant>,
    /// What it left alone.
    pub spared: Vec<Remnant>,
    /// What could not be removed.
    pub leftovers: Vec<Leftover>,
}

impl Selection {
    fn includes(self, standing: Standing) -> bool {
        match standing {
            Standing::Live => false,
            Standing::Expired => true,
            Standing::Dead => self != Self::Expired,
            Standing::Elsewhere => self == Self::DeadOrElsewhere,
        }
    }
}

/// Lists everything of ours on the engine, of any run.
pub async fn list(client: &Client) -> Result<Vec<Remnant>, HostError> {
    Ok(found(client).await?.into_iter().map(|(_, remnant)| remnant).collect())
}

/// Removes what `selection` includes.
pub async fn sweep(client: &Client, selection: Selection) -> Result<SweepReport, HostError> {
    let (selected, spared): (Vec<_>, Vec<_>) =
        found(client).await?.into_iter().partition(|(_, remnant)| selection.includes(remnant.standing));
    let spared = spared.into_iter().map(|(_, remnant)| remnant).collect();
    if selected.is_empty() {
        return Ok(SweepReport { spared, ..SweepReport::default() });
    }
    let leftovers = remove_found(client, || async {
        let things = list_ours(client).await?;
        Ok(things.into_iter().filter(|(_, it)| selection.includes(it.standing)).map(|(thing, _)| thing).collect())
    })
    .await;
    let is_left = |remnant: &Remnant| leftovers.iter().any(|it| it.kind == remnant.kind && it.name == remnant.name);
    let removed = selected.into_iter().map(|(_, remnant)| remnant).filter(|remnant| !is_left(remnant)).collect();
    Ok(SweepReport { removed, spared, leftovers })
}

async fn found(client: &Client) -> Result<Vec<(Thing, Remnant)>, HostError> {
    list_ours(client).await.map_err(failed("list", "what carries our labels"))
}

async fn list_ours(client: &Client) -> Result<Vec<(Thing, Remnant)>, bollard::errors::Error> {
    let filters = HashMap::from([("label".to_owned(), vec![label::RUN.to_owned()])]);
    let now = SystemTime::now();
    let mut all = Vec::new();
    for kind in Kind::ALL {
        for thing in listing(client, kind, &filters).await? {
            let Some(ownership) = OwnershipLabels::read(&thing.labels) else { continue };
            let standing = standing(ownership.owner.liveness(), ownership.expires <= now);
            all.push((thing.clone(), Remnant { kind: kind.name(), name: thing.name, ownership, standing }));
        }
    }
    Ok(all)
}

fn standing(liveness: Liveness, expired: bool) -> Standing {
    match (liveness, expired) {
        (Liveness::Alive, _) => Standing::Live,
        (Liveness::Gone | Liveness::Elsewhere, true) => Standing::Expired,
        (Liveness::Gone, false) => Standing::Dead,
        (Liveness::Elsewhere, false) => Standing::Elsewhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_run_is_never_removed() {
        for selection in [Selection::Expired, Selection::Dead, Selection::DeadOrElsewhere] {
            assert!(!selection.includes(standing(Liveness::Alive, true)));
            assert!(!selection.includes(standing(Liveness::Alive, false)));
            assert!(selection.includes(standing(Liveness::Gone, true)));
            assert!(selection.includes(standing(Liveness::Elsewhere, true)));
        }
    }

    #[test]
    fn a_lease_protects_a_failure_only_from_the_sweep_of_a_starting_run() {
        assert!(!Selection::Expired.includes(standing(Liveness::Gone, false)));
        assert!(Selection::Dead.includes(standing(Liveness::Gone, false)));
        assert!(!Selection::Dead.includes(standing(Liveness::Elsewhere, false)));
        assert!(Selection::DeadOrElsewhere.includes(standing(Liveness::Elsewhere, false)));
    }
}
