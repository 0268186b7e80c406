//! Scenarios as trials of libtest-mimic: listed without asking the container engine anything, run under any test runner
//! that knows the protocol of Rust's own tests, nextest among them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Completion, Failed, Trial};
use rehearse_core::model::scenario::{Scenario, Tier};
use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::reason::Reason;
use rehearse_core::outcome::reporter::Reporter;
use rehearse_core::outcome::summary::Summary;
use rehearse_core::outcome::verdict::Exit;

use crate::engine::Keep;
use crate::session::{SessionOptions, SessionOutcome, Stop, prepare_out, run_session};
use crate::{load, report, secrets, setup};

/// Where trials are found and how they are run.
#[derive(Debug, Clone)]
pub struct Trials {
    /// The folder of scenarios.
    pub scenarios: PathBuf,
    /// Where their reports go, a folder each.
    pub out: PathBuf,
    /// Scenarios of the nightly tier run too.
    pub nightly: bool,
    /// A missing container engine fails a trial in place of ignoring it.
    pub require_engine: bool,
}

/// One trial per scenario file, by the scenario's name.
pub fn trials(of: &Trials) -> Vec<Trial> {
    let engine = setup::engine_answers();
    let files = crate::cli::scenario_files(&of.scenarios);
    files
        .into_iter()
        .map(|file| {
            let of = of.clone();
            let (name, tier, lacks) = match load::scenario(&file) {
                Ok((scenario, _)) => {
                    let lacks = lacking(&file, &scenario);
                    (scenario.scenario, scenario.tier, lacks)
                }
                // A file that cannot be read is a trial that fails with its mistakes.
                Err(_) => (file.display().to_string(), Tier::Change, None),
            };
            // Ignored as it is listed: a runner that runs each trial by itself would count one that ignores itself as passed.
            let ignored = (tier == Tier::Nightly && !of.nightly) || (!engine && !of.require_engine) || lacks.is_some();
            Trial::ignorable_test(name, move || run(&file, &of)).with_kind("scenario").with_ignored_flag(ignored)
        })
        .collect()
}

/// Why a scenario cannot be rehearsed here: what comes from outside is not there.
fn lacking(file: &Path, scenario: &Scenario) -> Option<String> {
    let because = scenario.external.as_ref()?;
    let backup = file.parent().unwrap_or(Path::new("")).join(&scenario.backup);
    (!backup.exists()).then(|| format!("there is no backup {}: {because}", backup.display()))
}

fn run(file: &Path, of: &Trials) -> Result<Completion, Failed> {
    let loaded = load::rehearsal(file, None, |_| load::CliOverrides::default()).map_err(|error| error.to_string())?;
    if let Some(why) = lacking(file, &loaded.scenario) {
        return outside(why);
    }
    let external = loaded.scenario.external.clone();
    let book = Arc::new(load::book(&[]).map_err(|error| error.to_string())?);
    let out = of.out.join(&loaded.scenario.scenario);
    let _writing = prepare_out(&out).map_err(|error| error.to_string())?;
    let prefix = out.display().to_string();
    let (redactor, _) = secrets::redactor(&loaded);
    let mut reporters: Vec<Box<dyn Reporter>> = vec![
        Box::new(report::Jsonl::new(&out).map_err(|error| error.to_string())?),
        Box::new(report::Files::new(&out).redacting(redactor.clone())),
        Box::new(report::Junit::new(&out.join("junit.xml"), prefix.clone())),
        Box::new(report::Terminal::new(
            report::Look::Plain,
            report::Colour::Off,
            &prefix,
            &["junit.xml", "summary.json", "events.jsonl"],
            Box::new(std::io::stdout()),
        )),
    ];
    let options = SessionOptions {
        out,
        keep: Keep::Never,
        lease: Duration::from_secs(24 * 3600),
        stop: Stop::default(),
        redactor,
        tell: |_| {},
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| error.to_string())?;
    let held = runtime.block_on(run_session(loaded, book, &options, &mut reporters));
    let SessionOutcome { summary, trouble, exit } = held.map_err(|error| error.to_string())?;
    match exit {
        Exit::Passed => Ok(Completion::Completed),
        Exit::Inconclusive if external.is_some() && unobtainable(&summary) => {
            outside(format!("{}: {}", reason(&summary), external.unwrap_or_default()))
        }
        // The archive has moved on: that is no fault of the change under test, and is no pass either.
        Exit::Inconclusive if moved_on(&summary) => outside(reason(&summary)),
        Exit::Failed | Exit::BadInput | Exit::Inconclusive | Exit::Cancelled | Exit::NothingSelected => {
            Err(Failed::from(format!("{}; {}", reason(&summary), trouble.unwrap_or_default())))
        }
    }
}

/// What comes from outside is not there: ignored. A runner that runs each trial by itself knows passed and failed only, and
/// it did not pass.
fn outside(why: String) -> Result<Completion, Failed> {
    if std::env::var_os("NEXTEST").is_some() { Err(Failed::from(why)) } else { Ok(Completion::ignored_with(why)) }
}

/// Why the first stage in trouble is inconclusive, where nothing was left behind.
fn inconclusive(summary: &Summary) -> Option<InconclusiveCode> {
    let stage = summary.first_trouble().filter(|_| summary.leftovers().is_empty())?;
    stage.reason.as_ref().and_then(Reason::inconclusive).map(|reason| reason.code)
}

/// Whether all that went wrong is that an image cannot be had.
fn unobtainable(summary: &Summary) -> bool {
    matches!(inconclusive(summary), Some(InconclusiveCode::ImageUnobtainable | InconclusiveCode::WrongRelease))
}

/// Whether all that went wrong is that the archive offers another release than the scenario names. A recipe of ours that
/// makes the wrong release looks the same: where a runner cannot show an ignored trial, it has to fail.
fn moved_on(summary: &Summary) -> bool {
    inconclusive(summary) == Some(InconclusiveCode::WrongRelease)
}

fn reason(summary: &Summary) -> String {
    let (verdict, unmet) = summary.verdict();
    let unmet = unmet.iter().map(|finding| format!("; {finding}")).collect::<String>();
    match summary.first_trouble() {
        Some(stage) => {
            let first = stage.all_findings().next().map(|(_, finding)| finding.to_string());
            let why = first.or_else(|| stage.reason.as_ref().map(ToString::to_string)).unwrap_or_default();
            format!("{verdict}: stage {} {}: {why}{unmet}", stage.id, stage.outcome)
        }
        None => format!("{verdict}{unmet}"),
    }
}
