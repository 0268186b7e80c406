//! The Docker host: the implementation of [`crate::engine::host`] for one run.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rehearse_core::outcome::verdict::Interference;
use rehearse_core::secret::Redactor;

use crate::docker::client::Client;
use crate::docker::daemon::Daemon;
use crate::docker::image::{self, ImagesState};
use crate::docker::label::{self, OwnershipLabels};
use crate::docker::recipe::RecipeCatalog;
use crate::docker::{copy, deployment, exec, memory, oneoff, service, volume};
use crate::engine::host::{
    self as engine, Command, Commands, Deployments, Files, HostError, ImageRequest, Images, InstanceRef, Interactive,
    Interferences, Leftover, ObtainedImage, ServiceState, Services, Sink,
};
use rehearse_core::deployment::ServiceSpec;
use rehearse_core::vocabulary::ident::DeploymentName;
use tokio::sync::mpsc;
use tokio_util::bytes::Bytes;

/// What a run configures.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The labels of everything that the run creates.
    pub ownership: OwnershipLabels,
    /// The folder for the logs of containers and builds.
    pub logs: PathBuf,
    /// The folder where base systems are built: a few hundred MB, on a file system that allows devices and programs.
    pub scratch: PathBuf,
    /// The images that can be built.
    pub recipes: Arc<RecipeCatalog>,
    /// The host name for published ports, if it is neither this machine nor that of `DOCKER_HOST`.
    pub reach: Option<String>,
    /// The Docker client's configuration file, which holds logins to registries.
    pub credentials: Option<PathBuf>,
    /// Removes secrets from what containers print.
    pub redactor: Redactor,
}

/// A Docker engine as one run uses it.
#[derive(Debug)]
pub struct DockerHost {
    daemon: Arc<Daemon>,
    images: image::Images,
}

impl DockerHost {
    /// Connects to the engine and creates the log folder. `report` is called if connecting takes a while.
    ///
    /// # Errors
    /// When no engine responds, or the folder cannot be created.
    pub async fn connect(settings: Settings, report: fn(&str)) -> Result<Self, HostError> {
        let Settings { ownership, logs, scratch, recipes, reach, credentials, redactor } = settings;
        let daemon = Daemon::connect(reach.as_deref(), ownership, &logs, redactor.clone(), report).await?;
        let daemon = Arc::new(daemon);
        let state = ImagesState::default();
        let images =
            image::Images { daemon: Arc::clone(&daemon), recipes, logs, scratch, credentials, redactor, state };
        Ok(Self { daemon, images })
    }

    /// The labels of everything that this host creates.
    pub fn ownership(&self) -> &OwnershipLabels {
        &self.daemon.ownership
    }

    /// The connection, for sweeps and check-ups.
    pub fn client(&self) -> &Client {
        &self.daemon.client
    }

    /// Errors while following logs: that evidence is missing.
    pub fn log_errors(&self) -> Vec<String> {
        self.daemon.logs.errors()
    }
}

impl Images for DockerHost {
    async fn obtain(
        &self,
        wanted: &ImageRequest,
        progress: &(dyn Fn(String) + Send + Sync),
    ) -> Result<ObtainedImage, HostError> {
        self.images.obtain(wanted, progress).await
    }
}

impl Deployments for DockerHost {
    async fn open(&self, deployment: &DeploymentName) -> Result<(), HostError> {
        deployment::open(&self.daemon, deployment).await
    }

    async fn apply(&self, deployment: &DeploymentName, specs: &[ServiceSpec]) -> Result<(), HostError> {
        for spec in specs {
            service::remove(&self.daemon, deployment, &spec.name).await?;
            service::create(&self.daemon, deployment, spec).await?;
        }
        Ok(())
    }

    async fn close(&self, deployment: &DeploymentName) -> Vec<Leftover> {
        self.daemon.watch.release_all(Some(&deployment.0));
        let left =
            self.daemon.clear(&[(label::RUN, &self.daemon.ownership.run), (label::DEPLOYMENT, &deployment.0)]).await;
        self.daemon.logs.finish(Some(deployment)).await;
        left
    }

