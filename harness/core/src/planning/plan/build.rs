//! Makes the plan.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::planned_path::{PathRequest, PlannedPath, plan_path, source};
use super::{ImageNeed, MAIN, Plan, PlannedHop, ROLLBACK, Stage, StageAction};
use crate::model::product::{Product, Service, SettingError};
use crate::model::scenario::{CheckKind, Rollback, Scenario};
use crate::outcome::event::StageId;
use crate::planning::compatibility::Gated;
use crate::planning::path::{Refusal, Target};
use crate::vocabulary::catalog::Catalog;
use crate::vocabulary::release::{Line, Release};
use crate::vocabulary::template::TemplateError;

/// No plan can be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// There is no legal path.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A setting decides on a stop and says nothing it could be decided by.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A release on the path would refuse the data.
    #[error("{0}; no such path is taken")]
    Gated(Box<Gated>),
    /// The product says nothing of upgrades without downtime.
    #[error("the product {0} has no rules for an upgrade without downtime")]
    NoZeroDowntime(String),
    /// The source is a line, and a backup is of one release.
    #[error("the source {line} is a line, and a backup restores only into exactly its own release; {}", one_of(.published))]
    SourceIsALine {
        /// The line.
        line: Line,
        /// Its published releases, oldest first.
        published: Vec<Release>,
    },
    /// A change is given for a hop that does not exist.
    #[error("the scenario changes hop {hop}, and the path has {hops}")]
    NoSuchHop {
        /// The number.
        hop: u32,
        /// How many there are.
        hops: usize,
    },
    /// A stage is expected that does not exist.
    #[error("the scenario expects something of stage {stage:?}, and the plan has {stages}")]
    NoSuchStage {
        /// The stage.
        stage: String,
        /// Those that exist.
        stages: String,
    },
    /// Every check is left out.
    #[error("the scenario leaves out every check: nothing would be judged")]
    NothingChecked,
    /// A kind of check is required that would not be made.
    #[error("the check {} is required, and {why}", kind.name())]
    Required {
        /// The kind.
        kind: CheckKind,
        /// Why it would not be made.
        why: String,
    },
    /// An image's name cannot be filled in.
    #[error("the image of service {service} cannot be named")]
    Image {
        /// The service.
        service: String,
        /// The cause.
        #[source]
        source: TemplateError,
    },
}

/// How many releases of a line are named one by one.
const NAMED: usize = 24;

/// Which of the published releases of a line is meant, where only its user can tell.
fn one_of(published: &[Release]) -> String {
    let names: Vec<&str> = published.iter().map(Release::name).collect();
    match names.as_slice() {
        [] => "no release of it is published".to_owned(),
        [one] => format!("production runs {one}, the only one that is published: say that"),
        [first, .., last] if names.len() > NAMED => {
            format!("production runs one of the {} from {first} to {last}: say which", names.len())
        }
        few => format!("production runs one of {}: say which", few.join(", ")),
    }
}

/// An hour: long for two hops, short for a job that hangs.
const DEADLINE: Duration = Duration::from_secs(3600);

