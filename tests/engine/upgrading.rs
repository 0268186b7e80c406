//! Services that upgrade themselves as they start, and what a migrator's output shows.

use std::time::Duration;

use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::verdict::Exit;

use super::case::{Rehearsal, RunResult};
use super::scripted::{Behaviour, Fallible};

const FIRST: &str = "== 1 First: migrating ======";
const FIRST_DONE: &str = "== 1 First: migrated (59.0000s) ======";
const SECOND: &str = "== 2 Second: migrating ======";
/// One that the database never records.
const THIRD: &str = "== 7 Third: migrating ======";
const SECOND_DONE: &str = "== 2 Second: migrated (60.0000s) ======";

async fn upgrading(start: Behaviour) -> Fallible<RunResult> {
    let step = "start-upgrading: { service: web, migrations: rails, until: { log: '^serving' }, deadline: 10m }";
    let rehearsal = Rehearsal::new()?.product(
        "  - run: { name: migrate, service: web, command: [migrate], migrations: rails, deadline: 20m }\n  - start: [web]",
        &format!("  - {step}"),
    )?;
    rehearsal.world.nth("start main/web", 2, start);
    rehearsal.world.nth("start main/web", 2, Behaviour::Prints(&[(0, "serving")], None));
    rehearsal.run().await
}

#[tokio::test(start_paused = true)]
async fn a_self_upgrade_ends_when_its_condition_is_met() -> Fallible {
    let script = &[(1000, FIRST), (60_000, FIRST_DONE), (60_001, SECOND), (120_000, SECOND_DONE), (121_000, "serving")];
    let result = upgrading(Behaviour::Prints(script, None)).await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    let ended: Vec<&str> = result.stage("hop-1/upgrade")?.migrations.iter().map(|m| m.version.as_str()).collect();
    assert_eq!(ended, ["1", "2"]);
    let took = Duration::from_secs(121);
    assert!(result.elapsed >= took && result.elapsed < took + Duration::from_secs(2), "{:?}", result.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_self_upgrade_reports_migrations_from_its_log() -> Fallible {
    let script = &[(1000, FIRST), (60_000, FIRST_DONE), (60_001, SECOND), (120_000, SECOND_DONE), (121_000, "serving")];
    let result = upgrading(Behaviour::Prints(script, None)).await?;
    let progress = result.progress("hop-1/upgrade");
    let second = progress.iter().find(|(_, text)| text == "migration 2 Second").ok_or(format!("{progress:?}"))?;
    let about = Duration::from_secs(60);
    assert!(second.0 >= about && second.0 < about + Duration::from_secs(1), "{progress:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_exit_during_a_self_upgrade_fails_and_names_the_running_migration() -> Fallible {
    let result = upgrading(Behaviour::Prints(&[(1000, THIRD), (2000, "PG::UniqueViolation: twice")], Some(1))).await?;
    assert_eq!(result.exit(), Exit::Failed);
    result.expect_outcomes(&["hop-1/upgrade failed", "hop-2/upgrade skipped", "rollback/check passed"])?;
    result.expect_message("hop-1/upgrade", "migration 7 Third: expected an end, seen it began and did not end")?;
    result.expect_message(
        "hop-1/upgrade",
        "it exited with code 1; its last lines: == 7 Third: migrating ====== / PG::UniqueViolation",
    )?;
    assert!(result.elapsed < Duration::from_secs(3), "{:?}", result.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_migration_without_a_duration_is_timed_by_its_output() -> Fallible {
    let rehearsal = Rehearsal::new()?.product(
        "  - run: { name: migrate, service: web, command: [migrate], migrations: rails, deadline: 20m }\n  - start: [web]",
        "  - start-upgrading: { service: web, migrations: django, until: { log: '^serving' }, deadline: 10m }",
    )?;
    let rows = Behaviour::Rows(&["shop.0001_first", "shop.0002_second"]);
    rehearsal.world.nth("select version from migrations", 2, rows);
    let script = &[(1000, "  Applying shop.0001_first..."), (61_000, " OK"), (62_000, "serving")];
    rehearsal.world.nth("start main/web", 2, Behaviour::Prints(script, None));
    let result = rehearsal.run().await?;
    let migrations = &result.stage("hop-1/upgrade")?.migrations;
    assert_eq!(migrations.len(), 1, "{}", result.all_messages());
    let took = migrations[0].took.unwrap_or_default();
    assert!(took >= Duration::from_secs(59) && took < Duration::from_secs(61), "{took:?}");
    result.expect_outcomes(&["hop-1/upgrade passed"])
}

#[tokio::test(start_paused = true)]
async fn a_self_upgrade_fails_at_its_limit() -> Fallible {
    let result = upgrading(Behaviour::Prints(&[(1000, THIRD)], None)).await?;
    result.expect_outcomes(&["hop-1/upgrade failed"])?;
    result.expect_message("hop-1/upgrade", "service web: expected service web has upgraded itself within 600s")?;
    result.expect_message("hop-1/upgrade", "migration 7 Third: expected an end")?;
    assert!(result.elapsed < Duration::from_secs(602), "{:?}", result.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_migration_fails_despite_exit_code_0() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth(
        "run main/web: migrate",
        1,
        Behaviour::Exit(0, "== 7 Third: migrating ======\nrake aborted!\n"),
    );
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-1/upgrade failed"])?;
    result.expect_message("hop-1/upgrade", "migration 7 Third: expected an end")
}

#[tokio::test(start_paused = true)]
async fn a_reported_migration_that_the_database_did_not_record_fails() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    let output = "== 7 Third: migrating ======\n== 7 Third: migrated (0.1s) ======\n";
    rehearsal.world.nth("run main/web: migrate", 1, Behaviour::Exit(0, output));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-1/upgrade failed"])?;
    result.expect_message("hop-1/upgrade", "not recorded: 7")
}

#[tokio::test(start_paused = true)]
async fn errors_in_the_log_of_the_new_release_fail_unless_the_source_had_them_too() -> Fallible {
    for (before, outcome) in [("it starts", "hop-1/check failed"), ("ERROR: broken cache 12", "hop-1/check passed")] {
        let rehearsal = Rehearsal::new()?;
        let prints = |line: &'static str| -> Behaviour {
            match line {
                "it starts" => Behaviour::Prints(&[(0, "it starts")], None),
                _ => Behaviour::Prints(&[(0, "ERROR: broken cache 12")], None),
            }
        };
        rehearsal.world.nth("start main/web", 1, prints(before));
        rehearsal.world.nth("start main/web", 1, prints("ERROR: broken cache 99"));
        let result = rehearsal.run().await?;
        result.expect_outcomes(&[outcome])?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_log_that_falls_silent_fails() -> Fallible {
    const LINES: &[(u64, &str)] = &[(0, "a line"); 20];
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("start main/web", 2, Behaviour::Prints(&[], None));
    rehearsal.world.nth("start main/web", 1, Behaviour::Prints(LINES, None));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["baseline passed", "hop-1/check failed"])?;
    let findings = result.stage("hop-1/check")?.checks.iter().flat_map(|check| &check.findings);
    let found: Vec<_> = findings.map(|finding| (finding.code, finding.subject.name())).collect();
    // The rollback's service prints its usual line.
    assert_eq!(found, [(FindingCode::LogSilent, "web".to_owned())]);
    Ok(())
}
