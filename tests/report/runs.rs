//! The runs that every reporter is tested with.

use rehearse_core::model::scenario::CheckKind;
use rehearse_core::outcome::code::{FindingCode, InconclusiveCode};
use rehearse_core::outcome::event::{CheckReport, Event};
use rehearse_core::outcome::finding::{Finding, Known};
use rehearse_core::outcome::reason::SkipReason;
use rehearse_core::outcome::subject::Subject;
use rehearse_core::outcome::verdict::Outcome;
use rehearse_core::vocabulary::ident::StageId;
use rehearse_core::vocabulary::release::Line;

use crate::stories::{End, EventLog, Fallible, Run, after, expectation, good};

/// All of them, by name.
pub(crate) fn all(run: &Run) -> Fallible<Vec<(&'static str, Vec<Event>)>> {
    Ok(vec![
        ("passed", passed(run)?),
        ("failed", failed(run)?),
        ("expected-failure", expected_failure(run)?),
        ("unmet", unmet(run)?),
        ("inconclusive", inconclusive(run)?),
        ("cancelled", cancelled(run)?),
        ("killed", killed(run)?),
        ("leftovers", leftovers(run)?),
        ("consequences", consequences(run)?),
        ("gone", gone(run)?),
    ])
}

fn checks(mut log: EventLog, stage: &str, data: CheckReport) -> EventLog {
    for report in [
        good(CheckKind::Version, "web", 1),
        good(CheckKind::Health, "web", 3),
        data,
        CheckReport {
            notes: vec!["GET /issues.json: 41 ms → 44 ms".to_owned()],
            ..good(CheckKind::Performance, "pages", 12)
        },
    ] {
        log = log.checked(stage, report);
    }
    log
}

fn data() -> CheckReport {
    CheckReport {
        notes: vec![
            "column users.auth is new by the rule of 6.0: [[ATTACHMENT|stolen]] added by its migration".to_owned(),
        ],
        evidence: vec!["evidence/tables.json".to_owned()],
        ..good(CheckKind::Data, "main", 58)
    }
}

/// Up to the baseline.
fn begun(log: EventLog) -> EventLog {
    let log = log
        .passed("backup", [210, 0, 0])
        .begin("images")
        .note("images", "redmine:5.0.4: built (from images/redmine)")
        .end("images", [1_900, 0, 1_850], End::Passed)
        .begin("images-hops")
        .passed("deploy", [6_200, 5_600, 500])
        .begin("restore")
        .progress(2_000, "restore", "unpack files.tar.gz into web:/usr/src/redmine/files")
        .progress(5_500, "restore", "one-off db: \u{1b}[1mpg_restore\u{1b}[0m --clean\r\n")
        .end("restore", [9_400, 8_100, 1_200], End::Passed)
        .resolved("images-hops", 2, Line::of_minor(6, 1), "6.1.5".parse().unwrap_or_else(|error| panic!("{error}")))
        .end("images-hops", [17_800, 0, 17_000], End::Passed);
    checks(log.begin("baseline").covered("baseline"), "baseline", data()).end(
        "baseline",
        [3_100, 2_900, 0],
        End::Passed,
    )
}

fn hop_1(log: EventLog) -> EventLog {
    let upgrade = "hop-1/upgrade";
    let log = begun(log)
        .begin(upgrade)
        .progress(100, upgrade, "stop web")
        .progress(5_100, upgrade, "migration 20220714093000 AddJournalUpdatedOn")
        .migrated(1_200, upgrade, "20220714093000", "AddJournalUpdatedOn")
        .migrated(340, upgrade, "20230818020734", "ChangeEnabledModulesNameLimit")
        .end(upgrade, [14_200, 12_800, 1_100], End::Passed);
    checks(log.begin("hop-1/check"), "hop-1/check", data()).end("hop-1/check", [4_000, 3_800, 0], End::Passed)
}

fn rollback(log: EventLog) -> EventLog {
    let log = log
        .passed("rollback/deploy", [6_000, 5_500, 400])
        .passed("rollback/restore", [9_000, 8_000, 900])
        .begin("rollback/check");
    checks(log, "rollback/check", data()).end("rollback/check", [3_000, 2_800, 0], End::Passed)
}

pub(crate) fn passed(run: &Run) -> Fallible<Vec<Event>> {
    let upgrade = "hop-2/upgrade";
    let log = hop_1(EventLog::new(run, None)?)
        .begin(upgrade)
        .migrated(800, upgrade, "20241213003659", "AddUniqueIndex")
        .end(upgrade, [11_000, 9_900, 1_000], End::Passed);
    let log =
        checks(log.begin("hop-2/check"), "hop-2/check", data()).end("hop-2/check", [4_100, 3_900, 0], End::Passed);
    Ok(rollback(log).passed("teardown", [1_300, 0, 1_300]).finished())
}

