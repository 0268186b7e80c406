//! A dry run prints exactly the specs that a run hands to its host, field by field, because a service is resolved in one
//! place only. A second resolution would have to treat releases, hops, settings, the scenario's changes and the product's
//! defaults in the same way to pass here.

use std::collections::BTreeSet;

use rehearse::cli::dry_run_text;
use rehearse::load::Loaded;
use rehearse_core::deployment::{MountSource, ServiceSpec, command_line};
use rehearse_core::outcome::verdict::Exit;
use rehearse_core::planning::plan::humane;

use super::case::Rehearsal;
use super::scripted::Fallible;

/// A service with every field that a service can have, and a placeholder wherever one is allowed.
const WEB: &str = r#"    image: "shop:{{ release }}"
    versioned: true
    entrypoint: ["/init", "--release={{ release }}", "--hop={{ hop }}"]
    command: 'serve {{ settings.colour }} {{ from }} {{ to }} {{ stage }} {{ product }}'
    user: app
    workdir: /srv
    hostname: "web-{{ settings.colour }}"
    aliases: [www, shop]
    volumes: { files: /files, cache: /cache }
    tmpfs: [/run/fast]
    shm-size: 64m
    memory: 1g
    cpus: 1.5
    stop-grace: 25s
"#;

/// A spec as a dry run prints it, without what only a run knows: the ids of the image and of the run.
fn printed(spec: &ServiceSpec) -> String {
    let mut text = String::new();
    let mut line = |what: &str, value: String| {
        let value = value.lines().next().unwrap_or_default().to_owned();
        text.push_str(&format!("        {what} {value}\n"));
    };
    line("image", spec.image.trim_start_matches("id of ").to_owned());
    spec.hostname.iter().for_each(|it| line("hostname", it.clone()));
    spec.entrypoint.iter().for_each(|it| line("entrypoint", command_line(it)));
    spec.command.iter().for_each(|it| line("command", command_line(it)));
    spec.user.iter().for_each(|it| line("user", it.clone()));
    spec.workdir.iter().for_each(|it| line("workdir", it.clone()));
    spec.env.iter().for_each(|(key, value)| line("env", format!("{key}={value}")));
    for mount in &spec.mounts {
        match &mount.source {
            MountSource::Volume(name) => line("volume", format!("{name}:{}", mount.target)),
            MountSource::Memory => line("tmpfs", mount.target.clone()),
        }
    }
    spec.aliases.iter().for_each(|it| line("alias", it.clone()));
    spec.ports.iter().for_each(|it| line("port", it.to_string()));
    spec.shm_size.iter().for_each(|it| line("shm-size", format!("{}m", it >> 20)));
    spec.memory.iter().for_each(|it| line("memory", format!("{}g", it >> 30)));
    spec.cpus.iter().for_each(|it| line("cpus", it.to_string()));
    if spec.stop_grace.as_secs() != 10 {
        line("stop-grace", humane(spec.stop_grace));
    }
    text
}

/// The containers that a dry run prints for a service, in order, up to when it is ready.
fn containers(text: &str, service: &str) -> Vec<String> {
    let opening = format!("    container {service}");
    let mut found = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line != opening {
            continue;
        }
        let mut block = String::new();
        while let Some(fact) = lines.next_if(|line| line.starts_with("        ") && !line.ends_with("ready when")) {
            block.push_str(&format!("{fact}\n"));
        }
        found.push(block);
    }
    found
}

async fn agree(scenario: &[&str]) -> Fallible {
    let mut rehearsal =
        Rehearsal::new()?.product("    image: \"shop:{{ release }}\"\n    versioned: true\n", WEB)?.product(
            "env: { COLOUR:",
            "env: { STAGE: '{{ stage }} of {{ run }}', HOP: '{{ from }} {{ to }} {{ hop }}', COLOUR:",
        )?;
    for line in scenario {
        rehearsal = rehearsal.scenario(line);
    }
    let case = rehearsal.case()?;
    let run = case.run.clone();
    let loaded = Loaded {
        product: case.product,
        scenario: case.scenario,
        plan: case.plan,
        backup: case.backup,
        folder: case.folder,
        unreached: None,
        previous: None,
    };
    let text = dry_run_text(&loaded).replace("<run>", run.short());
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    for service in ["db", "web"] {
        let in_dry_run = containers(&text, service);
        let specs = result.world.inner().specs.clone();
        let created =
            specs.iter().filter(|(call, _)| call.starts_with("create ") && call.ends_with(&format!("/{service}")));
        let created: Vec<String> = created.map(|(_, spec)| printed(spec)).collect();
        assert!(!created.is_empty(), "no {service} was made");
        assert_eq!(in_dry_run, created, "{service}, {scenario:?}");
        if service == "web" {
            let releases: BTreeSet<_> = created.iter().filter_map(|spec| spec.lines().next()).collect();
            assert!(releases.len() > 1, "only one release was made: {releases:?}");
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_prints_what_a_run_starts() -> Fallible {
    agree(&[]).await
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_prints_what_a_run_starts_with_the_changes_of_a_scenario() -> Fallible {
    agree(&[
        "settings: { colour: blue }",
        "services: { web: { env: { EXTRA: 'of {{ release }}' }, memory: 2g }, db: { env: { FAST: 'on' } } }",
    ])
    .await
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_prints_what_a_run_starts_with_a_rollback_in_place() -> Fallible {
    let steps = "[{ stop: [web] }, { replace: [web] }, { exec: { service: db, command: [load], stdin: dump.txt } }, { start: [web] }]";
    agree(&[&format!("rollback: {{ in-place: {steps} }}")]).await
}
