//! `rehearse diagnose`: what it is given, what it tells, how it exits.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Tried, check, rehearse, scratch};

const LOG: &str = "tests/cli/diagnose/upgrade.log";
const KNOWN: &str =
    "PG::DependentObjectsStillExist: ERROR:  cannot drop desired object(s) because other objects depend on them\n";

fn diagnose<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["diagnose", "--product", "gitlab"], arguments].concat()
}

#[test]
fn root_causes_come_before_their_consequences() -> Tried {
    let ran = rehearse(&diagnose(&[LOG]))?;
    let output = String::from_utf8(ran.stdout)?;
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/diagnose/upgrade.txt");
    if std::env::var_os("REHEARSE_BLESS").is_some() {
        std::fs::write(&golden, &output)?;
    }
    assert_eq!(output, std::fs::read_to_string(golden)?);
    assert_eq!((ran.status.code(), String::from_utf8(ran.stderr)?), (Some(1), String::new()));
    Ok(())
}

#[test]
fn programs_get_a_list_with_the_same() -> Tried {
    let ran = rehearse(&diagnose(&[LOG, "--format", "json"]))?;
    let json: serde_json::Value = serde_json::from_slice(&ran.stdout)?;
    let all = json.as_array().ok_or("no list")?;
    let short: Vec<(&str, u64, Option<&str>)> = all
        .iter()
        .map(|it| (it["id"].as_str().unwrap_or(""), it["line"].as_u64().unwrap_or(0), it["consequence_of"].as_str()))
        .collect();
    assert_eq!(
        short,
        [
            ("bbm-not-finished", 17, None),
            ("migrate-generic", 15, Some("bbm-not-finished")),
            ("downgrade-silent", 52, Some("bbm-not-finished")),
            ("500-after-recreate", 59, Some("downgrade-silent")),
            ("shm-small", 56, None),
        ]
    );
    for it in all {
        let keys: Vec<&str> = it.as_object().ok_or("no object")?.keys().map(String::as_str).collect();
        assert_eq!(
            keys,
            [
                "id",
                "file",
                "line",
                "cause",
                "remedy",
                "source",
                "consequence_of",
                "count",
                "harmless",
                "recovered_line",
                "excerpt"
            ]
        );
        assert_eq!(it["harmless"], false);
        assert_eq!(it["file"], LOG);
    }
    assert!(all[0]["remedy"].as_str().is_some_and(|text| {
        text.contains(
            r#"finalize[CopyColumnUsingBackgroundMigrationJob,ci_stages,id,'[["id"]\,["id_convert_to_bigint"]]']"#,
        )
    }));
    assert_eq!(all[1]["count"], 3);
    assert_eq!(ran.status.code(), Some(1));
    Ok(())
}

#[test]
fn a_secret_next_to_a_failure_is_not_shown() -> Tried {
    for format in ["text", "json"] {
        let ran = rehearse(&diagnose(&[LOG, "--format", format]))?;
        let output = String::from_utf8(ran.stdout)?;
        assert!(!output.contains("hunter22") && output.contains("[not shown]"), "{output}");
    }
    Ok(())
}

#[test]
fn a_failure_of_other_releases_is_shown_with_them_or_left_out() -> Tried {
    let (_folder, log) = scratch("app.log", KNOWN)?;
    check(&diagnose(&[&log]), 1, &["drop-dependent", "releases >=17.2.0, <17.2.2", "use 17.2.2 or newer"], &[])?;
    check(&diagnose(&[&log, "--release", "17.2.1"]), 1, &["drop-dependent"], &[])?;
    let other = ["Nothing that is known of gitlab on 17.3.7 was recognised.", "app.log:1"];
    check(&diagnose(&[&log, "--release", "17.3.7-ee.0"]), 0, &other[1..], &[])?;
    check(&diagnose(&[&log, "--release", "17.3.7"]), 0, &other, &[])
}

