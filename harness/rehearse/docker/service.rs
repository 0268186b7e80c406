//! Services as containers: created, started, stopped, removed and inspected.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, ContainerState, ContainerStateStatusEnum as Status,
    EndpointSettings, HealthStatusEnum, HostConfig, Mount, MountType, NetworkingConfig, PortBinding,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, InspectContainerOptions, StartContainerOptions, StopContainerOptions,
};

use crate::docker::client::{Published, absent_as_none, failed, refused};
use crate::docker::daemon::Daemon;
use crate::docker::deployment;
use crate::docker::label::{self, carrying};
use crate::docker::removal::{Kind, Thing, listing, remove_one};
use crate::engine::host::{HostError, ServiceState};
use rehearse_core::deployment::{MountSource, ServiceSpec};
use rehearse_core::vocabulary::ident::DeploymentName;

/// Creating a container may take long: it may have to copy the content of its image into a volume.
pub(crate) const CREATE: Duration = Duration::from_secs(600);
/// In addition to the grace period of a service: for the engine to kill it and to unmount its file system.
const STOP_MARGIN: Duration = Duration::from_secs(60);
/// How long to wait for the last lines of a log after its process has ended.
const LAST_LINES: Duration = Duration::from_secs(5);

/// What a container is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role<'a> {
    /// It is the service.
    Service,
    /// It runs one command; the suffix makes its name unique.
    OneOff(&'a str),
}

/// A service as errors name it.
pub(crate) fn object(deployment: &DeploymentName, service: &str) -> String {
    format!("service {service} of {deployment}")
}

/// Creates a service that does not exist, and follows its log. If this is dropped midway, the container may still be
/// created; its labels let teardown find it.
pub(crate) async fn create(daemon: &Daemon, deployment: &DeploymentName, spec: &ServiceSpec) -> Result<(), HostError> {
    if find(daemon, deployment, &spec.name, "create").await?.is_some() {
        return Err(refused("create", object(deployment, &spec.name), "it exists already; remove it first"));
    }
    let id = create_container(daemon, deployment, spec, Role::Service).await?;
    daemon.logs.begin(deployment, &spec.name, &id);
    follow(daemon, deployment, &spec.name, &id).await
}

/// Starts a created or stopped service. Its log is followed from before the start, so that no line is lost.
pub(crate) async fn start(daemon: &Daemon, deployment: &DeploymentName, service: &str) -> Result<(), HostError> {
    let id = present(daemon, deployment, service, "start").await?;
    follow(daemon, deployment, service, &id).await?;
    let network = deployment::network(daemon, deployment).await?;
    daemon.watch.container(&deployment.0, &id, object(deployment, service), &network);
    let docker = daemon.client.patient(CREATE);
    docker
        .start_container(&id, None::<StartContainerOptions>)
        .await
        .map_err(failed("start", object(deployment, service)))
}

