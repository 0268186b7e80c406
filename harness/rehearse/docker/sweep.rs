//! Finds what runs have left behind, and removes what no longer belongs to a live run.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::SystemTime;

use crate::docker::client::{Client, failed};
use crate::docker::label::{self, OwnershipLabels, kept_until};
use crate::docker::owner::Liveness;
use crate::docker::removal::{Kind, Thing, listing, remove_found};
use crate::engine::host::{HostError, Leftover};

/// What to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Only what has outlived its lease. A run does this when it starts.
    Expired,
    /// What has expired, and what belongs to a process of this machine that is gone without having kept it.
    Dead {
        /// What was kept for people to look at too.
        kept: bool,
        /// What belongs to other machines too, of which nobody here knows whether they are alive.
        elsewhere: bool,
    },
    /// What belongs to this run, unless it is live.
    Run {
        /// Its id.
        run: String,
        /// Also if it belongs to another machine, and nobody here knows whether it is alive.
        elsewhere: bool,
    },
}

/// The standing of a run of ours, which all its things share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is still running.
    Live,
    /// It is gone, but its lease is not over.
    Dead,
    /// It is over, and was kept for people to look at until its lease ends.
    Kept,
    /// As [`Self::Kept`], by another machine.
    KeptElsewhere,
    /// Its lease is over, and no live process of this machine owns it.
    Expired,
    /// It belongs to another machine, within its lease, and may be running.
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
    /// The standing of its run.
    pub standing: Standing,
    /// When the lease of its run ends.
    pub lease_ends: SystemTime,
    /// Whether it is only there to say that its run was kept.
    pub is_mark: bool,
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
    /// Whether a thing is to be removed.
    pub fn includes(&self, remnant: &Remnant) -> bool {
        match self {
            Self::Expired => remnant.standing == Standing::Expired,
            Self::Dead { kept, elsewhere } => match remnant.standing {
                Standing::Live => false,
                Standing::Dead | Standing::Expired => true,
                Standing::Kept => *kept,
                Standing::KeptElsewhere => *kept && *elsewhere,
                Standing::Elsewhere => *elsewhere,
            },
            Self::Run { run, elsewhere } => {
                remnant.ownership.run == *run
                    && match remnant.standing {
                        Standing::Live => false,
                        Standing::Dead | Standing::Expired | Standing::Kept | Standing::KeptElsewhere => true,
                        Standing::Elsewhere => *elsewhere,
                    }
            }
        }
    }
}

/// Lists everything of ours on the engine, of any run.
pub async fn list(client: &Client) -> Result<Vec<Remnant>, HostError> {
    let things = list_ours(client).await.map_err(failed("list", "what carries our labels"))?;
    Ok(remnants(&things, SystemTime::now(), |ownership| ownership.owner.liveness()))
}

/// Removes what `selection` includes.
pub async fn sweep(client: &Client, selection: &Selection) -> Result<SweepReport, HostError> {
    let (selected, spared): (Vec<_>, Vec<_>) =
        list(client).await?.into_iter().partition(|remnant| selection.includes(remnant));
    if selected.is_empty() {
        return Ok(SweepReport { spared, ..SweepReport::default() });
    }
    // Whole runs go: the standing of one is not asked again, because its mark may be gone before its other things.
    let runs: BTreeSet<&str> = selected.iter().map(|remnant| remnant.ownership.run.as_str()).collect();
    let leftovers = remove_found(client, || async {
        let of_runs = |thing: &Thing| thing.labels.get(label::RUN).is_some_and(|run| runs.contains(run.as_str()));
        Ok(list_ours(client).await?.into_iter().filter(of_runs).collect())
    })
    .await;
    let is_left = |remnant: &Remnant| leftovers.iter().any(|it| it.kind == remnant.kind && it.name == remnant.name);
    let removed = selected.into_iter().filter(|remnant| !is_left(remnant)).collect();
    Ok(SweepReport { removed, spared, leftovers })
}

async fn list_ours(client: &Client) -> Result<Vec<Thing>, bollard::errors::Error> {
    let filters = HashMap::from([("label".to_owned(), vec![label::RUN.to_owned()])]);
    let mut all = Vec::new();
    for kind in Kind::ALL {
        all.extend(listing(client, kind, &filters).await?);
    }
    Ok(all)
}

fn remnants(things: &[Thing], now: SystemTime, liveness: impl Fn(&OwnershipLabels) -> Liveness) -> Vec<Remnant> {
    let mark = |thing: &Thing| Some((thing.labels.get(label::RUN)?.clone(), kept_until(&thing.labels)?));
    let kept: BTreeMap<String, SystemTime> = things.iter().filter_map(mark).collect();
    let remnant = |thing: &Thing| {
        let ownership = OwnershipLabels::read(&thing.labels)?;
        let until = kept.get(&ownership.run).copied();
        let lease_ends = until.unwrap_or(ownership.expires);
        let standing = standing(liveness(&ownership), until.is_some(), lease_ends <= now);
        let (kind, name, is_mark) = (thing.kind.name(), thing.name.clone(), kept_until(&thing.labels).is_some());
        Some(Remnant { kind, name, ownership, standing, lease_ends, is_mark })
    };
    things.iter().filter_map(remnant).collect()
}

