//! What the engine asks of the world: images, deployments, services, volumes, commands. Never of Docker.
//!
//! `docker` implements it for real, tests implement it as a fake. Every future here may be dropped at any await point;
//! what the world then still holds is found again by label and removed by [`Host::teardown`].

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use rehearse_core::outcome::note::ImageOrigin;
use rehearse_core::outcome::verdict::Interference;
use rehearse_core::planning::path::Target;
use rehearse_core::vocabulary::ident::DeploymentName;
use rehearse_core::vocabulary::release::Release;
use tokio::io::AsyncWrite;

/// The image a service wants, as the product file names it, with the release it has to hold where that matters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageWanted {
    /// `postgres:15`, `rehearse/webshop:6.1`.
    pub name: String,
    /// The release the image has to state, for images of the product itself.
    pub holds: Option<Target>,
}

/// An image that is here.
#[derive(Debug, Clone)]
pub struct ImageHeld {
    /// The name that was asked for.
    pub name: String,
    /// The daemon's id of it; containers are created from the id, so that a moving tag cannot change a run.
    pub id: String,
    /// How it came here.
    pub origin: ImageOrigin,
    /// The release the image states it really holds, where it states one.
    pub release: Option<Release>,
    /// One line for the report: repository digest, or the context hash it was built from and why.
    pub provenance: String,
}

/// One service as it is to run: all placeholders filled in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServiceSpec {
    /// Its name and network alias.
    pub name: String,
    /// The id of the image.
    pub image: String,
    /// Replaces the image's entry point.
    pub entrypoint: Option<Vec<String>>,
    /// Replaces the image's command.
    pub command: Option<Vec<String>>,
    /// Environment.
    pub env: BTreeMap<String, String>,
    /// User, by name or number.
    pub user: Option<String>,
    /// Working directory.
    pub workdir: Option<String>,
    /// The name it has for itself.
    pub hostname: Option<String>,
    /// Further network aliases.
    pub aliases: Vec<String>,
    /// Volume name (of this deployment) to the path it is mounted at.
    pub volumes: BTreeMap<String, String>,
    /// Paths kept in memory.
    pub tmpfs: Vec<String>,
    /// Ports the harness itself must reach.
    pub ports: Vec<u16>,
    /// Size of /dev/shm in bytes.
    pub shm_size: Option<u64>,
    /// Memory limit in bytes.
    pub memory: Option<u64>,
    /// CPUs, as `1.5`.
    pub cpus: Option<f64>,
    /// How long it may take to stop before it is killed.
    pub stop_grace: Duration,
}

/// A command inside a service.
#[derive(Debug, Clone, Default)]
pub struct Command {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// User, by name or number.
    pub user: Option<String>,
    /// Additional environment.
    pub env: BTreeMap<String, String>,
    /// Working directory.
    pub workdir: Option<String>,
    /// A file of the host streamed to standard input, then closed.
    pub stdin: Option<Stdin>,
}

/// What a command reads.
#[derive(Debug, Clone)]
pub enum Stdin {
    /// The content of a file on the host, streamed.
    File(PathBuf),
    /// These bytes.
    Bytes(Vec<u8>),
}

/// Where a piece of output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// A command inside a service that is spoken to while it runs.
pub struct Interactive {
    /// What it reads. Shut down, it sees the end.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
    /// What it prints, until it has ended.
    pub output: BoxStream<'static, Result<(Stream, Vec<u8>), HostError>>,
    /// Its exit code, once its output is over. Dropped before it is known, the command is ended in there with all that it
    /// started: see [`Host::endings`].
    pub code: BoxFuture<'static, Result<i64, HostError>>,
}

/// Receives output as it comes; called with raw chunks, in order.
pub trait Sink: Send {
    /// Takes one chunk.
    fn take(&mut self, stream: Stream, bytes: &[u8]);
}