#[test]
fn without_known_failures_the_first_errors_that_are_not_allowed_are_shown() -> Tried {
    let text = "fine\nERROR:  must be allowed, CRIT Supervisor running as root\nFATAL: disk on fire, token=abcdef\n  at x\nFATAL: disk on fire, token=ghijkl\n";
    let (_folder, log) = scratch("app.log", text)?;
    let said = [
        "Nothing that is known of gitlab was recognised.",
        "The first error lines (that are not known to be harmless):",
        "app.log:3",
        "| FATAL: disk on fire, token=[not shown]",
        "|   at x",
    ];
    check(&diagnose(&[&log]), 0, &said, &[])?;
    check(&diagnose(&[&log, "--format", "json"]), 0, &["[]\n"], &said)?;
    let ran = rehearse(&diagnose(&[&log]))?;
    let output = String::from_utf8(ran.stdout)?;
    assert!(!output.contains("Supervisor"), "{output}");
    Ok(())
}

const HARMLESS: &str = "ERROR:  must be owner of extension pg_trgm\n";

#[test]
fn a_harmless_failure_is_not_a_root_cause_and_hides_nothing() -> Tried {
    let text = format!("{HARMLESS}{HARMLESS}ERROR:  the disk is on fire\nrake aborted!\n");
    let (_folder, log) = scratch("app.log", &text)?;
    let said = [
        "Nothing that is known as a failure of gitlab was recognised.\n\nharmless: restore-harmless  ",
        "app.log:1  (2 times, first here)",
        "The first error lines (that are not known to be harmless):",
        "app.log:3\n    | ERROR:  the disk is on fire",
        "app.log:4\n    | rake aborted!",
    ];
    check(&diagnose(&[&log]), 0, &said, &[])?;
    check(&diagnose(&[&log, "--format", "json"]), 0, &["\"restore-harmless\"", "\"harmless\": true"], &said[2..])?;
    let (_folder, log) = scratch("app.log", &format!("{HARMLESS}{KNOWN}"))?;
    let known = ["drop-dependent", "1 root cause, 0 consequences\n", "\n\nharmless: restore-harmless"];
    check(&diagnose(&[&log]), 1, &known, &[])
}

#[test]
fn unexplained_errors_are_shown_after_the_known_failures() -> Tried {
    let text = format!("FATAL: before\nrake aborted!\n{KNOWN}FATAL: behind 1\nFATAL: behind 2\n");
    let (_folder, log) = scratch("app.log", &text)?;
    let said = [
        "1 root cause, 0 consequences\n\nErrors that none of these explains",
        "app.log:1\n    | FATAL: before",
        "app.log:4  (2 of its kind)\n    | FATAL: behind 1",
    ];
    check(&diagnose(&[&log]), 1, &said, &[])?;
    check(&diagnose(&[&log, "--format", "json"]), 1, &["drop-dependent"], &said[1..])?;
    let output = String::from_utf8(rehearse(&diagnose(&[&log]))?.stdout)?;
    let rest = output.split_once("none of these explains").ok_or("no errors")?.1;
    assert!(!rest.contains("DependentObjects") && !rest.contains("aborted"), "{output}");
    let (_folder, log) = scratch("app.log", KNOWN)?;
    check(&diagnose(&[&log]), 1, &["No other line counts as an error", "does not prove that there is none"], &[])
}

#[test]
fn without_matching_rules_error_words_or_the_end_are_shown() -> Tried {
    let text = "0 errors\nfree space: refused\nUnable to go on, password=abcdef\n";
    let (_folder, log) = scratch("app.log", text)?;
    let said = [
        "That proves nothing",
        "Lines that look like an error, though no rule says so:\n",
        "app.log:2\n    | free space: refused\n",
        "app.log:3\n    | Unable to go on, password=[not shown]\n",
    ];
    check(&diagnose(&[&log]), 0, &said, &[])?;
    let (_folder, log) = scratch("app.log", "one\ntwo\n\nthree\nfour\n\n")?;
    let end = ["That proves nothing", "The log ends with:", "    | two\n    | three\n    | four\n"];
    check(&diagnose(&[&log]), 0, &end, &[])
}

#[test]
fn folders_packed_files_and_standard_input_are_read() -> Tried {
    let folder = tempfile::tempdir()?;
    let packed = std::fs::File::create(folder.path().join("b.gz"))?;
    let mut packed = flate2::write::GzEncoder::new(packed, flate2::Compression::default());
    packed.write_all(KNOWN.as_bytes())?;
    packed.finish()?;
    std::fs::write(folder.path().join("a"), "PRNG is not seeded\n")?;
    std::fs::write(folder.path().join("c"), b"\0\0")?;
    let path = folder.path().display().to_string();
    check(&diagnose(&[&path]), 1, &["prng", "/a:1", "drop-dependent", "/b.gz:1"], &["skipped", "c: it is not a text"])?;
    let mut child = Command::new(env!("CARGO_BIN_EXE_rehearse"))
        .args(diagnose(&["-"]))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    child.stdin.take().ok_or("no input")?.write_all(KNOWN.as_bytes())?;
    let ran = child.wait_with_output()?;
    assert_eq!(ran.status.code(), Some(1));
    assert!(String::from_utf8(ran.stdout)?.contains("drop-dependent  standard input:1"));
    Ok(())
}

