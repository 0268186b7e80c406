//! Budgets for what a release needs: time until its services are ready, and room for its databases.

use std::time::Duration;

use super::case::{Ran, Rehearsal};
use super::scripted::{Deed, Fallible};

const BUDGETS: &str = "data: {}
  performance:
    ratio: 2
    slack: 1s
    requests: [{ service: web, port: 80, path: /home }]
    ready: { ratio: 2, slack: 20s }
    memory: { ratio: 1.5, slack: 1MiB }
    database-size: { ratio: 2, slack: 1MiB }
";

/// The first hop's service gets ready after so many seconds, and its database has so many bytes.
async fn run(seconds: u64, size: Deed) -> Fallible<Ran> {
    let rehearsal = Rehearsal::new()?.product("data: {}\n", BUDGETS)?;
    let world = rehearsal.world.clone();
    world.nth("start main/web", 2, Deed::Late(Duration::from_secs(seconds), Box::new(Deed::Usual)));
    world.nth("pg_database_size", 2, size);
    world.on("pg_database_size", Deed::Rows(&["2000000"]));
    rehearsal.run().await
}

#[tokio::test(start_paused = true)]
async fn what_a_release_needs_more_is_noted_within_the_budget_and_found_beyond() -> Fallible {
    let small = Deed::Rows(&["2000001"]);
    let ran = run(19, small.clone()).await?;
    ran.ended(&["baseline passed", "hop-1/check passed", "hop-2/check passed", "rollback/check passed"])?;
    let notes: Vec<String> = ran.stage("hop-1/check")?.checks.iter().flat_map(|check| check.notes.clone()).collect();
    assert!(notes.iter().any(|note| note.starts_with("service web: ") && note.contains("→ 19.0s")), "{notes:#?}");
    assert!(notes.iter().any(|note| note.starts_with("database main: 1.9 MiB → 1.9 MiB (× 1.00)")), "{notes:#?}");

    let ran = run(40, small).await?;
    ran.ended(&["hop-1/check failed", "hop-2/check skipped"])?;
    ran.says("hop-1/check", "service web: expected at most 20")?;

    let ran = run(0, Deed::Rows(&["5000000"])).await?;
    ran.ended(&["hop-1/check failed"])?;
    ran.says("hop-1/check", "database main: expected at most 3.8 MiB: 1.9 MiB on the baseline, seen 4.8 MiB (× 2.50)")
}

#[tokio::test(start_paused = true)]
async fn a_size_that_cannot_be_read_is_inconclusive() -> Fallible {
    let ran = run(0, Deed::Error("the server is out of reach")).await?;
    ran.ended(&["hop-1/check inconclusive"])?;
    ran.says("hop-1/check", "database main: the server is out of reach")
}

#[tokio::test(start_paused = true)]
async fn memory_beyond_the_budget_is_found_and_one_that_cannot_be_read_is_inconclusive() -> Fallible {
    let run = async |second: Deed| -> Fallible<Ran> {
        let rehearsal = Rehearsal::new()?.product("data: {}\n", BUDGETS)?;
        let world = rehearsal.world.clone();
        world.on("pg_database_size", Deed::Rows(&["2000000"]));
        world.nth("memory main/web", 2, second);
        rehearsal.run().await
    };
    // 64 MiB on the baseline.
    run(Deed::Holds("100000000")).await?.ended(&["hop-1/check passed"])?;
    let ran = run(Deed::Holds("134217728")).await?;
    ran.ended(&["hop-1/check failed"])?;
    ran.says(
        "hop-1/check",
        "service web: expected at most 96.0 MiB: 64.0 MiB on the baseline, seen 128.0 MiB (× 2.00)",
    )?;
    let ran = run(Deed::Error("no such figure")).await?;
    ran.ended(&["hop-1/check inconclusive"])?;
    ran.says("hop-1/check", "no such figure")
}
