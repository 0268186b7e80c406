//! Signs of life: what is shown while something takes its time, and that nothing is shown of what does not run.

use std::time::Duration;

use rehearse_core::outcome::event::EventKind;
use rehearse_core::outcome::verdict::{Exit, Outcome};

use super::case::{Rehearsal, RunResult};
use super::scripted::{Behaviour, Fallible};

/// What was shown, with the seconds before it since the line before.
fn paces(result: &RunResult, stage: &str) -> Vec<(u64, String)> {
    let shown = result.progress(stage);
    let before = std::iter::once(Duration::ZERO).chain(shown.iter().map(|(at, _)| *at)).collect::<Vec<_>>();
    shown.into_iter().zip(before).map(|((at, text), before)| ((at - before).as_secs(), text)).collect()
}

#[tokio::test(start_paused = true)]
async fn an_image_that_builds_for_minutes_shows_its_last_line_every_ten_seconds() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    let build = [(1_000, "Step 1/2 : FROM base"), (4_000, "Step 2/2: Installing one"), (61_000, "Step 2/2: done")];
    rehearsal.world.on("obtain shop:1.0.0", Behaviour::Prints(Box::leak(Box::new(build)), None));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    let paces = paces(&result, "images");
    // The first line is shown at once.
    assert!(paces.iter().skip(1).all(|(seconds, _)| (10..=11).contains(seconds)), "{paces:#?}");
    assert!(paces.len() >= 6 && paces[0].1.contains("looking for it"), "{paces:#?}");
    // One line for all images of the stage, each for as long as it is not there.
    assert!(paces[1].1.contains("shop:1.0.0: Step 2/2: Installing one (1"), "{paces:#?}");
    assert!(paces[4].1.contains("shop:1.0.0: Step 2/2: Installing one (4"), "{paces:#?}");
    assert!(paces[4].1.matches(": ").count() == 2, "an image that is there is still shown: {paces:#?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn no_image_hides_another() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    let one = [(1_000, "Step 1/2: one"), (120_000, "Step 2/2: one")];
    let other = [(4_000, "Step 1/2: other"), (120_000, "Step 2/2: other")];
    rehearsal.world.on("obtain shop:1.1.2", Behaviour::Prints(Box::leak(Box::new(one)), None));
    rehearsal.world.on("obtain shop:1.2.0", Behaviour::Prints(Box::leak(Box::new(other)), None));
    let result = rehearsal.run().await?;
    let paces = paces(&result, "images-hops");
    assert!(paces.len() >= 11, "{paces:#?}");
    for (_, text) in &paces[1..] {
        assert!(text.contains("shop:1.1.2: Step ") && text.contains(" · shop:1.2.0: Step "), "{paces:#?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_image_of_which_nothing_is_said_is_shown_to_be_waited_for() -> Fallible {
    let rehearsal = Rehearsal::new()?.cancelled_after(Duration::from_secs(35));
    rehearsal.world.on("obtain shop:1.0.0", Behaviour::Hang);
    let result = rehearsal.run().await?;
    let last = result.progress("images").pop().ok_or("nothing is shown")?;
    assert!(last.1.contains("shop:1.0.0: looking for it (3"), "{last:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_skipped_step_is_not_shown_as_running_and_ends_as_skipped() -> Fallible {
    let result = Rehearsal::new()?
        .product(
            "  - run: { name: migrate, service: web, command: [migrate],",
            "  - run: { service: web, command: [migrate-old], releases: '<1.2' }\n  - sql: { database: main, query: 'select old', releases: '<1.2' }\n  - run: { name: migrate, service: web, command: [migrate],",
        )?
        .run()
        .await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    for (stage, old) in [("hop-1/upgrade", 1), ("hop-2/upgrade", 0)] {
        let shown = result.progress(stage);
        assert_eq!(shown.iter().filter(|(_, text)| text.contains("migrate-old")).count(), old, "{stage}: {shown:#?}");
        assert_eq!(shown.iter().filter(|(_, text)| text.contains("select old")).count(), old, "{stage}: {shown:#?}");
        let skipped = result.events.iter().filter(|event| {
            let EventKind::StepFinished { step, outcome: Outcome::Skipped, .. } = &event.kind else { return false };
            step.stage.0 == stage
        });
        assert_eq!(skipped.count(), 2 - 2 * old, "{stage}");
    }
    Ok(())
}
