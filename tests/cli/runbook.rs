//! The operator's document, word by word; and the review of such documents, of ours and of poor ones.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::{Tried, check, rehearse};

const SCENARIO: &str = "tests/cli/runbook/customer.yaml";

fn output(arguments: &[&str]) -> Result<(Option<i32>, String), Box<dyn std::error::Error>> {
    let ran = rehearse(arguments)?;
    Ok((ran.status.code(), String::from_utf8(ran.stdout)?))
}

#[test]
fn the_runbook_of_a_customer_is_as_written() -> Tried {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/runbook/customer.md");
    let (status, text) = output(&["runbook", SCENARIO])?;
    assert_eq!(status, Some(0));
    if std::env::var_os("REHEARSE_BLESS").is_some() {
        std::fs::write(&file, &text)?;
    }
    assert_eq!(text, std::fs::read_to_string(&file)?, "REHEARSE_BLESS=1 writes it anew");
    Ok(())
}

/// A run's output folder in which every stage took `seconds`: twelve hops, the backup, the rollback.
fn run(seconds: u64) -> Result<tempfile::TempDir, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let (status, plan) = output(&["plan", SCENARIO, "--format", "json"])?;
    assert_eq!(status, Some(0));
    let of_hop = |hop: u32| ["preflight", "upgrade", "settle", "check"].map(|stage| format!("hop-{hop}/{stage}"));
    let others = ["backup", "rollback/deploy", "rollback/restore", "rollback/check"].map(str::to_owned);
    let stage = |id: String| json!({"id": id, "outcome": "passed", "time": {"wall_s": seconds}});
    let stages: Vec<Value> = (1..=12).flat_map(of_hop).chain(others).map(stage).collect();
    std::fs::write(folder.path().join("plan.json"), plan)?;
    let summary = json!({"run": "0a1b2c3d", "verdict": "passed", "stages": stages});
    std::fs::write(folder.path().join("summary.json"), summary.to_string())?;
    Ok(folder)
}

#[test]
fn a_measured_runbook_says_whether_the_window_leaves_time_to_go_back_and_passes_its_own_review() -> Tried {
    // Twelve hops of four stages, three stages of the rollback and one of the backup, and 50 minutes of production's backup.
    let folder = run(60)?;
    let of = folder.path().display().to_string();
    let (status, text) = output(&["runbook", &of])?;
    assert_eq!(status, Some(0));
    for part in [
        "run `0a1b2c3d`, verdict **passed**",
        "| 4 | 16.2.11 | 16.3.9 | required stop: config/upgrade_path.yml | 4m 00s rehearsed |",
        "| to the end of the last hop | 1h 39m rehearsed |",
        "| the rollback | 3m 00s rehearsed |",
        "**It fits**: hops and rollback together take 1h 42m of 8h 00m. To be back within the window, decide by 7h 57m",
    ] {
        assert!(text.contains(part), "lacks {part:?}:\n{text}");
    }
    let document = folder.path().join("plan.md");
    std::fs::write(&document, &text)?;
    check(
        &["runbook", "review", &document.display().to_string(), "--product", "gitlab"],
        0,
        &["0 wrong, 0 missing"],
        &[],
    )?;
    let (_, text) = output(&["runbook", &of, "--window", "70m"])?;
    assert!(
        text.contains("**It does not fit**: hops and rollback take 1h 42m, 32m 00s more than the window."),
        "{text}"
    );
    assert!(
        text.contains(
            "In 3 windows of this length it would fit: hops 1, 2, 3, 4 · hops 5, 6, 7, 8 · hops 9, 10, 11, 12. "
        ),
        "{text}"
    );
    Ok(())
}

#[test]
fn unanswered_questions_and_missing_measurements_are_open_points() -> Tried {
    let folder = tempfile::tempdir()?;
    let scenario = folder.path().join("s.yaml");
    let text = "scenario: s\nproduct: gitlab\nfrom: 17.8.7\nto: 17.11.7\nbackup: b\nproduction:\n  answers: { install-method: linux-package }\n";
    std::fs::write(&scenario, text)?;
    let (status, text) = output(&["runbook", &scenario.display().to_string()])?;
    assert_eq!(status, Some(0));
    for part in [
        "| Which operating system and release do the nodes run? | **not answered** |",
        "sudo apt-get install gitlab-ce=17.11.7-ce.0",
        "- Are there Geo secondaries? (",
        "- what a rehearsal in containers does not show about Linux package, one node: a package replaces files of its host",
        "- how long the maintenance window is",
        "- nothing of this was rehearsed",
    ] {
        assert!(text.contains(part), "lacks {part:?}:\n{text}");
    }
    Ok(())
}

