//! Services through their lives, and their logs.

use std::time::{Duration, Instant};

use rehearse::engine::host::{Logs, ServiceState, Services};
use rehearse_core::deployment::{Mount, MountSource};

use crate::rig::*;

pub(crate) async fn a_log_is_complete_even_if_the_container_exits_at_once() -> Outcome {
    let rig = Rig::new().await?;
    for number in 0..5 {
        rig.up(&rig.spec("brief", "echo first; seq 1 20000; echo last >&2")).await?;
        let state = until(|| async {
            let state = rig.host.state(&rig.instance("brief")).await.ok()?;
            matches!(state, ServiceState::Exited { .. }).then_some(state)
        });
        let state = state.await?;
        ensure!(state == ServiceState::Exited { code: 0, out_of_memory: false }, "{state:?}");
        // No waiting: a log is whole as soon as the state says that its service ended.
        let log = rig.log_once("brief", |_| true).await?;
        // The two streams reach us by two ways; lines stay whole, and in order within each.
        let out: Vec<_> = log.lines().filter(|line| *line != "last").map(str::to_owned).collect();
        let expected = std::iter::once("first".to_owned()).chain((1..=20_000).map(|line| line.to_string()));
        ensure!(out.iter().eq(expected.collect::<Vec<_>>().iter()), "round {number}: {} lines", out.len());
        ensure!(log.lines().count() == 20_002, "round {number}: the error stream is missing");
        let file = rig.host.log_file(&rig.instance("brief")).unwrap_or_default();
        ensure!(file.ends_with(format!("main-brief-{}.log", number + 1)), "{}", file.display());
    }
    rig.down().await
}

pub(crate) async fn the_log_of_a_restarted_service_continues_without_repetition() -> Outcome {
    let rig = Rig::new().await?;
    rig.up(&rig.spec("box", "echo up; exec sleep 600")).await?;
    rig.log_once("box", |log| log == "up\n").await?;
    rig.host.stop(&rig.main, "box").await.map_err(chain)?;
    rig.host.start(&rig.main, "box").await.map_err(chain)?;
    rig.log_once("box", |log| log == "up\nup\n").await?;
    rig.down().await
}

pub(crate) async fn a_service_that_ignores_the_signal_is_stopped_all_the_same() -> Outcome {
    let rig = Rig::new().await?;
    let mut spec = rig.spec("deaf", "trap '' TERM; echo up; while :; do sleep 1; done");
    spec.stop_grace = Duration::from_secs(2);
    rig.up(&spec).await?;
    rig.log_once("deaf", |log| log == "up\n").await?;
    let begun = Instant::now();
    rig.host.stop(&rig.main, "deaf").await.map_err(chain)?;
    ensure!(begun.elapsed() >= Duration::from_secs(2), "no grace: {:?}", begun.elapsed());
    let state = rig.host.state(&rig.instance("deaf")).await.map_err(chain)?;
    ensure!(state == ServiceState::Exited { code: 137, out_of_memory: false }, "{state:?}");
    rig.host.stop(&rig.main, "deaf").await.map_err(chain)?;
    rig.host.stop(&rig.main, "nobody").await.map_err(chain)?;
    rig.down().await
}

pub(crate) async fn a_service_that_is_applied_again_is_replaced_and_keeps_its_volumes() -> Outcome {
    let rig = Rig::new().await?;
    let mut spec = rig.spec("db", "test -e /data/kept || echo new; touch /data/kept; sleep 600");
    spec.mounts.push(volume("data", "/data"));
    rig.up(&spec).await?;
    rig.log_once("db", |log| log == "new\n").await?;
    until(|| async { rig.sh("db", "test -e /data/kept").await.ok().filter(|(code, _)| *code == 0) }).await?;
    rig.apply(&spec).await?;
    let state = rig.host.state(&rig.instance("db")).await.map_err(chain)?;
    ensure!(state == ServiceState::Created, "it still runs as it did: {state:?}");
    rig.up(&spec).await?;
    let (code, _) = rig.sh("db", "test -e /data/kept").await?;
    ensure!(code == 0, "the volume went with its service");
    rig.down().await
}

pub(crate) async fn a_service_goes_through_its_states() -> Outcome {
    let rig = Rig::new().await?;
    let state = || async { rig.host.state(&rig.instance("box")).await.map_err(chain) };
    ensure!(state().await? == ServiceState::Absent, "before");
    let mut spec = rig.spec("box", "read -r -t 1 < <(sleep 2); exit 9");
    spec.memory = Some(256 << 20);
    spec.cpus = Some(1.5);
    spec.mounts.push(Mount { source: MountSource::Memory, target: "/fast".into() });
    spec.shm_size = Some(128 << 20);
    rig.apply(&spec).await?;
    ensure!(state().await? == ServiceState::Created, "created");
    let exited = rig.host.exited();
    rig.host.start(&rig.main, "box").await.map_err(chain)?;
    let (_, room) = rig.sh("box", "stat -f -c %T /fast; df -m --output=size /dev/shm | tail -1").await?;
    ensure!(room.split_whitespace().collect::<Vec<_>>() == ["tmpfs", "128"], "{room}");
    ensure!(state().await? == ServiceState::Running { health: None }, "started");
    // The engine reports the exit, and the state is known by then.
    let reported = tokio::time::timeout(Duration::from_secs(20), exited).await;
    ensure!(reported.is_ok(), "the exit was not reported");
    let ended = state().await?;
    ensure!(ended == ServiceState::Exited { code: 9, out_of_memory: false }, "{ended:?}");
    rig.down().await
}

pub(crate) async fn logs_written_includes_an_unfinished_last_line() -> Outcome {
    let rig = Rig::new().await?;
    rig.up(&rig.spec("web", "printf 'first\\nERROR without an end'; sleep 600")).await?;
    rig.log_once("web", |text| text.contains("first")).await?;
    rig.host.logs_written().await;
    let file = rig.host.log_file(&rig.instance("web")).ok_or("no log file")?;
    let seen = std::fs::read_to_string(file).map_err(text)?;
    ensure!(seen.ends_with("ERROR without an end"), "{seen:?}");
    rig.down().await
}
