//! Runs the program as a user does, on the specimen's first hop and its rollback.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use rehearse::docker::{DockerHost, Owner, OwnershipLabels, Settings};
use rehearse::engine::host::{Deployments, ImageRequest, Images};
use rehearse::load;
use rehearse_core::secret::Redactor;
use serde_json::Value;

use crate::machine::{Machine, child_of, text, until};
use crate::{Outcome, pty};

const LIMIT: Duration = Duration::from_secs(300);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The arguments of a rehearsal that writes into `out`.
fn arguments(out: &Path, progress: &str) -> Vec<std::ffi::OsString> {
    let specimen = root().join("tests/specimen");
    let mut all: Vec<std::ffi::OsString> = vec!["run".into(), "--product-dir".into(), specimen.join("product").into()];
    all.extend(["--images".into(), specimen.join("images").into(), "--to".into(), "2.0".into()]);
    // Response times cannot be compared while other runs and interference are going on.
    all.extend(["--skip-checks".into(), "performance".into(), "--progress".into(), progress.into()]);
    all.extend(["--out".into(), out.into(), specimen.join("specimen.yaml").into()]);
    all
}

/// The names of all images that the specimen needs on the engine of the outer machine; missing ones are built.
pub(crate) fn images(runtime: &tokio::runtime::Runtime) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let recipes = load::recipes(&[root().join("tests/specimen/images")]).map_err(text)?;
    let ownership = OwnershipLabels {
        run: format!("chaos{}", std::process::id()),
        scenario: "images".to_owned(),
        owner: Owner::current(),
        expires: SystemTime::now() + Duration::from_secs(3600),
    };
    runtime.block_on(async {
        let settings = Settings {
            ownership,
            logs: folder.path().join("logs"),
            scratch: std::env::temp_dir(),
            recipes: Arc::new(recipes),
            reach: None,
            credentials: None,
            redactor: Redactor::default(),
        };
        let host = DockerHost::connect(settings, |_| {}).await.map_err(|error| error.chain())?;
        let docker = bollard::Docker::connect_with_defaults().map_err(text)?;
        let wanted = [
            "debian:bookworm-slim",
            "postgres:15",
            "rehearse/specimen-base:1",
            "rehearse/specimen:1.0",
            "rehearse/specimen:2.0",
        ];
        let mut names = Vec::new();
        for name in wanted {
            let wanted = ImageRequest { name: name.to_owned(), holds: None };
            let held = host.obtain(&wanted, &|_| {}).await.map_err(|error| error.chain())?;
            names.extend(docker.inspect_image(&held.id).await.map_err(text)?.repo_tags.unwrap_or_default());
        }
        let left = host.teardown().await;
        ensure!(left.is_empty(), "{left:?}");
        Ok(names)
    })
}

/// A running rehearsal.
pub(crate) struct Rehearsal {
    process: Child,
    pub(crate) out: PathBuf,
    /// Whether somebody looks at its terminal.
    watched: Arc<AtomicBool>,
}

/// The result of a rehearsal that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
    pub(crate) out: PathBuf,
}

impl Rehearsal {
    pub(crate) fn start(machine: &Machine, name: &str) -> Result<Self, String> {
        Self::start_with(machine, name, &[])
    }

    /// Starts a rehearsal with further environment variables.
    pub(crate) fn start_with(machine: &Machine, name: &str, env: &[(&str, &str)]) -> Result<Self, String> {
        // A name with spaces and non-ASCII characters, as people use them.
        let out = machine.folder().join(format!("out für {name}"));
        let output = fs::File::create(machine.folder().join(format!("said {name}"))).map_err(text)?;
        let mut command = machine.inside(env!("CARGO_BIN_EXE_rehearse"));
        command.envs(env.iter().copied()).args(arguments(&out, "plain")).stdout(Stdio::null()).stderr(output);
        Ok(Self { process: command.spawn().map_err(text)?, out, watched: Arc::default() })
    }

