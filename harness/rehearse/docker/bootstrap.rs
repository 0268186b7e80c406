//! Base systems: built by debootstrap from Debian's own archive, in place of images from a registry.

use std::convert::Infallible;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bollard::query_parameters::{CreateImageOptionsBuilder, RemoveImageOptions};
use futures_util::StreamExt;
use tokio::process::Command;
use tokio_util::io::ReaderStream;

use crate::docker::making::{LIMIT, Making};
use crate::docker::recipe::Bootstrap;
use crate::engine::host::{BoxError, HostError};

/// How often the log of a program that runs is looked at.
const LOG_INTERVAL: Duration = Duration::from_secs(2);
/// Increased whenever the result for the same suite is meant to change.
const EDITION: &str = "1";
const LIBRARY: &str = "/usr/share/debootstrap";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// The script for suites that an older debootstrap does not know yet: the one for unstable works for all newer ones.
const SCRIPT: &str = "sid";

/// Paths that are left out of the image.
const EXCLUDED: [&str; 10] = [
    "./proc/*",
    "./sys/*",
    "./dev/*",
    "./run/*",
    "./tmp/*",
    "./var/lib/apt/lists/*",
    "./var/cache/*/*",
    "./var/log/*",
    "./usr/share/doc/*",
    "./usr/share/man/*",
];

/// What identifies a base system. The day does not count: an existing one stays valid until its recipe changes.
pub(crate) fn identity(base: &Bootstrap) -> [&str; 4] {
    ["debootstrap", EDITION, &base.suite, if base.check_valid_until { "checked" } else { "unchecked" }]
}

/// Whether debootstrap is installed.
pub(crate) fn is_installed() -> bool {
    path_of("debootstrap").is_some()
}

/// Whether this process may run it.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Builds a base system and imports it. If it is dropped midway, its processes are killed and its files are removed.
pub(crate) async fn bootstrap(making: &Making<'_>, base: &Bootstrap, scratch: &Path) -> Result<(), HostError> {
    let work = async {
        install_tools(making).await?;
        let folder = tempfile::Builder::new().prefix("rehearse-base-").tempdir_in(scratch);
        let folder = folder.map_err(|source| file_error("create a folder in", scratch, source))?;
        let tree = folder.path().join("tree");
        let library = library(base, folder.path(), making).await?;
        run_debootstrap(making, base, &library, &tree).await?;
        configure(&tree, base).map_err(|source| file_error("write", &tree, source))?;
        import(making, &tree).await?;
        // Removing ten thousand files blocks, so it gets a thread of its own.
        let _ = tokio::task::spawn_blocking(move || folder.close()).await;
        Ok(())
    };
    tokio::time::timeout(LIMIT, work).await.unwrap_or_else(|_| Err(making.late()))
}

