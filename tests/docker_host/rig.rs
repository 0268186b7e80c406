//! Helpers for the tests: hosts, services, and captured output.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rehearse::docker::{ContextFile, DockerHost, Owner, OwnershipLabels, Recipe, RecipeCatalog, Settings, list};
use rehearse::engine::host::{
    Command, Commands, Deployments, HostError, ImageRequest, Images, InstanceRef, Logs, Services, Sink, Stream,
};
use rehearse_core::deployment::{Mount, MountSource, ServiceSpec};
use rehearse_core::planning::path::Target;
use rehearse_core::secret::Redactor;
use rehearse_core::vocabulary::ident::DeploymentName;
use tokio::sync::OnceCell;

use super::memory::memory;

pub(crate) type Outcome = Result<(), String>;

pub(crate) const BASE: &str = "debian:bookworm-slim";
pub(crate) const LIMIT: Duration = Duration::from_secs(600);

pub(crate) struct Rig {
    pub(crate) host: Arc<DockerHost>,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) image: String,
    pub(crate) main: DeploymentName,
}

impl Rig {
    pub(crate) async fn new() -> Result<Self, String> {
        Self::owned_by(Owner::current()).await
    }

    pub(crate) async fn owned_by(owner: Owner) -> Result<Self, String> {
        let image = base().await?;
        let (host, folder) = host(owner, recipes(&[]).map_err(text)?).await?;
        let main = DeploymentName("main".into());
        host.open(&main).await.map_err(chain)?;
        Ok(Self { host: Arc::new(host), folder, image, main })
    }

    pub(crate) fn spec(&self, name: &str, script: &str) -> ServiceSpec {
        let mut spec = ServiceSpec::default();
        spec.name = name.into();
        spec.image = self.image.clone();
        spec.command = Some(["bash", "-c", script].map(str::to_owned).to_vec());
        spec.stop_grace = Duration::from_secs(5);
        spec
    }

    /// The instance of a service of the main deployment.
    pub(crate) fn instance(&self, service: &str) -> InstanceRef {
        InstanceRef::of(&self.main, service)
    }

    pub(crate) async fn apply(&self, spec: &ServiceSpec) -> Outcome {
        self.host.apply(&self.main, std::slice::from_ref(spec)).await.map_err(chain)
    }

    pub(crate) async fn up(&self, spec: &ServiceSpec) -> Outcome {
        self.apply(spec).await?;
        self.host.start(&self.main, &spec.name).await.map_err(chain)
    }

    pub(crate) async fn sh(&self, service: &str, script: &str) -> Result<(i64, String), String> {
        self.exec(service, Command { argv: ["bash", "-c", script].map(str::to_owned).to_vec(), ..Command::default() })
            .await
    }

    pub(crate) async fn exec(&self, service: &str, command: Command) -> Result<(i64, String), String> {
        let mut output = CapturedOutput::default();
        let code = self.host.exec(&self.instance(service), &command, &mut output).await.map_err(chain)?;
        Ok((code, output.out()))
    }

    pub(crate) async fn log_once(&self, service: &str, ended: impl Fn(&str) -> bool) -> Result<String, String> {
        let file = self.host.log_file(&self.instance(service)).ok_or("no log file")?;
        until(|| async { std::fs::read_to_string(&file).ok().filter(|text| ended(text)) }).await
    }

    pub(crate) async fn down(self) -> Outcome {
        let left = self.host.teardown().await;
        ensure!(left.is_empty(), "{left:?}");
        let there = of_run(&self.host).await?;
        ensure!(there == 0, "{there} things are still there");
        ensure!(self.host.log_errors().is_empty(), "{:?}", self.host.log_errors());
        Ok(())
    }
}

/// A volume of the deployment at a path.
pub(crate) fn volume(name: &str, target: &str) -> Mount {
    Mount { source: MountSource::Volume(name.into()), target: target.into() }
}

#[derive(Default)]
pub(crate) struct CapturedOutput(pub(crate) Vec<(Stream, Vec<u8>)>);

impl Sink for CapturedOutput {
    fn take(&mut self, stream: Stream, bytes: &[u8]) {
        self.0.push((stream, bytes.to_vec()));
    }
}

impl CapturedOutput {
    pub(crate) fn of(&self, wanted: Stream) -> String {
        let bytes =
            self.0.iter().filter(|(stream, _)| *stream == wanted).flat_map(|(_, bytes)| bytes.clone()).collect();
        String::from_utf8(bytes).unwrap_or_default()
    }

    pub(crate) fn out(&self) -> String {
        self.of(Stream::Out)
    }
}

pub(crate) fn chain(error: HostError) -> String {
    error.chain()
}

pub(crate) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

