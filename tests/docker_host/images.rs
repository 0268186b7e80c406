//! Images: built once, found again, rejected; and the check-up of the engine.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rehearse::docker::{Client, Owner, Registry, check_up};
use rehearse::engine::host::{Deployments, Images};
use rehearse_core::outcome::note::ImageOrigin;
use rehearse_core::planning::path::Target;

use crate::rig::*;

fn stated(image: &str, release: &str) -> (String, &'static str) {
    let recipe = format!(
        r#"{{"image": "{image}", "pull": "never", "release-file": "/etc/rehearse/release",
             "builds": [{{"tag": "6.1", "base": "debian:bookworm-slim", "args": {{"RELEASE": "{release}"}}}}]}}"#
    );
    let dockerfile = "ARG BASE\nFROM ${BASE}\nARG RELEASE\nCOPY ca-certificates /certificates\n\
                      RUN mkdir -p /etc/rehearse && echo ${RELEASE} > /etc/rehearse/release\n";
    (recipe, dockerfile)
}

pub(crate) async fn an_image_is_built_once_and_found_again() -> Outcome {
    base().await?;
    // A new release each time, so that the image cannot exist already.
    let release = format!("6.1.{}", SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()));
    let (recipe, dockerfile) = stated("rehearse/test-stated", &release);
    let (host, folder) = host(Owner::current(), recipes(&[(&recipe, dockerfile)])?).await?;
    let target = Target::Release(release.parse().map_err(text)?);
    let wanted = wanted(&format!("rehearse/test-stated:{release}"), Some(target));
    let lines = Mutex::new(Vec::new());
    let progress = |line: String| lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    let (one, other) = tokio::join!(host.obtain(&wanted, &progress), host.obtain(&wanted, &progress));
    let (one, other) = (one.map_err(chain)?, other.map_err(chain)?);
    ensure!(
        one.origin == ImageOrigin::Built && other.origin == ImageOrigin::Found,
        "{:?} {:?}",
        one.origin,
        other.origin
    );
    ensure!(one.id == other.id && one.release.map(|it| it.to_string()) == Some(release), "{other:?}");
    ensure!(one.provenance.contains("context"), "{}", one.provenance);
    let progress_lines = lines.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
    ensure!(progress_lines.contains("Step 1/"), "{progress_lines}");
    ensure!(folder.path().join("logs/image-rehearse-test-stated-6.1.log").exists(), "no log");
    let left = host.teardown().await;
    ensure!(left.is_empty(), "{left:?}");
    forget(&one.id).await
}

/// Teardown keeps images; this one is of no use to others.
pub(crate) async fn forget(id: &str) -> Outcome {
    let docker = bollard::Docker::connect_with_defaults().map_err(text)?;
    let options = bollard::query_parameters::RemoveImageOptionsBuilder::new().force(true).build();
    docker.remove_image(id, Some(options), None).await.map(drop).map_err(text)
}

pub(crate) async fn a_failed_build_reports_its_last_output() -> Outcome {
    base().await?;
    let recipe = r#"{"image": "rehearse/test-broken", "pull": "never", "builds": [{"tag": "1", "base": "debian:bookworm-slim"}]}"#;
    let dockerfile = "ARG BASE\nFROM ${BASE}\nRUN echo what a pity && exit 4\n";
    let (host, _folder) = host(Owner::current(), recipes(&[(recipe, dockerfile)])?).await?;
    let error =
        host.obtain(&wanted("rehearse/test-broken:1", None), &|_| {}).await.err().map(chain).unwrap_or_default();
    for part in
        ["cannot obtain image rehearse/test-broken:1", "Step 3/", "(exit code 4)", "image-rehearse-test-broken-1.log"]
    {
        ensure!(error.contains(part), "{error}");
    }
    // Once in the step, and once in the output.
    ensure!(error.matches("what a pity").count() == 2, "{error}");
    Ok(())
}

pub(crate) async fn an_unobtainable_image_is_explained_with_what_is_offered() -> Outcome {
    let (recipe, dockerfile) = stated("rehearse/test-stated", "6.1.5");
    let (host, _folder) = host(Owner::current(), recipes(&[(&recipe, dockerfile)])?).await?;
    let ask = async |name: &str| host.obtain(&wanted(name, None), &|_| {}).await.err().map(chain).unwrap_or_default();
    let error = ask("rehearse/test-stated:7.0").await;
    ensure!(error.contains("offers 6.1"), "{error}");
    let begun = Instant::now();
    let error = ask("rehearse-test-no-such-image:1").await;
    ensure!(error.starts_with("cannot obtain image rehearse-test-no-such-image:1: "), "{error}");
    ensure!(error.contains("docker load"), "{error}");
    ensure!(begun.elapsed() < Duration::from_secs(60), "it took {:?}", begun.elapsed());
    Ok(())
}

pub(crate) async fn an_image_of_another_release_is_rejected() -> Outcome {
    base().await?;
    let (recipe, dockerfile) = stated("rehearse/test-other", "6.1.6");
    let (host, _folder) = host(Owner::current(), recipes(&[(&recipe, dockerfile)])?).await?;
    let release = Target::Release("6.1.5".parse().map_err(text)?);
    let error = host.obtain(&wanted("rehearse/test-other:6.1.5", Some(release)), &|_| {}).await;
    let error = error.err().map(chain).unwrap_or_default();
    let expected =
        "it holds 6.1.6, the scenario wants 6.1.5; set the line 6.1 in the scenario to use what the archive offers";
    ensure!(error.contains(expected), "{error}");
    let line = Target::Line("6.1".parse().map_err(text)?);
    let held = host.obtain(&wanted("rehearse/test-other:6.1", Some(line)), &|_| {}).await.map_err(chain)?;
    ensure!(held.release.as_ref().map(ToString::to_string).as_deref() == Some("6.1.6"), "{:?}", held.origin);
    let left = host.teardown().await;
    ensure!(left.is_empty() && of_run(&host).await? == 0, "{left:?}");
    forget(&held.id).await
}

pub(crate) async fn a_check_up_reports_the_engine_and_its_free_space() -> Outcome {
    let client = Client::connect(None, |_| {}).await.map_err(chain)?;
    base().await?;
    let checkup = check_up(&client, BASE).await.map_err(chain)?;
    ensure!(!checkup.engine.is_empty() && !checkup.storage_driver.is_empty(), "{checkup:?}");
    ensure!(checkup.images.iter().any(|image| image.image == "debian"), "{checkup:?}");
    ensure!(checkup.disk_free.is_some_and(|bytes| bytes > 0), "{checkup:?}");
    if let Registry::Unreachable(why) = &checkup.registry {
        ensure!(!why.is_empty(), "no reason");
    }
    Ok(())
}