#[test]
fn answers_without_a_question_are_shown_with_their_place() -> Tried {
    let folder = tempfile::tempdir()?;
    let scenario = folder.path().join("s.yaml");
    let text = "scenario: s\nproduct: gitlab\nfrom: 17.8.7\nto: 17.11.7\nbackup: b\nproduction:\n  answers: { install-methods: docker, geo: none }\n";
    std::fs::write(&scenario, text)?;
    check(
        &["runbook", &scenario.display().to_string()],
        2,
        &[],
        &["s.yaml:7", "unknown question `install-methods`", "did you mean `install-method`?"],
    )?;
    std::fs::write(&scenario, text.replace("install-methods: docker", "install-method: dockr"))?;
    let wanted = ["s.yaml:7", "`dockr` is not an answer to: How is it installed?", "did you mean `docker`?"];
    check(&["runbook", &scenario.display().to_string()], 2, &[], &wanted)?;
    std::fs::write(
        &scenario,
        text.replace("answers: { install-methods: docker, geo: none }", "takes: { resotre: 2h }"),
    )?;
    let wanted = ["s.yaml:7", "unknown stage `resotre`", "did you mean `restore`?"];
    check(&["runbook", &scenario.display().to_string()], 2, &[], &wanted)?;
    check(&["runbook", "scenarios/redmine-5.0-to-6.1.yaml"], 2, &[], &["product redmine has no runbook"])
}

#[test]
fn a_path_that_cannot_be_rehearsed_is_refused_with_the_reason_and_has_a_runbook() -> Tried {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(SCENARIO))?;
    for (method, title, command) in [
        (
            "multi-node",
            "Linux packages on several nodes is not rehearsed: one machine stands in for one node",
            "PgBouncer",
        ),
        (
            "zero-downtime",
            "without downtime is not rehearsed",
            "SKIP_POST_DEPLOYMENT_MIGRATIONS=true gitlab-ctl reconfigure",
        ),
        ("geo", "Linux packages with Geo is not rehearsed", "gitlab-rake db:migrate:geo"),
        ("source", "From source is not rehearsed", "git checkout v16.0.10-ee"),
    ] {
        let folder = tempfile::tempdir()?;
        let scenario = folder.path().join("s.yaml");
        let mut text = text.replace("install-method: docker", &format!("install-method: {method}"));
        if method == "zero-downtime" {
            std::fs::write(&scenario, &text)?;
            let wanted = ["s.yaml:", "a path of its own", "add `zero-downtime: true` to the scenario"];
            check(&["runbook", &scenario.display().to_string()], 2, &[], &wanted)?;
            text.push_str("zero-downtime: true\n");
        }
        std::fs::write(&scenario, text)?;
        let scenario = scenario.display().to_string();
        check(&["run", &scenario], 2, &[], &[title, "`rehearse runbook` prints its steps"])?;
        check(&["runbook", &scenario], 0, &[command, "cannot be rehearsed on one machine"], &[])?;
    }
    Ok(())
}

/// Checks that a review reports what was planted in a poor plan, each with its line and some words, and nothing else.
#[track_caller]
fn reviewed(file: &str, planted: &[(Option<u64>, &str)]) -> Tried {
    let file = format!("tests/cli/runbook/{file}");
    let (status, text) = output(&["runbook", "review", &file, "--product", "gitlab", "--format", "json"])?;
    assert_eq!(status, Some(1));
    let remarks: Vec<Value> = serde_json::from_str(&text)?;
    let as_text = |remark: &Value| format!("{}: {} ({})", remark["line"], remark["what"], remark["because"]);
    for (line, words) in planted {
        let found = |remark: &&Value| remark["line"].as_u64() == *line && as_text(remark).contains(words);
        assert!(remarks.iter().any(|remark| found(&remark)), "{line:?} {words}: not among {remarks:#?}");
    }
    let unplanned: Vec<String> = remarks
        .iter()
        .filter(|remark| {
            let is = |(line, words): &(Option<u64>, &str)| {
                remark["line"].as_u64() == *line && as_text(remark).contains(words)
            };
            !planted.iter().any(is)
        })
        .map(as_text)
        .collect();
    assert!(unplanned.is_empty(), "not planted in {file}: {unplanned:#?}");
    Ok(())
}

#[test]
fn each_planted_mistake_in_a_plan_that_skips_stops_and_downgrades_is_reported() -> Tried {
    reviewed(
        "poor-1.md",
        &[
            (Some(7), "stops at 16.3.4 instead of 16.3.9"),
            (None, "no stop at 16.7.10 on the way from 15.11.13 to 17.3.7"),
            (None, "whether a stop at 16.0.10 is needed"),
            (None, "whether a stop at 16.1.8 is needed"),
            (None, "whether a stop at 16.2.11 is needed"),
            (None, "whether a stop at 17.1.8 is needed"),
            (Some(9), "a window of 3h 00m for what takes"),
            (Some(13), "No need to wait for background migrations"),
            (Some(17), "re-install the previous package"),
            (None, "gitlab-secrets.json"),
            (None, "the restore as a part of the rollback"),
            (None, "proof that the backup can be restored"),
            (None, "how long the rollback takes"),
            (None, "that the old release gets empty or restored data"),
        ],
    )
}

