//! The Docker host against a real engine. One trial each; ignored where no engine answers, unless
//! `REHEARSE_REQUIRE_DOCKER=1` says that one has to.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use libtest_mimic::{Arguments, Failed, Trial};
use rehearse::docker::{
    Book, Client, ContextFile, DockerHost, Mark, Owner, Recipe, Registry, Selection, Settings, Standing, check_up,
    list, sweep,
};
use rehearse::engine::host::{
    Command, DeploymentName, Host, HostError, ImageWanted, Obtained, ServiceSpec, ServiceState, Sink, Stdin, Stream,
};
use rehearse_core::path::Target;
use tokio::sync::OnceCell;

type Outcome = Result<(), String>;

const BASE: &str = "debian:bookworm-slim";
const LIMIT: Duration = Duration::from_secs(600);

macro_rules! ensure {
    ($holds:expr, $($seen:tt)+) => {
        if !$holds {
            return Err(format!("{}: {}", stringify!($holds), format!($($seen)+)));
        }
    };
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let Ok(runtime) = tokio::runtime::Runtime::new() else { return ExitCode::FAILURE };
    let runtime = Arc::new(runtime);
    let silent = runtime.block_on(Client::connect(None)).err().map(|error| error.chain());
    let required = std::env::var("REHEARSE_REQUIRE_DOCKER").is_ok_and(|value| value == "1");

    macro_rules! trials {
        ($($test:ident),+ $(,)?) => {
            vec![$({
                let (runtime, silent) = (Arc::clone(&runtime), silent.clone());
                let ignored = silent.is_some() && !required;
                Trial::test(stringify!($test), move || {
                    if let Some(silent) = silent {
                        return Err(Failed::from(silent));
                    }
                    let limited = async { tokio::time::timeout(LIMIT, $test()).await };
                    runtime.block_on(limited).unwrap_or_else(|_| Err(format!("not done after {LIMIT:?}"))).map_err(Failed::from)
                })
                .with_ignored_flag(ignored)
            }),+]
        };
    }
    let trials = trials![
        a_command_gets_user_env_and_workdir_and_tells_its_code,
        a_command_reads_its_input_to_the_end,
        a_command_that_does_not_read_its_input_is_no_error,
        copies_stream_through_a_created_container_in_flat_memory,
        an_archive_keeps_its_owners_and_may_be_compressed,
        a_missing_file_or_folder_is_told_apart_from_a_failure,
        a_service_is_reached_by_its_aliases,
        a_one_off_is_heard_counted_and_removed,
        two_runs_at_once_do_not_meet,
        a_log_is_whole_from_the_first_line_even_of_a_container_that_dies_at_once,
        a_restarted_service_logs_on_without_repeating_itself,
        a_service_that_ignores_the_signal_is_stopped_all_the_same,
        a_removed_service_leaves_its_volumes,
        a_published_port_is_reachable,
        a_service_goes_through_its_states,
        closing_one_deployment_leaves_the_other,
        teardown_leaves_nothing,
        a_creation_that_was_dropped_leaves_nothing_after_teardown,
        a_sweep_takes_the_dead_and_spares_the_living,
        an_image_is_built_once_and_found_again,
        a_failed_build_tells_its_last_words,
        an_unobtainable_image_says_why_and_what_is_on_offer,
        an_image_of_another_release_is_refused,
        a_check_up_tells_the_engine_and_its_room,
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

// ---- what the tests are made of

struct Rig {
    host: Arc<DockerHost>,
    folder: tempfile::TempDir,
    image: String,
    main: DeploymentName,
}

impl Rig {
    async fn new() -> Result<Self, String> {
        Self::owned_by(Owner::current()).await
    }

    async fn owned_by(owner: Owner) -> Result<Self, String> {
        let image = base().await?;
        let (host, folder) = host(owner, book(&[]).map_err(text)?).await?;
        let main = DeploymentName("main".into());
        host.open(&main).await.map_err(told)?;
        Ok(Self { host: Arc::new(host), folder, image, main })
    }

    fn spec(&self, name: &str, script: &str) -> ServiceSpec {
        ServiceSpec {
            name: name.into(),
            image: self.image.clone(),
            command: Some(["bash", "-c", script].map(str::to_owned).to_vec()),
            stop_grace: Duration::from_secs(5),
            ..ServiceSpec::default()
        }
    }

    async fn up(&self, spec: &ServiceSpec) -> Outcome {
        self.host.create(&self.main, spec).await.map_err(told)?;
        self.host.start(&self.main, &spec.name).await.map_err(told)
    }

    async fn sh(&self, service: &str, script: &str) -> Result<(i64, String), String> {
        self.exec(service, Command { argv: ["bash", "-c", script].map(str::to_owned).to_vec(), ..Command::default() })
            .await
    }

    async fn exec(&self, service: &str, command: Command) -> Result<(i64, String), String> {
        let mut heard = Heard::default();
        let code = self.host.exec(&self.main, service, &command, &mut heard).await.map_err(told)?;
        Ok((code, heard.out()))
    }

    async fn log_once(&self, service: &str, ended: impl Fn(&str) -> bool) -> Result<String, String> {
        let file = self.host.log_file(&self.main, service).ok_or("no log file")?;
        until(|| async { std::fs::read_to_string(&file).ok().filter(|text| ended(text)) }).await
    }

    async fn down(self) -> Outcome {
        let left = self.host.teardown().await;
        ensure!(left.is_empty(), "{left:?}");
        let there = of_run(&self.host).await?;
        ensure!(there == 0, "{there} things are still there");
        ensure!(self.host.log_troubles().is_empty(), "{:?}", self.host.log_troubles());
        Ok(())
    }
}

#[derive(Default)]
struct Heard(Vec<(Stream, Vec<u8>)>);

impl Sink for Heard {
    fn take(&mut self, stream: Stream, bytes: &[u8]) {
        self.0.push((stream, bytes.to_vec()));
    }
}

impl Heard {
    fn of(&self, wanted: Stream) -> String {
        let bytes =
            self.0.iter().filter(|(stream, _)| *stream == wanted).flat_map(|(_, bytes)| bytes.clone()).collect();
        String::from_utf8(bytes).unwrap_or_default()
    }

    fn out(&self) -> String {
        self.of(Stream::Out)
    }
}

fn told(error: HostError) -> String {
    error.chain()
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn run_id() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    format!("test{now:x}{count}")
}

async fn host(owner: Owner, book: Book) -> Result<(DockerHost, tempfile::TempDir), String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let expires = SystemTime::now() + Duration::from_secs(3600);
    let settings = Settings {
        mark: Mark { run: run_id(), scenario: "docker host".into(), owner, expires },
        logs: folder.path().join("logs"),
        scratch: PathBuf::from("/var/tmp"),
        book: Arc::new(book),
        reach: None,
    };
    Ok((DockerHost::connect(settings).await.map_err(told)?, folder))
}

fn book(pages: &[(&str, &str)]) -> Result<Book, String> {
    let mut book = Book::default();
    let base = r#"{"image": "debian", "pull": "never", "bootstraps": [{"tag": "bookworm-slim", "suite": "bookworm"}]}"#;
    for (recipe, dockerfile) in pages.iter().copied().chain([(base, "")]) {
        let recipe: Recipe = serde_json::from_str(recipe).map_err(text)?;
        let files = vec![ContextFile::new("Dockerfile", false, dockerfile.as_bytes().to_vec())];
        book.add(recipe, files).map_err(text)?;
    }
    Ok(book)
}

fn wanted(name: &str, holds: Option<Target>) -> ImageWanted {
    ImageWanted { name: name.into(), holds }
}

/// The image everything here runs in: a base system, made on the first run, found on later ones.
async fn base() -> Result<String, String> {
    static MADE: OnceCell<Result<String, String>> = OnceCell::const_new();
    let make = || async {
        let (host, _folder) = host(Owner::current(), book(&[])?).await?;
        Ok(host.obtain(&wanted(BASE, None), &|_| {}).await.map_err(told)?.id)
    };
    MADE.get_or_init(make).await.clone()
}

async fn of_run(host: &DockerHost) -> Result<usize, String> {
    let all = list(host.client()).await.map_err(told)?;
    let run = own_run(host);
    Ok(all.iter().filter(|remnant| remnant.mark.run == run).count())
}

fn own_run(host: &DockerHost) -> String {
    host.mark().run.clone()
}

async fn until<T, F: Future<Output = Option<T>>>(look: impl Fn() -> F) -> Result<T, String> {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return Ok(seen);
        }
        if begun.elapsed() > Duration::from_secs(30) {
            return Err("waited 30 s in vain".into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) >> 10
}

/// Bytes that don't repeat themselves.
fn noise(path: &Path, mebibytes: usize) -> Result<(), String> {
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

fn same(one: &Path, other: &Path) -> Result<bool, String> {
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

// ---- commands

async fn a_command_gets_user_env_and_workdir_and_tells_its_code() -> Outcome {
    let rig = Rig::new().await?;
    rig.up(&rig.spec("box", "sleep 600")).await?;
    let command = Command {
        argv: ["bash", "-c", "id -un; echo $GREETING; pwd; echo oops >&2; exit 7"].map(str::to_owned).to_vec(),
        user: Some("www-data".into()),
        env: BTreeMap::from([("GREETING".into(), "a b=c".into())]),
        workdir: Some("/var/tmp".into()),
        stdin: None,
    };
    let mut heard = Heard::default();
    let code = rig.host.exec(&rig.main, "box", &command, &mut heard).await.map_err(told)?;
    ensure!(code == 7, "{code}");
    ensure!(heard.out() == "www-data\na b=c\n/var/tmp\n", "{}", heard.out());
    ensure!(heard.of(Stream::Err) == "oops\n", "{}", heard.of(Stream::Err));
    let (code, _) = rig.exec("box", Command { argv: vec!["no-such-program".into()], ..Command::default() }).await?;
    ensure!(code == 126 || code == 127, "{code}");
    let gone = rig.sh("nobody", "true").await.err().unwrap_or_default();
    ensure!(gone.contains("service nobody of main"), "{gone}");
    rig.down().await
}

async fn a_command_reads_its_input_to_the_end() -> Outcome {
    let rig = Rig::new().await?;
    rig.up(&rig.spec("box", "sleep 600")).await?;
    let file = rig.folder.path().join("input");
    noise(&file, 32)?;
    for (stdin, expected) in [(Stdin::File(file), 32 << 20), (Stdin::Bytes(b"hello".to_vec()), 5)] {
        let command = Command { argv: vec!["wc".into(), "-c".into()], stdin: Some(stdin), ..Command::default() };
        let (code, out) = rig.exec("box", command).await?;
        ensure!(code == 0 && out.trim() == expected.to_string(), "{code} {out}");
    }
    rig.down().await
}

async fn a_command_that_does_not_read_its_input_is_no_error() -> Outcome {
    let rig = Rig::new().await?;
    rig.up(&rig.spec("box", "sleep 600")).await?;
    let file = rig.folder.path().join("input");
    noise(&file, 32)?;
    let argv = ["bash", "-c", "head -c 10 > /dev/null; exit 3"].map(str::to_owned).to_vec();
    let (code, _) = rig.exec("box", Command { argv, stdin: Some(Stdin::File(file)), ..Command::default() }).await?;
    ensure!(code == 3, "{code}");
    let missing = Stdin::File(rig.folder.path().join("missing"));
    let command = Command { argv: vec!["touch".into(), "/ran".into()], stdin: Some(missing), ..Command::default() };
    ensure!(rig.exec("box", command).await.is_err(), "an input that is not there");
    let (code, _) = rig.sh("box", "test -e /ran").await?;
    ensure!(code == 1, "it ran without its input");
    rig.down().await
}

// ---- copies

async fn copies_stream_through_a_created_container_in_flat_memory() -> Outcome {
    let rig = Rig::new().await?;
    let mut spec = rig.spec("box", "sleep 600");
    spec.volumes.insert("data".into(), "/data/deep".into());
    rig.host.create(&rig.main, &spec).await.map_err(told)?;
    let (there, back) = (rig.folder.path().join("there"), rig.folder.path().join("back"));
    noise(&there, 100)?;

    let before = memory();
    let peak = Arc::new(AtomicU64::new(0));
    let watch = Arc::clone(&peak);
    let watcher = tokio::spawn(async move {
        loop {
            watch.fetch_max(memory(), Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    rig.host.copy_in_file(&rig.main, "box", &there, "/data/deep/big").await.map_err(told)?;
    let found = rig.host.copy_out_file(&rig.main, "box", "/data/deep/big", &back).await.map_err(told)?;
    watcher.abort();
    let grown = peak.load(Ordering::Relaxed).saturating_sub(before);
    ensure!(found && same(&there, &back)?, "what came back differs");
    // Other trials run beside it.
    ensure!(grown < 48, "{grown} MiB more for a copy of 100 MiB");

    rig.host.remove(&rig.main, "box").await.map_err(told)?;
    rig.up(&spec).await?;
    let (_, size) = rig.sh("box", "stat -c '%s %a %u' /data/deep/big").await?;
    ensure!(size.trim() == format!("{} 644 0", 100 << 20), "it is not in the volume: {size}");
    rig.down().await
}

async fn an_archive_keeps_its_owners_and_may_be_compressed() -> Outcome {
    let rig = Rig::new().await?;
    let mut spec = rig.spec("box", "sleep 600");
    spec.volumes.insert("files".into(), "/files".into());
    rig.host.create(&rig.main, &spec).await.map_err(told)?;
    let archive = rig.folder.path().join("files.tar.gz");
    let file = std::fs::File::create(&archive).map_err(text)?;
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(file, flate2::Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_size(3);
    header.set_mode(0o640);
    header.set_uid(33);
    header.set_gid(33);
    builder.append_data(&mut header, "sub/one", b"one".as_slice()).map_err(text)?;
    builder.into_inner().map_err(text)?.finish().map_err(text)?;
    rig.host.copy_in_archive(&rig.main, "box", &archive, "/files").await.map_err(told)?;
    rig.host.start(&rig.main, "box").await.map_err(told)?;
    let (_, seen) = rig.sh("box", "stat -c '%a %U %G' /files/sub/one; cat /files/sub/one").await?;
    ensure!(seen == "640 www-data www-data\none", "{seen}");
    // A running one as well, and no archive at all is an error.
    rig.host.copy_in_archive(&rig.main, "box", &archive, "/tmp").await.map_err(told)?;
    std::fs::write(&archive, "nonsense").map_err(text)?;
    let broken = rig.host.copy_in_archive(&rig.main, "box", &archive, "/tmp").await;
    ensure!(broken.is_err(), "nonsense was unpacked");
    rig.down().await
}

async fn a_missing_file_or_folder_is_told_apart_from_a_failure() -> Outcome {
    let rig = Rig::new().await?;
    rig.up(&rig.spec("box", "sleep 600")).await?;
    let back = rig.folder.path().join("back");
    let found = rig.host.copy_out_file(&rig.main, "box", "/no/such/file", &back).await.map_err(told)?;
    ensure!(!found && !back.exists(), "a file that is not there");
    let linked = rig.host.copy_out_file(&rig.main, "box", "/etc/os-release", &back).await.map_err(told)?;
    let content = std::fs::read_to_string(&back).map_err(text)?;
    ensure!(linked && content.contains("Debian"), "{content}");
    let folder = rig.host.copy_out_file(&rig.main, "box", "/etc", &back).await.err().map(told).unwrap_or_default();
    ensure!(folder.contains("it is no file, but a folder"), "{folder}");
    let into =
        rig.host.copy_in_file(&rig.main, "box", &back, "/no/such/file").await.err().map(told).unwrap_or_default();
    ensure!(into.contains("there is no folder /no/such"), "{into}");
    rig.down().await
}

// ---- networks

async fn a_service_is_reached_by_its_aliases() -> Outcome {
    let rig = Rig::new().await?;
    let mut server = rig.spec("web", "sleep 600");
    server.aliases = vec!["www".into()];
    rig.up(&server).await?;
    rig.up(&rig.spec("box", "sleep 600")).await?;
    let (code, seen) = rig.sh("box", "getent hosts web && getent hosts www").await?;
    ensure!(code == 0, "{seen}");
    let mut heard = Heard::default();
    // A one-off under the service's own name reaches the service, not itself.
    let probe = rig.spec("web", "a=$(getent hosts web | cut -d' ' -f1); hostname -I 2>/dev/null || true; echo $a");
    rig.host.run(&rig.main, &probe, &mut heard).await.map_err(told)?;
    let (_, expected) = rig.sh("box", "getent hosts web | cut -d' ' -f1").await?;
    ensure!(heard.out().lines().last() == Some(expected.trim()), "{} is not {expected}", heard.out());
    rig.down().await
}

async fn a_one_off_is_heard_counted_and_removed() -> Outcome {
    let rig = Rig::new().await?;
    let mut spec = rig.spec("job", "for i in 1 2 3; do echo $i; done; cat /data/x; echo bad >&2; exit 5");
    spec.volumes.insert("data".into(), "/data".into());
    let fill = ServiceSpec {
        command: Some(["bash", "-c", "printf full > /data/x"].map(str::to_owned).to_vec()),
        ..spec.clone()
    };
    let mut heard = Heard::default();
    let code = rig.host.run(&rig.main, &fill, &mut heard).await.map_err(told)?;
    ensure!(code == 0, "{code}");
    let code = rig.host.run(&rig.main, &spec, &mut heard).await.map_err(told)?;
    ensure!(code == 5 && heard.out() == "1\n2\n3\nfull", "{code} {}", heard.out());
    ensure!(heard.of(Stream::Err) == "bad\n", "{}", heard.of(Stream::Err));
    let state = rig.host.state(&rig.main, "job").await.map_err(told)?;
    ensure!(state == ServiceState::Absent, "{state:?}");
    let broken = ServiceSpec { command: None, entrypoint: Some(vec!["/no/such".into()]), ..spec };
    ensure!(rig.host.run(&rig.main, &broken, &mut heard).await.is_err(), "a program that is not there ran");
    let containers = list(rig.host.client()).await.map_err(told)?;
    let left = containers.iter().filter(|it| it.mark.run == own_run(&rig.host) && it.kind == "container").count();
    ensure!(left == 0, "{left}");
    rig.down().await
}

async fn two_runs_at_once_do_not_meet() -> Outcome {
    let (one, other) = (Rig::new().await?, Rig::new().await?);
    for rig in [&one, &other] {
        let mut spec = rig.spec("db", "sleep 600");
        spec.volumes.insert("data".into(), "/data".into());
        rig.up(&spec).await?;
    }
    one.up(&one.spec("only-here", "sleep 600")).await?;
    one.sh("db", "echo one > /data/whose").await?;
    let (code, _) = other.sh("db", "getent hosts only-here").await?;
    ensure!(code != 0, "the other run resolves a service of this one");
    // Not by address as well: while 20.10 sets up a further network, its rules leave a gap between networks for a moment.
    let (code, _) = other.sh("db", "test -e /data/whose").await?;
    ensure!(code == 1, "the other run shares a volume with this one");
    one.down().await?;
    let state = other.host.state(&other.main, "db").await.map_err(told)?;
    ensure!(matches!(state, ServiceState::Running { .. }), "the teardown of one took the other's: {state:?}");
    other.down().await
}

async fn a_published_port_is_reachable() -> Outcome {
    let rig = Rig::new().await?;
    let server = "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalPort => 3000, Listen => 5, ReuseAddr => 1) \
                  or die; print \"up\\n\"; $| = 1; while ($c = $s->accept) { print $c \"hello\\n\"; close $c }'";
    let mut spec = rig.spec("web", server);
    spec.ports = vec![3000];
    rig.up(&spec).await?;
    let address = rig.host.address(&rig.main, "web", 3000).await.map_err(told)?;
    let said = until(|| async {
        let mut stream = std::net::TcpStream::connect_timeout(&address, Duration::from_secs(2)).ok()?;
        let mut said = String::new();
        stream.read_to_string(&mut said).ok()?;
        Some(said).filter(|said| !said.is_empty())
    });
    let said = said.await?;
    ensure!(said == "hello\n", "{said}");
    ensure!(address.ip().is_loopback(), "{address}");
    let other = rig.host.address(&rig.main, "web", 3001).await.err().map(told).unwrap_or_default();
    ensure!(other.contains("port 3001 of service web of main"), "{other}");
    rig.down().await
}

// ---- services and their logs

async fn a_log_is_whole_from_the_first_line_even_of_a_container_that_dies_at_once() -> Outcome {
    let rig = Rig::new().await?;
    for number in 0..5 {
        rig.up(&rig.spec("brief", "echo first; seq 1 20000; echo last >&2")).await?;
        let state = until(|| async {
            let state = rig.host.state(&rig.main, "brief").await.ok()?;
            matches!(state, ServiceState::Exited { .. }).then_some(state)
        });
        let state = state.await?;
        ensure!(state == ServiceState::Exited { code: 0, out_of_memory: false }, "{state:?}");
        // No waiting: a log is whole as soon as the state says that its service ended.
        let log = rig.log_once("brief", |_| true).await?;
        // The two streams reach us by two ways; lines stay whole, and in order within each.
        let out: Vec<_> = log.lines().filter(|line| *line != "last").map(str::to_owned).collect();
        let expected = std::iter::once("first".to_owned()).chain((1..=20_000).map(|line| line.to_string()));
        ensure!(out.iter().eq(expected.collect::<Vec<_>>().iter()), "round {number}: {} lines", out.len());
        ensure!(log.lines().count() == 20_002, "round {number}: the error stream is missing");
        let file = rig.host.log_file(&rig.main, "brief").unwrap_or_default();
        ensure!(file.ends_with(format!("main-brief-{}.log", number + 1)), "{}", file.display());
        rig.host.remove(&rig.main, "brief").await.map_err(told)?;
    }
    rig.down().await
}

async fn a_restarted_service_logs_on_without_repeating_itself() -> Outcome {
    let rig = Rig::new().await?;
    rig.up(&rig.spec("box", "echo up; exec sleep 600")).await?;
    rig.log_once("box", |log| log == "up\n").await?;
    rig.host.stop(&rig.main, "box").await.map_err(told)?;
    rig.host.start(&rig.main, "box").await.map_err(told)?;
    rig.log_once("box", |log| log == "up\nup\n").await?;
    rig.down().await
}

async fn a_service_that_ignores_the_signal_is_stopped_all_the_same() -> Outcome {
    let rig = Rig::new().await?;
    let mut spec = rig.spec("deaf", "trap '' TERM; echo up; while :; do sleep 1; done");
    spec.stop_grace = Duration::from_secs(2);
    rig.up(&spec).await?;
    rig.log_once("deaf", |log| log == "up\n").await?;
    let begun = Instant::now();
    rig.host.stop(&rig.main, "deaf").await.map_err(told)?;
    ensure!(begun.elapsed() >= Duration::from_secs(2), "no grace: {:?}", begun.elapsed());
    let state = rig.host.state(&rig.main, "deaf").await.map_err(told)?;
    ensure!(state == ServiceState::Exited { code: 137, out_of_memory: false }, "{state:?}");
    rig.host.stop(&rig.main, "deaf").await.map_err(told)?;
    rig.host.stop(&rig.main, "nobody").await.map_err(told)?;
    rig.down().await
}

async fn a_removed_service_leaves_its_volumes() -> Outcome {
    let rig = Rig::new().await?;
    let mut spec = rig.spec("db", "test -e /data/kept || echo new; touch /data/kept; sleep 600");
    spec.volumes.insert("data".into(), "/data".into());
    rig.up(&spec).await?;
    rig.log_once("db", |log| log == "new\n").await?;
    until(|| async { rig.sh("db", "test -e /data/kept").await.ok().filter(|(code, _)| *code == 0) }).await?;
    let again = rig.host.create(&rig.main, &spec).await.err().map(told).unwrap_or_default();
    ensure!(again.contains("there already"), "{again}");
    rig.host.remove(&rig.main, "db").await.map_err(told)?;
    rig.host.remove(&rig.main, "db").await.map_err(told)?;
    rig.up(&spec).await?;
    let (code, _) = rig.sh("db", "test -e /data/kept").await?;
    ensure!(code == 0, "the volume went with its service");
    rig.down().await
}

async fn a_service_goes_through_its_states() -> Outcome {
    let rig = Rig::new().await?;
    let state = || async { rig.host.state(&rig.main, "box").await.map_err(told) };
    ensure!(state().await? == ServiceState::Absent, "before");
    let mut spec = rig.spec("box", "read -r -t 1 < <(sleep 2); exit 9");
    spec.memory = Some(256 << 20);
    spec.cpus = Some(1.5);
    spec.tmpfs = vec!["/fast".into()];
    spec.shm_size = Some(128 << 20);
    rig.host.create(&rig.main, &spec).await.map_err(told)?;
    ensure!(state().await? == ServiceState::Created, "created");
    rig.host.start(&rig.main, "box").await.map_err(told)?;
    let (_, room) = rig.sh("box", "stat -f -c %T /fast; df -m --output=size /dev/shm | tail -1").await?;
    ensure!(room.split_whitespace().collect::<Vec<_>>() == ["tmpfs", "128"], "{room}");
    ensure!(state().await? == ServiceState::Running { health: None }, "started");
    let ended =
        until(|| async { state().await.ok().filter(|state| matches!(state, ServiceState::Exited { .. })) }).await?;
    ensure!(ended == ServiceState::Exited { code: 9, out_of_memory: false }, "{ended:?}");
    rig.down().await
}

// ---- the end

async fn closing_one_deployment_leaves_the_other() -> Outcome {
    let rig = Rig::new().await?;
    let back = DeploymentName("way-back".into());
    rig.host.open(&back).await.map_err(told)?;
    rig.host.open(&back).await.map_err(told)?;
    let mut spec = rig.spec("box", "sleep 600");
    spec.volumes.insert("data".into(), "/data".into());
    rig.up(&spec).await?;
    rig.host.create(&back, &spec).await.map_err(told)?;
    let left = rig.host.close(&rig.main).await;
    ensure!(left.is_empty(), "{left:?}");
    let state = rig.host.state(&back, "box").await.map_err(told)?;
    ensure!(state == ServiceState::Created, "{state:?}");
    ensure!(of_run(&rig.host).await? == 3, "a container, a network and a volume");
    rig.down().await
}

async fn teardown_leaves_nothing() -> Outcome {
    let rig = Rig::new().await?;
    for name in ["one", "two", "three"] {
        let mut spec = rig.spec(name, "trap '' TERM; sleep 600");
        spec.volumes.insert(name.into(), "/data".into());
        rig.up(&spec).await?;
    }
    ensure!(of_run(&rig.host).await? == 7, "three containers and volumes, one network");
    rig.down().await
}

async fn a_creation_that_was_dropped_leaves_nothing_after_teardown() -> Outcome {
    for wait in [0, 1, 3, 8, 20, 50, 120] {
        let rig = Rig::new().await?;
        let mut spec = rig.spec("box", "sleep 600");
        spec.volumes.insert("data".into(), "/usr/share".into());
        let dropped = tokio::time::timeout(Duration::from_millis(wait), rig.host.create(&rig.main, &spec)).await;
        // Dropped or done: both happen.
        drop(dropped);
        rig.down().await?;
    }
    Ok(())
}

async fn a_sweep_takes_the_dead_and_spares_the_living() -> Outcome {
    let mut child = std::process::Command::new("true").spawn().map_err(text)?;
    let gone = Owner { pid: child.id(), start: "00000000-1".into(), ..Owner::current() };
    child.wait().map_err(text)?;
    let (dead, live) = (Rig::owned_by(gone).await?, Rig::new().await?);
    let away = Rig::owned_by(Owner { host: "another-machine".into(), ..Owner::current() }).await?;
    for rig in [&dead, &live, &away] {
        let mut spec = rig.spec("box", "sleep 600");
        spec.volumes.insert("data".into(), "/data".into());
        rig.up(&spec).await?;
    }
    let client = live.host.client();
    let run = own_run(&dead.host);
    let starting = sweep(client, Selection::Expired).await.map_err(told)?;
    ensure!(starting.spared.iter().any(|it| it.mark.run == run && it.standing == Standing::Dead), "{starting:?}");
    let report = sweep(client, Selection::Dead).await.map_err(told)?;
    ensure!(report.leftovers.is_empty(), "{report:?}");
    ensure!(report.removed.iter().filter(|it| it.mark.run == run).count() == 3, "{report:?}");
    ensure!(of_run(&dead.host).await? == 0, "something of the dead run is left");
    ensure!(of_run(&live.host).await? == 3, "something of the live run is gone");
    ensure!(of_run(&away.host).await? == 3, "something of another machine's run is gone");
    dead.host.teardown().await;
    away.down().await?;
    live.down().await
}

// ---- images

fn stated(image: &str, release: &str) -> (String, &'static str) {
    let recipe = format!(
        r#"{{"image": "{image}", "pull": "never", "release-file": "/etc/rehearse/release",
             "builds": [{{"tag": "6.1", "base": "debian:bookworm-slim", "args": {{"RELEASE": "{release}"}}}}]}}"#
    );
    let dockerfile = "ARG BASE\nFROM ${BASE}\nARG RELEASE\nCOPY ca-certificates /certificates\n\
                      RUN mkdir -p /etc/rehearse && echo ${RELEASE} > /etc/rehearse/release\n";
    (recipe, dockerfile)
}

async fn an_image_is_built_once_and_found_again() -> Outcome {
    base().await?;
    // A release of its own, so that the first time really is the first.
    let release = format!("6.1.{}", SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()));
    let (recipe, dockerfile) = stated("rehearse/test-stated", &release);
    let (host, folder) = host(Owner::current(), book(&[(&recipe, dockerfile)])?).await?;
    let target = Target::Release(release.parse().map_err(text)?);
    let wanted = wanted(&format!("rehearse/test-stated:{release}"), Some(target));
    let lines = Mutex::new(Vec::new());
    let progress = |line: String| lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    let (one, other) = tokio::join!(host.obtain(&wanted, &progress), host.obtain(&wanted, &progress));
    let (one, other) = (one.map_err(told)?, other.map_err(told)?);
    ensure!(one.how == Obtained::Built && other.how == Obtained::Found, "{:?} {:?}", one.how, other.how);
    ensure!(one.id == other.id && one.release.map(|it| it.to_string()) == Some(release), "{other:?}");
    ensure!(one.provenance.contains("context"), "{}", one.provenance);
    let heard = lines.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
    ensure!(heard.contains("rehearse/test-stated:6.1: Step 1/"), "{heard}");
    ensure!(folder.path().join("logs/image-rehearse-test-stated-6.1.log").exists(), "no log");
    let left = host.teardown().await;
    ensure!(left.is_empty(), "{left:?}");
    forget(&one.id).await
}

/// Images are no leftovers; this one serves nobody else.
async fn forget(id: &str) -> Outcome {
    let docker = bollard::Docker::connect_with_defaults().map_err(text)?;
    let options = bollard::query_parameters::RemoveImageOptionsBuilder::new().force(true).build();
    docker.remove_image(id, Some(options), None).await.map(drop).map_err(text)
}

async fn a_failed_build_tells_its_last_words() -> Outcome {
    base().await?;
    let recipe = r#"{"image": "rehearse/test-broken", "pull": "never", "builds": [{"tag": "1", "base": "debian:bookworm-slim"}]}"#;
    let dockerfile = "ARG BASE\nFROM ${BASE}\nRUN echo what a pity && exit 4\n";
    let (host, _folder) = host(Owner::current(), book(&[(recipe, dockerfile)])?).await?;
    let error = host.obtain(&wanted("rehearse/test-broken:1", None), &|_| {}).await.err().map(told).unwrap_or_default();
    for part in
        ["image rehearse/test-broken:1 is not obtainable", "Step 3/", "what a pity", "image-rehearse-test-broken-1.log"]
    {
        ensure!(error.contains(part), "{error}");
    }
    Ok(())
}

async fn an_unobtainable_image_says_why_and_what_is_on_offer() -> Outcome {
    let (recipe, dockerfile) = stated("rehearse/test-stated", "6.1.5");
    let (host, _folder) = host(Owner::current(), book(&[(&recipe, dockerfile)])?).await?;
    let ask = async |name: &str| host.obtain(&wanted(name, None), &|_| {}).await.err().map(told).unwrap_or_default();
    let error = ask("rehearse/test-stated:7.0").await;
    ensure!(error.contains("offers 6.1"), "{error}");
    let begun = Instant::now();
    let error = ask("rehearse-test-no-such-image:1").await;
    ensure!(error.starts_with("image rehearse-test-no-such-image:1 is not obtainable: "), "{error}");
    ensure!(error.contains("docker load"), "{error}");
    ensure!(begun.elapsed() < Duration::from_secs(60), "it took {:?}", begun.elapsed());
    Ok(())
}

async fn an_image_of_another_release_is_refused() -> Outcome {
    base().await?;
    let (recipe, dockerfile) = stated("rehearse/test-other", "6.1.6");
    let (host, _folder) = host(Owner::current(), book(&[(&recipe, dockerfile)])?).await?;
    let release = Target::Release("6.1.5".parse().map_err(text)?);
    let error = host.obtain(&wanted("rehearse/test-other:6.1.5", Some(release)), &|_| {}).await;
    let error = error.err().map(told).unwrap_or_default();
    let expected = "it holds 6.1.6, the scenario wants 6.1.5; name the line 6.1 to take what the archive offers";
    ensure!(error.contains(expected), "{error}");
    let line = Target::Line("6.1".parse().map_err(text)?);
    let held = host.obtain(&wanted("rehearse/test-other:6.1", Some(line)), &|_| {}).await.map_err(told)?;
    ensure!(held.release.as_ref().map(ToString::to_string).as_deref() == Some("6.1.6"), "{:?}", held.how);
    let left = host.teardown().await;
    ensure!(left.is_empty() && of_run(&host).await? == 0, "{left:?}");
    forget(&held.id).await
}

async fn a_check_up_tells_the_engine_and_its_room() -> Outcome {
    let client = Client::connect(None).await.map_err(told)?;
    base().await?;
    let checkup = check_up(&client, BASE).await.map_err(told)?;
    ensure!(!checkup.engine.is_empty() && !checkup.storage_driver.is_empty(), "{checkup:?}");
    ensure!(checkup.images.iter().any(|image| image.image == "debian"), "{checkup:?}");
    ensure!(checkup.disk_free.is_some_and(|bytes| bytes > 0), "{checkup:?}");
    if let Registry::Silent(why) = &checkup.registry {
        ensure!(!why.is_empty(), "no reason");
    }
    Ok(())
}
