//! A machine inside this one: namespaces of its own for network, mounts and processes, and in them a container engine of
//! its own whose data is in memory, with a limit. Whatever is done to it does not affect any other engine; it ends with the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::query_parameters::{
    ImportImageOptions, ListContainersOptionsBuilder, ListNetworksOptions, ListVolumesOptions,
};
use futures_util::StreamExt;

use crate::Outcome;

/// The size of the engine's data: images of the specimen and PostgreSQL, and what a run writes.
const ROOM: &str = "3g";
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Machine {
    /// The `unshare` process; when it ends, everything in the machine ends.
    keeper: Child,
    /// The pid, outside the namespaces, of the first process in them.
    init: u32,
    engine: Option<Child>,
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

/// Whether this process may create such a machine, or why not.
pub(crate) fn able() -> Outcome {
    if !rehearse::setup::engine_answers() {
        return Err("no container engine answers".to_owned());
    }
    let tried = Command::new("unshare")
        .args(["--net", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c"])
        .arg("mount -t tmpfs tmpfs /mnt && ip link set lo up && command -v dockerd")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("unshare: {error}"))?;
    ensure!(tried.status.success(), "namespaces: {}", String::from_utf8_lossy(&tried.stderr));
    Ok(())
}

pub(crate) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Repeats a request until it returns something.
pub(crate) fn until<T>(what: &str, limit: Duration, request: impl Fn() -> Option<T>) -> Result<T, String> {
    let began = Instant::now();
    loop {
        if let Some(answer) = request() {
            return Ok(answer);
        }
        if began.elapsed() > limit {
            return Err(format!("{what}: not within {limit:?}"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The pid of the only child of a process.
pub(crate) fn child_of(parent: u32) -> Option<u32> {
    fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?.split_whitespace().next()?.parse().ok()
}

/// Sends a signal.
pub(crate) fn signal(process: u32, signal: rustix::process::Signal) -> Outcome {
    let process = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw).ok_or("no process")?;
    rustix::process::kill_process(process, signal).map_err(text)
}

impl Machine {
    /// A machine with an engine that holds the images of the specimen.
    pub(crate) fn new() -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("rehearse-chaos-").tempdir().map_err(text)?;
        fs::create_dir(folder.path().join("data")).map_err(text)?;
        // The first process has to reap orphaned processes, which a shell does.
        let script =
            format!("ip link set lo up && mount -t tmpfs -o size={ROOM} tmpfs \"$1\" && while :; do sleep 0.2; done");
        // If the test itself is killed, everything in the machine is killed too.
        let keeper = Command::new("setpriv")
            .args([
                "--pdeathsig",
                "KILL",
                "unshare",
                "--net",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "bash",
                "-c",
                &script,
                "bash",
            ])
            .arg(folder.path().join("data"))
            .stdin(Stdio::null())
            .spawn()
            .map_err(text)?;
        let of = keeper.id();
        let runtime = tokio::runtime::Runtime::new().map_err(text)?;
        let mut machine = Self { keeper, init: 0, engine: None, folder, runtime };
        machine.init = until("the namespaces", LIMIT, || child_of(of))?;
        until("the machine is made", LIMIT, || {
            let mounts = fs::read_to_string(format!("/proc/{}/mounts", machine.init)).ok()?;
            mounts.contains(machine.folder().to_str()?).then_some(())
        })?;
        machine.start_engine()?;
        machine.load_images()?;
        Ok(machine)
    }

    /// A program in the machine's namespaces.
    pub(crate) fn inside(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.init)).args(["--net", "--mount", "--pid", "--"]).arg(program);
        command.env("DOCKER_HOST", self.address()).stdin(Stdio::null());
        command
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("engine.sock")
    }

    fn address(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    pub(crate) fn start_engine(&mut self) -> Outcome {
        self.start_engine_with(&[])
    }

    /// Starts the engine with further options.
    pub(crate) fn start_engine_with(&mut self, options: &[&str]) -> Outcome {
        let folder = self.folder.path().to_owned();
        let log = fs::File::options().create(true).append(true).open(folder.join("engine.log")).map_err(text)?;
        fs::write(folder.join("engine.json"), "{}").map_err(text)?;
        let mut command = self.inside("dockerd");
        command.env_remove("DOCKER_HOST");
        for (option, name) in [("--config-file", "engine.json"), ("--data-root", "data"), ("--exec-root", "exec")] {
            command.arg(option).arg(folder.join(name));
        }
        command.arg("--pidfile").arg(folder.join("engine.pid")).args(["--host", &self.address()]);
        // Address ranges that the engine of the outer machine does not use.
        command.args(["--bip", "10.213.0.1/24", "--default-address-pool", "base=10.214.0.0/16,size=24"]);
        command.args(options);
        let errors = log.try_clone().map_err(text)?;
        self.engine = Some(command.stdout(log).stderr(errors).spawn().map_err(text)?);
        let up = until("the engine of the machine", LIMIT, || self.request(self.docker().ok()?.ping()).ok());
        up.map(drop).map_err(|error| {
            let log = fs::read_to_string(folder.join("engine.log")).unwrap_or_default();
            let last: Vec<&str> = log.lines().rev().take(20).collect();
            format!("{error}: {last:#?}")
        })
    }

    /// Stops the engine with a signal.
    pub(crate) fn stop_engine(&mut self, how: rustix::process::Signal) -> Outcome {
        let mut engine = self.engine.take().ok_or("no engine runs")?;
        signal(child_of(engine.id()).ok_or("the engine has no process")?, how)?;
        engine.wait().map_err(text)?;
        Ok(())
    }

    /// A connection to the machine's engine.
    pub(crate) fn docker(&self) -> Result<Docker, String> {
        let socket = self.socket();
        Docker::connect_with_unix(&socket.to_string_lossy(), 120, bollard::API_DEFAULT_VERSION).map_err(text)
    }

    pub(crate) fn request<T>(
        &self,
        what: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, String> {
        self.runtime.block_on(what).map_err(text)
    }

    /// Copies the images of the specimen from the engine of the outer machine, which builds missing ones.
    pub(crate) fn load_images(&mut self) -> Outcome {
        let names = crate::rehearsal::images(&self.runtime)?;
        let from = Docker::connect_with_defaults().map_err(text)?;
        let to = self.docker()?;
        self.runtime.block_on(async {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            // The stream is read while the other engine takes it in.
            let (sender, receiver) = tokio::sync::mpsc::channel(8);
            let reading = async {
                let mut stream = std::pin::pin!(from.export_images(&names));
                while let Some(piece) = stream.next().await {
                    if sender.send(piece).await.is_err() {
                        break;
                    }
                }
                drop(sender);
            };
            let stream = futures_util::stream::unfold(receiver, |mut receiver| async {
                receiver.recv().await.map(|piece| (piece, receiver))
            });
            let taking = async {
                let mut answers = std::pin::pin!(to.import_image_stream(ImportImageOptions::default(), stream, None));
                while let Some(answer) = answers.next().await {
                    answer.map_err(text)?;
                }
                Ok(())
            };
            tokio::join!(reading, taking).1
        })
    }

    /// All containers, networks and volumes, except the engine's own networks.
    pub(crate) fn things(&self) -> Result<Vec<String>, String> {
        let docker = self.docker()?;
        let all = ListContainersOptionsBuilder::new().all(true).build();
        let containers = self.request(docker.list_containers(Some(all)))?;
        let networks = self.request(docker.list_networks(None::<ListNetworksOptions>))?;
        let volumes = self.request(docker.list_volumes(None::<ListVolumesOptions>))?.volumes.unwrap_or_default();
        let containers =
            containers.into_iter().map(|it| format!("container {}", it.names.unwrap_or_default().join(" ")));
        let ours = |name: &String| !["bridge", "host", "none"].contains(&name.as_str());
        let networks = networks.into_iter().filter_map(|it| it.name).filter(ours).map(|name| format!("network {name}"));
        let volumes = volumes.into_iter().map(|it| format!("volume {}", it.name));
        Ok(containers.chain(networks).chain(volumes).collect())
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // This ends its first process, and with it every other process and mount in the namespaces.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
        if let Some(engine) = &mut self.engine {
            let _ = engine.wait();
        }
    }
}
