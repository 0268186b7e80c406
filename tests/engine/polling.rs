//! Waits: how often a condition is polled, and how late it is noticed.

use std::sync::Arc;
use std::time::Duration;

use rehearse_core::outcome::verdict::Exit;

use super::case::{Rehearsal, RunResult};
use super::scripted::{Behaviour, Counter, Fallible};

const TEN_MINUTES: u64 = 600;

/// A rehearsal whose first hop waits for this condition; `further` is added to the step.
fn waiting(condition: &str, further: &str) -> Fallible<Rehearsal> {
    let step = format!(
        "settle:\n  - wait-until:\n      name: it is over\n      condition: {condition}\n      deadline: 30m\n{further}"
    );
    Ok(Rehearsal::new()?.product("settle: []\n", &step)?.scenario("to: 1.1.2"))
}

/// A number that is above zero after this many seconds.
fn after(seconds: u64) -> Behaviour {
    Behaviour::Counts(Counter::new(-i64::try_from(seconds).unwrap_or(i64::MAX) + 1, 1, u64::MAX))
}

/// Asserts that the run passed, and took ten minutes and at most `late` more.
fn noticed_within(result: &RunResult, late: Duration) {
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    let due = Duration::from_secs(TEN_MINUTES);
    assert!(result.elapsed >= due && result.elapsed <= due + late, "{:?}", result.elapsed);
}

#[tokio::test(start_paused = true)]
async fn a_query_is_polled_a_few_hundred_times_in_ten_minutes_and_noticed_within_two_seconds() -> Fallible {
    let rehearsal = waiting("{ sql: { sql: select over } }", "")?;
    rehearsal.world.on("select over", after(TEN_MINUTES));
    let result = rehearsal.run().await?;
    noticed_within(&result, Duration::from_millis(2200));
    let looks = result.world.count("select over");
    assert!((300..420).contains(&looks), "{looks}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_command_is_polled_a_few_hundred_times_in_ten_minutes() -> Fallible {
    let rehearsal = waiting("{ exec: { command: [is-over] } }", "      service: web\n")?;
    rehearsal.world.until("is-over", Duration::from_secs(TEN_MINUTES), Behaviour::Exit(1, "no"));
    let result = rehearsal.run().await?;
    noticed_within(&result, Duration::from_millis(2200));
    let looks = result.world.count("is-over");
    assert!((300..420).contains(&looks), "{looks}");
    // The state of the service is not read more often either.
    let states = result.world.count("state main/web");
    assert!((280..420).contains(&states), "{states}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_short_wait_for_a_query_ends_at_once() -> Fallible {
    let rehearsal = waiting("{ sql: { sql: select over } }", "")?;
    rehearsal.world.on("select over", after(1));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    assert!(result.elapsed <= Duration::from_millis(1400), "{:?}", result.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_response_is_noticed_at_once_after_a_long_wait_too() -> Fallible {
    let rehearsal = waiting("{ http: { port: 80, path: /over } }", "      service: web\n")?;
    rehearsal.world.until("/over", Duration::from_secs(TEN_MINUTES), Behaviour::Http(503, "not yet"));
    let result = rehearsal.run().await?;
    noticed_within(&result, Duration::from_millis(400));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn progress_failures_and_services_are_polled_no_more_often_than_the_condition() -> Fallible {
    let further =
        "      progress: { sql: select remaining }\n      failed: { sql: select broken }\n      services: [web]\n";
    let rehearsal = waiting("{ sql: { sql: select over } }", further)?;
    rehearsal.world.on("select over", after(TEN_MINUTES));
    rehearsal.world.on("select remaining", Behaviour::Counts(Counter::new(5000, -1, u64::MAX)));
    rehearsal.world.on("select broken", Behaviour::Rows(&[]));
    let result = rehearsal.run().await?;
    noticed_within(&result, Duration::from_millis(2200));
    for call in ["select remaining", "select broken", "state main/web"] {
        let looks = result.world.count(call);
        assert!((280..420).contains(&looks), "{call}: {looks}");
    }
    Ok(())
}

/// After five minutes, a condition is polled every two seconds only.
#[tokio::test(start_paused = true)]
async fn an_exit_is_noticed_by_its_event_or_else_within_two_seconds() -> Fallible {
    for (notified, late) in [(true, 50), (false, 2050)] {
        let mut rehearsal = waiting("{ sql: { sql: select over } }", "      services: [web]\n")?;
        if !notified {
            Arc::get_mut(&mut rehearsal.world).ok_or("it is shared")?.exits = None;
        }
        rehearsal.world.on("select over", Behaviour::Rows(&["0"]));
        rehearsal.world.nth("start main/web", 2, Behaviour::Prints(&[(300_400, "out of memory")], Some(137)));
        let result = rehearsal.run().await?;
        result.expect_message("hop-1/settle", "seen it exited with code 137")?;
        let due = Duration::from_millis(300_400);
        assert!(
            result.elapsed >= due && result.elapsed <= due + Duration::from_millis(late),
            "{notified}: {:?}",
            result.elapsed
        );
    }
    Ok(())
}
