//! Journeys: what people do, and what is left of it.

use rehearse_core::observation::{DataState, Selection};
use rehearse_core::outcome::verdict::Exit;

use super::case::{Rehearsal, RunResult};
use super::scripted::{Behaviour, Fallible, things};

const JOURNEYS: &str = "access: []
  journeys:
    - name: make, find, take away
      steps:
        - http: { service: web, port: 80, method: POST, path: /things, expect: { status: [201] }, capture: { id: { json: /id } } }
        - http: { service: web, port: 80, path: '/find?{{ captured.id }}', expect: { contains: [thing] } }
      finally:
        - http: { service: web, port: 80, method: DELETE, path: '/things/{{ captured.id }}', expect: { status: [204] } }
        - http: { service: web, port: 80, method: DELETE, path: /drafts, expect: { status: [204] } }
";

async fn run(script: impl FnOnce(&Rehearsal)) -> Fallible<RunResult> {
    let rehearsal = Rehearsal::new()?.product("access: []\n", JOURNEYS)?;
    script(&rehearsal);
    rehearsal.world.on("POST /things", Behaviour::Http(201, "{\"id\": 7}"));
    rehearsal.world.on("GET /find?7", Behaviour::Http(200, "one thing"));
    rehearsal.world.on("DELETE", Behaviour::Http(204, ""));
    rehearsal.run().await
}

#[tokio::test(start_paused = true)]
async fn a_journey_runs_after_all_that_only_reads() -> Fallible {
    let result = run(|_| {}).await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    assert_eq!(result.world.count("DELETE /things/7"), 4);
    result.world.expect_calls(&[
        "tables main",
        "http main/web GET /home",
        "http main/web POST /things",
        "http main/web GET /find?7",
        "http main/web DELETE /things/7",
        "http main/web DELETE /drafts",
        "tables main",
    ])
}

#[tokio::test(start_paused = true)]
async fn what_a_journey_made_is_removed_where_it_ends() -> Fallible {
    let result = run(|rehearsal| rehearsal.world.nth("GET /find?7", 2, Behaviour::Http(200, "an empty list"))).await?;
    result.expect_outcomes(&["hop-1/check failed", "rollback/check passed"])?;
    result.expect_message("hop-1/check", "GET /find?7: expected a match")?;
    // On the baseline, on the hop that fails, and on the rollback.
    assert_eq!((result.world.count("DELETE /things/7"), result.world.count("DELETE /drafts")), (3, 3));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_was_never_made_is_not_removed() -> Fallible {
    let result = run(|rehearsal| rehearsal.world.nth("POST /things", 2, Behaviour::Http(500, "oops"))).await?;
    result.expect_outcomes(&["hop-1/check failed", "rollback/check passed"])?;
    let messages = result.messages("hop-1/check")?;
    assert!(!messages.contains("DELETE") && !messages.contains("captured"), "{messages}");
    assert_eq!((result.world.count("DELETE /things/7"), result.world.count("DELETE /drafts")), (2, 3));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_removed_is_a_finding() -> Fallible {
    let result = run(|rehearsal| rehearsal.world.nth("DELETE /things/7", 2, Behaviour::Http(403, ""))).await?;
    result.expect_outcomes(&["hop-1/check failed"])?;
    result.expect_message("hop-1/check", "DELETE /things/7: expected 204, seen 403")?;
    assert_eq!(result.world.count("DELETE /drafts"), 3);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_row_that_a_journey_made_is_named_by_what_it_captured() -> Fallible {
    // The journey leaves a row; all others are compared.
    let writes = "      writes: [{ table: things, where: 't.id = {{ captured.id }}' }]\n      steps:\n";
    let run = async |others: DataState| -> Fallible<RunResult> {
        let journeys = JOURNEYS.replace("      steps:\n", writes);
        let rehearsal = Rehearsal::new()?.product("access: []\n", &journeys)?;
        let selection = Selection { table: "things".into(), condition: "(t.id = 7)".into(), above: None };
        let other = others.tables.get("things").cloned().ok_or("no things")?;
        let after = DataState { without: vec![(selection, Ok(other))].into_iter().collect(), ..things(4, "abc") };
        // The proof of the restore and the reading before the probes come first.
        rehearsal.world.nth("tables main", 3, Behaviour::Tables(after));
        rehearsal.world.on("POST /things", Behaviour::Http(201, "{\"id\": 7}"));
        rehearsal.world.on("GET /find?7", Behaviour::Http(200, "one thing"));
        rehearsal.world.on("DELETE", Behaviour::Http(204, ""));
        rehearsal.run().await
    };
    run(things(3, "abc")).await?.expect_outcomes(&["baseline passed"])?;
    let result = run(things(3, "xyz")).await?;
    result.expect_outcomes(&["baseline failed"])?;
    result.expect_message("baseline", "table things")
}
