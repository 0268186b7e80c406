//! Judges the schema: what the database has recorded against what the running code has. The database's record decides.

use std::collections::BTreeSet;

use super::data::list;
use crate::model::product::{Recorded, ReplacedMigrations};
use crate::observation::MigrationState;
use crate::observation::migrations::MigrationReader;
use crate::outcome::code::{FindingCode, InconclusiveCode};
use crate::outcome::event::CheckReport;
use crate::outcome::finding::Finding;
use crate::outcome::subject::Subject;

/// Compares the recorded migrations with those of the running code, and with those recorded before.
pub fn judge_migrations(
    now: &MigrationState,
    before: Option<&MigrationState>,
    (records, replaced): (Recorded, &[ReplacedMigrations]),
    report: &mut CheckReport,
) {
    if now.known.is_empty() {
        report.cannot_tell(InconclusiveCode::NothingAsserted, "the running code lists no migrations");
        return;
    }
    let recorded: BTreeSet<&str> = now.recorded.iter().map(String::as_str).collect();
    let known: BTreeSet<&str> = now.known.iter().map(String::as_str).collect();
    report.notes.push(format!("{} migrations recorded, {} known to the running code", recorded.len(), known.len()));
    let mut compare =
        |left: &BTreeSet<&str>, right: &BTreeSet<&str>, code: FindingCode, expected: &str, problem: &str| {
            // A pending migration stays pending, even if it looks like a replaced one.
            let reviewed = code != FindingCode::MigrationsPending;
            report.assertions += 1;
            let mut missing: Vec<&str> = left.difference(right).copied().collect();
            for allowed in replaced.iter().filter(|_| reviewed) {
                let before = missing.len();
                missing.retain(|version| !allowed.versions.regex().is_match(version));
                if missing.len() < before {
                    let because = &allowed.because;
                    report.notes.push(format!("{} {problem}, replaced: {because}", before - missing.len()));
                }
            }
            if !missing.is_empty() {
                let actual = format!("{} {problem}: {}", missing.len(), list(&missing));
                report.findings.push(Finding::new(code, Subject::Migrations, expected, actual));
            }
        };
    compare(
        &known,
        &recorded,
        FindingCode::MigrationsPending,
        "every migration of the running code recorded in the database",
        "not recorded",
    );
    compare(
        &recorded,
        &known,
        FindingCode::MigrationsForeign,
        "no recorded migration that the running code does not have",
        "not in the running code",
    );
    // If only the newest migrations are recorded, those of the next release take their place.
    if let (Recorded::Each, Some(before)) = (records, before) {
        let before: BTreeSet<&str> = before.recorded.iter().map(String::as_str).collect();
        compare(
            &before,
            &recorded,
            FindingCode::MigrationsLost,
            "every migration that was recorded before the hop still recorded",
            "no longer recorded",
        );
    }
}

