//! Drives the binary as a user does: exit status, standard output and standard error are stated, all three.

mod backup_warning;
mod backups;
mod broken;
mod diagnose;
mod dry_run;
mod engine;
mod fake_engine;
mod hang_up;
mod inspect;
mod inspect_faults;
mod manual;
mod path;
mod previous;
#[path = "../support/pty.rs"]
mod pty;
mod required;
mod runbook;
mod runs;

use std::path::Path;
use std::process::{Command, Output};

type Tried<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn rehearse(arguments: &[&str]) -> Result<Output, std::io::Error> {
    Command::new(env!("CARGO_BIN_EXE_rehearse"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .output()
}

/// Runs and states all three: the exit status whole, the streams by what they hold.
#[track_caller]
fn check(arguments: &[&str], status: i32, out: &[&str], err: &[&str]) -> Tried {
    let ran = rehearse(arguments)?;
    let (stdout, stderr) = (String::from_utf8(ran.stdout)?, String::from_utf8(ran.stderr)?);
    assert_eq!(ran.status.code(), Some(status), "{arguments:?}\n{stdout}\n{stderr}");
    for (stream, wanted) in [(&stdout, out), (&stderr, err)] {
        assert!(!wanted.is_empty() || stream.is_empty(), "{arguments:?} said {stream}");
        for part in wanted {
            assert!(stream.contains(part), "{arguments:?} lacks {part:?}:\n{stream}");
        }
    }
    Ok(())
}

fn scratch(name: &str, text: &str) -> Result<(tempfile::TempDir, String), std::io::Error> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join(name);
    std::fs::write(&path, text)?;
    let path = path.display().to_string();
    Ok((folder, path))
}

#[test]
fn help_shows_examples_and_exit_codes() -> Tried {
    check(&["--help"], 0, &["Exit codes: 0 passed", "rehearse run scenarios/"], &[])?;
    check(&["run", "--help"], 0, &["Examples:", "--keep", "--deadline"], &[])?;
    check(&["completions", "bash"], 0, &["_rehearse"], &[])
}

#[test]
fn colour_follows_what_every_tool_follows() -> Tried {
    let (_folder, file) = scratch("scenario.yaml", "scenrio: x\n")?;
    let coloured = |variables: &[(&str, &str)]| -> Result<bool, Box<dyn std::error::Error>> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rehearse"));
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        let ran = command.args(["validate", &file]).envs(variables.iter().copied()).output()?;
        assert_eq!(ran.status.code(), Some(2));
        Ok(ran.stderr.contains(&0x1b))
    };
    assert!(!coloured(&[])?, "standard error is no terminal here");
    assert!(coloured(&[("CLICOLOR_FORCE", "1")])?);
    assert!(!coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")])?);
    Ok(())
}

#[test]
fn a_wrong_argument_is_bad_input() -> Tried {
    check(&["plam"], 2, &[], &["unrecognized subcommand", "plan"])?;
    check(&["run"], 2, &[], &["SCENARIO"])?;
    check(&["run", "--deadline", "30", "scenarios/redmine-5.0-to-6.1.yaml"], 2, &[], &["--deadline"])?;
    check(&["run", "/nowhere.yaml"], 2, &[], &["cannot read /nowhere.yaml"])
}

#[test]
fn a_path_is_a_contract_in_json() -> Tried {
    let ran = rehearse(&["path", "--product", "redmine", "--from", "5.0.4", "--to", "6.1", "--format", "json"])?;
    let json: serde_json::Value = serde_json::from_slice(&ran.stdout)?;
    assert_eq!(ran.status.code(), Some(0));
    assert_eq!(json["product"], "redmine");
    assert_eq!(json["from"], "5.0.4");
    assert_eq!(json["to"], json["path"][0]);
    assert_eq!(json["edition"], serde_json::Value::Null);
    let hop = &json["hops"][0];
    assert_eq!((&hop["from"], &hop["to"], &hop["optional"]), (&json["from"], &json["to"], &serde_json::json!(false)));
    assert!(hop["because"].is_string());
    Ok(())
}

#[test]
fn a_refused_path_is_exit_2_with_its_reason_on_standard_output() -> Tried {
    let downgrade = ["path", "--product", "redmine", "--from", "6.1.5", "--to", "5.0.4", "--format", "json"];
    check(&downgrade, 2, &["{\"refused\":", "downgrade"], &[])?;
    let unknown = ["path", "--product", "redmine", "--from", "5.0.9", "--to", "6.1", "--format", "json"];
    check(&unknown, 2, &["{\"refused\":", "5.0.9 is not published", "5.0.4"], &[])?;
    check(&["path", "--product", "redmine", "--from", "6.1.5", "--to", "5.0.4"], 2, &[], &["error:", "downgrade"])?;
    check(&["path", "--product", "gitlub", "--from", "1.0", "--to", "2.0"], 2, &[], &["gitlub", "built-in ones are"])
}

#[test]
fn a_plan_is_printed_as_text_and_as_json() -> Tried {
    let plan = "scenarios/redmine-5.0-to-6.1.yaml";
    check(&["plan", plan], 0, &["hop 1  5.0.4 →", "hop-2/upgrade", "db:migrate", "rollback/check", "teardown"], &[])?;
    let ran = rehearse(&["plan", plan, "--format", "json"])?;
    let json: serde_json::Value = serde_json::from_slice(&ran.stdout)?;
    let ids: Vec<&str> = json["stages"].as_array().into_iter().flatten().filter_map(|s| s["id"].as_str()).collect();
    assert_eq!(ids.first(), Some(&"backup"));
    assert!(ids.contains(&"hop-1/upgrade") && ids.last() == Some(&"teardown"), "{ids:?}");
    Ok(())
}

#[test]
fn every_mistake_of_a_file_is_shown_at_once_with_its_place() -> Tried {
    let text = "scenario: broken\nproduct: redmine\nform: 5.0.4\nto: \"6.1\"\nbackup: b\ndeadline: 30\nprepare:\n  - strat: [web]\n";
    let (_folder, path) = scratch("broken.yaml", text)?;
    check(
        &["validate", &path],
        2,
        &[],
        &[
            "form",
            "did you mean `from`?",
            "strat",
            "did you mean `start`?",
            "deadline: 30",
            "broken.yaml:3",
            "broken.yaml:6",
            "broken.yaml:8",
        ],
    )
}

#[test]
fn names_that_refer_to_nothing_are_shown_with_the_known_ones() -> Tried {
    let text = "scenario: broken\nproduct: redmine\nfrom: 5.0.4\nto: \"6.1\"\nbackup: b\nsettings: { admin_kye: x }\nprepare:\n  - start: [wep]\n  - sql: { query: \"select '{{ relase }}'\" }\n";
    let (_folder, path) = scratch("broken.yaml", text)?;
    check(
        &["validate", &path],
        2,
        &[],
        &[
            "unknown service `wep`",
            "did you mean `web`?",
            "unknown setting `admin_kye`",
            "unknown placeholder `relase`",
        ],
    )
}

#[test]
fn a_stage_that_is_expected_and_does_not_exist_is_bad_input() -> Tried {
    let text = "scenario: s\nproduct: redmine\nfrom: 5.0.4\nto: \"6.1\"\nbackup: b\nexpect: { outcome: failed, stage: hop-7/upgrade, findings: [{ matches: x }] }\n";
    let (_folder, path) = scratch("s.yaml", text)?;
    check(&["validate", &path], 2, &[], &["hop-7/upgrade", "hop-1/upgrade", "s.yaml:6"])
}

#[test]
fn an_expectation_that_any_failure_would_meet_is_bad_input() -> Tried {
    let text = "scenario: s\nproduct: redmine\nfrom: 5.0.4\nto: \"6.1\"\nbackup: b\nexpect: { outcome: failed, stage: hop-1/upgrade, findings: [{ matches: \".*\" }] }\n";
    let (_folder, path) = scratch("s.yaml", text)?;
    check(&["validate", &path], 2, &[], &["any finding meets this expectation"])?;
    let (_folder, path) = scratch("s.yaml", &text.replace("[{ matches: \".*\" }]", "[]"))?;
    check(&["validate", &path], 2, &[], &["names no finding, check or known failure"])
}

#[test]
fn an_output_folder_with_other_things_in_it_is_left_alone() -> Tried {
    let (folder, _) = scratch("precious.txt", "mine")?;
    let out = folder.path().display().to_string();
    check(&["run", "--out", &out, "scenarios/redmine-5.0-to-6.1.yaml"], 2, &[], &["is not empty", "--out"])?;
    assert!(Path::new(&out).join("precious.txt").exists());
    Ok(())
}

#[test]
fn a_setting_that_the_product_does_not_have_is_bad_input() -> Tried {
    let scenario = "scenarios/redmine-5.0-to-6.1.yaml";
    check(&["plan", "--set", "admin_kye=x", scenario], 2, &[], &["no setting \"admin_kye\"", "admin_key"])
}

/// A mistake in an argument is reported for that argument, not for a line of the file that it overrides.
#[test]
fn a_mistake_in_an_argument_is_reported_as_one_of_the_argument() -> Tried {
    let scenario = "scenarios/redmine-5.0-to-6.1.yaml";
    let note = "= note: this replaces what scenarios/redmine-5.0-to-6.1.yaml says";
    let known = "= help: the published releases of redmine are 5.0.4, 6.0.5, 6.1.5 (from its releases.txt)";
    for (arguments, expected) in [
        (&["--to", "9.9"][..], "error: --to 9.9: no release of 9.9 is published (nearest: 6.1.5"),
        (&["--from", "5.0.9"], "error: --from 5.0.9: release 5.0.9 is not published (nearest: 5.0.4"),
        (&["--from", "5.0"], "error: --from 5.0: the source 5.0 is a line"),
        (&["--to", "4.9.9", "--from", "4.9.8"], "error: --to 4.9.9 --from 4.9.8: release 4.9.8 is not published"),
        (&["--to", "5.0.4"], "error: --to 5.0.4: already there"),
        (&["--from", "6.1.5", "--to", "5.0.4"], "error: --to 5.0.4 --from 6.1.5: 6.1.5 to 5.0.4 is a downgrade"),
    ] {
        let ran = rehearse(&[&["plan", scenario], arguments].concat())?;
        let said = String::from_utf8(ran.stderr)?;
        assert_eq!(ran.status.code(), Some(2), "{said}");
        assert!(said.starts_with(expected) && said.contains(note) && said.contains(known), "{arguments:?}: {said}");
        assert!(!said.contains("-->"), "{arguments:?}: {said}");
    }
    let off = ["plan", scenario, "--require", "data,logs", "--skip-checks", "data,version"];
    check(&off, 2, &[], &["error: --require data --skip-checks data: the check data is required", note])?;
    check(&["plan", scenario, "--set", "admin_kye=geheim"], 2, &[], &["error: --set admin_kye=…: product redmine"])?;
    check(&["plan", scenario, "--set", "admin_kye=x"], 2, &[], &["did you mean `admin_key`?"])?;
    check(&["run", scenario, "--backup", "/none"], 2, &[], &["error: --backup /none: no such folder"])?;
    let path = ["path", "--product", "redmine", "--from", "5.0.4", "--to", "9.9"];
    check(&path, 2, &[], &["error: --to 9.9: no release of 9.9 is published"])?;
    // What the file itself says wrongly stays a place in the file.
    let text = "scenario: s\nproduct: redmine\nfrom: 5.0.9\nto: \"6.1\"\nbackup: b\nhops: [{ hop: 2 }]\n";
    let (_folder, path) = scratch("s.yaml", text)?;
    check(&["plan", &path, "--to", "6.0"], 2, &[], &["release 5.0.9 is not published", "s.yaml:3:7"])?;
    let shorter = ["plan", &path, "--from", "5.0.4", "--to", "6.0"];
    check(
        &shorter,
        2,
        &[],
        &["changes hop 2, and the path has 1", "s.yaml:6", "the path comes from --from 5.0.4 --to 6.0"],
    )
}

#[test]
fn a_refused_setting_shows_no_secret() -> Tried {
    for (set, shown) in
        [("db_password:hunter2 x", "'db_password:*********'"), ("apiToken hunter2", "'apiToken *******'")]
    {
        let ran = rehearse(&["plan", "--set", set, "scenarios/redmine-5.0-to-6.1.yaml"])?;
        let said = String::from_utf8(ran.stderr)?;
        assert_eq!((ran.status.code(), ran.stdout.len()), (Some(2), 0), "{said}");
        assert!(said.contains(shown) && said.contains("expected KEY=VALUE") && !said.contains("hunter2"), "{said}");
    }
    check(&["plan", "--set", "colour:red", "scenarios/redmine-5.0-to-6.1.yaml"], 2, &[], &["'colour:red'"])
}

#[test]
fn a_skipped_rollback_is_a_stage_with_its_reason() -> Tried {
    let text = "scenario: s\nproduct: redmine\nfrom: 5.0.4\nto: \"6.1\"\nbackup: b\nrollback: { skip: no time }\n";
    let (_folder, path) = scratch("s.yaml", text)?;
    check(&["plan", &path], 0, &["the rollback is not rehearsed", "no time"], &[])
}

#[test]
fn schemas_and_lists_are_data_on_standard_output() -> Tried {
    for format in ["product", "scenario", "events"] {
        let ran = rehearse(&["schema", format])?;
        let json: serde_json::Value = serde_json::from_slice(&ran.stdout)?;
        assert!(json["$schema"].is_string(), "{format}");
    }
    check(&["list"], 0, &["redmine", "5.0.4, 6.0.5, 6.1.5", "scenarios/redmine-5.0-to-6.1.yaml"], &[])
}

#[test]
fn a_required_check_that_would_not_be_made_is_bad_input() -> Tried {
    let scenario = "scenarios/redmine-5.0-to-6.1.yaml";
    check(&["run", "--require", "helth", scenario], 2, &[], &["unknown check `helth`; did you mean `health`?"])?;
    for (coverage, mistake) in [
        ("coverage:tables", "expected coverage:KIND=PERCENT"),
        ("coverage:table=100%", "coverage is counted of databases, tables"),
        ("coverage:tables=101%", "`101%` is no percentage"),
    ] {
        check(&["run", "--require", coverage, scenario], 2, &[], &[mistake])?;
    }
    check(&["plan", "--require", "data,coverage:tables=100%", scenario], 0, &["verify the backup"], &[])?;
    let off = ["run", "--require", "version,data", "--skip-checks", "data", scenario];
    check(&off, 2, &[], &["the check data is required", "the scenario leaves it out: switched off by --skip-checks"])?;
    check(&["plan", "--skip-checks", "logz", scenario], 2, &[], &["unknown check `logz`; did you mean `logs`?"])
}

#[test]
fn known_failures_may_be_in_a_file_of_their_own_and_mistakes_are_shown_there() -> Tried {
    let folder = tempfile::tempdir()?;
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("harness/products/redmine");
    for entry in std::fs::read_dir(&shipped)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), folder.path().join(entry.file_name()))?;
        }
    }
    let product = folder.path().join("product.yaml");
    let text = std::fs::read_to_string(&product)?;
    let head = text.split("\nfailures:").next().unwrap_or_default();
    std::fs::write(&product, format!("{head}\nfailures: failures.yaml\n"))?;
    let product = product.display().to_string();
    check(&["validate", &product], 2, &[], &["cannot read", "failures.yaml"])?;
    let failure = "- { id: a, pattern: boom, cause: c, remedy: r, source: s, consequence-of: [OF] }\n";
    let list = folder.path().join("failures.yaml");
    std::fs::write(&list, failure.replace("OF", "b"))?;
    check(&["validate", &product], 2, &[], &["unknown known failure `b`", "failures.yaml:1"])?;
    std::fs::write(&list, failure.replace(", consequence-of: [OF]", ""))?;
    check(&["validate", &product], 0, &[], &["product redmine"])
}

