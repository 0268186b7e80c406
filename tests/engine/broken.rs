//! Failures on our side: never held against the product, and never a pass.

use std::time::Duration;

use rehearse_core::outcome::verdict::{Exit, Verdict};

use super::case::Rehearsal;
use super::scripted::{Behaviour, Fallible, things};

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_host_names_operation_and_object() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("create main/web", 2, Behaviour::Error("the name is taken"));
    let result = rehearsal.run().await?;
    assert_eq!((result.summary().verdict().0, result.exit()), (Verdict::Inconclusive, Exit::Inconclusive));
    result.expect_outcomes(&[
        "hop-1/upgrade inconclusive",
        "hop-1/check skipped",
        "hop-2/upgrade skipped",
        "rollback/check passed",
    ])?;
    result.expect_message("hop-1/upgrade", "cannot create main/web: the name is taken")?;
    result.expect_message("hop-2/upgrade", "stage hop-1/upgrade inconclusive")
}

#[tokio::test(start_paused = true)]
async fn a_probe_error_makes_the_check_inconclusive_and_the_path_continues() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("http main/web GET /home", 2, Behaviour::Error("no route to the network"));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Inconclusive);
    result.expect_outcomes(&[
        "hop-1/check inconclusive",
        "hop-2/upgrade passed",
        "hop-2/check passed",
        "rollback/check passed",
    ])?;
    result.expect_message("hop-1/check", "no route to the network")
}

#[tokio::test(start_paused = true)]
async fn an_unobtainable_image_skips_everything_after_it() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("obtain shop:1.0.0", Behaviour::Error("on offer is 1.1.2"));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Inconclusive);
    result.expect_outcomes(&[
        "images inconclusive",
        "images-hops skipped",
        "deploy skipped",
        "rollback/check skipped",
    ])?;
    result.expect_message("images", "cannot obtain image shop:1.0.0: on offer is 1.1.2")?;
    assert_eq!(result.world.count("open"), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_unobtainable_image_of_a_hop_ends_the_path_before_the_baseline() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("obtain shop:1.2.0", Behaviour::Error("no registry answers"));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Inconclusive);
    result.expect_outcomes(&[
        "restore passed",
        "images-hops inconclusive",
        "baseline skipped",
        "hop-1/upgrade skipped",
    ])?;
    result.expect_message("baseline", "stage images-hops inconclusive")
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_observes_nothing_is_inconclusive() -> Fallible {
    let only_old = "{ exec: { service: web, command: [cat, VERSION], releases: \"<1.0\"";
    let result = Rehearsal::new()?.product("{ exec: { service: web, command: [cat, VERSION]", only_old)?.run().await?;
    assert_eq!(result.exit(), Exit::Inconclusive);
    result.expect_outcomes(&["baseline inconclusive", "hop-1/check inconclusive"])?;
    result.expect_message("hop-1/check", "there was no data, so the check asserted nothing")
}

#[tokio::test(start_paused = true)]
async fn a_check_that_asserts_nothing_is_inconclusive() -> Fallible {
    let result = Rehearsal::new()?
        .product("[cat, VERSION], expect: { contains: [\"^{{ release }}$\"] }", "[cat, VERSION], expect: { exit: [] }")?
        .run()
        .await?;
    assert_eq!(result.exit(), Exit::Inconclusive);
    result.expect_message("hop-1/check", "there was no data, so the check asserted nothing")
}

