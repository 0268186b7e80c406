//! The tables between a hop and its reference: rules, structure, and what a plain restart does.

use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::verdict::Exit;

use super::case::Rehearsal;
use super::scripted::{Deed, Fallible, things};

const CONTROL: &str = "data: { restart-control: true }\n  logs";

#[tokio::test(start_paused = true)]
async fn what_a_plain_restart_changes_is_noted_and_not_held_against_a_hop() -> Fallible {
    let rehearsal = Rehearsal::new()?.product("data: {}\n  logs", CONTROL)?;
    // Restore, baseline twice; then after the restart, then the hops.
    rehearsal.world.nth("tables main", 4, Deed::Tables(things(4, "second")));
    rehearsal.world.from("tables main", 4, Deed::Tables(things(5, "third")));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    let notes: Vec<String> = ran.stage("baseline")?.checks.iter().flat_map(|check| check.notes.clone()).collect();
    let notes = notes.join("\n");
    assert!(notes.contains("not compared from here: things.name"), "{notes}");
    assert!(notes.contains("not held against a hop: things"), "{notes}");
    ran.world.came_in_order(&["tables main", "stop main/web", "start main/web", "tables main"])?;
    // Without it the same hop fails.
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.from("tables main", 4, Deed::Tables(things(5, "third")));
    rehearsal.run().await?.ended(&["hop-1/check failed"])
}

#[tokio::test(start_paused = true)]
async fn what_a_plain_restart_loses_is_not_excused_at_a_hop() -> Fallible {
    let rehearsal = Rehearsal::new()?.product("data: {}\n  logs", CONTROL)?;
    rehearsal.world.nth("tables main", 4, Deed::Tables(things(2, "abc")));
    rehearsal.world.from("tables main", 4, Deed::Tables(things(1, "abc")));
    let ran = rehearsal.run().await?;
    ran.ended(&["baseline passed", "hop-1/check failed"])?;
    ran.says("hop-1/check", "1 row lost (id=2)")
}

#[tokio::test(start_paused = true)]
async fn an_index_that_a_hop_loses_is_found_and_one_it_brings_is_not() -> Fallible {
    let mut other = things(3, "abc");
    for item in other.structure.iter_mut().flat_map(|structure| &mut structure.items) {
        item.text = "btree (name)".to_owned();
    }
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.from("tables main", 4, Deed::Tables(other.clone()));
    let ran = rehearsal.run().await?;
    ran.ended(&["hop-1/check failed"])?;
    ran.says("hop-1/check", "index on things: primary key btree (id): expected as before, seen it is gone")?;
    // On the rollback a new one is found too.
    if let (Some(structure), Some(usual)) = (&mut other.structure, things(3, "abc").structure) {
        structure.items.extend(usual.items);
    }
    let rehearsal = Rehearsal::new()?;
    rehearsal.world.from("tables main", 4, Deed::Tables(other.clone()));
    rehearsal.world.on("tables rollback", Deed::Tables(other));
    let ran = rehearsal.run().await?;
    ran.ended(&["hop-1/check passed", "rollback/check failed"])?;
    ran.says("rollback/check", "index on things: btree (name): expected nothing of this kind")
}

#[tokio::test(start_paused = true)]
async fn values_beside_rows_that_a_rule_lets_come_are_compared() -> Fallible {
    let rules = "data:
    rules:
      - crossing: 1.1.0
        allow: { rows: { table: things, by: 1 } }
        because: 1.1 adds a thing
  logs";
    for (name, end) in [("abc", "hop-1/check passed"), ("other", "hop-1/check failed")] {
        let rehearsal = Rehearsal::new()?.product("data: {}\n  logs", rules)?;
        rehearsal.world.from("tables main", 4, Deed::Tables(things(4, name)));
        rehearsal.run().await?.ended(&[end])?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn rows_that_the_manifest_states_are_compared_without_a_check_of_data() -> Fallible {
    let without = || Rehearsal::new()?.product("  data: {}\n", "");
    let ran = without()?.run().await?;
    assert_eq!(ran.exit(), Exit::Passed, "{}", ran.troubles());
    assert_eq!(ran.stage("restore")?.checks.len(), 1, "the restore was not proven");
    let rehearsal = without()?;
    rehearsal.world.on("tables main", Deed::Tables(things(2, "abc")));
    let ran = rehearsal.run().await?;
    assert_eq!(ran.exit(), Exit::Failed);
    let codes: Vec<_> = ran.stage("restore")?.all_findings().map(|(_, finding)| finding.code).collect();
    assert_eq!(codes, [FindingCode::RowsNotRestored]);
    Ok(())
}
