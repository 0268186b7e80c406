//! A small product and a scenario, rehearsed in a scripted world.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rehearse::engine::{Case, Finished, Keep, RunOptions, rehearse};
use rehearse_core::model::product::Product;
use rehearse_core::model::scenario::Scenario;
use rehearse_core::outcome::event::{Event, EventKind};
use rehearse_core::outcome::previous::PreviousRun;
use rehearse_core::outcome::reporter::{ReportError, Reporter};
use rehearse_core::outcome::summary::{StageRecord, Summary};
use rehearse_core::outcome::verdict::Exit;
use rehearse_core::secret::Redactor;
use rehearse_core::source::diagnostic::Rejected;
use rehearse_core::source::span::Source;
use rehearse_core::source::spec::read;
use rehearse_core::vocabulary::catalog::Catalog;
use rehearse_core::vocabulary::ident::RunId;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::fake::Fake;
use super::scripted::{Fallible, ScriptedWorld};

const PRODUCT: &str = r#"
product: shop
releases: { catalog: releases.txt }
path: { minors: one-at-a-time }
settings: { colour: green }
databases:
  main: { engine: postgresql, service: db, name: shop, user: shop }
services:
  db:
    image: postgres:15
    ready: { exec: { command: [pg_isready] } }
  web:
    image: "shop:{{ release }}"
    versioned: true
    env: { COLOUR: "{{ settings.colour }}", RELEASE: "{{ release }}" }
    ports: [80]
    ready: { http: { port: 80, path: /up } }
    ready-within: 5m
backup:
  manifest: manifest.json
  product: /product
  release: /release
  files: /files
  parts: { dump.txt: { format: text }, web.env: { format: text } }
  rows: { at: /rows }
deploy:
  - start: [db]
restore:
  - exec: { name: load, service: db, command: [load], stdin: dump.txt }
  - start: [web]
preflight: []
upgrade:
  - stop: [web]
  - replace: [web]
  - run: { name: migrate, service: web, command: [migrate], migrations: rails, deadline: 20m }
  - start: [web]
settle: []
identities: {}
checks:
  version:
    - name: the code
      steps: [{ exec: { service: web, command: [cat, VERSION], expect: { contains: ["^{{ release }}$"] } } }]
  health:
    - name: home
      steps: [{ http: { service: web, port: 80, path: /home, unchanged: [status] } }]
  access: []
  migrations:
    recorded: select version from migrations
    known: { service: web, command: [ls, migrations], each: '^(\d+)_' }
  data: {}
  logs: { errors: [ERROR] }
"#;

const SCENARIO: &str = "scenario: shop-grows\nproduct: shop\nfrom: 1.0.0\nto: 1.2.0\nbackup: backup\n";

const RELEASES: &str = "1.0.0\n1.1.0\n1.1.2\n1.2.0\n";

/// A rehearsal that is being set up.
pub(crate) struct Rehearsal {
    product: String,
    scenario: String,
    keep: Keep,
    cancel: Option<Duration>,
    force: Option<Duration>,
    full_disk: bool,
    previous: Option<PreviousRun>,
    file: Option<String>,
    folder: TempDir,
    pub(crate) world: Arc<ScriptedWorld>,
}

impl Rehearsal {
    pub(crate) fn new() -> Fallible<Self> {
        let folder = tempfile::tempdir()?;
        let backup = folder.path().join("backup");
        std::fs::create_dir_all(&backup)?;
        let variables = "# secrets\nSECRET=from=backup\nCOLOUR=red\nQUOTED=\"$COLOUR\" \n";
        manifest(&backup, "shop", &[("dump.txt", "a dump"), ("web.env", variables)], Some(("things", 3)))?;
        let world = Arc::new(ScriptedWorld::new(folder.path().join("out")));
        let (product, scenario) = (PRODUCT.to_owned(), SCENARIO.to_owned());
        Ok(Self {
            product,
            scenario,
            keep: Keep::Never,
            cancel: None,
            force: None,
            full_disk: false,
            previous: None,
            file: None,
            folder,
            world,
        })
    }

    /// Changes the product's text.
    pub(crate) fn product(mut self, from: &str, to: &str) -> Fallible<Self> {
        if self.product.matches(from).count() != 1 {
            return Err(format!("{from:?} does not occur exactly once").into());
        }
        self.product = self.product.replace(from, to);
        Ok(self)
    }

