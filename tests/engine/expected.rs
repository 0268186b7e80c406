//! Scenarios that exist to show a failure.

use rehearse_core::outcome::verdict::{Exit, Verdict};

use super::case::{Ran, Rehearsal};
use super::scripted::{Deed, Fallible};

const EXPECT: &str =
    "expect: { outcome: failed, stage: hop-1/upgrade, findings: [{ matches: 'exit code 1: no such column' }] }";

async fn expecting(text: &str, script: &[(&str, Deed)]) -> Fallible<Ran> {
    let rehearsal = Rehearsal::new()?.scenario(text);
    for (call, deed) in script {
        rehearsal.world.on(call, deed.clone());
    }
    rehearsal.run().await
}

fn unmet(ran: &Ran) -> String {
    ran.summary().verdict().1.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

const FAILS: (&str, Deed) = ("run main/web: migrate", Deed::Exit(1, "no such column"));

#[tokio::test(start_paused = true)]
async fn a_failure_that_was_expected_passes() -> Fallible {
    let ran = expecting(EXPECT, &[FAILS]).await?;
    assert_eq!(
        (ran.summary().observed(), ran.summary().verdict().0, ran.exit()),
        (Verdict::Failed, Verdict::Passed, Exit::Passed)
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_short_form_is_the_same_expectation() -> Fallible {
    for (text, exit) in [
        ("failed at hop 1, exit code 1.*no such column", Exit::Passed),
        ("failed at hop-1/upgrade", Exit::Passed),
        ("failed at hop-1/upgrade, out of memory", Exit::Failed),
        ("failed at hop 2, no such column", Exit::Failed),
        ("inconclusive at hop-1/upgrade, no such column", Exit::Failed),
    ] {
        let ran = expecting(&format!("expect: '{text}'"), &[FAILS]).await?;
        assert_eq!(ran.exit(), exit, "{text}: {}", unmet(&ran));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_expected_failure_does_not_hide_another_one() -> Fallible {
    let also = ("http main/web GET /home", Deed::Http(500, "broken"));
    let lost = ("tables main", Deed::Tables(super::scripted::things(1, "abc")));
    for (text, exit) in [
        ("{ outcome: failed, stage: hop-1/check, findings: [{ matches: 'GET /home' }] }", Exit::Failed),
        ("failed at hop-1/check, GET /home", Exit::Failed),
        ("{ outcome: failed, stage: hop-1/check, findings: [{ matches: 'GET /home' }], checks: [data] }", Exit::Passed),
        ("{ outcome: failed, stage: hop-1/check, checks: [data, health] }", Exit::Passed),
    ] {
        let rehearsal = Rehearsal::new()?.scenario(&format!("expect: {text}"));
        rehearsal.world.nth(also.0, 2, also.1.clone());
        for nth in [4, 5] {
            rehearsal.world.nth(lost.0, nth, lost.1.clone());
        }
        let ran = rehearsal.run().await?;
        assert_eq!(ran.exit(), exit, "{text}: {} {}", unmet(&ran), ran.troubles());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_short_form_that_cannot_be_read_is_told_at_its_place() -> Fallible {
    for (text, wanted) in [
        ("passed at hop 1", "`passed` cannot be expected"),
        ("failed on hop 1", "does not name an outcome and a stage"),
        ("failed at hop 7, x", "hop-7"),
        ("failed at hop 1, .*", "any finding meets this expectation"),
    ] {
        let refused = expecting(&format!("expect: '{text}'"), &[]).await.err();
        let refused = refused.map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains(wanted), "{text}: {refused}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_known_failure_can_be_expected_and_another_is_not_it() -> Fallible {
    let failures = "failures:
  - { id: no-column, pattern: no such column, cause: it is gone, remedy: bring it back, source: measured here }
  - { id: no-table, pattern: no such table, cause: it is gone, remedy: bring it back, source: measured here }
checks:
  version:";
    for (printed, exit) in [("no such column", Exit::Passed), ("no such table", Exit::Failed)] {
        let rehearsal = Rehearsal::new()?
            .product("checks:\n  version:", failures)?
            .scenario("expect: { outcome: failed, stage: hop-1/upgrade, known: [no-column] }");
        rehearsal.world.on("run main/web: migrate", Deed::Exit(1, printed));
        let ran = rehearsal.run().await?;
        assert_eq!(ran.exit(), exit, "{printed}: {}", unmet(&ran));
    }
    let unknown = Rehearsal::new()?.scenario("expect: { outcome: failed, stage: hop-1/upgrade, known: [no-colum] }");
    let refused = unknown.run().await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("unknown known failure `no-colum`"), "{refused}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn another_finding_than_the_expected_one_fails() -> Fallible {
    let ran = expecting(EXPECT, &[("run main/web: migrate", Deed::Exit(2, "out of memory"))]).await?;
    assert_eq!(ran.exit(), Exit::Failed);
    assert!(unmet(&ran).contains("expected a finding: one that matches"), "{}", unmet(&ran));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_no_longer_happens_fails() -> Fallible {
    let ran = expecting(EXPECT, &[]).await?;
    assert_eq!(ran.exit(), Exit::Failed);
    assert!(unmet(&ran).contains("no longer happens"), "{}", unmet(&ran));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn another_stage_that_fails_besides_is_not_what_was_expected() -> Fallible {
    let ran = expecting(EXPECT, &[FAILS, ("rollback/db: load", Deed::Exit(1, "corrupt"))]).await?;
    assert_eq!(ran.exit(), Exit::Failed);
    assert!(
        unmet(&ran).contains("stage rollback/restore: expected no trouble but the expected one"),
        "{}",
        unmet(&ran)
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_consequence_that_was_named_is_expected_too() -> Fallible {
    let text = "expect: { outcome: failed, stage: hop-1/upgrade, findings: [{ matches: 'exit code' }], consequences: [rollback/restore] }";
    let ran = expecting(text, &[FAILS, ("rollback/db: load", Deed::Exit(1, "corrupt"))]).await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", unmet(&ran));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_has_to_pass_all_the_same_and_was_skipped_fails() -> Fallible {
    let text = "expect: { outcome: failed, stage: hop-1/upgrade, findings: [{ matches: 'exit code' }], passed: [hop-2/check] }";
    let ran = expecting(text, &[FAILS]).await?;
    assert_eq!(ran.exit(), Exit::Failed);
    assert!(unmet(&ran).contains("stage hop-2/check: expected passed, seen skipped"), "{}", unmet(&ran));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn where_we_could_not_tell_nothing_that_was_expected_is_refuted() -> Fallible {
    let ran = expecting(EXPECT, &[("run main/web: migrate", Deed::Error("the daemon is gone"))]).await?;
    assert_eq!((ran.summary().verdict().0, ran.exit()), (Verdict::Inconclusive, Exit::Inconclusive));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_expected_failure_beside_a_doubt_of_ours_is_a_doubt_and_no_failure() -> Fallible {
    let ran = expecting(EXPECT, &[FAILS, ("open rollback", Deed::Error("no more networks"))]).await?;
    assert_eq!((ran.summary().verdict().0, ran.exit()), (Verdict::Inconclusive, Exit::Inconclusive), "{}", unmet(&ran));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_expected_failure_with_leftovers_is_not_green_and_no_failure() -> Fallible {
    let ran = expecting(EXPECT, &[FAILS, ("teardown", Deed::Left("pg"))]).await?;
    assert_eq!(ran.exit(), Exit::Inconclusive, "{}", unmet(&ran));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_check_that_was_expected_to_fail_has_to_be_the_one_that_fails() -> Fallible {
    for (kind, exit) in [("health", Exit::Passed), ("version", Exit::Failed)] {
        let text = format!("expect: {{ outcome: failed, stage: hop-1/check, checks: [{kind}] }}");
        let rehearsal = Rehearsal::new()?.scenario(&text);
        rehearsal.world.from("http main/web GET /home", 2, Deed::Http(500, "sorry"));
        let ran = rehearsal.run().await?;
        assert_eq!(ran.exit(), exit, "{kind}: {} {:#?}", unmet(&ran), ran.outcomes());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_has_to_pass_and_was_skipped_for_a_doubt_of_ours_is_a_doubt() -> Fallible {
    let text = "expect: { outcome: failed, stage: hop-1/upgrade, findings: [{ matches: 'exit code' }], passed: [rollback/check] }";
    let ran = expecting(text, &[FAILS, ("open rollback", Deed::Error("no more networks"))]).await?;
    assert_eq!(ran.exit(), Exit::Inconclusive, "{}", unmet(&ran));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_is_cancelled_whatever_was_expected() -> Fallible {
    let rehearsal = Rehearsal::new()?.scenario(EXPECT).cancelled_after(std::time::Duration::from_secs(1));
    rehearsal.world.on("run main/web: migrate", Deed::Hang);
    assert_eq!(rehearsal.run().await?.exit(), Exit::Cancelled);
    Ok(())
}
