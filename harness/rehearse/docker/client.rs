//! The connection to the engine, and what its errors mean.

use std::net::IpAddr;
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::query_parameters::InspectContainerOptions;
use tokio::time::Instant;

use crate::docker::address::{self, is_loopback, remote_host};
use crate::engine::host::{BoxError, HostError};

/// The limit for requests that the engine answers without working.
const QUICK: Duration = Duration::from_secs(120);
/// How long a remote engine may take to respond first: as a service of a CI job, it starts at the same time as we do.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one attempt may take.
const TRY: Duration = Duration::from_secs(10);
/// After this time without a response, a message says what the client is waiting for.
const NO_RESPONSE_AFTER: Duration = Duration::from_secs(1);

/// A connected engine.
#[derive(Debug, Clone)]
pub struct Client {
    docker: Docker,
    published: Published,
    local: bool,
}

/// Where published ports are bound, and therefore reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Published {
    /// On this machine's loopback only.
    Loopback,
    /// On every address of the engine's machine, which has this host name.
    Everywhere(String),
    /// On the gateway of our network, because we run in a container of this engine ourselves.
    Gateway(IpAddr),
}

impl Client {
    /// Connects to `DOCKER_HOST`, or the local socket. `reach` is the host name for published ports, if the engine's address
    /// does not give it. `report` is called if connecting takes a while.
    ///
    /// # Errors
    /// When the address is invalid, or no engine responds there.
    pub async fn connect(reach: Option<&str>, report: fn(&str)) -> Result<Self, HostError> {
        let address = address::from_env()?;
        let docker = docker_at(address.as_deref()).map_err(|error| unreachable(address.as_deref(), error))?;
        let docker = docker.with_timeout(QUICK);
        let remote = address.as_deref().and_then(remote_host);
        let patience = if remote.is_some() { PATIENCE } else { Duration::ZERO };
        let target = address.as_deref().unwrap_or("its local socket");
        let report = |what: &str| report(&format!("waiting for the container engine at {target}: {what}"));
        ping(&docker, patience, report).await.map_err(|error| unreachable(address.as_deref(), error))?;
        let published = match (reach, &remote) {
            (Some(host), _) => Published::Everywhere(host.to_owned()),
            (None, Some(host)) if !is_loopback(host) => Published::Everywhere(host.clone()),
            (None, Some(_)) => Published::Loopback,
            (None, None) => gateway(&docker).await.map_or(Published::Loopback, Published::Gateway),
        };
        Ok(Self { docker, published, local: remote.is_none() })
    }

    /// Waits a while for an engine that is away, so that our things on it can be removed.
    pub(crate) async fn wait_until_back(&self) {
        let _ = ping(&self.docker, PATIENCE, |_| {}).await;
    }

    /// For requests that the engine answers at once.
    pub(crate) fn quick(&self) -> &Docker {
        &self.docker
    }

    /// For requests that carry a body or wait for something: bollard's time limit covers the whole upload, and the whole
    /// time that a container is given to stop.
    pub(crate) fn patient(&self, limit: Duration) -> Docker {
        self.docker.clone().with_timeout(limit)
    }

    /// Whether the engine accepts a new connection: one that is shutting down still responds on old ones for a while.
    pub(crate) async fn accepts_connections(&self) -> Result<(), Error> {
        let docker = docker_at(address::from_env().ok().flatten().as_deref());
        docker?.with_timeout(Duration::from_secs(2)).ping().await.map(drop)
    }

    /// How published ports are bound.
    pub(crate) fn published(&self) -> &Published {
        &self.published
    }

    /// Whether the engine shares this machine's disk.
    pub(crate) fn is_local(&self) -> bool {
        self.local
    }
}

/// The gateway of our network, if we run in a container ourselves, with the engine's socket mounted. The engine's loopback
/// is not ours then.
async fn gateway(docker: &Docker) -> Option<IpAddr> {
    let markers = ["/.dockerenv", "/run/.containerenv"];
    if !markers.iter().any(|marker| std::path::Path::new(marker).exists()) {
        return None;
    }
    // A container's host name is its id, unless it was given another one.
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let own = docker.inspect_container(&name, None::<InspectContainerOptions>).await.ok()?;
    if own.host_config.and_then(|config| config.network_mode).as_deref() == Some("host") {
        return None;
    }
    let networks = own.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
    networks.into_values().find_map(|endpoint| endpoint.gateway?.parse().ok())
}