    /// Adds to the scenario's text, or replaces the line of the same key.
    pub(crate) fn scenario(mut self, text: &str) -> Self {
        let key = text.split(':').next().unwrap_or_default().to_owned() + ":";
        let lines = self.scenario.lines().filter(|line| !line.starts_with(&key));
        self.scenario = lines.chain([text]).map(|line| format!("{line}\n")).collect();
        self
    }

    pub(crate) fn keep(mut self, keep: Keep) -> Self {
        self.keep = keep;
        self
    }

    pub(crate) fn cancelled_after(mut self, time: Duration) -> Self {
        self.cancel = Some(time);
        self
    }

    pub(crate) fn forced_after(mut self, time: Duration) -> Self {
        self.force = Some(time);
        self
    }

    /// One reporter fails at every event, as on a full disk.
    pub(crate) fn with_a_full_disk(mut self) -> Self {
        self.full_disk = true;
        self
    }

    /// Holds the run against one before it, given by its summary.
    pub(crate) fn after(mut self, summary: &str) -> Fallible<Self> {
        self.previous = Some(PreviousRun::read(summary)?);
        Ok(self)
    }

    pub(crate) fn backup(&self) -> std::path::PathBuf {
        self.folder.path().join("backup")
    }

    /// Gives a file of the backup's folder as the backup.
    pub(crate) fn backup_file(mut self, name: &str) -> Self {
        self.file = Some(name.to_owned());
        self
    }

    pub(crate) fn case(&self) -> Fallible<Case> {
        let (product, document) = spec::<Product>("product.yaml", &self.product)?;
        document.refuse(product.problems(&document)).map_err(rejection)?;
        let (scenario, document) = spec::<Scenario>("scenario.yaml", &self.scenario)?;
        document.refuse(scenario.problems(&product, &document)).map_err(rejection)?;
        let plan = rehearse_core::planning::plan::build(&product, &Catalog::from_lines(RELEASES)?, &scenario)?;
        let out = self.folder.path().join("out");
        Ok(Case {
            product,
            scenario,
            plan,
            backup: self.file.as_ref().map_or_else(|| self.backup(), |name| self.backup().join(name)),
            folder: self.folder.path().to_owned(),
            run: RunId("r1".to_owned()),
            out,
            redactor: Redactor::default(),
            previous: self.previous.clone(),
        })
    }

    pub(crate) async fn run(self) -> Fallible<RunResult> {
        let case = self.case()?;
        let fake = Arc::new(Fake(self.world.clone()));
        let cancel = CancellationToken::new();
        let force = CancellationToken::new();
        for (time, token) in [(self.cancel, &cancel), (self.force, &force)] {
            let (Some(time), token) = (time, token.clone()) else { continue };
            tokio::spawn(async move {
                tokio::time::sleep(time).await;
                token.cancel();
            });
        }
        let recorder = RecordingReporter::default();
        let mut reporters: Vec<Box<dyn Reporter>> = Vec::new();
        if self.full_disk {
            reporters.push(Box::new(FullDisk));
        }
        reporters.push(Box::new(recorder.clone()));
        let options = RunOptions {
            keep: self.keep,
            lease: Duration::from_secs(3600),
            grace: Duration::from_secs(30),
            tool: "0".to_owned(),
            force,
        };
        let began = Instant::now();
        let finished = rehearse(case, fake.clone(), fake, &mut reporters, &cancel, &options).await;
        let elapsed = began.elapsed();
        let events = recorder.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // The events can be folded again without an error.
        let mut summary = Summary::new();
        for event in &events {
            summary.fold(event)?;
        }
        Ok(RunResult { finished, events, elapsed, world: self.world, _folder: self.folder })
    }
}

/// Writes the files of a backup of release 1.0.0 and its manifest, with the rows of a table.
pub(crate) fn manifest(folder: &Path, product: &str, parts: &[(&str, &str)], rows: Option<(&str, u64)>) -> Fallible {
    let mut files = serde_json::Map::new();
    for (name, text) in parts {
        std::fs::write(folder.join(name), text)?;
        let digest: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        files.insert((*name).to_owned(), serde_json::json!({ "sha256": digest, "bytes": text.len() }));
    }
    let rows: serde_json::Map<_, _> = rows.into_iter().map(|(table, rows)| (table.to_owned(), rows.into())).collect();
    let manifest = serde_json::json!({ "product": product, "release": "1.0.0", "files": files, "rows": rows });
    Ok(std::fs::write(folder.join("manifest.json"), manifest.to_string())?)
}

