//! The tables of a hop compared with their reference: rules, structure, and the control of a plain restart.

use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::verdict::Exit;

use super::case::Rehearsal;
use super::scripted::{Behaviour, Fallible, things};

const CONTROL: &str = "data: { restart-control: true }\n  logs";

#[tokio::test(start_paused = true)]
async fn changes_of_a_plain_restart_are_noted_and_not_held_against_a_hop() -> Fallible {
    let rehearsal = Rehearsal::new()?.product("data: {}\n  logs", CONTROL)?;
    // The restore reads once and the baseline twice; the fourth reading is after the restart, then come the hops.
    rehearsal.world.nth("tables main", 4, Behaviour::Tables(things(4, "second")));
    rehearsal.world.from("tables main", 4, Behaviour::Tables(things(5, "third")));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    let notes: Vec<String> = result.stage("baseline")?.checks.iter().flat_map(|check| check.notes.clone()).collect();
    let notes = notes.join("\n");
    assert!(notes.contains("not compared from here on: things.name"), "{notes}");
    assert!(notes.contains("not held against a hop: things"), "{notes}");
    result.world.expect_calls(&["tables main", "stop main/web", "start main/web", "tables main"])?;
    // Without it the same hop fails.
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.from("tables main", 4, Behaviour::Tables(things(5, "third")));
    rehearsal.run().await?.expect_outcomes(&["hop-1/check failed"])
}

#[tokio::test(start_paused = true)]
async fn losses_of_a_plain_restart_are_not_excused_at_a_hop() -> Fallible {
    let rehearsal = Rehearsal::new()?.product("data: {}\n  logs", CONTROL)?;
    rehearsal.world.nth("tables main", 4, Behaviour::Tables(things(2, "abc")));
    rehearsal.world.from("tables main", 4, Behaviour::Tables(things(1, "abc")));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["baseline passed", "hop-1/check failed"])?;
    result.expect_message("hop-1/check", "1 row lost (id=2)")
}

#[tokio::test(start_paused = true)]
async fn a_lost_index_is_a_finding_and_a_new_one_is_not() -> Fallible {
    let mut other = things(3, "abc");
    for item in other.structure.iter_mut().flat_map(|structure| &mut structure.items) {
        item.text = "btree (name)".to_owned();
    }
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.from("tables main", 4, Behaviour::Tables(other.clone()));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-1/check failed"])?;
    result.expect_message(
        "hop-1/check",
        "index on things: primary key btree (id): expected as before, seen it is gone",
    )?;
    // On the rollback a new one is found too.
    if let (Some(structure), Some(usual)) = (&mut other.structure, things(3, "abc").structure) {
        structure.items.extend(usual.items);
    }
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.from("tables main", 4, Behaviour::Tables(other.clone()));
    rehearsal.world.on("tables rollback", Behaviour::Tables(other));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-1/check passed", "rollback/check failed"])?;
    result.expect_message("rollback/check", "index on things: btree (name): expected nothing of this kind")
}

#[tokio::test(start_paused = true)]
async fn a_rule_for_new_rows_does_not_excuse_changed_values() -> Fallible {
    let rules = "data:
    rules:
      - crossing: 1.1.0
        allow: { rows: { table: things, by: 1 } }
        because: 1.1 adds a thing
  logs";
    for (name, end) in [("abc", "hop-1/check passed"), ("other", "hop-1/check failed")] {
        let rehearsal = Rehearsal::new()?.product("data: {}\n  logs", rules)?;
        rehearsal.world.from("tables main", 4, Behaviour::Tables(things(4, name)));
        rehearsal.run().await?.expect_outcomes(&[end])?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_lets_ten_times_as_much_through_as_before_is_doubted() -> Fallible {
    let rules = "data:
    rules:
      - crossing: 1.1.0
        allow: { added-rows: [{ table: things, any: as many as there are }] }
        because: 1.1 adds things
  logs";
    let rehearsal = |before: u64| -> Fallible<Rehearsal> {
        let summary = serde_json::json!({ "scenario": "shop-grows", "finished": true, "stages": [{
            "id": "hop-1/check",
            "checks": [{ "kind": "data", "name": "tables", "rules": { "1.1.0: 1.1 adds things": before } }],
        }] });
        let rehearsal = Rehearsal::new()?.product("data: {}\n  logs", rules)?.after(&summary.to_string())?;
        rehearsal.world.from("tables main", 4, Behaviour::Tables(things(25, "abc")));
        Ok(rehearsal)
    };
    rehearsal(3)?.run().await?.expect_outcomes(&["hop-1/check passed"])?;
    let result = rehearsal(2)?.run().await?;
    result.expect_outcomes(&["hop-1/check inconclusive"])?;
    result.expect_message("hop-1/check", "22 differences by 1.1.0: 1.1 adds things; there were 2 on the run before")
}

#[tokio::test(start_paused = true)]
async fn rows_that_the_manifest_states_are_compared_without_a_check_of_data() -> Fallible {
    let without = || Rehearsal::new()?.product("  data: {}\n", "");
    let result = without()?.run().await?;
    assert_eq!(result.exit(), Exit::Passed, "{}", result.all_messages());
    assert_eq!(result.stage("restore")?.checks.len(), 1, "the restore was not proven");
    let rehearsal = without()?;
    rehearsal.world.on("tables main", Behaviour::Tables(things(2, "abc")));
    let result = rehearsal.run().await?;
    assert_eq!(result.exit(), Exit::Failed);
    let codes: Vec<_> = result.stage("restore")?.all_findings().map(|(_, finding)| finding.code).collect();
    assert_eq!(codes, [FindingCode::RowsNotRestored]);
    Ok(())
}