#[tokio::test(start_paused = true)]
async fn a_scenario_without_checks_is_refused() -> Fallible {
    let without = "skip-checks: { version: x, health: x, migrations: x, data: x, logs: x, performance: x }";
    let refused = Rehearsal::new()?.product("  rows: { at: /rows }\n", "")?.scenario(without).run().await;
    let refusal = refused.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refusal.contains("leaves out every check"), "{refusal}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_panic_inside_the_host_is_our_bug_and_teardown_still_runs() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("stop main/web", 1, Behaviour::Panic);
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Inconclusive);
    result.expect_outcomes(&[
        "hop-1/upgrade inconclusive",
        "hop-2/upgrade skipped",
        "rollback/check passed",
        "teardown passed",
    ])?;
    result.expect_message("hop-1/upgrade", "bug: a stage panicked: scripted")?;
    assert_eq!(result.world.count("teardown"), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_background_stage_is_our_bug_and_teardown_still_runs() -> Fallible {
    for late in [Duration::ZERO, Duration::from_secs(60)] {
        let rehearsal = Rehearsal::new()?;
        rehearsal.world.on("obtain shop:1.2.0", Behaviour::After(late, Box::new(Behaviour::Panic)));
        let result = rehearsal.run().await?;
        assert_eq!(result.exit(), Exit::Inconclusive);
        result.expect_outcomes(&["images-hops inconclusive", "baseline skipped", "teardown passed"])?;
        result.expect_message("images-hops", "bug: a stage panicked: scripted")?;
        assert_eq!(result.world.count("teardown"), 1);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_checks_of_a_hop_does_not_lose_the_baseline() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("http main/web GET /home", 2, Behaviour::Panic);
    let result = rehearsal.run().await?;
    result.expect_outcomes(&[
        "hop-1/check inconclusive",
        "hop-2/upgrade skipped",
        "rollback/check passed",
        "teardown passed",
    ])
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_host_in_one_check_does_not_affect_the_others() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    // A first run shows which `state` call belongs to the check after the first hop.
    let first = Rehearsal::new()?.run().await?;
    let calls = first.world.inner().calls.clone();
    let check = calls.iter().enumerate().filter(|(_, call)| call.starts_with("tables main")).nth(3).map(|(at, _)| at);
    let before = check.ok_or("the tables were not read")?;
    let request = calls[..before].iter().filter(|call| *call == "state main/web").count();
    rehearsal.world.nth("state main/web", u32::try_from(request)? + 1, Behaviour::Error("the daemon is restarting"));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-1/check inconclusive", "rollback/check passed"])?;
    result.expect_message("hop-1/check", "cannot state main/web: the daemon is restarting")?;
    assert_eq!(
        result.stage("hop-1/check")?.checks.len(),
        result.stage("hop-2/check")?.checks.len(),
        "{}",
        result.all_messages()
    );
    Ok(())
}

const RULES: &str = "data:
    rules:
      - crossing: 1.1.0
        allow: { rows: { table: things, by: 1 } }
        because: 1.1 adds a thing
  logs";

#[tokio::test(start_paused = true)]
async fn tables_that_could_not_be_read_after_a_hop_are_not_held_against_the_next_one() -> Fallible {
    let rehearsal = Rehearsal::new()?.product("data: {}\n  logs", RULES)?;
    // The restore and the baseline have read the tables three times.
    rehearsal.world.nth("tables main", 4, Behaviour::Error("out of reach"));
    rehearsal.world.from("tables main", 4, Behaviour::Tables(things(4, "abc")));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-1/check inconclusive", "hop-2/check passed"])?;
    assert_eq!(result.exit(), Exit::Inconclusive);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn unreadable_migrations_are_neither_a_reference_nor_a_finding() -> Fallible {
    // The first is the baseline's; the sixth is the rollback's, after two for each hop.
    for nth in [1, 6] {
        let rehearsal = Rehearsal::new()?;
        rehearsal.world.nth("select version from migrations", nth, Behaviour::Error("out of reach"));
        let result = rehearsal.run().await?;
        assert_eq!(result.exit(), Exit::Inconclusive, "{nth}: {}", result.all_messages());
        result.expect_outcomes(&["hop-1/check passed", "rollback/check inconclusive"])?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_hop_that_leaves_the_old_container_running_fails() -> Fallible {
    let scenario = "hops: [{ hop: 1, upgrade: [] }]\nskip-checks: { version: x, migrations: x, data: x, logs: x }";
    let result = Rehearsal::new()?.scenario(scenario).run().await?;
    assert_eq!(result.exit(), Exit::Failed);
    result.expect_message("hop-1/check", "it was made from another image")?;
    Ok(())
}
