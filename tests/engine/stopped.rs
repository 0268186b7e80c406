//! Runs that are cancelled, run out of time, or fail in teardown; leftovers; what is kept.

use std::time::Duration;

use rehearse::engine::Keep;
use rehearse_core::outcome::verdict::{Exit, Verdict};

use super::case::Rehearsal;
use super::scripted::{Behaviour, Fallible};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_cancelled_stage_ends_at_once_and_everything_is_removed() -> Fallible {
    let rehearsal = Rehearsal::new()?.cancelled_after(5 * SECOND);
    rehearsal.world.on("run main/web: migrate", Behaviour::Hang);
    let result = rehearsal.run().await?;
    assert_eq!((result.summary().verdict().0, result.exit()), (Verdict::Cancelled, Exit::Cancelled));
    result.expect_outcomes(&[
        "hop-1/upgrade cancelled",
        "hop-2/upgrade skipped",
        "rollback/deploy skipped",
        "teardown passed",
    ])?;
    result.expect_message("rollback/deploy", "the run was cancelled")?;
    assert_eq!(result.world.count("teardown"), 1);
    assert!(result.elapsed >= 5 * SECOND && result.elapsed < 6 * SECOND, "{:?}", result.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_teardown_ends_within_seconds_and_reports_leftovers() -> Fallible {
    let rehearsal = Rehearsal::new()?.cancelled_after(5 * SECOND).forced_after(8 * SECOND);
    rehearsal.world.on("run main/web: migrate", Behaviour::Hang);
    rehearsal.world.on("teardown", Behaviour::Hang);
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Cancelled);
    assert_eq!(result.summary().leftovers(), ["unknown: teardown was cancelled"]);
    assert!(result.elapsed >= 13 * SECOND && result.elapsed < 14 * SECOND, "{:?}", result.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn cancelling_reaches_the_background_stage() -> Fallible {
    for hung in ["db: load", "no call at all"] {
        let rehearsal = Rehearsal::new()?.cancelled_after(5 * SECOND);
        rehearsal.world.on("obtain shop:1.2.0", Behaviour::Hang);
        rehearsal.world.on(hung, Behaviour::Hang);
        let result = rehearsal.run().await?;
        assert_eq!(result.exit(), Exit::Cancelled);
        result.expect_outcomes(&["images-hops cancelled", "baseline skipped", "teardown passed"])?;
        assert!(result.elapsed < 6 * SECOND, "{:?}", result.elapsed);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_run_makes_it_inconclusive_not_cancelled() -> Fallible {
    let rehearsal = Rehearsal::new()?.scenario("deadline: 7m");
    rehearsal.world.on("run main/web: migrate", Behaviour::Hang);
    let result = rehearsal.run().await?;
    assert_eq!((result.summary().verdict().0, result.exit()), (Verdict::Inconclusive, Exit::Inconclusive));
    result.expect_outcomes(&[
        "hop-1/upgrade inconclusive",
        "hop-2/upgrade skipped",
        "rollback/deploy skipped",
        "teardown passed",
    ])?;
    result.expect_message("hop-1/upgrade", "the run's deadline of 420s has passed")?;
    assert!(result.elapsed >= 420 * SECOND && result.elapsed < 421 * SECOND, "{:?}", result.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_run_reaches_the_background_stage() -> Fallible {
    for hung in ["db: load", "no call at all"] {
        let rehearsal = Rehearsal::new()?.scenario("deadline: 7m");
        rehearsal.world.on("obtain shop:1.2.0", Behaviour::Hang);
        rehearsal.world.on(hung, Behaviour::Hang);
        let result = rehearsal.run().await?;
        assert_eq!(result.exit(), Exit::Inconclusive, "{:#?}", result.outcomes());
        result.expect_outcomes(&["images-hops inconclusive", "baseline skipped", "teardown passed"])?;
        result.expect_message("images-hops", "the run's deadline of 420s has passed")?;
        assert!(result.elapsed < 421 * SECOND, "{:?}", result.elapsed);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_command_that_does_not_end_fails_at_its_own_deadline() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("run main/web: migrate", 1, Behaviour::Hang);
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-1/upgrade failed", "rollback/check passed"])?;
    result.expect_message("hop-1/upgrade", "expected a response, seen it did not end within 1200s")?;
    assert!(result.elapsed >= 1200 * SECOND && result.elapsed < 1201 * SECOND, "{:?}", result.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_list_of_migrations_has_a_deadline_too() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("ls migrations", 2, Behaviour::Hang);
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-1/check inconclusive", "hop-2/check passed", "rollback/check passed"])?;
    assert!(result.elapsed <= 601 * SECOND, "{:?}", result.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_hanging_teardown_ends_after_the_grace_period_with_a_leftover() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("teardown", Behaviour::Hang);
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Inconclusive);
    result.expect_outcomes(&["rollback/check passed", "teardown inconclusive"])?;
    assert!(
        result.summary().leftovers()[0].contains("teardown took longer than 30s"),
        "{:?}",
        result.summary().leftovers()
    );
    assert!(result.elapsed >= 30 * SECOND && result.elapsed < 31 * SECOND, "{:?}", result.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_teardown_is_a_leftover() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("teardown", Behaviour::Panic);
    let result = rehearsal.run().await?;
    assert_eq!((result.exit(), result.summary().leftovers().len()), (Exit::Inconclusive, 1));
    Ok(())
}

/// A run that is cancelled during teardown cannot pass, whatever the outcomes of its stages.
#[tokio::test(start_paused = true)]
async fn a_signal_during_teardown_is_a_cancellation() -> Fallible {
    for fails in [false, true] {
        let whole = passing(fails)?.run().await?;
        assert_eq!(whole.exit(), if fails { Exit::Failed } else { Exit::Passed });
        let ended = passing(fails)?.cancelled_after(whole.elapsed - SECOND).run().await?;
        assert_eq!((ended.summary().verdict().0, ended.exit()), (Verdict::Cancelled, Exit::Cancelled));
        ended.expect_outcomes(&["rollback/check passed", "teardown cancelled"])?;
        ended.expect_message("teardown", "cancelled from outside during teardown")?;
        assert_eq!((ended.summary().leftovers().len(), ended.elapsed), (0, whole.elapsed), "teardown continues");
    }
    let rehearsal = Rehearsal::new()?.cancelled_after(5 * SECOND).forced_after(6 * SECOND);
    rehearsal.world.on("teardown", Behaviour::Hang);
    let forced = rehearsal.run().await?;
    assert_eq!(forced.exit(), Exit::Cancelled);
    forced.expect_outcomes(&["rollback/check passed", "teardown cancelled"])?;
    forced.expect_message("teardown", "during teardown, with 1 leftovers; remove them with: rehearse sweep")?;
    assert_eq!(forced.summary().leftovers(), ["unknown: teardown was cancelled"]);
    Ok(())
}

/// A rehearsal whose teardown takes ten seconds.
fn passing(fails: bool) -> Fallible<Rehearsal> {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("teardown", Behaviour::After(10 * SECOND, Box::new(Behaviour::Normal)));
    if fails {
        rehearsal.world.on("run main/web: migrate", Behaviour::Exit(1, "no"));
    }
    Ok(rehearsal)
}

#[tokio::test(start_paused = true)]
async fn leftovers_prevent_a_pass() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("teardown", Behaviour::Leftover("pg"));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Inconclusive);
    result.expect_outcomes(&["rollback/check passed", "teardown inconclusive"])?;
    assert_eq!(result.summary().leftovers(), ["volume pg: it is in use"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn leftovers_do_not_hide_a_failure() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("teardown", Behaviour::Leftover("pg"));
    rehearsal.world.on("run main/web: migrate", Behaviour::Exit(1, "no"));
    let result = rehearsal.run().await?;
    assert_eq!((result.exit(), result.summary().leftovers().len()), (Exit::Failed, 1));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_reporter_that_fails_does_not_silence_the_others() -> Fallible {
    let all = Rehearsal::new()?.run().await?.events.len();
    let result = Rehearsal::new()?.with_a_full_disk().run().await?;
    assert_eq!(result.events.len(), all);
    assert_eq!(result.finished.internal_error.as_deref(), Some("cannot write junit.xml: no space left"));
    assert_eq!(result.world.count("teardown"), 1);
    assert_eq!(result.summary().verdict().0, Verdict::Passed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_failed_run_is_kept_if_requested() -> Fallible {
    for (keep, fails, removed) in
        [(Keep::OnFailure, true, 0), (Keep::OnFailure, false, 1), (Keep::Always, false, 0), (Keep::Never, true, 1)]
    {
        let rehearsal = Rehearsal::new()?.keep(keep);
        if fails {
            rehearsal.world.on("run main/web: migrate", Behaviour::Exit(1, "no"));
        }
        let result = rehearsal.run().await?;
        assert_eq!(result.world.count("teardown"), removed, "{keep:?} {fails}");
        assert_eq!(result.exit(), if fails { Exit::Failed } else { Exit::Passed });
        assert_eq!(result.world.count("keep for 3600s"), 1 - removed, "{keep:?} {fails}");
        if removed == 0 {
            result.expect_message("teardown", "run r1 is kept until its lease ends")?;
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_marked_as_kept_is_said_to_be_in_danger() -> Fallible {
    for (behaviour, why) in [(Behaviour::Error("no space"), "no space"), (Behaviour::Hang, "within 30s")] {
        let rehearsal = Rehearsal::new()?.keep(Keep::Always);
        rehearsal.world.on("keep", behaviour);
        let result = rehearsal.run().await?;
        assert_eq!((result.exit(), result.world.count("teardown")), (Exit::Passed, 0));
        result.expect_message("teardown", "it could not be marked as kept, so a sweep removes it")?;
        result.expect_message("teardown", why)?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_expected_failure_is_not_kept_and_one_that_no_longer_happens_is() -> Fallible {
    for (fails, removed) in [(true, 1), (false, 0)] {
        let rehearsal = Rehearsal::new()?
            .keep(Keep::OnFailure)
            .scenario("expect: { outcome: failed, stage: hop-1/upgrade, findings: [{ matches: 'exit code' }] }");
        if fails {
            rehearsal.world.on("run main/web: migrate", Behaviour::Exit(1, "no"));
        }
        let result = rehearsal.run().await?;
        assert_eq!(result.world.count("teardown"), removed, "{fails}");
    }
    Ok(())
}
