//! Interference with a run by somebody else or by the kernel: each kind ends the run as inconclusive and is named.

use bollard::Docker;
use bollard::exec::CreateExecOptions;
use bollard::models::{ContainerUpdateBody, NetworkDisconnectRequest};
use bollard::query_parameters::{
    KillContainerOptions, ListContainersOptionsBuilder, ListNetworksOptionsBuilder, RemoveImageOptionsBuilder,
};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::HashMap;

use crate::machine::Machine;
use crate::rehearsal::{Ended, Rehearsal, sweep};
use crate::{Outcome, table};

struct Case {
    name: &'static str,
    /// The stage in which it happens.
    stage: &'static str,
    kind: &'static str,
    action: fn(&mut Machine) -> Outcome,
    /// Repairs the machine afterwards.
    repair: fn(&mut Machine) -> Outcome,
}

const NOTHING: fn(&mut Machine) -> Outcome = |_| Ok(());

/// The first few are tried with every change.
const ALL: [Case; 10] = [
    Case {
        name: "the engine is stopped and started again",
        stage: "baseline",
        kind: "engine-restarted",
        action: |machine| machine.stop_engine(Signal::TERM).and_then(|()| machine.start_engine()),
        repair: NOTHING,
    },
    Case { name: "the disk of the engine is full", stage: "restore", kind: "disk-full", action: fill, repair: empty },
    Case {
        name: "a process is killed because memory ran out",
        stage: "hop-1/check",
        kind: "out-of-memory",
        action: exhaust,
        repair: NOTHING,
    },
    Case {
        name: "the network is removed",
        stage: "baseline",
        kind: "network-touched",
        action: remove_network,
        repair: NOTHING,
    },
    Case {
        name: "the engine is killed and started again",
        stage: "hop-1/check",
        kind: "engine-restarted",
        action: |machine| machine.stop_engine(Signal::KILL).and_then(|()| machine.start_engine()),
        repair: NOTHING,
    },
    Case {
        name: "the engine is stopped and stays away",
        stage: "hop-1/upgrade",
        kind: "engine-gone",
        action: |machine| machine.stop_engine(Signal::TERM),
        repair: |machine| {
            machine.start_engine()?;
            sweep(machine).map(drop)
        },
    },
    Case {
        name: "the image of the next release is removed",
        stage: "baseline",
        kind: "image-touched",
        action: remove_image,
        repair: Machine::load_images,
    },
    Case {
        name: "a container is killed",
        stage: "hop-1/check",
        kind: "container-touched",
        action: |machine| {
            let (docker, id) = (machine.docker()?, container(machine, "worker")?);
            machine.request(docker.kill_container(&id, None::<KillContainerOptions>))
        },
        repair: NOTHING,
    },
    Case {
        name: "a container is paused",
        stage: "baseline",
        kind: "container-touched",
        action: |machine| {
            let (docker, id) = (machine.docker()?, container(machine, "db")?);
            machine.request(docker.pause_container(&id))
        },
        repair: NOTHING,
    },
    Case {
        name: "a container of the rollback is removed",
        stage: "rollback/check",
        kind: "container-touched",
        action: |machine| {
            let (docker, id) = (machine.docker()?, container(machine, "web-2")?);
            let force = bollard::query_parameters::RemoveContainerOptionsBuilder::new().force(true).build();
            machine.request(docker.remove_container(&id, Some(force)))
        },
        repair: NOTHING,
    },
];

fn labelled(label: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![label.to_owned()])])
}

/// The running container of a service.
fn container(machine: &Machine, service: &str) -> Result<String, String> {
    let docker = machine.docker()?;
    let filters = labelled(&format!("org.rehearse.service={service}"));
    let options = ListContainersOptionsBuilder::new().filters(&filters).build();
    let found = machine.request(docker.list_containers(Some(options)))?;
    found.into_iter().find_map(|it| it.id).ok_or_else(|| format!("no container of {service} runs"))
}

fn fill(machine: &mut Machine) -> Outcome {
    let path = machine.folder().join("data/fill");
    let filled = machine.inside("dd").args(["if=/dev/zero", "bs=1M"]).arg(format!("of={}", path.display())).output();
    let filled = filled.map_err(|error| error.to_string())?;
    let output = String::from_utf8_lossy(&filled.stderr).into_owned();
    ensure!(output.contains("No space left on device"), "{output}");
    Ok(())
}

fn empty(machine: &mut Machine) -> Outcome {
    let path = machine.folder().join("data/fill");
    let gone = machine.inside("rm").arg(path).status().map_err(|error| error.to_string())?;
    ensure!(gone.success(), "{gone}");
    Ok(())
}

