//! What waiting costs the product: the processor time that a settle's looks take in a real PostgreSQL's container, beside
//! that of another server which nobody asks.
//!
//! `cargo bench --bench poller` waits for a minute, with `-- --full` for ten.
#![expect(clippy::print_stdout, reason = "a bench is there to print its figures")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bollard::Docker;
use bollard::query_parameters::{ListContainersOptions, StatsOptionsBuilder};
use futures_util::StreamExt;
use rehearse::docker::{DockerHost, Owner, OwnershipLabels, Settings};
use rehearse::engine::host::{Deployments, ImageRequest, Images, Services};
use rehearse::engine::{Case, Keep, RunOptions, rehearse};
use rehearse::observers::Live;
use rehearse_core::deployment::ServiceSpec;
use rehearse_core::model::product::Product;
use rehearse_core::model::scenario::Scenario;
use rehearse_core::outcome::event::{Event, EventKind};
use rehearse_core::outcome::reporter::{ReportError, Reporter};
use rehearse_core::outcome::summary::Summary;
use rehearse_core::source::span::Source;
use rehearse_core::source::spec::read;
use rehearse_core::vocabulary::catalog::Catalog;
use rehearse_core::vocabulary::ident::{DeploymentName, RunId};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

/// At most so much of one core.
const MOST_PERCENT: f64 = 1.0;
const STAGE: &str = "hop-1/settle";

/// A product that is nothing but its database. Its background work is never done: three queries ask for it, and one looks
/// whether the server still runs.
const PRODUCT: &str = r#"
product: bench
releases: { catalog: releases.txt }
path: { minors: one-at-a-time }
databases:
  main: { engine: postgresql, service: db, name: postgres, user: postgres }
services:
  db:
    image: postgres:15
    env: { POSTGRES_PASSWORD: bench }
    ready: { exec: { command: [pg_isready, -q, -h, 127.0.0.1, -U, postgres] } }
backup: { manifest: manifest.json, product: /product, release: /release, files: /files, parts: { dump.txt: { format: text } } }
deploy:
  - start: [db]
restore:
  - exec: { name: tables, service: db, command: [psql, -U, postgres, -c, "create table jobs as select i as id, false as done, false as failed from generate_series(1, 10000) i"] }
preflight: []
upgrade: []
settle:
  - wait-until:
      name: jobs done
      service: db
      condition: { sql: { sql: select count(*) = 0 from jobs where not done } }
      progress: { sql: select count(*) from jobs where not done }
      failed: { sql: select id from jobs where failed }
      services: [db]
      deadline: DEADLINEs
identities: {}
checks:
  version: []
  health: []
  access: []
  data: {}
"#;
const MANIFEST: &str = r#"{"product": "bench", "release": "1.0.0", "files": {"dump.txt": {"bytes": 6, "sha256": "ec0836540d7066a2b80056c56b74878dd942e8bf826f1b27b5b66ca6fb8bdd1a"}}}"#;
const SCENARIO: &str = "scenario: bench\nproduct: bench\nfrom: 1.0.0\nto: 1.1.0\nbackup: backup\n";

fn main() -> ExitCode {
    let Ok(runtime) = tokio::runtime::Runtime::new() else { return ExitCode::FAILURE };
    let full = std::env::args().any(|argument| argument == "--full");
    match runtime.block_on(bench(Duration::from_secs(if full { 600 } else { 60 }))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            println!("{trouble}");
            ExitCode::FAILURE
        }
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Tells when a stage begins.
struct Begins(UnboundedSender<String>);

impl Reporter for Begins {
    fn report(&mut self, event: &Event, _: &Summary) -> Result<(), ReportError> {
        if let EventKind::StageStarted { stage } = &event.kind {
            drop(self.0.send(stage.0.clone()));
        }
        Ok(())
    }
}

async fn bench(time: Duration) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let run = format!("bench{:x}", std::process::id());
    let host = Arc::new(connected(&run, &folder.path().join("logs")).await?);
    let done = measured(&host, &run, folder.path(), time).await;
    let left = host.teardown().await;
    if left.is_empty() { done } else { Err(format!("{left:?} stayed behind")) }
}

async fn connected(run: &str, logs: &Path) -> Result<DockerHost, String> {
    let expires = SystemTime::now() + Duration::from_secs(3600);
    let settings = Settings {
        ownership: OwnershipLabels { run: run.to_owned(), scenario: "bench".into(), owner: Owner::current(), expires },
        logs: logs.to_owned(),
        scratch: PathBuf::from("/var/tmp"),
        recipes: Arc::new(rehearse::load::recipes(&[]).map_err(text)?),
        reach: None,
        credentials: None,
        redactor: Default::default(),
    };
    DockerHost::connect(settings, |_| {}).await.map_err(|error| error.chain())
}

