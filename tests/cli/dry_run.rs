//! A dry run needs no container engine, and says every container and command as a run would make them; what it says of
//! GitLab is held to what is known of the official image.

use super::{Tried, check, rehearse, scratch};

const SCENARIO: &str = "scenarios/gitlab-15.11-to-18.2.yaml";

fn dry(arguments: &[&str]) -> Result<String, Box<dyn std::error::Error>> {
    let ran = std::process::Command::new(env!("CARGO_BIN_EXE_rehearse"))
        .args(["run", "--dry-run"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        // No engine could be asked.
        .env("DOCKER_HOST", "tcp://127.0.0.1:1")
        .output()?;
    assert_eq!((ran.status.code(), String::from_utf8(ran.stderr)?), (Some(0), String::new()));
    Ok(String::from_utf8(ran.stdout)?)
}

/// The lines of one stage.
fn stage<'t>(text: &'t str, id: &str) -> Result<&'t str, String> {
    let start = text.find(&format!(" {id}: ")).ok_or_else(|| format!("no stage {id}"))?;
    let rest = &text[start..];
    let next = rest.match_indices('\n').find(|(at, _)| rest[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
    Ok(&rest[..next.map_or(rest.len(), |(at, _)| at)])
}

#[test]
fn the_containers_of_gitlab_are_those_of_the_official_image() -> Tried {
    let text = dry(&[SCENARIO])?;
    // doc/install/docker and docker/ of omnibus-gitlab: names, volumes, ports, variables, shared memory, time to stop.
    let container = |image: &str| {
        format!(
            "    container gitlab\n        image gitlab/gitlab-ce:{image}\n        hostname gitlab.example.com\n        \
             env GITLAB_OMNIBUS_CONFIG=external_url 'http://gitlab.example.com'; puma['worker_processes'] = 0;"
        )
    };
    let rest = "        volume config:/etc/gitlab\n        volume data:/var/opt/gitlab\n        volume logs:/var/log/gitlab\n        \
                tmpfs /rehearsal\n        port 80\n        port 443\n        port 22\n        shm-size 256m\n        memory 8g\n        \
                stop-grace 2m 00s\n";
    for (id, release) in [
        ("deploy", "15.11.13"),
        ("hop-1/upgrade", "16.0.10"),
        ("hop-4/upgrade", "16.3.9"),
        ("hop-12/upgrade", "18.2.8"),
        ("rollback/deploy", "15.11.13"),
    ] {
        let lines = stage(&text, id)?;
        assert!(lines.contains(&container(&format!("{release}-ce.0"))), "{id}:\n{lines}");
        assert!(lines.contains(rest), "{id}:\n{lines}");
        assert!(lines.contains("-H 'Host: gitlab.example.com' 'http://localhost/-/readiness?all=1'"), "{id}");
    }
    assert!(!text.contains(":latest"), "no moving tag is ever used");
    Ok(())
}

#[test]
fn images_of_the_hops_stand_in_the_order_of_the_hops() -> Tried {
    let text = dry(&[SCENARIO])?;
    let lines = stage(&text, "images-hops")?;
    let images: Vec<&str> =
        lines.lines().filter_map(|line| line.trim().strip_prefix("image gitlab/gitlab-ce:")).collect();
    let expected = [
        "16.0.10", "16.1.8", "16.2.11", "16.3.9", "16.7.10", "16.11.10", "17.1.8", "17.3.7", "17.5.5", "17.8.7",
        "17.11.7", "18.2.8",
    ];
    assert_eq!(images, expected.map(|release| format!("{release}-ce.0")));
    Ok(())
}

#[test]
fn the_commands_of_gitlab_are_those_of_its_documents() -> Tried {
    let text = dry(&[SCENARIO])?;
    let has = |id: &str, wanted: &[&str]| -> Tried {
        let lines = stage(&text, id)?;
        let mut rest = lines;
        for part in wanted {
            let at =
                rest.find(part).ok_or_else(|| format!("{id} lacks {part:?}, or has it in another order:\n{lines}"))?;
            rest = &rest[at + part.len()..];
        }
        Ok(())
    };
    // The order of restore_gitlab.md for Docker: secrets before the first start, services stopped, restore, reconfigure,
    // restart.
    has(
        "restore",
        &[
            "copy gitlab-secrets.json to gitlab:/etc/gitlab/gitlab-secrets.json",
            "its log has a line that matches gitlab Reconfigured!",
            "upgrade-status/db-migrate-*-\"$revision\"",
            "copy archive to gitlab:/var/opt/gitlab/backups/rehearsal_gitlab_backup.tar",
            "chown git:git",
            "gitlab-ctl stop puma",
            "gitlab-ctl stop sidekiq",
            "gitlab-backup restore BACKUP=rehearsal force=yes",
            "gitlab-ctl reconfigure",
            "restart gitlab",
            "gitlab-rake db:migrate:status",
        ],
    )?;
    // In the old container, about the next release.
    has(
        "hop-4/preflight",
        &["next='16.3.9'; gitlab-ctl check-config", "16.3.9 needs $needed", "free $free KiB", "status not in (3, 6)"],
    )?;
    has(
        "hop-4/upgrade",
        &[
            "stop gitlab",
            "replace gitlab; its volumes stay",
            "start gitlab, which upgrades itself",
            "Reconfigured!",
            "db:migrate:status",
        ],
    )?;
    has(
        "hop-4/settle",
        &["status not in (3, 6)", "gitlab:background_migrations:finalize[", "without progress for 30m"],
    )?;
    assert!(
        !stage(&text, "hop-4/settle")?.contains("Gitlab::BackgroundMigration.remaining"),
        "the old queue ends with 15.0"
    );
    has(
        "hop-4/check",
        &[
            "/opt/gitlab/version-manifest.json",
            "/api/v4/version as admin",
            "/api/v4/metadata as admin",
            "{ metadata { version revision } }",
            "readiness?all=1",
            "Sidekiq::Stats.new.processed",
            "gitlab-rake gitlab:check SANITIZE=true",
            "gitlab-rake gitlab:doctor:secrets",
            "gitlab-rake gitlab:git:checksum_projects",
            "git push",
            "gitlab:ci_secure_files:check",
        ],
    )?;
    has(
        "decide",
        &["stop at 16.0.10", "(select count(*) from users) > 30000", "stop at 17.1.8", "n_live_tup > 1500000"],
    )?;
    Ok(())
}

#[test]
fn a_dry_run_fills_in_what_is_known_and_hides_what_is_secret() -> Tried {
    let text = dry(&[SCENARIO])?;
    assert!(!text.contains("rehearsal-0123456789") && text.contains("[settings.admin_token is not shown]"));
    assert!(!text.contains("{{"), "{:?}", text.lines().find(|line| line.contains("{{")));
    for known in ["<captured.project>.git", "gitlab-rake <each.what>", "branch='rehearsal-<run>-4'"] {
        assert!(text.contains(known), "{known}");
    }
    // Before anything runs: what is known of each hop, and of what day the lists are.
    for expected in
        ["releases as of 2026-08-21", "base system: Ubuntu 20.04 → Ubuntu 22.04", "Docker 20.10.10 or newer"]
    {
        assert!(text.contains(expected), "{expected}");
    }
    let ee = dry(&["--from", "17.11.7", "--to", "18.2.8-ee", SCENARIO])?;
    assert!(stage(&ee, "deploy")?.contains("image gitlab/gitlab-ce:17.11.7-ce.0"), "{ee}");
    assert!(stage(&ee, "hop-1/upgrade")?.contains("image gitlab/gitlab-ee:17.11.7-ee.0"));
    assert!(stage(&ee, "hop-2/upgrade")?.contains("image gitlab/gitlab-ee:18.2.8-ee.0"));
    Ok(())
}

#[test]
fn every_shipped_scenario_has_a_dry_run() -> Tried {
    for entry in std::fs::read_dir(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let text = dry(&[&path.display().to_string()])?;
            assert!(text.contains("teardown") && !text.contains("{{ "), "{}: {text}", path.display());
        }
    }
    Ok(())
}

#[test]
fn a_dry_run_of_bad_input_is_bad_input() -> Tried {
    let (_folder, path) = scratch("s.yaml", "scenario: s\nproduct: gitlab\nfrom: 17.1.5\nto: 17.3.7\nbackup: b\n")?;
    check(&["run", "--dry-run", &path], 2, &[], &["release 17.1.5 was never published", "s.yaml"])?;
    check(&["run", "--dry-run", "--setup", SCENARIO], 2, &[], &["--setup"])?;
    let ran = rehearse(&["run", "--dry-run", "--out", "/nowhere/at/all", SCENARIO])?;
    assert_eq!(ran.status.code(), Some(0), "nothing is written");
    Ok(())
}

#[test]
fn a_dry_run_ends_as_the_run_would() -> Tried {
    const HEAD: &str = "scenario: s\nproduct: redmine\nfrom: 5.0.4\nto: \"6.1\"\nbackup: b\n";
    for (steps, exit, said) in [
        ("[]", 0, None),
        // What only a run knows may be a number.
        (
            "[{ sql: { query: select 1, capture: { n: value } } }, { sql: { query: \"select {{ captured.n|int + 1 }}\" } }]",
            0,
            None,
        ),
        ("[{ sql: { query: \"select {{ captured.n }}\" } }]", 2, Some("`captured.n` has no value")),
        ("[{ sql: { query: \"select {{ 1|nope }}\" } }]", 3, Some("filter nope is unknown")),
        (
            "[{ exec: { service: web, command: [echo, \"{{ release.minor }}\"] } }]",
            3,
            Some("`release.minor` is not defined"),
        ),
        (
            "[{ http: { service: web, port: 3000, path: /, expect: { contains: [\"{{ from|nope }}\"] } } }]",
            3,
            Some("filter nope is unknown"),
        ),
    ] {
        let (_folder, path) = scratch("s.yaml", &format!("{HEAD}prepare: {steps}\n"))?;
        let ran = rehearse(&["run", "--dry-run", &path])?;
        let (out, err) = (String::from_utf8(ran.stdout)?, String::from_utf8(ran.stderr)?);
        assert_eq!(ran.status.code(), Some(exit), "{steps}: {err}");
        assert!(said.map_or(err.is_empty(), |said| err.contains(said)), "{steps}: {err}");
        assert_eq!(out.contains("teardown"), exit != 2, "{steps}: {out}");
    }
    let (_folder, path) = scratch("s.yaml", HEAD)?;
    let images = tempfile::tempdir()?;
    std::fs::create_dir(images.path().join("x"))?;
    std::fs::write(images.path().join("x/image.yaml"), "image: [\n")?;
    let ran = rehearse(&["run", "--dry-run", "--images", &images.path().display().to_string(), &path])?;
    assert_eq!(ran.status.code(), Some(2), "the recipes are read too");
    Ok(())
}