/// How a service's process stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceState {
    /// There is none.
    Absent,
    /// It is created but was never started.
    Created,
    /// It runs; with the health the image itself reports, where it has a health check.
    Running {
        /// `healthy`, `unhealthy`, `starting`.
        health: Option<String>,
    },
    /// It ended.
    Exited {
        /// Its exit code.
        code: i64,
        /// The kernel killed it for want of memory.
        out_of_memory: bool,
    },
}

/// A thing of ours that would not go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// `container`, `network`, `volume`.
    pub kind: &'static str,
    /// Its name or id.
    pub name: String,
    /// Why it stayed.
    pub reason: String,
}

/// We could not do or could not tell. Names the operation and the object; the cause is the source.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// What is to name the daemon does not: bad input, which no waiting mends.
    #[error(
        "DOCKER_HOST is {address:?}, which is not the address of a container engine: {why}; expected unix:///PATH, tcp://HOST:PORT or https://HOST:PORT, or nothing for the local socket"
    )]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        why: String,
    },
    /// The daemon does not answer.
    #[error("no container engine answers: {hint}")]
    Unreachable {
        /// What to do.
        hint: String,
        /// The cause.
        #[source]
        source: Option<BoxError>,
    },
    /// An image cannot be had.
    #[error("image {image} is not obtainable: {reason}")]
    Image {
        /// The image.
        image: String,
        /// Why, with what is on offer instead.
        reason: String,
        /// The cause.
        #[source]
        source: Option<BoxError>,
    },
    /// An image holds another release than it has to.
    #[error("image {image} is not obtainable: it holds {actual}, the scenario wants {wanted}; {way_out}")]
    WrongRelease {
        /// The image.
        image: String,
        /// The release that it holds.
        actual: Box<Release>,
        /// The release, or the line, that it has to hold.
        wanted: Box<Target>,
        /// What can be asked for instead.
        way_out: String,
    },
    /// An operation on an object failed.
    #[error("cannot {operation} {object}")]
    Operation {
        /// What was to be done: `create`, `start`, `copy into`.
        operation: &'static str,
        /// The object: `service web of main`, `volume files`.
        object: String,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// A file of ours could not be read or written.
    #[error("cannot {operation} {path}")]
    File {
        /// `read`, `write`.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// It took longer than it may.
    #[error("{what} took longer than {limit:?}")]
    Deadline {
        /// What.
        what: String,
        /// The limit.
        limit: Duration,
    },
}

/// Any cause.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl HostError {
    /// The message with all its causes, on one line.
    pub fn chain(&self) -> String {
        rehearse_core::text::error_chain(self)
    }
}

