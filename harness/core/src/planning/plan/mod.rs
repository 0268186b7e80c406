//! A scenario and a product made into numbered stages, before anything starts. A run carries out exactly these.

mod batch;
mod build;
mod error;
mod kinds;
mod path_json;
mod planned_path;
mod stages;
mod text;

pub use batch::MutationBatch;
pub use build::{build, build_mutation_test};
pub use error::PlanError;
pub use path_json::{path_json, refusal_json};
pub use planned_path::{ListOrigin, PathRequest, PlannedPath, origins, plan_path, source, stop_list};
pub use text::{describe, humane, render, render_notices};

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::product::{SqlCondition, Step};
use crate::model::scenario::CheckKind;
use crate::outcome::coverage::CoverageKind;
use crate::planning::compatibility::HopNotice;
use crate::planning::path::{ConditionId, Dropped, Target};
use crate::runbook::Production;
use crate::vocabulary::ident::{DeploymentName, StageId, StepId};
use crate::vocabulary::release::{Edition, Release};
use crate::vocabulary::scalar::Because;

/// The numbered stages of one rehearsal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Plan {
    /// The scenario's name.
    pub scenario: String,
    /// What it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// The product's name.
    pub product: String,
    /// The edition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<Edition>,
    /// Of what day the lists are that the path was made by, and where they come from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lists: Vec<ListOrigin>,
    /// The path is that of an upgrade without downtime.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub zero_downtime: bool,
    /// Conditional stops that settings decided not to be needed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needless: Vec<Dropped>,
    /// The source release.
    pub from: Release,
    /// The target as it was named.
    pub to: Target,
    /// The hops, in order.
    pub hops: Vec<PlannedHop>,
    /// The backup's folder as the scenario names it.
    pub backup: String,
    /// How long the whole run may take.
    pub deadline: Duration,
    /// Kinds of checks that have to assert something in every stage of checks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<CheckKind>,
    /// How much the checks have to look at, in percent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub require_coverage: BTreeMap<CoverageKind, u8>,
    /// Kinds of checks that are not made, with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub skip_checks: BTreeMap<CheckKind, Because>,
    /// The production installation, for its runbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub production: Option<Production>,
    /// What is done, in order.
    pub stages: Vec<Stage>,
}

/// One step of the path.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlannedHop {
    /// From 1.
    pub number: u32,
    /// The release before.
    pub from: Release,
    /// The release after, as the catalog has it.
    pub to: Release,
    /// What the image has to hold: exactly that release, or any of the line that was asked for.
    pub holds: Target,
    /// Why it is there.
    pub because: String,
    /// Decided on the restored data; false leaves the hop out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<SqlCondition>,
    /// The condition that is not decided yet; with `when` the data decides, without it the stop is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undecided: Option<ConditionId>,
    /// What is to be known of it before it is made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<HopNotice>,
}

impl Plan {
    /// The image of a service on the release of a hop: that of the hop, or the source's where the service does not change
    /// with the release.
    pub fn image(&self, hop: u32, service: &str) -> Option<&ImageNeed> {
        let needs = self.stages.iter().flat_map(Stage::images).filter(|need| need.service == service);
        needs.filter(|need| need.hop == hop || need.hop == 0).max_by_key(|need| need.hop)
    }

    /// The release of a hop as planned; the source's for 0.
    pub fn release(&self, hop: u32) -> &Release {
        self.hops.iter().find(|planned| planned.number == hop).map_or(&self.from, |hop| &hop.to)
    }

    /// The hop that the deployment of a stage has been brought to by the stages before it; 0 on the source release.
    pub fn hop_before(&self, stage: &Stage) -> u32 {
        let before = self.stages.iter().take_while(|other| other.id != stage.id);
        let checked = before.filter(|other| matches!(other.action, StageAction::Check { .. }));
        checked.filter(|other| other.deployment == stage.deployment).filter_map(|other| other.hop).last().unwrap_or(0)
    }
}

/// The release that the steps of a stage run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunsOn {
    /// The source release.
    Source,
    /// The release before this hop.
    Before(u32),
    /// The release that this hop goes to.
    After(u32),
}

impl Stage {
    /// The release that its steps and checks run on.
    pub fn runs_on(&self) -> RunsOn {
        let hop = self.hop.unwrap_or_default();
        match &self.action {
            StageAction::Preflight { .. } => RunsOn::Before(hop),
            StageAction::Upgrade { .. } | StageAction::Settle { .. } | StageAction::Check { .. } => RunsOn::After(hop),
            StageAction::Install { hop, .. } | StageAction::CompareFresh { hop } => RunsOn::After(*hop),
            StageAction::VerifyBackup
            | StageAction::Images { .. }
            | StageAction::Deploy { .. }
            | StageAction::Restore { .. }
            | StageAction::Prepare { .. }
            | StageAction::Decide
            | StageAction::Baseline { .. }
            | StageAction::RollbackInPlace { .. }
            | StageAction::CheckRollback { .. }
            | StageAction::RollbackSkipped { .. }
            | StageAction::Mutate { .. }
            | StageAction::Teardown => RunsOn::Source,
        }
    }

    /// Whether it runs in the background of the stages behind it.
    pub fn in_background(&self) -> bool {
        matches!(self.action, StageAction::Images { background: true, .. })
    }

