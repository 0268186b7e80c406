//! Scenarios as trials of libtest-mimic: listed without using the container engine, and run under any test runner
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
    /// The folder of their reports, with one folder for each scenario.
    pub out: PathBuf,
    /// Whether scenarios of the nightly tier run too.
    pub nightly: bool,
    /// Whether a trial fails, instead of being ignored, if there is no container engine.
    pub require_engine: bool,
}

/// One trial per scenario file, named after the scenario.
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
                // A file with mistakes becomes a trial that fails with them.
                Err(_) => (file.display().to_string(), Tier::Change, None),
            };
            // Ignored in the list already: a runner with one process per trial would count a trial that ignores itself as passed.
            let ignored = (tier == Tier::Nightly && !of.nightly) || (!engine && !of.require_engine) || lacks.is_some();
            Trial::ignorable_test(name, move || run(&file, &of)).with_kind("scenario").with_ignored_flag(ignored)
        })
        .collect()
}

/// Why a scenario cannot be rehearsed here: an external file of it is missing.
fn lacking(file: &Path, scenario: &Scenario) -> Option<String> {
    let because = scenario.external.as_ref()?;
    let backup = file.parent().unwrap_or(Path::new("")).join(&scenario.backup);
    (!backup.exists()).then(|| format!("there is no backup {}: {because}", backup.display()))
}

fn run(file: &Path, of: &Trials) -> Result<Completion, Failed> {
    let files = load::RehearsalFiles::read(file, None).map_err(|error| error.to_string())?;
    let loaded = files.plan(&load::CliOverrides::default()).map_err(|error| error.to_string())?;
    if let Some(why) = lacking(file, &loaded.scenario) {
        return outside(why);
    }
    let external = loaded.scenario.external.clone();
    let book = Arc::new(load::recipes(&[]).map_err(|error| error.to_string())?);
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
        report_progress: |_| {},
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| error.to_string())?;
    let outcome = runtime.block_on(run_session(loaded, book, &options, &mut reporters));
    let SessionOutcome { summary, internal_error, exit } = outcome.map_err(|error| error.to_string())?;
    match exit {
        Exit::Passed => Ok(Completion::Completed),
        Exit::Inconclusive if external.is_some() && unobtainable(&summary) => {
            outside(format!("{}: {}", reason(&summary), external.as_deref().unwrap_or_default()))
        }
        // The archive offers other releases now: not the fault of the change under test, but not a pass either.
        Exit::Inconclusive if moved_on(&summary) => outside(reason(&summary)),
        Exit::Failed | Exit::BadInput | Exit::Inconclusive | Exit::Cancelled | Exit::NothingSelected => {
            Err(Failed::from(format!("{}; {}", reason(&summary), internal_error.unwrap_or_default())))
        }
    }
}

/// Ignores a trial because something external is missing. A runner with one process per trial knows passed and failed only,
/// and there it must fail.
fn outside(why: String) -> Result<Completion, Failed> {
    if std::env::var_os("NEXTEST").is_some() { Err(Failed::from(why)) } else { Ok(Completion::ignored_with(why)) }
}

/// Why the first stage that did not pass is inconclusive, if there are no leftovers.
fn inconclusive(summary: &Summary) -> Option<InconclusiveCode> {
    let stage = summary.first_trouble().filter(|_| summary.leftovers().is_empty())?;
    stage.reason.as_ref().and_then(Reason::inconclusive).map(|reason| reason.code)
}

/// Whether the only problem is an image that cannot be obtained.
fn unobtainable(summary: &Summary) -> bool {
    matches!(inconclusive(summary), Some(InconclusiveCode::ImageUnobtainable | InconclusiveCode::WrongRelease))
}

/// Whether the only problem is that the archive offers another release than the scenario names. A recipe of ours that
/// builds the wrong release looks the same, so a runner that cannot show ignored trials has to let it fail.
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
