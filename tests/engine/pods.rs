//! A second host, of another kind of engine altogether: it has no containers. A service is a declaration; a pod that
//! serves it comes and goes, each time under another name and address, and its output goes with it unless somebody keeps
//! it. Commands are processes of this machine, requests go over real sockets, volumes are folders.
//!
//! It is a toy, and proves one thing only: nothing above the traits of `engine::host` depends on Docker.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rehearse::engine::host::{
    Command, Commands, Deployments, Files, HostError, ImageRequest, Images, InstanceRef, Interactive, Interferences,
    Leftover, Logs, ObtainedImage, ServiceState, Services, Sink, Stream, Volumes,
};
use rehearse_core::deployment::{MountSource, ServiceSpec};
use rehearse_core::outcome::note::ImageOrigin;
use rehearse_core::outcome::verdict::Interference;
use rehearse_core::vocabulary::ident::DeploymentName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::bytes::Bytes;

/// A service as it was last declared.
#[derive(Debug)]
struct Declared {
    spec: ServiceSpec,
    log: PathBuf,
    pod: Option<Pod>,
}

#[derive(Debug)]
struct Pod {
    name: String,
    address: SocketAddr,
    serving: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Inner {
    services: BTreeMap<InstanceRef, Declared>,
    /// What was declared and run, in order: `apply main: web notes:1.0.0`.
    history: Vec<String>,
    pods: u32,
}

/// A cluster of one machine.
#[derive(Debug)]
pub(crate) struct Pods {
    folder: tempfile::TempDir,
    inner: Mutex<Inner>,
}

fn cannot(operation: &'static str, object: impl ToString, why: impl ToString) -> HostError {
    HostError::Operation { operation, object: object.to_string(), source: why.to_string().into() }
}

impl Pods {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self { folder: tempfile::tempdir()?, inner: Mutex::default() })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn history(&self) -> Vec<String> {
        self.inner().history.clone()
    }

    /// Whether anything is left of any deployment.
    pub(crate) fn is_empty(&self) -> bool {
        self.inner().services.is_empty() && !self.folder.path().join("volumes").exists()
    }

    fn spec(&self, instance: &InstanceRef) -> Result<ServiceSpec, HostError> {
        let inner = self.inner();
        let declared = inner.services.get(instance).ok_or_else(|| cannot("find", instance, "it was not declared"))?;
        Ok(declared.spec.clone())
    }

    fn volume(&self, deployment: &DeploymentName, name: &str) -> PathBuf {
        self.folder.path().join("volumes").join(&deployment.0).join(name)
    }

    /// The path on this machine of a path inside a service.
    fn place(&self, deployment: &DeploymentName, spec: &ServiceSpec, path: &str) -> Result<PathBuf, HostError> {
        let within = spec.mounts.iter().find_map(|mount| {
            let MountSource::Volume(name) = &mount.source else { return None };
            let rest = path.strip_prefix(&mount.target)?.trim_start_matches('/');
            Some(self.volume(deployment, name).join(rest))
        });
        within.ok_or_else(|| cannot("find", path, "it is in no volume"))
    }

    /// Runs a process of this machine in place of one in a pod; `$DATA` is the path of the volume.
    async fn process(
        &self,
        deployment: &DeploymentName,
        spec: &ServiceSpec,
        argv: &[String],
        sink: &mut dyn Sink,
    ) -> Result<i64, HostError> {
        let [program, arguments @ ..] = argv else { return Err(cannot("run in", &spec.name, "there is no command")) };
        let data = self.place(deployment, spec, "/data")?;
        let result = tokio::process::Command::new(program)
            .args(arguments)
            .envs(&spec.env)
            .env("DATA", data)
            .stdin(Stdio::null())
            .output()
            .await
            .map_err(|error| cannot("run in", &spec.name, error))?;
        sink.take(Stream::Out, &result.stdout);
        sink.take(Stream::Err, &result.stderr);
        Ok(result.status.code().map_or(-1, i64::from))
    }
}