async fn measured(host: &Arc<DockerHost>, run: &str, folder: &Path, time: Duration) -> Result<(), String> {
    // A server that nobody asks.
    let idle = DeploymentName("idle".into());
    host.open(&idle).await.map_err(|error| error.chain())?;
    let wanted = ImageRequest { name: "postgres:15".into(), holds: None };
    let image = host.obtain(&wanted, &|_| {}).await.map_err(|error| error.chain())?.id;
    let env = [("POSTGRES_PASSWORD".to_owned(), "bench".to_owned())].into();
    let mut spec = ServiceSpec::default();
    (spec.name, spec.image, spec.env) = ("db".into(), image, env);
    host.apply(&idle, &[spec]).await.map_err(|error| error.chain())?;
    host.start(&idle, "db").await.map_err(|error| error.chain())?;

    let (begins, mut stages) = unbounded_channel();
    let case = case(run, folder, time + Duration::from_secs(20))?;
    let observer = Arc::new(Live::new(Arc::clone(host)).map_err(text)?);
    let (cancel, force) = (CancellationToken::new(), CancellationToken::new());
    let stop = cancel.clone();
    let rehearsed = {
        let host = Arc::clone(host);
        tokio::spawn(async move {
            let terms = RunOptions {
                keep: Keep::Always,
                lease: Duration::from_secs(3600),
                grace: Duration::from_secs(60),
                tool: "bench".into(),
                force,
            };
            let mut reporters: Vec<Box<dyn Reporter>> = vec![Box::new(Begins(begins))];
            rehearse(case, host, observer, &mut reporters, &stop, &terms).await
        })
    };
    let figures = async {
        while let Some(stage) = stages.recv().await {
            if stage == STAGE {
                return figures(run, time).await;
            }
        }
        Err(format!("{STAGE} was not reached"))
    };
    let figures = figures.await;
    cancel.cancel();
    let finished = rehearsed.await.map_err(text)?;
    let (request, idle, took) = figures.map_err(|why| {
        let stages = finished.summary.stages().iter();
        let ends: Vec<String> = stages
            .map(|stage| format!("{} {} {:?} {:?}", stage.id, stage.outcome, stage.reason, stage.findings))
            .collect();
        format!("{why}\n{}", ends.join("\n"))
    })?;
    let share = |busy: f64| busy / took.as_secs_f64() * 100.0;
    let ours = share(request - idle);
    println!(
        "a settle of {took:.1?}: {request:.3} s of processor time in the database's container, {idle:.3} s in an idle one"
    );
    println!("ours is {ours:.2} % of a core");
    println!("{} the target of {MOST_PERCENT} %", if ours <= MOST_PERCENT { "within" } else { "beyond" });
    Ok(())
}

/// Seconds on a processor of the server that is asked and of the idle one, and how long that was.
async fn figures(run: &str, time: Duration) -> Result<(f64, f64, Duration), String> {
    let docker = Docker::connect_with_defaults().map_err(text)?;
    // The first looks, and what the restore left to do, are over.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let began = Instant::now();
    let before = (busy(&docker, run, "main").await?, busy(&docker, run, "idle").await?);
    tokio::time::sleep(time).await;
    let after = (busy(&docker, run, "main").await?, busy(&docker, run, "idle").await?);
    Ok((after.0 - before.0, after.1 - before.1, began.elapsed()))
}

/// Seconds that a deployment's database has been on a processor, as the kernel counts them for its container.
async fn busy(docker: &Docker, run: &str, deployment: &str) -> Result<f64, String> {
    let all = docker.list_containers(None::<ListContainersOptions>).await.map_err(text)?;
    let name = format!("/rehearse-{run}-{deployment}-db");
    let found = all.into_iter().find(|container| container.names.iter().flatten().any(|known| *known == name));
    let id = found.and_then(|container| container.id).ok_or_else(|| format!("there is no {name}"))?;
    let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
    let stats = docker.stats(&id, Some(options)).boxed().next().await.ok_or("no statistics")?.map_err(text)?;
    let nanos = stats.cpu_stats.and_then(|cpu| cpu.cpu_usage?.total_usage).ok_or("no processor time")?;
    Ok(nanos as f64 / 1e9)
}

fn case(run: &str, folder: &Path, deadline: Duration) -> Result<Case, String> {
    let backup = folder.join("backup");
    std::fs::create_dir_all(&backup).map_err(text)?;
    std::fs::write(backup.join("dump.txt"), "a dump").map_err(text)?;
    std::fs::write(backup.join("manifest.json"), MANIFEST).map_err(text)?;
    let product = PRODUCT.replace("DEADLINE", &deadline.as_secs().to_string());
    let refused = |rejected| format!("{rejected:?}");
    let (product, document) = read::<Product>(Source::new("product.yaml", product)).map_err(refused)?;
    document.refuse(product.problems(&document)).map_err(refused)?;
    let (scenario, document) = read::<Scenario>(Source::new("scenario.yaml", SCENARIO.to_owned())).map_err(refused)?;
    document.refuse(scenario.problems(&product, &document)).map_err(refused)?;
    let catalog = Catalog::from_lines("1.0.0\n1.1.0\n").map_err(text)?;
    let plan = rehearse_core::planning::plan::build(&product, &catalog, &scenario).map_err(text)?;
    let (run, out) = (RunId(run.to_owned()), folder.join("out"));
    let folder = std::path::PathBuf::new();
    Ok(Case { product, scenario, plan, backup, folder, run, out, redactor: Default::default(), previous: None })
}
