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
use rehearse_core::outcome::finding::Finding;
use rehearse_core::outcome::reporter::Reporter;
use rehearse_core::outcome::summary::Summary;
use rehearse_core::outcome::verdict::Exit;
use rehearse_core::vocabulary::scalar::Because;

/// How a rehearsal differs from the scenario's file.
#[derive(Default)]
pub(crate) struct Variation {
    /// The rollback is rehearsed, too.
    pub(crate) rollback: Option<Rollback>,
    /// A kind of check, or `settle`, that is left out.
    pub(crate) without: Option<String>,
    /// No fresh installation is compared: what a fault does to one is not looked at.
    pub(crate) no_fresh: bool,
    /// The rehearsal ends with this hop, in place of the last.
    pub(crate) to: Option<&'static str>,
    /// Hops whose upgrade ends with a planned restart.
    pub(crate) restarts: &'static [Restart],
}

/// A planned restart at the end of an upgrade.
#[derive(Clone, Copy)]
pub(crate) enum Restart {
    /// Of the replicas, on this hop.
    Replicas(u32),
    /// Of everything, as for a new kernel, on this hop.
    Everything(u32),
}

impl Restart {
    fn steps(self) -> (u32, Vec<Step>) {
        let services = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        match self {
            Self::Replicas(hop) => (hop, vec![Step::Restart(services(&["web", "web-2"]))]),
            Self::Everything(hop) => {
                let of_release = || services(&["worker", "web", "web-2"]);
                let database = Step::Restart(services(&["db"]));
                (hop, vec![Step::Stop(of_release()), database, Step::Start(of_release())])
            }
        }
    }
}

/// A finding of the first stage in trouble.
#[derive(Clone)]
pub(crate) struct Found {
    /// The kind of check; for the stage's own steps the last word of its id.
    pub(crate) by: String,
    pub(crate) code: String,
    pub(crate) subject: String,
    /// The product's own words that it quotes.
    pub(crate) quote: String,
    /// For people.
    pub(crate) text: String,
}

/// What came of it.
pub(crate) struct Observation {
    pub(crate) exit: Exit,
    /// The first stage that did not pass; empty when there is none.
    pub(crate) stage: String,
    /// All that was found in that stage, in the order of reports.
    pub(crate) found: Vec<Found>,
    /// Why it is in trouble, where nothing was found.
    pub(crate) reason: String,
    pub(crate) took: Duration,
}

impl Observation {
    /// What found something in that stage: the stage's own steps, by the last word of its id, and kinds of checks.
    pub(crate) fn finders(&self) -> Vec<String> {
        once_each(self.found.iter().map(|found| &found.by))
    }

    /// The codes of all that was found in that stage, each once, in order.
    pub(crate) fn codes(&self) -> Vec<String> {
        once_each(self.found.iter().map(|found| &found.code))
    }

    /// The first finding, for people.
    pub(crate) fn finding(&self) -> &str {
        self.found.first().map_or(&self.reason, |found| &found.text)
    }

    /// What of it belongs to some findings alone.
    pub(crate) fn of(&self, belongs: impl Fn(&Found) -> bool) -> Self {
        let found = self.found.iter().filter(|found| belongs(found)).cloned().collect();
        Self { exit: self.exit, stage: self.stage.clone(), found, reason: String::new(), took: self.took }
    }
}

fn once_each<'f>(names: impl Iterator<Item = &'f String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for name in names {
        if !all.contains(name) {
            all.push(name.clone());
        }
    }
    all
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
    if let Some(to) = variation.to {
        files.scenario.to = to.parse().map_err(|error| format!("{to}: {error}"))?;
    }
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
    let skipped = || Rollback::Skip(Because::ours("only the hops are looked at"));
    scenario.rollback = variation.rollback.clone().unwrap_or_else(skipped);
    let hop = |hop| HopChange { hop, images: BTreeMap::new(), preflight: None, upgrade: None, settle: None };
    match variation.without.as_deref() {
        Some("settle") => {
            scenario.hops.extend((1..=3).map(|number| HopChange { settle: Some(Vec::new()), ..hop(number) }))
        }
        Some(kind) => {
            let kinds = CheckKind::ALL.into_iter().filter(|known| known.name() == kind);
            scenario.skip_checks.extend(kinds.map(|kind| (kind, Because::ours("to see what else finds the fault"))));
        }
        None => {}
    }
    if variation.no_fresh {
        scenario.skip_checks.insert(CheckKind::Fresh, Because::ours("only the hops are looked at"));
    }
    for (number, steps) in variation.restarts.iter().map(|restart| restart.steps()) {
        let upgrade = product.upgrade.iter().cloned().chain(steps).collect();
        scenario.hops.push(HopChange { upgrade: Some(upgrade), ..hop(number) });
    }
}

fn observed(summary: &Summary, exit: Exit) -> Observation {
    let took = summary.wall();
    let Some(stage) = summary.first_trouble() else {
        return Observation { exit, stage: String::new(), found: Vec::new(), reason: String::new(), took };
    };
    let found = |by: &str, finding: &Finding| Found {
        by: by.to_owned(),
        code: finding.code.to_string(),
        subject: finding.subject.to_string(),
        quote: finding.quote.clone().unwrap_or_default(),
        text: finding.to_string(),
    };
    let step = stage.id.0.rsplit('/').next().unwrap_or_default();
    let mut all: Vec<Found> = stage.findings.iter().map(|finding| found(step, finding)).collect();
    for kind in CheckKind::ALL {
        let made = stage.checks.iter().filter(|made| made.kind == kind);
        all.extend(made.flat_map(|made| made.findings.iter().map(|finding| found(kind.name(), finding))));
    }
    let reason = stage.reason.as_ref().map(ToString::to_string).unwrap_or_default();
    Observation { exit, stage: stage.id.0.clone(), found: all, reason, took }
}
