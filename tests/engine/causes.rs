//! One thing that broke is one cause; what is not connected with it stays a cause of its own.

use super::case::{Ran, Rehearsal};
use super::scripted::{Deed, Fallible, things};
use rehearse_core::observation::DataState;

/// Every cause as `place: object <- consequences, skipped`.
fn causes(ran: &Ran) -> Vec<String> {
    let text = |trouble: &rehearse_core::outcome::cause::Symptom<'_>| {
        let text = trouble.text();
        format!("{}: {}", trouble.place(), text.split(": expected").next().unwrap_or_default())
    };
    let told = ran.summary().causes().into_iter().map(|cause| {
        let consequences: Vec<String> = cause.consequences.iter().map(text).collect();
        let skipped: Vec<String> = cause.skipped.iter().map(ToString::to_string).collect();
        format!("{} <- [{}] skips [{}]", text(&cause.root), consequences.join("; "), skipped.join(", "))
    });
    told.collect()
}

#[tokio::test(start_paused = true)]
async fn a_migration_that_failed_is_the_one_cause_of_what_its_command_says_and_of_what_is_skipped() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("run main/web: migrate", Deed::Exit(1, "== 7 Third: migrating ======\nno such column: x"));
    let ran = rehearsal.run().await?;
    assert_eq!(
        causes(&ran),
        ["hop-1/upgrade: migration 7 Third <- [hop-1/upgrade: migrate] \
             skips [hop-1/check, hop-2/upgrade, hop-2/check]"]
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_dead_is_the_one_cause_of_every_probe_that_got_no_answer() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    // It dies with the first request after the hop, and a table was lost besides.
    rehearsal.world.from("state main/web", 3, Deed::Usual);
    rehearsal.world.from("http main/web GET /home", 2, Deed::Silent);
    rehearsal.world.from("http main/web GET /up", 4, Deed::Silent);
    rehearsal.world.from("tables main", 4, Deed::Tables(DataState::default()));
    let ran = rehearsal.run().await?;
    ran.ended(&["hop-1/check failed"])?;
    let causes = causes(&ran);
    let dead = causes.iter().find(|cause| cause.contains("service web <-")).cloned().unwrap_or_default();
    assert!(dead.contains("health: home: GET /home"), "{causes:#?}");
    let lost = causes.iter().any(|cause| cause.starts_with("hop-1/check / data: "));
    assert!(lost, "what is lost is a cause of its own: {causes:#?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn failures_that_are_not_connected_stay_causes_of_their_own() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.from("http main/web GET /home", 2, Deed::Http(500, "boom"));
    rehearsal.world.from("tables main", 4, Deed::Tables(things(2, "abc")));
    let ran = rehearsal.run().await?;
    ran.ended(&["hop-1/check failed"])?;
    let causes = causes(&ran);
    for wanted in ["health: home: GET /home <- []", "table things <- []"] {
        assert!(causes.iter().any(|cause| cause.contains(wanted)), "{wanted}: {causes:#?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_wrong_in_three_ways_is_one_finding() -> Fallible {
    let page = "access: [{ name: page, steps: [{ http: { service: web, port: 80, path: /page, \
                expect: { status: [200], contains: [fine] }, unchanged: [status, digest] } }] }]\n";
    let rehearsal = Rehearsal::new()?.product("access: []\n", page)?;
    rehearsal.world.from("http main/web GET /page", 2, Deed::Http(500, "boom"));
    let ran = rehearsal.run().await?;
    let findings: Vec<String> =
        ran.stage("hop-1/check")?.all_findings().map(|(_, finding)| finding.to_string()).collect();
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert!(findings[0].starts_with("GET /page: expected 200, seen 500 \"boom\"\nalso"), "{findings:#?}");
    Ok(())
}
