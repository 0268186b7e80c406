//! A terminal that goes away, and outputs that cannot be written: a cancellation is one, with all its reports.

use std::fs::{File, read_to_string};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::engine::{SCENARIO, reported};
use super::{Tried, pty};

const CANCELLED: &str = "cancelled from outside before it began";

/// An engine that takes connections and never answers, so that a run waits for it.
struct Silent {
    _listener: TcpListener,
    address: String,
    folder: tempfile::TempDir,
}

impl Silent {
    fn new() -> Tried<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = format!("tcp://{}", listener.local_addr()?);
        Ok(Self { _listener: listener, address, folder: tempfile::tempdir()? })
    }

    fn out(&self) -> std::path::PathBuf {
        self.folder.path().join("out")
    }

    /// `rehearse run` under a program that starts it. Whatever the tests were started with, SIGHUP has its usual effect.
    fn run(&self, under: &[&str], signals: &str) -> Command {
        let mut command = Command::new("env");
        command.arg(signals).args(under).arg(env!("CARGO_BIN_EXE_rehearse")).args(["run", "--out"]).arg(self.out());
        command.arg(SCENARIO).current_dir(env!("CARGO_MANIFEST_DIR"));
        command.env("DOCKER_HOST", &self.address).env("NO_COLOR", "1").env("TERM", "xterm");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }
}

const USUAL: &str = "--default-signal=HUP";

fn send(child: &Child, signal: &str) -> Tried {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status()?;
    if sent.success() { Ok(()) } else { Err("no signal".into()) }
}

/// Waits for the end, which comes within seconds.
fn ended(mut child: Child) -> Tried<ExitStatus> {
    let began = Instant::now();
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(status),
            None if began.elapsed() < Duration::from_secs(20) => std::thread::sleep(Duration::from_millis(20)),
            None => {
                child.kill()?;
                return Err("it goes on".into());
            }
        }
    }
}

/// Reads until something is said.
fn hear(from: impl std::io::Read, wanted: &str) -> Tried {
    let mut from = BufReader::new(from);
    let mut line = String::new();
    while !line.contains(wanted) {
        if from.read_line(&mut line)? == 0 {
            return Err(format!("{wanted:?} is not said: {line}").into());
        }
    }
    Ok(())
}

/// Waits until the reports have a first event, where nothing can be heard.
fn began(out: &Path) -> Tried {
    let began = Instant::now();
    while !out.join("events.jsonl").exists() {
        if began.elapsed() > Duration::from_secs(20) {
            return Err("it did not begin".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // The signals are listened to before.
    Ok(())
}

#[test]
fn a_terminal_that_is_closed_cancels_the_run_with_all_reports() -> Tried {
    for progress in ["live", "plain"] {
        let silent = Silent::new()?;
        let (ours, theirs) = pty::open()?;
        let mut command = silent.run(&["setsid", "--ctty"], USUAL);
        command.args(["--progress", progress]);
        command.stdin(theirs.try_clone()?).stdout(theirs.try_clone()?).stderr(theirs);
        let child = command.spawn()?;
        drop(command);
        hear(&ours, "waiting for the container engine")?;
        drop(ours);
        assert_eq!(ended(child)?.code(), Some(4), "{progress}");
        reported(&silent.out(), 4, "cancelled", CANCELLED)?;
    }
    Ok(())
}

#[test]
fn a_hang_up_that_is_sent_again_and_again_cuts_nothing_short() -> Tried {
    let silent = Silent::new()?;
    let mut child = silent.run(&[], USUAL).stderr(Stdio::piped()).spawn()?;
    hear(child.stderr.take().ok_or("no standard error")?, "waiting for the container engine")?;
    for _ in 0..4 {
        let _over = send(&child, "-HUP");
    }
    assert_eq!(ended(child)?.code(), Some(4));
    reported(&silent.out(), 4, "cancelled", CANCELLED)
}

#[test]
fn a_run_that_is_to_outlive_its_terminal_does() -> Tried {
    let silent = Silent::new()?;
    let mut child = silent.run(&[], "--ignore-signal=HUP").stderr(Stdio::piped()).spawn()?;
    hear(child.stderr.take().ok_or("no standard error")?, "waiting for the container engine")?;
    send(&child, "-HUP")?;
    std::thread::sleep(Duration::from_millis(500));
    assert!(child.try_wait()?.is_none(), "it ended");
    send(&child, "-INT")?;
    assert_eq!(ended(child)?.code(), Some(4));
    reported(&silent.out(), 4, "cancelled", CANCELLED)
}

#[test]
fn outputs_that_cannot_be_written_take_no_report_away() -> Tried {
    // A full disk under the log, and a pipe that nobody reads.
    for full in [true, false] {
        let silent = Silent::new()?;
        let mut command = silent.run(&[], USUAL);
        if full {
            let disk = File::options().write(true).open("/dev/full")?;
            command.stdout(disk.try_clone()?).stderr(disk);
        } else {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        let mut child = command.spawn()?;
        drop((child.stdout.take(), child.stderr.take()));
        began(&silent.out())?;
        std::thread::sleep(Duration::from_secs(2));
        send(&child, "-HUP")?;
        assert_eq!(ended(child)?.code(), Some(4), "{full}");
        reported(&silent.out(), 4, "cancelled", CANCELLED)?;
    }
    Ok(())
}

#[test]
fn head_ends_no_run() -> Tried {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("out");
    let script = format!(
        "set -o pipefail; {} run --out {} {SCENARIO} 2>&1 | head -1",
        env!("CARGO_BIN_EXE_rehearse"),
        out.display()
    );
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(env!("CARGO_MANIFEST_DIR")).env("DOCKER_HOST", "unix:///none");
    let ran = command.env("NO_COLOR", "1").output()?;
    let said = String::from_utf8(ran.stdout)?;
    assert_eq!((ran.status.code(), said.lines().count()), (Some(3), 1), "{said}");
    reported(&out, 3, "inconclusive", "no container engine answers")?;
    assert!(read_to_string(out.join("events.jsonl"))?.lines().count() > 10);
    Ok(())
}
