//! A rehearsal in which everything works.

use std::time::Duration;

use rehearse_core::outcome::event::EventKind;
use rehearse_core::outcome::verdict::{Exit, Outcome, Verdict};

use super::case::Rehearsal;
use super::scripted::Fallible;

#[tokio::test(start_paused = true)]
async fn all_stages_run_in_order_and_pass() -> Fallible {
    let result = Rehearsal::new()?.run().await?;
    assert!(
        result.summary().stages().iter().all(|stage| stage.outcome == Outcome::Passed),
        "{}",
        result.all_messages()
    );
    assert_eq!((result.summary().verdict().0, result.exit()), (Verdict::Passed, Exit::Passed));
    assert_eq!(result.finished.internal_error, None);
    result.world.expect_calls(&[
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
    let calls = result.world.inner().calls.clone();
    assert!(calls[0].starts_with("obtain"), "{calls:#?}");
    assert_eq!(calls.last().map(String::as_str), Some("teardown"));
    assert!(result.elapsed < Duration::from_secs(1), "{:?}", result.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn events_are_in_the_order_of_the_plan_and_of_time() -> Fallible {
    let result = Rehearsal::new()?.run().await?;
    assert!(matches!(result.events.first().map(|event| &event.kind), Some(EventKind::RunStarted(_))));
    assert!(matches!(result.events.last().map(|event| &event.kind), Some(EventKind::RunFinished)));
    assert!(result.events.is_sorted_by_key(|event| event.at));
    let started = result.events.iter().filter(|event| matches!(event.kind, EventKind::StageStarted { .. })).count();
    assert_eq!(started, result.summary().stages().len());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_backup_is_verified_before_the_host_is_used() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    super::case::write(&rehearsal.backup().join("dump.txt"), "another")?;
    let result = rehearsal.run().await?;
    assert_eq!(result.world.inner().calls, ["teardown"]);
    assert_eq!(result.exit(), Exit::BadInput);
    result.expect_outcomes(&["backup failed", "images skipped", "images-hops skipped", "rollback/check skipped"])?;
    result.expect_message("images", "stage backup failed")
}

#[tokio::test(start_paused = true)]
async fn a_backup_that_reaches_out_of_its_folder_is_bad_input_and_starts_nothing() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    let part = rehearsal.backup().join("dump.txt");
    std::fs::remove_file(&part)?;
    std::os::unix::fs::symlink("/etc/passwd", &part)?;
    let result = rehearsal.run().await?;
    assert_eq!(
        (result.world.inner().calls.as_slice(), result.exit()),
        (["teardown".to_owned()].as_slice(), Exit::BadInput)
    );
    result
        .expect_message("backup", "dump.txt: expected a file, seen a link that leads out of the backup, to /etc/passwd")
}

#[tokio::test(start_paused = true)]
async fn an_image_that_several_services_use_is_obtained_once_per_stage() -> Fallible {
    let result = Rehearsal::new()?
        .product("backup:\n", "  worker: { image: \"shop:{{ release }}\", versioned: true }\nbackup:\n")?
        .product("  - start: [web]\npreflight", "  - start: [web, worker]\npreflight")?
        .product("  - stop: [web]\n  - replace: [web]", "  - stop: [web, worker]\n  - replace: [web, worker]")?
        .product("deadline: 20m }\n  - start: [web]", "deadline: 20m }\n  - start: [web, worker]")?
        .run()
        .await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    assert_eq!(result.world.count("obtain shop:1.0.0"), 1);
    assert_eq!(result.world.count("obtain shop:1.2.0"), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn images_of_the_hops_are_obtained_during_the_restore() -> Fallible {
    use super::scripted::Behaviour;
    let rehearsal = Rehearsal::new()?;
    let minute = Duration::from_secs(60);
    rehearsal.world.on("obtain shop:1.1", Behaviour::After(minute, Box::new(Behaviour::Normal)));
    rehearsal.world.on("db: load", Behaviour::After(minute, Box::new(Behaviour::Normal)));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    // The restore of the rollback takes the second minute.
    assert!(
        result.elapsed >= minute * 2 && result.elapsed < minute * 2 + Duration::from_secs(5),
        "{:?}",
        result.elapsed
    );
    Ok(())
}
