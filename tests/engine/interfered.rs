//! Interference from outside is never held against the product, and never meets an expectation.

use std::time::Duration;

use rehearse_core::outcome::note::Note;
use rehearse_core::outcome::verdict::{Exit, InterferenceKind, Outcome, Verdict};

use super::case::Rehearsal;
use super::scripted::{Behaviour, Fallible};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn interference_ends_a_stage_at_once_and_is_named() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    let restarts = Behaviour::Interferes(InterferenceKind::EngineRestarted, Box::new(Behaviour::Hang));
    rehearsal.world.on("run main/web: migrate", Behaviour::After(5 * SECOND, Box::new(restarts)));
    let result = rehearsal.run().await?;
    assert_eq!((result.summary().verdict().0, result.exit()), (Verdict::Inconclusive, Exit::Inconclusive));
    result.expect_outcomes(&[
        "hop-1/upgrade inconclusive",
        "hop-1/check skipped",
        "rollback/deploy skipped",
        "teardown passed",
    ])?;
    result.expect_message("hop-1/upgrade", "engine-restarted: service web: scripted")?;
    result.expect_message("rollback/deploy", "the run was interrupted from outside: engine-restarted")?;
    assert!(result.elapsed < 7 * SECOND, "{:?}", result.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_failure_during_interference_is_not_held_against_the_product() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    let killed = Behaviour::Interferes(InterferenceKind::OutOfMemory, Box::new(Behaviour::Exit(137, "")));
    rehearsal.world.on("run main/web: migrate", killed);
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Inconclusive);
    let stage = result.summary().stages().iter().find(|stage| stage.id.0 == "hop-1/upgrade").ok_or("no stage")?;
    assert_eq!(stage.outcome, Outcome::Inconclusive);
    assert!(stage.findings.is_empty() && stage.interferences.len() == 1, "{stage:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_check_that_failed_during_interference_is_inconclusive() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    let gone = Behaviour::Interferes(InterferenceKind::ContainerTouched, Box::new(Behaviour::Http(500, "")));
    rehearsal.world.nth("http main/web GET /home", 2, gone);
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Inconclusive, "{:#?}", result.outcomes());
    assert!(result.summary().stages().iter().all(|stage| stage.outcome != Outcome::Failed), "{:#?}", result.outcomes());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn interference_does_not_meet_an_expected_failure() -> Fallible {
    let rehearsal = Rehearsal::new()?
        .scenario("expect: { outcome: failed, stage: hop-1/upgrade, findings: [{ matches: migrate }] }");
    let killed = Behaviour::Interferes(InterferenceKind::OutOfMemory, Box::new(Behaviour::Exit(137, "")));
    rehearsal.world.on("run main/web: migrate", killed);
    let result = rehearsal.run().await?;
    assert_eq!((result.summary().verdict().0, result.exit()), (Verdict::Inconclusive, Exit::Inconclusive));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_recognised_by_the_message_of_the_kernel() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    let full = Behaviour::Exit(1, "could not extend file \"base/16384/2619\": No space left on device");
    rehearsal.world.on("run main/web: migrate", full);
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Inconclusive);
    result.expect_message("hop-1/upgrade", "disk-full: a disk or quota that the rehearsal uses")?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_failure_without_interference_is_the_products() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("run main/web: migrate", Behaviour::Exit(1, "no such column"));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Failed);
    assert!(result.world.count("look around") > 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_foreign_command_is_noted_and_makes_a_failure_inconclusive() -> Fallible {
    for (behaviour, exit) in [(Behaviour::Normal, Exit::Passed), (Behaviour::Exit(137, ""), Exit::Inconclusive)] {
        let rehearsal = Rehearsal::new()?;
        rehearsal.world.on("run main/web: migrate", Behaviour::ForeignCommand("kill 1", Box::new(behaviour)));
        let result = rehearsal.run().await?;
        assert_eq!(result.exit(), exit, "{:#?}", result.outcomes());
        let stage = result.summary().stages().iter().find(|stage| stage.id.0 == "hop-1/upgrade").ok_or("no stage")?;
        let noted =
            stage.notes.iter().any(|note| matches!(note, Note::ForeignCommand(text) if text.contains("kill 1")));
        assert_eq!((noted, stage.interferences.len()), (exit == Exit::Passed, usize::from(exit != Exit::Passed)));
    }
    Ok(())
}
