//! How long reading a large table takes beside counting its rows, and what it costs us in memory, on a real PostgreSQL.
//!
//! `cargo bench --bench fingerprint`, or with another number of rows in `ROWS`.
#![expect(clippy::print_stdout, reason = "a bench is there to print its figures")]

#[path = "../support/memory.rs"]
mod memory;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rehearse::docker::{DockerHost, Owner, OwnershipLabels, Settings};
use rehearse::engine::host::{Deployments, ImageRequest, Images, InstanceRef, Services};
use rehearse::engine::observer::{DatabaseTarget, Observer};
use rehearse::observers::Live;
use rehearse_core::check::reading;
use rehearse_core::deployment::ServiceSpec;
use rehearse_core::model::product::Engine;
use rehearse_core::observation::Response;
use rehearse_core::vocabulary::ident::DeploymentName;
use rehearse_core::vocabulary::ident::RunId;

use self::memory::memory;

const MOST: u32 = 10;

fn main() -> ExitCode {
    let Ok(runtime) = tokio::runtime::Runtime::new() else { return ExitCode::FAILURE };
    match runtime.block_on(bench()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            println!("{trouble}");
            ExitCode::FAILURE
        }
    }
}

async fn bench() -> Result<(), String> {
    let rows: u64 = std::env::var("ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(10_000_000);
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let run = RunId(format!("bench{:x}", std::process::id()));
    let expires = SystemTime::now() + Duration::from_secs(3600);
    let settings = Settings {
        ownership: OwnershipLabels { run: run.0, scenario: "bench".into(), owner: Owner::current(), expires },
        logs: folder.path().join("logs"),
        scratch: PathBuf::from("/var/tmp"),
        recipes: Arc::new(rehearse::load::recipes(&[]).map_err(|error| error.to_string())?),
        reach: None,
        credentials: None,
        redactor: Default::default(),
    };
    let host = Arc::new(DockerHost::connect(settings, |_| {}).await.map_err(|error| error.chain())?);
    let measured = measure(&host, rows).await;
    let left = host.teardown().await;
    if left.is_empty() { measured } else { Err(format!("{left:?} stayed behind")) }
}

async fn measure(host: &Arc<DockerHost>, rows: u64) -> Result<(), String> {
    let deployment = DeploymentName("main".into());
    host.open(&deployment).await.map_err(|error| error.chain())?;
    let wanted = ImageRequest { name: "postgres:15".into(), holds: None };
    let image = host.obtain(&wanted, &|_| {}).await.map_err(|error| error.chain())?.id;
    let env = [("POSTGRES_PASSWORD".to_owned(), "bench".to_owned())].into();
    let mut spec = ServiceSpec::default();
    (spec.name, spec.image, spec.env, spec.shm_size) = ("db".into(), image, env, Some(256 << 20));
    host.apply(&deployment, &[spec]).await.map_err(|error| error.chain())?;
    host.start(&deployment, "db").await.map_err(|error| error.chain())?;
    let observer = Live::new(Arc::clone(host)).map_err(|error| error.to_string())?;
    let (name, user) = ("postgres".to_owned(), "postgres".to_owned());
    let (engine, password) = (Engine::Postgresql, None);
    let site = DatabaseTarget {
        instance: InstanceRef::of(&deployment, "db"),
        engine,
        name,
        user,
        host: None,
        run_as: None,
        password,
    };
    let ask = async |sql: &str| {
        let response = observer.rows(&site, sql).await;
        if matches!(response, Response::Rows(_)) { Ok(()) } else { Err(format!("{sql}: {response:?}")) }
    };
    let begun = Instant::now();
    // The server that makes the cluster goes away once more.
    let mut good = 0;
    while good < 5 {
        good = if ask("select 1").await.is_ok() { good + 1 } else { 0 };
        tokio::time::sleep(Duration::from_millis(200)).await;
        if begun.elapsed() > Duration::from_secs(120) {
            return Err("the server does not come".into());
        }
    }
    ask(&format!(
        "create table large as select i as id, md5(i::text) as name, i % 1000 as kind, i * 7 as number, \
         timestamp '2024-01-01' + i * interval '1 second' as made, i % 3 = 0 as done from generate_series(1, {rows}) i"
    ))
    .await?;
    ask("alter table large add primary key (id)").await?;
    ask("vacuum analyze large").await?;

    let mut counted = Duration::MAX;
    for _ in 0..3 {
        let begun = Instant::now();
        ask("select count(*) from large").await?;
        counted = counted.min(begun.elapsed());
    }
    let before = memory("VmRSS:").unwrap_or(0);
    let wanted = reading(None, &[], &[]);
    let mut read = Duration::MAX;
    for _ in 0..2 {
        let begun = Instant::now();
        let state = observer.tables(&site, &wanted).await?;
        read = read.min(begun.elapsed());
        let seen = state.tables.get("large").map(|table| table.rows);
        if seen != Some(rows) {
            return Err(format!("{seen:?} rows were read of {rows}"));
        }
    }
    let ratio = read.as_secs_f64() / counted.as_secs_f64();
    println!("{rows} rows of 6 columns: count(*) {counted:.2?}, our reading {read:.2?}, {ratio:.1} times as long");
    println!("resident memory: {before} KiB before, {} KiB after", memory("VmRSS:").unwrap_or(0));
    println!("{}", if ratio <= f64::from(MOST) { "within the target of 10" } else { "beyond the target of 10" });
    Ok(())
}
