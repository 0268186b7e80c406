//! What the engine asks of the world, by capability: images, deployments, services, commands, files, logs, and what
//! interferes from outside. A [`Host`] can do all of it; code that needs one capability asks for that one only.
//!
//! Nothing here belongs to one kind of container engine: a host may run containers, pods or processes. `docker` is the
//! one that ships; `session` chooses it. Tests bring two of their own, `tests/engine/fake.rs` and `tests/engine/pods.rs`.
//!
//! Every future here may be dropped at any await point; what the world then still holds is found again and removed by
//! [`Deployments::teardown`].

mod command;
mod error;
mod image;
mod instance;

pub use command::{Command, Interactive, Sink, Stdin, Stream};
pub use error::{BoxError, HostError};
pub use image::{ImageHeld, ImageWanted};
pub use instance::{InstanceRef, Leftover, ServiceState};

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rehearse_core::deployment::ServiceSpec;
use rehearse_core::outcome::verdict::Interference;
use rehearse_core::vocabulary::ident::DeploymentName;

/// Images: found, pulled or built.
pub trait Images: Send + Sync {
    /// Makes an image available. `progress` gets short lines for people.
    /// A wrong release inside the image is [`HostError::WrongRelease`] naming the release on offer.
    fn obtain(
        &self,
        wanted: &ImageWanted,
        progress: &(dyn Fn(String) + Send + Sync),
    ) -> impl Future<Output = Result<ImageHeld, HostError>> + Send;
}

/// Deployments: sets of services with a network and volumes of their own.
pub trait Deployments: Send + Sync {
    /// Opens a deployment: a private network, no services yet.
    fn open(&self, deployment: &DeploymentName) -> impl Future<Output = Result<(), HostError>> + Send;

    /// Makes these services of a deployment as these specs say, and not running. A service that is there is replaced,
    /// running or not, and its volumes stay; services that are not named stay as they are. This deploys a product,
    /// upgrades it (the specs of the next release) and rolls it back (those of the release before), one service at a time
    /// or as a whole. From now on, what the services print is kept in their log files.
    fn apply(
        &self,
        deployment: &DeploymentName,
        specs: &[ServiceSpec],
    ) -> impl Future<Output = Result<(), HostError>> + Send;

    /// Removes the services, the network and the volumes of one deployment, and names what would not go.
    fn close(&self, deployment: &DeploymentName) -> impl Future<Output = Vec<Leftover>> + Send;

    /// Removes everything that this run made, and names what would not go.
    fn teardown(&self) -> impl Future<Output = Vec<Leftover>> + Send;
}

/// Services of a deployment: started, stopped, looked at.
pub trait Services: Send + Sync {
    /// Starts a service that was applied or stopped.
    fn start(&self, deployment: &DeploymentName, service: &str) -> impl Future<Output = Result<(), HostError>> + Send;

    /// Stops a service and waits until its process is gone. Stopping what does not run is no error.
    fn stop(&self, deployment: &DeploymentName, service: &str) -> impl Future<Output = Result<(), HostError>> + Send;

    /// How an instance stands.
    fn state(&self, instance: &InstanceRef) -> impl Future<Output = Result<ServiceState, HostError>> + Send;

    /// Bytes that the processes of a running instance hold in memory, the cache of files apart.
    fn memory(&self, instance: &InstanceRef) -> impl Future<Output = Result<u64, HostError>> + Send;

    /// Where the harness reaches a port of a running instance.
    fn address(&self, instance: &InstanceRef, port: u16) -> impl Future<Output = Result<SocketAddr, HostError>> + Send;

    /// Returns as soon as an instance has ended after this call; the caller looks which one it was. A host that gets no
    /// such events never returns, and its services are looked at now and then.
    fn exited(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }
}

/// Commands inside instances and beside them.
pub trait Commands: Send + Sync {
    /// Runs a command inside a running instance and returns its exit code. The output goes to `sink` as it comes. Dropped
    /// midway, the command is ended in there with all that it started: see [`Commands::endings`].
    fn exec(
        &self,
        instance: &InstanceRef,
        command: &Command,
        sink: &mut dyn Sink,
    ) -> impl Future<Output = Result<i64, HostError>> + Send;

    /// Begins a command inside a running instance that is spoken to. What the command is to read stands in no file.
    fn interact(
        &self,
        instance: &InstanceRef,
        command: &Command,
    ) -> impl Future<Output = Result<Interactive, HostError>> + Send;

    /// Runs `spec` (which carries the command) to its end beside the services, on the deployment's network and volumes
    /// but not under the service's names, removes it, and returns its exit code.
    fn run(
        &self,
        deployment: &DeploymentName,
        spec: &ServiceSpec,
        sink: &mut dyn Sink,
    ) -> impl Future<Output = Result<i64, HostError>> + Send;

    /// Waits until every command and one-off whose caller gave it up has really ended, and tells how each did. What it
    /// had done by then is to be observed.
    fn endings(&self) -> impl Future<Output = Vec<String>> + Send;
}

/// Files into and out of instances.
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

    /// Streams one file of an instance, running or not, into a file of this machine. `false` when there is no such file.
    fn copy_out_file(
        &self,
        instance: &InstanceRef,
        from: &str,
        file: &Path,
    ) -> impl Future<Output = Result<bool, HostError>> + Send;
}

/// What services print.
pub trait Logs: Send + Sync {
    /// The file that an instance's output is kept in, from when it was applied last.
    fn log_file(&self, instance: &InstanceRef) -> Option<PathBuf>;

    /// Waits until what services have printed so far is in their files, a last line without an end too.
    fn logs_written(&self) -> impl Future<Output = ()> + Send;
}

/// What comes between from outside while a rehearsal runs.
pub trait Interferences: Send + Sync {
    /// Returns as soon as something has come between that [`Interferences::interferences`] has not told yet.
    fn interfered(&self) -> impl Future<Output = ()> + Send;

    /// What has come between since it was last asked, after a look at how everything stands now. Where the engine that
    /// runs the services is away, it is waited for.
    fn interferences(&self) -> impl Future<Output = Vec<Interference>> + Send;

    /// What somebody else did in a service that need not have changed anything, and was not told yet: commands they ran.
    /// Where a stage does not pass, [`Interferences::interferences`] tells it.
    fn foreign_commands(&self) -> Vec<String>;
}

/// A world in which a plan can be carried out: all capabilities in one.
pub trait Host: Images + Deployments + Services + Commands + Files + Logs + Interferences + 'static {}

impl<T: Images + Deployments + Services + Commands + Files + Logs + Interferences + 'static> Host for T {}
