//! What the engine needs from the outside, by capability: images, deployments, services, commands, files, volumes, logs
//! and interferences. A [`Host`] has all of them; code that needs one capability requires only that one.
//!
//! Nothing here belongs to one kind of container engine: a host may run containers, pods or processes. `docker` is the
//! one that ships; `session` chooses it. Tests bring two more, `tests/engine/fake.rs` and `tests/engine/pods.rs`.
//!
//! Every future here may be dropped at any await point; what is left behind then is found again and removed by
//! [`Deployments::teardown`].

mod command;
mod error;
mod image;
mod instance;

pub use command::{Command, Interactive, Sink, Stdin, Stream};
pub use error::{BoxError, HostError};
pub use image::{ImageRequest, ObtainedImage};
pub use instance::{InstanceRef, Leftover, ServiceState};

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rehearse_core::deployment::ServiceSpec;
use rehearse_core::outcome::verdict::Interference;
use rehearse_core::vocabulary::ident::DeploymentName;
use tokio::sync::mpsc;
use tokio_util::bytes::Bytes;

/// Images: found, pulled or built.
pub trait Images: Send + Sync {
    /// Makes an image available. `progress` gets short lines for people. If the image holds the wrong release, the error is
    /// [`HostError::WrongRelease`] and names the one it holds.
    fn obtain(
        &self,
        wanted: &ImageRequest,
        progress: &(dyn Fn(String) + Send + Sync),
    ) -> impl Future<Output = Result<ObtainedImage, HostError>> + Send;
}

/// Deployments: sets of services with a network and volumes of their own.
pub trait Deployments: Send + Sync {
    /// Opens a deployment: a private network, no services yet.
    fn open(&self, deployment: &DeploymentName) -> impl Future<Output = Result<(), HostError>> + Send;

    /// Creates these services of a deployment as these specs say, without starting them. A service that exists is
    /// replaced, running or not, and its volumes stay; services that are not named stay as they are. This deploys a
    /// product, upgrades it (with the specs of the next release) and rolls it back (with those of the previous one), one
    /// service at a time or as a whole. From now on, what the services print is kept in their log files.
    fn apply(
        &self,
        deployment: &DeploymentName,
        specs: &[ServiceSpec],
    ) -> impl Future<Output = Result<(), HostError>> + Send;

    /// Removes the services, the network and the volumes of one deployment, and returns what could not be removed.
    fn close(&self, deployment: &DeploymentName) -> impl Future<Output = Vec<Leftover>> + Send;

    /// Removes everything that this run created, and returns what could not be removed.
    fn teardown(&self) -> impl Future<Output = Vec<Leftover>> + Send;

    /// Marks what this run created as kept for people to look at, for as long as its lease: nobody is to remove it before.
    fn keep(&self, lease: Duration) -> impl Future<Output = Result<(), HostError>> + Send;
}

/// Services of a deployment: started, stopped, inspected.
pub trait Services: Send + Sync {
    /// Starts a service that was applied or stopped.
    fn start(&self, deployment: &DeploymentName, service: &str) -> impl Future<Output = Result<(), HostError>> + Send;

    /// Stops a service and waits until its process is gone. Stopping a service that does not run succeeds.
    fn stop(&self, deployment: &DeploymentName, service: &str) -> impl Future<Output = Result<(), HostError>> + Send;

    /// The state of an instance.
    fn state(&self, instance: &InstanceRef) -> impl Future<Output = Result<ServiceState, HostError>> + Send;

    /// Bytes of memory that the processes of a running instance use, without the page cache.
    fn memory(&self, instance: &InstanceRef) -> impl Future<Output = Result<u64, HostError>> + Send;

    /// The address at which a port of a running instance is reached.
    fn address(&self, instance: &InstanceRef, port: u16) -> impl Future<Output = Result<SocketAddr, HostError>> + Send;

