//! Stopped from outside, by a deadline, or while removing; what stays behind; what is kept.

use std::time::Duration;

use rehearse::engine::Keep;
use rehearse_core::outcome::verdict::{Exit, Verdict};

use super::case::Rehearsal;
use super::scripted::{Deed, Fallible};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_cancelled_stage_is_left_at_once_and_everything_is_removed() -> Fallible {
    let rehearsal = Rehearsal::new()?.cancelled_after(5 * SECOND);
    rehearsal.world.on("run main/web: migrate", Deed::Hang);
    let ran = rehearsal.run().await?;
    assert_eq!((ran.summary().verdict().0, ran.exit()), (Verdict::Cancelled, Exit::Cancelled));
    ran.ended(&["hop-1/upgrade cancelled", "hop-2/upgrade skipped", "rollback/deploy skipped", "teardown passed"])?;
    ran.says("rollback/deploy", "the run was cancelled")?;
    assert_eq!(ran.world.count("teardown"), 1);
    assert!(ran.elapsed >= 5 * SECOND && ran.elapsed < 6 * SECOND, "{:?}", ran.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn forced_it_ends_within_seconds_and_names_what_it_left() -> Fallible {
    let rehearsal = Rehearsal::new()?.cancelled_after(5 * SECOND).forced_after(8 * SECOND);
    rehearsal.world.on("run main/web: migrate", Deed::Hang);
    rehearsal.world.on("teardown", Deed::Hang);
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Cancelled);
    assert_eq!(ran.summary().leftovers(), ["unknown: removing was ended by force"]);
    assert!(ran.elapsed >= 13 * SECOND && ran.elapsed < 14 * SECOND, "{:?}", ran.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn cancelling_reaches_the_images_beside() -> Fallible {
    for hung in ["db: load", "no call at all"] {
        let rehearsal = Rehearsal::new()?.cancelled_after(5 * SECOND);
        rehearsal.world.on("obtain shop:1.2.0", Deed::Hang);
        rehearsal.world.on(hung, Deed::Hang);
        let ran = rehearsal.run().await?;
        assert_eq!(ran.exit(), Exit::Cancelled);
        ran.ended(&["images-hops cancelled", "baseline skipped", "teardown passed"])?;
        assert!(ran.elapsed < 6 * SECOND, "{:?}", ran.elapsed);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_run_ends_it_and_is_nobodys_cancellation() -> Fallible {
    let rehearsal = Rehearsal::new()?.scenario("deadline: 7m");
    rehearsal.world.on("run main/web: migrate", Deed::Hang);
    let ran = rehearsal.run().await?;
    assert_eq!((ran.summary().verdict().0, ran.exit()), (Verdict::Inconclusive, Exit::Inconclusive));
    ran.ended(&["hop-1/upgrade inconclusive", "hop-2/upgrade skipped", "rollback/deploy skipped", "teardown passed"])?;
    ran.says("hop-1/upgrade", "the run's deadline of 420s has passed")?;
    assert!(ran.elapsed >= 420 * SECOND && ran.elapsed < 421 * SECOND, "{:?}", ran.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_run_reaches_the_images_beside() -> Fallible {
    for hung in ["db: load", "no call at all"] {
        let rehearsal = Rehearsal::new()?.scenario("deadline: 7m");
        rehearsal.world.on("obtain shop:1.2.0", Deed::Hang);
        rehearsal.world.on(hung, Deed::Hang);
        let ran = rehearsal.run().await?;
        assert_eq!(ran.exit(), Exit::Inconclusive, "{:#?}", ran.outcomes());
        ran.ended(&["images-hops inconclusive", "baseline skipped", "teardown passed"])?;
        ran.says("images-hops", "the run's deadline of 420s has passed")?;
        assert!(ran.elapsed < 421 * SECOND, "{:?}", ran.elapsed);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_command_that_does_not_end_fails_at_its_own_deadline() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("run main/web: migrate", 1, Deed::Hang);
    let ran = rehearsal.run().await?;
    ran.ended(&["hop-1/upgrade failed", "rollback/check passed"])?;
    ran.says("hop-1/upgrade", "expected a response, seen no end within 1200s")?;
    assert!(ran.elapsed >= 1200 * SECOND && ran.elapsed < 1201 * SECOND, "{:?}", ran.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_list_of_migrations_has_a_deadline_too() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.nth("ls migrations", 2, Deed::Hang);
    let ran = rehearsal.run().await?;
    ran.ended(&["hop-1/check inconclusive", "hop-2/check passed", "rollback/check passed"])?;
    assert!(ran.elapsed <= 601 * SECOND, "{:?}", ran.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn removing_that_hangs_ends_with_the_grace_and_is_a_leftover() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("teardown", Deed::Hang);
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Inconclusive);
    ran.ended(&["rollback/check passed", "teardown inconclusive"])?;
    assert!(ran.summary().leftovers()[0].contains("removing took longer than 30s"), "{:?}", ran.summary().leftovers());
    assert!(ran.elapsed >= 30 * SECOND && ran.elapsed < 31 * SECOND, "{:?}", ran.elapsed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn removing_that_panics_is_a_leftover() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("teardown", Deed::Panic);
    let ran = rehearsal.run().await?;
    assert_eq!((ran.exit(), ran.summary().leftovers().len()), (Exit::Inconclusive, 1));
    Ok(())
}

/// Whoever ends a run has not let it pass, whatever its stages had come to by then.
#[tokio::test(start_paused = true)]
async fn a_signal_while_everything_is_removed_is_a_cancellation() -> Fallible {
    for fails in [false, true] {
        let whole = passing(fails)?.run().await?;
        assert_eq!(whole.exit(), if fails { Exit::Failed } else { Exit::Passed });
        let ended = passing(fails)?.cancelled_after(whole.elapsed - SECOND).run().await?;
        assert_eq!((ended.summary().verdict().0, ended.exit()), (Verdict::Cancelled, Exit::Cancelled));
        ended.ended(&["rollback/check passed", "teardown cancelled"])?;
        ended.says("teardown", "cancelled from outside during teardown")?;
        assert_eq!((ended.summary().leftovers().len(), ended.elapsed), (0, whole.elapsed), "removing goes on");
    }
    let rehearsal = Rehearsal::new()?.cancelled_after(5 * SECOND).forced_after(6 * SECOND);
    rehearsal.world.on("teardown", Deed::Hang);
    let forced = rehearsal.run().await?;
    assert_eq!(forced.exit(), Exit::Cancelled);
    forced.ended(&["rollback/check passed", "teardown cancelled"])?;
    forced.says("teardown", "during teardown, with 1 leftovers; remove them with: rehearse sweep")?;
    assert_eq!(forced.summary().leftovers(), ["unknown: removing was ended by force"]);
    Ok(())
}

/// A rehearsal whose removing takes ten seconds.
fn passing(fails: bool) -> Fallible<Rehearsal> {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("teardown", Deed::Late(10 * SECOND, Box::new(Deed::Usual)));
    if fails {
        rehearsal.world.on("run main/web: migrate", Deed::Exit(1, "no"));
    }
    Ok(rehearsal)
}

#[tokio::test(start_paused = true)]
async fn leftovers_are_never_green() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("teardown", Deed::Left("pg"));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Inconclusive);
    ran.ended(&["rollback/check passed", "teardown inconclusive"])?;
    assert_eq!(ran.summary().leftovers(), ["volume pg: it is in use"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn leftovers_do_not_hide_a_failure() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("teardown", Deed::Left("pg"));
    rehearsal.world.on("run main/web: migrate", Deed::Exit(1, "no"));
    let ran = rehearsal.run().await?;
    assert_eq!((ran.exit(), ran.summary().leftovers().len()), (Exit::Failed, 1));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_reporter_that_fails_does_not_silence_the_others() -> Fallible {
    let all = Rehearsal::new()?.run().await?.events.len();
    let ran = Rehearsal::new()?.with_a_full_disk().run().await?;
    assert_eq!(ran.events.len(), all);
    assert_eq!(ran.finished.trouble.as_deref(), Some("cannot write junit.xml: no space left"));
    assert_eq!(ran.world.count("teardown"), 1);
    assert_eq!(ran.summary().verdict().0, Verdict::Passed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_kept_where_that_is_asked() -> Fallible {
    for (keep, fails, removed) in
        [(Keep::OnFailure, true, 0), (Keep::OnFailure, false, 1), (Keep::Always, false, 0), (Keep::Never, true, 1)]
    {
        let rehearsal = Rehearsal::new()?.keep(keep);
        if fails {
            rehearsal.world.on("run main/web: migrate", Deed::Exit(1, "no"));
        }
        let ran = rehearsal.run().await?;
        assert_eq!(ran.world.count("teardown"), removed, "{keep:?} {fails}");
        assert_eq!(ran.exit(), if fails { Exit::Failed } else { Exit::Passed });
        if removed == 0 {
            ran.says("teardown", "run r1 is kept until its lease ends")?;
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_was_expected_is_not_kept_and_one_that_no_longer_happens_is() -> Fallible {
    for (fails, removed) in [(true, 1), (false, 0)] {
        let rehearsal = Rehearsal::new()?
            .keep(Keep::OnFailure)
            .scenario("expect: { outcome: failed, stage: hop-1/upgrade, findings: [{ matches: 'exit code' }] }");
        if fails {
            rehearsal.world.on("run main/web: migrate", Deed::Exit(1, "no"));
        }
        let ran = rehearsal.run().await?;
        assert_eq!(ran.world.count("teardown"), removed, "{fails}");
    }
    Ok(())
}
