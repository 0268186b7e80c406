//! The connection to the engine, and what its errors mean.

use std::net::IpAddr;
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::query_parameters::InspectContainerOptions;
use tokio::time::Instant;

use crate::docker::address::{self, is_loopback, remote_host};
use crate::engine::host::{BoxError, HostError};

/// For requests that the engine answers out of its head.
const QUICK: Duration = Duration::from_secs(120);
/// A first answer may take this long where the engine starts beside us, as a service of a CI job does.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one try may take.
const TRY: Duration = Duration::from_secs(10);
/// After this, people are told what is waited for.
const SILENCE: Duration = Duration::from_secs(1);

/// A connected engine.
#[derive(Debug, Clone)]
pub struct Client {
    docker: Docker,
    published: Published,
    local: bool,
}

/// Where published ports are bound, and so reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Published {
    /// On this machine's loopback only.
    Loopback,
    /// On every address of the engine's machine, which is reached by this name.
    Everywhere(String),
    /// On the engine's end of the network that we are on, in a container of it ourselves.
    Gateway(IpAddr),
}

impl Client {
    /// Connects to `DOCKER_HOST`, or the local socket. `reach` names the machine that published ports are reached on,
    /// where that can't be told from the engine's address.
    /// `tell` hears of it when that takes a while.
    ///
    /// # Errors
    /// When the address is none, or no engine answers there.
    pub async fn connect(reach: Option<&str>, tell: fn(&str)) -> Result<Self, HostError> {
        let address = address::given()?;
        let docker = opened(address.as_deref()).map_err(|error| unreachable(address.as_deref(), error))?;
        let docker = docker.with_timeout(QUICK);
        let remote = address.as_deref().and_then(remote_host);
        let patience = if remote.is_some() { PATIENCE } else { Duration::ZERO };
        let whom = address.as_deref().unwrap_or("its local socket");
        let tell = |what: &str| tell(&format!("waiting for the container engine at {whom}: {what}"));
        ping(&docker, patience, tell).await.map_err(|error| unreachable(address.as_deref(), error))?;
        let published = match (reach, &remote) {
            (Some(host), _) => Published::Everywhere(host.to_owned()),
            (None, Some(host)) if !is_loopback(host) => Published::Everywhere(host.clone()),
            (None, Some(_)) => Published::Loopback,
            (None, None) => gateway(&docker).await.map_or(Published::Loopback, Published::Gateway),
        };
        Ok(Self { docker, published, local: remote.is_none() })
    }

    /// Waits a while for an engine that is away: what it holds of ours is to be removed once it is back.
    pub(crate) async fn patiently(&self) {
        let _ = ping(&self.docker, PATIENCE, |_| {}).await;
    }

    /// For requests answered at once.
    pub(crate) fn quick(&self) -> &Docker {
        &self.docker
    }

    /// For requests that carry a body or wait for something: bollard's time limit covers the whole upload, and all of
    /// the grace a container is given to stop.
    pub(crate) fn patient(&self, limit: Duration) -> Docker {
        self.docker.clone().with_timeout(limit)
    }

    /// Whether the engine takes a new connection: one that is ending answers on old ones for a while.
    pub(crate) async fn anew(&self) -> Result<(), Error> {
        let docker = opened(address::given().ok().flatten().as_deref());
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

/// Where we are in a container ourselves, with the engine's socket mounted: the engine's end of our network. Its loopback
/// is not ours.
async fn gateway(docker: &Docker) -> Option<IpAddr> {
    let marks = ["/.dockerenv", "/run/.containerenv"];
    if !marks.iter().any(|mark| std::path::Path::new(mark).exists()) {
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

fn opened(address: Option<&str>) -> Result<Docker, Error> {
    match address {
        Some(address) => Docker::connect_with_host(address),
        None => Docker::connect_with_local_defaults(),
    }
}

/// Asks until there is an answer, or patience is at an end. `tell` hears once what is waited for.
async fn ping(docker: &Docker, patience: Duration, tell: impl Fn(&str)) -> Result<(), Error> {
    let begun = Instant::now();
    let mut told = false;
    loop {
        let trying = docker.clone().with_timeout(TRY);
        let mut asked = std::pin::pin!(trying.ping());
        let answer = match tokio::time::timeout(SILENCE, &mut asked).await {
            Ok(answer) => answer,
            Err(_) => {
                if !std::mem::replace(&mut told, true) {
                    tell(&format!("no answer yet; giving up after {:?}", patience.max(TRY)));
                }
                asked.await
            }
        };
        match answer {
            Ok(_) => return Ok(()),
            Err(error) if begun.elapsed() >= patience => return Err(error),
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    tell(&format!("{}; trying again for {patience:?}", innermost(&error)));
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

/// The cause of all: `Connection refused (os error 111)`.
fn innermost(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn unreachable(address: Option<&str>, error: Error) -> HostError {
    let denied = says(&error, "permission denied");
    let hint = match address {
        Some(address) => format!("DOCKER_HOST is {address}; is the engine there started, and is the address right?"),
        None if denied => {
            "its socket is not ours to use; run as root, or join the group: usermod -aG docker $USER".into()
        }
        None => "is the engine started? try: systemctl start docker (or: dockerd &); where it is not installed: \
                 apt-get install docker.io"
            .into(),
    };
    HostError::Unreachable { engine: "container engine", hint, source: Some(Box::new(error)) }
}

fn says(error: &Error, words: &str) -> bool {
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
            return unreachable(address::given().ok().flatten().as_deref(), error);
        }
        let source: BoxError = if says(&error, "non-overlapping ipv4 address pool") {
            format!("{error}; the engine has no subnet left: try `rehearse sweep`, or `docker network prune`").into()
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

/// The HTTP status the engine answered with, where it is an answer.
pub(crate) fn status(error: &Error) -> Option<u16> {
    if let Error::DockerResponseServerError { status_code, .. } = error { Some(*status_code) } else { None }
}

/// What the engine says is wrong, without bollard's words around it.
pub(crate) fn said(error: &Error) -> String {
    if let Error::DockerResponseServerError { message: text, .. } | Error::DockerStreamError { error: text } = error {
        text.clone()
    } else {
        error.to_string()
    }
}

/// `None` where the engine says there is no such thing.
pub(crate) fn absent_as_none<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if status(&error) == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}
