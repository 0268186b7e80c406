//! Failures of the product: the stage in which they happen reports findings.

use std::time::Duration;

use rehearse_core::outcome::verdict::{Exit, Verdict};

use super::case::Rehearsal;
use super::scripted::{Behaviour, Fallible, things};

#[tokio::test(start_paused = true)]
async fn a_failed_hop_skips_the_next_one_and_the_rollback_still_runs() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("run main/web: migrate", 1, Behaviour::Exit(1, "PG::Error: no such column"));
    let result = rehearsal.run().await?;
    assert_eq!((result.summary().verdict().0, result.exit()), (Verdict::Failed, Exit::Failed));
    result.expect_outcomes(&[
        "baseline passed",
        "hop-1/upgrade failed",
        "hop-1/check skipped",
        "hop-2/upgrade skipped",
        "hop-2/check skipped",
        "rollback/deploy passed",
        "rollback/restore passed",
        "rollback/check passed",
        "teardown passed",
    ])?;
    result.expect_message("hop-1/upgrade", "expected exit code 0, seen exit code 1: PG::Error: no such column")?;
    result.expect_message("hop-2/upgrade", "stage hop-1/upgrade failed")?;
    assert_eq!(result.world.count("run main/web: migrate"), 1);
    assert_eq!(result.world.count("start main/web"), 1, "the new release was started after a failed migration");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_service_that_never_becomes_ready_fails_at_its_limit() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("start main/web", 2, Behaviour::Prints(&[(0, "boot"), (1, "loading plugins")], None));
    rehearsal.world.from("http main/web GET /up", 3, Behaviour::Http(503, "starting"));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Failed);
    result.expect_outcomes(&["hop-1/upgrade failed", "hop-2/upgrade skipped", "rollback/check passed"])?;
    result.expect_message(
        "hop-1/upgrade",
        "service web: expected service web is ready within 300s, seen not yet: status 503",
    )?;
    let limit = Duration::from_secs(300);
    assert!(result.elapsed >= limit && result.elapsed < limit + Duration::from_secs(2), "{:?}", result.elapsed);
    Ok(())
}

const DIES: Behaviour = Behaviour::Prints(&[(10, "boot"), (100, "FATAL: no such table: settings")], Some(1));

#[tokio::test(start_paused = true)]
async fn an_exit_during_a_wait_is_noticed_at_once() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("start main/web", 2, DIES);
    rehearsal.world.from("http main/web GET /up", 3, Behaviour::NoResponse);
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-1/upgrade failed", "rollback/check passed"])?;
    result.expect_message(
        "hop-1/upgrade",
        "it exited with code 1; its last lines: boot / FATAL: no such table: settings",
    )?;
    assert!(result.elapsed < Duration::from_secs(1), "{:?}", result.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_exit_is_noticed_at_once_even_if_the_request_hangs() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("start main/web", 2, DIES);
    rehearsal.world.from("http main/web GET /up", 3, Behaviour::Hang);
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-1/upgrade failed", "rollback/check passed"])?;
    result.expect_message("hop-1/upgrade", "it exited with code 1")?;
    assert!(result.elapsed < Duration::from_secs(1), "{:?}", result.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_hanging_first_request_does_not_delay_readiness() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("http main/web GET /up", 1, Behaviour::Hang);
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["deploy passed", "hop-1/upgrade passed", "rollback/check passed"])?;
    assert!(result.elapsed < Duration::from_secs(3), "{:?}", result.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_hanging_request_ends_at_the_limit_of_the_wait() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("pg_isready", Behaviour::Hang);
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["deploy failed", "restore skipped", "rollback/deploy skipped"])?;
    result.expect_message("deploy", "service db: expected service db is ready within 120s, seen not yet")?;
    assert!(result.elapsed < Duration::from_secs(122), "{:?}", result.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_failed_check_ends_the_path() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("http main/web GET /home", 2, Behaviour::Http(500, "we are sorry"));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Failed);
    result.expect_outcomes(&[
        "hop-1/upgrade passed",
        "hop-1/check failed",
        "hop-2/upgrade skipped",
        "rollback/check passed",
    ])?;
    result
        .expect_message("hop-1/check", "GET /home: expected 200 as on the baseline, seen 500")
        .or_else(|_| result.expect_message("hop-1/check", "seen 500"))?;
    result.expect_message("hop-2/upgrade", "stage hop-1/check failed")
}

#[tokio::test(start_paused = true)]
async fn the_release_inside_the_service_counts_not_the_image_name() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("exec main/web: cat VERSION", 2, Behaviour::Exit(0, "1.0.0"));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-1/check failed"])?;
    result.expect_message("hop-1/check", "1.0.0")
}

#[tokio::test(start_paused = true)]
async fn a_restore_is_proved_by_its_rows_not_by_exit_codes() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("tables main", Behaviour::Tables(things(2, "abc")));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&[
        "restore failed",
        "baseline skipped",
        "hop-1/upgrade skipped",
        "rollback/deploy skipped",
    ])?;
    result.expect_message(
        "restore",
        "table things: expected 3 rows after the restore, by the backup's manifest, seen 2 rows",
    )
}

#[tokio::test(start_paused = true)]
async fn a_rollback_with_other_data_fails() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("tables rollback", Behaviour::Tables(things(3, "other")));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Failed);
    result.expect_outcomes(&["hop-2/check passed", "rollback/restore passed", "rollback/check failed"])?;
    result.expect_message("rollback/check", "other values in name (3: id=1 'abc' → 'other'")
}

#[tokio::test(start_paused = true)]
async fn a_rollback_in_place_goes_to_the_source_and_fails_with_other_data() -> Fallible {
    let back = "rollback: { in-place: [{ stop: [web] }, { replace: [web] }, { start: [web] }] }";
    let passed = Rehearsal::new()?.scenario(back).run().await?;
    assert_eq!(passed.exit(), Exit::Passed, "{}", passed.all_messages());
    assert_eq!(passed.world.spec("create main/web")?.image, "id of shop:1.0.0");
    let rehearsal = Rehearsal::new()?.scenario(back);
    // The restore reads once, the baseline and each hop twice; then the rollback.
    rehearsal.world.from("tables main", 8, Behaviour::Tables(things(4, "abc")));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-2/check passed", "rollback/restore failed", "rollback/check failed"])?;
    result
        .expect_message("rollback/restore", "expected 3 rows after the restore, by the backup's manifest, seen 4 rows")
}

#[tokio::test(start_paused = true)]
async fn a_failed_command_is_not_excused_by_a_database_that_died_with_it() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("run main/web: migrate", 1, Behaviour::Exit(137, "Killed"));
    // The baseline has read it once.
    rehearsal.world.nth("select version from migrations", 2, Behaviour::Error("the database is gone"));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Failed, "{}", result.all_messages());
    result.expect_outcomes(&["hop-1/upgrade failed"])?;
    result.expect_message("hop-1/upgrade", "seen exit code 137: Killed")
}

#[tokio::test(start_paused = true)]
async fn a_failed_restore_is_not_excused_by_tables_that_cannot_be_read() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("db: load", Behaviour::Exit(1, "corrupt"));
    rehearsal.world.on("tables main", Behaviour::Error("out of reach"));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Failed, "{}", result.all_messages());
    result.expect_outcomes(&["restore failed", "baseline skipped"])?;
    result.expect_message("restore", "seen exit code 1: corrupt")
}