/// Makes the plan of a scenario.
///
/// # Errors
/// When there is no legal path, or the scenario speaks of hops or stages that do not exist.
pub fn build(product: &Product, catalog: &Catalog, scenario: &Scenario) -> Result<Plan, PlanError> {
    let from = source(catalog, &scenario.from)?;
    let asked = PathRequest {
        from: &from,
        to: &scenario.to,
        edition: scenario.edition.as_ref().or(product.releases.default_edition.as_ref()),
        via: &scenario.via,
        zero_downtime: scenario.zero_downtime,
        settings: settings(product, scenario),
        decided: &BTreeMap::new(),
    };
    let PlannedPath { path, notices, lists } = plan_path(product, catalog, &asked)?;
    let hops: Vec<PlannedHop> = path
        .hops
        .iter()
        .zip(notices)
        .zip(1..)
        .map(|((hop, notices), number)| PlannedHop {
            number,
            from: hop.from.clone(),
            to: hop.to.clone(),
            holds: held(&hop.to, scenario),
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
    required(product, scenario)?;
    let stages = stages(product, scenario, &path.from, &hops)?;
    if let Some(expect) = &scenario.expect {
        for stage in std::iter::once(&expect.stage).chain(&expect.passed).chain(&expect.consequences) {
            let hop = *stage == expect.stage && stages.iter().any(|known| expect.is_at(&known.id));
            if !hop && !stages.iter().any(|known| known.id.0 == *stage) {
                let known = stages.iter().map(|stage| stage.id.0.as_str()).collect::<Vec<_>>().join(", ");
                return Err(PlanError::NoSuchStage { stage: stage.clone(), stages: known });
            }
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
        skip_checks: scenario.skip_checks.clone(),
        production: scenario.production.clone(),
        stages,
    })
}

/// Every required kind is one that the product has and nothing switches off.
fn required(product: &Product, scenario: &Scenario) -> Result<(), PlanError> {
    let made = kinds(product, scenario);
    match scenario.require.iter().find(|kind| !made.contains(kind)) {
        None => Ok(()),
        Some(kind) => {
            let off = scenario.skip_checks.get(kind);
            let none = || format!("the product {} has no such check", product.product);
            let why = off.map_or_else(none, |because| format!("the scenario leaves it out: {because}"));
            Err(PlanError::Required { kind: *kind, why })
        }
    }
}

/// What the image of a hop has to hold: a line, where the scenario asked for the line.
fn held(release: &Release, scenario: &Scenario) -> Target {
    let asked = match &scenario.to {
        Target::Line(line) => Some(line),
        Target::Release(_) => None,
    };
    match asked.into_iter().chain(&scenario.via).find(|line| line.contains(release)) {
        Some(line) => Target::Line(*line),
        None => Target::Release(release.clone()),
    }
}

/// The services of a deployment: the product's, with the scenario's changes.
pub fn services(product: &Product, scenario: &Scenario) -> BTreeMap<String, Service> {
    let change = |(name, service): (&String, &Service)| {
        let service = scenario.services.get(name).map_or_else(|| service.clone(), |change| change.apply(service));
        (name.clone(), service)
    };
    product.services.iter().map(change).collect()
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

/// What a release goes by: `release`, `edition` and `build`, for placeholders.
pub fn names(product: &Product, release: &Release) -> Value {
    let edition = release.edition().or(product.releases.default_edition.as_ref());
    json!({
        "release": release.name(),
        "edition": edition.map(ToString::to_string),
        "build": release.edition_build().unwrap_or(0),
    })
}

/// The product's settings with the scenario's values.
pub fn settings(product: &Product, scenario: &Scenario) -> BTreeMap<String, String> {
    let mut settings = product.settings.clone();
    settings.extend(scenario.settings.clone());
    settings
}

fn stages(
    product: &Product,
    scenario: &Scenario,
    from: &Release,
    hops: &[PlannedHop],
) -> Result<Vec<Stage>, PlanError> {
    let mut stages = Vec::new();
    let mut add = |id: String, title: String, hop: Option<u32>, action: StageAction| {
        let number = u32::try_from(stages.len() + 1).unwrap_or(u32::MAX);
        stages.push(Stage { number, id: StageId(id), title, hop, action });
    };
    let name = product.title.as_deref().unwrap_or(&product.product);
    let main = || MAIN.to_owned();
    let checks = kinds(product, scenario);
    add("backup".into(), format!("verify the backup {}", scenario.backup), None, StageAction::VerifyBackup);
    let source = images(product, scenario, 0, from, &Target::Release(from.clone()))?;
    add(
        "images".into(),
        format!("images of {name} {from}"),
        None,
        StageAction::Images { images: source, background: false },
    );
    let mut later = Vec::new();
    for hop in hops {
        later.extend(images(product, scenario, hop.number, &hop.to, &hop.holds)?);
    }
    add(
        "images-hops".into(),
        "images of the hops".into(),
        None,
        StageAction::Images { images: later, background: true },
    );
    add(
        "deploy".into(),
        format!("deploy {name} {from}"),
        None,
        StageAction::Deploy { deployment: main(), steps: product.deploy.clone() },
    );
    add(
        "restore".into(),
        format!("restore the backup into {from}"),
        None,
        StageAction::Restore { deployment: main(), steps: product.restore.clone() },
    );
    if !scenario.prepare.is_empty() {
        let action = StageAction::Prepare { steps: scenario.prepare.clone() };
        add("prepare".into(), "prepare the data as the scenario says".into(), None, action);
    }
    if hops.iter().any(|hop| hop.when.is_some()) {
        add("decide".into(), "decide the conditional stops on the data".into(), None, StageAction::Decide);
    }
    add("baseline".into(), format!("baseline on {from}"), None, StageAction::Baseline { checks: checks.clone() });
    for hop in hops {
        let change = scenario.hops.iter().find(|change| change.hop == hop.number);
        let preflight = change.and_then(|c| c.preflight.as_ref()).unwrap_or(&product.preflight).clone();
        let upgrade = change.and_then(|c| c.upgrade.as_ref()).unwrap_or(&product.upgrade).clone();
        let settle = change.and_then(|c| c.settle.as_ref()).unwrap_or(&product.settle).clone();
        let (number, number_id) = (Some(hop.number), format!("hop-{}", hop.number));
        if !preflight.is_empty() {
            let action = StageAction::Preflight { steps: preflight };
            add(format!("{number_id}/preflight"), format!("pre-check on {}", hop.from), number, action);
        }
        let title = format!("upgrade {} → {}", hop.from, hop.to);
        add(format!("{number_id}/upgrade"), title, number, StageAction::Upgrade { steps: upgrade });
        if !settle.is_empty() {
            let title = format!("background work of {} ends", hop.to);
            add(format!("{number_id}/settle"), title, number, StageAction::Settle { steps: settle });
        }
        let action = StageAction::Check { checks: checks.clone() };
        add(format!("{number_id}/check"), format!("check {}", hop.to), number, action);
    }
    // What a clean rollback proves needs no stopwatch: performance is judged where the release is new.
    let returned: Vec<CheckKind> = checks.iter().copied().filter(|kind| *kind != CheckKind::Performance).collect();
    let check =
        |deployment: &str| StageAction::CheckRollback { deployment: deployment.to_owned(), checks: returned.clone() };
    match &scenario.rollback {
        Rollback::Fresh => {
            let steps = product.deploy.clone();
            let action = StageAction::Deploy { deployment: ROLLBACK.to_owned(), steps };
            add("rollback/deploy".into(), format!("deploy {name} {from} with fresh volumes"), None, action);
            let action = StageAction::Restore { deployment: ROLLBACK.to_owned(), steps: product.restore.clone() };
            add("rollback/restore".into(), format!("restore the backup into {from} again"), None, action);
            if !scenario.prepare.is_empty() {
                // The baseline was taken after these steps: only with them can the rollback be equal to it.
                let action = StageAction::Prepare { steps: scenario.prepare.clone() };
                add("rollback/prepare".into(), "prepare the data as before the baseline".into(), None, action);
            }
            add("rollback/check".into(), "prove the rollback equal to the baseline".into(), None, check(ROLLBACK));
        }
        Rollback::InPlace(steps) => {
            let action = StageAction::RollbackInPlace { steps: steps.clone() };
            add("rollback/restore".into(), format!("return to {from} in place"), None, action);
            add("rollback/check".into(), "prove the rollback equal to the baseline".into(), None, check(MAIN));
        }
        Rollback::Skip(because) => {
            let action = StageAction::RollbackSkipped { because: because.clone() };
            add("rollback".into(), "the rollback is not rehearsed".into(), None, action);
        }
    }
    add("teardown".into(), "remove everything".into(), None, StageAction::Teardown);
    Ok(stages)
}

/// The kinds of checks that the product has and the scenario does not leave out.
fn kinds(product: &Product, scenario: &Scenario) -> Vec<CheckKind> {
    let checks = &product.checks;
    let has = |kind: &CheckKind| match kind {
        CheckKind::Version => !checks.version.is_empty(),
        CheckKind::Health => true,
        CheckKind::Migrations => checks.migrations.is_some(),
        CheckKind::Data => checks.data.is_some(),
        CheckKind::Access => !checks.access.is_empty(),
        CheckKind::Graphql => checks.graphql.is_some(),
        CheckKind::Repositories => !checks.repositories.is_empty(),
        CheckKind::Artifacts => !checks.artifacts.is_empty(),
        CheckKind::Logs => checks.logs.is_some(),
        CheckKind::Performance => checks.performance.is_some(),
    };
    CheckKind::ALL.into_iter().filter(has).filter(|kind| !scenario.skip_checks.contains_key(kind)).collect()
}
