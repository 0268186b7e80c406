//! The files in volumes: read before and after the probes of every stage, and compared with what they were.

use rehearse_core::outcome::code::{FindingCode, InconclusiveCode};

use super::case::{Rehearsal, RunResult};
use super::scripted::{Behaviour, Fallible};

/// A rehearsal of a product whose service `web` has a volume `uploads`, and these lines of checks.
fn with_volume(checks: &str) -> Fallible<Rehearsal> {
    Rehearsal::new()?
        .product("    ports: [80]\n", "    volumes: { uploads: /uploads }\n    ports: [80]\n")?
        .product("  data: {}\n", &format!("  data: {{}}\n{checks}"))
}

/// Every stage of checks reads the volume twice: before its probes and after them.
const HOP_1_BEFORE: u32 = 3;
const HOP_1_AFTER: u32 = 4;
const READ: &str = "read volume main/uploads";
const OTHER: &[(&str, &str)] = &[("1.png", "Another 1")];

fn codes(result: &RunResult, stage: &str) -> Fallible<Vec<(FindingCode, String)>> {
    let checks = &result.stage(stage)?.checks;
    let findings = checks.iter().flat_map(|check| &check.findings);
    Ok(findings.map(|finding| (finding.code, finding.subject.name())).collect())
}

#[tokio::test(start_paused = true)]
async fn every_product_with_volumes_has_the_check() -> Fallible {
    let result = with_volume("")?.run().await?;
    for stage in ["baseline", "hop-1/check", "hop-2/check", "rollback/check"] {
        let checks = &result.stage(stage)?.checks;
        let found = checks.iter().filter(|check| check.title().starts_with("files: ")).count();
        assert_eq!(found, 2, "{stage}");
    }
    result.expect_outcomes(&["hop-1/check passed", "rollback/check passed"])
}

#[tokio::test(start_paused = true)]
async fn a_hop_that_changes_a_file_fails_and_a_rule_lets_it_through() -> Fallible {
    let changed = |rehearsal: Rehearsal| {
        // It stays changed for the rest of the path.
        rehearsal.world.from(READ, HOP_1_BEFORE, Behaviour::Files(OTHER));
        rehearsal
    };
    let result = changed(with_volume("")?).run().await?;
    assert_eq!(codes(&result, "hop-1/check")?, [(FindingCode::FileChanged, "uploads:1.png".to_owned())]);

    let rule =
        "  files: { rules: [{ crossing: 1.1.0, allow: { rewritten: [\"uploads:*.png\"] }, because: smaller }] }\n";
    let result = changed(with_volume(rule)?).run().await?;
    result.expect_outcomes(&["hop-1/check passed", "hop-2/check passed"])?;
    let notes: Vec<_> = result.stage("hop-1/check")?.checks.iter().flat_map(|check| check.notes.clone()).collect();
    assert!(notes.iter().any(|note| note.starts_with("1 file by 1.1.0: smaller")), "{notes:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_probe_may_only_write_the_files_that_it_declares() -> Fallible {
    let rehearsal = with_volume("")?;
    rehearsal.world.nth(READ, HOP_1_AFTER, Behaviour::Files(OTHER));
    let result = rehearsal.run().await?;
    assert_eq!(codes(&result, "hop-1/check")?, [(FindingCode::FileChanged, "uploads:1.png".to_owned())]);
    let checks = &result.stage("hop-1/check")?.checks;
    let red: Vec<String> =
        checks.iter().filter(|check| !check.findings.is_empty()).map(|check| check.title()).collect();
    assert_eq!(red, ["files: own writes"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_rollback_has_to_bring_the_files_back() -> Fallible {
    let rehearsal = with_volume("")?;
    rehearsal.world.on("read volume rollback/uploads", Behaviour::Files(&[]));
    let result = rehearsal.run().await?;
    assert_eq!(codes(&result, "rollback/check")?, [(FindingCode::FileLost, "uploads:1.png".to_owned())]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_volume_that_cannot_be_read_is_inconclusive() -> Fallible {
    let rehearsal = with_volume("")?;
    rehearsal.world.from(READ, HOP_1_BEFORE, Behaviour::Error("the disk is gone"));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["hop-1/check inconclusive"])?;
    let checks = &result.stage("hop-1/check")?.checks;
    let reasons: Vec<_> = checks.iter().flat_map(|check| &check.inconclusive).map(|reason| reason.code).collect();
    assert_eq!(reasons, [InconclusiveCode::NotRead]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn rows_that_name_files_are_held_against_the_files() -> Fallible {
    let rows = "  files: { rows: [{ name: attachments, sql: select file, files: [\"uploads:*\"] }] }\n";
    let rehearsal = with_volume(rows)?;
    rehearsal.world.nth("select file", 2, Behaviour::Rows(&["uploads:1.png", "uploads:2.png"]));
    rehearsal.world.on("select file", Behaviour::Rows(&["uploads:1.png"]));
    let result = rehearsal.run().await?;
    assert_eq!(codes(&result, "hop-1/check")?, [(FindingCode::RowWithoutFile, "uploads:2.png".to_owned())]);
    // What was so before the upgrade is not the fault of a hop.
    let rehearsal = with_volume(rows)?;
    rehearsal.world.on("select file", Behaviour::Rows(&["uploads:1.png", "uploads:2.png"]));
    let result = rehearsal.run().await?;
    result.expect_outcomes(&["baseline passed", "hop-1/check passed", "rollback/check passed"])
}
