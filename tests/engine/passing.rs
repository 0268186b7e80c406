//! A rehearsal in which everything works.

use std::time::Duration;

use rehearse_core::outcome::event::EventKind;
use rehearse_core::outcome::verdict::{Exit, Outcome, Verdict};

use super::case::Rehearsal;
use super::scripted::Fallible;

#[tokio::test(start_paused = true)]
async fn everything_happens_in_order_and_passes() -> Fallible {
    let ran = Rehearsal::new()?.run().await?;
    assert!(ran.summary().stages().iter().all(|stage| stage.outcome == Outcome::Passed), "{}", ran.troubles());
    assert_eq!((ran.summary().verdict().0, ran.exit()), (Verdict::Passed, Exit::Passed));
    assert_eq!(ran.finished.trouble, None);
    ran.world.came_in_order(&[
        "obtain shop:1.0.0",
        "open main",
        "create main/web",
        "start main/db",
        "exec main/db: load < dump.txt",
        "start main/web",
        "tables main",
        "stop main/web",
        "remove main/web",
        "create main/web",
        "sessions main",
        "run main/web: migrate",
        "start main/web",
        "tables main",
        "stop main/web",
        "remove main/web",
        "create main/web",
        "run main/web: migrate",
        "start main/web",
        "open rollback",
        "exec rollback/db: load",
        "start rollback/web",
        "tables rollback",
        "teardown",
    ])?;
    let calls = ran.world.inner().calls.clone();
    assert!(calls[0].starts_with("obtain"), "{calls:#?}");
    assert_eq!(calls.last().map(String::as_str), Some("teardown"));
    assert!(ran.elapsed < Duration::from_secs(1), "{:?}", ran.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn events_are_in_the_order_of_the_plan_and_of_time() -> Fallible {
    let ran = Rehearsal::new()?.run().await?;
    assert!(matches!(ran.events.first().map(|event| &event.kind), Some(EventKind::RunStarted(_))));
    assert!(matches!(ran.events.last().map(|event| &event.kind), Some(EventKind::RunFinished)));
    assert!(ran.events.is_sorted_by_key(|event| event.at));
    let started = ran.events.iter().filter(|event| matches!(event.kind, EventKind::StageStarted { .. })).count();
    assert_eq!(started, ran.summary().stages().len());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_backup_is_verified_before_anything_is_asked_of_the_host() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    super::case::write(&rehearsal.backup().join("dump.txt"), "another")?;
    let ran = rehearsal.run().await?;
    assert_eq!(ran.world.inner().calls, ["teardown"]);
    assert_eq!(ran.exit(), Exit::BadInput);
    ran.ended(&["backup failed", "images skipped", "images-hops skipped", "rollback/check skipped"])?;
    ran.says("images", "stage backup failed")
}

#[tokio::test(start_paused = true)]
async fn a_backup_that_reaches_out_of_its_folder_is_bad_input_and_starts_nothing() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    let part = rehearsal.backup().join("dump.txt");
    std::fs::remove_file(&part)?;
    std::os::unix::fs::symlink("/etc/passwd", &part)?;
    let ran = rehearsal.run().await?;
    assert_eq!((ran.world.inner().calls.as_slice(), ran.exit()), (["teardown".to_owned()].as_slice(), Exit::BadInput));
    ran.says("backup", "dump.txt: expected a file, seen a link that leads out of the backup, to /etc/passwd")
}

#[tokio::test(start_paused = true)]
async fn an_image_that_several_services_use_is_obtained_once_per_stage() -> Fallible {
    let ran = Rehearsal::new()?
        .product("backup:\n", "  worker: { image: \"shop:{{ release }}\", versioned: true }\nbackup:\n")?
        .product("  - start: [web]\npreflight", "  - start: [web, worker]\npreflight")?
        .product("  - stop: [web]\n  - replace: [web]", "  - stop: [web, worker]\n  - replace: [web, worker]")?
        .product("deadline: 20m }\n  - start: [web]", "deadline: 20m }\n  - start: [web, worker]")?
        .run()
        .await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    assert_eq!(ran.world.count("obtain shop:1.0.0"), 1);
    assert_eq!(ran.world.count("obtain shop:1.2.0"), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn images_of_the_hops_are_obtained_beside_the_restore() -> Fallible {
    use super::scripted::Deed;
    let rehearsal = Rehearsal::new()?;
    let minute = Duration::from_secs(60);
    rehearsal.world.on("obtain shop:1.1", Deed::Late(minute, Box::new(Deed::Usual)));
    rehearsal.world.on("db: load", Deed::Late(minute, Box::new(Deed::Usual)));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    // The restore of the rollback takes the second minute.
    assert!(ran.elapsed >= minute * 2 && ran.elapsed < minute * 2 + Duration::from_secs(5), "{:?}", ran.elapsed);
    Ok(())
}
