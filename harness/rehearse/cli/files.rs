//! Commands that only read files: plan, validate, list, schema.

use std::path::{Path, PathBuf};

use rehearse_core::model::product::Product;
use rehearse_core::model::scenario::Scenario;
use rehearse_core::outcome::verdict::Exit;
use rehearse_core::planning::plan;
use rehearse_core::runbook::Runbook;
use serde_json::json;

use super::args::engine::ListArgs;
use super::args::{Format, PlanArgs, SchemaArgs, SchemaOf, ValidateArgs};
use super::backup_warning::backup_warning;
use super::{error_chain, print, refuse, say};
use crate::load::{self, CliOverrides, LoadError, Loaded, RehearsalFiles};

/// Loads a scenario with the overrides of the command line.
pub(crate) fn loaded(path: &Path, product: Option<&Path>, overrides: &CliOverrides) -> Result<Loaded, LoadError> {
    RehearsalFiles::read(path, product)?.plan(overrides)
}

pub(crate) fn plan(args: &PlanArgs) -> Exit {
    match loaded(&args.scenario, args.sources.product_dir.as_deref(), &args.overrides) {
        Err(error) => refuse(&error),
        Ok(loaded) => {
            match args.format {
                Format::Text => print(&plan::render(&loaded.plan)),
                Format::Json => match serde_json::to_string_pretty(&loaded.plan) {
                    Ok(text) => print(&format!("{text}\n")),
                    Err(error) => {
                        say(&format!("error: {}", error_chain(&error)));
                        return Exit::Inconclusive;
                    }
                },
            }
            Exit::Passed
        }
    }
}

pub(crate) fn validate(args: &ValidateArgs) -> Exit {
    let mut exit = Exit::Passed;
    for file in &args.files {
        match check(file, args.sources.product_dir.as_deref()) {
            Ok(what) => say(&format!("{}: {what}", file.display())),
            Err(error) => exit = refuse(&error),
        }
    }
    exit
}

/// Checks one file; its first key decides its kind.
fn check(file: &Path, product: Option<&Path>) -> Result<String, LoadError> {
    let text = load::text(file)?;
    let key = |wanted: &str| text.lines().any(|line| line.starts_with(wanted));
    if key("- ") && !key("scenario:") && !key("product:") {
        return Ok(format!("{} known failures", load::failures(file)?.len()));
    }
    // A compatibility file has keys of its own and is not a list.
    if (key("gates:") || key("components:") || key("notices:")) && !key("scenario:") && !key("product:") {
        let known = load::compatibility(file)?;
        let counts = (known.gates.len(), known.components.len(), known.notices.len());
        return Ok(format!("compatibility: {} gates, {} components, {} notices", counts.0, counts.1, counts.2));
    }
    if key("questions:") && !key("scenario:") && !key("product:") {
        let runbook = load::runbook(file)?;
        return Ok(format!(
            "a runbook of {} questions and {} variants",
            runbook.questions.len(),
            runbook.variants.len()
        ));
    }
    // A scenario has the key `product` too, so the key `scenario` decides.
    if key("scenario:") || !key("product:") {
        let loaded = RehearsalFiles::read(file, product)?.plan(&CliOverrides::default())?;
        if let Some(warning) = backup_warning(&loaded) {
            say(&format!("{}: warning: {warning}", file.display()));
        }
        let (hops, stages) = (loaded.plan.hops.len(), loaded.plan.stages.len());
        Ok(format!("a scenario of {hops} {} and {stages} stages", if hops == 1 { "hop" } else { "hops" }))
    } else {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let loaded = load::product("", Some(folder))?;
        Ok(format!("product {} with {} releases", loaded.product.product, loaded.catalog.releases().len()))
    }
}

/// The scenario files of a folder, in order.
pub(crate) fn scenario_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect();
    files.sort();
    files
}

/// All releases if they fit on a line, else the first, the newest and their number.
fn some(releases: &[String]) -> String {
    match releases {
        [first, .., last] if releases.len() > 8 => {
            format!("{first} … {last}, {} releases (--format json names them)", releases.len())
        }
        few => few.join(", "),
    }
}

pub(crate) fn list(args: &ListArgs) -> Exit {
    let mut products = Vec::new();
    for name in load::products() {
        match load::releases(&name) {
            Ok(catalog) => {
                let lines: Vec<String> = catalog.releases().iter().map(ToString::to_string).collect();
                products.push((name, lines));
            }
            Err(error) => return refuse(&error),
        }
    }
    let mut scenarios = Vec::new();
    let mut exit = Exit::Passed;
    for file in scenario_files(&args.scenarios) {
        match load::scenario(&file) {
            Ok((scenario, _)) => scenarios.push((file, scenario)),
            Err(error) => exit = refuse(&error),
        }
    }
    match args.format {
        Format::Json => {
            let products: Vec<_> =
                products.iter().map(|(name, releases)| json!({"product": name, "releases": releases})).collect();
            let scenarios: Vec<_> = scenarios
                .iter()
                .map(|(file, s)| json!({"file": file, "scenario": s.scenario, "product": s.product, "from": s.from, "to": s.to, "tier": s.tier, "about": s.about}))
                .collect();
            print(&format!("{}\n", json!({"products": products, "scenarios": scenarios})));
        }
        Format::Text => {
            let mut text = String::from("products\n");
            for (name, releases) in &products {
                text.push_str(&format!("  {name:<12} {}\n", some(releases)));
            }
            text.push_str("scenarios\n");
            for (file, scenario) in &scenarios {
                let about = scenario.about.as_deref().unwrap_or_default();
                text.push_str(&format!(
                    "  {}\n      {} {} → {}  {about}\n",
                    file.display(),
                    scenario.product,
                    scenario.from,
                    scenario.to
                ));
            }
            if scenarios.is_empty() {
                text.push_str(&format!(
                    "  none in {}; give another folder with --scenarios\n",
                    args.scenarios.display()
                ));
            }
            print(&text);
        }
    }
    exit
}

pub(crate) fn schema(args: &SchemaArgs) -> Exit {
    let schema = schema_of(args.format);
    match serde_json::to_string_pretty(&schema) {
        Ok(text) => {
            print(&format!("{text}\n"));
            Exit::Passed
        }
        Err(error) => {
            say(&format!("error: {}", error_chain(&error)));
            Exit::Inconclusive
        }
    }
}

fn schema_of(format: SchemaOf) -> serde_json::Value {
    match format {
        SchemaOf::Product => schemars::schema_for!(Product).to_value(),
        SchemaOf::Scenario => schemars::schema_for!(Scenario).to_value(),
        SchemaOf::Runbook => schemars::schema_for!(Runbook).to_value(),
        SchemaOf::Events => crate::report::events_schema(),
    }
}
