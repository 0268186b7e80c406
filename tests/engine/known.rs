//! Known failures are recognised in what a stage says, prints, is answered and logs.

use rehearse_core::outcome::event::EventKind;

use super::case::{Ran, Rehearsal};
use super::scripted::{Deed, Fallible};

const FAILURES: &str = "checks:
  version:";

fn product(where_: &str, releases: &str) -> Fallible<Rehearsal> {
    let failures = format!(
        "failures:
  - id: no-such-column
    pattern: 'column \"(?P<name>\\w+)\" does not exist'
    where: {where_}
    releases: '{releases}'
    cause: the column {{{{ match.name }}}} is gone
    remedy: bring {{{{ match.name }}}} back
    source: measured here
{FAILURES}"
    );
    Rehearsal::new()?.product(FAILURES, &failures)
}

fn known(ran: &Ran, stage: &str) -> Fallible<Vec<String>> {
    let record = ran.stage(stage)?;
    let of_findings = record.all_findings().filter_map(|(_, finding)| finding.known.as_ref());
    let of_checks = record.checks.iter().filter_map(|check| check.known.as_ref());
    Ok(of_findings.chain(of_checks).chain(&record.known).map(ToString::to_string).collect())
}

const TOLD: &str = "no-such-column: the column login is gone — remedy: bring login back (measured here)";
const PRINTED: &str =
    "PG::UndefinedColumn: ERROR: column \"login\" does not exist\nsee the log\nit ends here\nbye\nbye";

#[tokio::test(start_paused = true)]
async fn what_a_failing_command_printed_is_recognised_only_where_and_on_what_it_is_said_to_occur() -> Fallible {
    for (place, releases, told) in [
        ("[output]", "*", true),
        ("[finding, output, log, response]", ">=1.1, <1.2", true),
        ("[response]", "*", false),
        ("[log]", "*", false),
        ("[output]", ">=1.2", false),
    ] {
        let rehearsal = product(place, releases)?;
        rehearsal.world.on("run main/web: migrate", Deed::Exit(1, PRINTED));
        let ran = rehearsal.run().await?;
        ran.ended(&["hop-1/upgrade failed"])?;
        let seen = known(&ran, "hop-1/upgrade")?;
        assert_eq!(seen.first().map(String::as_str), told.then_some(TOLD), "{place} {releases}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_a_service_logged_since_the_hop_began_is_recognised_and_what_it_logged_before_is_not() -> Fallible {
    let line: &[(u64, &str)] = &[(0, "ERROR: column \"login\" does not exist")];
    for (start, nth, told) in [("start main/web", 2, true), ("start main/db", 1, false)] {
        let rehearsal = product("[log]", "*")?;
        rehearsal.world.nth(start, nth, Deed::Prints(line, None));
        rehearsal.world.from("http main/web GET /up", 3, Deed::Http(503, ""));
        let ran = rehearsal.run().await?;
        ran.ended(&["hop-1/upgrade failed"])?;
        assert_eq!(known(&ran, "hop-1/upgrade")?, if told { vec![TOLD] } else { vec![] });
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_body_of_a_response_is_recognised() -> Fallible {
    let rehearsal = product("[response]", "*")?;
    rehearsal.world.from("http main/web GET /home", 2, Deed::Http(500, "PG::Error: column \"login\" does not exist"));
    let ran = rehearsal.run().await?;
    ran.ended(&["hop-1/check failed"])?;
    assert_eq!(known(&ran, "hop-1/check")?, [TOLD]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_is_behind_a_stage_that_is_inconclusive_is_recognised_too() -> Fallible {
    let rehearsal = product("[log, finding]", "*")?;
    rehearsal.world.on("run main/web: migrate", Deed::Error("the daemon says: column \"login\" does not exist"));
    let ran = rehearsal.run().await?;
    ran.ended(&["hop-1/upgrade inconclusive"])?;
    assert_eq!(known(&ran, "hop-1/upgrade")?, [TOLD]);
    let told = ran.events.iter().any(|event| matches!(&event.kind, EventKind::StageFinished { known: Some(_), .. }));
    assert!(told, "it is in the events");
    Ok(())
}