#[test]
fn each_planted_mistake_in_a_plan_for_one_container_is_reported() -> Tried {
    reviewed(
        "poor-2.md",
        &[
            (Some(1), "18.11.10 is not published"),
            (Some(7), "docker stop gitlab"),
            (Some(8), "gitlab/gitlab-ee:latest"),
            (Some(9), "18.8.11 stands before 18.5.7"),
            (Some(10), "Zero downtime is reached"),
            (Some(11), "VERSION file says"),
            (Some(13), "No rollback is planned"),
            (Some(13), "a plan to roll back"),
            (None, "background migrations"),
            (None, "removed settings"),
            (None, "free disk"),
            (None, "checked after every hop"),
            (None, "secrets can be decrypted"),
            (None, "progress of the migrations"),
            (None, "the restore as a part of the rollback"),
            (None, "until when it can be decided"),
            (None, "that the old release gets empty or restored data"),
            (None, "maintenance window"),
            (None, "how long each hop takes"),
            (None, "CI jobs and runners"),
            (None, "known issues"),
        ],
    )
}

#[test]
fn each_planted_mistake_in_a_mail_to_support_is_reported() -> Tried {
    reviewed(
        "poor-3.md",
        &[
            (Some(3), "17.8.7-ee after 16.11.10-ce"),
            (Some(5), "leaves the database out"),
            (Some(5), "a backup of the new release"),
            (Some(6), "SKIP_SCHEMA_VERSION_CHECK"),
            (Some(7), "restore the backup into the new version"),
            (None, "Are there Geo secondaries?"),
            (None, "What is special about it"),
            (None, "How large are the database"),
            (None, "Which known issues"),
            (None, "gitlab-secrets.json"),
            (None, "proof that the backup can be restored"),
            (None, "all background migrations have finished"),
            (None, "removed settings"),
            (None, "which PostgreSQL each hop needs"),
            (None, "free disk"),
            (None, "checked after every hop"),
            (None, "secrets can be decrypted"),
            (None, "progress of the migrations"),
            (None, "a plan to roll back"),
            (None, "until when it can be decided"),
            (None, "users know of it"),
            (None, "CI jobs and runners"),
            (None, "a rehearsal before"),
            (None, "the order of the nodes"),
        ],
    )
}

#[test]
fn each_planted_mistake_in_a_plan_whose_steps_are_not_its_path_is_reported() -> Tried {
    reviewed(
        "poor-4.md",
        &[
            (Some(3), "no packages for CentOS 7 and RHEL 7 since 17.8"),
            (Some(8), "17.11.7 is named here, and no step installs it"),
            (Some(17), "17.5.5 is installed after 17.8.7, line 16"),
            (
                Some(21),
                "sudo gitlab-backup create, then gitlab-secrets.json and gitlab.rb to the vault (after line 20)",
            ),
            (Some(21), "a backup made right before the upgrade: said only here, after the first hop in line 14"),
            (Some(23), "the target release is 18.5.7 here and 18.2.8 in line 4"),
            (Some(26), "a backup of 16.11.10-ce is restored"),
            (None, "the order of the primary and the secondaries"),
        ],
    )
}

#[test]
fn a_good_plan_in_its_own_words_gets_no_remark() -> Tried {
    check(&["runbook", "review", "tests/cli/runbook/good.md", "--product", "gitlab"], 0, &["0 wrong, 0 missing"], &[])
}

/// The indexes of the lines of `text` that are reported as wrong.
fn wrong_lines(text: &str) -> Result<Vec<usize>, Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let plan = folder.path().join("plan.md");
    std::fs::write(&plan, format!("# GitLab\nfrom 15.11.13 to 16.3.9\n{text}"))?;
    let review = ["runbook", "review", &plan.display().to_string(), "--product", "gitlab", "--format", "json"];
    let (_, text) = output(&review)?;
    let remarks: Vec<Value> = serde_json::from_str(&text)?;
    let wrong = remarks.iter().filter(|remark| remark["kind"] == "wrong");
    let lines: BTreeSet<u64> = wrong.filter_map(|remark| remark["line"].as_u64()).filter(|line| *line > 2).collect();
    Ok(lines.into_iter().filter_map(|line| usize::try_from(line - 3).ok()).collect())
}

