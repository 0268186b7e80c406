//! Pulling, and why it doesn't work.

use std::collections::HashSet;
use std::time::Duration;

use bollard::errors::Error;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;

use crate::docker::client::{Client, said};
use crate::docker::image::Progress;

/// For the registry to answer at all, and between two words of it.
const SILENCE: Duration = Duration::from_secs(120);
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Why an image was not pulled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotPulled {
    #[error("no registry answers ({0})")]
    NoRegistry(String),
    #[error("the registry has no such image, or does not show it to us ({0})")]
    NotFound(String),
    #[error("the registry allows no more pulls for now; log in, or use a mirror ({0})")]
    RateLimit(String),
    #[error("the registry stopped answering after {0:?}")]
    Stalled(Duration),
    #[error("the pull failed ({0})")]
    Other(String),
}

/// Pulls an image by its public name.
pub(crate) async fn pull(client: &Client, name: &str, progress: Progress<'_>) -> Result<(), NotPulled> {
    // Without a tag the engine would pull all of them.
    let tagged = name.contains('@') || name.rsplit_once(':').is_some_and(|(_, tag)| !tag.contains('/'));
    let image = if tagged { name.to_owned() } else { format!("{name}:latest") };
    let options = CreateImageOptionsBuilder::new().from_image(&image).build();
    let docker = client.patient(SILENCE);
    let mut answers = docker.create_image(Some(options), None, None).boxed();
    let (mut layers, mut done) = (HashSet::new(), 0);
    let pulling = async {
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
    };
    tokio::time::timeout(LIMIT, pulling).await.unwrap_or(Err(NotPulled::Stalled(LIMIT)))
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
    if says(&["toomanyrequests", "rate limit", "429"]) {
        NotPulled::RateLimit(text)
    } else if says(&["manifest unknown", "not found", "access denied", "does not exist", "unauthorized"]) {
        NotPulled::NotFound(text)
    } else if says(&[
        "no such host",
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
            "no registry answers",
        );
        check("Get \"https://example/v2/\": x509: certificate signed by unknown authority", "no registry answers");
        check("manifest for postgres:99 not found: manifest unknown", "the registry has no such image");
        check("pull access denied for rehearse/x, repository does not exist", "the registry has no such image");
        check("toomanyrequests: You have reached your pull rate limit", "the registry allows no more pulls");
        check("no space left on device", "the pull failed");
    }
}
