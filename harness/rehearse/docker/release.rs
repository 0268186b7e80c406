//! Which release an image holds, as a file inside it states.

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

/// Reads the release from a container that is made for that and never started.
pub(crate) async fn read(daemon: &Daemon, name: &str, id: &str, file: &str) -> Result<Release, HostError> {
    let client = &daemon.client;
    let mut labels = daemon.ownership.bare();
    labels.insert(ONE_OFF.into(), "true".into());
    let body = ContainerCreateBody {
        image: Some(id.to_owned()),
        // An image without a command of its own would be refused.
        cmd: Some(vec!["true".into()]),
        labels: Some(labels),
        ..ContainerCreateBody::default()
    };
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let container = plain(&format!("rehearse-{}-release{count}", short_run(&daemon.ownership.run)));
    let options = CreateContainerOptionsBuilder::new().name(&container).build();
    let docker = client.quick().clone();
    let creating = async move { docker.create_container(Some(options), body).await };
    let made = daemon.creations.make(format!("a container of image {name}, to read its release"), creating).await?.id;
    let text = read_small(client, &made, file, &format!("{file} in image {name}")).await;
    let thing = Thing::container(made);
    let removed = remove_one(client, &thing).await;
    let Some(text) = text? else {
        return Err(unobtainable(name, format!("it states no release: it has no {file}")));
    };
    removed.map_err(failed("remove", format!("the container that read the release of image {name}")))?;
    text.trim()
        .parse()
        .map_err(|_| unobtainable(name, format!("{file} in it says {:?}, which is not a release", text.trim())))
}

/// Compares what an image holds with what it has to hold. `line` is the tag of the recipe it comes from.
pub(crate) fn judge(name: &str, held: &Release, wanted: &Target, line: Option<&str>) -> Result<(), HostError> {
    let wrong = |remedy: String| {
        let (image, actual, wanted) = (name.to_owned(), Box::new(held.clone()), Box::new(wanted.clone()));
        HostError::WrongRelease { image, actual, wanted, remedy }
    };
    let release = match wanted {
        // Not every product says its edition where it says its release.
        Target::Release(release) if release == held => return Ok(()),
        Target::Release(release)
            if release.cmp_number(held).is_eq()
                && (held.edition().is_none() || held.edition() == release.edition()) =>
        {
            return Ok(());
        }
        Target::Line(line) if line.contains(held) => return Ok(()),
        Target::Release(release) => release,
        Target::Line(line) => {
            let remedy = format!("name the line that it is of, or provide an image of the line {line}");
            return Err(wrong(remedy));
        }
    };
    // Only a line that the recipe offers, and that is not the release itself, is a way out.
    let line =
        line.filter(|line| line.parse().is_ok_and(|line: Line| line.contains(held)) && **line != release.to_string());
    let line = line.map(|line| format!("the line {line}")).unwrap_or_else(|| "its line".into());
    let remedy = format!("name {line} to take what the archive offers");
    Err(wrong(remedy))
}
