//! We could not tell: never the product's fault, and never green.

use std::time::Duration;

use rehearse_core::outcome::verdict::{Exit, Verdict};

use super::case::Rehearsal;
use super::scripted::{Deed, Fallible, things};

#[tokio::test(start_paused = true)]
async fn a_host_that_cannot_create_is_named_with_operation_and_object() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("create main/web", 2, Deed::Error("the name is taken"));
    let ran = rehearsal.run().await?;
    assert_eq!((ran.summary().verdict().0, ran.exit()), (Verdict::Inconclusive, Exit::Inconclusive));
    ran.ended(&[
        "hop-1/upgrade inconclusive",
        "hop-1/check skipped",
        "hop-2/upgrade skipped",
        "rollback/check passed",
    ])?;
    ran.says("hop-1/upgrade", "cannot create main/web: the name is taken")?;
    ran.says("hop-2/upgrade", "stage hop-1/upgrade inconclusive")
}

#[tokio::test(start_paused = true)]
async fn an_observer_that_breaks_makes_the_check_inconclusive_and_the_path_goes_on() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("http main/web GET /home", 2, Deed::Error("no route to the network"));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Inconclusive);
    ran.ended(&["hop-1/check inconclusive", "hop-2/upgrade passed", "hop-2/check passed", "rollback/check passed"])?;
    ran.says("hop-1/check", "no route to the network")
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_not_obtainable_skips_everything_after_it() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("obtain shop:1.0.0", Deed::Error("on offer is 1.1.2"));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Inconclusive);
    ran.ended(&["images inconclusive", "images-hops skipped", "deploy skipped", "rollback/check skipped"])?;
    ran.says("images", "image shop:1.0.0 is not obtainable: on offer is 1.1.2")?;
    assert_eq!(ran.world.count("open"), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_image_of_a_hop_that_is_not_obtainable_stops_before_the_baseline() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("obtain shop:1.2.0", Deed::Error("no registry answers"));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Inconclusive);
    ran.ended(&["restore passed", "images-hops inconclusive", "baseline skipped", "hop-1/upgrade skipped"])?;
    ran.says("baseline", "stage images-hops inconclusive")
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_sees_nothing_is_inconclusive() -> Fallible {
    let only_old = "{ exec: { service: web, command: [cat, VERSION], releases: \"<1.0\"";
    let ran = Rehearsal::new()?.product("{ exec: { service: web, command: [cat, VERSION]", only_old)?.run().await?;
    assert_eq!(ran.exit(), Exit::Inconclusive);
    ran.ended(&["baseline inconclusive", "hop-1/check inconclusive"])?;
    ran.says("hop-1/check", "it asserted nothing: there was no data")
}

#[tokio::test(start_paused = true)]
async fn a_check_that_asserts_nothing_is_inconclusive() -> Fallible {
    let ran = Rehearsal::new()?
        .product("[cat, VERSION], expect: { contains: [\"^{{ release }}$\"] }", "[cat, VERSION], expect: { exit: [] }")?
        .run()
        .await?;
    assert_eq!(ran.exit(), Exit::Inconclusive);
    ran.says("hop-1/check", "it asserted nothing: there was no data")
}

#[tokio::test(start_paused = true)]
async fn without_any_check_nothing_is_green() -> Fallible {
    let without = "skip-checks: { version: x, health: x, migrations: x, data: x, logs: x }";
    let refused = Rehearsal::new()?.product("  rows: { at: /rows }\n", "")?.scenario(without).run().await;
    let told = refused.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(told.contains("leaves out every check"), "{told}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_panic_inside_the_host_is_our_bug_and_teardown_still_runs() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("stop main/web", 1, Deed::Panic);
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Inconclusive);
    ran.ended(&["hop-1/upgrade inconclusive", "hop-2/upgrade skipped", "rollback/check passed", "teardown passed"])?;
    ran.says("hop-1/upgrade", "bug: a stage panicked: scripted")?;
    assert_eq!(ran.world.count("teardown"), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_images_beside_is_our_bug_and_teardown_still_runs() -> Fallible {
    for late in [Duration::ZERO, Duration::from_secs(60)] {
        let rehearsal = Rehearsal::new()?;
        rehearsal.world.on("obtain shop:1.2.0", Deed::Late(late, Box::new(Deed::Panic)));
        let ran = rehearsal.run().await?;
        assert_eq!(ran.exit(), Exit::Inconclusive);
        ran.ended(&["images-hops inconclusive", "baseline skipped", "teardown passed"])?;
        ran.says("images-hops", "bug: a stage panicked: scripted")?;
        assert_eq!(ran.world.count("teardown"), 1);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_checks_of_a_hop_does_not_lose_the_baseline() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("http main/web GET /home", 2, Deed::Panic);
    let ran = rehearsal.run().await?;
    ran.ended(&["hop-1/check inconclusive", "hop-2/upgrade skipped", "rollback/check passed", "teardown passed"])
}

#[tokio::test(start_paused = true)]
async fn a_host_that_breaks_in_one_check_does_not_take_the_others_along() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    // A first run tells which look at the service is that of the check after the first hop.
    let first = Rehearsal::new()?.run().await?;
    let calls = first.world.inner().calls.clone();
    let check = calls.iter().enumerate().filter(|(_, call)| call.starts_with("tables main")).nth(3).map(|(at, _)| at);
    let before = check.ok_or("the tables were not read")?;
    let request = calls[..before].iter().filter(|call| *call == "state main/web").count();
    rehearsal.world.nth("state main/web", u32::try_from(request)? + 1, Deed::Error("the daemon is restarting"));
    let ran = rehearsal.run().await?;
    ran.ended(&["hop-1/check inconclusive", "rollback/check passed"])?;
    ran.says("hop-1/check", "cannot state main/web: the daemon is restarting")?;
    assert_eq!(ran.stage("hop-1/check")?.checks.len(), ran.stage("hop-2/check")?.checks.len(), "{}", ran.troubles());
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
    // Restore and baseline have read three times.
    rehearsal.world.nth("tables main", 4, Deed::Error("out of reach"));
    rehearsal.world.from("tables main", 4, Deed::Tables(things(4, "abc")));
    let ran = rehearsal.run().await?;
    ran.ended(&["hop-1/check inconclusive", "hop-2/check passed"])?;
    assert_eq!(ran.exit(), Exit::Inconclusive);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn migrations_that_could_not_be_read_are_no_reference_and_no_finding() -> Fallible {
    // The baseline's, then that of the rollback: after the baseline, two of each hop.
    for nth in [1, 6] {
        let rehearsal = Rehearsal::new()?;
        rehearsal.world.nth("select version from migrations", nth, Deed::Error("out of reach"));
        let ran = rehearsal.run().await?;
        assert_eq!(ran.exit(), Exit::Inconclusive, "{nth}: {}", ran.troubles());
        ran.ended(&["hop-1/check passed", "rollback/check inconclusive"])?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_hop_that_leaves_the_old_container_running_fails_whatever_the_product_checks() -> Fallible {
    let scenario = "hops: [{ hop: 1, upgrade: [] }]\nskip-checks: { version: x, migrations: x, data: x, logs: x }";
    let ran = Rehearsal::new()?.scenario(scenario).run().await?;
    assert_eq!(ran.exit(), Exit::Failed);
    ran.says("hop-1/check", "it was made from another image")?;
    Ok(())
}
