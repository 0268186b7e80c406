//! One rehearsal of the specimen, and what came of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rehearse::engine::Keep;
use rehearse::session::{SessionOptions, SessionOutcome, Stop, prepare_out, run_session};
use rehearse::{load, report, secrets};
use rehearse_core::model::product::{Product, Step};
use rehearse_core::model::scenario::{CheckKind, HopChange, Rollback, Scenario};
use rehearse_core::outcome::reporter::Reporter;
use rehearse_core::outcome::summary::Summary;
use rehearse_core::outcome::verdict::{Exit, Outcome};

/// How a rehearsal differs from the scenario's file.
#[derive(Default)]
pub(crate) struct Variation {
    /// The rollback is rehearsed, too.
    pub(crate) rollback: bool,
    /// A kind of check, or `settle`, that is left out.
    pub(crate) without: Option<String>,
    /// Hops whose upgrade ends with a restart of the replicas.
    pub(crate) hops: &'static [u32],
}

/// What came of it.
pub(crate) struct Observation {
    pub(crate) exit: Exit,
    /// The first stage that did not pass; empty when there is none.
    pub(crate) stage: String,
    /// What found something in that stage: the stage's own steps, by the last word of its id, and kinds of checks.
    pub(crate) finders: Vec<String>,
    /// The codes of all that was found in that stage, each once, in order.
    pub(crate) codes: Vec<String>,
    /// The first finding, for people.
    pub(crate) finding: String,
    pub(crate) took: Duration,
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One at a time: the stopwatch is judged.
static TURN: Mutex<()> = Mutex::new(());

/// Rehearses with a fault planted. The reports go to a folder of the name.
pub(crate) fn rehearse(fault: &str, name: &str, variation: &Variation) -> Result<Observation, String> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = root().join("tests/specimen");
    let product = folder.join("product");
    let upgrade = load::product("specimen", Some(&product)).map_err(|error| error.to_string())?.product;
    let files = load::RehearsalFiles::read(&folder.join("specimen.yaml"), Some(&product));
    let mut files = files.map_err(|error| error.to_string())?;
    change(&mut files.scenario, &upgrade, fault, variation);
    let loaded = files.plan(&load::CliOverrides::default()).map_err(|error| error.to_string())?;
    let book = Arc::new(load::recipes(&[folder.join("images")]).map_err(|error| error.to_string())?);
    let out = std::env::var_os("REHEARSE_OUT").map_or_else(|| root().join("target/rehearsals"), PathBuf::from);
    let out = out.join("specimen").join(name);
    let _writing = prepare_out(&out).map_err(|error| error.to_string())?;
    let (redactor, _) = secrets::redactor(&loaded);
    let mut reporters: Vec<Box<dyn Reporter>> = vec![
        Box::new(report::Jsonl::new(&out).map_err(|error| error.to_string())?),
        Box::new(report::Files::new(&out).redacting(redactor.clone())),
        Box::new(report::Junit::new(&out.join("junit.xml"), out.display().to_string())),
    ];
    let options = SessionOptions {
        out,
        keep: Keep::Never,
        lease: Duration::from_secs(3600),
        stop: Stop::default(),
        redactor,
        report_progress: |_| {},
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| error.to_string())?;
    let ended = runtime.block_on(run_session(loaded, book, &options, &mut reporters));
    let SessionOutcome { summary, internal_error, exit } = ended.map_err(|error| error.to_string())?;
    match internal_error {
        Some(internal_error) => Err(internal_error),
        None => Ok(observed(&summary, exit)),
    }
}

fn change(scenario: &mut Scenario, product: &Product, fault: &str, variation: &Variation) {
    scenario.settings.insert("fault".to_owned(), fault.to_owned());
    if !variation.rollback {
        scenario.rollback = Rollback::Skip("only the hops are looked at".to_owned());
    }
    let hop = |hop| HopChange { hop, images: BTreeMap::new(), preflight: None, upgrade: None, settle: None };
    match variation.without.as_deref() {
        Some("settle") => {
            scenario.hops.extend((1..=3).map(|number| HopChange { settle: Some(Vec::new()), ..hop(number) }))
        }
        Some(kind) => {
            let kinds = CheckKind::ALL.into_iter().filter(|known| known.name() == kind);
            scenario.skip_checks.extend(kinds.map(|kind| (kind, "to see what else finds the fault".to_owned())));
        }
        None => {}
    }
    for number in variation.hops {
        let mut upgrade = product.upgrade.clone();
        upgrade.push(Step::Restart(vec!["web".to_owned(), "web-2".to_owned()]));
        scenario.hops.push(HopChange { upgrade: Some(upgrade), ..hop(*number) });
    }
}

fn observed(summary: &Summary, exit: Exit) -> Observation {
    let took = summary.wall();
    let Some(stage) = summary.first_trouble() else {
        return Observation {
            exit,
            stage: String::new(),
            finders: Vec::new(),
            codes: Vec::new(),
            finding: String::new(),
            took,
        };
    };
    let own = (!stage.findings.is_empty()).then(|| stage.id.0.rsplit('/').next().unwrap_or_default().to_owned());
    let failed =
        |kind: &CheckKind| stage.checks.iter().any(|made| made.kind == *kind && made.outcome == Outcome::Failed);
    let kinds = CheckKind::ALL.into_iter().filter(failed).map(|kind| kind.name().to_owned());
    let finders = own.into_iter().chain(kinds).collect();
    let mut codes: Vec<String> = Vec::new();
    for (_, finding) in stage.all_findings() {
        let code = finding.code.to_string();
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    let finding = stage.all_findings().next().map(|(_, finding)| finding.to_string());
    let finding = finding.or_else(|| stage.reason.as_ref().map(ToString::to_string)).unwrap_or_default();
    Observation { exit, stage: stage.id.0.clone(), finders, codes, finding, took }
}