/// Limits the memory of a service, and runs a process in it that needs more.
fn exhaust(machine: &mut Machine) -> Outcome {
    let (docker, id) = (machine.docker()?, container(machine, "web")?);
    let most = Some(192 << 20);
    let little = ContainerUpdateBody { memory: most, memory_swap: most, ..ContainerUpdateBody::default() };
    machine.request(docker.update_container(&id, little))?;
    let greedy = ["python3", "-c", "x = b'x' * (400 << 20)"].map(str::to_owned).to_vec();
    machine.request(exec(&docker, &id, greedy))
}

async fn exec(docker: &Docker, id: &str, argv: Vec<String>) -> Result<(), bollard::errors::Error> {
    let options = CreateExecOptions { cmd: Some(argv), ..CreateExecOptions::default() };
    let exec = docker.create_exec(id, options).await?.id;
    docker.start_exec(&exec, None).await.map(drop)
}

fn remove_network(machine: &mut Machine) -> Outcome {
    let docker = machine.docker()?;
    let filters = labelled("org.rehearse.run");
    let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
    for network in machine.request(docker.list_networks(Some(options)))? {
        let name = network.name.unwrap_or_default();
        let inside = machine.request(docker.inspect_network(&name, None))?.containers.unwrap_or_default();
        // The run notices the first disconnection, and starts to remove everything itself.
        let gone = inside.into_keys().map(|container| {
            let request = NetworkDisconnectRequest { container, force: Some(true) };
            machine.request(docker.disconnect_network(&name, request))
        });
        let done = gone.filter(Result::is_ok).count();
        ensure!(done > 0, "no container was disconnected from {name}");
        let _too_late = machine.request(docker.remove_network(&name));
    }
    Ok(())
}

fn remove_image(machine: &mut Machine) -> Outcome {
    let docker = machine.docker()?;
    let images = machine.request(docker.list_images(None::<bollard::query_parameters::ListImagesOptions>))?;
    let of_next = |tag: &String| tag.contains("rehearse/specimen:2.0");
    let image = images.into_iter().find(|image| image.repo_tags.iter().any(of_next)).ok_or("no image of 2.0")?;
    let force = RemoveImageOptionsBuilder::new().force(true).build();
    machine.request(docker.remove_image(&image.id, Some(force), None)).map(drop)
}

/// Runs the first `times` cases one after another, all on one machine.
pub(crate) fn first(times: usize) -> Outcome {
    let mut machine = Machine::new()?;
    let mut wrong = Vec::new();
    for case in ALL.iter().take(times) {
        if let Err(reason) = one(&mut machine, case) {
            wrong.push(format!("{}: {reason}", case.name));
        }
        (case.repair)(&mut machine).map_err(|error| format!("after {}: {error}", case.name))?;
        let left = machine.things().map_err(|error| format!("{error}: {wrong:#?}"))?;
        if !left.is_empty() {
            wrong.push(format!("{}: left behind: {left:?}", case.name));
            sweep(&machine)?;
        }
    }
    ensure!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

fn one(machine: &mut Machine, case: &Case) -> Outcome {
    let mut rehearsal = Rehearsal::start(machine, case.name)?;
    rehearsal.reaches(case.stage)?;
    (case.action)(machine)?;
    let ended = rehearsal.ends()?;
    ended.reported()?;
    let (stage, description) = describe(&ended, case.kind)?;
    ensure!(ended.code == Some(3), "exit {:?}, {stage}: {description}: {}", ended.code, ended.output);
    let gone = case.kind == "engine-gone";
    let leftovers = ended.summary()?["leftovers"].as_array().map_or(0, Vec::len);
    ensure!(gone == (leftovers > 0), "{leftovers} leftovers are reported");
    ensure!(ended.output.contains(case.kind), "not on the terminal: {}", ended.output);
    table::interference(case.name, case.stage, 3, &description)
}

/// The stage whose record has an interference of a kind, and its description.
fn describe(ended: &Ended, kind: &str) -> Result<(String, String), String> {
    let summary = ended.summary()?;
    let stages = summary["stages"].as_array().cloned().unwrap_or_default();
    for stage in stages {
        for it in stage["interferences"].as_array().into_iter().flatten() {
            if it["kind"] == kind {
                let word = |key: &str| it[key].as_str().unwrap_or_default().to_owned();
                let output = format!("{kind}: {}: {}; {}", word("object"), word("observed"), word("remedy"));
                return Ok((stage["id"].as_str().unwrap_or_default().to_owned(), output));
            }
        }
    }
    let actual = summary.get("stages").cloned().unwrap_or(Value::Null);
    Err(format!("no stage reports {kind}: exit {:?}: {} {actual}", ended.code, ended.output))
}