    /// The steps it carries out; none where it has none.
    pub fn steps(&self) -> &[Step] {
        match &self.action {
            StageAction::Deploy { steps }
            | StageAction::Restore { steps }
            | StageAction::Prepare { steps }
            | StageAction::Preflight { steps }
            | StageAction::Upgrade { steps }
            | StageAction::Settle { steps }
            | StageAction::Install { steps, .. }
            | StageAction::RollbackInPlace { steps } => steps,
            StageAction::VerifyBackup
            | StageAction::Images { .. }
            | StageAction::Decide
            | StageAction::Baseline { .. }
            | StageAction::Check { .. }
            | StageAction::CompareFresh { .. }
            | StageAction::CheckRollback { .. }
            | StageAction::RollbackSkipped { .. }
            | StageAction::Mutate { .. }
            | StageAction::Teardown => &[],
        }
    }

    /// The id of one of its steps, from 1.
    pub fn step_id(&self, number: u32) -> StepId {
        StepId { stage: self.id.clone(), number }
    }

    /// The images it makes available.
    pub fn images(&self) -> &[ImageNeed] {
        if let StageAction::Images { images, .. } = &self.action { images } else { &[] }
    }

    /// The kinds of checks it makes; none when it is no stage of checks.
    pub fn checks(&self) -> &[CheckKind] {
        match &self.action {
            StageAction::Baseline { checks }
            | StageAction::Check { checks }
            | StageAction::CheckRollback { checks } => checks,
            StageAction::CompareFresh { .. } => &[CheckKind::Fresh],
            StageAction::VerifyBackup
            | StageAction::Images { .. }
            | StageAction::Deploy { .. }
            | StageAction::Restore { .. }
            | StageAction::Prepare { .. }
            | StageAction::Decide
            | StageAction::Preflight { .. }
            | StageAction::Upgrade { .. }
            | StageAction::Settle { .. }
            | StageAction::Install { .. }
            | StageAction::RollbackInPlace { .. }
            | StageAction::RollbackSkipped { .. }
            | StageAction::Mutate { .. }
            | StageAction::Teardown => &[],
        }
    }
}

/// One numbered thing that happens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Stage {
    /// From 1.
    pub number: u32,
    /// Stable and unique: `hop-1/upgrade`.
    pub id: StageId,
    /// For people.
    pub title: String,
    /// The part of the rehearsal that it belongs to.
    pub phase: Phase,
    /// The hop it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hop: Option<u32>,
    /// The deployment it works on; none where it needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentName>,
    /// The stage whose state of the deployment it goes on from; none where it begins one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<StageId>,
    /// What is done.
    pub action: StageAction,
}

/// A part of a rehearsal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// The backup and the images.
    Preparation,
    /// The source release, up to and with its baseline.
    Source,
    /// A hop.
    Hop,
    /// A fresh installation of the target release, beside the upgraded deployment.
    Fresh,
    /// The rollback.
    Rollback,
    /// A batch of mutations.
    Mutation(MutationBatch),
    /// The removal of everything.
    Teardown,
}

/// What a stage does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageAction {
    /// Verifies the backup on the host: complete, undamaged, of the right format and release.
    VerifyBackup,
    /// Makes images available.
    Images {
        /// Each with what it has to hold.
        images: Vec<ImageNeed>,
        /// It runs beside the stages up to the baseline.
        background: bool,
    },
    /// Opens a deployment of the source release, creates its services and brings it as far as the restore needs.
    Deploy {
        /// The steps.
        steps: Vec<Step>,
    },
    /// Puts the backup into a deployment and proves it by the backup's own row counts.
    Restore {
        /// The steps.
        steps: Vec<Step>,
    },
    /// The scenario's own steps before the baseline.
    Prepare {
        /// The steps.
        steps: Vec<Step>,
    },
    /// Decides the conditional stops on the restored data.
    Decide,
    /// Observes the source release; what is seen is what later stages are compared with.
    Baseline {
        /// The kinds of checks.
        checks: Vec<CheckKind>,
    },
    /// The product's own pre-check on the old release.
    Preflight {
        /// The steps.
        steps: Vec<Step>,
    },
    /// From the old release serving to the new release serving.
    Upgrade {
        /// The steps.
        steps: Vec<Step>,
    },
    /// Waits for background work to end.
    Settle {
        /// The steps.
        steps: Vec<Step>,
    },
    /// Judges the new release against the baseline.
    Check {
        /// The kinds of checks.
        checks: Vec<CheckKind>,
    },
    /// Opens a deployment of the target release, creates its services and installs the product without any data.
    Install {
        /// The hop to whose release it is installed.
        hop: u32,
        /// The steps.
        steps: Vec<Step>,
    },
    /// Judges the upgraded deployment against the fresh installation.
    CompareFresh {
        /// The hop that brought the upgraded deployment to the same release.
        hop: u32,
    },
    /// Goes back in place by these steps, and proves the data equal to the baseline.
    RollbackInPlace {
        /// The steps.
        steps: Vec<Step>,
    },
    /// Judges the source release after the rollback: nothing may differ from the baseline.
    CheckRollback {
        /// The kinds of checks.
        checks: Vec<CheckKind>,
    },
    /// The rollback is not rehearsed; a stage of its own, so that no report is silent about it.
    RollbackSkipped {
        /// The scenario's reason.
        because: String,
    },
    /// Plants a batch of mutations, and judges which of them a check notices.
    Mutate {
        /// The batch.
        batch: MutationBatch,
    },
    /// Removes everything the run made.
    Teardown,
}

/// An image that a stage makes available.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageNeed {
    /// The hop it is for; 0 is the source.
    pub hop: u32,
    /// The service.
    pub service: String,
    /// Its name.
    pub image: String,
    /// The release it has to hold, for images of the product itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<Target>,
}