#[test]
fn reports_of_an_earlier_run_do_not_outlive_bad_input() -> Tried {
    let (folder, scenario) = scratch("bad.yaml", "scenario: [")?;
    let out = folder.path().join("out");
    std::fs::create_dir(&out)?;
    std::fs::write(out.join("junit.xml"), "<testsuites/>")?;
    check(&["run", "--out", &out.display().to_string(), &scenario], 2, &[], &["bad.yaml"])?;
    assert!(!out.join("junit.xml").exists());
    // What is not ours stays.
    std::fs::write(out.join("mine.txt"), "mine")?;
    std::fs::write(out.join("junit.xml"), "<testsuites/>")?;
    check(&["run", "--out", &out.display().to_string(), &scenario], 2, &[], &["bad.yaml"])?;
    assert!(out.join("junit.xml").exists() && out.join("mine.txt").exists());
    Ok(())
}

#[test]
fn a_path_states_the_day_of_its_lists_and_what_was_decided() -> Tried {
    let path = ["path", "--product", "gitlab", "--from", "15.0.5", "--to", "16.3.9"];
    check(
        &path,
        0,
        &[
            "15.0.5 → 15.1.6  conditional stop, `15.1` is not decided yet",
            "15.11.13 → 16.0.10  conditional stop, `16.0` is not decided yet",
            "releases as of 2026-08-21, newest 19.3.0: ",
            "stops as of 2026-08-21: config/upgrade_path.yml",
        ],
        &[],
    )?;
    let nodes = [&path[..], &["--set", "web_nodes=2", "--decide", "16.0=no"]].concat();
    check(&nodes, 0, &["15.0.5 → 15.1.6  conditional stop, `15.1` holds", "not needed: 16.0 ("], &[])?;
    let ran = rehearse(&[&path[..], &["--format", "json"]].concat())?;
    let json: serde_json::Value = serde_json::from_slice(&ran.stdout)?;
    assert_eq!(json["lists"][0]["list"], "releases");
    assert_eq!((&json["lists"][0]["as-of"], &json["lists"][1]["as-of"]), (&"2026-08-21".into(), &"2026-08-21".into()));
    assert_eq!((&json["needless"], &json["hops"][0]["condition"]), (&serde_json::json!([]), &"15.1".into()));
    assert_eq!(json["hops"][3]["condition"], "16.0");
    check(&[&path[..], &["--decide", "15.4=no"]].concat(), 2, &[], &["no conditional stop at 15.4", "15.1, 16.0"])?;
    check(&[&path[..], &["--decide", "15.4"]].concat(), 2, &[], &["expected LINE=yes or LINE=no"])?;
    check(&[&path[..], &["--set", "web_nodes=many"]].concat(), 2, &[], &["the setting web_nodes is \"many\""])?;
    check(&[&path[..], &["--set", "nodes=2"]].concat(), 2, &[], &["no setting \"nodes\"", "web_nodes"])
}