/// Stops a service and makes sure that it has stopped. The container itself says how long it may take.
pub(crate) async fn stop(daemon: &Daemon, deployment: &DeploymentName, service: &str) -> Result<(), HostError> {
    let object = object(deployment, service);
    let Some(id) = find(daemon, deployment, service, "stop").await? else { return Ok(()) };
    daemon.watch.release(&id);
    let Some(container) = inspect_id(daemon, &id).await.map_err(failed("stop", object.clone()))? else { return Ok(()) };
    if !is_running(container.state.as_ref()) {
        return Ok(());
    }
    let grace = container.config.and_then(|config| config.stop_timeout).and_then(|grace| u64::try_from(grace).ok());
    let docker = daemon.client.patient(Duration::from_secs(grace.unwrap_or(10)) + STOP_MARGIN);
    docker.stop_container(&id, None::<StopContainerOptions>).await.map_err(failed("stop", object.clone()))?;
    for _ in 0..20 {
        let container = inspect_id(daemon, &id).await.map_err(failed("stop", object.clone()))?;
        if !container.is_some_and(|container| is_running(container.state.as_ref())) {
            daemon.logs.settle(&id, LAST_LINES).await;
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    Err(refused("stop", object, "the engine reports that it stopped, but its process still runs"))
}

/// Removes a service and its anonymous volumes. Named volumes stay.
pub(crate) async fn remove(daemon: &Daemon, deployment: &DeploymentName, service: &str) -> Result<(), HostError> {
    let object = object(deployment, service);
    for thing in all(daemon, deployment, service).await.map_err(failed("remove", object.clone()))? {
        daemon.watch.release(&thing.id);
        remove_one(&daemon.client, &thing).await.map_err(failed("remove", object.clone()))?;
        daemon.logs.settle(&thing.id, LAST_LINES).await;
    }
    Ok(())
}

/// The state of a service.
pub(crate) async fn state(
    daemon: &Daemon,
    deployment: &DeploymentName,
    service: &str,
) -> Result<ServiceState, HostError> {
    let Some(id) = find(daemon, deployment, service, "inspect").await? else { return Ok(ServiceState::Absent) };
    let container = inspect_id(daemon, &id).await.map_err(failed("inspect", object(deployment, service)))?;
    let Some(state) = container.and_then(|container| container.state) else { return Ok(ServiceState::Absent) };
    match state.status {
        Some(Status::CREATED) => Ok(ServiceState::Created),
        Some(Status::RUNNING | Status::PAUSED | Status::RESTARTING | Status::STOPPING) => {
            let health = state.health.and_then(|health| health.status).and_then(health_name);
            Ok(ServiceState::Running { health: health.map(str::to_owned) })
        }
        Some(Status::EXITED | Status::DEAD | Status::REMOVING | Status::EMPTY) | None => {
            daemon.logs.settle(&id, LAST_LINES).await;
            let code = state.exit_code.unwrap_or(-1);
            Ok(ServiceState::Exited { code, out_of_memory: state.oom_killed.unwrap_or(false) })
        }
    }
}

/// The address at which a port of a running service is reached.
pub(crate) async fn address(
    daemon: &Daemon,
    deployment: &DeploymentName,
    service: &str,
    port: u16,
) -> Result<SocketAddr, HostError> {
    let object = format!("port {port} of {}", object(deployment, service));
    let container = inspect(daemon, deployment, service, "find").await?;
    let mut ports = container.network_settings.and_then(|settings| settings.ports).unwrap_or_default();
    let bindings = ports.remove(&format!("{port}/tcp")).flatten().unwrap_or_default();
    let bound = bindings.into_iter().filter_map(|binding| {
        let ip: Option<IpAddr> = binding.host_ip.and_then(|ip| ip.parse().ok());
        Some((ip, binding.host_port?.parse::<u16>().ok().filter(|port| *port != 0)?))
    });
    // IPv4 is preferred: newer engines publish different ports on IPv6.
    let bound = bound.min_by_key(|(ip, _)| ip.is_some_and(|ip| ip.is_ipv6()));
    let Some((_, published)) = bound else {
        return Err(refused(
            "find",
            object,
            "it is not published; check that the service runs and that its `ports` lists it",
        ));
    };
    match daemon.client.published() {
        Published::Loopback => Ok(SocketAddr::from(([127, 0, 0, 1], published))),
        Published::Gateway(ip) => Ok(SocketAddr::from((*ip, published))),
        Published::Everywhere(name) => {
            let addresses = tokio::net::lookup_host((name.as_str(), published)).await;
            let mut addresses = addresses.map_err(|error| refused("find", object.clone(), error))?;
            addresses.next().ok_or_else(|| refused("find", object, format!("{name} has no address")))
        }
    }
}

/// Creates a container as a spec says, with the volumes it needs, and returns its id.
pub(crate) async fn create_container(
    daemon: &Daemon,
    deployment: &DeploymentName,
    spec: &ServiceSpec,
    role: Role<'_>,
) -> Result<String, HostError> {
    let network = deployment::network(daemon, deployment).await?;
    let mut mounts = Vec::new();
    for mount in &spec.mounts {
        let MountSource::Volume(volume) = &mount.source else { continue };
        let source = deployment::volume(daemon, deployment, volume).await?;
        mounts.push(Mount {
            typ: Some(MountType::VOLUME),
            source: Some(source),
            target: Some(mount.target.clone()),
            ..Mount::default()
        });
    }
    let body = body(daemon, deployment, spec, role, network, mounts);
    let part = match role {
        Role::Service => spec.name.clone(),
        Role::OneOff(suffix) => format!("{}-{suffix}", spec.name),
    };
    let options = CreateContainerOptionsBuilder::new().name(&daemon.ownership.name(deployment, Some(&part))).build();
    let docker = daemon.client.patient(CREATE);
    let creating = async move { docker.create_container(Some(options), body).await };
    let object = object(deployment, &spec.name);
    let created = daemon.creations.create(object.clone(), creating).await;
    if created.is_err() {
        daemon.watch.image(&spec.image, &object).await;
    }
    Ok(created?.id)
}

fn body(
    daemon: &Daemon,
    deployment: &DeploymentName,
    spec: &ServiceSpec,
    role: Role<'_>,
    network: String,
    mounts: Vec<Mount>,
) -> ContainerCreateBody {
    let mut labels = daemon.ownership.labels(deployment);
    labels.insert(label::SERVICE.into(), spec.name.clone());
    let (aliases, ports) = match role {
        Role::Service => (
            std::iter::once(&spec.name).chain(&spec.hostname).chain(&spec.aliases).cloned().collect(),
            spec.ports.as_slice(),
        ),
        Role::OneOff(_) => {
            labels.insert(label::ONE_OFF.into(), "true".into());
            (Vec::new(), [].as_slice())
        }
    };
    let ip = match daemon.client.published() {
        Published::Loopback => "127.0.0.1".to_owned(),
        Published::Gateway(ip) => ip.to_string(),
        Published::Everywhere(_) => String::new(),
    };
    let binding = PortBinding { host_ip: Some(ip), host_port: Some(String::new()) };
    let names: Vec<String> = ports.iter().map(|port| format!("{port}/tcp")).collect();
    let bindings = names.iter().map(|name| (name.clone(), Some(vec![binding.clone()]))).collect();
    let memory = spec.mounts.iter().filter(|mount| mount.source == MountSource::Memory);
    let endpoint = EndpointSettings { aliases: Some(aliases), ..EndpointSettings::default() };
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        entrypoint: spec.entrypoint.clone(),
        cmd: spec.command.clone(),
        env: Some(spec.env.iter().map(|(key, value)| format!("{key}={value}")).collect()),
        hostname: spec.hostname.clone(),
        user: spec.user.clone(),
        working_dir: spec.workdir.clone(),
        labels: Some(labels),
        exposed_ports: Some(names),
        stop_timeout: Some(i64::try_from(spec.stop_grace.as_millis().div_ceil(1000)).unwrap_or(i64::MAX)),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(network.clone(), endpoint)])),
        }),
        host_config: Some(HostConfig {
            network_mode: Some(network),
            mounts: Some(mounts),
            tmpfs: Some(memory.map(|mount| (mount.target.clone(), String::new())).collect()),
            port_bindings: Some(bindings),
            shm_size: spec.shm_size.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
            memory: spec.memory.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
            nano_cpus: spec.cpus.map(|cpus| (cpus * 1e9) as i64),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

/// The id of the container of a service that has to exist.
pub(crate) async fn present(
    daemon: &Daemon,
    deployment: &DeploymentName,
    service: &str,
    operation: &'static str,
) -> Result<String, HostError> {
    let absent = || refused(operation, object(deployment, service), "there is no such service");
    find(daemon, deployment, service, operation).await?.ok_or_else(absent)
}

/// Everything that the engine reports about a service that has to exist.
pub(crate) async fn inspect(
    daemon: &Daemon,
    deployment: &DeploymentName,
    service: &str,
    operation: &'static str,
) -> Result<ContainerInspectResponse, HostError> {
    let id = present(daemon, deployment, service, operation).await?;
    let container = inspect_id(daemon, &id).await.map_err(failed(operation, object(deployment, service)))?;
    container.ok_or_else(|| refused(operation, object(deployment, service), "it was removed meanwhile"))
}

pub(crate) async fn find(
    daemon: &Daemon,
    deployment: &DeploymentName,
    service: &str,
    operation: &'static str,
) -> Result<Option<String>, HostError> {
    let found = all(daemon, deployment, service).await.map_err(failed(operation, object(deployment, service)))?;
    Ok(found.into_iter().next().map(|thing| thing.id))
}

async fn all(
    daemon: &Daemon,
    deployment: &DeploymentName,
    service: &str,
) -> Result<Vec<Thing>, bollard::errors::Error> {
    let labels =
        [(label::RUN, daemon.ownership.run.as_str()), (label::DEPLOYMENT, &deployment.0), (label::SERVICE, service)];
    let mut found = listing(&daemon.client, Kind::Container, &carrying(&labels)).await?;
    found.retain(|thing| !thing.labels.contains_key(label::ONE_OFF));
    Ok(found)
}

async fn inspect_id(daemon: &Daemon, id: &str) -> Result<Option<ContainerInspectResponse>, bollard::errors::Error> {
    absent_as_none(daemon.client.quick().inspect_container(id, None::<InspectContainerOptions>).await)
}

async fn follow(daemon: &Daemon, deployment: &DeploymentName, service: &str, id: &str) -> Result<(), HostError> {
    let followed = daemon.logs.follow(daemon.client.quick(), id).await;
    followed.map_err(failed("follow the log of", object(deployment, service)))
}

fn is_running(state: Option<&ContainerState>) -> bool {
    state.and_then(|state| state.running).unwrap_or(false)
}

fn health_name(status: HealthStatusEnum) -> Option<&'static str> {
    match status {
        HealthStatusEnum::STARTING => Some("starting"),
        HealthStatusEnum::HEALTHY => Some("healthy"),
        HealthStatusEnum::UNHEALTHY => Some("unhealthy"),
        HealthStatusEnum::NONE | HealthStatusEnum::EMPTY => None,
    }
}
