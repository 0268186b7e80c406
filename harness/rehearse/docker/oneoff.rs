//! One-off containers: a command in a container of its own, next to the services.
//!
//! If a call is dropped midway, its container is removed in the background, at the latest by teardown, which finds it by
//! its labels.

use std::sync::atomic::{AtomicUsize, Ordering};

use bollard::errors::Error;
use bollard::query_parameters::{InspectContainerOptions, StartContainerOptions, WaitContainerOptions};
use futures_util::StreamExt;

use crate::docker::client::{failed, refused};
use crate::docker::daemon::Daemon;
use crate::docker::deployment;
use crate::docker::ending::Ending;
use crate::docker::logs::attach;
use crate::docker::output::forward;
use crate::docker::removal::{Thing, remove_one};
use crate::docker::service::{self, Role};
use crate::engine::host::{HostError, Sink};
use rehearse_core::deployment::ServiceSpec;
use rehearse_core::vocabulary::ident::DeploymentName;

static COUNT: AtomicUsize = AtomicUsize::new(1);

/// Runs a container as `spec` says to its end, and returns its exit code.
pub(crate) async fn run(
    daemon: &Daemon,
    deployment: &DeploymentName,
    spec: &ServiceSpec,
    sink: &mut dyn Sink,
) -> Result<i64, HostError> {
    let object = format!("one-off {} of {deployment}", spec.name);
    let suffix = format!("run{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let id = service::create_container(daemon, deployment, spec, Role::OneOff(&suffix)).await?;
    let network = deployment::network(daemon, deployment).await?;
    daemon.watch.container(&deployment.0, &id, object.clone(), &network);
    let ending = Ending::of_container(&daemon.endings, &daemon.client, &id, &object);
    let code = run_to_end(daemon, &id, &object, sink).await;
    daemon.watch.release(&id);
    let thing = Thing::container(id);
    let removed = remove_one(&daemon.client, &thing).await.map_err(failed("remove", object));
    ending.done();
    // The first error is what matters; teardown finds a container that could not be removed.
    let code = code?;
    removed.map(|()| code)
}

async fn run_to_end(daemon: &Daemon, id: &str, object: &str, sink: &mut dyn Sink) -> Result<i64, HostError> {
    let fail = |error| failed("run", object.to_owned())(error);
    let docker = daemon.client.quick();
    let mut output = attach(docker, id).await.map_err(fail)?;
    docker.start_container(id, None::<StartContainerOptions>).await.map_err(fail)?;
    while let Some(chunk) = output.next().await {
        forward(chunk.map_err(fail)?, sink);
    }
    let ended = docker.wait_container(id, None::<WaitContainerOptions>).next().await;
    match ended {
        // bollard turns every exit code other than 0 into an error.
        Some(Ok(_) | Err(Error::DockerContainerWaitError { .. })) | None => {}
        Some(Err(error)) => return Err(fail(error)),
    }
    let container = docker.inspect_container(id, None::<InspectContainerOptions>).await.map_err(fail)?;
    let code = container.state.and_then(|state| state.exit_code);
    code.ok_or_else(|| refused("run", object, "the engine reports no exit code"))
}
