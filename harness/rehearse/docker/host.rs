//! The Docker host: one run's view of an engine, as the engine of rehearsals asks for it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rehearse_core::outcome::verdict::Interference;
use rehearse_core::secret::Redactor;

use crate::docker::client::Client;
use crate::docker::creations::Creations;
use crate::docker::ending::Endings;
use crate::docker::image::{self, ImagesState};
use crate::docker::label::{self, OwnershipLabels, carrying};
use crate::docker::logs::Logs;
use crate::docker::recipe::RecipeCatalog;
use crate::docker::removal::remove_matching;
use crate::docker::watch::Watch;
use crate::docker::{copy, deployment, exec, memory, oneoff, service};
use crate::engine::host::{
    self as engine, Command, Commands, Deployments, Files, HostError, ImageHeld, ImageWanted, Images, InstanceRef,
    Interactive, Interferences, Leftover, ServiceState, Services, Sink,
};
use rehearse_core::deployment::ServiceSpec;
use rehearse_core::vocabulary::ident::DeploymentName;

/// What a run brings along.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whose everything is that the run makes.
    pub ownership: OwnershipLabels,
    /// The folder that container and build logs go into.
    pub logs: PathBuf,
    /// Where base systems are put together: a few hundred MB, on a file system that allows devices and programs.
    pub scratch: PathBuf,
    /// The images that can be built.
    pub book: Arc<RecipeCatalog>,
    /// The machine that published ports are reached on, where it isn't this one or that of `DOCKER_HOST`.
    pub reach: Option<String>,
    /// The Docker client's configuration file, which holds logins to registries.
    pub credentials: Option<PathBuf>,
    /// Takes secrets out of what containers print.
    pub redactor: Redactor,
}

/// A Docker engine as one run uses it.
#[derive(Debug)]
pub struct DockerHost {
    pub(crate) client: Client,
    pub(crate) ownership: OwnershipLabels,
    pub(crate) logs: Logs,
    images: image::Images,
    pub(crate) creations: Creations,
    pub(crate) watch: Watch,
    pub(crate) endings: Endings,
}

impl DockerHost {
    /// Connects to the engine and makes the log folder. `tell` hears of it when connecting takes a while.
    ///
    /// # Errors
    /// When no engine answers, or the folder cannot be made.
    pub async fn connect(settings: Settings, tell: fn(&str)) -> Result<Self, HostError> {
        let client = Client::connect(settings.reach.as_deref(), tell).await?;
        let logs = settings.logs;
        std::fs::create_dir_all(&logs).map_err(|source| HostError::File {
            operation: "create",
            path: logs.clone(),
            source,
        })?;
        let ownership = settings.ownership;
        let creations = Creations::default();
        let images = image::Images {
            client: client.clone(),
            ownership: ownership.clone(),
            creations: creations.clone(),
            book: settings.book,
            logs: logs.clone(),
            scratch: settings.scratch,
            credentials: settings.credentials,
            redactor: settings.redactor.clone(),
            state: ImagesState::default(),
        };
        let mut folders = vec![logs.clone()];
        if client.is_local()
            && let Ok(info) = client.quick().info().await
        {
            folders.extend(info.docker_root_dir.map(PathBuf::from));
        }
        let watch = Watch::begin(&client, &ownership.run, folders);
        Ok(Self {
            client,
            ownership,
            logs: Logs::new(logs, settings.redactor),
            images,
            creations,
            watch,
            endings: Endings::default(),
        })
    }

    /// Whose everything is that this host makes.
    pub fn ownership(&self) -> &OwnershipLabels {
        &self.ownership
    }

    /// The connection, for sweeping and checking up.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What went wrong while following logs: evidence that is missing.
    pub fn log_troubles(&self) -> Vec<String> {
        self.logs.troubles()
    }

    async fn clear(&self, labels: &[(&str, &str)]) -> Vec<Leftover> {
        self.client.patiently().await;
        let stuck = self.creations.settled().await;
        let mut left = remove_matching(&self.client, &carrying(labels)).await;
        left.extend(stuck);
        left
    }
}

