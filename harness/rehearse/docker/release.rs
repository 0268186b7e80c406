//! Reads which release an image holds from a file inside it.

use std::sync::atomic::{AtomicUsize, Ordering};

use bollard::models::ContainerCreateBody;
use bollard::query_parameters::CreateContainerOptionsBuilder;
use rehearse_core::planning::path::Target;
use rehearse_core::vocabulary::ident::short_run;
use rehearse_core::vocabulary::release::{Line, Release};

use crate::docker::client::failed;
use crate::docker::copy::read_small;
use crate::docker::daemon::Daemon;
use crate::docker::label::{ONE_OFF, plain};
use crate::docker::making::unobtainable;
use crate::docker::removal::{Thing, remove_one};
use crate::engine::host::HostError;

static COUNT: AtomicUsize = AtomicUsize::new(1);

/// Reads the release from a container that is created for that and never started.
pub(crate) async fn read(daemon: &Daemon, name: &str, id: &str, file: &str) -> Result<Release, HostError> {
    let client = &daemon.client;
    let mut labels = daemon.ownership.without_deployment();
    labels.insert(ONE_OFF.into(), "true".into());
    let body = ContainerCreateBody {
        image: Some(id.to_owned()),
        // Without a command, the engine would reject an image that has none of its own.
        cmd: Some(vec!["true".into()]),
        labels: Some(labels),
        ..ContainerCreateBody::default()
    };
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let container = plain(&format!("rehearse-{}-release{count}", short_run(&daemon.ownership.run)));
    let options = CreateContainerOptionsBuilder::new().name(&container).build();
    let docker = client.quick().clone();
    let creating = async move { docker.create_container(Some(options), body).await };
    let created =
        daemon.creations.create(format!("a container of image {name}, to read its release"), creating).await?.id;
    let text = read_small(client, &created, file, &format!("{file} in image {name}")).await;
    let thing = Thing::container(created);
    let removed = remove_one(client, &thing).await;
    let Some(text) = text? else {
        return Err(unobtainable(name, format!("it does not state its release: it has no {file}")));
    };
    removed.map_err(failed("remove", format!("the container that read the release of image {name}")))?;
    text.trim()
        .parse()
        .map_err(|_| unobtainable(name, format!("its {file} contains {:?}, which is not a release", text.trim())))
}

/// Compares the release of an image with the one that it has to hold. `line` is the tag of the recipe it comes from.
pub(crate) fn judge(name: &str, actual: &Release, wanted: &Target, line: Option<&str>) -> Result<(), HostError> {
    let wrong_release = |remedy: String| {
        let (image, actual, wanted) = (name.to_owned(), Box::new(actual.clone()), Box::new(wanted.clone()));
        HostError::WrongRelease { image, actual, wanted, remedy }
    };
    let release = match wanted {
        // Not every product states its edition with its release.
        Target::Release(release) if release == actual => return Ok(()),
        Target::Release(release)
            if release.cmp_number(actual).is_eq()
                && (actual.edition().is_none() || actual.edition() == release.edition()) =>
        {
            return Ok(());
        }
        Target::Line(line) if line.contains(actual) => return Ok(()),
        Target::Release(release) => release,
        Target::Line(line) => {
            let remedy = format!("set its line in the scenario, or provide an image of the line {line}");
            return Err(wrong_release(remedy));
        }
    };
    // A line helps only if the recipe offers it and it is not the release itself.
    let line =
        line.filter(|line| line.parse().is_ok_and(|line: Line| line.contains(actual)) && **line != release.to_string());
    let line = line.map(|line| format!("the line {line}")).unwrap_or_else(|| "its line".into());
    let remedy = format!("set {line} in the scenario to use what the archive offers");
    Err(wrong_release(remedy))
}
