//! `rehearse doctor`.

use rehearse_core::outcome::verdict::Exit;

use super::args::engine::DoctorArgs;
use super::{host_exit, print, refuse, runtime, say};
use crate::docker::{Checkup, Client, Registry, check_up};
use crate::engine::host::HostError;
use crate::{load, setup};

pub(crate) fn doctor(args: &DoctorArgs) -> Exit {
    if args.fix
        && let Err(error) =
            setup::set_up(&std::env::temp_dir().join("rehearse-dockerd.log"), &|text| say(&format!("setup: {text}")))
    {
        say(&format!("error: {error}"));
        return Exit::Inconclusive;
    }
    let recipes = match load::recipes(&args.sources.images) {
        Ok(recipes) => recipes,
        Err(error) => return refuse(&error),
    };
    let Some(runtime) = runtime() else { return Exit::Inconclusive };
    let checked = runtime.block_on(async {
        let client = Client::connect(None, say).await?;
        check_up(&client, "debian:bookworm-slim").await
    });
    match checked {
        Ok(checkup) => {
            print(&describe(&checkup, &recipes));
            if checkup.warnings.is_empty() { Exit::Passed } else { Exit::Inconclusive }
        }
        Err(error) => unreachable(&error),
    }
}

/// Says that no engine answers, and what may help.
pub(super) fn unreachable(error: &HostError) -> Exit {
    say(&format!("error: {}", error.chain()));
    if matches!(error, HostError::Unreachable { .. }) {
        say("  `rehearse doctor --fix` installs and starts Docker on Debian and Ubuntu, as root");
    }
    host_exit(error)
}

fn size(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / (1_u64 << 30) as f64)
}

fn describe(checkup: &Checkup, recipes: &crate::docker::RecipeCatalog) -> String {
    let unknown = || "unknown".to_owned();
    let mut text = String::new();
    let mut line = |name: &str, value: String| text.push_str(&format!("{name:<10} {value}\n"));
    line("engine", format!("Docker {}, API {}, {}", checkup.engine, checkup.api, checkup.storage_driver));
    line("system", format!("{}, {} CPUs", checkup.system, checkup.cpus.map_or_else(unknown, |cpus| cpus.to_string())));
    let total = checkup.memory.map_or_else(unknown, size);
    line("memory", format!("{total}, available {}", checkup.memory_available.map_or_else(unknown, size)));
    line("disk", format!("{} free", checkup.disk_free.map_or_else(unknown, size)));
    line(
        "registry",
        match &checkup.registry {
            Registry::Responds => "answers".to_owned(),
            Registry::Unreachable(reason) => format!("does not answer ({reason}); images are built here"),
        },
    );
    line(
        "bases",
        if checkup.can_bootstrap { "can be built by debootstrap" } else { "cannot be built here" }.to_owned(),
    );
    for image in &checkup.images {
        line("image", format!("{} {} ({:.0} MB)", image.image, image.names.join(" "), image.size as f64 / 1e6));
    }
    let recipes: Vec<&str> = recipes.recipes().map(|recipe| recipe.image.as_str()).collect();
    line("recipes", recipes.join(", "));
    for warning in &checkup.warnings {
        line("warning", format!("{}; {}", warning.what, warning.remedy));
    }
    if checkup.warnings.is_empty() {
        line("verdict", "ready to rehearse".to_owned());
    }
    text
}
