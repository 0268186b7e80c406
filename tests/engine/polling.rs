//! How often is looked while something is waited for, and how late what is waited for is noticed.

use std::sync::Arc;
use std::time::Duration;

use rehearse_core::outcome::verdict::Exit;

use super::case::{Ran, Rehearsal};
use super::scripted::{Counter, Deed, Fallible};

const TEN_MINUTES: u64 = 600;

/// A wait of the first hop for this condition, with what else the step says.
fn waiting(condition: &str, further: &str) -> Fallible<Rehearsal> {
    let step = format!(
        "settle:\n  - wait-until:\n      name: it is over\n      condition: {condition}\n      deadline: 30m\n{further}"
    );
    Ok(Rehearsal::new()?.product("settle: []\n", &step)?.scenario("to: 1.1.2"))
}

/// A number that is above zero after so many seconds.
fn after(seconds: u64) -> Deed {
    Deed::Counts(Counter::new(-i64::try_from(seconds).unwrap_or(i64::MAX) + 1, 1, u64::MAX))
}

/// Passes, in ten minutes and no more than this.
fn noticed_within(ran: &Ran, late: Duration) {
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    let due = Duration::from_secs(TEN_MINUTES);
    assert!(ran.elapsed >= due && ran.elapsed <= due + late, "{:?}", ran.elapsed);
}

#[tokio::test(start_paused = true)]
async fn a_query_of_ten_minutes_is_asked_a_few_hundred_times_and_its_answer_comes_two_seconds_late_at_most() -> Fallible
{
    let rehearsal = waiting("{ sql: { sql: select over } }", "")?;
    rehearsal.world.on("select over", after(TEN_MINUTES));
    let ran = rehearsal.run().await?;
    noticed_within(&ran, Duration::from_millis(2200));
    let looks = ran.world.count("select over");
    assert!((300..420).contains(&looks), "{looks}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_command_of_ten_minutes_is_run_a_few_hundred_times() -> Fallible {
    let rehearsal = waiting("{ exec: { command: [is-over] } }", "      service: web\n")?;
    rehearsal.world.until("is-over", Duration::from_secs(TEN_MINUTES), Deed::Exit(1, "no"));
    let ran = rehearsal.run().await?;
    noticed_within(&ran, Duration::from_millis(2200));
    let looks = ran.world.count("is-over");
    assert!((300..420).contains(&looks), "{looks}");
    // Nor is the service itself looked at more often.
    let states = ran.world.count("state main/web");
    assert!((280..420).contains(&states), "{states}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_short_wait_for_a_query_is_over_at_once() -> Fallible {
    let rehearsal = waiting("{ sql: { sql: select over } }", "")?;
    rehearsal.world.on("select over", after(1));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    assert!(ran.elapsed <= Duration::from_millis(1400), "{:?}", ran.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_response_is_noticed_at_once_however_long_it_was_waited_for() -> Fallible {
    let rehearsal = waiting("{ http: { port: 80, path: /over } }", "      service: web\n")?;
    rehearsal.world.until("/over", Duration::from_secs(TEN_MINUTES), Deed::Http(503, "not yet"));
    let ran = rehearsal.run().await?;
    noticed_within(&ran, Duration::from_millis(400));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_is_watched_meanwhile_is_asked_no_more_often() -> Fallible {
    let further =
        "      progress: { sql: select remaining }\n      failed: { sql: select broken }\n      services: [web]\n";
    let rehearsal = waiting("{ sql: { sql: select over } }", further)?;
    rehearsal.world.on("select over", after(TEN_MINUTES));
    rehearsal.world.on("select remaining", Deed::Counts(Counter::new(5000, -1, u64::MAX)));
    rehearsal.world.on("select broken", Deed::Rows(&[]));
    let ran = rehearsal.run().await?;
    noticed_within(&ran, Duration::from_millis(2200));
    for call in ["select remaining", "select broken", "state main/web"] {
        let looks = ran.world.count(call);
        assert!((280..420).contains(&looks), "{call}: {looks}");
    }
    Ok(())
}

/// After five minutes a look is due every two seconds only.
#[tokio::test(start_paused = true)]
async fn an_exit_is_noticed_as_the_engine_tells_it_and_within_two_seconds_where_it_does_not() -> Fallible {
    for (told, late) in [(true, 50), (false, 2050)] {
        let mut rehearsal = waiting("{ sql: { sql: select over } }", "      services: [web]\n")?;
        if !told {
            Arc::get_mut(&mut rehearsal.world).ok_or("it is shared")?.exits = None;
        }
        rehearsal.world.on("select over", Deed::Rows(&["0"]));
        rehearsal.world.nth("start main/web", 2, Deed::Prints(&[(300_400, "out of memory")], Some(137)));
        let ran = rehearsal.run().await?;
        ran.says("hop-1/settle", "seen it exited with code 137")?;
        let due = Duration::from_millis(300_400);
        assert!(ran.elapsed >= due && ran.elapsed <= due + Duration::from_millis(late), "{told}: {:?}", ran.elapsed);
    }
    Ok(())
}
