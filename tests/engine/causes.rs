//! Root causes: consequences belong to their root cause, and unconnected failures stay separate.

use super::case::{Rehearsal, RunResult};
use super::scripted::{Behaviour, Fallible, things};
use rehearse_core::observation::DataState;

/// Every cause as `place: object <- consequences, skipped`.
fn causes(result: &RunResult) -> Vec<String> {
    let text = |symptom: &rehearse_core::outcome::cause::Symptom<'_>| {
        let text = symptom.text();
        format!("{}: {}", symptom.place(), text.split(": expected").next().unwrap_or_default())
    };
    let described = rehearse_core::outcome::cause::causes(result.summary()).into_iter().map(|cause| {
        let consequences: Vec<String> = cause.consequences.iter().map(text).collect();
        let skipped: Vec<String> = cause.skipped.iter().map(ToString::to_string).collect();
        format!("{} <- [{}] skips [{}]", text(&cause.root), consequences.join("; "), skipped.join(", "))
    });
    described.collect()
}

#[tokio::test(start_paused = true)]
async fn a_failed_migration_is_the_only_root_cause_of_its_step_and_of_what_is_skipped() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.on("run main/web: migrate", Behaviour::Exit(1, "== 7 Third: migrating ======\nno such column: x"));
    let result = rehearsal.run().await?;
    assert_eq!(
        causes(&result),
        ["hop-1/upgrade: migration 7 Third <- [hop-1/upgrade: migrate] \
             skips [hop-1/check, hop-2/upgrade, hop-2/check]"]
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_service_that_exited_is_the_only_root_cause_of_failed_requests_to_it() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    // It stops responding with the first request after the hop, and a table is lost too.
    rehearsal.world.from("state main/web", 3, Behaviour::Normal);
    rehearsal.world.from("http main/web GET /home", 2, Behaviour::NoResponse);
    rehearsal.world.from("http main/web GET /up", 4, Behaviour::NoResponse);
    rehearsal.world.from("tables main", 4, Behaviour::Tables(DataState::default()));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-1/check failed"])?;
    let causes = causes(&result);
    let dead = causes.iter().find(|cause| cause.contains("service web <-")).cloned().unwrap_or_default();
    assert!(dead.contains("health: home: GET /home"), "{causes:#?}");
    let lost = causes.iter().any(|cause| cause.starts_with("hop-1/check / data: "));
    assert!(lost, "the lost table is a root cause of its own: {causes:#?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn unconnected_failures_stay_separate_root_causes() -> Fallible {
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.from("http main/web GET /home", 2, Behaviour::Http(500, "boom"));
    rehearsal.world.from("tables main", 4, Behaviour::Tables(things(2, "abc")));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-1/check failed"])?;
    let causes = causes(&result);
    for wanted in ["health: home: GET /home <- []", "table things <- []"] {
        assert!(causes.iter().any(|cause| cause.contains(wanted)), "{wanted}: {causes:#?}");
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn three_differences_in_one_page_are_one_finding() -> Fallible {
    let page = "access: [{ name: page, steps: [{ http: { service: web, port: 80, path: /page, \
                expect: { status: [200], contains: [fine] }, unchanged: [status, digest] } }] }]\n";
    let rehearsal = Rehearsal::new()?.product("access: []\n", page)?;
    rehearsal.world.from("http main/web GET /page", 2, Behaviour::Http(500, "boom"));
    let result = rehearsal.run().await?;
    let findings: Vec<String> =
        result.stage("hop-1/check")?.all_findings().map(|(_, finding)| finding.to_string()).collect();
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert!(findings[0].starts_with("GET /page: expected 200, seen 500 \"boom\"\nalso"), "{findings:#?}");
    Ok(())
}
