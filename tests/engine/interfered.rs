//! What comes between from outside is never the product's fault, and never looks like what a scenario expects.

use std::time::Duration;

use rehearse_core::outcome::note::Note;
use rehearse_core::outcome::verdict::{Exit, InterferenceKind, Outcome, Verdict};

use super::case::Rehearsal;
use super::scripted::{Deed, Fallible};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn what_comes_between_ends_a_stage_at_once_and_is_named() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    let restarts = Deed::Disturbs(InterferenceKind::EngineRestarted, Box::new(Deed::Hang));
    rehearsal.world.on("run main/web: migrate", Deed::Late(5 * SECOND, Box::new(restarts)));
    let ran = rehearsal.run().await?;
    assert_eq!((ran.summary().verdict().0, ran.exit()), (Verdict::Inconclusive, Exit::Inconclusive));
    ran.ended(&["hop-1/upgrade inconclusive", "hop-1/check skipped", "rollback/deploy skipped", "teardown passed"])?;
    ran.says("hop-1/upgrade", "engine-restarted: service web: scripted")?;
    ran.says("rollback/deploy", "the run was interrupted from outside: engine-restarted")?;
    assert!(ran.elapsed < 7 * SECOND, "{:?}", ran.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_failed_meanwhile_is_told_and_not_held_against_the_product() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    let killed = Deed::Disturbs(InterferenceKind::OutOfMemory, Box::new(Deed::Exit(137, "")));
    rehearsal.world.on("run main/web: migrate", killed);
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Inconclusive);
    let stage = ran.summary().stages().iter().find(|stage| stage.id.0 == "hop-1/upgrade").ok_or("no stage")?;
    assert_eq!(stage.outcome, Outcome::Inconclusive);
    assert!(stage.findings.is_empty() && stage.interferences.len() == 1, "{stage:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_check_that_failed_meanwhile_could_not_tell() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    let gone = Deed::Disturbs(InterferenceKind::ContainerTouched, Box::new(Deed::Http(500, "")));
    rehearsal.world.nth("http main/web GET /home", 2, gone);
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Inconclusive, "{:#?}", ran.outcomes());
    assert!(ran.summary().stages().iter().all(|stage| stage.outcome != Outcome::Failed), "{:#?}", ran.outcomes());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_expected_failure_is_not_met_by_what_came_between() -> Fallible {
    let rehearsal = Rehearsal::new()?
        .scenario("expect: { outcome: failed, stage: hop-1/upgrade, findings: [{ matches: migrate }] }");
    let killed = Deed::Disturbs(InterferenceKind::OutOfMemory, Box::new(Deed::Exit(137, "")));
    rehearsal.world.on("run main/web: migrate", killed);
    let ran = rehearsal.run().await?;
    assert_eq!((ran.summary().verdict().0, ran.exit()), (Verdict::Inconclusive, Exit::Inconclusive));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_told_by_the_words_of_the_kernel() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    let full = Deed::Exit(1, "could not extend file \"base/16384/2619\": No space left on device");
    rehearsal.world.on("run main/web: migrate", full);
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Inconclusive);
    ran.says("hop-1/upgrade", "disk-full: a disk or a quota of the rehearsal")?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_simply_fails_is_the_products() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("run main/web: migrate", Deed::Exit(1, "no such column"));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Failed);
    assert!(ran.world.count("look around") > 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_somebody_ran_in_a_service_is_noted_and_puts_a_failure_in_doubt() -> Fallible {
    for (deed, exit) in [(Deed::Usual, Exit::Passed), (Deed::Exit(137, ""), Exit::Inconclusive)] {
        let rehearsal = Rehearsal::new()?;
        rehearsal.world.on("run main/web: migrate", Deed::Touches("kill 1", Box::new(deed)));
        let ran = rehearsal.run().await?;
        assert_eq!(ran.exit(), exit, "{:#?}", ran.outcomes());
        let stage = ran.summary().stages().iter().find(|stage| stage.id.0 == "hop-1/upgrade").ok_or("no stage")?;
        let noted =
            stage.notes.iter().any(|note| matches!(note, Note::ForeignCommand(text) if text.contains("kill 1")));
        assert_eq!((noted, stage.interferences.len()), (exit == Exit::Passed, usize::from(exit != Exit::Passed)));
    }
    Ok(())
}
