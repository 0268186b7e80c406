//! Scenarios that exist to show a failure.

use rehearse_core::outcome::verdict::{Exit, Verdict};

use super::case::{Rehearsal, RunResult};
use super::scripted::{Behaviour, Fallible};

const EXPECT: &str =
    "expect: { outcome: failed, stage: hop-1/upgrade, findings: [{ matches: 'exit code 1: no such column' }] }";

async fn expecting(text: &str, script: &[(&str, Behaviour)]) -> Fallible<RunResult> {
    let rehearsal = Rehearsal::new()?.scenario(text);
    for (call, behaviour) in script {
        rehearsal.world.on(call, behaviour.clone());
    }
    rehearsal.run().await
}

fn unmet(result: &RunResult) -> String {
    result.summary().verdict().1.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

const FAILS: (&str, Behaviour) = ("run main/web: migrate", Behaviour::Exit(1, "no such column"));

#[tokio::test(start_paused = true)]
async fn an_expected_failure_passes() -> Fallible {
    let result = expecting(EXPECT, &[FAILS]).await?;
    assert_eq!(
        (result.summary().observed(), result.summary().verdict().0, result.exit()),
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
        let result = expecting(&format!("expect: '{text}'"), &[FAILS]).await?;
        assert_eq!(result.exit(), exit, "{text}: {}", unmet(&result));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_expected_failure_does_not_hide_another_one() -> Fallible {
    let also = ("http main/web GET /home", Behaviour::Http(500, "broken"));
    let lost = ("tables main", Behaviour::Tables(super::scripted::things(1, "abc")));
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
        let result = rehearsal.run().await?;
        assert_eq!(result.exit(), exit, "{text}: {} {}", unmet(&result), result.all_messages());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_wrong_short_form_is_reported() -> Fallible {
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
async fn a_known_failure_can_be_expected_by_its_id() -> Fallible {
    let failures = "failures:
  - { id: no-column, pattern: no such column, cause: it is gone, remedy: bring it back, source: measured here }
  - { id: no-table, pattern: no such table, cause: it is gone, remedy: bring it back, source: measured here }
checks:
  version:";
    for (printed, exit) in [("no such column", Exit::Passed), ("no such table", Exit::Failed)] {
        let rehearsal = Rehearsal::new()?
            .product("checks:\n  version:", failures)?
            .scenario("expect: { outcome: failed, stage: hop-1/upgrade, known: [no-column] }");
        rehearsal.world.on("run main/web: migrate", Behaviour::Exit(1, printed));
        let result = rehearsal.run().await?;
        assert_eq!(result.exit(), exit, "{printed}: {}", unmet(&result));
    }
    let unknown = Rehearsal::new()?.scenario("expect: { outcome: failed, stage: hop-1/upgrade, known: [no-colum] }");
    let refused = unknown.run().await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("unknown known failure `no-colum`"), "{refused}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn another_finding_than_the_expected_one_fails() -> Fallible {
    let result = expecting(EXPECT, &[("run main/web: migrate", Behaviour::Exit(2, "out of memory"))]).await?;
    assert_eq!(result.exit(), Exit::Failed);
    assert!(unmet(&result).contains("expected a finding: one that matches"), "{}", unmet(&result));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_no_longer_happens_fails() -> Fallible {
    let result = expecting(EXPECT, &[]).await?;
    assert_eq!(result.exit(), Exit::Failed);
    assert!(unmet(&result).contains("no longer happens"), "{}", unmet(&result));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_further_stage_that_fails_is_not_covered_by_the_expectation() -> Fallible {
    let result = expecting(EXPECT, &[FAILS, ("rollback/db: load", Behaviour::Exit(1, "corrupt"))]).await?;
    assert_eq!(result.exit(), Exit::Failed);
    assert!(
        unmet(&result).contains("stage rollback/restore: expected no trouble but the expected one"),
        "{}",
        unmet(&result)
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_consequence_that_was_named_is_expected_too() -> Fallible {
    let text = "expect: { outcome: failed, stage: hop-1/upgrade, findings: [{ matches: 'exit code' }], consequences: [rollback/restore] }";
    let result = expecting(text, &[FAILS, ("rollback/db: load", Behaviour::Exit(1, "corrupt"))]).await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", unmet(&result));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_skipped_stage_that_has_to_pass_fails_the_expectation() -> Fallible {
    let text = "expect: { outcome: failed, stage: hop-1/upgrade, findings: [{ matches: 'exit code' }], passed: [hop-2/check] }";
    let result = expecting(text, &[FAILS]).await?;
    assert_eq!(result.exit(), Exit::Failed);
    assert!(unmet(&result).contains("stage hop-2/check: expected passed, seen skipped"), "{}", unmet(&result));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_inconclusive_stage_does_not_refute_the_expectation() -> Fallible {
    let result = expecting(EXPECT, &[("run main/web: migrate", Behaviour::Error("the daemon is gone"))]).await?;
    assert_eq!((result.summary().verdict().0, result.exit()), (Verdict::Inconclusive, Exit::Inconclusive));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_expected_failure_with_an_inconclusive_stage_is_inconclusive() -> Fallible {
    let result = expecting(EXPECT, &[FAILS, ("open rollback", Behaviour::Error("no more networks"))]).await?;
    assert_eq!(
        (result.summary().verdict().0, result.exit()),
        (Verdict::Inconclusive, Exit::Inconclusive),
        "{}",
        unmet(&result)
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_expected_failure_with_leftovers_is_inconclusive() -> Fallible {
    let result = expecting(EXPECT, &[FAILS, ("teardown", Behaviour::Leftover("pg"))]).await?;
    assert_eq!(result.exit(), Exit::Inconclusive, "{}", unmet(&result));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_check_that_was_expected_to_fail_has_to_be_the_one_that_fails() -> Fallible {
    for (kind, exit) in [("health", Exit::Passed), ("version", Exit::Failed)] {
        let text = format!("expect: {{ outcome: failed, stage: hop-1/check, checks: [{kind}] }}");
        let rehearsal = Rehearsal::new()?.scenario(&text);
        rehearsal.world.from("http main/web GET /home", 2, Behaviour::Http(500, "sorry"));
        let result = rehearsal.run().await?;
        assert_eq!(result.exit(), exit, "{kind}: {} {:#?}", unmet(&result), result.outcomes());
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_has_to_pass_and_was_skipped_after_an_inconclusive_one_is_inconclusive() -> Fallible {
    let text = "expect: { outcome: failed, stage: hop-1/upgrade, findings: [{ matches: 'exit code' }], passed: [rollback/check] }";
    let result = expecting(text, &[FAILS, ("open rollback", Behaviour::Error("no more networks"))]).await?;
    assert_eq!(result.exit(), Exit::Inconclusive, "{}", unmet(&result));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_is_cancelled_whatever_was_expected() -> Fallible {
    let rehearsal = Rehearsal::new()?.scenario(EXPECT).cancelled_after(std::time::Duration::from_secs(1));
    rehearsal.world.on("run main/web: migrate", Behaviour::Hang);
    assert_eq!(rehearsal.run().await?.exit(), Exit::Cancelled);
    Ok(())
}