    async fn teardown(&self) -> Vec<Leftover> {
        self.daemon.watch.release_all(None);
        let left = self.daemon.clear(&[(label::RUN, &self.daemon.ownership.run)]).await;
        self.daemon.logs.finish(None).await;
        left
    }

    async fn keep(&self, lease: Duration) -> Result<(), HostError> {
        deployment::keep(&self.daemon, lease).await
    }
}

impl Services for DockerHost {
    async fn start(&self, deployment: &DeploymentName, service: &str) -> Result<(), HostError> {
        service::start(&self.daemon, deployment, service).await
    }

    async fn stop(&self, deployment: &DeploymentName, service: &str) -> Result<(), HostError> {
        service::stop(&self.daemon, deployment, service).await
    }

    async fn state(&self, instance: &InstanceRef) -> Result<ServiceState, HostError> {
        service::state(&self.daemon, &instance.deployment, &instance.service).await
    }

    async fn memory(&self, instance: &InstanceRef) -> Result<u64, HostError> {
        memory::memory(&self.daemon, &instance.deployment, &instance.service).await
    }

    async fn address(&self, instance: &InstanceRef, port: u16) -> Result<SocketAddr, HostError> {
        service::address(&self.daemon, &instance.deployment, &instance.service, port).await
    }

    fn exited(&self) -> impl Future<Output = ()> + Send {
        self.daemon.watch.exited()
    }
}

impl Commands for DockerHost {
    async fn exec(&self, instance: &InstanceRef, command: &Command, sink: &mut dyn Sink) -> Result<i64, HostError> {
        exec::exec(&self.daemon, &instance.deployment, &instance.service, command, sink).await
    }

    async fn interact(&self, instance: &InstanceRef, command: &Command) -> Result<Interactive, HostError> {
        exec::interact(&self.daemon, &instance.deployment, &instance.service, command).await
    }

    async fn run(
        &self,
        deployment: &DeploymentName,
        spec: &ServiceSpec,
        sink: &mut dyn Sink,
    ) -> Result<i64, HostError> {
        oneoff::run(&self.daemon, deployment, spec, sink).await
    }

    async fn endings(&self) -> Vec<String> {
        self.daemon.endings.settled().await
    }
}

impl Files for DockerHost {
    async fn copy_in_archive(&self, instance: &InstanceRef, archive: &Path, to: &str) -> Result<(), HostError> {
        copy::archive_in(&self.daemon, &instance.deployment, &instance.service, archive, to).await
    }

    async fn copy_in_file(&self, instance: &InstanceRef, file: &Path, to: &str) -> Result<(), HostError> {
        copy::file_in(&self.daemon, &instance.deployment, &instance.service, file, to).await
    }

    async fn copy_out_file(&self, instance: &InstanceRef, from: &str, file: &Path) -> Result<bool, HostError> {
        copy::file_out(&self.daemon, &instance.deployment, &instance.service, from, file).await
    }
}

impl engine::Volumes for DockerHost {
    async fn read_volume(
        &self,
        deployment: &DeploymentName,
        volume: &str,
        image: &str,
        to: mpsc::Sender<Bytes>,
    ) -> Result<(), HostError> {
        volume::read(&self.daemon, deployment, volume, image, to).await
    }
}

impl engine::Logs for DockerHost {
    fn log_file(&self, instance: &InstanceRef) -> Option<PathBuf> {
        self.daemon.logs.file(&instance.deployment, &instance.service)
    }

    async fn logs_written(&self) {
        self.daemon.logs.written().await;
    }
}

impl Interferences for DockerHost {
    async fn interfered(&self) {
        self.daemon.watch.interfered().await;
    }

    async fn interferences(&self) -> Vec<Interference> {
        self.daemon.watch.look().await
    }

    fn foreign_commands(&self) -> Vec<String> {
        self.daemon.watch.foreign_commands().iter().map(|it| format!("{}: {}", it.object, it.observed)).collect()
    }
}
