//! What the services of one deployment share: its network and its volumes.

use std::time::{Duration, SystemTime};

use bollard::models::{NetworkCreateRequest, VolumeCreateRequest};

use crate::docker::client::{failed, refused};
use crate::docker::daemon::Daemon;
use crate::docker::label::{self, carrying};
use crate::docker::removal::{Kind, listing};
use crate::engine::host::HostError;
use rehearse_core::vocabulary::ident::DeploymentName;

/// Creates the network of a deployment, unless it exists.
pub(crate) async fn open(daemon: &Daemon, deployment: &DeploymentName) -> Result<(), HostError> {
    if find_network(daemon, deployment).await?.is_some() {
        return Ok(());
    }
    let request = NetworkCreateRequest {
        name: daemon.ownership.name(deployment, None),
        driver: Some("bridge".into()),
        labels: Some(daemon.ownership.labels(deployment)),
        ..NetworkCreateRequest::default()
    };
    let docker = daemon.client.quick().clone();
    let created = daemon
        .creations
        .create(format!("network of {deployment}"), async move { docker.create_network(request).await })
        .await?;
    daemon.watch.network(&deployment.0, &created.id);
    Ok(())
}

/// The id of the network of an open deployment.
pub(crate) async fn network(daemon: &Daemon, deployment: &DeploymentName) -> Result<String, HostError> {
    let missing = || refused("find", format!("network of {deployment}"), "the deployment is not open");
    find_network(daemon, deployment).await?.ok_or_else(missing)
}

async fn find_network(daemon: &Daemon, deployment: &DeploymentName) -> Result<Option<String>, HostError> {
    let filters = carrying(&[(label::RUN, &daemon.ownership.run), (label::DEPLOYMENT, &deployment.0)]);
    let found = listing(&daemon.client, Kind::Network, &filters).await;
    let found = found.map_err(failed("find", format!("network of {deployment}")))?;
    Ok(found.into_iter().next().map(|network| network.id))
}

/// Marks the run as kept until its lease ends: by a volume, which needs no space and no image.
pub(crate) async fn keep(daemon: &Daemon, lease: Duration) -> Result<(), HostError> {
    daemon.client.wait_until_back().await;
    let (name, labels) = daemon.ownership.mark(SystemTime::now() + lease);
    let request = VolumeCreateRequest { name: Some(name), labels: Some(labels), ..VolumeCreateRequest::default() };
    let created = daemon.client.quick().create_volume(request).await;
    created.map(drop).map_err(failed("mark", "what is kept"))
}

/// Creates a volume of a deployment, unless it exists, and returns its name on the engine.
pub(crate) async fn volume(daemon: &Daemon, deployment: &DeploymentName, volume: &str) -> Result<String, HostError> {
    let name = daemon.ownership.name(deployment, Some(volume));
    let request = VolumeCreateRequest {
        name: Some(name.clone()),
        labels: Some(daemon.ownership.labels(deployment)),
        ..VolumeCreateRequest::default()
    };
    let docker = daemon.client.quick().clone();
    daemon
        .creations
        .create(format!("volume {volume} of {deployment}"), async move { docker.create_volume(request).await })
        .await?;
    Ok(name)
}
