//! Interference with containers from outside, and commands that are given up.

use std::time::Duration;

use bollard::exec::CreateExecOptions;
use bollard::models::NetworkDisconnectRequest;
use bollard::query_parameters::{KillContainerOptions, RemoveContainerOptionsBuilder};
use rehearse::docker::Owner;
use rehearse::engine::host::{Command, Commands, Images, Interferences, ServiceState, Services};
use rehearse_core::outcome::verdict::InterferenceKind;

use crate::rig::*;

async fn noticed(rig: &Rig, kind: InterferenceKind, words: &str) -> Outcome {
    let event = tokio::time::timeout(Duration::from_secs(10), rig.host.interfered()).await;
    let found = rig.host.interferences().await;
    ensure!(event.is_ok(), "no event reported {found:?}");
    let right = found.iter().any(|it| it.kind == kind && it.to_string().contains(words));
    ensure!(right, "{kind:?} {words}: {found:?}");
    Ok(())
}

pub(crate) async fn interference_with_containers_and_networks_is_noticed() -> Outcome {
    let rig = Rig::new().await?;
    let name = |service: &str| format!("rehearse-{}-main-{service}", own_run(&rig.host));
    for service in ["killed", "paused", "removed", "cut-off"] {
        rig.up(&rig.spec(service, "sleep 600")).await?;
    }
    let somebody = bollard::Docker::connect_with_defaults().map_err(text)?;
    somebody.kill_container(&name("killed"), None::<KillContainerOptions>).await.map_err(text)?;
    noticed(&rig, InterferenceKind::ContainerTouched, "service killed of main: it was sent signal 9").await?;
    somebody.pause_container(&name("paused")).await.map_err(text)?;
    noticed(&rig, InterferenceKind::ContainerTouched, "service paused of main: it was paused").await?;
    somebody.unpause_container(&name("paused")).await.map_err(text)?;
    let force = RemoveContainerOptionsBuilder::new().force(true).build();
    somebody.remove_container(&name("removed"), Some(force)).await.map_err(text)?;
    noticed(&rig, InterferenceKind::ContainerTouched, "service removed of main").await?;
    let cut_off = NetworkDisconnectRequest { container: name("cut-off"), force: None };
    let network = format!("rehearse-{}-main", own_run(&rig.host));
    somebody.disconnect_network(&network, cut_off).await.map_err(text)?;
    noticed(&rig, InterferenceKind::NetworkTouched, "service cut-off of main: it was disconnected from its network")
        .await?;
    rig.down().await
}

/// A command ends together with its container, and by then it must be known who ended the container.
pub(crate) async fn the_killer_of_a_container_is_known_once_a_command_in_it_has_ended() -> Outcome {
    let rig = Rig::new().await?;
    let somebody = bollard::Docker::connect_with_defaults().map_err(text)?;
    for round in 0..8 {
        let service = format!("killed{round}");
        rig.up(&rig.spec(&service, "sleep 600")).await?;
        let command = Command { argv: ["sleep", "600"].map(str::to_owned).to_vec(), ..Command::default() };
        let name = format!("rehearse-{}-main-{service}", own_run(&rig.host));
        let mut output = CapturedOutput::default();
        let instance = rig.instance(&service);
        let (ended, killed) = tokio::join!(rig.host.exec(&instance, &command, &mut output), async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            somebody.kill_container(&name, None::<KillContainerOptions>).await
        });
        killed.map_err(text)?;
        let found = rig.host.interferences().await;
        let right = found.iter().any(|it| it.to_string().contains("it was sent signal 9"));
        ensure!(right, "round {round}, {ended:?}: {found:?}");
    }
    rig.down().await
}

