//! How fast the files of a volume are read and hashed, and in how much memory: `cargo bench --bench files`. The size in
//! MiB and the number of files can be given as arguments; the default is 2048 MiB in 20000 files. Half of the bytes are in
//! small files, the other half in a few large ones.

#![expect(clippy::print_stdout, reason = "a bench is there to print its figures")]

#[path = "../support/memory.rs"]
mod memory;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rehearse::docker::{DockerHost, Owner, OwnershipLabels, Settings};
use rehearse::engine::host::{
    Command, Commands, Deployments, ImageRequest, Images, InstanceRef, Services, Sink, Stream, Volumes,
};
use rehearse::engine::observer::Observer;
use rehearse::observers::Live;
use rehearse_core::deployment::{Mount, MountSource, ServiceSpec};
use rehearse_core::observation::FileTree;
use rehearse_core::vocabulary::ident::DeploymentName;
use tokio::sync::mpsc;

/// Large files hold half of the bytes.
const LARGE: u64 = 4;
const TARGET: f64 = 300.0;

fn main() -> Result<(), String> {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let (mib, files) = (numbers.first().copied().unwrap_or(2048), numbers.get(1).copied().unwrap_or(20_000));
    tokio::runtime::Runtime::new().map_err(text)?.block_on(bench(mib, files))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

struct Output(Vec<u8>);

impl Sink for Output {
    fn take(&mut self, _: Stream, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

async fn bench(mib: u64, files: u64) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let host = Arc::new(connected(folder.path()).await?);
    let done = measured(&host, mib, files).await;
    let left = host.teardown().await;
    if left.is_empty() { done } else { Err(format!("{left:?} stayed behind")) }
}

async fn connected(folder: &Path) -> Result<DockerHost, String> {
    let run = format!("bench{:x}", std::process::id());
    let expires = SystemTime::now() + Duration::from_secs(3600);
    let settings = Settings {
        ownership: OwnershipLabels { run, scenario: "bench".into(), owner: Owner::current(), expires },
        logs: folder.join("logs"),
        scratch: PathBuf::from("/var/tmp"),
        recipes: Arc::new(rehearse::load::recipes(&[]).map_err(text)?),
        reach: None,
        credentials: None,
        redactor: Default::default(),
    };
    DockerHost::connect(settings, |_| {}).await.map_err(|error| error.chain())
}

async fn measured(host: &Arc<DockerHost>, mib: u64, files: u64) -> Result<(), String> {
    let chain = |error: rehearse::engine::host::HostError| error.chain();
    let main = DeploymentName("main".into());
    host.open(&main).await.map_err(chain)?;
    let wanted = ImageRequest { name: "debian:bookworm-slim".into(), holds: None };
    let image = host.obtain(&wanted, &|_| {}).await.map_err(chain)?.id;
    let mut spec = ServiceSpec::default();
    (spec.name, spec.image) = ("box".into(), image.clone());
    spec.command = Some(vec!["sleep".into(), "infinity".into()]);
    spec.mounts = vec![Mount { source: MountSource::Volume("data".into()), target: "/data".into() }];
    host.apply(&main, &[spec]).await.map_err(chain)?;
    host.start(&main, "box").await.map_err(chain)?;
    let small = files.saturating_sub(LARGE).max(1);
    let (size, large) = (mib * 1024 * 1024 / 2 / small, mib * 1024 * 1024 / 2 / LARGE);
    // One process writes a thousand files: a process for each would take longer than reading all of them.
    let script = format!(
        "cd /data && for d in $(seq 0 1000 {small}); do n=$(({small} - d)); [ $n -gt 1000 ] && n=1000; \
         [ $n -gt 0 ] || break; mkdir $d; head -c $((n * {size})) /dev/urandom | split -a 4 -d -b {size} - $d/; done && \
         for i in $(seq {LARGE}); do head -c {large} /dev/urandom > large$i; done"
    );
    let command = Command { argv: vec!["bash".into(), "-c".into(), script], ..Command::default() };
    let mut output = Output(Vec::new());
    let exit = host.exec(&InstanceRef::of(&main, "box"), &command, &mut output).await.map_err(chain)?;
    if exit != 0 {
        return Err(String::from_utf8_lossy(&output.0).into_owned());
    }
    let observer = Live::new(Arc::clone(host)).map_err(text)?;
    let before = memory::memory("VmRSS:").map_err(text)?;
    for pass in ["cold or cached", "cached"] {
        let began = Instant::now();
        let tree = read(host, &observer, &main, &image).await?;
        let took = began.elapsed().as_secs_f64();
        let speed = tree.bytes as f64 / took / 1e6;
        let more = memory::memory("VmHWM:").map_err(text)?.saturating_sub(before) / 1024;
        println!(
            "{pass}: {} files, {:.0} MB in {took:.1} s: {speed:.0} MB/s ({} the target of {TARGET} MB/s), {more} MiB more at most",
            tree.files(),
            tree.bytes as f64 / 1e6,
            if speed >= TARGET { "within" } else { "beyond" },
        );
    }
    Ok(())
}

async fn read(
    host: &DockerHost,
    observer: &Live<DockerHost>,
    main: &DeploymentName,
    image: &str,
) -> Result<FileTree, String> {
    let (to, from) = mpsc::channel(16);
    let (sent, read) = tokio::join!(host.read_volume(main, "data", image, to), observer.files(from));
    sent.map_err(|error| error.chain())?;
    read
}
