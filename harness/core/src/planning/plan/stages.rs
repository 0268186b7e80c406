//! The stages of a rehearsal, in order: today each deployment's are a line, each going on from the one before.

use serde_json::json;

use super::error::PlanError;
use super::kinds::kinds;
use super::{ImageNeed, MutationBatch, Phase, PlannedHop, Stage, StageAction};
use crate::deployment::{names, services, settings};
use crate::model::product::Product;
use crate::model::scenario::{CheckKind, Rollback, Scenario};
use crate::planning::path::Target;
use crate::vocabulary::ident::{DeploymentName, StageId};
use crate::vocabulary::release::Release;

/// The stages of a scenario.
pub(super) fn stages(
    product: &Product,
    scenario: &Scenario,
    from: &Release,
    hops: &[PlannedHop],
) -> Result<Vec<Stage>, PlanError> {
    let made = kinds(product, scenario);
    let checks = on_every_release(&made);
    let mut line = StageLine::default();
    source(product, scenario, from, hops, &mut line)?;
    let place = StagePlace { phase: Phase::Source, hop: None, deployment: Some(DeploymentName::main()) };
    for hop in hops {
        let change = scenario.hops.iter().find(|change| change.hop == hop.number);
        let preflight = change.and_then(|c| c.preflight.as_ref()).unwrap_or(&product.preflight).clone();
        let upgrade = change.and_then(|c| c.upgrade.as_ref()).unwrap_or(&product.upgrade).clone();
        let settle = change.and_then(|c| c.settle.as_ref()).unwrap_or(&product.settle).clone();
        let place = StagePlace { phase: Phase::Hop, hop: Some(hop.number), ..place.clone() };
        if !preflight.is_empty() {
            let action = StageAction::Preflight { steps: preflight };
            line.add(&place, "preflight", format!("pre-check on {}", hop.from), action);
        }
        let title = format!("upgrade {} → {}", hop.from, hop.to);
        line.add(&place, "upgrade", title, StageAction::Upgrade { steps: upgrade });
        if !settle.is_empty() {
            let title = format!("background work of {} ends", hop.to);
            line.add(&place, "settle", title, StageAction::Settle { steps: settle });
        }
        line.add(&place, "check", format!("check {}", hop.to), StageAction::Check { checks: checks.clone() });
    }
    if let (Some(fresh), Some(last)) = (&product.checks.fresh, hops.last())
        && made.contains(&CheckKind::Fresh)
    {
        let deployment = Some(DeploymentName::fresh());
        let (place, hop) = (StagePlace { phase: Phase::Fresh, hop: None, deployment }, last.number);
        let steps = product.deploy.iter().chain(&fresh.install).cloned().collect();
        let title = format!("install {} without data, beside the upgraded one", last.to);
        line.add(&place, "install", title, StageAction::Install { hop, steps });
        line.add(&place, "compare", "compare with the fresh installation".into(), StageAction::CompareFresh { hop });
    }
    rollback(product, scenario, from, &checks, &mut line);
    let none = StagePlace { phase: Phase::Teardown, hop: None, deployment: None };
    line.add(&none, "teardown", "remove everything".into(), StageAction::Teardown);
    Ok(line.stages)
}

/// Everything up to the baseline, with its stage.
fn source(
    product: &Product,
    scenario: &Scenario,
    from: &Release,
    hops: &[PlannedHop],
    line: &mut StageLine,
) -> Result<(), PlanError> {
    let name = product.title.as_deref().unwrap_or(&product.product);
    let none = StagePlace { phase: Phase::Preparation, hop: None, deployment: None };
    line.add(&none, "backup", format!("verify the backup {}", scenario.backup), StageAction::VerifyBackup);
    let source = images(product, scenario, 0, from, &Target::Release(from.clone()))?;
    let action = StageAction::Images { images: source, background: false };
    line.add(&none, "images", format!("images of {name} {from}"), action);
    if !hops.is_empty() {
        let mut later = Vec::new();
        for hop in hops {
            later.extend(images(product, scenario, hop.number, &hop.to, &hop.holds)?);
        }
        let action = StageAction::Images { images: later, background: true };
        line.add(&none, "images-hops", "images of the hops".into(), action);
    }

    let place = StagePlace { phase: Phase::Source, hop: None, deployment: Some(DeploymentName::main()) };
    let action = StageAction::Deploy { steps: product.deploy.clone() };
    line.add(&place, "deploy", format!("deploy {name} {from}"), action);
    let action = StageAction::Restore { steps: product.restore.clone() };
    line.add(&place, "restore", format!("restore the backup into {from}"), action);
    if !scenario.prepare.is_empty() {
        let action = StageAction::Prepare { steps: scenario.prepare.clone() };
        line.add(&place, "prepare", "prepare the data as the scenario says".into(), action);
    }
    if hops.iter().any(|hop| hop.when.is_some()) {
        line.add(&place, "decide", "decide the conditional stops on the data".into(), StageAction::Decide);
    }
    let action = StageAction::Baseline { checks: on_every_release(&kinds(product, scenario)) };
    line.add(&place, "baseline", format!("baseline on {from}"), action);
    Ok(())
}