pub(crate) fn run_id() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    // Trials are processes of their own, and two may begin in the same moment.
    format!("test{now:x}p{:x}n{count}", std::process::id())
}

pub(crate) async fn host(owner: Owner, recipes: RecipeCatalog) -> Result<(DockerHost, tempfile::TempDir), String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let expires = SystemTime::now() + Duration::from_secs(3600);
    let settings = Settings {
        ownership: OwnershipLabels { run: run_id(), scenario: "docker host".into(), owner, expires },
        logs: folder.path().join("logs"),
        scratch: PathBuf::from("/var/tmp"),
        recipes: Arc::new(recipes),
        reach: None,
        credentials: None,
        redactor: Default::default(),
    };
    Ok((DockerHost::connect(settings, |_| {}).await.map_err(chain)?, folder))
}

/// A host that knows the Docker client's logins; with the redactor that learns them.
pub(crate) async fn host_with_logins(config: PathBuf, folder: &Path) -> Result<(DockerHost, Redactor), String> {
    let redactor = Redactor::default();
    let settings = Settings {
        ownership: OwnershipLabels {
            run: run_id(),
            scenario: "docker host".into(),
            owner: Owner::current(),
            expires: SystemTime::now() + Duration::from_secs(3600),
        },
        logs: folder.join("logs"),
        scratch: PathBuf::from("/var/tmp"),
        recipes: Arc::new(recipes(&[])?),
        reach: None,
        credentials: Some(config),
        redactor: redactor.clone(),
    };
    Ok((DockerHost::connect(settings, |_| {}).await.map_err(chain)?, redactor))
}

pub(crate) fn recipes(pages: &[(&str, &str)]) -> Result<RecipeCatalog, String> {
    let mut recipes = RecipeCatalog::default();
    let base = r#"{"image": "debian", "pull": "never", "bootstraps": [{"tag": "bookworm-slim", "suite": "bookworm"}]}"#;
    for (recipe, dockerfile) in pages.iter().copied().chain([(base, "")]) {
        let recipe: Recipe = serde_json::from_str(recipe).map_err(text)?;
        let files = vec![ContextFile::new("Dockerfile", false, dockerfile.as_bytes().to_vec())];
        recipes.add(recipe, files).map_err(text)?;
    }
    Ok(recipes)
}

pub(crate) fn wanted(name: &str, holds: Option<Target>) -> ImageRequest {
    ImageRequest { name: name.into(), holds }
}

/// The image that everything here runs in: a base system, built by the first run and found by later ones.
pub(crate) async fn base() -> Result<String, String> {
    static IMAGE: OnceCell<Result<String, String>> = OnceCell::const_new();
    let make = || async {
        let (host, _folder) = host(Owner::current(), recipes(&[])?).await?;
        Ok(host.obtain(&wanted(BASE, None), &|_| {}).await.map_err(chain)?.id)
    };
    IMAGE.get_or_init(make).await.clone()
}

pub(crate) async fn of_run(host: &DockerHost) -> Result<usize, String> {
    let all = list(host.client()).await.map_err(chain)?;
    let run = own_run(host);
    Ok(all.iter().filter(|remnant| remnant.ownership.run == run).count())
}

pub(crate) fn own_run(host: &DockerHost) -> String {
    host.ownership().run.clone()
}

pub(crate) async fn until<T, F: Future<Output = Option<T>>>(look: impl Fn() -> F) -> Result<T, String> {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return Ok(seen);
        }
        if begun.elapsed() > Duration::from_secs(30) {
            return Err("it did not happen within 30 s".into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The memory that this process uses, in MiB.
pub(crate) fn resident() -> u64 {
    memory("VmRSS:").unwrap_or(0) >> 10
}

/// Writes bytes that do not repeat.
pub(crate) fn noise(path: &Path, mebibytes: usize) -> Result<(), String> {
    let mut file = std::fs::File::create(path).map_err(text)?;
    let mut state = 88_172_645_463_325_252_u64;
    for _ in 0..mebibytes {
        let mut chunk = Vec::with_capacity(1 << 20);
        while chunk.len() < 1 << 20 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            chunk.extend_from_slice(&state.to_be_bytes());
        }
        file.write_all(&chunk).map_err(text)?;
    }
    Ok(())
}

pub(crate) fn same(one: &Path, other: &Path) -> Result<bool, String> {
    let mut one = std::fs::File::open(one).map_err(text)?;
    let mut other = std::fs::File::open(other).map_err(text)?;
    let (mut left, mut right) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let count = one.read(&mut left).map_err(text)?;
        other.read_exact(right.get_mut(..count).unwrap_or_default()).map_err(text)?;
        if count == 0 {
            return Ok(other.read(&mut right).map_err(text)? == 0);
        }
        if left.get(..count) != right.get(..count) {
            return Ok(false);
        }
    }
}
