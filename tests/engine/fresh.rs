//! The target release installed without data beside the upgraded deployment, and compared with it.

use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::verdict::Exit;

use super::case::Rehearsal;
use super::scripted::{Behaviour, Fallible, things};

const FRESH: &str = "data: {}
  fresh:
    install:
      - run: { name: schema, service: web, command: [install] }
      - start: [web]
    RULES
  logs";

fn rehearsal(rules: &str) -> Fallible<Rehearsal> {
    Rehearsal::new()?.product("data: {}\n  logs", &FRESH.replace("RULES", rules))
}

#[tokio::test(start_paused = true)]
async fn it_is_installed_on_the_target_beside_the_upgraded_one_and_removed_before_the_rollback() -> Fallible {
    let result = rehearsal("")?.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    result.expect_outcomes(&[
        "hop-2/check passed",
        "fresh/install passed",
        "fresh/compare passed",
        "rollback/check passed",
    ])?;
    result.world.expect_calls(&["open fresh", "tables fresh", "close fresh", "open rollback"])?;
    let spec = result.world.spec("create fresh/web")?;
    assert_eq!(spec.env.get("RELEASE").map(String::as_str), Some("1.2.0"));
    let checks: Vec<String> = result.stage("fresh/compare")?.checks.iter().map(|check| check.title()).collect();
    assert_eq!(checks, ["fresh: structure", "fresh: rows"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_only_the_fresh_one_has_is_a_finding_and_the_rollback_is_still_rehearsed() -> Fallible {
    let mut more = things(1, "seed");
    for structure in more.structure.iter_mut() {
        structure.items.extend(structure.items.clone().into_iter().map(|mut item| {
            item.text = "unique btree (name)".to_owned();
            item
        }));
    }
    for rules in
        ["", "rules: [{ allow: { structure: [\"index on things: unique*\"] }, because: it was dropped for speed }]"]
    {
        let rehearsal = rehearsal(rules)?;
        rehearsal.world.on("tables fresh", Behaviour::Tables(more.clone()));
        let result = rehearsal.run().await?;
        result.expect_outcomes(&["hop-2/check passed", "fresh/compare failed", "rollback/check passed"])?;
        let codes: Vec<FindingCode> =
            result.stage("fresh/compare")?.all_findings().map(|(_, finding)| finding.code).collect();
        let row = FindingCode::FreshRows;
        let wanted = if rules.is_empty() { vec![FindingCode::FreshStructure, row] } else { vec![row] };
        assert_eq!(codes, wanted, "{}", result.all_messages());
        result.expect_message("fresh/compare", "1 of them missing (name='seed')")?;
        // What was found can be looked at.
        assert_eq!(result.world.count("close fresh"), 0);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn an_installation_that_fails_is_a_failure_of_the_release() -> Fallible {
    let rehearsal = rehearsal("")?;
    rehearsal.world.on("run fresh/web: install", Behaviour::Exit(1, "no such table"));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&[
        "hop-2/check passed",
        "fresh/install failed",
        "fresh/compare skipped",
        "rollback/check passed",
    ])
}

#[tokio::test(start_paused = true)]
async fn nothing_is_compared_with_an_installation_without_tables() -> Fallible {
    let rehearsal = rehearsal("")?;
    rehearsal.world.on("tables fresh", Behaviour::Tables(Default::default()));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["fresh/compare inconclusive"])
}

#[tokio::test(start_paused = true)]
async fn a_path_that_failed_has_nothing_to_compare() -> Fallible {
    let rehearsal = rehearsal("")?;
    rehearsal.world.from("tables main", 4, Behaviour::Tables(things(1, "abc")));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-1/check failed", "fresh/install skipped", "fresh/compare skipped"])
}
