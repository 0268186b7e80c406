//! Reads a volume through a container that is created for it and never started: nothing in the image is run.

use std::sync::atomic::{AtomicUsize, Ordering};

use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType, MountVolumeOptions};
use bollard::query_parameters::{CreateContainerOptionsBuilder, DownloadFromContainerOptionsBuilder};
use futures_util::StreamExt;
use rehearse_core::vocabulary::ident::DeploymentName;
use tokio::sync::mpsc;
use tokio_util::bytes::Bytes;

use crate::docker::client::failed;
use crate::docker::daemon::Daemon;
use crate::docker::ending::Ending;
use crate::docker::label;
use crate::docker::removal::{Thing, remove_one};
use crate::docker::service::CREATE;
use crate::engine::host::HostError;

/// Where the volume is mounted: no image has such a folder, so nothing of the image gets into the volume.
const MOUNTED: &str = "/rehearse-volume";

static COUNT: AtomicUsize = AtomicUsize::new(1);

/// Streams a volume as a tar archive.
pub(crate) async fn read(
    daemon: &Daemon,
    deployment: &DeploymentName,
    volume: &str,
    image: &str,
    to: mpsc::Sender<Bytes>,
) -> Result<(), HostError> {
    let object = format!("volume {volume} of {deployment}");
    let id = create(daemon, deployment, volume, image, &object).await?;
    let ending = Ending::of_container(&daemon.endings, &daemon.client, &id, &object);
    let sent = send(daemon, &id, &object, to).await;
    let removed = remove_one(&daemon.client, &Thing::container(id)).await.map_err(failed("remove", object));
    ending.done();
    // The first error is what matters; teardown finds a container that could not be removed.
    sent?;
    removed
}

async fn create(
    daemon: &Daemon,
    deployment: &DeploymentName,
    volume: &str,
    image: &str,
    object: &str,
) -> Result<String, HostError> {
    let mut labels = daemon.ownership.labels(deployment);
    labels.insert(label::ONE_OFF.into(), "true".into());
    let mount = Mount {
        typ: Some(MountType::VOLUME),
        source: Some(daemon.ownership.name(deployment, Some(volume))),
        target: Some(MOUNTED.to_owned()),
        read_only: Some(true),
        volume_options: Some(MountVolumeOptions { no_copy: Some(true), ..MountVolumeOptions::default() }),
        ..Mount::default()
    };
    let body = ContainerCreateBody {
        image: Some(image.to_owned()),
        cmd: Some(vec!["never started".to_owned()]),
        labels: Some(labels),
        network_disabled: Some(true),
        host_config: Some(HostConfig { mounts: Some(vec![mount]), ..HostConfig::default() }),
        ..ContainerCreateBody::default()
    };
    let part = format!("read-{volume}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let options = CreateContainerOptionsBuilder::new().name(&daemon.ownership.name(deployment, Some(&part))).build();
    let docker = daemon.client.patient(CREATE);
    let creating = async move { docker.create_container(Some(options), body).await };
    Ok(daemon.creations.create(object.to_owned(), creating).await?.id)
}

async fn send(daemon: &Daemon, id: &str, object: &str, to: mpsc::Sender<Bytes>) -> Result<(), HostError> {
    let options = DownloadFromContainerOptionsBuilder::new().path(MOUNTED).build();
    let mut archive = daemon.client.quick().download_from_container(id, Some(options));
    while let Some(piece) = archive.next().await {
        let piece = piece.map_err(failed("read", object.to_owned()))?;
        if to.send(piece).await.is_err() {
            break;
        }
    }
    Ok(())
}
