//! What an engine and its machine can do, and what to do where that is too little.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::models::SystemInfo;
use bollard::query_parameters::ListImagesOptionsBuilder;

use crate::docker::bootstrap;
use crate::docker::client::{Client, failed, status};
use crate::docker::label::{self, OURS};
use crate::engine::host::HostError;

/// Below this, an upgrade is likely to die of a full disk rather than of a bug.
const DISK: u64 = 20 << 30;
const MEMORY: u64 = 4 << 30;
/// That of Docker 20.10.
const API: (u64, u64) = (1, 41);
const REGISTRY: Duration = Duration::from_secs(15);

/// What a check-up found.
#[derive(Debug, Clone)]
pub struct Checkup {
    /// The engine's version.
    pub engine: String,
    /// The newest version of the API it speaks.
    pub api: String,
    /// How it stores images and containers.
    pub storage_driver: String,
    /// The system it runs on.
    pub system: String,
    /// Its processors.
    pub cpus: Option<u64>,
    /// Its memory, in bytes.
    pub memory: Option<u64>,
    /// The memory that is left, in bytes, where the engine runs on this machine.
    pub memory_available: Option<u64>,
    /// Where it keeps everything.
    pub data_root: Option<PathBuf>,
    /// Bytes that are free there, where the engine runs on this machine.
    pub disk_free: Option<u64>,
    /// Images that we made.
    pub images: Vec<ImageHere>,
    /// Whether images can be pulled.
    pub registry: Registry,
    /// Whether base systems can be put together: debootstrap is here, and we are root.
    pub can_bootstrap: bool,
    /// What is too little.
    pub warnings: Vec<Warning>,
}

/// An image that we made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageHere {
    /// The image it stands for.
    pub image: String,
    /// Its names.
    pub names: Vec<String>,
    /// Its id.
    pub id: String,
    /// Its size in bytes.
    pub size: u64,
}

/// Whether images can be pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registry {
    /// It answers.
    Observations,
    /// It doesn't, for this reason.
    Silent(String),
}

/// Something to do something about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// Looks an engine over. `image` is a public image whose manifest a registry is asked for.
pub async fn check_up(client: &Client, image: &str) -> Result<Checkup, HostError> {
    let docker = client.quick();
    let version = docker.version().await.map_err(failed("ask", "the engine for its version"))?;
    let info = docker.info().await.map_err(failed("ask", "the engine for its state"))?;
    let filters = HashMap::from([("label".to_owned(), vec![label::IMAGE.to_owned()])]);
    let options = ListImagesOptionsBuilder::new().filters(&filters).build();
    let images = docker.list_images(Some(options)).await.map_err(failed("list", "images of ours"))?;
    // Layers that failed builds leave carry the labels of their base, but no name.
    let named = |names: &[String]| names.iter().any(|name| name.starts_with(OURS));
    let images = images.into_iter().filter(|it| named(&it.repo_tags)).map(|it| ImageHere {
        image: it.labels.get(label::IMAGE).cloned().unwrap_or_default(),
        names: it.repo_tags,
        id: it.id,
        size: u64::try_from(it.size).unwrap_or(0),
    });
    let data_root = info.docker_root_dir.clone().map(PathBuf::from);
    let here = client.is_local();
    let mut checkup = Checkup {
        engine: version.version.unwrap_or_default(),
        api: version.api_version.unwrap_or_default(),
        storage_driver: info.driver.clone().unwrap_or_default(),
        system: system(&info),
        cpus: info.ncpu.and_then(|count| u64::try_from(count).ok()),
        memory: info.mem_total.and_then(|bytes| u64::try_from(bytes).ok()),
        memory_available: memory_available().filter(|_| here),
        disk_free: data_root.as_deref().filter(|_| here).and_then(disk_free),
        data_root,
        images: images.collect(),
        registry: registry(client, image).await,
        can_bootstrap: bootstrap::is_here() && bootstrap::is_root(),
        warnings: Vec::new(),
    };
    checkup.warnings = warnings(&checkup);
    Ok(checkup)
}

fn system(info: &SystemInfo) -> String {
    let part = |text: &Option<String>| text.clone().unwrap_or_default();
    format!("{}, {} {}", part(&info.operating_system), part(&info.os_type), part(&info.architecture))
}

/// Memory that this machine could still give, in bytes.
pub(crate) fn memory_available() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

fn disk_free(folder: &Path) -> Option<u64> {
    let facts = rustix::fs::statvfs(folder).ok()?;
    Some(facts.f_bavail * facts.f_frsize)
}

/// Asks by the engine, which knows mirrors, proxies and authorities that we don't. No image moves.
async fn registry(client: &Client, image: &str) -> Registry {
    match client.patient(REGISTRY).inspect_registry_image(image, None).await {
        Ok(_) => Registry::Observations,
        // It says no, so it answers.
        Err(error) if matches!(status(&error), Some(401 | 403 | 404)) => Registry::Observations,
        Err(error) => Registry::Silent(error.to_string()),
    }
}

fn warnings(checkup: &Checkup) -> Vec<Warning> {
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    let mut found = Vec::new();
    let mut warn = |what: String, remedy: &str| found.push(Warning { what, remedy: remedy.into() });
    let mut numbers = checkup.api.split('.').map(|part| part.parse().unwrap_or(0));
    if (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < API {
        warn(
            format!("the engine speaks API {}, older than {}.{}", checkup.api, API.0, API.1),
            "install a newer engine",
        );
    }
    if checkup.storage_driver == "vfs" {
        warn("the storage driver vfs copies every layer of every container".into(), "use overlay2, or fuse-overlayfs");
    }
    if let Some(free) = checkup.disk_free.filter(|free| *free < DISK) {
        warn(format!("{:.1} GiB are free for the engine", gib(free)), "docker system prune, or a larger disk");
    }
    if let Some(left) = checkup.memory_available.filter(|left| *left < MEMORY) {
        warn(
            format!("{:.1} GiB of memory are left", gib(left)),
            "end what else runs; builds go one at a time meanwhile",
        );
    }
    if let (Registry::Silent(why), false) = (&checkup.registry, checkup.can_bootstrap) {
        let remedy = "apt-get install debootstrap and run as root, or bring images along with `docker load`";
        warn(format!("no registry answers ({why}), and base systems can't be put together here"), remedy);
    }
    found
}
