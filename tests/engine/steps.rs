//! Steps: what they pass on, which of them apply, and the proof that nothing of the old release runs.

use std::time::Duration;

use rehearse_core::outcome::verdict::Exit;

use super::case::Rehearsal;
use super::scripted::{Behaviour, Fallible};

#[tokio::test(start_paused = true)]
async fn a_service_that_keeps_running_after_its_stop_fails_the_hop_before_the_upgrade() -> Fallible {
    let rehearsal = Rehearsal::new()?.product("  - replace: [web]\n  - run", "  - run")?;
    rehearsal.world.on("stop main/web", Behaviour::KeepsRunning);
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Failed);
    result.expect_outcomes(&["hop-1/upgrade failed"])?;
    result.expect_message("hop-1/upgrade", "service web: expected it is stopped, seen it still runs")?;
    assert_eq!(result.world.count("run main/web"), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn sessions_that_linger_fail_the_hop_before_the_upgrade() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("sessions main", Behaviour::Sessions(2));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-1/upgrade failed"])?;
    result.expect_message(
        "hop-1/upgrade",
        "database main: expected no session once every service on it is stopped, seen 2 sessions",
    )?;
    assert_eq!(result.world.count("run main/web"), 0);
    let lingered = Duration::from_secs(10);
    assert!(result.elapsed >= lingered && result.elapsed < lingered + Duration::from_secs(1), "{:?}", result.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn sessions_that_go_soon_are_waited_for() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("sessions main", 1, Behaviour::Sessions(2));
    rehearsal.world.nth("sessions main", 1, Behaviour::Sessions(1));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_restarted_or_upgraded_itself_does_not_count_as_stopped() -> Fallible {
    for again in ["restart: [web]", "start-upgrading: { service: web, until: { http: { port: 80, path: /up } } }"] {
        let upgrade =
            format!("  - {again}\n  - stop: [db]\n  - start: [db]\n  - exec: {{ service: web, command: [warm] }}\n");
        let result = Rehearsal::new()?
            .product("migrations: rails, deadline: 20m }\n  - start: [web]\n", &format!("deadline: 20m }}\n{upgrade}"))?
            .run()
            .await?;
        assert_eq!(result.exit(), Exit::Passed, "{again}: {}", result.all_messages());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn variables_come_from_a_file_of_the_backup_and_the_product_file_overrides_them() -> Fallible {
    let result = Rehearsal::new()?.product("    ports: [80]", "    env-file: web.env\n    ports: [80]")?.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    for call in ["create main/web", "run main/web", "create rollback/web"] {
        let env = result.world.spec(call)?.env;
        let values = ["SECRET", "COLOUR", "QUOTED"].map(|name| env[name].as_str());
        assert_eq!(values, ["from=backup", "green", "\"$COLOUR\" "], "{call}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_a_step_captures_is_used_by_a_later_one() -> Fallible {
    let rehearsal = Rehearsal::new()?.product(
        "preflight: []",
        "preflight:\n  - exec: { service: web, command: [token], capture: { token: { text: 'token=(\\w+)' } } }\n  - sql: { query: \"select '{{ captured.token }}'\", capture: { count: value } }\n  - http: { service: web, port: 80, path: '/use/{{ captured.token }}/{{ captured.count }}' }",
    )?;
    rehearsal.world.on("exec main/web: token", Behaviour::Exit(0, "token=xyz\n"));
    rehearsal.world.on("select 'xyz'", Behaviour::Rows(&["7"]));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    assert_eq!(result.world.count("http main/web GET /use/xyz/7"), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_value_that_cannot_be_captured_is_inconclusive() -> Fallible {
    let result = Rehearsal::new()?
        .product(
            "preflight: []",
            "preflight: [{ exec: { service: web, command: [token], capture: { token: { text: 'token=(\\w+)' } } } }]",
        )?
        .run()
        .await?;
    result.expect_outcomes(&["hop-1/preflight inconclusive", "hop-1/upgrade skipped", "rollback/check passed"])?;
    result.expect_message("hop-1/preflight", "there is no value to capture as token")
}

#[tokio::test(start_paused = true)]
async fn the_release_chooses_among_variants_of_a_step() -> Fallible {
    let result = Rehearsal::new()?
        .product(
            "  - run: { name: migrate, service: web, command: [migrate],",
            "  - run: { service: web, command: [migrate-old], releases: '<1.2' }\n  - run: { name: migrate, service: web, command: [migrate-new], releases: '>=1.2',",
        )?
        .run()
        .await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    assert_eq!((result.world.count("migrate-old"), result.world.count("migrate-new")), (1, 1));
    result.world.expect_calls(&["run main/web: migrate-old", "run main/web: migrate-new"])
}

#[tokio::test(start_paused = true)]
async fn a_line_of_an_earlier_start_does_not_make_a_service_ready() -> Fallible {
    let rehearsal = Rehearsal::new()?
        .product("ready: { http: { port: 80, path: /up } }", "ready: { log: '^listening' }")?
        .product("preflight: []", "preflight: [{ restart: [web] }]")?;
    rehearsal.world.nth("start main/web", 2, Behaviour::Prints(&[(2000, "listening again")], None));
    rehearsal.world.on("start", Behaviour::Prints(&[(0, "listening")], None));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    assert!(result.elapsed >= Duration::from_secs(2), "the restart was not waited for: {:?}", result.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn settling_waits_for_its_condition_and_shows_progress() -> Fallible {
    let rehearsal = Rehearsal::new()?.product(
        "settle: []",
        "settle: [{ wait-until: { name: jobs are done, condition: { sql: { sql: select done } }, progress: { sql: select jobs }, deadline: 10m } }]",
    )?;
    let minute = Duration::from_secs(60);
    rehearsal.world.nth("select done", 2, Behaviour::After(minute, Box::new(Behaviour::Normal)));
    rehearsal.world.nth("select done", 1, Behaviour::Rows(&["f"]));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    rehearsal_took(result.elapsed, minute)
}

fn rehearsal_took(elapsed: Duration, about: Duration) -> Fallible {
    if elapsed >= about && elapsed < about + Duration::from_secs(1) {
        Ok(())
    } else {
        Err(format!("{elapsed:?}").into())
    }
}

#[tokio::test(start_paused = true)]
async fn settling_that_never_ends_fails_at_its_limit_and_shows_its_progress() -> Fallible {
    let rehearsal = Rehearsal::new()?.product(
        "settle: []",
        "settle: [{ wait-until: { name: jobs are done, condition: { sql: { sql: select done } }, progress: { sql: select jobs }, deadline: 10m } }]",
    )?;
    rehearsal.world.on("select done", Behaviour::Rows(&["f"]));
    rehearsal.world.on("select jobs", Behaviour::Rows(&["17"]));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-1/settle failed", "hop-1/check skipped", "rollback/check passed"])?;
    result.expect_message("hop-1/settle", "jobs are done: expected within 600s, seen not yet: the value is f")?;
    let progress = result.progress("hop-1/settle");
    assert!(progress.iter().any(|(_, text)| text.contains("17")), "{progress:?}");
    rehearsal_took(result.elapsed, Duration::from_secs(600))
}

#[tokio::test(start_paused = true)]
async fn a_warning_is_shown_and_fails_nothing() -> Fallible {
    let rehearsal = Rehearsal::new()?.product("deadline: 20m }", "deadline: 20m, warnings: DEPRECATED }")?;
    rehearsal.world.on("run main/web: migrate", Behaviour::Exit(0, "DEPRECATED: x\nfine\n"));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    result.expect_message("hop-1/upgrade", "warning from migrate: DEPRECATED: x")
}

#[tokio::test(start_paused = true)]
async fn a_service_that_exits_during_a_command_is_the_first_finding() -> Fallible {
    for ends in [Behaviour::Exit(137, ""), Behaviour::Error("its container stopped")] {
        let rehearsal =
            Rehearsal::new()?.product("preflight: []", "preflight:\n  - exec: { service: web, command: [look] }")?;
        rehearsal.world.on("exec main/web: look", Behaviour::ServiceExits("main/web", 3, Box::new(ends)));
        let result = rehearsal.run().await?;
        assert_eq!(result.exit(), Exit::Failed, "{:#?}", result.outcomes());
        result.expect_outcomes(&["hop-1/preflight failed"])?;
        result.expect_message(
            "hop-1/preflight",
            "service web: expected it keeps running during: look in web, seen it exited with code 3",
        )?;
        result.expect_message("hop-1/preflight", "its last lines: it starts / FATAL: it is out of ideas")?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_database_in_a_stopped_service_is_not_queried_for_sessions() -> Fallible {
    // As with one container for everything: its database stops with it.
    let stops = Rehearsal::new()?.product(
        "  - stop: [web]\n  - replace: [web]\n",
        "  - stop: [web, db]\n  - replace: [web]\n  - start: [db]\n",
    )?;
    stops.world.on("sessions main", Behaviour::Error("nobody answers"));
    let result = stops.run().await?;
    assert_eq!((result.exit(), result.world.count("sessions main")), (Exit::Passed, 0), "{}", result.all_messages());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_wait_applies_to_its_releases_only() -> Fallible {
    for (releases, waits) in [("<1", 0), (">=1.2", 1), ("<1.2", 1), ("*", 2)] {
        let settle = format!(
            "settle: [{{ wait-until: {{ name: jobs, releases: \"{releases}\", condition: {{ sql: {{ sql: select jobs }} }}, deadline: 1m }} }}]"
        );
        let rehearsal = Rehearsal::new()?.product("settle: []", &settle)?;
        rehearsal.world.on("select jobs", Behaviour::Rows(&["t"]));
        let result = rehearsal.run().await?;
        assert_eq!(
            (result.exit(), result.world.count("select jobs")),
            (Exit::Passed, waits),
            "{releases}: {}",
            result.all_messages()
        );
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_service_gets_its_hostname() -> Fallible {
    let result = Rehearsal::new()?
        .product("    ports: [80]", "    hostname: \"{{ settings.colour }}.example\"\n    ports: [80]")?
        .run()
        .await?;
    let spec = result.world.spec("create main/web")?;
    assert_eq!(spec.hostname.as_deref(), Some("green.example"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn log_files_are_found_by_pattern() -> Fallible {
    let logs = "    logs: [/log/app-*.log]\n    ports: [80]";
    let listing = "main/web: sh -c for file in";
    let rehearsal = Rehearsal::new()?.product("    ports: [80]", logs)?;
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "a pattern without files is fine: {}", result.all_messages());
    let rehearsal = Rehearsal::new()?.product("    ports: [80]", logs)?;
    rehearsal.world.on(listing, Behaviour::Exit(0, "/log/app-1.log\n/log/app-2.log\n"));
    let result = rehearsal.run().await?;
    let values =
        result.world.count("copy-out main/web:/log/app-1.log") + result.world.count("copy-out main/web:/log/app-2.log");
    assert!(values >= 4, "{values} copies");
    let rehearsal = Rehearsal::new()?.product("    ports: [80]", logs)?;
    rehearsal.world.on(listing, Behaviour::Exit(1, "no shell"));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Inconclusive);
    result.expect_message("baseline", "its log files cannot be listed")
}
