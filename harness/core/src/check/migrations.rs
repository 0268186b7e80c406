//! Judges the schema: what the database has recorded against what the running code has. The proof is the database's.

use std::collections::BTreeSet;

use super::data::list;
use crate::event::CheckReport;
use crate::migrations::MigrationReader;
use crate::observe::MigrationState;
use crate::verdict::Finding;

/// Compares the recorded migrations with those of the running code, and with those recorded before.
pub fn judge_migrations(now: &MigrationState, before: Option<&MigrationState>, report: &mut CheckReport) {
    if now.known.is_empty() {
        report.unclear.push("the running code shows no migration".to_owned());
        return;
    }
    let recorded: BTreeSet<&str> = now.recorded.iter().map(String::as_str).collect();
    let known: BTreeSet<&str> = now.known.iter().map(String::as_str).collect();
    report.notes.push(format!("{} migrations recorded, {} known to the running code", recorded.len(), known.len()));
    let mut compare = |left: &BTreeSet<&str>, right: &BTreeSet<&str>, expected: &str, seen: &str| {
        report.assertions += 1;
        let missing: Vec<&str> = left.difference(right).copied().collect();
        if !missing.is_empty() {
            let seen = format!("{} {seen}: {}", missing.len(), list(&missing));
            report.findings.push(Finding::new("the schema", expected, seen));
        }
    };
    compare(&known, &recorded, "every migration of the running code recorded in the database", "not recorded");
    compare(
        &recorded,
        &known,
        "no recorded migration that the running code does not have",
        "recorded by a later release",
    );
    if let Some(before) = before {
        let before: BTreeSet<&str> = before.recorded.iter().map(String::as_str).collect();
        compare(
            &before,
            &recorded,
            "every migration that was recorded before the hop still recorded",
            "no longer recorded",
        );
    }
}

/// Compares what the migrator's stream told with what the database recorded. Says which migration failed, when one did.
pub fn judge_stream(told: &MigrationReader, recorded: &[String], object: &str) -> Vec<Finding> {
    let recorded: BTreeSet<&str> = recorded.iter().map(String::as_str).collect();
    let mut findings = Vec::new();
    let lost: Vec<&str> = told.ended().iter().map(|m| m.version.as_str()).filter(|v| !recorded.contains(v)).collect();
    if !lost.is_empty() {
        findings.push(Finding::new(
            object,
            "every migration that the stream tells of recorded in the database",
            format!("not recorded: {}", list(&lost)),
        ));
    }
    if let Some(running) = told.running() {
        findings.push(Finding::new(
            format!("migration {} {}", running.version, running.name),
            "an end",
            format!("it began and did not end; the database has {} migrations recorded", recorded.len()),
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::MigrationFormat;
    use crate::scenario::CheckKind;
    use crate::verdict::Outcome;

    fn state(recorded: &[&str], known: &[&str]) -> MigrationState {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        MigrationState { recorded: own(recorded), known: own(known) }
    }

    fn check(now: MigrationState, before: Option<MigrationState>, outcome: Outcome, about: &str) {
        let mut report = CheckReport::new(CheckKind::Migrations, "main");
        judge_migrations(&now, before.as_ref(), &mut report);
        let report = report.decide();
        assert_eq!(report.outcome, outcome);
        assert!(format!("{report:?}").contains(about), "{report:?}");
    }

    #[test]
    fn pending_foreign_and_lost_migrations_are_told_apart() {
        check(state(&["1", "2"], &["2", "1"]), None, Outcome::Passed, "2 migrations recorded");
        check(state(&["1"], &["1", "2"]), None, Outcome::Failed, "1 not recorded: 2");
        check(state(&["1", "2"], &["1"]), None, Outcome::Failed, "recorded by a later release: 2");
        check(state(&["2"], &["2"]), Some(state(&["1"], &["1"])), Outcome::Failed, "no longer recorded: 1");
        check(state(&["1"], &[]), None, Outcome::Inconclusive, "shows no migration");
        check(state(&[], &["1"]), None, Outcome::Failed, "1 not recorded");
    }

    #[test]
    fn the_stream_names_the_migration_that_failed() {
        let mut told = MigrationReader::new(MigrationFormat::Rails);
        told.take(include_bytes!("../../tests/data/fail-dup-identifier.log"));
        let recorded: Vec<String> = told.ended().iter().map(|migration| migration.version.clone()).collect();
        let findings = judge_stream(&told, &recorded, "the stream");
        assert_eq!(findings.len(), 1);
        assert!(findings[0].object.contains("20241213003659"), "{findings:?}");
        // What the stream tells of and the database has not recorded is found beside it.
        assert_eq!(judge_stream(&told, &[], "the stream").len(), if recorded.is_empty() { 1 } else { 2 });
    }
}