/// Compares what the migrator's output reports with what the database has recorded. If a migration failed, it is a finding:
/// the one that began and did not end, and that the database has not recorded.
pub fn judge_stream(stream: &MigrationReader, recorded: &[String], request: &str) -> Vec<Finding> {
    let names = || recorded.iter().map(String::as_str);
    let mut findings = Vec::new();
    let lost: Vec<&str> =
        stream.recorded().into_iter().filter(|version| stream.full(version, names()).is_none()).collect();
    if !lost.is_empty() {
        findings.push(Finding::new(
            FindingCode::MigrationsUnrecorded,
            Subject::request(request),
            "every migration that the output reports recorded in the database",
            format!("not recorded: {}", list(&lost)),
        ));
    }
    if let Some(running) = stream.running() {
        let unfinished = |actual: String| {
            let subject = Subject::Migration(running.title().to_string());
            Finding::new(FindingCode::MigrationUnfinished, subject, "an end", actual)
        };
        let is_recorded = stream.full(&running.version, names()).is_some();
        let count = names().collect::<BTreeSet<_>>().len();
        if stream.takes_back() {
            findings.push(unfinished("its reversal began and did not end".to_owned()));
        } else if !is_recorded {
            let actual =
                format!("it began and did not end; the database has recorded {count} migrations, but not this one");
            findings.push(unfinished(actual));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::scenario::CheckKind;
    use crate::observation::migrations::MigrationFormat;
    use crate::outcome::verdict::Outcome;

    fn state(recorded: &[&str], known: &[&str]) -> MigrationState {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        MigrationState { recorded: own(recorded), known: own(known) }
    }

    fn check(now: MigrationState, before: Option<MigrationState>, outcome: Outcome, about: &str) {
        check_by(&now, before, (Recorded::Each, &[]), outcome, about);
    }

    fn check_by(
        now: &MigrationState,
        before: Option<MigrationState>,
        terms: (Recorded, &[ReplacedMigrations]),
        outcome: Outcome,
        about: &str,
    ) {
        let mut report = CheckReport::new(CheckKind::Migrations, "main");
        judge_migrations(now, before.as_ref(), terms, &mut report);
        let report = report.decide();
        assert_eq!(report.outcome, outcome);
        assert!(format!("{report:?}").contains(about), "{report:?}");
    }

    #[test]
    fn replaced_migrations_may_be_recorded_without_being_in_the_code() {
        let replaced = ReplacedMigrations {
            versions: r"^extras\.000[12]_".parse().unwrap(),
            because: "squashed".parse().unwrap(),
        };
        let replaced = (Recorded::Each, std::slice::from_ref(&replaced));
        let known = &["extras.0001_squashed", "ipam.0001_initial"];
        let old = ["extras.0001_a", "extras.0002_b", "extras.0001_squashed", "ipam.0001_initial"];
        check(state(&old, known), None, Outcome::Failed, "2 not in the running code: extras.0001_a");
        check_by(&state(&old, known), None, replaced, Outcome::Passed, "2 not in the running code, replaced: squash");
        check_by(&state(known, known), Some(state(&old, known)), replaced, Outcome::Passed, "no longer recorded, repl");
        // A pending migration stays pending even if it looks like a replaced one, and another foreign one stays foreign.
        check_by(&state(&known[1..], known), None, replaced, Outcome::Failed, "1 not recorded: extras.0001_squashed");
        let foreign = state(&["extras.0003_c", known[0], known[1]], known);
        check_by(&foreign, None, replaced, Outcome::Failed, "extras.0003_c");
    }

    #[test]
    fn the_newest_revision_replaces_the_one_before() {
        let now = state(&["b2"], &["b2"]);
        let before = || Some(state(&["a1"], &["a1"]));
        check(now.clone(), before(), Outcome::Failed, "no longer recorded: a1");
        check_by(&now, before(), (Recorded::Newest, &[]), Outcome::Passed, "1 migrations recorded");
        check_by(&state(&["a1"], &["b2"]), before(), (Recorded::Newest, &[]), Outcome::Failed, "not recorded: b2");
    }

    #[test]
    fn the_database_proves_a_migration_whose_end_is_missing_from_the_log() {
        let mut reader = MigrationReader::new(MigrationFormat::Django);
        let cut = "virtualization.0010_vminterface_mac_address_data_m";
        reader.take(format!("  Applying a.0001_x... OK\n  Applying {cut}...Traceback\n").as_bytes());
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let findings = judge_stream(&reader, &own(&["a.0001_x"]), "the output");
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].subject, Subject::Migration(cut.to_owned()));
        assert!(judge_stream(&reader, &own(&["a.0001_x", &format!("{cut}igration")]), "the output").is_empty());
        let lost = judge_stream(&reader, &own(&[&format!("{cut}igration")]), "the output");
        assert_eq!(lost[0].actual, "not recorded: a.0001_x");
    }

    #[test]
    fn pending_foreign_and_lost_migrations_are_distinguished() {
        check(state(&["1", "2"], &["2", "1"]), None, Outcome::Passed, "2 migrations recorded");
        check(state(&["1"], &["1", "2"]), None, Outcome::Failed, "1 not recorded: 2");
        check(state(&["1", "2"], &["1"]), None, Outcome::Failed, "not in the running code: 2");
        check(state(&["2"], &["2"]), Some(state(&["1"], &["1"])), Outcome::Failed, "no longer recorded: 1");
        check(state(&["1"], &[]), None, Outcome::Inconclusive, "lists no migrations");
        check(state(&[], &["1"]), None, Outcome::Failed, "1 not recorded");
    }

    #[test]
    fn the_output_names_the_migration_that_failed() {
        let mut reader = MigrationReader::new(MigrationFormat::Rails);
        reader.take(include_bytes!("../../tests/data/fail-dup-identifier.log"));
        let recorded: Vec<String> = reader.ended().iter().map(|migration| migration.version.clone()).collect();
        let findings = judge_stream(&reader, &recorded, "the output");
        assert_eq!(findings.len(), 1);
        assert!(findings[0].subject.name().contains("20241213003659"), "{findings:?}");
        // Migrations that the output reports and the database has not recorded are a finding too.
        assert_eq!(judge_stream(&reader, &[], "the output").len(), if recorded.is_empty() { 1 } else { 2 });
    }
}