/// The stages of a mutation test: a baseline, then batch by batch, each on a deployment restored anew.
pub(super) fn mutation_stages(product: &Product, scenario: &Scenario, from: &Release) -> Result<Vec<Stage>, PlanError> {
    let mut line = StageLine::default();
    source(product, scenario, from, &[], &mut line)?;
    for batch in MutationBatch::ALL {
        let deployment =
            if batch.changes_state() { DeploymentName(batch.name().to_owned()) } else { DeploymentName::main() };
        let place = StagePlace { phase: Phase::Mutation(batch), hop: None, deployment: Some(deployment) };
        if batch.changes_state() {
            restored_anew(product, scenario, from, &place, &mut line);
        }
        let title = format!("plant a batch of mutations and judge it: {}", batch.name());
        line.add(&place, "mutate", title, StageAction::Mutate { batch });
    }
    let none = StagePlace { phase: Phase::Teardown, hop: None, deployment: None };
    line.add(&none, "teardown", "remove everything".into(), StageAction::Teardown);
    Ok(line.stages)
}

/// A deployment of the source release with fresh volumes and the backup, as the baseline found it.
fn restored_anew(product: &Product, scenario: &Scenario, from: &Release, place: &StagePlace, line: &mut StageLine) {
    let name = product.title.as_deref().unwrap_or(&product.product);
    let action = StageAction::Deploy { steps: product.deploy.clone() };
    line.add(place, "deploy", format!("deploy {name} {from} with fresh volumes"), action);
    let action = StageAction::Restore { steps: product.restore.clone() };
    line.add(place, "restore", format!("restore the backup into {from} again"), action);
    if !scenario.prepare.is_empty() {
        // The baseline was taken after these steps: only with them can the deployment be equal to it.
        let action = StageAction::Prepare { steps: scenario.prepare.clone() };
        line.add(place, "prepare", "prepare the data as before the baseline".into(), action);
    }
}

fn rollback(product: &Product, scenario: &Scenario, from: &Release, checks: &[CheckKind], line: &mut StageLine) {
    // What a clean rollback proves needs no stopwatch: performance is judged where the release is new.
    let checks: Vec<CheckKind> = checks.iter().copied().filter(|kind| *kind != CheckKind::Performance).collect();
    let place = |deployment| StagePlace { phase: Phase::Rollback, hop: None, deployment: Some(deployment) };
    let equal = || "prove the rollback equal to the baseline".to_owned();
    match &scenario.rollback {
        Rollback::Fresh => {
            let place = place(DeploymentName::rollback());
            restored_anew(product, scenario, from, &place, line);
            line.add(&place, "check", equal(), StageAction::CheckRollback { checks });
        }
        Rollback::InPlace(steps) => {
            let place = place(DeploymentName::main());
            let action = StageAction::RollbackInPlace { steps: steps.clone() };
            line.add(&place, "restore", format!("return to {from} in place"), action);
            line.add(&place, "check", equal(), StageAction::CheckRollback { checks });
        }
        Rollback::Skip(because) => {
            let action = StageAction::RollbackSkipped { because: because.to_string() };
            line.add(&place(DeploymentName::rollback()), "", "the rollback is not rehearsed".into(), action);
        }
    }
}

/// The kinds that a stage of checks makes on every release; the fresh installation has stages of its own.
fn on_every_release(kinds: &[CheckKind]) -> Vec<CheckKind> {
    kinds.iter().copied().filter(|kind| *kind != CheckKind::Fresh).collect()
}

/// Where stages stand.
#[derive(Clone)]
struct StagePlace {
    phase: Phase,
    hop: Option<u32>,
    deployment: Option<DeploymentName>,
}

impl StagePlace {
    fn id(&self, name: &str) -> StageId {
        let room = match (self.phase, self.hop) {
            (Phase::Hop, Some(hop)) => format!("hop-{hop}"),
            (Phase::Fresh, _) => "fresh".to_owned(),
            (Phase::Rollback, _) => "rollback".to_owned(),
            (Phase::Mutation(batch), _) => batch.name().to_owned(),
            (Phase::Preparation | Phase::Source | Phase::Hop | Phase::Teardown, _) => String::new(),
        };
        StageId(match (room.is_empty(), name.is_empty()) {
            (true, _) => name.to_owned(),
            (false, true) => room,
            (false, false) => format!("{room}/{name}"),
        })
    }
}

/// Stages one after the other, each going on from the last one of its deployment.
#[derive(Default)]
struct StageLine {
    stages: Vec<Stage>,
}

impl StageLine {
    fn add(&mut self, place: &StagePlace, name: &str, title: String, action: StageAction) {
        let StagePlace { phase, hop, deployment } = place.clone();
        let number = u32::try_from(self.stages.len() + 1).unwrap_or(u32::MAX);
        let last = self.stages.iter().rev().find(|stage| deployment.is_some() && stage.deployment == deployment);
        let parent = last.map(|stage| stage.id.clone());
        self.stages.push(Stage { number, id: place.id(name), title, phase, hop, deployment, parent, action });
    }
}

fn images(
    product: &Product,
    scenario: &Scenario,
    hop: u32,
    release: &Release,
    holds: &Target,
) -> Result<Vec<ImageNeed>, PlanError> {
    let mut context = names(product, release);
    if let Some(context) = context.as_object_mut() {
        context.insert("product".to_owned(), json!(product.product));
        context.insert("settings".to_owned(), json!(settings(product, scenario)));
    }
    let mut needs = Vec::new();
    for (name, service) in services(product, scenario).iter().filter(|(_, service)| hop == 0 || service.versioned) {
        let change = scenario.hops.iter().find(|change| change.hop == hop && hop > 0);
        let image = change.and_then(|change| change.images.get(name)).unwrap_or(&service.image);
        let image = image.render(&context).map_err(|source| PlanError::Image { service: name.clone(), source })?;
        needs.push(ImageNeed { hop, service: name.clone(), image, holds: service.versioned.then(|| holds.clone()) });
    }
    Ok(needs)
}