#[test]
fn lines_that_would_ruin_an_installation_are_reported_but_warnings_against_them_are_not() -> Tried {
    let ruin = include_str!("runbook/ruin.txt");
    let wrong = wrong_lines(ruin)?;
    for (at, line) in ruin.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        assert!(wrong.contains(&at), "not reported: {line}");
    }
    let good = include_str!("runbook/harmless.txt");
    let lines: Vec<&str> = wrong_lines(good)?.into_iter().filter_map(|at| good.lines().nth(at)).collect();
    assert!(lines.is_empty(), "reported although right: {lines:#?}");
    Ok(())
}

#[test]
fn the_path_is_checked_however_a_plan_writes_it() -> Tried {
    let folder = tempfile::tempdir()?;
    let plan = folder.path().join("plan.md");
    let at = plan.display().to_string();
    for text in [
        "17.3.7 → 18.2.8",
        "# Upgrade GitLab CE 17.3.7 -> 18.2.8 (Docker)",
        "Path: 17.3.7 => 17.11.7 => 18.2.8",
        "| from | to |\n|---|---|\n| 17.3.7 | 17.11.7 |\n| 17.11.7 | 18.2.8 |",
        "v17.3.7 to v18.2.8 via v17.11.7",
        "We upgrade GitLab 17.3.7 to 18.2.8.",
        "from 17.3.7 directly to 17.11.7 and then directly to 18.2.8",
    ] {
        std::fs::write(&plan, text)?;
        let wanted = ["no stop at 17.5.5 on the way from 17.3.7 to 18.2.8", "compared with 17.3.7 → 17.5.5 → 17.8.7"];
        check(&["runbook", "review", &at, "--product", "gitlab"], 1, &wanted, &[])?;
        let (_, output) = output(&["runbook", "review", &at, "--product", "gitlab"])?;
        assert!(!output.contains("stands before"), "{text}:\n{output}");
    }
    std::fs::write(&plan, "Upgrade from 17.5.5 to 17.99.3 by docker.")?;
    let wanted = ["17.99.3 is not published", "17.11.7, the newest before it", "no stop at 17.8.7"];
    check(&["runbook", "review", &at, "--product", "gitlab"], 1, &wanted, &[])?;
    std::fs::write(&plan, "We upgrade on Sunday.")?;
    let wanted = ["the path was not checked: give --from and --to"];
    check(&["runbook", "review", &at, "--product", "gitlab"], 1, &wanted, &[])?;
    std::fs::write(&plan, " \n")?;
    check(&["runbook", "review", &at, "--product", "gitlab"], 2, &[], &["plan.md is empty"])
}

#[test]
fn what_a_plan_denies_is_missing_from_it() -> Tried {
    let folder = tempfile::tempdir()?;
    let plan = folder.path().join("plan.md");
    let at = plan.display().to_string();
    std::fs::write(
        &plan,
        "GitLab 17.5.5 to 17.8.7\nTest restore: never done\nDisk: free space not checked\nGeo: unknown\nA full backup is not made.\n",
    )?;
    let wanted = [
        "plan.md:2: missing: proof that the backup can be restored",
        "plan.md:3: missing: the free disk",
        "plan.md:4: missing: Are there Geo secondaries?",
        "plan.md:5: missing: a backup made right before the upgrade",
    ];
    check(&["runbook", "review", &at, "--product", "gitlab"], 1, &wanted, &[])
}

#[test]
fn a_plan_from_standard_input_without_a_release_is_refused_with_the_reason() -> Tried {
    let folder = tempfile::tempdir()?;
    let plan = folder.path().join("plan.txt");
    std::fs::write(&plan, "We upgrade next week.\n")?;
    let plan = plan.display().to_string();
    let wanted = ["missing: the current release", "missing: the target release", "missing: a plan to roll back"];
    check(&["runbook", "review", &plan, "--product", "gitlab"], 1, &wanted, &[])?;
    check(&["runbook", "docs"], 2, &[], &["docs is not the output folder of a run: it has no plan.json"])?;
    check(&["runbook", "review", "/no/such/plan", "--product", "gitlab"], 2, &[], &["cannot read /no/such/plan"])
}

#[test]
fn a_file_that_is_not_a_plan_or_scenario_is_refused_with_what_to_type() -> Tried {
    let folder = tempfile::tempdir()?;
    let of = folder.path().display().to_string();
    check(
        &["runbook", &of],
        2,
        &[],
        &["is not the output folder of a run", "`rehearse run --out` wrote, or a scenario file"],
    )?;
    check(
        &["runbook", "review", &of, "--product", "gitlab"],
        2,
        &[],
        &["is a folder", "give the file of one plan", "/plan.md"],
    )?;
    let plan = folder.path().join("plan.md");
    std::fs::write(&plan, "# Plan\n\nFrom: 15.11.13 to 16.3\n")?;
    let plan = plan.display().to_string();
    check(
        &["runbook", &plan],
        2,
        &[],
        &["is a text, not a scenario", &format!("`rehearse runbook review {plan} --product")],
    )
}
