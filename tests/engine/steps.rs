//! Steps: what they hand on, which of them apply, and that nothing old runs beside them.

use std::time::Duration;

use rehearse_core::outcome::verdict::Exit;

use super::case::Rehearsal;
use super::scripted::{Deed, Fallible};

#[tokio::test(start_paused = true)]
async fn a_service_that_runs_on_after_its_stop_fails_the_hop_before_the_upgrade() -> Fallible {
    let rehearsal = Rehearsal::new()?.product("  - replace: [web]\n  - run", "  - run")?;
    rehearsal.world.on("stop main/web", Deed::Stays);
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Failed);
    ran.ended(&["hop-1/upgrade failed"])?;
    ran.says("hop-1/upgrade", "service web: expected it is stopped, seen it still runs")?;
    assert_eq!(ran.world.count("run main/web"), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn sessions_that_linger_fail_the_hop_before_the_upgrade() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("sessions main", Deed::Sessions(2));
    let ran = rehearsal.run().await?;
    ran.ended(&["hop-1/upgrade failed"])?;
    ran.says(
        "hop-1/upgrade",
        "database main: expected no session once every service on it is stopped, seen 2 sessions",
    )?;
    assert_eq!(ran.world.count("run main/web"), 0);
    let lingered = Duration::from_secs(10);
    assert!(ran.elapsed >= lingered && ran.elapsed < lingered + Duration::from_secs(1), "{:?}", ran.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn sessions_that_go_soon_are_waited_for() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("sessions main", 1, Deed::Sessions(2));
    rehearsal.world.nth("sessions main", 1, Deed::Sessions(1));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_restarted_or_upgraded_itself_is_not_held_to_be_stopped() -> Fallible {
    for again in ["restart: [web]", "start-upgrading: { service: web, until: { http: { port: 80, path: /up } } }"] {
        let upgrade =
            format!("  - {again}\n  - stop: [db]\n  - start: [db]\n  - exec: {{ service: web, command: [warm] }}\n");
        let ran = Rehearsal::new()?
            .product("migrations: rails, deadline: 20m }\n  - start: [web]\n", &format!("deadline: 20m }}\n{upgrade}"))?
            .run()
            .await?;
        assert_eq!(ran.exit(), Exit::Passed, "{again}: {}", ran.troubles());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_file_of_the_backup_fills_the_environment_and_the_file_of_the_product_outweighs_it() -> Fallible {
    let ran = Rehearsal::new()?.product("    ports: [80]", "    env-file: web.env\n    ports: [80]")?.run().await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    for call in ["create main/web", "run main/web", "create rollback/web"] {
        let env = ran.world.spec(call)?.env;
        let seen = ["SECRET", "COLOUR", "QUOTED"].map(|name| env[name].as_str());
        assert_eq!(seen, ["from=backup", "green", "\"$COLOUR\" "], "{call}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_a_step_captures_is_used_by_a_later_one() -> Fallible {
    let rehearsal = Rehearsal::new()?.product(
        "preflight: []",
        "preflight:\n  - exec: { service: web, command: [token], capture: { token: { text: 'token=(\\w+)' } } }\n  - sql: { query: \"select '{{ captured.token }}'\", capture: { count: value } }\n  - http: { service: web, port: 80, path: '/use/{{ captured.token }}/{{ captured.count }}' }",
    )?;
    rehearsal.world.on("exec main/web: token", Deed::Exit(0, "token=xyz\n"));
    rehearsal.world.on("select 'xyz'", Deed::Rows(&["7"]));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    assert_eq!(ran.world.count("http main/web GET /use/xyz/7"), 2);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_value_that_cannot_be_captured_is_inconclusive() -> Fallible {
    let ran = Rehearsal::new()?
        .product(
            "preflight: []",
            "preflight: [{ exec: { service: web, command: [token], capture: { token: { text: 'token=(\\w+)' } } } }]",
        )?
        .run()
        .await?;
    ran.ended(&["hop-1/preflight inconclusive", "hop-1/upgrade skipped", "rollback/check passed"])?;
    ran.says("hop-1/preflight", "there is no value to capture as token")
}

#[tokio::test(start_paused = true)]
async fn the_release_chooses_among_variants_of_a_step() -> Fallible {
    let ran = Rehearsal::new()?
        .product(
            "  - run: { name: migrate, service: web, command: [migrate],",
            "  - run: { service: web, command: [migrate-old], releases: '<1.2' }\n  - run: { name: migrate, service: web, command: [migrate-new], releases: '>=1.2',",
        )?
        .run()
        .await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    assert_eq!((ran.world.count("migrate-old"), ran.world.count("migrate-new")), (1, 1));
    ran.world.came_in_order(&["run main/web: migrate-old", "run main/web: migrate-new"])
}

#[tokio::test(start_paused = true)]
async fn a_line_of_an_earlier_start_does_not_make_a_service_ready() -> Fallible {
    let rehearsal = Rehearsal::new()?
        .product("ready: { http: { port: 80, path: /up } }", "ready: { log: '^listening' }")?
        .product("preflight: []", "preflight: [{ restart: [web] }]")?;
    rehearsal.world.nth("start main/web", 2, Deed::Prints(&[(2000, "listening again")], None));
    rehearsal.world.on("start", Deed::Prints(&[(0, "listening")], None));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    assert!(ran.elapsed >= Duration::from_secs(2), "the restart was not waited for: {:?}", ran.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn settling_waits_for_its_condition_and_shows_progress() -> Fallible {
    let rehearsal = Rehearsal::new()?.product(
        "settle: []",
        "settle: [{ wait-until: { name: jobs are done, condition: { sql: { sql: select done } }, progress: { sql: select jobs }, deadline: 10m } }]",
    )?;
    let minute = Duration::from_secs(60);
    rehearsal.world.nth("select done", 2, Deed::Late(minute, Box::new(Deed::Usual)));
    rehearsal.world.nth("select done", 1, Deed::Rows(&["f"]));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    rehearsal_took(ran.elapsed, minute)
}

fn rehearsal_took(elapsed: Duration, about: Duration) -> Fallible {
    if elapsed >= about && elapsed < about + Duration::from_secs(1) {
        Ok(())
    } else {
        Err(format!("{elapsed:?}").into())
    }
}

#[tokio::test(start_paused = true)]
async fn settling_that_never_ends_fails_at_its_limit_and_tells_how_far_it_came() -> Fallible {
    let rehearsal = Rehearsal::new()?.product(
        "settle: []",
        "settle: [{ wait-until: { name: jobs are done, condition: { sql: { sql: select done } }, progress: { sql: select jobs }, deadline: 10m } }]",
    )?;
    rehearsal.world.on("select done", Deed::Rows(&["f"]));
    rehearsal.world.on("select jobs", Deed::Rows(&["17"]));
    let ran = rehearsal.run().await?;
    ran.ended(&["hop-1/settle failed", "hop-1/check skipped", "rollback/check passed"])?;
    ran.says("hop-1/settle", "jobs are done: expected within 600s, seen not yet: the value is f")?;
    let told = ran.progress("hop-1/settle");
    assert!(told.iter().any(|(_, text)| text.contains("17")), "{told:?}");
    rehearsal_took(ran.elapsed, Duration::from_secs(600))
}

#[tokio::test(start_paused = true)]
async fn a_warning_is_shown_and_fails_nothing() -> Fallible {
    let rehearsal = Rehearsal::new()?.product("deadline: 20m }", "deadline: 20m, warnings: DEPRECATED }")?;
    rehearsal.world.on("run main/web: migrate", Deed::Exit(0, "DEPRECATED: x\nfine\n"));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    ran.says("hop-1/upgrade", "warning of migrate: DEPRECATED: x")
}

#[tokio::test(start_paused = true)]
async fn a_service_that_ends_under_a_command_is_what_is_accused() -> Fallible {
    for ends in [Deed::Exit(137, ""), Deed::Error("its container stopped")] {
        let rehearsal =
            Rehearsal::new()?.product("preflight: []", "preflight:\n  - exec: { service: web, command: [look] }")?;
        rehearsal.world.on("exec main/web: look", Deed::Ends("main/web", 3, Box::new(ends)));
        let ran = rehearsal.run().await?;
        assert_eq!(ran.exit(), Exit::Failed, "{:#?}", ran.outcomes());
        ran.ended(&["hop-1/preflight failed"])?;
        ran.says("hop-1/preflight", "service web: expected it runs while: look in web, seen it exited with code 3")?;
        ran.says("hop-1/preflight", "its last lines: it starts / FATAL: it is out of ideas")?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_database_in_a_stopped_service_is_asked_for_no_sessions() -> Fallible {
    // As where one container holds everything: with the service its database is gone.
    let stops = Rehearsal::new()?.product(
        "  - stop: [web]\n  - replace: [web]\n",
        "  - stop: [web, db]\n  - replace: [web]\n  - start: [db]\n",
    )?;
    stops.world.on("sessions main", Deed::Error("nobody answers"));
    let ran = stops.run().await?;
    assert_eq!((ran.exit(), ran.world.count("sessions main")), (Exit::Passed, 0), "{}", ran.troubles());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_waited_on_its_releases_only() -> Fallible {
    for (releases, waits) in [("<1", 0), (">=1.2", 1), ("<1.2", 1), ("*", 2)] {
        let settle = format!(
            "settle: [{{ wait-until: {{ name: jobs, releases: \"{releases}\", condition: {{ sql: {{ sql: select jobs }} }}, deadline: 1m }} }}]"
        );
        let rehearsal = Rehearsal::new()?.product("settle: []", &settle)?;
        rehearsal.world.on("select jobs", Deed::Rows(&["t"]));
        let ran = rehearsal.run().await?;
        assert_eq!(
            (ran.exit(), ran.world.count("select jobs")),
            (Exit::Passed, waits),
            "{releases}: {}",
            ran.troubles()
        );
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_service_knows_itself_by_the_name_it_is_given() -> Fallible {
    let ran = Rehearsal::new()?
        .product("    ports: [80]", "    hostname: \"{{ settings.colour }}.example\"\n    ports: [80]")?
        .run()
        .await?;
    let spec = ran.world.spec("create main/web")?;
    assert_eq!(spec.hostname.as_deref(), Some("green.example"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn log_files_are_those_there_are_of_a_pattern() -> Fallible {
    let logs = "    logs: [/log/app-*.log]\n    ports: [80]";
    let listing = "main/web: sh -c for file in";
    let rehearsal = Rehearsal::new()?.product("    ports: [80]", logs)?;
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Passed, "none is no doubt: {}", ran.troubles());
    let rehearsal = Rehearsal::new()?.product("    ports: [80]", logs)?;
    rehearsal.world.on(listing, Deed::Exit(0, "/log/app-1.log\n/log/app-2.log\n"));
    let ran = rehearsal.run().await?;
    let seen =
        ran.world.count("copy-out main/web:/log/app-1.log") + ran.world.count("copy-out main/web:/log/app-2.log");
    assert!(seen >= 4, "{seen} copies");
    let rehearsal = Rehearsal::new()?.product("    ports: [80]", logs)?;
    rehearsal.world.on(listing, Deed::Exit(1, "no shell"));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Inconclusive);
    ran.says("baseline", "its log files cannot be listed")
}