/// What the engine asks of the world.
pub trait Host: Send + Sync + 'static {
    /// Makes an image available: finds, pulls or builds it. `progress` gets short lines for people.
    /// A wrong release inside the image is [`HostError::Image`] naming the release on offer.
    fn obtain(
        &self,
        wanted: &ImageWanted,
        progress: &(dyn Fn(String) + Send + Sync),
    ) -> impl Future<Output = Result<ImageHeld, HostError>> + Send;

    /// Opens a deployment: a private network of its own.
    fn open(&self, deployment: &DeploymentName) -> impl Future<Output = Result<(), HostError>> + Send;

    /// Creates a service without starting it; makes its volumes where they are missing; its log is followed into a
    /// file from now on. The service must be absent.
    fn create(
        &self,
        deployment: &DeploymentName,
        spec: &ServiceSpec,
    ) -> impl Future<Output = Result<(), HostError>> + Send;

    /// Starts a created or stopped service.
    fn start(&self, deployment: &DeploymentName, service: &str) -> impl Future<Output = Result<(), HostError>> + Send;

    /// Stops a service and waits until its process is gone. Stopping what does not run is no error.
    fn stop(&self, deployment: &DeploymentName, service: &str) -> impl Future<Output = Result<(), HostError>> + Send;

    /// Removes a service, running or not; its named volumes stay. Its log file stays.
    fn remove(&self, deployment: &DeploymentName, service: &str) -> impl Future<Output = Result<(), HostError>> + Send;

    /// How a service stands.
    fn state(
        &self,
        deployment: &DeploymentName,
        service: &str,
    ) -> impl Future<Output = Result<ServiceState, HostError>> + Send;

    /// Bytes that the processes of a running service hold in memory, the cache of files apart.
    fn memory(&self, deployment: &DeploymentName, service: &str)
    -> impl Future<Output = Result<u64, HostError>> + Send;

    /// Where the harness reaches a port of a running service.
    fn address(
        &self,
        deployment: &DeploymentName,
        service: &str,
        port: u16,
    ) -> impl Future<Output = Result<SocketAddr, HostError>> + Send;

    /// Runs a command inside a running service and returns its exit code. The output goes to `sink` as it comes. Dropped
    /// midway, it is ended in there with all that it started: see [`Host::endings`].
    fn exec(
        &self,
        deployment: &DeploymentName,
        service: &str,
        command: &Command,
        sink: &mut dyn Sink,
    ) -> impl Future<Output = Result<i64, HostError>> + Send;

    /// Begins a command inside a running service that is spoken to. What the command is to read stands in no file.
    fn interact(
        &self,
        deployment: &DeploymentName,
        service: &str,
        command: &Command,
    ) -> impl Future<Output = Result<Interactive, HostError>> + Send;

    /// Runs a one-off container of `spec` (which carries the command) on the deployment's network and volumes, without
    /// taking the service's alias, removes it, and returns its exit code.
    fn run(
        &self,
        deployment: &DeploymentName,
        spec: &ServiceSpec,
        sink: &mut dyn Sink,
    ) -> impl Future<Output = Result<i64, HostError>> + Send;

    /// Streams a tar archive (plain or gzip) of the host into a folder of a service, created or running. Owners and
    /// modes are those of the archive. Flat memory.
    fn copy_in_archive(
        &self,
        deployment: &DeploymentName,
        service: &str,
        archive: &Path,
        to: &str,
    ) -> impl Future<Output = Result<(), HostError>> + Send;

    /// Streams one file of the host into a file of a service, created or running. Flat memory.
    fn copy_in_file(
        &self,
        deployment: &DeploymentName,
        service: &str,
        file: &Path,
        to: &str,
    ) -> impl Future<Output = Result<(), HostError>> + Send;

    /// Streams one file of a service, running or not, into a file of the host. `false` when there is no such file.
    fn copy_out_file(
        &self,
        deployment: &DeploymentName,
        service: &str,
        from: &str,
        file: &Path,
    ) -> impl Future<Output = Result<bool, HostError>> + Send;

    /// The file the newest container of a service logs into.
    fn log_file(&self, deployment: &DeploymentName, service: &str) -> Option<PathBuf>;

    /// Waits until what services have printed so far is in their files, a last line without an end too.
    fn logs_written(&self) -> impl Future<Output = ()> + Send;

    /// Waits until every command and one-off whose caller gave it up has ended in its container too, and tells how each
    /// did. What it had done by then is to be observed.
    fn endings(&self) -> impl Future<Output = Vec<String>> + Send;

    /// Returns as soon as a service has ended after this call; the caller looks which one it was. A host that gets no such
    /// events never returns, and its services are looked at now and then.
    fn exited(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// Returns as soon as something from outside has come between that [`Host::interferences`] has not told yet.
    fn interfered(&self) -> impl Future<Output = ()> + Send;

    /// What has come between from outside since it was last asked, after a look at how everything stands now. Where the
    /// engine is away, it is waited for.
    fn interferences(&self) -> impl Future<Output = Vec<Interference>> + Send;

    /// What somebody else did in a service that need not have changed anything, and was not told yet: commands they ran.
    /// Where a stage does not pass, [`Host::interferences`] tells it.
    fn foreign_commands(&self) -> Vec<String>;

    /// Removes the containers, network and volumes of one deployment.
    fn close(&self, deployment: &DeploymentName) -> impl Future<Output = Vec<Leftover>> + Send;

    /// Removes everything labelled with this run and names what would not go.
    fn teardown(&self) -> impl Future<Output = Vec<Leftover>> + Send;
}
