//! A service that upgrades itself as it starts, and what a migrator's output tells.

use std::time::Duration;

use rehearse_core::outcome::verdict::Exit;

use super::case::{Ran, Rehearsal};
use super::scripted::{Deed, Fallible};

const FIRST: &str = "== 1 First: migrating ======";
const FIRST_DONE: &str = "== 1 First: migrated (59.0000s) ======";
const SECOND: &str = "== 2 Second: migrating ======";
/// One that the database never records.
const THIRD: &str = "== 7 Third: migrating ======";
const SECOND_DONE: &str = "== 2 Second: migrated (60.0000s) ======";

async fn upgrading(start: Deed) -> Fallible<Ran> {
    let step = "start-upgrading: { service: web, migrations: rails, until: { log: '^serving' }, deadline: 10m }";
    let rehearsal = Rehearsal::new()?.product(
        "  - run: { name: migrate, service: web, command: [migrate], migrations: rails, deadline: 20m }\n  - start: [web]",
        &format!("  - {step}"),
    )?;
    rehearsal.world.nth("start main/web", 2, start);
    rehearsal.world.nth("start main/web", 2, Deed::Prints(&[(0, "serving")], None));
    rehearsal.run().await
}

#[tokio::test(start_paused = true)]
async fn it_has_upgraded_itself_when_its_condition_holds() -> Fallible {
    let story = &[(1000, FIRST), (60_000, FIRST_DONE), (60_001, SECOND), (120_000, SECOND_DONE), (121_000, "serving")];
    let ran = upgrading(Deed::Prints(story, None)).await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    let ended: Vec<&str> = ran.stage("hop-1/upgrade")?.migrations.iter().map(|m| m.version.as_str()).collect();
    assert_eq!(ended, ["1", "2"]);
    let took = Duration::from_secs(121);
    assert!(ran.elapsed >= took && ran.elapsed < took + Duration::from_secs(2), "{:?}", ran.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn its_progress_is_told_from_its_log_while_it_runs() -> Fallible {
    let story = &[(1000, FIRST), (60_000, FIRST_DONE), (60_001, SECOND), (120_000, SECOND_DONE), (121_000, "serving")];
    let ran = upgrading(Deed::Prints(story, None)).await?;
    let told = ran.progress("hop-1/upgrade");
    let second = told.iter().find(|(_, text)| text == "migration 2 Second").ok_or(format!("{told:?}"))?;
    let about = Duration::from_secs(60);
    assert!(second.0 >= about && second.0 < about + Duration::from_secs(1), "{told:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn its_exit_before_the_condition_fails_and_names_the_migration_that_ran() -> Fallible {
    let ran = upgrading(Deed::Prints(&[(1000, THIRD), (2000, "PG::UniqueViolation: twice")], Some(1))).await?;
    assert_eq!(ran.exit(), Exit::Failed);
    ran.ended(&["hop-1/upgrade failed", "hop-2/upgrade skipped", "rollback/check passed"])?;
    ran.says("hop-1/upgrade", "migration 7 Third: expected an end, seen it began and did not end")?;
    ran.says(
        "hop-1/upgrade",
        "it exited with code 1; its last lines: == 7 Third: migrating ====== / PG::UniqueViolation",
    )?;
    assert!(ran.elapsed < Duration::from_secs(3), "{:?}", ran.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_migration_that_tells_no_time_is_timed_as_its_output_comes() -> Fallible {
    let rehearsal = Rehearsal::new()?.product(
        "  - run: { name: migrate, service: web, command: [migrate], migrations: rails, deadline: 20m }\n  - start: [web]",
        "  - start-upgrading: { service: web, migrations: django, until: { log: '^serving' }, deadline: 10m }",
    )?;
    let rows = Deed::Rows(&["shop.0001_first", "shop.0002_second"]);
    rehearsal.world.nth("select version from migrations", 2, rows);
    let story = &[(1000, "  Applying shop.0001_first..."), (61_000, " OK"), (62_000, "serving")];
    rehearsal.world.nth("start main/web", 2, Deed::Prints(story, None));
    let ran = rehearsal.run().await?;
    let migrations = &ran.stage("hop-1/upgrade")?.migrations;
    assert_eq!(migrations.len(), 1, "{}", ran.troubles());
    let took = migrations[0].took.unwrap_or_default();
    assert!(took >= Duration::from_secs(59) && took < Duration::from_secs(61), "{took:?}");
    ran.ended(&["hop-1/upgrade passed"])
}

#[tokio::test(start_paused = true)]
async fn it_fails_at_its_limit() -> Fallible {
    let ran = upgrading(Deed::Prints(&[(1000, THIRD)], None)).await?;
    ran.ended(&["hop-1/upgrade failed"])?;
    ran.says("hop-1/upgrade", "service web: expected service web has upgraded itself within 600s")?;
    ran.says("hop-1/upgrade", "migration 7 Third: expected an end")?;
    assert!(ran.elapsed < Duration::from_secs(602), "{:?}", ran.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_migrator_that_lies_about_its_exit_code_is_found_out_by_its_stream() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("run main/web: migrate", 1, Deed::Exit(0, "== 7 Third: migrating ======\nrake aborted!\n"));
    let ran = rehearsal.run().await?;
    ran.ended(&["hop-1/upgrade failed"])?;
    ran.says("hop-1/upgrade", "migration 7 Third: expected an end")
}

#[tokio::test(start_paused = true)]
async fn a_migration_that_the_stream_tells_of_and_the_database_does_not_know_fails() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    let told = "== 7 Third: migrating ======\n== 7 Third: migrated (0.1s) ======\n";
    rehearsal.world.nth("run main/web: migrate", 1, Deed::Exit(0, told));
    let ran = rehearsal.run().await?;
    ran.ended(&["hop-1/upgrade failed"])?;
    ran.says("hop-1/upgrade", "not recorded: 7")
}

#[tokio::test(start_paused = true)]
async fn errors_in_the_log_of_the_new_release_fail_unless_the_source_had_them_too() -> Fallible {
    for (before, outcome) in [("it starts", "hop-1/check failed"), ("ERROR: broken cache 12", "hop-1/check passed")] {
        let rehearsal = Rehearsal::new()?;
        let prints = |line: &'static str| -> Deed {
            match line {
                "it starts" => Deed::Prints(&[(0, "it starts")], None),
                _ => Deed::Prints(&[(0, "ERROR: broken cache 12")], None),
            }
        };
        rehearsal.world.nth("start main/web", 1, prints(before));
        rehearsal.world.nth("start main/web", 1, prints("ERROR: broken cache 99"));
        let ran = rehearsal.run().await?;
        ran.ended(&[outcome])?;
    }
    Ok(())
}
