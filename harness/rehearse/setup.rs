//! Installs and starts what a rehearsal needs, if requested: Docker and debootstrap on Debian and Ubuntu.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Why the machine could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// Somebody with more rights has to run a command.
    #[error("{missing}; run as root: {command}")]
    ByHand {
        /// What is missing.
        missing: String,
        /// The exact command.
        command: String,
    },
    /// A command failed.
    #[error("`{command}` failed: {reason}")]
    Failed {
        /// The command.
        command: String,
        /// The last lines of its output.
        reason: String,
    },
}

/// How long the engine may take to respond after its start.
const START_TIMEOUT: Duration = Duration::from_secs(60);

fn on_path(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).chain(["/usr/sbin".into(), "/sbin".into()]).any(|dir| dir.join(program).is_file())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn run(words: &[&str]) -> Result<(), SetupError> {
    let command = words.join(" ");
    let failed = |reason: String| SetupError::Failed { command: command.clone(), reason };
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let output = Command::new(program)
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let last: Vec<&str> = text.lines().rev().take(3).collect();
    Err(failed(last.into_iter().rev().collect::<Vec<_>>().join(" / ")))
}

/// Installs missing packages.
fn install(packages: &[&str], progress: &dyn Fn(&str)) -> Result<(), SetupError> {
    let command = format!("apt-get install -y {}", packages.join(" "));
    if !is_root() || !on_path("apt-get") {
        return Err(SetupError::ByHand { missing: format!("missing: {}", packages.join(", ")), command });
    }
    progress(&format!("installing {}", packages.join(", ")));
    run(&["apt-get", "update", "-qq"])?;
    let mut words = vec!["apt-get", "install", "-y", "-qq", "--no-install-recommends"];
    words.extend(packages);
    run(&words)
}

/// Whether the engine's socket accepts connections, or a remote engine is configured.
pub fn engine_answers() -> bool {
    if std::env::var_os("DOCKER_HOST").is_some_and(|host| !host.is_empty()) {
        return true;
    }
    ["/var/run/docker.sock", "/run/docker.sock"]
        .iter()
        .any(|path| std::os::unix::net::UnixStream::connect(path).is_ok())
}

/// Makes sure that a container engine responds and that base systems can be built.
///
/// # Errors
/// When something is missing that we may not install; the message holds the exact command.
pub fn set_up(log: &Path, progress: &dyn Fn(&str)) -> Result<(), SetupError> {
    if !engine_answers() {
        if !on_path("dockerd") {
            install(&["docker.io", "ca-certificates"], progress)?;
        }
        start_engine(log, progress)?;
    }
    if !on_path("debootstrap") {
        install(&["debootstrap"], progress)?;
    }
    Ok(())
}

fn start_engine(log: &Path, progress: &dyn Fn(&str)) -> Result<(), SetupError> {
    if engine_answers() {
        return Ok(());
    }
    let missing = "no container engine answers".to_owned();
    if !is_root() {
        return Err(SetupError::ByHand { missing, command: "systemctl start docker (or: dockerd &)".to_owned() });
    }
    progress("starting the container engine");
    // By systemd if it runs; otherwise, as in a container, the daemon is started directly, in a session of its own.
    if !(Path::new("/run/systemd/system").exists() && run(&["systemctl", "start", "docker"]).is_ok()) {
        let file = std::fs::File::create(log).map_err(|error| SetupError::Failed {
            command: "dockerd".to_owned(),
            reason: format!("{}: {error}", log.display()),
        })?;
        let (out, err) = (file.try_clone().map_or_else(|_| Stdio::null(), Stdio::from), Stdio::from(file));
        let started = Command::new("setsid").arg("dockerd").stdin(Stdio::null()).stdout(out).stderr(err).spawn();
        started.map_err(|error| SetupError::Failed { command: "dockerd".to_owned(), reason: error.to_string() })?;
    }
    let began = Instant::now();
    while !engine_answers() {
        if began.elapsed() > START_TIMEOUT {
            let reason = format!("it does not respond; its log is {}", log.display());
            return Err(SetupError::Failed { command: "dockerd".to_owned(), reason });
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}
