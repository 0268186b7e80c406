//! Migrations that take long: the activity of the database tells slow from stuck.

use std::time::Duration;

use rehearse_core::observation::activity::{Activity, Session, SessionState};

use super::case::{Rehearsal, RunResult};
use super::scripted::{Behaviour, Fallible};

fn session(id: &str, state: SessionState, blocked_by: &[&str]) -> Session {
    Session {
        id: id.to_owned(),
        client: "migrator".to_owned(),
        state,
        statement: format!("UPDATE things{id}"),
        lasts: Duration::from_secs(45),
        statement_began: "then".to_owned(),
        blocked_by: blocked_by.iter().map(|id| (*id).to_owned()).collect(),
    }
}

fn works() -> Activity {
    Activity { sessions: vec![session("1", SessionState::Works, &[])], ..Activity::default() }
}

fn waits() -> Activity {
    let holder = session("2", SessionState::InTransaction, &[]);
    Activity { sessions: vec![session("1", SessionState::WaitsForLock, &["2"]), holder], ..Activity::default() }
}

/// A migration that begins and never ends.
async fn endless(activity: Behaviour) -> Fallible<RunResult> {
    let rehearsal = Rehearsal::new()?
        .product("migrations: rails, deadline: 20m", "migrations: django, stalled-after: 5m, deadline: 20m")?;
    let script = Behaviour::Prints(&[(10_000, "  Applying shop.0003_third...")], None);
    rehearsal.world.nth("run main/web: migrate", 1, script);
    rehearsal.world.on("activity main", activity);
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-1/upgrade failed", "hop-2/upgrade skipped", "rollback/check passed"])?;
    result
        .expect_message("hop-1/upgrade", "migration shop.0003_third: expected an end, seen it began and did not end")?;
    Ok(result)
}

fn about(result: &RunResult, seconds: u64) {
    let (least, most) = (Duration::from_secs(seconds), Duration::from_secs(seconds + 10));
    assert!(result.elapsed >= least && result.elapsed < most, "{:?}", result.elapsed);
}

#[tokio::test(start_paused = true)]
async fn a_silent_migration_at_work_is_slow_not_stuck() -> Fallible {
    let result = endless(Behaviour::Activity(works)).await?;
    about(&result, 1200);
    let progress = result.progress("hop-1/upgrade");
    let line = "migration shop.0003_third, 10.0s, database busy: UPDATE things1 45.0s";
    assert!(progress.iter().any(|(_, text)| text == line), "{progress:?}");
    result.expect_message(
        "hop-1/upgrade",
        "it did not end within 1200s; slow: the database is still at work, UPDATE things1 45.0s",
    )
}

#[tokio::test(start_paused = true)]
async fn a_migration_that_waits_for_a_lock_is_stuck_and_the_holder_is_named() -> Fallible {
    let result = endless(Behaviour::Activity(waits)).await?;
    about(&result, 310);
    result.expect_message(
        "hop-1/upgrade",
        "given up: nothing was printed for 5m 00s; stuck: nothing happened in the database for 5m",
    )?;
    result.expect_message(
        "hop-1/upgrade",
        "waiting for a lock: UPDATE things1 45.0s, held by session 2 (migrator), idle in a transact",
    )
}

#[tokio::test(start_paused = true)]
async fn silence_alone_is_not_stuck() -> Fallible {
    for behaviour in [Behaviour::Normal, Behaviour::Error("it does not run"), Behaviour::Hang] {
        let result = endless(behaviour).await?;
        about(&result, 1200);
        result.expect_message("hop-1/upgrade", "it did not end within 1200s")?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_service_that_upgrades_itself_is_watched_too() -> Fallible {
    let step = "  - start-upgrading:
      { service: web, migrations: rails, until: { log: '^serving' }, stalled-after: 3m, deadline: 10m }";
    let rehearsal = Rehearsal::new()?.product(
        "  - run: { name: migrate, service: web, command: [migrate], migrations: rails, deadline: 20m }\n  - start: [web]",
        step,
    )?;
    rehearsal.world.nth("start main/web", 2, Behaviour::Prints(&[(1000, "== 7 Third: migrating ======")], None));
    rehearsal.world.on("activity main", Behaviour::Activity(Activity::default));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-1/upgrade failed"])?;
    result.expect_message("hop-1/upgrade", "service web has upgraded itself: expected an end, seen given up")?;
    result.expect_message("hop-1/upgrade", "stuck: nothing happened in the database for 3m")?;
    about(&result, 180);
    Ok(())
}