async fn install_tools(making: &Making<'_>) -> Result<(), HostError> {
    let wanted = [("debootstrap", is_installed()), ("debian-archive-keyring", Path::new(KEYRING).exists())];
    let missing: Vec<_> = wanted.into_iter().filter(|(_, here)| !here).map(|(package, _)| package).collect();
    if !is_root() {
        let reason = "building a base system needs root; run as root, or load an image of that name with `docker load`";
        return Err(making.fail(reason, None));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let install_command = format!("apt-get install {}", missing.join(" "));
    if path_of("apt-get").is_none() {
        return Err(making.fail(
            format!("{} must be installed, and there is no apt-get to install it", missing.join(" and ")),
            None,
        ));
    }
    making.report_progress(&install_command);
    // The package lists may be old or missing; the first attempt, without an update, is the cheap one.
    for steps in [vec!["install"], vec!["update", "install"]] {
        let mut done = true;
        for step in steps {
            let mut command = command("apt-get");
            command.args(["--yes", step]).env("DEBIAN_FRONTEND", "noninteractive");
            if step == "install" {
                command.arg("--no-install-recommends").args(&missing);
            }
            done &= run(command, making).await?;
        }
        if done {
            return Ok(());
        }
    }
    Err(making.fail(format!("cannot install what is needed; try: {install_command}"), None))
}

/// The folder of debootstrap's scripts: its own, or if it does not know the suite, a copy that does.
async fn library(base: &Bootstrap, folder: &Path, making: &Making<'_>) -> Result<PathBuf, HostError> {
    let own = PathBuf::from(LIBRARY);
    if own.join("scripts").join(&base.suite).exists() {
        return Ok(own);
    }
    let copy = folder.join("debootstrap");
    let mut command = command("cp");
    command.arg("--archive").arg(&own).arg(&copy);
    if !run(command, making).await? {
        return Err(making.fail("cannot copy debootstrap's scripts", None));
    }
    let script = copy.join("scripts").join(&base.suite);
    std::os::unix::fs::symlink(SCRIPT, &script).map_err(|source| file_error("link", &script, source))?;
    Ok(copy)
}

async fn run_debootstrap(making: &Making<'_>, base: &Bootstrap, library: &Path, tree: &Path) -> Result<(), HostError> {
    making.report_progress(&format!("debootstrap {}", base.suite));
    // In namespaces of its own, killing it kills everything it started and undoes its mounts. Some containers do not
    // allow that; there it runs without.
    let namespaces = ["--mount", "--pid", "--fork", "--kill-child"];
    let mut trial = command("unshare");
    trial.args(namespaces).arg("true");
    let mut command = if run(trial, making).await.unwrap_or(false) {
        let mut command = command("unshare");
        command.args(namespaces).arg("debootstrap");
        command
    } else {
        command("debootstrap")
    };
    command.args(["--variant=minbase", &base.suite]).arg(tree).env("DEBOOTSTRAP_DIR", library);
    if run(command, making).await? {
        return Ok(());
    }
    let reason = format!("debootstrap {} failed:\n{}", base.suite, last_lines(&making.log));
    Err(making.fail(reason, None))
}

/// Configures it like the public base images: services do not start at installation, and manuals are left out.
fn configure(tree: &Path, base: &Bootstrap) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let policy = tree.join("usr/sbin/policy-rc.d");
    fs::write(&policy, "#!/bin/sh\nexit 101\n")?;
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o755))?;
    let dpkg = "force-unsafe-io\npath-exclude /usr/share/doc/*\npath-include /usr/share/doc/*/copyright\n\
                path-exclude /usr/share/man/*\n";
    fs::write(tree.join("etc/dpkg/dpkg.cfg.d/rehearse"), dpkg)?;
    let mut apt =
        "APT::Install-Recommends \"false\";\nAcquire::Languages \"none\";\nAcquire::Retries \"3\";\n".to_owned();
    if !base.check_valid_until {
        apt.push_str("Acquire::Check-Valid-Until \"false\";\n");
    }
    fs::write(tree.join("etc/apt/apt.conf.d/rehearse"), apt)?;
    for own in ["etc/hostname", "etc/resolv.conf"] {
        match fs::remove_file(tree.join(own)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

async fn import(making: &Making<'_>, tree: &Path) -> Result<(), HostError> {
    making.report_progress("import");
    let broken = |error: BoxError| making.fail("it cannot be imported", Some(error));
    let mut command = command("tar");
    command.args(["--create", "--numeric-owner", "--one-file-system"]);
    command.args(EXCLUDED.map(|path| format!("--exclude={path}"))).arg("--directory").arg(tree).arg(".");
    let mut packing = command.stdout(Stdio::piped()).spawn().map_err(|error| broken(error.into()))?;
    let Some(packed) = packing.stdout.take() else { return Err(making.fail("bug: tar has no output", None)) };

    let mut changes = vec![r#"CMD ["bash"]"#.to_owned()];
    changes.extend(making.labels.iter().map(|(key, value)| format!("LABEL {key}={value}")));
    let (repository, tag) = making.target.rsplit_once(':').unwrap_or((making.target, "latest"));
    let options = CreateImageOptionsBuilder::new().from_src("-").repo(repository).tag(tag).changes(changes).build();
    let docker = making.client.patient(LIMIT);
    let body = bollard::body_try_stream(ReaderStream::with_capacity(packed, 256 * 1024));
    let mut responses = docker.create_image(Some(options), Some(body), None).boxed();
    while let Some(response) = responses.next().await {
        response.map_err(|error| broken(error.into()))?;
    }
    // The engine imports a truncated archive all the same.
    let packed = packing.wait().await.map_err(|error| broken(error.into()))?;
    if packed.success() {
        return Ok(());
    }
    let removed = docker.remove_image(making.target, None::<RemoveImageOptions>, None).await;
    removed.map_err(|error| broken(error.into()))?;
    Err(making.fail(format!("packing it failed: tar ended with {packed}"), None))
}

/// A command with untranslated output, which is killed when it is dropped.
fn command(name: &str) -> Command {
    let mut command = Command::new(path_of(name).unwrap_or_else(|| name.into()));
    command.env("LC_ALL", "C").env("PATH", paths()).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs a program to its end and writes its output into the log; `false` if it failed.
async fn run(mut command: Command, making: &Making<'_>) -> Result<bool, HostError> {
    let log = fs::OpenOptions::new().create(true).append(true).open(&making.log);
    let log = log.and_then(|log| Ok((log.try_clone()?, log)));
    let (out, err) = log.map_err(|source| file_error("write", &making.log, source))?;
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let status = tokio::select! {
        status = command.stdout(out).stderr(err).status() => status,
        never = report_log(making) => match never {},
    };
    let status = status.map_err(|error| making.fail(format!("cannot run {program}"), Some(error.into())))?;
    // The program writes the log itself, and the address of its mirror may hold a password.
    let written = fs::read(&making.log).unwrap_or_default();
    if let std::borrow::Cow::Owned(clean) = making.redactor.bytes(&written) {
        fs::write(&making.log, clean).map_err(|source| file_error("write", &making.log, source))?;
    }
    Ok(status.success())
}

/// Reports the last line of the log every few seconds, for as long as this is awaited.
async fn report_log(making: &Making<'_>) -> Infallible {
    loop {
        tokio::time::sleep(LOG_INTERVAL).await;
        if let Some(line) = last_lines(&making.log).lines().rfind(|line| !line.trim().is_empty()) {
            making.report_progress(line.trim());
        }
    }
}

fn last_lines(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines.get(lines.len().saturating_sub(10)..).unwrap_or_default().join("\n")
}

/// The search path, with the folders for administrators, which the `PATH` of a user or a cron job lacks.
fn paths() -> std::ffi::OsString {
    let mut paths = env::var_os("PATH").unwrap_or_default();
    paths.push(OsStr::new(":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
    paths
}

fn path_of(program: &str) -> Option<PathBuf> {
    env::split_paths(&paths()).map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn file_error(operation: &'static str, path: &Path, source: io::Error) -> HostError {
    HostError::File { operation, path: path.to_owned(), source }
}
