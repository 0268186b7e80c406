//! Makes the plan.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::PlanError;
use super::kinds::{asserts_nothing, kinds};
use super::planned_path::{PathRequest, PlannedPath, plan_path, source};
use super::stages::{mutation_stages, stages};
use super::{Plan, PlannedHop};
use crate::deployment::settings;
use crate::model::product::Product;
use crate::model::scenario::Scenario;
use crate::planning::path::{Path, Target};
use crate::vocabulary::catalog::Catalog;
use crate::vocabulary::ident::StageId;
use crate::vocabulary::release::Release;

/// An hour: long for two hops, short for a job that hangs.
const DEADLINE: Duration = Duration::from_secs(3600);

/// Makes the plan of a scenario.
///
/// # Errors
/// If there is no legal path, or the scenario names hops or stages that do not exist.
pub fn build(product: &Product, catalog: &Catalog, scenario: &Scenario) -> Result<Plan, PlanError> {
    let from = source(catalog, &scenario.from)?;
    let request = PathRequest {
        from: &from,
        to: &scenario.to,
        edition: scenario.edition.as_ref().or(product.releases.default_edition.as_ref()),
        via: &scenario.via,
        zero_downtime: scenario.zero_downtime,
        settings: settings(product, scenario),
        decided: &BTreeMap::new(),
    };
    let PlannedPath { path, notices, lists } = plan_path(product, catalog, &request)?;
    let hops: Vec<PlannedHop> = path
        .hops
        .iter()
        .zip(notices)
        .zip(1..)
        .map(|((hop, notices), number)| PlannedHop {
            number,
            from: hop.from.clone(),
            to: hop.to.clone(),
            holds: image_target(&hop.to, scenario),
            because: hop.because.clone(),
            when: hop.optional.as_ref().and_then(|id| product.path.condition(id)),
            undecided: hop.optional.clone(),
            notices,
        })
        .collect();
    if let Some(change) = scenario.hops.iter().find(|change| change.hop == 0 || change.hop as usize > hops.len()) {
        return Err(PlanError::NoSuchHop { hop: change.hop, hops: hops.len() });
    }
    if kinds(product, scenario).is_empty() {
        return Err(PlanError::NothingChecked);
    }
    required(product, scenario, &path)?;
    let stages = stages(product, scenario, &path.from, &hops)?;
    if let Some(expect) = &scenario.expect {
        let exists = |id: &StageId| stages.iter().any(|stage| stage.id == *id);
        let others = expect.passed.iter().chain(&expect.consequences);
        let unknown = others.filter(|id| !exists(id)).map(ToString::to_string);
        let selected = stages.iter().any(|stage| expect.stage.selects(&stage.id, stage.hop));
        let first = (!selected).then(|| expect.stage.to_string());
        if let Some(stage) = first.into_iter().chain(unknown).next() {
            let known = stages.iter().map(|stage| stage.id.0.as_str()).collect::<Vec<_>>().join(", ");
            return Err(PlanError::NoSuchStage { stage, stages: known });
        }
    }
    Ok(Plan {
        scenario: scenario.scenario.clone(),
        about: scenario.about.clone(),
        product: product.product.clone(),
        edition: scenario.edition.clone(),
        lists,
        zero_downtime: scenario.zero_downtime,
        needless: path.needless,
        from: path.from,
        to: scenario.to.clone(),
        hops,
        backup: scenario.backup.clone(),
        deadline: scenario.deadline.as_ref().map_or(DEADLINE, |deadline| deadline.get()),
        require: scenario.require.clone(),
        require_coverage: scenario.require_coverage.clone(),
        skip_checks: scenario.skip_checks.clone(),
        production: scenario.production.clone(),
        stages,
    })
}

/// Makes the plan of a mutation test of a product file: what a scenario rehearses up to its baseline, then the batches.
///
/// # Errors
/// If the scenario has no legal path, or nothing is checked.
pub fn build_mutation_test(product: &Product, scenario: &Scenario, rehearsal: &Plan) -> Result<Plan, PlanError> {
    let stages = mutation_stages(product, scenario, &rehearsal.from)?;
    let about = Some("Mutation test of the product file.".to_owned());
    // Skipped checks would be survivors everywhere; what a rehearsal requires is about hops.
    Ok(Plan {
        about,
        hops: Vec::new(),
        require: Vec::new(),
        require_coverage: BTreeMap::new(),
        stages,
        ..rehearsal.clone()
    })
}

/// Checks that the product has every required kind, that nothing switches it off, and that it can assert something.
fn required(product: &Product, scenario: &Scenario, path: &Path) -> Result<(), PlanError> {
    let made = kinds(product, scenario);
    let releases: Vec<&Release> = [&path.from].into_iter().chain(path.hops.iter().map(|hop| &hop.to)).collect();
    match scenario.require.iter().find(|kind| !made.contains(kind)) {
        None => {
            match scenario.require.iter().find_map(|kind| Some((*kind, asserts_nothing(product, *kind, &releases)?))) {
                Some((kind, why)) => Err(PlanError::Required { kind, why }),
                None => Ok(()),
            }
        }
        Some(kind) => {
            let off = scenario.skip_checks.get(kind);
            let none = || format!("the product {} has no such check", product.product);
            let why = off.map_or_else(none, |because| format!("the scenario leaves it out: {because}"));
            Err(PlanError::Required { kind: *kind, why })
        }
    }
}

/// What the image of a hop has to hold: a line, if the scenario names the line.
fn image_target(release: &Release, scenario: &Scenario) -> Target {
    let target = match &scenario.to {
        Target::Line(line) => Some(line),
        Target::Release(_) => None,
    };
    match target.into_iter().chain(&scenario.via).find(|line| line.contains(release)) {
        Some(line) => Target::Line(*line),
        None => Target::Release(release.clone()),
    }
}
