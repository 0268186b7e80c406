//! What somebody, or the kernel, does to a run that goes on: each ends it as inconclusive and is named as what it is.

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

struct Disturbed {
    name: &'static str,
    /// The stage that it befalls.
    stage: &'static str,
    kind: &'static str,
    action: fn(&mut Machine) -> Outcome,
    /// Makes the machine whole again.
    mend: fn(&mut Machine) -> Outcome,
}

const NOTHING: fn(&mut Machine) -> Outcome = |_| Ok(());

/// The first few are tried with every change.
const ALL: [Disturbed; 10] = [
    Disturbed {
        name: "the engine is stopped and started again",
        stage: "baseline",
        kind: "engine-restarted",
        action: |machine| machine.stop_engine(Signal::TERM).and_then(|()| machine.start_engine()),
        mend: NOTHING,
    },
    Disturbed {
        name: "the disk of the engine is full",
        stage: "restore",
        kind: "disk-full",
        action: fill,
        mend: empty,
    },
    Disturbed {
        name: "a process is killed for want of memory",
        stage: "hop-1/check",
        kind: "out-of-memory",
        action: exhaust,
        mend: NOTHING,
    },
    Disturbed {
        name: "the network is removed",
        stage: "baseline",
        kind: "network-touched",
        action: remove_network,
        mend: NOTHING,
    },
    Disturbed {
        name: "the engine is killed and started again",
        stage: "hop-1/check",
        kind: "engine-restarted",
        action: |machine| machine.stop_engine(Signal::KILL).and_then(|()| machine.start_engine()),
        mend: NOTHING,
    },
    Disturbed {
        name: "the engine is stopped and stays away",
        stage: "hop-1/upgrade",
        kind: "engine-gone",
        action: |machine| machine.stop_engine(Signal::TERM),
        mend: |machine| {
            machine.start_engine()?;
            sweep(machine).map(drop)
        },
    },
    Disturbed {
        name: "the image of the next release is removed",
        stage: "baseline",
        kind: "image-touched",
        action: remove_image,
        mend: Machine::load_images,
    },
    Disturbed {
        name: "a container is killed",
        stage: "hop-1/check",
        kind: "container-touched",
        action: |machine| {
            let (docker, id) = (machine.docker()?, container(machine, "worker")?);
            machine.ask(docker.kill_container(&id, None::<KillContainerOptions>))
        },
        mend: NOTHING,
    },
    Disturbed {
        name: "a container is paused",
        stage: "baseline",
        kind: "container-touched",
        action: |machine| {
            let (docker, id) = (machine.docker()?, container(machine, "db")?);
            machine.ask(docker.pause_container(&id))
        },
        mend: NOTHING,
    },
    Disturbed {
        name: "a container of the rollback is removed",
        stage: "rollback/check",
        kind: "container-touched",
        action: |machine| {
            let (docker, id) = (machine.docker()?, container(machine, "web-2")?);
            let force = bollard::query_parameters::RemoveContainerOptionsBuilder::new().force(true).build();
            machine.ask(docker.remove_container(&id, Some(force)))
        },
        mend: NOTHING,
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
    let found = machine.ask(docker.list_containers(Some(options)))?;
    found.into_iter().find_map(|it| it.id).ok_or_else(|| format!("no container of {service} runs"))
}

fn fill(machine: &mut Machine) -> Outcome {
    let path = machine.folder().join("data/fill");
    let filled = machine.inside("dd").args(["if=/dev/zero", "bs=1M"]).arg(format!("of={}", path.display())).output();
    let filled = filled.map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&filled.stderr).into_owned();
    ensure!(said.contains("No space left on device"), "{said}");
    Ok(())
}

fn empty(machine: &mut Machine) -> Outcome {
    let path = machine.folder().join("data/fill");
    let gone = machine.inside("rm").arg(path).status().map_err(|error| error.to_string())?;
    ensure!(gone.success(), "{gone}");
    Ok(())
}