/// Responds to one request: with the release of the image, or a file of the volume.
async fn answer(mut stream: TcpStream, release: &str, data: &Path) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut chunk = [0; 1024];
        match stream.read(&mut chunk).await? {
            0 => return Ok(()),
            count => request.extend_from_slice(chunk.get(..count).unwrap_or_default()),
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let body = match request.split(' ').nth(1) {
        Some("/version") => Some(release.to_owned()),
        Some(path) => std::fs::read_to_string(data.join(path.trim_start_matches('/'))).ok(),
        None => None,
    };
    let status = if body.is_some() { "200 OK" } else { "404 Not Found" };
    let body = body.unwrap_or_default();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await
}

impl Images for Pods {
    async fn obtain(
        &self,
        wanted: &ImageRequest,
        _: &(dyn Fn(String) + Send + Sync),
    ) -> Result<ObtainedImage, HostError> {
        let release = wanted.name.split_once(':').and_then(|(_, release)| release.parse().ok());
        let (name, id) = (wanted.name.clone(), format!("pod template {}", wanted.name));
        Ok(ObtainedImage { name, id, origin: ImageOrigin::Found, release, provenance: "a toy".to_owned() })
    }
}

impl Deployments for Pods {
    async fn open(&self, deployment: &DeploymentName) -> Result<(), HostError> {
        let folder = self.folder.path().join("volumes").join(&deployment.0);
        std::fs::create_dir_all(&folder).map_err(|error| cannot("open", deployment, error))
    }

    async fn apply(&self, deployment: &DeploymentName, specs: &[ServiceSpec]) -> Result<(), HostError> {
        for spec in specs {
            for mount in &spec.mounts {
                let MountSource::Volume(name) = &mount.source else { continue };
                let folder = self.volume(deployment, name);
                std::fs::create_dir_all(folder).map_err(|error| cannot("apply", &spec.name, error))?;
            }
            let mut inner = self.inner();
            let log = self.folder.path().join(format!("{deployment}-{}-{}.log", spec.name, inner.history.len()));
            std::fs::write(&log, "").map_err(|error| cannot("apply", &spec.name, error))?;
            inner.history.push(format!("apply {deployment}: {} {}", spec.name, spec.image));
            let declared = Declared { spec: spec.clone(), log, pod: None };
            let before = inner.services.insert(InstanceRef::of(deployment, &spec.name), declared);
            before.and_then(|before| before.pod).iter().for_each(|pod| pod.serving.abort());
        }
        Ok(())
    }

    async fn close(&self, deployment: &DeploymentName) -> Vec<Leftover> {
        let mut inner = self.inner();
        inner.services.retain(|instance, declared| {
            let stays = instance.deployment != *deployment;
            declared.pod.iter().filter(|_| !stays).for_each(|pod| pod.serving.abort());
            stays
        });
        drop(std::fs::remove_dir_all(self.folder.path().join("volumes").join(&deployment.0)));
        Vec::new()
    }

    async fn teardown(&self) -> Vec<Leftover> {
        let all: Vec<_> = self.inner().services.keys().map(|instance| instance.deployment.clone()).collect();
        for deployment in all {
            self.close(&deployment).await;
        }
        drop(std::fs::remove_dir_all(self.folder.path().join("volumes")));
        Vec::new()
    }

    async fn keep(&self, _lease: Duration) -> Result<(), HostError> {
        Ok(())
    }
}

impl Services for Pods {
    async fn start(&self, deployment: &DeploymentName, service: &str) -> Result<(), HostError> {
        let instance = InstanceRef::of(deployment, service);
        let spec = self.spec(&instance)?;
        let data = self.place(deployment, &spec, "/data")?;
        let fails = |error| cannot("start", &instance, error);
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(fails)?;
        let address = listener.local_addr().map_err(fails)?;
        let release = spec.image.rsplit(':').next().unwrap_or_default().to_owned();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                drop(answer(stream, &release, &data).await);
            }
        });
        let mut inner = self.inner();
        inner.pods += 1;
        let name = format!("{service}-{:05x}", inner.pods * 7919);
        let declared = inner.services.get_mut(&instance).ok_or_else(|| cannot("start", &instance, "it went away"))?;
        let mut log = std::fs::OpenOptions::new().append(true).open(&declared.log).map_err(fails)?;
        writeln!(log, "{name} serves {}", declared.spec.image).map_err(fails)?;
        declared.pod = Some(Pod { name, address, serving });
        Ok(())
    }

    async fn stop(&self, deployment: &DeploymentName, service: &str) -> Result<(), HostError> {
        let mut inner = self.inner();
        let declared = inner.services.get_mut(&InstanceRef::of(deployment, service));
        declared.and_then(|declared| declared.pod.take()).iter().for_each(|pod| pod.serving.abort());
        Ok(())
    }

    async fn state(&self, instance: &InstanceRef) -> Result<ServiceState, HostError> {
        Ok(match self.inner().services.get(instance) {
            None => ServiceState::Absent,
            Some(Declared { pod: None, .. }) => ServiceState::Created,
            Some(Declared { pod: Some(_), .. }) => ServiceState::Running { health: None },
        })
    }

    async fn memory(&self, _: &InstanceRef) -> Result<u64, HostError> {
        Ok(1 << 20)
    }

    async fn address(&self, instance: &InstanceRef, _: u16) -> Result<SocketAddr, HostError> {
        let inner = self.inner();
        let pod = inner.services.get(instance).and_then(|declared| declared.pod.as_ref());
        pod.map(|pod| pod.address).ok_or_else(|| cannot("find", instance, "no pod serves it"))
    }
}

