//! The product fails: a value with findings, told by the stage it happened in.

use std::time::Duration;

use rehearse_core::outcome::verdict::{Exit, Verdict};

use super::case::Rehearsal;
use super::scripted::{Deed, Fallible, things};

#[tokio::test(start_paused = true)]
async fn a_hop_that_fails_skips_the_next_one_and_the_rollback_is_still_gone() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("run main/web: migrate", 1, Deed::Exit(1, "PG::Error: no such column"));
    let ran = rehearsal.run().await?;
    assert_eq!((ran.summary().verdict().0, ran.exit()), (Verdict::Failed, Exit::Failed));
    ran.ended(&[
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
    ran.says("hop-1/upgrade", "expected exit code 0, seen exit code 1: PG::Error: no such column")?;
    ran.says("hop-2/upgrade", "stage hop-1/upgrade failed")?;
    assert_eq!(ran.world.count("run main/web: migrate"), 1);
    assert_eq!(ran.world.count("start main/web"), 1, "the new release was started after a failed migration");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_service_that_never_gets_ready_fails_at_its_limit() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("start main/web", 2, Deed::Prints(&[(0, "boot"), (1, "loading plugins")], None));
    rehearsal.world.from("http main/web GET /up", 3, Deed::Http(503, "starting"));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Failed);
    ran.ended(&["hop-1/upgrade failed", "hop-2/upgrade skipped", "rollback/check passed"])?;
    ran.says("hop-1/upgrade", "service web: expected service web is ready within 300s, seen not yet: status 503")?;
    let limit = Duration::from_secs(300);
    assert!(ran.elapsed >= limit && ran.elapsed < limit + Duration::from_secs(2), "{:?}", ran.elapsed);
    Ok(())
}

const DIES: Deed = Deed::Prints(&[(10, "boot"), (100, "FATAL: no such table: settings")], Some(1));

#[tokio::test(start_paused = true)]
async fn a_container_that_exits_while_it_is_waited_for_is_noticed_at_once() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("start main/web", 2, DIES);
    rehearsal.world.from("http main/web GET /up", 3, Deed::Silent);
    let ran = rehearsal.run().await?;
    ran.ended(&["hop-1/upgrade failed", "rollback/check passed"])?;
    ran.says("hop-1/upgrade", "it exited with code 1; its last lines: boot / FATAL: no such table: settings")?;
    assert!(ran.elapsed < Duration::from_secs(1), "{:?}", ran.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_container_that_exits_is_noticed_at_once_though_the_question_hangs() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("start main/web", 2, DIES);
    rehearsal.world.from("http main/web GET /up", 3, Deed::Hang);
    let ran = rehearsal.run().await?;
    ran.ended(&["hop-1/upgrade failed", "rollback/check passed"])?;
    ran.says("hop-1/upgrade", "it exited with code 1")?;
    assert!(ran.elapsed < Duration::from_secs(1), "{:?}", ran.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_first_question_that_hangs_is_not_the_time_a_service_needs() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("http main/web GET /up", 1, Deed::Hang);
    let ran = rehearsal.run().await?;
    ran.ended(&["deploy passed", "hop-1/upgrade passed", "rollback/check passed"])?;
    assert!(ran.elapsed < Duration::from_secs(3), "{:?}", ran.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_question_that_hangs_does_not_outlast_the_limit_of_the_wait() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("pg_isready", Deed::Hang);
    let ran = rehearsal.run().await?;
    ran.ended(&["deploy failed", "restore skipped", "rollback/deploy skipped"])?;
    ran.says("deploy", "service db: expected service db is ready within 120s, seen not yet")?;
    assert!(ran.elapsed < Duration::from_secs(122), "{:?}", ran.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_check_that_finds_something_ends_the_path() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("http main/web GET /home", 2, Deed::Http(500, "we are sorry"));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Failed);
    ran.ended(&["hop-1/upgrade passed", "hop-1/check failed", "hop-2/upgrade skipped", "rollback/check passed"])?;
    ran.says("hop-1/check", "GET /home: expected 200 as on the baseline, seen 500")
        .or_else(|_| ran.says("hop-1/check", "seen 500"))?;
    ran.says("hop-2/upgrade", "stage hop-1/check failed")
}

#[tokio::test(start_paused = true)]
async fn the_release_in_the_service_is_judged_and_not_the_name_of_its_image() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("exec main/web: cat VERSION", 2, Deed::Exit(0, "1.0.0"));
    let ran = rehearsal.run().await?;
    ran.ended(&["hop-1/check failed"])?;
    ran.says("hop-1/check", "1.0.0")
}

#[tokio::test(start_paused = true)]
async fn a_restore_is_proved_by_the_rows_whatever_its_commands_said() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("tables main", Deed::Tables(things(2, "abc")));
    let ran = rehearsal.run().await?;
    ran.ended(&["restore failed", "baseline skipped", "hop-1/upgrade skipped", "rollback/deploy skipped"])?;
    ran.says("restore", "table things: expected 3 rows after the restore, by the backup's manifest, seen 2 rows")
}

#[tokio::test(start_paused = true)]
async fn a_rollback_with_other_data_fails() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("tables rollback", Deed::Tables(things(3, "other")));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Failed);
    ran.ended(&["hop-2/check passed", "rollback/restore passed", "rollback/check failed"])?;
    ran.says("rollback/check", "other values in name (3: id=1 'abc' → 'other'")
}

#[tokio::test(start_paused = true)]
async fn a_rollback_in_place_goes_to_the_source_and_fails_with_other_data() -> Fallible {
    let back = "rollback: { in-place: [{ stop: [web] }, { replace: [web] }, { start: [web] }] }";
    let passed = Rehearsal::new()?.scenario(back).run().await?;
    assert_eq!(passed.exit(), Exit::Passed, "{}", passed.troubles());
    assert_eq!(passed.world.spec("create main/web")?.image, "id of shop:1.0.0");
    let rehearsal = Rehearsal::new()?.scenario(back);
    // restore, baseline twice, each hop twice: then the rollback.
    rehearsal.world.from("tables main", 8, Deed::Tables(things(4, "abc")));
    let ran = rehearsal.run().await?;
    ran.ended(&["hop-2/check passed", "rollback/restore failed", "rollback/check failed"])?;
    ran.says("rollback/restore", "expected 3 rows after the restore, by the backup's manifest, seen 4 rows")
}

#[tokio::test(start_paused = true)]
async fn a_failed_command_is_not_excused_by_a_database_that_died_with_it() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("run main/web: migrate", 1, Deed::Exit(137, "Killed"));
    // The baseline has asked once.
    rehearsal.world.nth("select version from migrations", 2, Deed::Error("the database is gone"));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Failed, "{}", ran.troubles());
    ran.ended(&["hop-1/upgrade failed"])?;
    ran.says("hop-1/upgrade", "seen exit code 137: Killed")
}

#[tokio::test(start_paused = true)]
async fn a_failed_restore_is_not_excused_by_tables_that_cannot_be_read() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("db: load", Deed::Exit(1, "corrupt"));
    rehearsal.world.on("tables main", Deed::Error("out of reach"));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Failed, "{}", ran.troubles());
    ran.ended(&["restore failed", "baseline skipped"])?;
    ran.says("restore", "seen exit code 1: corrupt")
}
