//! Budgets for what a release needs: the time until its services are ready, memory, and the size of its databases and files.

use std::time::Duration;

use super::case::{Rehearsal, RunResult};
use super::scripted::{Behaviour, Fallible};

const BUDGETS: &str = "data: {}
  performance:
    ratio: 2
    slack: 1s
    requests: [{ service: web, port: 80, path: /home }]
    ready: { ratio: 2, slack: 20s }
    memory: { ratio: 1.5, slack: 1MiB }
    database-size: { ratio: 2, slack: 1MiB }
";

/// Runs a rehearsal whose first hop has this time to ready and this database size.
async fn run(seconds: u64, size: Behaviour) -> Fallible<RunResult> {
    let rehearsal = Rehearsal::new()?.product("data: {}\n", BUDGETS)?;
    let world = rehearsal.world.clone();
    world.nth("start main/web", 2, Behaviour::After(Duration::from_secs(seconds), Box::new(Behaviour::Normal)));
    world.nth("pg_database_size", 2, size);
    world.on("pg_database_size", Behaviour::Rows(&["2000000"]));
    rehearsal.run().await
}

#[tokio::test(start_paused = true)]
async fn growth_within_the_budget_is_noted_and_beyond_it_is_a_finding() -> Fallible {
    let small = Behaviour::Rows(&["2000001"]);
    let result = run(19, small.clone()).await?;
    result.expect_outcomes(&[
        "baseline passed",
        "hop-1/check passed",
        "hop-2/check passed",
        "rollback/check passed",
    ])?;
    let notes: Vec<String> = result.stage("hop-1/check")?.checks.iter().flat_map(|check| check.notes.clone()).collect();
    assert!(notes.iter().any(|note| note.starts_with("service web: ") && note.contains("→ 19.0s")), "{notes:#?}");
    assert!(notes.iter().any(|note| note.starts_with("database main: 1.9 MiB → 1.9 MiB (× 1.00)")), "{notes:#?}");

    let result = run(40, small).await?;
    result.expect_outcomes(&["hop-1/check failed", "hop-2/check skipped"])?;
    result.expect_message("hop-1/check", "service web: expected at most 20")?;

    let result = run(0, Behaviour::Rows(&["5000000"])).await?;
    result.expect_outcomes(&["hop-1/check failed"])?;
    result.expect_message(
        "hop-1/check",
        "database main: expected at most 3.8 MiB: 1.9 MiB on the baseline, seen 4.8 MiB (× 2.50)",
    )
}

#[tokio::test(start_paused = true)]
async fn a_size_that_cannot_be_read_is_inconclusive() -> Fallible {
    let result = run(0, Behaviour::Error("the server is out of reach")).await?;
    result.expect_outcomes(&["hop-1/check inconclusive"])?;
    result.expect_message("hop-1/check", "database main: the server is out of reach")
}

#[tokio::test(start_paused = true)]
async fn memory_beyond_the_budget_is_a_finding_and_unreadable_memory_is_inconclusive() -> Fallible {
    let run = async |second: Behaviour| -> Fallible<RunResult> {
        let rehearsal = Rehearsal::new()?.product("data: {}\n", BUDGETS)?;
        let world = rehearsal.world.clone();
        world.on("pg_database_size", Behaviour::Rows(&["2000000"]));
        world.nth("memory main/web", 2, second);
        rehearsal.run().await
    };
    // 64 MiB on the baseline.
    run(Behaviour::Holds("100000000")).await?.expect_outcomes(&["hop-1/check passed"])?;
    let result = run(Behaviour::Holds("134217728")).await?;
    result.expect_outcomes(&["hop-1/check failed"])?;
    result.expect_message(
        "hop-1/check",
        "service web: expected at most 96.0 MiB: 64.0 MiB on the baseline, seen 128.0 MiB (× 2.00)",
    )?;
    let result = run(Behaviour::Error("no such figure")).await?;
    result.expect_outcomes(&["hop-1/check inconclusive"])?;
    result.expect_message("hop-1/check", "no such figure")
}

#[tokio::test(start_paused = true)]
async fn a_product_without_a_word_has_budgets() -> Fallible {
    let run = async |performance: &str, call: &str, second: Behaviour| -> Fallible<RunResult> {
        let checks = format!("data: {{}}\n{performance}");
        let rehearsal = Rehearsal::new()?.product("data: {}\n", &checks)?;
        rehearsal.world.nth(call, 2, second);
        rehearsal.world.on("pg_database_size", Behaviour::Rows(&["20000000"]));
        rehearsal.run().await
    };
    let none = "";
    // 15 seconds, 400 MB and 130 MB more than on the baseline.
    let late = || Behaviour::After(Duration::from_secs(15), Box::new(Behaviour::Normal));
    let result = run(none, "start main/web", late()).await?;
    result.expect_outcomes(&["baseline passed", "hop-1/check failed", "rollback/check passed"])?;
    result.expect_message("hop-1/check", "service web: expected at most 12")?;
    let result = run(none, "memory main/web", Behaviour::Holds("486539264")).await?;
    result.expect_outcomes(&["baseline passed", "hop-1/check failed"])?;
    result.expect_message("hop-1/check", "service web: expected at most 264.0 MiB: 64.0 MiB on the baseline")?;
    let result = run(none, "pg_database_size", Behaviour::Rows(&["150000000"])).await?;
    result.expect_outcomes(&["baseline passed", "hop-1/check failed"])?;
    result.expect_message("hop-1/check", "database main: expected at most 119.1 MiB")?;
    // Switched off, it is not even read.
    let off = "  performance: { memory: { off: it depends on the hour } }\n";
    let result = run(off, "memory main/web", Behaviour::Holds("486539264")).await?;
    result.expect_outcomes(&["baseline passed", "hop-1/check passed"])?;
    result.expect_message("hop-1/check", "memory is not judged: it depends on the hour")?;
    assert_eq!(result.world.count("memory main/web"), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn files_beyond_the_budget_are_a_finding() -> Fallible {
    let checks = "data: {}\n  performance: { files-size: { ratio: 1, slack: 8B } }\n  files: { volatile: { 'files:*': they come and go } }\n";
    let volumes = "    volumes: { files: /files }\n    ports: [80]\n";
    let rehearsal = Rehearsal::new()?.product("data: {}\n", checks)?.product("    ports: [80]\n", volumes)?;
    // The baseline and each hop read a volume twice.
    rehearsal.world.nth("read volume main/files", 3, Behaviour::Files(&[("1.png", "a picture of nine towers")]));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["baseline passed", "hop-1/check failed", "rollback/check passed"])?;
    result.expect_message("hop-1/check", "volume files: expected at most")
}

#[test]
fn a_budget_that_is_off_has_no_figures() -> Fallible {
    let both = "data: {}\n  performance: { ready: { off: because, ratio: 3 } }\n";
    assert!(Rehearsal::new()?.product("data: {}\n", both)?.case().is_err());
    Ok(())
}
