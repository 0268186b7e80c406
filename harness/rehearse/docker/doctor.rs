//! Checks what an engine and its machine can do, and says what to do if that is not enough.

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

/// With less, an upgrade is likely to fail because of a full disk, not because of a bug.
const DISK: u64 = 20 << 30;
const MEMORY: u64 = 4 << 30;
/// The API version of Docker 20.10.
const API: (u64, u64) = (1, 41);
const REGISTRY: Duration = Duration::from_secs(15);

/// What a check-up found.
#[derive(Debug, Clone)]
pub struct Checkup {
    /// The engine's version.
    pub engine: String,
    /// The newest version of the API that it supports.
    pub api: String,
    /// How it stores images and containers.
    pub storage_driver: String,
    /// The system it runs on.
    pub system: String,
    /// Its processors.
    pub cpus: Option<u64>,
    /// Its memory, in bytes.
    pub memory: Option<u64>,
    /// The available memory in bytes, if the engine runs on this machine.
    pub memory_available: Option<u64>,
    /// The folder where it keeps everything.
    pub data_root: Option<PathBuf>,
    /// Bytes that are free there, if the engine runs on this machine.
    pub disk_free: Option<u64>,
    /// Images that we built.
    pub images: Vec<ImageHere>,
    /// Whether images can be pulled.
    pub registry: Registry,
    /// Whether base systems can be built: debootstrap is installed, and we are root.
    pub can_bootstrap: bool,
    /// What is not sufficient.
    pub warnings: Vec<Warning>,
}

/// An image that we built.
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
    /// The registry responds.
    Responds,
    /// It does not, for this reason.
    Unreachable(String),
}

/// Something that should be fixed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// Checks an engine. `image` is a public image whose manifest is requested from a registry.
pub async fn check_up(client: &Client, image: &str) -> Result<Checkup, HostError> {
    let docker = client.quick();
    let version = docker.version().await.map_err(failed("read", "the version of the engine"))?;
    let info = docker.info().await.map_err(failed("read", "the state of the engine"))?;
    let filters = HashMap::from([("label".to_owned(), vec![label::IMAGE.to_owned()])]);
    let options = ListImagesOptionsBuilder::new().filters(&filters).build();
    let images = docker.list_images(Some(options)).await.map_err(failed("list", "images of ours"))?;
    // Layers of failed builds carry the labels of their base, but have no name.
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
        can_bootstrap: bootstrap::is_installed() && bootstrap::is_root(),
        warnings: Vec::new(),
    };
    checkup.warnings = warnings(&checkup);
    Ok(checkup)
}

fn system(info: &SystemInfo) -> String {
    let part = |text: &Option<String>| text.clone().unwrap_or_default();
    format!("{}, {} {}", part(&info.operating_system), part(&info.os_type), part(&info.architecture))
}

/// The available memory of this machine, in bytes.
pub(crate) fn memory_available() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

fn disk_free(folder: &Path) -> Option<u64> {
    let facts = rustix::fs::statvfs(folder).ok()?;
    Some(facts.f_bavail * facts.f_frsize)
}

/// Asks through the engine, which knows mirrors, proxies and certificate authorities that we do not. No image is pulled.
async fn registry(client: &Client, image: &str) -> Registry {
    match client.patient(REGISTRY).inspect_registry_image(image, None).await {
        Ok(_) => Registry::Responds,
        // It refuses, so it responds.
        Err(error) if matches!(status(&error), Some(401 | 403 | 404)) => Registry::Responds,
        Err(error) => Registry::Unreachable(error.to_string()),
    }
}

fn warnings(checkup: &Checkup) -> Vec<Warning> {
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    let mut found = Vec::new();
    let mut warn = |what: String, remedy: &str| found.push(Warning { what, remedy: remedy.into() });
    let mut numbers = checkup.api.split('.').map(|part| part.parse().unwrap_or(0));
    if (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) < API {
        warn(
            format!("the engine supports API {}, which is older than {}.{}", checkup.api, API.0, API.1),
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
            "stop other programs; until then, images are built one at a time",
        );
    }
    if let (Registry::Unreachable(why), false) = (&checkup.registry, checkup.can_bootstrap) {
        let remedy = "run as root after `apt-get install debootstrap`, or load images with `docker load`";
        warn(format!("no registry answers ({why}), and base systems cannot be built here"), remedy);
    }
    found
}
