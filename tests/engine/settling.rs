//! Background work: how far it is, what fails meanwhile, and when waiting longer is of no use.

use std::time::Duration;

use rehearse_core::outcome::verdict::Exit;

use super::case::{Ran, Rehearsal};
use super::scripted::{Counter, Deed, Fallible};

const SETTLE: &str = "settle:
  - wait-until:
      name: jobs done
      condition: { sql: { sql: select over } }
      progress: { sql: select remaining }
      failed: { sql: select broken }
      services: [web]
      stalled-after: 2m
      deadline: 30m
";

/// Work of which nothing fails.
fn settling(over: i64, left: i64, a_second: i64, seconds: u64) -> Fallible<Rehearsal> {
    let rehearsal = working(over, left, a_second, seconds)?;
    rehearsal.world.on("select broken", Deed::Rows(&[]));
    Ok(rehearsal)
}

/// Work that is over after so many seconds, where this many are left and this many are done a second, for a while.
fn working(over: i64, left: i64, a_second: i64, seconds: u64) -> Fallible<Rehearsal> {
    let rehearsal = Rehearsal::new()?.product("settle: []\n", SETTLE)?.scenario("to: 1.1.2");
    rehearsal.world.on("select over", Deed::Counts(Counter::new(1 - over, 1, u64::MAX)));
    rehearsal.world.on("select remaining", Deed::Counts(Counter::new(left, -a_second, seconds)));
    Ok(rehearsal)
}

fn about(ran: &Ran, seconds: u64) {
    let (least, most) = (Duration::from_secs(seconds), Duration::from_secs(seconds + 5));
    assert!(ran.elapsed >= least && ran.elapsed < most, "{:?}", ran.elapsed);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_told_with_its_rate_and_the_time_it_will_take() -> Fallible {
    let ran = settling(100, 5000, 50, u64::MAX)?.run().await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    about(&ran, 100);
    let told = ran.progress("hop-1/settle");
    let line =
        told.iter().find(|(_, text)| text.contains("left (of 5,000), 50/s, about 1m ")).ok_or(format!("{told:?}"))?;
    assert!(line.1.starts_with("jobs done: "), "{line:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn work_that_stalls_fails_long_before_its_deadline() -> Fallible {
    let ran = settling(100_000, 5000, 50, 40)?.run().await?;
    ran.ended(&["hop-1/settle failed"])?;
    ran.says("hop-1/settle", "jobs done: expected progress within 2m 00s, seen stalled: it stands at 3,000 left")?;
    ran.says("hop-1/settle", "began at 5,000, in 2m 40s; it last moved 2m 00s before")?;
    about(&ran, 160);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn slow_work_fails_at_its_deadline_with_where_it_stands() -> Fallible {
    let ran = settling(100_000, 1_000_000, 1, u64::MAX)?.run().await?;
    ran.ended(&["hop-1/settle failed"])?;
    ran.says("hop-1/settle", "expected within 1800s, seen not yet: the value is -")?;
    ran.says("hop-1/settle", "left, began at 1,000,000, in 29m 58s")?;
    about(&ran, 1800);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_failed_ends_the_wait_though_its_condition_holds() -> Fallible {
    for (over, seconds) in [(0, 0), (100_000, 30)] {
        let rehearsal = working(over, 10, 0, 0)?;
        let rows = Deed::Rows(&["job 7: no such column", "job 8", "job 9", "job 10"]);
        rehearsal.world.until("select broken", Duration::from_secs(seconds), Deed::Rows(&[]));
        rehearsal.world.on("select broken", rows);
        let ran = rehearsal.run().await?;
        ran.ended(&["hop-1/settle failed"])?;
        ran.says("hop-1/settle", "4 failed: job 7: no such column / job 8 / job 9 / …")?;
        about(&ran, seconds);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_failed_and_cannot_be_asked_is_no_pass() -> Fallible {
    let rehearsal = working(10, 10, 1, 10)?;
    rehearsal.world.on("select broken", Deed::Error("no such table"));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Inconclusive);
    ran.says("hop-1/settle", "what failed meanwhile cannot be asked: no such table")?;
    // Nor is a question that never returns.
    let rehearsal = working(10, 10, 1, 10)?;
    rehearsal.world.on("select broken", Deed::Hang);
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Inconclusive);
    ran.says("hop-1/settle", "what failed meanwhile cannot be asked: no answer within 60s")
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_ends_the_wait_at_once() -> Fallible {
    let rehearsal = settling(100_000, 5000, 1, u64::MAX)?;
    rehearsal.world.nth("start main/web", 2, Deed::Prints(&[(20_000, "out of memory")], Some(137)));
    let ran = rehearsal.run().await?;
    ran.ended(&["hop-1/settle failed"])?;
    ran.says("hop-1/settle", "service web: expected jobs done, seen it exited with code 137")?;
    about(&ran, 20);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_as_the_condition_holds_is_no_pass() -> Fallible {
    let rehearsal = settling(20, 5000, 1, u64::MAX)?;
    rehearsal.world.nth("start main/web", 2, Deed::Prints(&[(20_010, "out of memory")], Some(137)));
    let ran = rehearsal.run().await?;
    ran.ended(&["hop-1/settle failed"])?;
    ran.says("hop-1/settle", "service web: expected jobs done, seen it exited with code 137")
}

#[tokio::test(start_paused = true)]
async fn a_number_may_come_from_a_response_and_count_what_is_done() -> Fallible {
    let step = "  - wait-until:
      name: jobs done
      service: web
      condition: { sql: { sql: select over } }
      progress: { http: { port: 80, path: /jobs }, json: /count, counts: done, total: select all }
      deadline: 30m
";
    let rehearsal = Rehearsal::new()?.product("settle: []\n", &format!("settle:\n{step}"))?.scenario("to: 1.1.2");
    rehearsal.world.on("select over", Deed::Counts(Counter::new(-20, 1, u64::MAX)));
    rehearsal.world.on("select all", Deed::Rows(&["40"]));
    rehearsal.world.on("GET /jobs", Deed::Http(200, r#"{"count": 12}"#));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    let told = ran.progress("hop-1/settle");
    assert!(told.iter().any(|(_, text)| text.starts_with("jobs done: 12 of 40 done")), "{told:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_cannot_work_is_refused() -> Fallible {
    for (was, is, problem) in [
        ("progress: { sql: select remaining }", "", "there is no progress to watch"),
        ("{ sql: select remaining }", "{ counts: done }", "no number of progress"),
        ("{ sql: select remaining }", "{ sql: a, total: b }", "there is no total of what remains"),
        ("{ sql: select remaining }", "{ http: { port: 1, path: /a } }", "`http` and `json` go together"),
        ("services: [web]", "services: [worker]", "unknown service `worker`"),
    ] {
        let rehearsal = Rehearsal::new()?.product("settle: []\n", &SETTLE.replace(was, is))?;
        let refused = rehearsal.run().await.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains(problem), "{is}: {refused}");
    }
    Ok(())
}
