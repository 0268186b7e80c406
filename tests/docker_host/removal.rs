//! What is left at the end: nothing.

use std::time::Duration;

use rehearse::docker::{Owner, Selection, Standing, list, sweep, usage};
use rehearse::engine::host::{Deployments, InstanceRef, ServiceState, Services};
use rehearse_core::vocabulary::ident::DeploymentName;

use crate::rig::*;

pub(crate) async fn closing_one_deployment_leaves_the_other() -> Outcome {
    let rig = Rig::new().await?;
    let back = DeploymentName("rollback".into());
    rig.host.open(&back).await.map_err(chain)?;
    rig.host.open(&back).await.map_err(chain)?;
    let mut spec = rig.spec("box", "sleep 600");
    spec.mounts.push(volume("data", "/data"));
    rig.up(&spec).await?;
    rig.host.apply(&back, std::slice::from_ref(&spec)).await.map_err(chain)?;
    let left = rig.host.close(&rig.main).await;
    ensure!(left.is_empty(), "{left:?}");
    let state = rig.host.state(&InstanceRef::of(&back, "box")).await.map_err(chain)?;
    ensure!(state == ServiceState::Created, "{state:?}");
    ensure!(of_run(&rig.host).await? == 3, "a container, a network and a volume");
    rig.down().await
}

pub(crate) async fn teardown_leaves_nothing() -> Outcome {
    let rig = Rig::new().await?;
    for name in ["one", "two", "three"] {
        let mut spec = rig.spec(name, "trap '' TERM; sleep 600");
        spec.mounts.push(volume(name, "/data"));
        rig.up(&spec).await?;
    }
    ensure!(of_run(&rig.host).await? == 7, "three containers and volumes, one network");
    rig.down().await
}

pub(crate) async fn a_creation_that_was_dropped_leaves_nothing_after_teardown() -> Outcome {
    for wait in [0, 1, 3, 8, 20, 50, 120] {
        let rig = Rig::new().await?;
        let mut spec = rig.spec("box", "sleep 600");
        spec.mounts.push(volume("data", "/usr/share"));
        let dropped = tokio::time::timeout(Duration::from_millis(wait), rig.apply(&spec)).await;
        // Dropped or done: both happen.
        drop(dropped);
        rig.down().await?;
    }
    Ok(())
}

pub(crate) async fn a_sweep_removes_dead_runs_and_spares_live_ones() -> Outcome {
    let mut child = std::process::Command::new("true").spawn().map_err(text)?;
    let gone = Owner { pid: child.id(), start: "00000000-1".into(), ..Owner::current() };
    child.wait().map_err(text)?;
    let (dead, live) = (Rig::owned_by(gone).await?, Rig::new().await?);
    let away = Rig::owned_by(Owner { host: "another-machine".into(), ..Owner::current() }).await?;
    for rig in [&dead, &live, &away] {
        let mut spec = rig.spec("box", "sleep 600");
        spec.mounts.push(volume("data", "/data"));
        rig.up(&spec).await?;
    }
    let client = live.host.client();
    let run = own_run(&dead.host);
    let starting = sweep(client, &Selection::Expired).await.map_err(chain)?;
    ensure!(starting.spared.iter().any(|it| it.ownership.run == run && it.standing == Standing::Dead), "{starting:?}");
    let report = sweep(client, &Selection::Dead { kept: false, elsewhere: false }).await.map_err(chain)?;
    ensure!(report.leftovers.is_empty(), "{report:?}");
    ensure!(report.removed.iter().filter(|it| it.ownership.run == run).count() == 3, "{report:?}");
    ensure!(of_run(&dead.host).await? == 0, "something of the dead run is left");
    ensure!(of_run(&live.host).await? == 3, "something of the live run is gone");
    ensure!(of_run(&away.host).await? == 3, "something of another machine's run is gone");
    dead.host.teardown().await;
    away.down().await?;
    live.down().await
}

pub(crate) async fn what_was_kept_is_spared_until_its_lease_ends_or_somebody_takes_it() -> Outcome {
    let (one, other, over) = (Rig::new().await?, Rig::new().await?, Rig::new().await?);
    for rig in [&one, &other, &over] {
        let mut spec = rig.spec("box", "head -c 3000000 /dev/zero > /data/x; sleep 600");
        spec.mounts.push(volume("data", "/data"));
        rig.up(&spec).await?;
    }
    for (rig, lease) in [(&one, 3600), (&other, 3600), (&over, 0)] {
        rig.host.keep(Duration::from_secs(lease)).await.map_err(chain)?;
    }
    let client = one.host.client();
    let swept = sweep(client, &Selection::Dead { kept: false, elsewhere: false }).await.map_err(chain)?;
    ensure!(swept.leftovers.is_empty(), "{swept:?}");
    let spared = |rig: &Rig| swept.spared.iter().filter(|it| it.ownership.run == own_run(&rig.host)).count();
    ensure!((spared(&one), spared(&other), spared(&over)) == (4, 4, 0), "a container, a network, a volume and a mark");
    ensure!(
        swept.spared.iter().all(|it| it.ownership.run != own_run(&one.host) || it.standing == Standing::Kept),
        "{swept:?}"
    );
    ensure!(of_run(&over.host).await? == 0, "what was kept outlives its lease");

    let sizes = usage(Duration::from_secs(60)).await.map_err(chain)?;
    let all = list(client).await.map_err(chain)?;
    let names = |kind: &'static str| {
        let of_one = all.iter().filter(|it| it.ownership.run == own_run(&one.host));
        of_one.filter(move |it| it.kind == kind).map(|it| it.name.as_str()).collect::<Vec<_>>()
    };
    let bytes = sizes.of(names("container"), names("volume"));
    ensure!(bytes.is_some_and(|bytes| (3_000_000..30_000_000).contains(&bytes)), "{bytes:?} {sizes:?}");

    let run = Selection::Run { run: own_run(&one.host), elsewhere: false };
    sweep(client, &run).await.map_err(chain)?;
    ensure!((of_run(&one.host).await?, of_run(&other.host).await?) == (0, 4), "only the run that was named goes");
    sweep(client, &Selection::Dead { kept: true, elsewhere: false }).await.map_err(chain)?;
    ensure!(of_run(&other.host).await? == 0, "what was kept is spared though it was asked for");
    for rig in [one, other, over] {
        rig.host.teardown().await;
    }
    Ok(())
}