fn docker_at(address: Option<&str>) -> Result<Docker, Error> {
    match address {
        Some(address) => Docker::connect_with_host(address),
        None => Docker::connect_with_local_defaults(),
    }
}

/// Repeats a ping until the engine responds or `patience` is over. `report` is called once with what we wait for.
async fn ping(docker: &Docker, patience: Duration, report: impl Fn(&str)) -> Result<(), Error> {
    let began = Instant::now();
    let mut reported = false;
    loop {
        let trying = docker.clone().with_timeout(TRY);
        let mut pinging = std::pin::pin!(trying.ping());
        let response = match tokio::time::timeout(NO_RESPONSE_AFTER, &mut pinging).await {
            Ok(response) => response,
            Err(_) => {
                if !std::mem::replace(&mut reported, true) {
                    report(&format!("no response yet; giving up after {:?}", patience.max(TRY)));
                }
                pinging.await
            }
        };
        match response {
            Ok(_) => return Ok(()),
            Err(error) if began.elapsed() >= patience => return Err(error),
            Err(error) => {
                if !std::mem::replace(&mut reported, true) {
                    report(&format!("{}; trying again for {patience:?}", root_cause(&error)));
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

/// The innermost cause: `Connection refused (os error 111)`.
fn root_cause(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn unreachable(address: Option<&str>, error: Error) -> HostError {
    let denied = mentions(&error, "permission denied");
    let hint = match address {
        Some(address) => {
            format!("DOCKER_HOST is {address}; check that the engine runs there and that the address is right")
        }
        None if denied => {
            "this user may not use its socket; run as root, or join its group: usermod -aG docker $USER".into()
        }
        None => "start it: systemctl start docker (or: dockerd &); if it is not installed: \
                 apt-get install docker.io"
            .into(),
    };
    HostError::Unreachable { engine: "container engine", hint, source: Some(Box::new(error)) }
}

fn mentions(error: &Error, words: &str) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if error.to_string().to_ascii_lowercase().contains(words) {
            return true;
        }
        cause = error.source();
    }
    false
}

fn lost(error: &Error) -> bool {
    if let Error::HyperLegacyError { err } = error {
        return err.is_connect();
    }
    matches!(error, Error::SocketNotFoundError(_))
}

/// Turns the engine's error into ours, which names the operation and the object.
pub(crate) fn failed(operation: &'static str, object: impl Into<String>) -> impl FnOnce(Error) -> HostError {
    move |error| {
        if lost(&error) {
            return unreachable(address::from_env().ok().flatten().as_deref(), error);
        }
        let source: BoxError = if mentions(&error, "non-overlapping ipv4 address pool") {
            format!("{error}; the engine has no free subnet: try `rehearse sweep`, or `docker network prune`").into()
        } else {
            Box::new(error)
        };
        HostError::Operation { operation, object: object.into(), source }
    }
}

/// An error of our own about an object.
pub(crate) fn refused(operation: &'static str, object: impl Into<String>, why: impl Into<BoxError>) -> HostError {
    HostError::Operation { operation, object: object.into(), source: why.into() }
}

/// The HTTP status of the engine's response, if there was one.
pub(crate) fn status(error: &Error) -> Option<u16> {
    if let Error::DockerResponseServerError { status_code, .. } = error { Some(*status_code) } else { None }
}

/// The engine's own message, without what bollard adds.
pub(crate) fn engine_message(error: &Error) -> String {
    if let Error::DockerResponseServerError { message: text, .. } | Error::DockerStreamError { error: text } = error {
        text.clone()
    } else {
        error.to_string()
    }
}

/// `None` if the engine says that there is no such thing.
pub(crate) fn absent_as_none<T>(response: Result<T, Error>) -> Result<Option<T>, Error> {
    match response {
        Ok(value) => Ok(Some(value)),
        Err(error) if status(&error) == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}