/// A service gets little memory, and a process in it that wants more.
fn exhaust(machine: &mut Machine) -> Outcome {
    let (docker, id) = (machine.docker()?, container(machine, "web")?);
    let most = Some(192 << 20);
    let little = ContainerUpdateBody { memory: most, memory_swap: most, ..ContainerUpdateBody::default() };
    machine.ask(docker.update_container(&id, little))?;
    let greedy = ["python3", "-c", "x = b'x' * (400 << 20)"].map(str::to_owned).to_vec();
    machine.ask(exec(&docker, &id, greedy))
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
    for network in machine.ask(docker.list_networks(Some(options)))? {
        let name = network.name.unwrap_or_default();
        let inside = machine.ask(docker.inspect_network(&name, None))?.containers.unwrap_or_default();
        // The run notices the first of them, and begins to remove everything itself.
        let gone = inside.into_keys().map(|container| {
            let request = NetworkDisconnectRequest { container, force: Some(true) };
            machine.ask(docker.disconnect_network(&name, request))
        });
        let done = gone.filter(Result::is_ok).count();
        ensure!(done > 0, "no container was taken off {name}");
        let _too_late = machine.ask(docker.remove_network(&name));
    }
    Ok(())
}

fn remove_image(machine: &mut Machine) -> Outcome {
    let docker = machine.docker()?;
    let images = machine.ask(docker.list_images(None::<bollard::query_parameters::ListImagesOptions>))?;
    let of_next = |tag: &String| tag.contains("rehearse/specimen:2.0");
    let image = images.into_iter().find(|image| image.repo_tags.iter().any(of_next)).ok_or("no image of 2.0")?;
    let force = RemoveImageOptionsBuilder::new().force(true).build();
    machine.ask(docker.remove_image(&image.id, Some(force), None)).map(drop)
}

/// The first so many in turn, all on one machine.
pub(crate) fn first(times: usize) -> Outcome {
    let mut machine = Machine::new()?;
    let mut wrong = Vec::new();
    for case in ALL.iter().take(times) {
        if let Err(reason) = one(&mut machine, case) {
            wrong.push(format!("{}: {reason}", case.name));
        }
        (case.mend)(&mut machine).map_err(|error| format!("after {}: {error}", case.name))?;
        let left = machine.things().map_err(|error| format!("{error}: {wrong:#?}"))?;
        if !left.is_empty() {
            wrong.push(format!("{}: left behind: {left:?}", case.name));
            sweep(&machine)?;
        }
    }
    ensure!(wrong.is_empty(), "{wrong:#?}");
    Ok(())
}

fn one(machine: &mut Machine, case: &Disturbed) -> Outcome {
    let mut rehearsal = Rehearsal::start(machine, case.name)?;
    rehearsal.reaches(case.stage)?;
    (case.action)(machine)?;
    let ended = rehearsal.ends()?;
    ended.reported()?;
    let (stage, told) = told(&ended, case.kind)?;
    ensure!(ended.code == Some(3), "exit {:?}, {stage}: {told}: {}", ended.code, ended.said);
    let gone = case.kind == "engine-gone";
    let leftovers = ended.summary()?["leftovers"].as_array().map_or(0, Vec::len);
    ensure!(gone == (leftovers > 0), "{leftovers} leftovers are told of");
    ensure!(ended.said.contains(case.kind), "nothing of it on the terminal: {}", ended.said);
    table::interference(case.name, case.stage, 3, &told)
}

/// The stage whose record names a disturbance of a kind, and what is said of it.
fn told(ended: &Ended, kind: &str) -> Result<(String, String), String> {
    let summary = ended.summary()?;
    let stages = summary["stages"].as_array().cloned().unwrap_or_default();
    for stage in stages {
        for it in stage["interferences"].as_array().into_iter().flatten() {
            if it["kind"] == kind {
                let word = |key: &str| it[key].as_str().unwrap_or_default().to_owned();
                let said = format!("{kind}: {}: {}; {}", word("object"), word("observed"), word("remedy"));
                return Ok((stage["id"].as_str().unwrap_or_default().to_owned(), said));
            }
        }
    }
    let seen = summary.get("stages").cloned().unwrap_or(Value::Null);
    Err(format!("no stage tells of {kind}: exit {:?}: {} {seen}", ended.code, ended.said))
}
