//! Pulling, and why it doesn't work.

use std::collections::HashSet;
use std::time::Duration;

use bollard::auth::DockerCredentials;
use bollard::errors::Error;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;
use tokio::time::Instant;

use crate::docker::client::{Client, said};
use crate::docker::making::Progress;

/// For the registry to answer at all, and between two words of it.
const SILENCE: Duration = Duration::from_secs(120);
/// All tries together.
const LIMIT: Duration = Duration::from_secs(30 * 60);
/// Before the second try, the third and the fourth of what may pass by itself.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(15)];
/// What kept failing for this long is not tried again: nothing answers here.
const TRIED: Duration = Duration::from_secs(60);

/// Why an image was not pulled, and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotPulled {
    #[error("no registry answers, its name is not known here; is there a network, and is its DNS right? ({0})")]
    NoName(String),
    #[error("no registry answers; is the network up, and the proxy right? ({0})")]
    NoRegistry(String),
    #[error("the registry's certificate is not valid at this machine's time; is the clock right? (timedatectl) ({0})")]
    Clock(String),
    #[error("the registry has no such image, or does not show it to us; `docker login` where it wants one ({0})")]
    NotFound(String),
    #[error("the registry allows no more pulls for now; log in with `docker login`, or use a mirror ({0})")]
    RateLimit(String),
    #[error("the registry is in trouble; try again later ({0})")]
    Trouble(String),
    #[error("the registry stopped answering after {0:?}")]
    Stalled(Duration),
    #[error("the pull failed ({0})")]
    Other(String),
}

impl NotPulled {
    /// Whether the same may work in a moment.
    fn may_pass(&self) -> bool {
        match self {
            Self::NoRegistry(_) | Self::RateLimit(_) | Self::Trouble(_) | Self::Stalled(_) => true,
            Self::NoName(_) | Self::Clock(_) | Self::NotFound(_) | Self::Other(_) => false,
        }
    }

    /// Whether it says something about every image there.
    pub(crate) fn is_of_the_registry(&self) -> bool {
        match self {
            Self::NoName(_) | Self::NoRegistry(_) | Self::Clock(_) => true,
            Self::NotFound(_) | Self::RateLimit(_) | Self::Trouble(_) | Self::Stalled(_) | Self::Other(_) => false,
        }
    }
}

/// Pulls an image by its public name, and again after a while where what came between may pass.
pub(crate) async fn pull(
    client: &Client,
    name: &str,
    login: Option<&DockerCredentials>,
    progress: Progress<'_>,
) -> Result<(), NotPulled> {
    let began = Instant::now();
    let pulling = async {
        let mut pauses = PAUSES.into_iter();
        loop {
            let Err(not) = once(client, name, login, progress).await else { return Ok(()) };
            let pause = pauses.next().filter(|_| not.may_pass() && began.elapsed() < TRIED);
            let Some(pause) = pause else { return Err(not) };
            progress(format!("{name}: {not}; again in {pause:?}"));
            tokio::time::sleep(pause).await;
        }
    };
    tokio::time::timeout(LIMIT, pulling).await.unwrap_or(Err(NotPulled::Stalled(LIMIT)))
}

async fn once(
    client: &Client,
    name: &str,
    login: Option<&DockerCredentials>,
    progress: Progress<'_>,
) -> Result<(), NotPulled> {
    // Without a tag the engine would pull all of them.
    let tagged = name.contains('@') || name.rsplit_once(':').is_some_and(|(_, tag)| !tag.contains('/'));
    let image = if tagged { name.to_owned() } else { format!("{name}:latest") };
    let options = CreateImageOptionsBuilder::new().from_image(&image).build();
    let docker = client.patient(SILENCE);
    let mut answers = docker.create_image(Some(options), None, login.cloned()).boxed();
    let (mut layers, mut done) = (HashSet::new(), 0);
    while let Some(answer) = tokio::time::timeout(SILENCE, answers.next()).await.map_err(|_| stalled())? {
        let answer = answer.map_err(classify)?;
        let (Some(layer), Some(status)) = (answer.id, answer.status) else { continue };
        if status.starts_with("Pulling fs layer") || status.starts_with("Already exists") {
            layers.insert(layer);
        }
        if status.starts_with("Pull complete") || status.starts_with("Already exists") {
            done += 1;
            progress(format!("{name}: pulled {done} of {} layers", layers.len()));
        }
    }
    Ok(())
}

fn stalled() -> NotPulled {
    NotPulled::Stalled(SILENCE)
}

fn classify(error: Error) -> NotPulled {
    if matches!(error, Error::RequestTimeoutError) {
        return stalled();
    }
    let text = said(&error);
    let lower = text.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if says(&["toomanyrequests", "rate limit", "too many requests", "429"]) {
        NotPulled::RateLimit(text)
    } else if says(&["certificate has expired or is not yet valid"]) {
        NotPulled::Clock(text)
    } else if says(&["no such host"]) {
        NotPulled::NoName(text)
    } else if says(&[
        "manifest unknown",
        "not found",
        "access denied",
        "does not exist",
        "unauthorized",
        "no basic auth",
    ]) {
        NotPulled::NotFound(text)
    } else if says(&["http status: 5", "internal server error", "bad gateway", "service unavailable"]) {
        NotPulled::Trouble(text)
    } else if says(&[
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
        NotPulled::NoRegistry(text)
    } else {
        NotPulled::Other(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_pull_is_told_by_its_cause() {
        let check = |message: &str, expected: &str| {
            let error = Error::DockerResponseServerError { status_code: 500, message: message.into() };
            let told = classify(error).to_string();
            assert!(told.starts_with(expected), "{told}");
        };
        check(
            "Get \"https://example/v2/\": dial tcp: lookup example on 10.0.0.1:53: no such host",
            "no registry answers, its name is not known",
        );
        check(
            "Get \"https://example/v2/\": x509: certificate has expired or is not yet valid: current time 2019-01-01",
            "the registry's certificate is not valid at this machine's time",
        );
        check("received unexpected HTTP status: 503 Service Unavailable", "the registry is in trouble");
        check("Get \"https://example/v2/\": x509: certificate signed by unknown authority", "no registry answers");
        check("manifest for postgres:99 not found: manifest unknown", "the registry has no such image");
        check("pull access denied for rehearse/x, repository does not exist", "the registry has no such image");
        check("toomanyrequests: You have reached your pull rate limit", "the registry allows no more pulls");
        check("no space left on device", "the pull failed");
    }
}
