//! A container engine that is not there, or is not one: what is said, how soon, and what the reports hold.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Tried;

pub(crate) const SCENARIO: &str = "scenarios/redmine-5.0-to-6.1.yaml";

fn rehearse(engine: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rehearse"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).env("NO_COLOR", "1").env("DOCKER_HOST", engine);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A report of an earlier run, which must not pass for one of this.
fn stale(out: &Path) -> Tried {
    std::fs::create_dir_all(out)?;
    Ok(std::fs::write(out.join("junit.xml"), "<testsuites/>")?)
}

/// What `summary.json` and `junit.xml` say of the run: exit code, verdict, and the case that says why.
pub(crate) fn reported(out: &Path, exit: u8, verdict: &str, why: &str) -> Tried {
    let summary: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(out.join("summary.json"))?)?;
    assert_eq!(
        (&summary["exit_code"], &summary["verdict"], &summary["finished"]),
        (&exit.into(), &verdict.into(), &true.into())
    );
    let stages = summary["stages"].as_array().ok_or("stages")?;
    let ended: Vec<_> = stages.iter().filter(|stage| stage["outcome"] != "skipped").collect();
    assert_eq!(ended.len(), 1, "{ended:#?}");
    assert_eq!((&ended[0]["id"], &ended[0]["outcome"]), (&"images".into(), &verdict.into()));
    assert!(ended[0]["reason"]["text"].as_str().is_some_and(|reason| reason.contains(why)), "{ended:#?}");
    let junit = std::fs::read_to_string(out.join("junit.xml"))?;
    roxmltree::Document::parse(&junit)?;
    assert!(junit.contains(why) && !junit.contains("<testsuites/>"), "{junit}");
    assert!(std::fs::read_to_string(out.join("events.jsonl"))?.contains("run-finished"));
    assert!(out.join("plan.json").exists());
    Ok(())
}

#[test]
fn an_address_that_is_not_an_engine_is_bad_input_that_names_the_variable() -> Tried {
    for (engine, why) in [
        ("nonsense", "it has no `://`"),
        ("tcp://", "it has no host name"),
        ("ssh://me@box", "the scheme `ssh` is not supported"),
        ("tcp://docker:many", "`many` is not a valid port"),
    ] {
        let folder = tempfile::tempdir()?;
        let out = folder.path().join("out");
        stale(&out)?;
        let path = out.display().to_string();
        let run: &[&str] = &["run", "--out", &path, SCENARIO];
        for arguments in [run, &["doctor"], &["sweep"], &["resume", "aa"], &["shell", "aa", "web"]] {
            let ran = rehearse(engine, arguments).output()?;
            let said = String::from_utf8(ran.stderr)?;
            assert_eq!(ran.status.code(), Some(2), "{engine} {arguments:?}: {said}");
            let expected =
                format!("error: DOCKER_HOST is {engine:?}, which is not the address of a container engine: {why}");
            assert!(said.contains(&expected) && said.contains("expected unix:///PATH"), "{said}");
        }
        assert!(!out.join("junit.xml").exists(), "{engine}");
    }
    Ok(())
}

#[test]
fn a_missing_socket_ends_the_run_at_once_and_every_report_says_so() -> Tried {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("out");
    stale(&out)?;
    let began = Instant::now();
    let ran = rehearse("unix:///none", &["run", "--out", &out.display().to_string(), SCENARIO]).output()?;
    let said = String::from_utf8(ran.stderr)?;
    assert_eq!(ran.status.code(), Some(3), "{said}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    assert!(said.contains("no container engine answers: DOCKER_HOST is unix:///none"), "{said}");
    assert!(!said.contains("waiting for"), "{said}");
    reported(&out, 3, "inconclusive", "no container engine answers: DOCKER_HOST is unix:///none")
}

/// Reads what is said until `wanted` is, and tells how long that took.
fn hear(child: &mut Child, wanted: &str) -> Result<Duration, Box<dyn std::error::Error>> {
    let began = Instant::now();
    let mut said = BufReader::new(child.stderr.take().ok_or("no standard error")?);
    let mut line = String::new();
    while said.read_line(&mut line)? > 0 {
        if line.contains(wanted) {
            child.stderr = Some(said.into_inner());
            return Ok(began.elapsed());
        }
    }
    Err(format!("{wanted:?} is not said: {line}").into())
}

fn interrupted(child: &Child) -> Tried {
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status()?;
    if killed.success() { Ok(()) } else { Err("no signal".into()) }
}

#[test]
fn a_wait_is_announced_soon_and_a_signal_ends_it_with_reports() -> Tried {
    // A port that refuses, and one that takes connections and never answers.
    let refusing = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let silent = TcpListener::bind("127.0.0.1:0")?;
    for (port, what) in [(refusing, "Connection refused"), (silent.local_addr()?, "no response yet")] {
        let folder = tempfile::tempdir()?;
        let out = folder.path().join("out");
        stale(&out)?;
        let engine = format!("tcp://{port}");
        let mut child = rehearse(&engine, &["run", "--out", &out.display().to_string(), SCENARIO]).spawn()?;
        let took = hear(&mut child, &format!("waiting for the container engine at {engine}: {what}"));
        interrupted(&child)?;
        let asked = Instant::now();
        let rest = child.wait_with_output()?;
        assert_eq!(rest.status.code(), Some(4), "{}", String::from_utf8_lossy(&rest.stderr));
        assert!(took? < Duration::from_secs(6) && asked.elapsed() < Duration::from_secs(8), "{what}");
        reported(&out, 4, "cancelled", "cancelled from outside before it began")?;
    }
    Ok(())
}
