//! Failures of the product and failures to observe it are kept apart.

use rehearse_core::outcome::verdict::{Exit, Verdict};

use super::case::{Rehearsal, RunResult};
use super::scripted::{Behaviour, Fallible};

const SQL: &str =
    "access: [{ name: names, steps: [{ sql: { query: select name from things, unchanged: [rows] } }] }]\n";
const CALL: &str = "rows main: select name from things";

/// Runs a rehearsal with a query that behaves like this from the `nth` time on.
async fn run_with(nth: u32, behaviour: Behaviour) -> Fallible<RunResult> {
    let rehearsal = Rehearsal::new()?.product("access: []\n", SQL)?;
    rehearsal.world.from(CALL, nth, behaviour);
    rehearsal.run().await
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_database_is_inconclusive() -> Fallible {
    let result = run_with(2, Behaviour::Error("psql ended with 2: connection to server failed")).await?;
    result.expect_outcomes(&["baseline passed", "hop-1/check inconclusive", "rollback/check passed"])?;
    result.expect_message("hop-1/check", "select name from things: psql ended with 2: connection to server failed")?;
    assert_eq!((result.summary().verdict().0, result.exit()), (Verdict::Inconclusive, Exit::Inconclusive));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_rejected_statement_is_a_failure_of_the_product() -> Fallible {
    let result = run_with(2, Behaviour::Rejected("relation \"things\" does not exist")).await?;
    result.expect_outcomes(&["baseline passed", "hop-1/check failed"])?;
    result.expect_message("hop-1/check", "the server refused: 42P01: relation \"things\" does not exist")?;
    assert_eq!(result.exit(), Exit::Failed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_step_fails_if_its_statement_is_rejected_and_is_inconclusive_if_the_database_is_unreachable() -> Fallible {
    for (behaviour, outcome) in [
        (Behaviour::Rejected("column \"gone\" does not exist"), "hop-1/upgrade failed"),
        (Behaviour::Error("psql ended with 2: connection refused"), "hop-1/upgrade inconclusive"),
        (Behaviour::Error("psql ended with 127: psql: not found"), "hop-1/upgrade inconclusive"),
    ] {
        let rehearsal =
            Rehearsal::new()?.product("upgrade:\n", "upgrade:\n  - sql: { query: update things set gone = 1 }\n")?;
        rehearsal.world.on("rows main: update things", behaviour);
        rehearsal.run().await?.expect_outcomes(&[outcome])?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn missing_rows_are_a_finding() -> Fallible {
    let result = run_with(2, Behaviour::Rows(&[])).await?;
    result.expect_outcomes(&["baseline passed", "hop-1/check failed"])?;
    result.expect_message("hop-1/check", "expected 1 rows, with \"1\", seen 0 rows")?;
    assert_eq!(result.exit(), Exit::Failed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_baseline_without_rows_is_inconclusive() -> Fallible {
    for after in [Behaviour::Rows(&[]), Behaviour::Rows(&["1"])] {
        let rehearsal = Rehearsal::new()?.product("access: []\n", SQL)?;
        rehearsal.world.nth(CALL, 1, Behaviour::Rows(&[]));
        rehearsal.world.on(CALL, after);
        let result = rehearsal.run().await?;
        result.expect_outcomes(&["hop-1/check inconclusive", "rollback/check inconclusive"])?;
        result.expect_message("hop-1/check", "the baseline has no row")?;
        assert_eq!(result.exit(), Exit::Inconclusive);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_probe_whose_own_binary_is_missing_is_inconclusive() -> Fallible {
    let probe = |command: &str, expect: &str| {
        format!("access: [{{ name: tool, steps: [{{ exec: {{ service: web, command: {command}{expect} }} }}] }}]\n")
    };
    let oci = "OCI runtime exec failed: exec failed: executable file not found in $PATH: unknown";
    for (command, expect, behaviour, outcome) in [
        ("[tool]", "", Behaviour::Exit(127, oci), "inconclusive"),
        ("[tool]", "", Behaviour::Exit(126, oci), "inconclusive"),
        ("tool --list", "", Behaviour::Exit(127, "sh: 1: tool: not found"), "inconclusive"),
        ("tool --list", ", expect: { exit: [0, 1] }", Behaviour::Exit(127, "sh: 1: tool: not found"), "inconclusive"),
        ("tool --list", ", expect: { exit: [0, 1] }", Behaviour::Exit(127, "127 broken links"), "failed"),
        ("tool --list", "", Behaviour::Exit(1, "tool: nothing listed"), "failed"),
    ] {
        let rehearsal = Rehearsal::new()?.product("access: []\n", &probe(command, expect))?;
        rehearsal.world.from("main/web: sh -ec tool", 2, behaviour.clone());
        rehearsal.world.from("main/web: tool", 2, behaviour);
        let result = rehearsal.run().await?;
        result.expect_outcomes(&[&format!("hop-1/check {outcome}")])?;
        if outcome == "inconclusive" {
            result.expect_message("hop-1/check", "probe binary missing: exit code 12")?;
        }
    }
    Ok(())
}

/// A probe that asks nothing: there is nobody to ask as.
const FOR_NOBODY: &str =
    "access: [{ name: new, for-each: { as: [] }, steps: [{ http: { service: web, port: 80, path: /new } }] }]\n";

#[tokio::test(start_paused = true)]
async fn a_required_check_without_assertions_prevents_a_pass() -> Fallible {
    let result =
        Rehearsal::new()?.product("access: []\n", FOR_NOBODY)?.scenario("require: [version, access]").run().await?;
    assert_eq!(result.exit(), Exit::Inconclusive);
    let unfired: Vec<String> = result.summary().unfired().iter().map(|(stage, _)| stage.to_string()).collect();
    assert_eq!(unfired, ["baseline", "hop-1/check", "hop-2/check", "rollback/check"]);
    let result = Rehearsal::new()?.scenario("require: [version, health, data]").run().await?;
    assert_eq!((result.exit(), result.summary().unfired().len()), (Exit::Passed, 0));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_run_that_looks_at_less_than_is_required_does_not_pass() -> Fallible {
    for (percent, exit) in [(0, Exit::Passed), (100, Exit::Inconclusive)] {
        let rehearsal = Rehearsal::new()?
            .product("  data: {}\n", "  data: { volatile: ['*.*'] }\n")?
            .scenario(&format!("require-coverage: {{ tables: 100, columns: {percent} }}"));
        let result = rehearsal.run().await?;
        result.expect_outcomes(&["baseline passed", "hop-2/check passed", "rollback/check passed"])?;
        assert_eq!(result.exit(), exit, "{percent}");
        let uncovered: Vec<String> = result.summary().uncovered().iter().map(ToString::to_string).collect();
        assert_eq!(uncovered.is_empty(), exit == Exit::Passed, "{uncovered:?}");
        assert!(uncovered.iter().all(|text| text.starts_with("columns 0/") && text.contains("it is volatile")));
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_expected_failure_does_not_hide_a_required_check_without_assertions() -> Fallible {
    let rehearsal = Rehearsal::new()?
        .product("access: []\n", FOR_NOBODY)?
        .scenario("require: [access]")
        .scenario("expect: { outcome: failed, stage: hop-1/upgrade, findings: [{ matches: 'exit code 1' }] }");
    rehearsal.world.on("run main/web: migrate", Behaviour::Exit(1, "no such column"));
    assert_eq!(rehearsal.run().await?.exit(), Exit::Inconclusive);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_required_check_that_would_not_run_is_refused_before_the_start() -> Fallible {
    let probe =
        "access: [{ name: new, releases: '>=1.1', steps: [{ http: { service: web, port: 80, path: /new } }] }]\n";
    let rehearsal = Rehearsal::new()?.product("access: []\n", probe)?.scenario("require: [access]");
    let refused = rehearsal.run().await.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("none of its probes asks anything on 1.0.0"), "{refused:?}");
    for (scenario, wanted) in [
        ("require: [access]", "the product shop has no such check"),
        ("require: [data]\nskip-checks: { data: slow }", "the scenario leaves it out: slow"),
    ] {
        let rehearsal = Rehearsal::new()?.scenario(scenario);
        let refused = rehearsal.run().await.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains(wanted), "{refused:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn every_check_reports_its_duration() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    let (time, usual) = (std::time::Duration::from_millis(700), Behaviour::Http(200, "/home is fine"));
    rehearsal.world.on("http main/web GET /home", Behaviour::After(time, Box::new(usual)));
    let result = rehearsal.run().await?;
    let checks = || result.summary().stages().iter().flat_map(|stage| stage.checks.iter());
    let home: Vec<_> = checks().filter(|check| check.name == "home").map(|check| check.took).collect();
    assert_eq!(home[..3], [Some(time); 3]);
    let untimed: Vec<&str> = ["baseline", "hop-1/check", "hop-2/check", "rollback/check"]
        .iter()
        .flat_map(|stage| result.stage(stage).ok())
        .flat_map(|stage| stage.checks.iter())
        .filter(|check| check.took.is_none())
        .map(|check| check.name.as_str())
        .collect();
    assert_eq!(untimed, Vec::<&str>::new());
    Ok(())
}
