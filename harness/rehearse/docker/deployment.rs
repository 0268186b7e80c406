//! What the services of one deployment share: its network, its volumes, and the way to its ports.

use std::net::{IpAddr, SocketAddr};

use bollard::models::{NetworkCreateRequest, VolumeCreateRequest};

use crate::docker::client::{Published, failed, refused};
use crate::docker::host::DockerHost;
use crate::docker::label::{self, carrying};
use crate::docker::removal::{Kind, listing};
use crate::docker::service;
use crate::engine::host::HostError;
use rehearse_core::vocabulary::ident::DeploymentName;

/// Makes the network of a deployment, unless it is there.
pub(crate) async fn open(host: &DockerHost, deployment: &DeploymentName) -> Result<(), HostError> {
    if find_network(host, deployment).await?.is_some() {
        return Ok(());
    }
    let request = NetworkCreateRequest {
        name: host.ownership.name(deployment, None),
        driver: Some("bridge".into()),
        labels: Some(host.ownership.labels(deployment)),
        ..NetworkCreateRequest::default()
    };
    let docker = host.client.quick().clone();
    let made = host
        .creations
        .make(format!("network of {deployment}"), async move { docker.create_network(request).await })
        .await?;
    host.watch.network(&deployment.0, &made.id);
    Ok(())
}

/// The id of the network of a deployment that is open.
pub(crate) async fn network(host: &DockerHost, deployment: &DeploymentName) -> Result<String, HostError> {
    let missing = || refused("find", format!("network of {deployment}"), "the deployment is not open");
    find_network(host, deployment).await?.ok_or_else(missing)
}

async fn find_network(host: &DockerHost, deployment: &DeploymentName) -> Result<Option<String>, HostError> {
    let filters = carrying(&[(label::RUN, &host.ownership.run), (label::DEPLOYMENT, &deployment.0)]);
    let found = listing(&host.client, Kind::Network, &filters).await;
    let found = found.map_err(failed("find", format!("network of {deployment}")))?;
    Ok(found.into_iter().next().map(|network| network.id))
}

/// Makes a volume of a deployment, unless it is there, and tells the engine's name of it.
pub(crate) async fn volume(host: &DockerHost, deployment: &DeploymentName, volume: &str) -> Result<String, HostError> {
    let name = host.ownership.name(deployment, Some(volume));
    let request = VolumeCreateRequest {
        name: Some(name.clone()),
        labels: Some(host.ownership.labels(deployment)),
        ..VolumeCreateRequest::default()
    };
    let docker = host.client.quick().clone();
    host.creations
        .make(format!("volume {volume} of {deployment}"), async move { docker.create_volume(request).await })
        .await?;
    Ok(name)
}

/// Where the harness reaches a port of a running service.
pub(crate) async fn address(
    host: &DockerHost,
    deployment: &DeploymentName,
    service: &str,
    port: u16,
) -> Result<SocketAddr, HostError> {
    let object = format!("port {port} of {}", service::object(deployment, service));
    let seen = service::inspect(host, deployment, service, "find").await?;
    let mut ports = seen.network_settings.and_then(|settings| settings.ports).unwrap_or_default();
    let bindings = ports.remove(&format!("{port}/tcp")).flatten().unwrap_or_default();
    let bound = bindings.into_iter().filter_map(|binding| {
        let ip: Option<IpAddr> = binding.host_ip.and_then(|ip| ip.parse().ok());
        Some((ip, binding.host_port?.parse::<u16>().ok().filter(|port| *port != 0)?))
    });
    // IPv4 first: newer engines publish other ports on IPv6.
    let bound = bound.min_by_key(|(ip, _)| ip.is_some_and(|ip| ip.is_ipv6()));
    let Some((_, published)) = bound else {
        return Err(refused("find", object, "it is not published; does the service run, and is the port in its spec?"));
    };
    match host.client.published() {
        Published::Loopback => Ok(SocketAddr::from(([127, 0, 0, 1], published))),
        Published::Gateway(ip) => Ok(SocketAddr::from((*ip, published))),
        Published::Everywhere(name) => {
            let addresses = tokio::net::lookup_host((name.as_str(), published)).await;
            let mut addresses = addresses.map_err(|error| refused("find", object.clone(), error))?;
            addresses.next().ok_or_else(|| refused("find", object, format!("{name} has no address")))
        }
    }
}
