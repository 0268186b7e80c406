//! `rehearse runbook`: writes the operators' document, and reviews one that somebody else wrote.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rehearse_core::outcome::verdict::Exit;
use rehearse_core::planning::plan::{Plan, source};
use rehearse_core::runbook::{
    Rehearsed, RemarkKind, Review, Runbook, Sources as RunbookSources, StageTiming, compose, review,
};
use serde::Deserialize;

use super::args::Format;
use super::args::runbook::{Action, ReviewArgs, RunbookArgs};
use super::backup_warning::backup_warning;
use super::files::loaded;
use super::{error_chain, print, refuse, say};
use crate::load::{self, LoadError, LoadedProduct};

pub(crate) fn runbook(args: &RunbookArgs) -> Exit {
    let result = match (&args.action, &args.of) {
        (Some(Action::Review(args)), _) => review_plan(args),
        (None, Some(of)) => write_runbook(args, of),
        // The parser requires one of them.
        (None, None) => Ok(Exit::BadInput),
    };
    result.unwrap_or_else(|error| refuse(&error))
}

fn write_runbook(args: &RunbookArgs, of: &Path) -> Result<Exit, LoadError> {
    let folder = args.sources.product_dir.as_deref();
    if of.is_dir() && !of.join("plan.json").is_file() {
        return Err(LoadError::NoRun { path: of.to_owned() });
    }
    let (plan, run, settings) = if of.is_dir() {
        (json::<Plan>(&of.join("plan.json"))?, Some(of), None)
    } else {
        if of.extension().is_some_and(|extension| ["md", "markdown", "txt"].iter().any(|text| extension == *text)) {
            let of = of.display();
            say(&format!(
                "error: {of} is a text, not a scenario; to review a plan, use `rehearse runbook review \
                 {of} --product …`"
            ));
            return Ok(Exit::BadInput);
        }
        let loaded = loaded(of, folder, &args.overrides)?;
        if let Some(warning) = backup_warning(&loaded) {
            say(&format!("{}: warning: {warning}", of.display()));
        }
        let settings = rehearse_core::deployment::settings(&loaded.product, &loaded.scenario);
        (loaded.plan, args.run.as_deref(), Some(settings))
    };
    let rehearsed = run.map(rehearsed).transpose()?;
    let LoadedProduct { product, runbook, .. } = load::product(&plan.product, folder)?;
    let runbook = require_runbook(runbook, &product.product)?;
    let production = plan.production.clone().unwrap_or_default();
    let text = compose(&RunbookSources {
        title: product.title.as_deref().unwrap_or(&product.product),
        plan: &plan,
        runbook: &runbook,
        settings: settings.as_ref().unwrap_or(&product.settings),
        production: &production,
        rehearsed: rehearsed.as_ref(),
        window: args.window.as_ref().or(production.window.as_ref()).map(|window| window.get()),
    });
    print(&text);
    Ok(Exit::Passed)
}

fn require_runbook(runbook: Option<Runbook>, product: &str) -> Result<Runbook, LoadError> {
    runbook.ok_or_else(|| LoadError::NoRunbook { product: product.to_owned() })
}

/// The part of `summary.json` that says how long each stage took.
#[derive(Debug, Deserialize)]
struct Summary {
    run: String,
    verdict: String,
    stages: Vec<StageSummary>,
}

#[derive(Debug, Deserialize)]
struct StageSummary {
    id: String,
    outcome: String,
    time: TimeSummary,
}

#[derive(Debug, Deserialize)]
struct TimeSummary {
    wall_s: f64,
}

fn rehearsed(folder: &Path) -> Result<Rehearsed, LoadError> {
    let summary: Summary = json(&folder.join("summary.json"))?;
    let stages = summary.stages.into_iter().filter_map(|stage| {
        let took = Duration::try_from_secs_f64(stage.time.wall_s).ok()?;
        Some(StageTiming { id: stage.id, passed: stage.outcome == "passed", took })
    });
    Ok(Rehearsed { run: summary.run, verdict: summary.verdict, stages: stages.collect() })
}

fn json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, LoadError> {
    let text = load::text(path)?;
    serde_json::from_str(&text).map_err(|source| LoadError::Json { path: path.to_owned(), source })
}

/// Reads standard input.
fn standard_input() -> Result<String, LoadError> {
    let path = PathBuf::from("standard input");
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(load::MAX_FILE + 1).read_to_end(&mut bytes);
    read.map_err(|source| LoadError::Read { path: path.clone(), source })?;
    let size = bytes.len() as u64;
    if size > load::MAX_FILE {
        return Err(LoadError::TooLarge { path, size });
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn review_plan(args: &ReviewArgs) -> Result<Exit, LoadError> {
    if args.file.is_dir() {
        let folder = args.file.display();
        say(&format!("error: {folder} is a folder; give the file of one plan, such as {folder}/plan.md"));
        return Ok(Exit::BadInput);
    }
    let text = if args.file == Path::new("-") { standard_input()? } else { load::text(&args.file)? };
    let LoadedProduct { product, catalog, runbook } = load::product(&args.product, None)?;
    let source = args.from.as_ref().map(|from| source(&catalog, from)).transpose();
    let from = source.map_err(|wrong| {
        let argument = args.from.as_ref().map(|from| format!("--from {from}")).unwrap_or_default();
        LoadError::Plan { scenario: argument, source: Box::new(wrong) }
    })?;
    let runbook = require_runbook(runbook, &product.product)?;
    if text.trim().is_empty() {
        say(&format!("error: {} is empty", args.file.display()));
        return Ok(Exit::BadInput);
    }
    let review = review(&text, &runbook, &product.path.rules(), &catalog, from.as_ref(), args.to.as_ref());
    match args.format {
        Format::Json => match serde_json::to_string_pretty(&review.remarks) {
            Ok(text) => print(&format!("{text}\n")),
            Err(error) => {
                say(&format!("error: {}", error_chain(&error)));
                return Ok(Exit::Inconclusive);
            }
        },
        Format::Text => print(&render_review(&args.file, &review)),
    }
    Ok(if review.remarks.is_empty() { Exit::Passed } else { Exit::Failed })
}

fn render_review(file: &Path, review: &Review) -> String {
    let Review { remarks, path } = review;
    let of = |kind: RemarkKind| remarks.iter().filter(|remark| remark.kind == kind).count();
    let mut text = String::new();
    for remark in remarks {
        let line = remark.line.map(|line| format!(":{line}")).unwrap_or_default();
        text.push_str(&format!("{}{line}: {}: {}\n", file.display(), remark.kind, remark.what));
        text.push_str(&format!("    why: {}\n", remark.because));
        match remark.kind {
            RemarkKind::Wrong => text.push_str(&format!("    instead: {}\n", remark.instead)),
            // What to do is the same for all missing items: the last lines say it.
            RemarkKind::Missing => {}
        }
    }
    let missing = of(RemarkKind::Missing);
    text.push_str(&format!("{} wrong, {missing} missing", of(RemarkKind::Wrong)));
    text.push_str(if missing > 0 { ": add each to the plan, or say why it does not apply\n" } else { "\n" });
    if path.is_empty() {
        text.push_str("the path was not checked: give --from and --to\n");
    } else {
        let names: Vec<&str> = path.iter().map(|release| release.name()).collect();
        text.push_str(&format!("compared with {}\n", names.join(" → ")));
    }
    text
}