impl Commands for Pods {
    async fn exec(&self, instance: &InstanceRef, command: &Command, sink: &mut dyn Sink) -> Result<i64, HostError> {
        let mut spec = self.spec(instance)?;
        spec.env.extend(command.env.clone());
        let pod = self.inner().services.get(instance).and_then(|declared| Some(declared.pod.as_ref()?.name.clone()));
        let pod = pod.ok_or_else(|| cannot("exec in", instance, "no pod serves it"))?;
        self.inner().history.push(format!("exec in {pod}"));
        self.process(&instance.deployment, &spec, &command.argv, sink).await
    }

    async fn interact(&self, instance: &InstanceRef, _: &Command) -> Result<Interactive, HostError> {
        Err(cannot("speak to a command in", instance, "the toy does not support it"))
    }

    async fn run(
        &self,
        deployment: &DeploymentName,
        spec: &ServiceSpec,
        sink: &mut dyn Sink,
    ) -> Result<i64, HostError> {
        self.inner().history.push(format!("job {deployment}: {}", spec.image));
        let argv = spec.command.clone().unwrap_or_default();
        self.process(deployment, spec, &argv, sink).await
    }

    async fn endings(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Files for Pods {
    async fn copy_in_archive(&self, instance: &InstanceRef, _: &Path, _: &str) -> Result<(), HostError> {
        Err(cannot("unpack into", instance, "the toy does not support it"))
    }

    async fn copy_in_file(&self, instance: &InstanceRef, file: &Path, to: &str) -> Result<(), HostError> {
        let place = self.place(&instance.deployment, &self.spec(instance)?, to)?;
        std::fs::copy(file, place).map(drop).map_err(|error| cannot("copy into", instance, error))
    }

    async fn copy_out_file(&self, instance: &InstanceRef, from: &str, file: &Path) -> Result<bool, HostError> {
        let place = self.place(&instance.deployment, &self.spec(instance)?, from)?;
        Ok(std::fs::copy(place, file).is_ok())
    }
}

impl Volumes for Pods {
    async fn read_volume(
        &self,
        deployment: &DeploymentName,
        volume: &str,
        _: &str,
        to: mpsc::Sender<Bytes>,
    ) -> Result<(), HostError> {
        let folder = self.volume(deployment, volume);
        let mut archive = tar::Builder::new(Vec::new());
        archive.append_dir_all("volume", folder).map_err(|error| cannot("read", volume, error))?;
        let archive = archive.into_inner().map_err(|error| cannot("read", volume, error))?;
        drop(to.send(archive.into()).await);
        Ok(())
    }
}

impl Logs for Pods {
    fn log_file(&self, instance: &InstanceRef) -> Option<PathBuf> {
        Some(self.inner().services.get(instance)?.log.clone())
    }

    async fn logs_written(&self) {}
}

impl Interferences for Pods {
    async fn interfered(&self) {
        std::future::pending().await
    }

    async fn interferences(&self) -> Vec<Interference> {
        Vec::new()
    }

    fn foreign_commands(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A shared host, as the engine needs it.
pub(crate) fn pods() -> std::io::Result<Arc<Pods>> {
    Pods::new().map(Arc::new)
}