/// A kept run is over, even if its process goes on with the next scenario.
fn standing(liveness: Liveness, kept: bool, expired: bool) -> Standing {
    match (liveness, kept, expired) {
        (Liveness::Alive | Liveness::Gone, true, false) => Standing::Kept,
        (Liveness::Elsewhere, true, false) => Standing::KeptElsewhere,
        (Liveness::Alive | Liveness::Gone | Liveness::Elsewhere, true, true) => Standing::Expired,
        (Liveness::Alive, false, _) => Standing::Live,
        (Liveness::Gone | Liveness::Elsewhere, false, true) => Standing::Expired,
        (Liveness::Gone, false, false) => Standing::Dead,
        (Liveness::Elsewhere, false, false) => Standing::Elsewhere,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::docker::owner::Owner;

    const NOW: u64 = 1_800_000_000;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// A run with a container, and a mark if it was kept; its own lease ends an hour from now.
    fn things(run: &str, kept_until: Option<u64>) -> Vec<Thing> {
        let (run, scenario, expires) = (run.to_owned(), "s".to_owned(), at(NOW + 3600));
        let ownership = OwnershipLabels { run, scenario, owner: Owner::current(), expires };
        let thing = |kind, name: String, labels| Thing { kind, id: name.clone(), name, labels };
        let container = thing(Kind::Container, format!("{}-web", ownership.run), ownership.without_deployment());
        let mark = kept_until.map(|until| ownership.mark(at(until)));
        let mark = mark.map(|(name, labels)| thing(Kind::Volume, name, labels));
        [container].into_iter().chain(mark).collect()
    }

    /// The standing of all things of a run, and how long its lease lasts.
    fn stands(liveness: Liveness, kept_until: Option<u64>) -> (Standing, i64, Vec<Remnant>) {
        let all = remnants(&things("r1", kept_until), at(NOW), |_| liveness);
        let first = all[0].clone();
        assert!(all.iter().all(|it| (it.standing, it.lease_ends) == (first.standing, first.lease_ends)), "{all:?}");
        let lasts = first.lease_ends.duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs()) as i64 - NOW as i64;
        (first.standing, lasts, all)
    }

    #[test]
    fn a_kept_run_is_kept_until_the_lease_on_its_mark_ends() {
        for liveness in [Liveness::Alive, Liveness::Gone] {
            let (standing, lasts, all) = stands(liveness, Some(NOW + 60));
            assert_eq!((standing, lasts, all.len()), (Standing::Kept, 60, 2));
            assert_eq!(stands(liveness, Some(NOW)).0, Standing::Expired);
        }
        assert_eq!(stands(Liveness::Elsewhere, Some(NOW + 60)).0, Standing::KeptElsewhere);
        assert_eq!(stands(Liveness::Elsewhere, Some(NOW)).0, Standing::Expired);
        assert_eq!((stands(Liveness::Alive, None).0, stands(Liveness::Gone, None).0), (Standing::Live, Standing::Dead));
        assert_eq!(stands(Liveness::Elsewhere, None).0, Standing::Elsewhere);
    }

    #[test]
    fn of_a_run_and_its_mark_only_the_mark_is_one() {
        let (_, _, all) = stands(Liveness::Gone, Some(NOW + 60));
        assert_eq!(
            all.iter().map(|it| (it.kind, it.is_mark)).collect::<Vec<_>>(),
            [("container", false), ("volume", true)]
        );
    }

    /// Every selection, and whether it takes a run of each standing.
    #[test]
    fn a_selection_takes_what_it_says_and_never_a_live_run() {
        let all = [
            Standing::Live,
            Standing::Dead,
            Standing::Kept,
            Standing::KeptElsewhere,
            Standing::Expired,
            Standing::Elsewhere,
        ];
        let run = |run: &str, elsewhere| Selection::Run { run: run.to_owned(), elsewhere };
        let taken = |selection: &Selection| -> Vec<Standing> {
            let mut remnant = stands(Liveness::Gone, None).2.remove(0);
            let takes = |standing: &Standing| {
                remnant.standing = *standing;
                selection.includes(&remnant)
            };
            all.into_iter().filter(takes).collect()
        };
        let dead = |kept, elsewhere| Selection::Dead { kept, elsewhere };
        assert_eq!(taken(&Selection::Expired), [Standing::Expired]);
        assert_eq!(taken(&dead(false, false)), [Standing::Dead, Standing::Expired]);
        assert_eq!(taken(&dead(true, false)), [Standing::Dead, Standing::Kept, Standing::Expired]);
        assert_eq!(taken(&dead(false, true)), [Standing::Dead, Standing::Expired, Standing::Elsewhere]);
        assert_eq!(taken(&dead(true, true)), all[1..]);
        assert_eq!(taken(&run("r1", false)), all[1..5]);
        assert_eq!(taken(&run("r1", true)), all[1..]);
        assert_eq!(taken(&run("r2", true)), []);
    }
}