fn table(name: &str) -> Subject {
    Subject::Table(name.to_owned())
}

fn fails(log: EventLog) -> EventLog {
    let upgrade = "hop-2/upgrade";
    let findings = vec![
        Finding::new(
            FindingCode::MigrationUnfinished,
            Subject::Migration("20241213003659 AddUniqueIndex".to_owned()),
            "an end",
            "it began and did not end\nPG::UniqueViolation: \u{1b}[31mERROR\u{1b}[0m:  could not create unique index\nDETAIL:  Key (name)=(a]]>b) is duplicated.",
        )
        .with_evidence("evidence/hop-2-upgrade/migrate.log"),
        Finding::new(
            FindingCode::ExitCode,
            Subject::request("one-off web: rake db:migrate"),
            "exit code 0",
            "exit code 1",
        ),
    ];
    let log = hop_1(log)
        .begin(upgrade)
        .migrated(700, upgrade, "20240101000000", "AddSomething")
        .end(upgrade, [3_300, 2_900, 300], End::Failed(findings))
        .skipped(&["hop-2/check"], &after("hop-2/upgrade", Outcome::Failed));
    rollback(log)
}

pub(crate) fn failed(run: &Run) -> Fallible<Vec<Event>> {
    Ok(fails(EventLog::new(run, None)?).passed("teardown", [1_300, 0, 1_300]).finished())
}

pub(crate) fn expected_failure(run: &Run) -> Fallible<Vec<Event>> {
    let expected = expectation("hop-2/upgrade", "UniqueViolation")?;
    Ok(fails(EventLog::new(run, Some(expected))?).passed("teardown", [1_300, 0, 1_300]).finished())
}

/// The expected failure, and one of the rollback that the scenario says follows from it.
pub(crate) fn expected_with_consequence(run: &Run) -> Fallible<Vec<Event>> {
    let mut expected = expectation("hop-1/check", "0 rows")?;
    expected.passed.clear();
    expected.consequences = vec![StageId("rollback/check".to_owned())];
    let lost = || CheckReport {
        findings: vec![Finding::new(FindingCode::RowsLost, table("journals"), "12 rows", "0 rows")],
        ..data()
    };
    let log = begun(EventLog::new(run, Some(expected))?).passed("hop-1/upgrade", [14_200, 12_800, 1_100]);
    let log = checks(log.begin("hop-1/check"), "hop-1/check", lost())
        .end("hop-1/check", [4_000, 3_800, 0], End::Passed)
        .skipped(&["hop-2/upgrade", "hop-2/check"], &after("hop-1/check", Outcome::Failed))
        .passed("rollback/deploy", [3_000, 2_500, 400])
        .passed("rollback/restore", [9_000, 8_000, 900]);
    Ok(checks(log.begin("rollback/check"), "rollback/check", lost())
        .end("rollback/check", [4_000, 3_800, 0], End::Passed)
        .passed("teardown", [1_300, 0, 1_300])
        .finished())
}

/// A failure was expected in the upgrade; what came is a check that fails.
fn unmet(run: &Run) -> Fallible<Vec<Event>> {
    let lost = CheckReport {
        findings: vec![
            Finding::new(FindingCode::RowsLost, table("journals"), "12 rows", "0 rows")
                .with_evidence("evidence/hop-1-check/tables.json"),
            Finding::new(FindingCode::TableLost, table("attachments"), "3 rows as before", "the table is gone"),
        ],
        ..data()
    };
    let blind = CheckReport::new(CheckKind::Artifacts, "attachments");
    let log = begun(EventLog::new(run, Some(expectation("hop-2/upgrade", "UniqueViolation")?))?)
        .passed("hop-1/upgrade", [14_200, 12_800, 1_100])
        .begin("hop-1/check");
    let log = checks(log, "hop-1/check", lost)
        .checked("hop-1/check", blind)
        .end("hop-1/check", [4_000, 3_800, 0], End::Passed)
        .skipped(&["hop-2/upgrade", "hop-2/check"], &after("hop-1/check", Outcome::Failed));
    Ok(rollback(log).passed("teardown", [1_300, 0, 1_300]).finished())
}

fn inconclusive(run: &Run) -> Fallible<Vec<Event>> {
    let reason = "cannot obtain image redmine:5.0.4: toomanyrequests: You have reached your pull rate limit";
    let rest = crate::stories::STAGES.map(|(stage, _, _)| stage);
    Ok(EventLog::new(run, None)?
        .passed("backup", [210, 0, 0])
        .begin("images")
        .progress(6_000, "images", "redmine:5.0.4: pulling again in 10 s")
        .end("images", [16_000, 0, 15_900], End::Inconclusive(InconclusiveCode::ImageUnobtainable, reason))
        .skipped(&rest[2..13], &after("images", Outcome::Inconclusive))
        .passed("teardown", [90, 0, 90])
        .finished())
}

