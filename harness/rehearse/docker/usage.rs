//! How much space containers and volumes take, as the engine says.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs};

use serde_json::Value;

use crate::docker::address;
use crate::engine::host::{BoxError, HostError};

/// The socket where an engine listens unless it is told otherwise.
const SOCKET: &str = "/var/run/docker.sock";
/// Where it is asked. Without a version, because no version is understood by every engine; those that list things only on
/// demand are asked to.
const PATH: &str = "system/df?type=container&type=volume&verbose=1";

/// What takes space on an engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    containers: BTreeMap<String, ContainerUsage>,
    /// By name; `None` if the engine does not know.
    volumes: BTreeMap<String, Option<u64>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ContainerUsage {
    /// What it has written beside its image and its volumes.
    written: Option<u64>,
    /// The volumes that it uses, with those that have no name of ours.
    volumes: Vec<String>,
}

impl Usage {
    /// The bytes that go with these containers and volumes; `None` if the engine does not know all of them.
    pub fn of<'n>(
        &self,
        containers: impl IntoIterator<Item = &'n str>,
        volumes: impl IntoIterator<Item = &'n str>,
    ) -> Option<u64> {
        let mut bytes = 0;
        let mut all: BTreeSet<&str> = volumes.into_iter().collect();
        for name in containers {
            let container = self.containers.get(name)?;
            bytes += container.written?;
            all.extend(container.volumes.iter().map(String::as_str));
        }
        for name in all {
            bytes += (*self.volumes.get(name)?)?;
        }
        Some(bytes)
    }

    /// Reads the engine's response: up to version 1.51 of its interface, or later.
    fn read(response: &Value) -> Self {
        let items = |old: &str, new: &str| {
            let found = response.get(old).filter(|list| list.is_array()).or_else(|| response.get(new)?.get("Items"));
            found.and_then(Value::as_array).cloned().unwrap_or_default()
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let containers = items("Containers", "ContainerUsage").into_iter().filter_map(|item| {
            let name = item.pointer("/Names/0")?.as_str()?.trim_start_matches('/').to_owned();
            // A container that has written nothing has no such field.
            let written = item.get("SizeRw").map_or(Some(0), Value::as_u64);
            let mounts = item.get("Mounts").and_then(Value::as_array).into_iter().flatten();
            let volumes = mounts.filter(|mount| mount.get("Type").is_some_and(|kind| kind == "volume"));
            let volumes = volumes.filter_map(|mount| text(mount.get("Name")?)).collect();
            Some((name, ContainerUsage { written, volumes }))
        });
        let volumes = items("Volumes", "VolumeUsage").into_iter().filter_map(|item| {
            // Minus one: not available.
            let size = item.pointer("/UsageData/Size").and_then(Value::as_u64);
            Some((text(item.get("Name")?)?, size))
        });
        Self { containers: containers.collect(), volumes: volumes.collect() }
    }
}

/// Asks the engine, which may have to look at every file for it.
///
/// # Errors
/// When it does not say within `limit`.
pub async fn usage(limit: Duration) -> Result<Usage, HostError> {
    let address = address::from_env()?.unwrap_or_else(|| format!("unix://{SOCKET}"));
    usage_at(&address, limit).await
}

async fn usage_at(address: &str, limit: Duration) -> Result<Usage, HostError> {
    let asking = async {
        let (client, root) = client(address)?;
        let response = client.get(format!("{root}/{PATH}")).send().await?.error_for_status()?;
        Ok::<_, BoxError>(Usage::read(&response.json().await?))
    };
    let what = "the sizes of containers and volumes";
    match tokio::time::timeout(limit, asking).await {
        Ok(Ok(usage)) => Ok(usage),
        Ok(Err(source)) => Err(HostError::Operation { operation: "read", object: what.to_owned(), source }),
        Err(_) => Err(HostError::Deadline { what: format!("reading {what}"), limit }),
    }
}

/// A client for the engine's own interface, and the address at which it is: what this asks for is what bollard cannot read
/// from engines of different ages.
fn client(address: &str) -> Result<(reqwest::Client, String), BoxError> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().no_proxy();
    let (scheme, rest) = address.split_once("://").unwrap_or(("unix", SOCKET));
    if scheme == "unix" {
        return Ok((builder.unix_socket(PathBuf::from(rest)).build()?, "http://engine".to_owned()));
    }
    let rest = rest.trim_end_matches('/');
    if scheme != "https" && env::var_os("DOCKER_TLS_VERIFY").is_none() {
        return Ok((builder.build()?, format!("http://{rest}")));
    }
    let folder = certificates().ok_or("there is no folder of certificates")?;
    let read = |name: &str| fs::read(folder.join(name));
    let authority = reqwest::Certificate::from_pem(&read("ca.pem")?)?;
    let identity = reqwest::Identity::from_pem(&[read("key.pem")?, read("cert.pem")?].concat())?;
    Ok((builder.tls_certs_only([authority]).identity(identity).build()?, format!("https://{rest}")))
}

/// The folder of the certificates for an engine behind TLS, as the Docker client finds it.
fn certificates() -> Option<PathBuf> {
    let named = ["DOCKER_CERT_PATH", "DOCKER_CONFIG"].into_iter().find_map(env::var_os);
    named.map(PathBuf::from).or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".docker")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTAINERS: &str = r#"[
        { "Names": ["/web"], "SizeRw": 100, "Mounts": [{ "Type": "volume", "Name": "anonymous" }, { "Type": "bind" }] },
        { "Names": ["/db"], "Mounts": [{ "Type": "volume", "Name": "data" }] }
    ]"#;
    const VOLUMES: &str = r#"[
        { "Name": "data", "UsageData": { "Size": 5000, "RefCount": 1 } },
        { "Name": "anonymous", "UsageData": { "Size": 30, "RefCount": 1 } },
        { "Name": "remote", "UsageData": { "Size": -1, "RefCount": 0 } }
    ]"#;

    #[test]
    fn sizes_are_read_as_engines_of_every_age_give_them() -> Result<(), serde_json::Error> {
        let old = format!(r#"{{ "LayersSize": 1, "Containers": {CONTAINERS}, "Volumes": {VOLUMES} }}"#);
        let new = format!(
            r#"{{ "ContainerUsage": {{ "TotalCount": 2, "Items": {CONTAINERS} }}, "VolumeUsage": {{ "Items": {VOLUMES} }} }}"#
        );
        for response in [old, new] {
            let usage = Usage::read(&serde_json::from_str(&response)?);
            assert_eq!(usage.of(["web", "db"], ["data"]), Some(5130));
            assert_eq!(usage.of([], ["data"]), Some(5000));
            assert_eq!(usage.of([], []), Some(0));
        }
        Ok(())
    }

    #[tokio::test]
    async fn an_engine_that_does_not_say_is_not_waited_for() -> std::io::Result<()> {
        let silent = std::net::TcpListener::bind("127.0.0.1:0")?;
        let address = format!("tcp://{}", silent.local_addr()?);
        let asked = usage_at(&address, Duration::from_millis(100)).await;
        assert!(matches!(asked, Err(HostError::Deadline { .. })), "{asked:?}");
        Ok(())
    }

    #[test]
    fn what_the_engine_does_not_know_is_unknown_and_not_nothing() -> Result<(), serde_json::Error> {
        let usage = Usage::read(&serde_json::from_str(&format!(r#"{{ "Containers": null, "Volumes": {VOLUMES} }}"#))?);
        assert_eq!((usage.of(["web"], []), usage.of([], ["remote"]), usage.of([], ["gone"])), (None, None, None));
        Ok(())
    }
}