    /// Returns as soon as an instance ends after this call; the caller finds out which one. On a host without such events it
    /// never returns, and the caller polls the states instead.
    fn exited(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}

/// Commands inside instances, and one-off commands next to them.
pub trait Commands: Send + Sync {
    /// Runs a command inside a running instance and returns its exit code. The output goes to `sink` as it arrives. If the
    /// future is dropped midway, the command is ended with everything it started: see [`Commands::endings`].
    fn exec(
        &self,
        instance: &InstanceRef,
        command: &Command,
        sink: &mut dyn Sink,
    ) -> impl Future<Output = Result<i64, HostError>> + Send;

    /// Starts a command inside a running instance that takes its input from the caller while it runs.
    fn interact(
        &self,
        instance: &InstanceRef,
        command: &Command,
    ) -> impl Future<Output = Result<Interactive, HostError>> + Send;

    /// Runs `spec` (which carries the command) to its end next to the services, on the deployment's network and volumes but
    /// not under the service's network names; then removes it and returns its exit code.
    fn run(
        &self,
        deployment: &DeploymentName,
        spec: &ServiceSpec,
        sink: &mut dyn Sink,
    ) -> impl Future<Output = Result<i64, HostError>> + Send;

    /// Waits until every command and one-off that its caller gave up has really ended, and says how each of them ended. What
    /// they had done by then can only be observed.
    fn endings(&self) -> impl Future<Output = Vec<String>> + Send;
}

/// Files copied into and out of instances.
pub trait Files: Send + Sync {
    /// Streams a tar archive (plain or gzip) of this machine into a folder of an instance, running or not. Owners and
    /// modes are those of the archive. Flat memory.
    fn copy_in_archive(
        &self,
        instance: &InstanceRef,
        archive: &Path,
        to: &str,
    ) -> impl Future<Output = Result<(), HostError>> + Send;

    /// Streams one file of this machine into a file of an instance, running or not. Flat memory.
    fn copy_in_file(
        &self,
        instance: &InstanceRef,
        file: &Path,
        to: &str,
    ) -> impl Future<Output = Result<(), HostError>> + Send;

    /// Streams one file of an instance, running or not, into a file of this machine. `false` if there is no such file.
    fn copy_out_file(
        &self,
        instance: &InstanceRef,
        from: &str,
        file: &Path,
    ) -> impl Future<Output = Result<bool, HostError>> + Send;
}

/// Volumes of a deployment, read as a whole.
pub trait Volumes: Send + Sync {
    /// Streams everything in a volume into a channel, as a tar archive whose first entry is the root of the volume. `image`
    /// is an image of the deployment, for a host that needs one to mount a volume; nothing of it is run. Stops early, and
    /// succeeds, if the channel is closed.
    fn read_volume(
        &self,
        deployment: &DeploymentName,
        volume: &str,
        image: &str,
        to: mpsc::Sender<Bytes>,
    ) -> impl Future<Output = Result<(), HostError>> + Send;
}

/// What services print.
pub trait Logs: Send + Sync {
    /// The file that keeps an instance's output since it was last applied.
    fn log_file(&self, instance: &InstanceRef) -> Option<PathBuf>;

    /// Waits until everything that services have printed so far is in their files, including an unfinished last line.
    fn logs_written(&self) -> impl Future<Output = ()> + Send;
}

/// Interference from outside while a rehearsal runs.
pub trait Interferences: Send + Sync {
    /// Returns as soon as there is interference that [`Interferences::interferences`] has not returned yet.
    fn interfered(&self) -> impl Future<Output = ()> + Send;

    /// The interference since the last call, after reading the state of everything. If the engine that runs the services
    /// is away, waits for it to return.
    fn interferences(&self) -> impl Future<Output = Vec<Interference>> + Send;

    /// Commands that others ran in a service since the last call; they may have been harmless. If a stage does not pass,
    /// [`Interferences::interferences`] returns them instead.
    fn foreign_commands(&self) -> Vec<String>;
}

/// Everything that carrying out a plan needs: all capabilities in one.
pub trait Host: Images + Deployments + Services + Commands + Files + Volumes + Logs + Interferences + 'static {}

impl<T: Images + Deployments + Services + Commands + Files + Volumes + Logs + Interferences + 'static> Host for T {}
