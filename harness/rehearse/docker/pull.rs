//! Pulls images, and explains why a pull failed.

use std::collections::HashSet;
use std::time::Duration;

use bollard::auth::DockerCredentials;
use bollard::errors::Error;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;
use tokio::time::Instant;

use crate::docker::client::{Client, engine_message};
use crate::docker::making::Progress;

/// How long the registry may take to respond, and between two pieces of a response.
const NO_RESPONSE_AFTER: Duration = Duration::from_secs(120);
/// The limit for all attempts together.
const LIMIT: Duration = Duration::from_secs(30 * 60);
/// The pauses before further attempts, for errors that may be temporary.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(15)];
/// After failing for this long, a pull is not tried again: no registry responds here.
const GIVE_UP_AFTER: Duration = Duration::from_secs(60);

/// Why an image was not pulled, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PullError {
    #[error("no registry answers: its name cannot be resolved; check the network and its DNS ({0})")]
    NoName(String),
    #[error("no registry answers; check the network and the proxy ({0})")]
    NoRegistry(String),
    #[error("the registry's certificate is not valid at this machine's time; check the clock with `timedatectl` ({0})")]
    Clock(String),
    #[error("the registry has no such image, or needs a login: `docker login` ({0})")]
    NotFound(String),
    #[error("the registry allows no more pulls for now; log in with `docker login`, or use a mirror ({0})")]
    RateLimit(String),
    #[error("the registry has an internal error; try again later ({0})")]
    Trouble(String),
    #[error("the registry did not respond for {0:?}")]
    Stalled(Duration),
    #[error("the pull failed ({0})")]
    Other(String),
}

impl PullError {
    /// Whether another attempt may succeed.
    fn is_temporary(&self) -> bool {
        match self {
            Self::NoRegistry(_) | Self::RateLimit(_) | Self::Trouble(_) | Self::Stalled(_) => true,
            Self::NoName(_) | Self::Clock(_) | Self::NotFound(_) | Self::Other(_) => false,
        }
    }

    /// Whether it affects every image in the registry.
    pub(crate) fn is_of_the_registry(&self) -> bool {
        match self {
            Self::NoName(_) | Self::NoRegistry(_) | Self::Clock(_) => true,
            Self::NotFound(_) | Self::RateLimit(_) | Self::Trouble(_) | Self::Stalled(_) | Self::Other(_) => false,
        }
    }
}

/// Pulls an image by its public name, and tries again after temporary errors.
pub(crate) async fn pull(
    client: &Client,
    name: &str,
    login: Option<&DockerCredentials>,
    progress: Progress<'_>,
) -> Result<(), PullError> {
    let began = Instant::now();
    let pulling = async {
        let mut pauses = PAUSES.into_iter();
        loop {
            let Err(error) = pull_once(client, name, login, progress).await else { return Ok(()) };
            let pause = pauses.next().filter(|_| error.is_temporary() && began.elapsed() < GIVE_UP_AFTER);
            let Some(pause) = pause else { return Err(error) };
            progress(format!("{error}; trying again in {pause:?}"));
            tokio::time::sleep(pause).await;
        }
    };
    tokio::time::timeout(LIMIT, pulling).await.unwrap_or(Err(PullError::Stalled(LIMIT)))
}

async fn pull_once(
    client: &Client,
    name: &str,
    login: Option<&DockerCredentials>,
    progress: Progress<'_>,
) -> Result<(), PullError> {
    // Without a tag the engine would pull all of them.
    let tagged = name.contains('@') || name.rsplit_once(':').is_some_and(|(_, tag)| !tag.contains('/'));
    let image = if tagged { name.to_owned() } else { format!("{name}:latest") };
    let options = CreateImageOptionsBuilder::new().from_image(&image).build();
    let docker = client.patient(NO_RESPONSE_AFTER);
    let mut responses = docker.create_image(Some(options), None, login.cloned()).boxed();
    let (mut layers, mut done) = (HashSet::new(), 0);
    while let Some(response) = tokio::time::timeout(NO_RESPONSE_AFTER, responses.next()).await.map_err(|_| stalled())? {
        let response = response.map_err(classify)?;
        let (Some(layer), Some(status)) = (response.id, response.status) else { continue };
        if status.starts_with("Pulling fs layer") || status.starts_with("Already exists") {
            layers.insert(layer);
        }
        if status.starts_with("Pull complete") || status.starts_with("Already exists") {
            done += 1;
            progress(format!("pulled {done} of {} layers", layers.len()));
        }
    }
    Ok(())
}

fn stalled() -> PullError {
    PullError::Stalled(NO_RESPONSE_AFTER)
}

fn classify(error: Error) -> PullError {
    if matches!(error, Error::RequestTimeoutError) {
        return stalled();
    }
    let text = engine_message(&error);
    let lower = text.to_ascii_lowercase();
    let mentions = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if mentions(&["toomanyrequests", "rate limit", "too many requests", "429"]) {
        PullError::RateLimit(text)
    } else if mentions(&["certificate has expired or is not yet valid"]) {
        PullError::Clock(text)
    } else if mentions(&["no such host"]) {
        PullError::NoName(text)
    } else if mentions(&[
        "manifest unknown",
        "not found",
        "access denied",
        "does not exist",
        "unauthorized",
        "no basic auth",
    ]) {
        PullError::NotFound(text)
    } else if mentions(&["http status: 5", "internal server error", "bad gateway", "service unavailable"]) {
        PullError::Trouble(text)
    } else if mentions(&[
        "server misbehaving",
        "name resolution",
        "connection refused",
        "network is unreachable",
        "no route to host",
        "i/o timeout",
        "timeout exceeded",
        "deadline exceeded",
        "proxyconnect",
        "tls handshake",
        "x509",
        "connection reset",
        "eof",
        "forbidden",
    ]) {
        PullError::NoRegistry(text)
    } else {
        PullError::Other(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_pull_is_explained_by_its_cause() {
        let check = |message: &str, expected: &str| {
            let error = Error::DockerResponseServerError { status_code: 500, message: message.into() };
            let message = classify(error).to_string();
            assert!(message.starts_with(expected), "{message}");
        };
        check(
            "Get \"https://example/v2/\": dial tcp: lookup example on 10.0.0.1:53: no such host",
            "no registry answers: its name cannot be resolved",
        );
        check(
            "Get \"https://example/v2/\": x509: certificate has expired or is not yet valid: current time 2019-01-01",
            "the registry's certificate is not valid at this machine's time",
        );
        check("received unexpected HTTP status: 503 Service Unavailable", "the registry has an internal error");
        check("Get \"https://example/v2/\": x509: certificate signed by unknown authority", "no registry answers");
        check("manifest for postgres:99 not found: manifest unknown", "the registry has no such image");
        check("pull access denied for rehearse/x, repository does not exist", "the registry has no such image");
        check("toomanyrequests: You have reached your pull rate limit", "the registry allows no more pulls");
        check("no space left on device", "the pull failed");
    }
}
