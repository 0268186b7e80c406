//! The releases that are really passed: conditional stops, lines, and what placeholders speak of.

use rehearse_core::outcome::verdict::Exit;

use super::case::Rehearsal;
use super::scripted::{Deed, Fallible};

const WHEN: &str = "path: { stops: [{ at: '1.1', when: { sql: select count(*) > 9 from big }, because: the guide }] }";

fn conditional() -> Fallible<Rehearsal> {
    Rehearsal::new()?.product("path: { minors: one-at-a-time }", WHEN)
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_the_data_does_not_need_is_left_out() -> Fallible {
    let rehearsal = conditional()?.product("command: [migrate]", "command: [migrate, '{{ from }}', '{{ to }}']")?;
    rehearsal.world.on("from big", Deed::Rows(&["f"]));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    ran.ended(&["decide passed", "hop-1/upgrade skipped", "hop-1/check skipped", "hop-2/upgrade passed"])?;
    ran.says("hop-1/upgrade", "the stop at 1.1.2 is not needed: select count(*) > 9 from big is f")?;
    assert_eq!(ran.world.count("run main/web"), 1);
    assert_eq!(ran.world.count("run main/web: migrate 1.0.0 1.2.0"), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_the_data_needs_is_walked() -> Fallible {
    let rehearsal = conditional()?.product("command: [migrate]", "command: [migrate, '{{ from }}', '{{ to }}']")?;
    rehearsal.world.on("from big", Deed::Rows(&["t"]));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    ran.says("decide", "the stop at 1.1.2 is needed")?;
    ran.world.came_in_order(&["run main/web: migrate 1.0.0 1.1.2", "run main/web: migrate 1.1.2 1.2.0"])
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_cannot_be_decided_is_inconclusive() -> Fallible {
    for deed in [Deed::Error("out of reach"), Deed::Rows(&[]), Deed::Rows(&["perhaps"]), Deed::Rows(&["t", "f"])] {
        let rehearsal = conditional()?;
        rehearsal.world.on("from big", deed.clone());
        let ran = rehearsal.run().await?;
        assert_eq!(ran.exit(), Exit::Inconclusive, "{deed:?}: {:#?}", ran.outcomes());
        ran.ended(&["decide inconclusive", "baseline skipped", "hop-2/upgrade skipped"])?;
        ran.says("decide", "whether the stop at 1.1.2 is needed cannot be decided")?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_line_is_the_release_that_its_image_holds() -> Fallible {
    let rehearsal = Rehearsal::new()?
        .scenario("to: '1.1'")
        .product("command: [migrate]", "command: [migrate, '{{ release }}', '{{ to }}']")?;
    rehearsal.world.on("obtain shop:1.1.2", Deed::Holds("1.1.0"));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    ran.says("images-hops", "hop 1: 1.1 is 1.1.0, as the image holds it")?;
    assert_eq!(ran.world.count("run main/web: migrate 1.1.0 1.1.0"), 1);
    assert_eq!(ran.world.count("run main/web"), 1);
    let created = ran.world.inner().specs.iter().filter(|(call, _)| call == "create main/web").count();
    assert_eq!(created, 2);
    assert_eq!(ran.world.spec("create main/web")?.env["RELEASE"], "1.1.0");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_next_hop_goes_from_the_release_that_the_image_of_the_line_held() -> Fallible {
    let rehearsal = Rehearsal::new()?
        .scenario("via: ['1.1']")
        .product("command: [migrate]", "command: [migrate, '{{ from }}', '{{ to }}', '{{ hop }}']")?;
    rehearsal.world.on("obtain shop:1.1.2", Deed::Holds("1.1.0"));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    ran.world.came_in_order(&["run main/web: migrate 1.0.0 1.1.0 1", "run main/web: migrate 1.1.0 1.2.0 2"])
}

#[tokio::test(start_paused = true)]
async fn services_of_one_hop_that_hold_different_releases_of_a_line_are_inconclusive() -> Fallible {
    let rehearsal = Rehearsal::new()?
        .scenario("to: '1.1'")
        .product("backup:\n", "  worker: { image: \"worker:{{ release }}\", versioned: true }\nbackup:\n")?;
    rehearsal.world.on("obtain worker:1.0.0", Deed::Holds("1.0.0"));
    rehearsal.world.on("obtain worker:1.1.2", Deed::Holds("1.1.0"));
    let ran = rehearsal.run().await?;
    ran.ended(&["images-hops inconclusive", "baseline skipped"])?;
    ran.says("images-hops", "1.1.0")?;
    ran.says("images-hops", "1.1.2")
}

#[tokio::test(start_paused = true)]
async fn the_images_of_the_hop_are_those_of_its_release_and_the_database_stays() -> Fallible {
    let ran = Rehearsal::new()?.run().await?;
    let inner = ran.world.inner();
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
