//! Base systems: what a registry would give, put together by debootstrap from Debian's own archive.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use bollard::query_parameters::{CreateImageOptionsBuilder, RemoveImageOptions};
use futures_util::StreamExt;
use tokio::process::Command;
use tokio_util::io::ReaderStream;

use crate::docker::making::{LIMIT, Making};
use crate::docker::recipe::Bootstrap;
use crate::engine::host::{BoxError, HostError};

/// Counted up whenever the same suite is to come out otherwise.
const EDITION: &str = "1";
const LIBRARY: &str = "/usr/share/debootstrap";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// Debian's archive names a suite in the making like any other; a debootstrap older than it knows its script by this.
const SCRIPT: &str = "sid";

/// Left out of the image.
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

/// What identifies a base system. Not the day: one that is here stays valid until its recipe changes.
pub(crate) fn words(base: &Bootstrap) -> [&str; 4] {
    ["debootstrap", EDITION, &base.suite, if base.check_valid_until { "checked" } else { "unchecked" }]
}

/// Whether debootstrap is here.
pub(crate) fn is_here() -> bool {
    path_of("debootstrap").is_some()
}

/// Whether this process may use it.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Makes a base system and imports it. Dropped midway, its processes are killed and their tree is removed.
pub(crate) async fn bootstrap(making: &Making<'_>, base: &Bootstrap, scratch: &Path) -> Result<(), HostError> {
    let work = async {
        install_tools(making).await?;
        let folder = tempfile::Builder::new().prefix("rehearse-base-").tempdir_in(scratch);
        let folder = folder.map_err(|source| file_error("create a folder in", scratch, source))?;
        let tree = folder.path().join("tree");
        let library = library(base, folder.path(), making).await?;
        put_together(making, base, &library, &tree).await?;
        settle(&tree, base).map_err(|source| file_error("write", &tree, source))?;
        import(making, &tree).await?;
        // Ten thousand files: not on a thread that others wait for.
        let _ = tokio::task::spawn_blocking(move || folder.close()).await;
        Ok(())
    };
    tokio::time::timeout(LIMIT, work).await.unwrap_or_else(|_| Err(making.late()))
}

async fn install_tools(making: &Making<'_>) -> Result<(), HostError> {
    let wanted = [("debootstrap", is_here()), ("debian-archive-keyring", Path::new(KEYRING).exists())];
    let missing: Vec<_> = wanted.into_iter().filter(|(_, here)| !here).map(|(package, _)| package).collect();
    if !is_root() {
        let reason = "putting a base system together takes root; or load an image of that name by `docker load`";
        return Err(making.fail(reason, None));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let by_hand = format!("apt-get install {}", missing.join(" "));
    if path_of("apt-get").is_none() {
        return Err(making.fail(format!("it takes {}, and there is no apt-get to get it", missing.join(" and ")), None));
    }
    making.tell(&by_hand);
    // The lists may be old, or none: the first attempt is the cheap one.
    for steps in [vec!["install"], vec!["update", "install"]] {
        let mut done = true;
        for step in steps {
            let mut command = quiet("apt-get");
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
    Err(making.fail(format!("could not install what it takes; try: {by_hand}"), None))
}

/// The folder of debootstrap's scripts: its own, or where that doesn't know the suite, a copy that does.
async fn library(base: &Bootstrap, folder: &Path, making: &Making<'_>) -> Result<PathBuf, HostError> {
    let own = PathBuf::from(LIBRARY);
    if own.join("scripts").join(&base.suite).exists() {
        return Ok(own);
    }
    let copy = folder.join("debootstrap");
    let mut command = quiet("cp");
    command.arg("--archive").arg(&own).arg(&copy);
    if !run(command, making).await? {
        return Err(making.fail("could not copy debootstrap's scripts", None));
    }
    let script = copy.join("scripts").join(&base.suite);
    std::os::unix::fs::symlink(SCRIPT, &script).map_err(|source| file_error("link", &script, source))?;
    Ok(copy)
}

async fn put_together(making: &Making<'_>, base: &Bootstrap, library: &Path, tree: &Path) -> Result<(), HostError> {
    making.tell(&format!("debootstrap {}", base.suite));
    // In namespaces of its own, killing it kills all it started and undoes its mounts. Where that isn't allowed, in
    // some containers, it has to do without.
    let apart = ["--mount", "--pid", "--fork", "--kill-child"];
    let mut trial = quiet("unshare");
    trial.args(apart).arg("true");
    let mut command = if run(trial, making).await.unwrap_or(false) {
        let mut command = quiet("unshare");
        command.args(apart).arg("debootstrap");
        command
    } else {
        quiet("debootstrap")
    };
    command.args(["--variant=minbase", &base.suite]).arg(tree).env("DEBOOTSTRAP_DIR", library);
    if run(command, making).await? {
        return Ok(());
    }
    let reason = format!("debootstrap {} failed, which said:\n{}", base.suite, last_lines(&making.log));
    Err(making.fail(reason, None))
}

/// What the public base images have, too: services don't start at installation, manuals stay out.
fn settle(tree: &Path, base: &Bootstrap) -> io::Result<()> {
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
    making.tell("import");
    let broken = |error: BoxError| making.fail("it could not be imported", Some(error));
    let mut command = quiet("tar");
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
    let mut answers = docker.create_image(Some(options), Some(body), None).boxed();
    while let Some(answer) = answers.next().await {
        answer.map_err(|error| broken(error.into()))?;
    }
    // An archive that broke off is imported all the same.
    let packed = packing.wait().await.map_err(|error| broken(error.into()))?;
    if packed.success() {
        return Ok(());
    }
    let removed = docker.remove_image(making.target, None::<RemoveImageOptions>, None).await;
    removed.map_err(|error| broken(error.into()))?;
    Err(making.fail(format!("packing it failed: tar ended with {packed}"), None))
}

/// A program with plain output, that dies with us.
fn quiet(program: &str) -> Command {
    let mut command = Command::new(path_of(program).unwrap_or_else(|| program.into()));
    command.env("LC_ALL", "C").env("PATH", paths()).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs a program to its end, all it says going into the log. `false`: it failed.
async fn run(mut command: Command, making: &Making<'_>) -> Result<bool, HostError> {
    let log = fs::OpenOptions::new().create(true).append(true).open(&making.log);
    let log = log.and_then(|log| Ok((log.try_clone()?, log)));
    let (out, err) = log.map_err(|source| file_error("write", &making.log, source))?;
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let status = command.stdout(out).stderr(err).status().await;
    let status = status.map_err(|error| making.fail(format!("{program} could not be run"), Some(error.into())))?;
    // It writes itself, and where it loads from may have a password in it.
    let written = fs::read(&making.log).unwrap_or_default();
    if let std::borrow::Cow::Owned(clean) = making.redactor.bytes(&written) {
        fs::write(&making.log, clean).map_err(|source| file_error("write", &making.log, source))?;
    }
    Ok(status.success())
}

fn last_lines(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines.get(lines.len().saturating_sub(10)..).unwrap_or_default().join("\n")
}

/// Where programs are, those for the administrator included: a plain user's path, or a cron job's, lacks them.
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