impl Images for DockerHost {
    async fn obtain(
        &self,
        wanted: &ImageWanted,
        progress: &(dyn Fn(String) + Send + Sync),
    ) -> Result<ImageHeld, HostError> {
        self.images.obtain(wanted, progress).await
    }
}

impl Deployments for DockerHost {
    async fn open(&self, deployment: &DeploymentName) -> Result<(), HostError> {
        deployment::open(self, deployment).await
    }

    async fn apply(&self, deployment: &DeploymentName, specs: &[ServiceSpec]) -> Result<(), HostError> {
        for spec in specs {
            service::remove(self, deployment, &spec.name).await?;
            service::create(self, deployment, spec).await?;
        }
        Ok(())
    }

    async fn close(&self, deployment: &DeploymentName) -> Vec<Leftover> {
        self.watch.let_all_go(Some(&deployment.0));
        let left = self.clear(&[(label::RUN, &self.ownership.run), (label::DEPLOYMENT, &deployment.0)]).await;
        self.logs.finish(Some(deployment)).await;
        left
    }

    async fn teardown(&self) -> Vec<Leftover> {
        self.watch.let_all_go(None);
        let left = self.clear(&[(label::RUN, &self.ownership.run)]).await;
        self.logs.finish(None).await;
        left
    }
}

impl Services for DockerHost {
    async fn start(&self, deployment: &DeploymentName, service: &str) -> Result<(), HostError> {
        service::start(self, deployment, service).await
    }

    async fn stop(&self, deployment: &DeploymentName, service: &str) -> Result<(), HostError> {
        service::stop(self, deployment, service).await
    }

    async fn state(&self, instance: &InstanceRef) -> Result<ServiceState, HostError> {
        service::state(self, &instance.deployment, &instance.service).await
    }

    async fn memory(&self, instance: &InstanceRef) -> Result<u64, HostError> {
        memory::memory(self, &instance.deployment, &instance.service).await
    }

    async fn address(&self, instance: &InstanceRef, port: u16) -> Result<SocketAddr, HostError> {
        deployment::address(self, &instance.deployment, &instance.service, port).await
    }

    fn exited(&self) -> impl Future<Output = ()> + Send {
        self.watch.exited()
    }
}

impl Commands for DockerHost {
    async fn exec(&self, instance: &InstanceRef, command: &Command, sink: &mut dyn Sink) -> Result<i64, HostError> {
        exec::exec(self, &instance.deployment, &instance.service, command, sink).await
    }

    async fn interact(&self, instance: &InstanceRef, command: &Command) -> Result<Interactive, HostError> {
        exec::interact(self, &instance.deployment, &instance.service, command).await
    }

    async fn run(
        &self,
        deployment: &DeploymentName,
        spec: &ServiceSpec,
        sink: &mut dyn Sink,
    ) -> Result<i64, HostError> {
        oneoff::run(self, deployment, spec, sink).await
    }

    async fn endings(&self) -> Vec<String> {
        self.endings.settled().await
    }
}

impl Files for DockerHost {
    async fn copy_in_archive(&self, instance: &InstanceRef, archive: &Path, to: &str) -> Result<(), HostError> {
        copy::archive_in(self, &instance.deployment, &instance.service, archive, to).await
    }

    async fn copy_in_file(&self, instance: &InstanceRef, file: &Path, to: &str) -> Result<(), HostError> {
        copy::file_in(self, &instance.deployment, &instance.service, file, to).await
    }

    async fn copy_out_file(&self, instance: &InstanceRef, from: &str, file: &Path) -> Result<bool, HostError> {
        copy::file_out(self, &instance.deployment, &instance.service, from, file).await
    }
}

impl engine::Logs for DockerHost {
    fn log_file(&self, instance: &InstanceRef) -> Option<PathBuf> {
        self.logs.file(&instance.deployment, &instance.service)
    }

    async fn logs_written(&self) {
        self.logs.written().await;
    }
}

impl Interferences for DockerHost {
    async fn interfered(&self) {
        self.watch.interfered().await;
    }

    async fn interferences(&self) -> Vec<Interference> {
        self.watch.look().await
    }

    fn foreign_commands(&self) -> Vec<String> {
        self.watch.commands().iter().map(|it| format!("{}: {}", it.object, it.observed)).collect()
    }
}