#[test]
fn an_unreadable_file_is_bad_input_and_the_rest_is_diagnosed() -> Tried {
    let (_folder, log) = scratch("app.log", KNOWN)?;
    check(
        &diagnose(&["/nowhere.log", &log]),
        2,
        &["drop-dependent"],
        &["error: cannot read /nowhere.log: No such file"],
    )?;
    let (_folder, empty) = scratch("empty.log", "")?;
    check(&diagnose(&[&empty]), 2, &[], &["the input is empty"])?;
    let (_folder, binary) = scratch("binary", "a\0b")?;
    check(&diagnose(&[&binary]), 2, &[], &["cannot read", "it is not a text"])?;
    check(&["diagnose", "--product", "gitlub", &log], 2, &[], &["no product \"gitlub\""])?;
    check(&["diagnose", &log], 2, &[], &["--product"])?;
    check(&diagnose(&[]), 2, &[], &["LOG"])?;
    check(&diagnose(&[&log, "--release", "new"]), 2, &[], &["--release"])?;
    check(&["diagnose", "--help"], 0, &["Examples:", "docker logs gitlab", "Exits with 1"], &[])
}

#[test]
fn any_product_folder_serves() -> Tried {
    let (_folder, log) = scratch("app.log", "There are migrations not yet applied\n")?;
    let product = "harness/products/nautobot";
    check(
        &["diagnose", "--product-dir", product, &log],
        1,
        &["migrations-not-applied", "nautobot-server post_upgrade"],
        &[],
    )?;
    check(&["diagnose", "--product", product, &log], 1, &["migrations-not-applied"], &[])?;
    let none = scratch("app.log", KNOWN)?;
    check(&["diagnose", "--product", "nautobot", &none.1], 0, &["Nothing that is known of nautobot"], &[])
}

#[test]
fn text_from_users_and_informational_lines_are_not_failures() -> Tried {
    let message = "PG::DuplicateTable: ERROR:  relation \\\"x\\\" already exists";
    let typed = format!("{{\"path\":\"/search\",\"params\":[{{\"key\":\"search\",\"value\":\"{message}\"}}]}}");
    let informs = format!("{{\"severity\":\"INFO\",\"message\":\"GET /help: {message}\"}}");
    let fails = format!("{{\"severity\":\"ERROR\",\"message\":\"{message}\",\"params\":[]}}");
    for line in [&typed, &informs] {
        let (_folder, log) = scratch("app.log", &format!("web-1  | {line}\n"))?;
        check(&diagnose(&[&log]), 0, &["Nothing that is known of gitlab was recognised", "The log ends with:"], &[])?;
    }
    let (_folder, log) = scratch("app.log", &format!("{typed}\n{informs}\nweb-1  | {fails}\n"))?;
    check(&diagnose(&[&log]), 1, &["leftover-table", "app.log:3\n", "1 root cause", "No other line"], &[])
}

#[test]
fn a_failure_before_a_line_that_reports_success_is_shown_with_that_line() -> Tried {
    let well = "\u{1b}[32mgitlab Reconfigured!\u{1b}[0m\n";
    let (_folder, log) = scratch("app.log", &format!("{well}{KNOWN}wait for: gitlab Reconfigured!\nso\n{well}{well}"))?;
    check(&diagnose(&[&log]), 1, &["  later    line 5 says: gitlab Reconfigured!\n"], &[])?;
    check(&diagnose(&[&log, "--format", "json"]), 1, &["\"recovered_line\": 5,"], &[])?;
    let (_folder, log) = scratch("app.log", &format!("{KNOWN}{well}{KNOWN}"))?;
    check(&diagnose(&[&log, "--format", "json"]), 1, &["\"count\": 2", "\"recovered_line\": null"], &[])
}