#[test]
fn a_path_without_downtime_needs_rules_for_it() -> Tried {
    let path =
        ["path", "--product", "gitlab", "--from", "17.11.7", "--to", "18.2.8", "--zero-downtime", "--format", "json"];
    check(&path, 0, &["\"path\":[\"18.0.6\",\"18.1.6\",\"18.2.8\"]"], &[])?;
    let none = ["path", "--product", "redmine", "--from", "5.0.4", "--to", "6.1", "--zero-downtime"];
    check(&none, 2, &[], &["redmine has no rules for an upgrade without downtime"])?;
    let text = "scenario: s\nproduct: redmine\nfrom: 5.0.4\nto: \"6.1\"\nbackup: b\nzero-downtime: true\n";
    let (_folder, file) = scratch("s.yaml", text)?;
    check(&["plan", &file], 2, &[], &["no rules for an upgrade without downtime", "s.yaml:6"])
}

#[test]
fn lists_of_stops_are_written_and_taken_in() -> Tried {
    let ran = rehearse(&["path", "--product", "gitlab", "--list", "--format", "path-json"])?;
    let text = String::from_utf8(ran.stdout)?;
    assert!(text.starts_with("{\"supported\":[\"18.2.8\",") && text.ends_with("\"19.2.4\",\"19.3.0\"]}\n"), "{text}");
    let (_folder, file) = scratch("path.json", &text)?;
    let path = ["path", "--product", "gitlab", "--from", "17.11.7", "--to", "18.8.11", "--stops", &file];
    check(
        &path,
        0,
        &[
            "17.11.7 → 18.2.8  required stop: the list of stops in",
            "path.json\n         ! gate: data of 17.11.7 is accepted",
            "18.2.8 starts on data of 17.11 or newer only",
            "newest 19.3.0: the list",
        ],
        &[],
    )?;
    let way = [&path[..7], &["--format", "path-json"]].concat();
    check(
        &way,
        0,
        &["{\"supported\":[\"18.2.8\",\"18.5.7\",\"18.8.11\"],\"all\":[\"18.2.8\",\"18.5.7\",\"18.8.11\"]}"],
        &[],
    )?;
    let text = "scenario: s\nproduct: gitlab\nfrom: 17.11.7\nto: 18.5.7\nbackup: b\n";
    let (_scenario, scenario) = scratch("s.yaml", text)?;
    check(&["plan", "--stops", &file, &scenario], 0, &["the list of stops in", "hop 1  17.11.7-ce → 18.2.8-ce"], &[])?;
    let (_wrong, wrong) = scratch("path.json", "[]")?;
    check(&["plan", "--stops", &wrong, &scenario], 2, &[], &["is not a list of stops", "supported"])?;
    check(&["path", "--product", "gitlab", "--from", "17.11.7"], 2, &[], &["--to"])?;
    check(&["path", "--product", "gitlab"], 2, &[], &["--from", "--to"])
}