pub(crate) async fn foreign_commands_are_reported_and_health_checks_are_not() -> Outcome {
    let rig = Rig::new().await?;
    let recipe = r#"{"image": "rehearse/test-checked", "pull": "never", "builds": [{"tag": "1", "base": "debian:bookworm-slim"}]}"#;
    let dockerfile = "ARG BASE\nFROM ${BASE}\nHEALTHCHECK --interval=1s CMD test -e /etc/hostname || exit 1\n";
    let (builder, _folder) = host(Owner::current(), recipes(&[(recipe, dockerfile)])?).await?;
    let image = builder.obtain(&wanted("rehearse/test-checked:1", None), &|_| {}).await.map_err(chain)?.id;
    let mut spec = rig.spec("box", "sleep 600");
    spec.image = image;
    rig.up(&spec).await?;
    rig.sh("box", "echo ours").await?;
    let healthy = || async {
        let state = rig.host.state(&rig.instance("box")).await.ok()?;
        (state == ServiceState::Running { health: Some("healthy".to_owned()) }).then_some(())
    };
    until(healthy).await?;
    let somebody = bollard::Docker::connect_with_defaults().map_err(text)?;
    let name = format!("rehearse-{}-main-box", own_run(&rig.host));
    let run = async |words: &[&str]| {
        let cmd = Some(words.iter().map(|word| (*word).to_owned()).collect());
        let options = CreateExecOptions { cmd, ..CreateExecOptions::default() };
        somebody.create_exec(&name, options).await.map_err(text)
    };
    run(&["kill", "-0", "1"]).await?;
    let found = rig.host.interferences().await;
    let reported: Vec<String> = found.iter().map(ToString::to_string).collect();
    ensure!(
        reported.len() == 1 && reported[0].contains("service box of main: somebody else ran `kill -0 1` in it"),
        "{reported:?}"
    );
    let again = rig.host.interferences().await;
    ensure!(again.is_empty() && rig.host.foreign_commands().is_empty(), "returned twice: {again:?}");
    for _ in 0..7 {
        run(&["true"]).await?;
    }
    let reported = async {
        loop {
            // The engine reports seven commands one by one: what is taken too early is some of them.
            tokio::time::sleep(Duration::from_secs(2)).await;
            let reported = rig.host.foreign_commands();
            if !reported.is_empty() {
                return reported;
            }
        }
    };
    let reported = tokio::time::timeout(Duration::from_secs(10), reported).await.map_err(text)?;
    ensure!(reported.len() == 1 && reported[0].contains("somebody else ran `true`, `true`"), "{reported:?}");
    rig.down().await
}

pub(crate) async fn our_own_actions_and_normal_exits_are_not_interference() -> Outcome {
    let rig = Rig::new().await?;
    for _ in 0..2 {
        rig.up(&rig.spec("box", "sleep 600")).await?;
        rig.up(&rig.spec("brief", "exit 3")).await?;
        rig.host.stop(&rig.main, "box").await.map_err(chain)?;
        rig.host.start(&rig.main, "box").await.map_err(chain)?;
        rig.host.run(&rig.main, &rig.spec("once", "exit 1"), &mut CapturedOutput::default()).await.map_err(chain)?;
        rig.sh("box", "kill -9 $$").await?;
    }
    let found = rig.host.interferences().await;
    ensure!(found.is_empty(), "{found:?}");
    rig.down().await
}

pub(crate) async fn a_process_killed_for_lack_of_memory_is_recognised() -> Outcome {
    let rig = Rig::new().await?;
    let mut spec = rig.spec("hungry", "sleep 1; tail /dev/zero; sleep 600");
    spec.memory = Some(32 << 20);
    rig.up(&spec).await?;
    noticed(&rig, InterferenceKind::OutOfMemory, "service hungry of main").await?;
    rig.down().await
}

/// How many processes of this name run inside.
async fn running(rig: &Rig, name: &str) -> Result<usize, String> {
    let script = format!("cat /proc/[0-9]*/comm 2>/dev/null | grep -cx {name}; true");
    let (_, count) = rig.sh("box", &script).await?;
    count.trim().parse().map_err(text)
}

pub(crate) async fn a_command_that_is_given_up_is_ended_with_everything_it_started() -> Outcome {
    let rig = Rig::new().await?;
    rig.up(&rig.spec("box", "while :; do sleep 1; done")).await?;
    for (script, name, how) in [
        ("exec timeout 4 tail -f /dev/null", "tail", "by itself"),
        ("tail -f /dev/null & (setsid tail -f /dev/null &) ; wait", "tail", "by SIGTERM"),
        ("trap '' TERM; (trap '' TERM; exec tail -f /dev/null) & wait", "tail", "by SIGKILL"),
    ] {
        let argv = ["bash", "-c", script].map(str::to_owned).to_vec();
        let command = Command { argv, ..Command::default() };
        let (mut output, instance) = (CapturedOutput::default(), rig.instance("box"));
        let given_up = tokio::time::timeout(Duration::from_secs(2), rig.host.exec(&instance, &command, &mut output));
        ensure!(given_up.await.is_err(), "it ended by itself");
        ensure!(running(&rig, name).await? > 0, "nothing was left running");
        let reported = rig.host.endings().await;
        ensure!(reported.len() == 1 && reported[0].contains(how), "{reported:?}");
        ensure!(running(&rig, name).await? == 0, "it still runs: {reported:?}");
    }
    let one_off = rig.spec("once", "sleep 600");
    let mut output = CapturedOutput::default();
    let given_up = tokio::time::timeout(Duration::from_secs(3), rig.host.run(&rig.main, &one_off, &mut output));
    ensure!(given_up.await.is_err(), "it ended by itself");
    let reported = rig.host.endings().await;
    ensure!(reported.len() == 1 && reported[0].contains("with its container"), "{reported:?}");
    rig.down().await
}