pub(crate) fn spec<T>(name: &str, text: &str) -> Fallible<(T, rehearse_core::source::spec::Document)>
where
    T: serde::de::DeserializeOwned + schemars::JsonSchema + 'static,
{
    read::<T>(Source::new(name, text.to_owned())).map_err(rejection)
}

fn rejection(rejected: Rejected) -> Box<dyn std::error::Error + Send + Sync> {
    format!("{rejected:?}").into()
}

#[derive(Clone, Default)]
struct RecordingReporter(Arc<Mutex<Vec<Event>>>);

impl Reporter for RecordingReporter {
    fn report(&mut self, event: &Event, _: &Summary) -> Result<(), ReportError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
        Ok(())
    }
}

struct FullDisk;

impl Reporter for FullDisk {
    fn report(&mut self, _: &Event, _: &Summary) -> Result<(), ReportError> {
        Err(ReportError { what: "junit.xml".to_owned(), source: "no space left".into() })
    }
}

/// The result of a rehearsal.
pub(crate) struct RunResult {
    pub(crate) finished: Finished,
    pub(crate) events: Vec<Event>,
    pub(crate) elapsed: Duration,
    pub(crate) world: Arc<ScriptedWorld>,
    _folder: TempDir,
}

impl RunResult {
    pub(crate) fn summary(&self) -> &Summary {
        &self.finished.summary
    }

    pub(crate) fn exit(&self) -> Exit {
        self.summary().exit()
    }

    pub(crate) fn stage(&self, id: &str) -> Fallible<&StageRecord> {
        let found = self.summary().stages().iter().find(|stage| stage.id.0 == id);
        found.ok_or_else(|| format!("there is no stage {id}").into())
    }

    /// How every stage ended, as `hop-1/upgrade failed`.
    pub(crate) fn outcomes(&self) -> Vec<String> {
        self.summary().stages().iter().map(|stage| format!("{} {}", stage.id, stage.outcome)).collect()
    }

    /// The findings, reasons and notes of a stage.
    pub(crate) fn messages(&self, id: &str) -> Fallible<String> {
        let stage = self.stage(id)?;
        let findings = stage.all_findings().map(|(_, finding)| finding.to_string());
        let inconclusive = stage.checks.iter().flat_map(|check| check.inconclusive.iter().map(ToString::to_string));
        let all = findings
            .chain(stage.reason.as_ref().map(ToString::to_string))
            .chain(inconclusive)
            .chain(stage.notes.iter().map(ToString::to_string));
        Ok(all.collect::<Vec<_>>().join("\n"))
    }

    /// The progress of a stage.
    pub(crate) fn progress(&self, id: &str) -> Vec<(Duration, String)> {
        let progress_of_stage = |event: &Event| match &event.kind {
            EventKind::Progress { stage, text } if stage.0 == id => Some((event.at, text.clone())),
            EventKind::Progress { .. }
            | EventKind::RunStarted(_)
            | EventKind::StageStarted { .. }
            | EventKind::StepFinished { .. }
            | EventKind::Noted { .. }
            | EventKind::Migrated { .. }
            | EventKind::Checked { .. }
            | EventKind::StageFinished { .. }
            | EventKind::StageSkipped { .. }
            | EventKind::Interfered { .. }
            | EventKind::LeftBehind { .. }
            | EventKind::RunFinished => None,
        };
        self.events.iter().filter_map(progress_of_stage).collect()
    }

    /// Fails unless all of these are among the outcomes.
    pub(crate) fn expect_outcomes(&self, wanted: &[&str]) -> Fallible {
        let outcomes = self.outcomes();
        match wanted.iter().find(|wanted| !outcomes.iter().any(|outcome| outcome == *wanted)) {
            Some(missing) => Err(format!("no {missing:?} among {outcomes:#?}\n{}", self.all_messages()).into()),
            None => Ok(()),
        }
    }

    /// Fails unless a message of a stage contains `wanted`.
    pub(crate) fn expect_message(&self, id: &str, wanted: &str) -> Fallible {
        let messages = self.messages(id)?;
        if messages.contains(wanted) { Ok(()) } else { Err(format!("{id}: no {wanted:?} in {messages:?}").into()) }
    }

    /// The messages of all stages, for failed assertions.
    pub(crate) fn all_messages(&self) -> String {
        let stages = self.summary().stages().iter().map(|stage| stage.id.0.as_str());
        stages.filter_map(|id| Some(format!("{id}: {}", self.messages(id).ok()?))).collect::<Vec<_>>().join("\n")
    }
}

pub(crate) fn write(path: &Path, text: &str) -> Fallible {
    Ok(std::fs::write(path, text)?)
}
