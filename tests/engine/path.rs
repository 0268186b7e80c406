//! The releases on the path: conditional stops, lines, and the values of placeholders.

use rehearse_core::outcome::verdict::Exit;

use super::case::Rehearsal;
use super::scripted::{Behaviour, Fallible};

const WHEN: &str = "path: { stops: [{ at: '1.1', when: { sql: select count(*) > 9 from big }, because: the guide }] }";

fn conditional() -> Fallible<Rehearsal> {
    Rehearsal::new()?.product("path: { minors: one-at-a-time }", WHEN)
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_the_data_does_not_need_is_skipped() -> Fallible {
    let rehearsal = conditional()?.product("command: [migrate]", "command: [migrate, '{{ from }}', '{{ to }}']")?;
    rehearsal.world.on("from big", Behaviour::Rows(&["f"]));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    result.expect_outcomes(&[
        "decide passed",
        "hop-1/upgrade skipped",
        "hop-1/check skipped",
        "hop-2/upgrade passed",
    ])?;
    result.expect_message("hop-1/upgrade", "the stop at 1.1.2 is not needed: select count(*) > 9 from big is f")?;
    assert_eq!(result.world.count("run main/web"), 1);
    assert_eq!(result.world.count("run main/web: migrate 1.0.0 1.2.0"), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_the_data_needs_is_upgraded_to() -> Fallible {
    let rehearsal = conditional()?.product("command: [migrate]", "command: [migrate, '{{ from }}', '{{ to }}']")?;
    rehearsal.world.on("from big", Behaviour::Rows(&["t"]));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    result.expect_message("decide", "the stop at 1.1.2 is needed")?;
    result.world.expect_calls(&["run main/web: migrate 1.0.0 1.1.2", "run main/web: migrate 1.1.2 1.2.0"])
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_cannot_be_decided_is_inconclusive() -> Fallible {
    for behaviour in [
        Behaviour::Error("out of reach"),
        Behaviour::Rows(&[]),
        Behaviour::Rows(&["perhaps"]),
        Behaviour::Rows(&["t", "f"]),
    ] {
        let rehearsal = conditional()?;
        rehearsal.world.on("from big", behaviour.clone());
        let result = rehearsal.run().await?;
        assert_eq!(result.exit(), Exit::Inconclusive, "{behaviour:?}: {:#?}", result.outcomes());
        result.expect_outcomes(&["decide inconclusive", "baseline skipped", "hop-2/upgrade skipped"])?;
        result.expect_message("decide", "whether the stop at 1.1.2 is needed cannot be decided")?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_line_is_the_release_that_its_image_holds() -> Fallible {
    let rehearsal = Rehearsal::new()?
        .scenario("to: '1.1'")
        .product("command: [migrate]", "command: [migrate, '{{ release }}', '{{ to }}']")?;
    rehearsal.world.on("obtain shop:1.1.2", Behaviour::Holds("1.1.0"));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    result.expect_message("images-hops", "hop 1: 1.1 is 1.1.0, as the image holds it")?;
    assert_eq!(result.world.count("run main/web: migrate 1.1.0 1.1.0"), 1);
    assert_eq!(result.world.count("run main/web"), 1);
    let created = result.world.inner().specs.iter().filter(|(call, _)| call == "create main/web").count();
    assert_eq!(created, 2);
    assert_eq!(result.world.spec("create main/web")?.env["RELEASE"], "1.1.0");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_next_hop_goes_from_the_release_that_the_image_of_the_line_held() -> Fallible {
    let rehearsal = Rehearsal::new()?
        .scenario("via: ['1.1']")
        .product("command: [migrate]", "command: [migrate, '{{ from }}', '{{ to }}', '{{ hop }}']")?;
    rehearsal.world.on("obtain shop:1.1.2", Behaviour::Holds("1.1.0"));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    result.world.expect_calls(&["run main/web: migrate 1.0.0 1.1.0 1", "run main/web: migrate 1.1.0 1.2.0 2"])
}

#[tokio::test(start_paused = true)]
async fn services_of_one_hop_that_hold_different_releases_of_a_line_are_inconclusive() -> Fallible {
    let rehearsal = Rehearsal::new()?
        .scenario("to: '1.1'")
        .product("backup:\n", "  worker: { image: \"worker:{{ release }}\", versioned: true }\nbackup:\n")?;
    rehearsal.world.on("obtain worker:1.0.0", Behaviour::Holds("1.0.0"));
    rehearsal.world.on("obtain worker:1.1.2", Behaviour::Holds("1.1.0"));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["images-hops inconclusive", "baseline skipped"])?;
    result.expect_message("images-hops", "1.1.0")?;
    result.expect_message("images-hops", "1.1.2")
}

#[tokio::test(start_paused = true)]
async fn the_images_of_the_hop_are_those_of_its_release_and_the_database_stays() -> Fallible {
    let result = Rehearsal::new()?.run().await?;
    let inner = result.world.inner();
    let images: Vec<String> = inner.specs.iter().map(|(call, spec)| format!("{call}: {}", spec.image)).collect();
    assert_eq!(
        images,
        [
            "create main/db: id of postgres:15",
            "create main/web: id of shop:1.0.0",
            "create main/web: id of shop:1.1.2",
            "run main/web: id of shop:1.1.2",
            "create main/web: id of shop:1.2.0",
            "run main/web: id of shop:1.2.0",
            "create rollback/db: id of postgres:15",
            "create rollback/web: id of shop:1.0.0",
        ]
    );
    Ok(())
}