    /// Starts a rehearsal in a terminal, where its lines move.
    pub(crate) fn start_in_terminal(machine: &Machine, name: &str) -> Result<Self, String> {
        let out = machine.folder().join(format!("out für {name}"));
        let mut output = fs::File::create(machine.folder().join(format!("said {name}"))).map_err(text)?;
        let (mut ours, theirs) = pty::open().map_err(text)?;
        let mut command = machine.inside("setsid");
        command.arg("--ctty").arg(env!("CARGO_BIN_EXE_rehearse")).args(arguments(&out, "live")).env("TERM", "xterm");
        command.stdin(theirs.try_clone().map_err(text)?).stdout(theirs.try_clone().map_err(text)?).stderr(theirs);
        let process = command.spawn().map_err(text)?;
        let watched = Arc::new(AtomicBool::new(true));
        let looking = Arc::clone(&watched);
        // A terminal at which nobody looks fills up. Moving lines come several times a second, so this soon notices.
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while looking.load(Ordering::Relaxed) {
                let Ok(read @ 1..) = ours.read(&mut piece) else { return };
                let _lost = output.write_all(&piece[..read]);
            }
        });
        Ok(Self { process, out, watched })
    }

    /// Closes its terminal.
    pub(crate) fn close_terminal(&self) {
        self.watched.store(false, Ordering::Relaxed);
    }

    /// The pid of the program itself, which is a child of `nsenter`.
    pub(crate) fn id(&self) -> Result<u32, String> {
        until("the program has started", LIMIT, || child_of(self.process.id()))
    }

    /// Waits until a stage has started; fails if the run ends before.
    pub(crate) fn reaches(&mut self, stage: &str) -> Outcome {
        let wanted = format!("\"event\":\"stage-started\",\"stage\":\"{stage}\"");
        let file = self.out.join("events.jsonl");
        let began = std::time::Instant::now();
        loop {
            if fs::read_to_string(&file).is_ok_and(|text| text.contains(&wanted)) {
                return Ok(());
            }
            let over = self.process.try_wait().map_err(text)?.is_some();
            ensure!(!over, "the run ended before {stage}");
            ensure!(began.elapsed() < LIMIT, "{stage} was not reached");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether it has ended.
    pub(crate) fn over(&mut self) -> Result<bool, String> {
        Ok(self.process.try_wait().map_err(text)?.is_some())
    }

    /// Waits for the end.
    pub(crate) fn ends(mut self) -> Result<Ended, String> {
        let began = std::time::Instant::now();
        let status = loop {
            if let Some(status) = self.process.try_wait().map_err(text)? {
                break status;
            }
            if began.elapsed() > LIMIT {
                self.process.kill().map_err(text)?;
                return Err(format!("it did not end within {LIMIT:?}: {}", self.output()));
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let output = self.output();
        Ok(Ended { code: status.code(), output, out: self.out })
    }

    fn output(&self) -> String {
        let name = self.out.file_name().unwrap_or_default().to_string_lossy().replacen("out für ", "said ", 1);
        let mut output = String::new();
        let read = fs::File::open(self.out.with_file_name(name)).and_then(|mut file| file.read_to_string(&mut output));
        read.map_or_else(text, |_| output)
    }
}

impl Ended {
    /// `summary.json`.
    pub(crate) fn summary(&self) -> Result<Value, String> {
        let text_of = fs::read_to_string(self.out.join("summary.json")).map_err(text)?;
        serde_json::from_str(&text_of).map_err(text)
    }

    /// Every report exists and is well-formed.
    pub(crate) fn reported(&self) -> Outcome {
        self.summary()?;
        let junit = fs::read_to_string(self.out.join("junit.xml")).map_err(text)?;
        roxmltree::Document::parse(&junit).map_err(text)?;
        for line in fs::read_to_string(self.out.join("events.jsonl")).map_err(text)?.lines() {
            serde_json::from_str::<Value>(line).map_err(|error| format!("{error}: {line}"))?;
        }
        Ok(())
    }
}

/// Removes what dead runs left behind, as a user does.
pub(crate) fn sweep(machine: &Machine) -> Result<String, String> {
    let mut command: Command = machine.inside(env!("CARGO_BIN_EXE_rehearse"));
    let done = command.arg("sweep").output().map_err(text)?;
    let output = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    ensure!(done.status.success(), "{output}");
    Ok(output)
}
