//! Finds what runs left behind, and removes what belongs to nobody any more. Never what belongs to a live run.

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
    /// Only what has outlived its lease. What a run does as it starts: a failure that was kept stays kept.
    Expired,
    /// What has expired, and what belongs to a process of this machine that is gone.
    Dead,
    /// That, and what belongs to other machines: nobody here can tell whether those live.
    DeadOrElsewhere,
}

/// How a thing of ours stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Its run goes on.
    Live,
    /// Its run is gone, its lease still runs.
    Dead,
    /// Its lease is over, and no live process of this machine holds it.
    Expired,
    /// It belongs to another machine, within its lease.
    Elsewhere,
}

/// A thing of ours that is there.
#[derive(Debug, Clone)]
pub struct Remnant {
    /// `container`, `network`, `volume`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub ownership: OwnershipLabels,
    /// How it stands.
    pub standing: Standing,
}

/// What a sweep did.
#[derive(Debug, Clone, Default)]
pub struct SweepReport {
    /// What it removed.
    pub removed: Vec<Remnant>,
    /// What it left alone.
    pub spared: Vec<Remnant>,
    /// What would not go.
    pub leftovers: Vec<Leftover>,
}

impl Selection {
    fn takes(self, standing: Standing) -> bool {
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

/// Removes what `selection` takes.
pub async fn sweep(client: &Client, selection: Selection) -> Result<SweepReport, HostError> {
    let (taken, spared): (Vec<_>, Vec<_>) =
        found(client).await?.into_iter().partition(|(_, remnant)| selection.takes(remnant.standing));
    let spared = spared.into_iter().map(|(_, remnant)| remnant).collect();
    if taken.is_empty() {
        return Ok(SweepReport { spared, ..SweepReport::default() });
    }
    let leftovers = remove_found(client, || async {
        let things = marked(client).await?;
        Ok(things.into_iter().filter(|(_, it)| selection.takes(it.standing)).map(|(thing, _)| thing).collect())
    })
    .await;
    let stayed = |remnant: &Remnant| leftovers.iter().any(|it| it.kind == remnant.kind && it.name == remnant.name);
    let removed = taken.into_iter().map(|(_, remnant)| remnant).filter(|remnant| !stayed(remnant)).collect();
    Ok(SweepReport { removed, spared, leftovers })
}

async fn found(client: &Client) -> Result<Vec<(Thing, Remnant)>, HostError> {
    marked(client).await.map_err(failed("list", "what carries our labels"))
}

async fn marked(client: &Client) -> Result<Vec<(Thing, Remnant)>, bollard::errors::Error> {
    let filters = HashMap::from([("label".to_owned(), vec![label::RUN.to_owned()])]);
    let now = SystemTime::now();
    let mut all = Vec::new();
    for kind in Kind::ALL {
        for thing in listing(client, kind, &filters).await? {
            let Some(ownership) = OwnershipLabels::read(&thing.labels) else { continue };
            let standing = standing(ownership.owner.liveness(), ownership.expires <= now);
            all.push((thing.clone(), Remnant { kind: kind.word(), name: thing.name, ownership, standing }));
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
    fn a_live_run_is_never_taken() {
        for selection in [Selection::Expired, Selection::Dead, Selection::DeadOrElsewhere] {
            assert!(!selection.takes(standing(Liveness::Alive, true)));
            assert!(!selection.takes(standing(Liveness::Alive, false)));
            assert!(selection.takes(standing(Liveness::Gone, true)));
            assert!(selection.takes(standing(Liveness::Elsewhere, true)));
        }
    }

    #[test]
    fn a_lease_keeps_a_failure_from_the_sweep_of_a_starting_run_only() {
        assert!(!Selection::Expired.takes(standing(Liveness::Gone, false)));
        assert!(Selection::Dead.takes(standing(Liveness::Gone, false)));
        assert!(!Selection::Dead.takes(standing(Liveness::Elsewhere, false)));
        assert!(Selection::DeadOrElsewhere.takes(standing(Liveness::Elsewhere, false)));
    }
}