#[test]
fn a_scenario_without_its_backup_is_ignored_and_never_passes() -> Tried {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = tempfile::tempdir()?;
    let trials = rehearse::trial::trials(&rehearse::trial::Trials {
        scenarios: root.join("scenarios"),
        out: out.path().to_owned(),
        nightly: true,
        // So that a missing engine is no reason to ignore one.
        require_engine: true,
    });
    let ignored: Vec<&str> =
        trials.iter().filter(|trial| trial.has_ignored_flag()).map(libtest_mimic::Trial::name).collect();
    assert_eq!(ignored, ["gitlab-15.11-to-18.2"]);
    Ok(())
}

#[test]
fn arguments_of_a_path_that_contradict_each_other_are_refused() -> Tried {
    let path = ["path", "--product", "gitlab", "--to", "16.3", "--from"];
    let with = |more: &[&'static str]| [&path[..], more].concat();
    check(&with(&["15.11.13-ee", "--edition", "ce"]), 2, &[], &["--edition ce and --from 15.11.13-ee"])?;
    let twice = ["15.11.13", "--decide", "16.0=yes", "--decide", "16.0=no"];
    check(&with(&twice), 2, &[], &["--decide 16.0 is given both as yes and as no"])?;
    check(&with(&["15.11.13-ee", "--edition", "ee"]), 0, &["16.3.9"], &[])
}