fn cancelled(run: &Run) -> Fallible<Vec<Event>> {
    let rest = crate::stories::STAGES.map(|(stage, _, _)| stage);
    Ok(hop_1(EventLog::new(run, None)?)
        .begin("hop-2/upgrade")
        .end("hop-2/upgrade", [2_000, 1_500, 100], End::Cancelled)
        .skipped(&rest[9..13], &SkipReason::Cancelled)
        .passed("teardown", [1_000, 0, 1_000])
        .finished())
}

/// A column is missing: the schema is behind, pages and log say so; a table was lost besides, by another cause.
fn consequences(run: &Run) -> Fallible<Vec<Event>> {
    let response = |request: &str, actual: &str| {
        let (code, subject) = (FindingCode::StatusUnexpected, Subject::request(request));
        Finding { status: Some(500), ..Finding::new(code, subject, "200", actual) }
    };
    let of_service = |finding: Finding, service: &str| Finding { service: Some(service.to_owned()), ..finding };
    let missing = "500 \"PG::UndefinedColumn: ERROR: column users.login does not exist\"";
    let known = Known {
        id: "login-is-gone".to_owned(),
        cause: "the migration that brings users.login was not run".to_owned(),
        remedy: "run rake db:migrate".to_owned(),
        source: "measured here".to_owned(),
        consequence_of: Vec::new(),
    };
    let reports = [
        CheckReport {
            findings: vec![of_service(response("GET /up", missing), "web")],
            took: Some(std::time::Duration::from_millis(120)),
            ..good(CheckKind::Health, "web", 3)
        },
        CheckReport {
            findings: vec![Finding {
                known: Some(known),
                ..Finding::new(
                    FindingCode::MigrationsPending,
                    Subject::Migrations,
                    "every migration of the running code recorded",
                    "1 not recorded: 20230818",
                )
            }],
            ..good(CheckKind::Migrations, "recorded", 3)
        },
        CheckReport {
            findings: vec![
                Finding::new(FindingCode::RowsLost, table("attachments"), "3 rows", "0 rows")
                    .with_evidence("evidence/hop-1-check/tables.json"),
            ],
            ..data()
        },
        CheckReport {
            findings: vec![of_service(response("GET /my as admin", "500 \"Internal error\""), "web")],
            ..good(CheckKind::Access, "pages", 9)
        },
        CheckReport {
            findings: vec![of_service(
                Finding::new(
                    FindingCode::LogError,
                    Subject::Log("web".to_owned()),
                    "no error that the baseline did not have",
                    "line 7: ActionView: column \"login\" does not exist (3 of its kind)",
                ),
                "web",
            )],
            ..good(CheckKind::Logs, "errors", 2)
        },
    ];
    let mut log =
        begun(EventLog::new(run, None)?).passed("hop-1/upgrade", [14_200, 12_800, 1_100]).begin("hop-1/check");
    for report in reports {
        log = log.checked("hop-1/check", report);
    }
    let log = log
        .end("hop-1/check", [4_000, 3_800, 0], End::Passed)
        .skipped(&["hop-2/upgrade", "hop-2/check"], &after("hop-1/check", Outcome::Failed));
    Ok(rollback(log).passed("teardown", [1_300, 0, 1_300]).finished())
}

/// A failure was expected, and nothing fails any more.
fn gone(run: &Run) -> Fallible<Vec<Event>> {
    let upgrade = "hop-2/upgrade";
    let log = hop_1(EventLog::new(run, Some(expectation(upgrade, "UniqueViolation")?))?)
        .passed(upgrade, [11_000, 9_900, 1_000])
        .begin("hop-2/check");
    let log = checks(log, "hop-2/check", data()).end("hop-2/check", [4_100, 3_900, 0], End::Passed);
    Ok(rollback(log).passed("teardown", [1_300, 0, 1_300]).finished())
}

/// The process was killed during the second upgrade.
pub(crate) fn killed(run: &Run) -> Fallible<Vec<Event>> {
    Ok(hop_1(EventLog::new(run, None)?).begin("hop-2/upgrade").progress(900, "hop-2/upgrade", "stop web").events)
}

/// It failed exactly as expected, and a volume would not go.
pub(crate) fn leftovers(run: &Run) -> Fallible<Vec<Event>> {
    let expected = expectation("hop-2/upgrade", "UniqueViolation")?;
    Ok(fails(EventLog::new(run, Some(expected))?)
        .begin("teardown")
        .left_behind(&["volume rehearse-main-data: volume is in use"])
        .end(
            "teardown",
            [1_300, 0, 1_300],
            End::Inconclusive(InconclusiveCode::LeftBehind, "1 leftovers; remove them with: rehearse sweep"),
        )
        .finished())
}
