//! Known failures are recognised in findings, output, responses and logs.

use rehearse_core::outcome::event::EventKind;

use super::case::{Rehearsal, RunResult};
use super::scripted::{Behaviour, Fallible};

const FAILURES: &str = "checks:
  version:";

fn product(places: &str, releases: &str) -> Fallible<Rehearsal> {
    let failures = format!(
        "failures:
  - id: no-such-column
    pattern: 'column \"(?P<name>\\w+)\" does not exist'
    where: {places}
    releases: '{releases}'
    cause: the column {{{{ match.name }}}} is gone
    remedy: bring {{{{ match.name }}}} back
    source: measured here
{FAILURES}"
    );
    Rehearsal::new()?.product(FAILURES, &failures)
}

fn known(result: &RunResult, stage: &str) -> Fallible<Vec<String>> {
    let record = result.stage(stage)?;
    let of_findings = record.all_findings().filter_map(|(_, finding)| finding.known.as_ref());
    let of_checks = record.checks.iter().filter_map(|check| check.known.as_ref());
    Ok(of_findings.chain(of_checks).chain(&record.known).map(ToString::to_string).collect())
}

const RECOGNISED: &str = "no-such-column: the column login is gone — remedy: bring login back (measured here)";
const PRINTED: &str =
    "PG::UndefinedColumn: ERROR: column \"login\" does not exist\nsee the log\nit ends here\nbye\nbye";

#[tokio::test(start_paused = true)]
async fn output_is_recognised_only_in_the_places_and_releases_of_the_known_failure() -> Fallible {
    for (place, releases, recognised) in [
        ("[output]", "*", true),
        ("[finding, output, log, response]", ">=1.1, <1.2", true),
        ("[response]", "*", false),
        ("[log]", "*", false),
        ("[output]", ">=1.2", false),
    ] {
        let rehearsal = product(place, releases)?;
        rehearsal.world.on("run main/web: migrate", Behaviour::Exit(1, PRINTED));
        let result = rehearsal.run().await?;
        result.expect_outcomes(&["hop-1/upgrade failed"])?;
        let known_failures = known(&result, "hop-1/upgrade")?;
        assert_eq!(known_failures.first().map(String::as_str), recognised.then_some(RECOGNISED), "{place} {releases}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn only_what_a_service_logged_since_the_hop_began_is_recognised() -> Fallible {
    let line: &[(u64, &str)] = &[(0, "ERROR: column \"login\" does not exist")];
    for (start, nth, recognised) in [("start main/web", 2, true), ("start main/db", 1, false)] {
        let rehearsal = product("[log]", "*")?;
        rehearsal.world.nth(start, nth, Behaviour::Prints(line, None));
        rehearsal.world.from("http main/web GET /up", 3, Behaviour::Http(503, ""));
        let result = rehearsal.run().await?;
        result.expect_outcomes(&["hop-1/upgrade failed"])?;
        assert_eq!(known(&result, "hop-1/upgrade")?, if recognised { vec![RECOGNISED] } else { vec![] });
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_body_of_a_response_is_recognised() -> Fallible {
    let rehearsal = product("[response]", "*")?;
    rehearsal.world.from(
        "http main/web GET /home",
        2,
        Behaviour::Http(500, "PG::Error: column \"login\" does not exist"),
    );
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-1/check failed"])?;
    assert_eq!(known(&result, "hop-1/check")?, [RECOGNISED]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_known_failure_behind_an_inconclusive_stage_is_recognised() -> Fallible {
    let rehearsal = product("[log, finding]", "*")?;
    rehearsal.world.on("run main/web: migrate", Behaviour::Error("the daemon says: column \"login\" does not exist"));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-1/upgrade inconclusive"])?;
    assert_eq!(known(&result, "hop-1/upgrade")?, [RECOGNISED]);
    let recognised =
        result.events.iter().any(|event| matches!(&event.kind, EventKind::StageFinished { known: Some(_), .. }));
    assert!(recognised, "no event holds the known failure");
    Ok(())
}
