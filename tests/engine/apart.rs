//! What the product did wrong is told apart from what we could not see.

use rehearse_core::outcome::verdict::{Exit, Verdict};

use super::case::{Ran, Rehearsal};
use super::scripted::{Deed, Fallible};

const SQL: &str =
    "access: [{ name: names, steps: [{ sql: { query: select name from things, unchanged: [rows] } }] }]\n";
const ASKED: &str = "rows main: select name from things";

/// A probe with a query, which answers so from the `nth` time on.
async fn asking(nth: u32, deed: Deed) -> Fallible<Ran> {
    let rehearsal = Rehearsal::new()?.product("access: []\n", SQL)?;
    rehearsal.world.from(ASKED, nth, deed);
    rehearsal.run().await
}

#[tokio::test(start_paused = true)]
async fn a_database_out_of_reach_of_the_observer_is_inconclusive() -> Fallible {
    let ran = asking(2, Deed::Error("psql ended with 2: connection to server failed")).await?;
    ran.ended(&["baseline passed", "hop-1/check inconclusive", "rollback/check passed"])?;
    ran.says("hop-1/check", "select name from things: psql ended with 2: connection to server failed")?;
    assert_eq!((ran.summary().verdict().0, ran.exit()), (Verdict::Inconclusive, Exit::Inconclusive));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_statement_that_the_server_refuses_is_the_products_failure() -> Fallible {
    let ran = asking(2, Deed::Refused("relation \"things\" does not exist")).await?;
    ran.ended(&["baseline passed", "hop-1/check failed"])?;
    ran.says("hop-1/check", "the server refused: 42P01: relation \"things\" does not exist")?;
    assert_eq!(ran.exit(), Exit::Failed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_step_whose_statement_is_refused_fails_and_one_that_cannot_be_asked_is_inconclusive() -> Fallible {
    for (deed, outcome) in [
        (Deed::Refused("column \"gone\" does not exist"), "hop-1/upgrade failed"),
        (Deed::Error("psql ended with 2: connection refused"), "hop-1/upgrade inconclusive"),
        (Deed::Error("psql ended with 127: psql: not found"), "hop-1/upgrade inconclusive"),
    ] {
        let rehearsal =
            Rehearsal::new()?.product("upgrade:\n", "upgrade:\n  - sql: { query: update things set gone = 1 }\n")?;
        rehearsal.world.on("rows main: update things", deed);
        rehearsal.run().await?.ended(&[outcome])?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn no_row_where_the_baseline_had_some_is_a_finding() -> Fallible {
    let ran = asking(2, Deed::Rows(&[])).await?;
    ran.ended(&["baseline passed", "hop-1/check failed"])?;
    ran.says("hop-1/check", "expected 1 rows, with \"1\", seen 0 rows")?;
    assert_eq!(ran.exit(), Exit::Failed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_baseline_without_a_row_cannot_tell() -> Fallible {
    for after in [Deed::Rows(&[]), Deed::Rows(&["1"])] {
        let rehearsal = Rehearsal::new()?.product("access: []\n", SQL)?;
        rehearsal.world.nth(ASKED, 1, Deed::Rows(&[]));
        rehearsal.world.on(ASKED, after);
        let ran = rehearsal.run().await?;
        ran.ended(&["hop-1/check inconclusive", "rollback/check inconclusive"])?;
        ran.says("hop-1/check", "the baseline has no row")?;
        assert_eq!(ran.exit(), Exit::Inconclusive);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_probe_whose_own_binary_is_missing_is_inconclusive() -> Fallible {
    let probe = |command: &str, expect: &str| {
        format!("access: [{{ name: tool, steps: [{{ exec: {{ service: web, command: {command}{expect} }} }}] }}]\n")
    };
    let oci = "OCI runtime exec failed: exec failed: executable file not found in $PATH: unknown";
    for (command, expect, deed, outcome) in [
        ("[tool]", "", Deed::Exit(127, oci), "inconclusive"),
        ("[tool]", "", Deed::Exit(126, oci), "inconclusive"),
        ("tool --list", "", Deed::Exit(127, "sh: 1: tool: not found"), "inconclusive"),
        ("tool --list", ", expect: { exit: [0, 1] }", Deed::Exit(127, "sh: 1: tool: not found"), "inconclusive"),
        ("tool --list", ", expect: { exit: [0, 1] }", Deed::Exit(127, "127 broken links"), "failed"),
        ("tool --list", "", Deed::Exit(1, "tool: nothing listed"), "failed"),
    ] {
        let rehearsal = Rehearsal::new()?.product("access: []\n", &probe(command, expect))?;
        rehearsal.world.from("main/web: sh -ec tool", 2, deed.clone());
        rehearsal.world.from("main/web: tool", 2, deed);
        let ran = rehearsal.run().await?;
        ran.ended(&[&format!("hop-1/check {outcome}")])?;
        if outcome == "inconclusive" {
            ran.says("hop-1/check", "probe binary missing: exit code 12")?;
        }
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_required_check_that_asserted_nothing_keeps_the_verdict_from_a_pass() -> Fallible {
    // A probe of the new line only: on the source release, and on the rollback, it asserts nothing.
    let probe =
        "access: [{ name: new, releases: '>=1.1', steps: [{ http: { service: web, port: 80, path: /new } }] }]\n";
    for (require, exit) in [("[version, health, data]", Exit::Passed), ("[version, access]", Exit::Inconclusive)] {
        let rehearsal = Rehearsal::new()?.product("access: []\n", probe)?.scenario(&format!("require: {require}"));
        let ran = rehearsal.run().await?;
        ran.ended(&["baseline passed", "hop-1/check passed", "hop-2/check passed", "rollback/check passed"])?;
        assert_eq!(ran.exit(), exit, "{require}");
        let unfired: Vec<String> = ran.summary().unfired().iter().map(|(stage, _)| stage.to_string()).collect();
        assert_eq!(unfired.is_empty(), exit == Exit::Passed, "{unfired:?}");
        assert!(exit == Exit::Passed || unfired == ["baseline", "rollback/check"], "{unfired:?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_expected_failure_does_not_hide_a_required_check_that_asserted_nothing() -> Fallible {
    let probe =
        "access: [{ name: new, releases: '>=1.1', steps: [{ http: { service: web, port: 80, path: /new } }] }]\n";
    let rehearsal = Rehearsal::new()?
        .product("access: []\n", probe)?
        .scenario("require: [access]")
        .scenario("expect: { outcome: failed, stage: hop-1/upgrade, findings: [{ matches: 'exit code 1' }] }");
    rehearsal.world.on("run main/web: migrate", Deed::Exit(1, "no such column"));
    assert_eq!(rehearsal.run().await?.exit(), Exit::Inconclusive);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_required_check_that_would_not_be_made_is_refused_before_anything_starts() -> Fallible {
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
async fn every_check_tells_how_long_it_took() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    let (time, usual) = (std::time::Duration::from_millis(700), Deed::Http(200, "/home is fine"));
    rehearsal.world.on("http main/web GET /home", Deed::Late(time, Box::new(usual)));
    let ran = rehearsal.run().await?;
    let checks = || ran.summary().stages().iter().flat_map(|stage| stage.checks.iter());
    let home: Vec<_> = checks().filter(|check| check.name == "home").map(|check| check.took).collect();
    assert_eq!(home[..3], [Some(time); 3]);
    let untimed: Vec<&str> = ["baseline", "hop-1/check", "hop-2/check", "rollback/check"]
        .iter()
        .flat_map(|stage| ran.stage(stage).ok())
        .flat_map(|stage| stage.checks.iter())
        .filter(|check| check.took.is_none())
        .map(|check| check.name.as_str())
        .collect();
    assert_eq!(untimed, Vec::<&str>::new());
    Ok(())
}
