//! A whole plan on an engine of another kind, through the same code as on Docker: restore, two hops, checks, rollback,
//! teardown. Real requests, real commands, a real clock; only the engine of services is a toy.

use std::path::Path;
use std::time::Duration;

use rehearse::engine::{Case, Finished, Keep, RunOptions, rehearse};
use rehearse::observers::Live;
use rehearse_core::model::product::Product;
use rehearse_core::model::scenario::Scenario;
use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::verdict::{Exit, Outcome};
use rehearse_core::secret::Redactor;
use rehearse_core::vocabulary::catalog::Catalog;
use rehearse_core::vocabulary::ident::RunId;
use tokio_util::sync::CancellationToken;

use super::case::{manifest, spec};
use super::pods::{Pods, pods};
use super::scripted::Fallible;

const PRODUCT: &str = r#"
product: notes
releases: { catalog: releases.txt }
path: { minors: one-at-a-time }
services:
  web:
    image: "notes:{{ release }}"
    versioned: true
    volumes: { data: /data }
    ports: [80]
    ready: { http: { port: 80, path: /notes.txt } }
backup:
  manifest: manifest.json
  product: /product
  release: /release
  files: /files
  parts: { notes.txt: { format: text } }
restore:
  - copy-in: { service: web, from: notes.txt, to: /data/notes.txt }
  - run: { name: schema, service: web, command: 'printf {{ release }} > "$DATA/schema"' }
  - start: [web]
upgrade:
  - stop: [web]
  - replace: [web]
  - run: { name: migrate, service: web, command: 'printf {{ to }} > "$DATA/schema"' }
  - start: [web]
checks:
  version:
    - name: the code
      steps: [{ http: { service: web, port: 80, path: /version, expect: { contains: ["^{{ release }}$"] } } }]
    - name: the schema
      steps: [{ exec: { service: web, command: 'cat "$DATA/schema"', expect: { contains: ["^{{ release }}$"] } } }]
  health:
    - name: the notes
      steps: [{ http: { service: web, port: 80, path: /notes.txt, unchanged: [status, digest] } }]
  files:
    rules:
      - { crossing: 1.1.0, allow: { rewritten: ["data:schema"] }, because: the migration }
      - { crossing: 1.2.0, allow: { rewritten: ["data:schema"] }, because: the migration }
  logs: { errors: [ERROR] }
"#;

const SCENARIO: &str = "scenario: notes-grow\nproduct: notes\nfrom: 1.0.0\nto: 1.2.0\nbackup: backup\n";

async fn run(product: &str, folder: &Path, host: &std::sync::Arc<Pods>) -> Fallible<Finished> {
    let backup = folder.join("backup");
    std::fs::create_dir_all(&backup)?;
    manifest(&backup, "notes", &[("notes.txt", "buy milk\n")], None)?;
    let (product, document) = spec::<Product>("product.yaml", product)?;
    let problems = product.problems(&document);
    assert!(problems.is_empty(), "{problems:?}");
    let (scenario, _) = spec::<Scenario>("scenario.yaml", SCENARIO)?;
    let catalog = Catalog::from_lines("1.0.0\n1.1.0\n1.2.0\n")?;
    let plan = rehearse_core::planning::plan::build(&product, &catalog, &scenario)?;
    let (run, out) = (RunId("r1".to_owned()), folder.join("out"));
    let (folder, redactor) = (folder.to_owned(), Redactor::default());
    let case = Case { product, scenario, plan, backup, folder, run, out, redactor, previous: None };
    let observer = std::sync::Arc::new(Live::new(host.clone())?);
    let force = CancellationToken::new();
    let options = RunOptions {
        keep: Keep::Never,
        lease: Duration::from_secs(3600),
        grace: Duration::from_secs(30),
        tool: "0".to_owned(),
        force,
    };
    Ok(rehearse(case, host.clone(), observer, &mut Vec::new(), &CancellationToken::new(), &options).await)
}

#[tokio::test]
async fn a_whole_plan_runs_on_an_engine_without_containers() -> Fallible {
    let (folder, host) = (tempfile::tempdir()?, pods()?);
    let summary = run(PRODUCT, folder.path(), &host).await?.summary;
    let ended: Vec<_> = summary.stages().iter().map(|stage| (stage.id.0.as_str(), stage.outcome)).collect();
    let all = [
        "backup",
        "images",
        "images-hops",
        "deploy",
        "restore",
        "baseline",
        "hop-1/upgrade",
        "hop-1/check",
        "hop-2/upgrade",
        "hop-2/check",
        "rollback/deploy",
        "rollback/restore",
        "rollback/check",
        "teardown",
    ];
    assert_eq!(ended, all.map(|id| (id, Outcome::Passed)));
    assert_eq!(summary.exit(), Exit::Passed);
    // The pods host carried it out, in this order, and every stage ran its probe in a new pod.
    let history = host.history();
    let declared: Vec<_> = history.iter().filter(|line| !line.starts_with("exec")).map(String::as_str).collect();
    let expected = [
        "apply main: web pod template notes:1.0.0",
        "job main: pod template notes:1.0.0",
        "apply main: web pod template notes:1.1.0",
        "job main: pod template notes:1.1.0",
        "apply main: web pod template notes:1.2.0",
        "job main: pod template notes:1.2.0",
        "apply rollback: web pod template notes:1.0.0",
        "job rollback: pod template notes:1.0.0",
    ];
    assert_eq!(declared, expected);
    let mut pods: Vec<_> = history.iter().filter_map(|line| line.strip_prefix("exec in ")).collect();
    pods.dedup();
    assert!(pods.len() >= 4, "the baseline, two hops and the rollback are four pods at least: {history:#?}");
    assert!(host.is_empty(), "the teardown left something");
    Ok(())
}

#[tokio::test]
async fn data_that_an_upgrade_loses_is_found_without_containers_too() -> Fallible {
    let (folder, host) = (tempfile::tempdir()?, pods()?);
    // There is no error, log line or exit code: only the state shows the loss.
    let losing = PRODUCT.replace(
        "'printf {{ to }} > \"$DATA/schema\"'",
        "'printf {{ to }} > \"$DATA/schema\"; echo none > \"$DATA/notes.txt\"'",
    );
    assert_ne!(losing, PRODUCT);
    let summary = run(&losing, folder.path(), &host).await?.summary;
    assert_eq!(summary.exit(), Exit::Failed);
    let failed = summary.stages().iter().find(|stage| stage.outcome == Outcome::Failed).ok_or("nothing failed")?;
    let codes: Vec<FindingCode> = failed.all_findings().map(|(_, finding)| finding.code).collect();
    assert_eq!(failed.id.0, "hop-1/check", "{codes:?}");
    assert!(codes.contains(&FindingCode::BytesChanged), "{codes:?}");
    assert!(summary.stages().iter().any(|stage| stage.id.0 == "rollback/check" && stage.outcome == Outcome::Passed));
    assert!(host.is_empty(), "the teardown left something");
    Ok(())
}
