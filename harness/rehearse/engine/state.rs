//! What the stages of a run leave for each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use rehearse_core::observation::graphql::Schema;
use rehearse_core::observation::{DataState, LogReview, MigrationState, Samples};
use rehearse_core::outcome::reason::StopDecision;
use rehearse_core::planning::plan::Stage;
use rehearse_core::vocabulary::ident::{DeploymentName, StageId};
use rehearse_core::vocabulary::release::Release;

use super::backup::Verified;
use super::budget::Needs;
use super::context::{RunContext, StageContext};
use super::host::{Host, ImageHeld};
use super::observer::Observer;
use super::probe::Observations;
use super::restart_drift::RestartDrift;

/// What was seen on the source release.
#[derive(Debug, Default)]
pub(crate) struct Baseline {
    pub(crate) answers: Observations,
    pub(crate) samples: Vec<Samples>,
    pub(crate) needs: Needs,
    pub(crate) logs: Vec<LogReview>,
    pub(crate) migrations: Option<MigrationState>,
    pub(crate) graphql: Option<Schema>,
    /// The tables before any probe of ours asked: what the rollback has to be equal to.
    pub(crate) tables: Option<DataState>,
}

/// The tables that the next hop is compared with.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    /// The release they were seen on.
    pub(crate) release: Release,
    pub(crate) tables: DataState,
    /// Tables that our own probes have written to since.
    pub(crate) written: BTreeSet<String>,
}

impl Reference {
    /// The reference after a stage of checks: the tables after its probes; else those before them; else the last one.
    pub(crate) fn next(
        last: Option<Self>,
        release: &Release,
        before: Option<&DataState>,
        after: Option<DataState>,
        written: BTreeSet<String>,
    ) -> Option<Self> {
        let new = |tables, written| Some(Self { release: release.clone(), tables, written });
        match (after, before) {
            (Some(after), _) => new(after, BTreeSet::new()),
            (None, Some(before)) => new(before.clone(), written),
            (None, None) => last.map(|mut last| {
                last.written.extend(written);
                last
            }),
        }
    }
}

/// Where a log stood when the hop began.
#[derive(Debug, Clone)]
pub(crate) struct LogOffset {
    /// The file of the container's own log, which tells one container from the next.
    pub(crate) container: Option<PathBuf>,
    pub(crate) printed: u64,
    /// Files inside the service, with their sizes.
    pub(crate) files: BTreeMap<String, u64>,
}

/// What the stages of a run leave for each other.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) images: BTreeMap<(u32, String), ImageHeld>,
    pub(crate) verified: Option<Verified>,
    /// The release each hop really goes to: what its image holds, where a line was asked for.
    pub(crate) actual: BTreeMap<u32, Release>,
    /// The release the main deployment is on, and the hop that brought it there.
    pub(crate) at: (u32, Release),
    pub(crate) baseline: Option<Arc<Baseline>>,
    pub(crate) reference: Option<Reference>,
    /// What a plain restart of the source release changes.
    pub(crate) restart_drift: RestartDrift,
    /// What was recorded of migrations before the hop.
    pub(crate) migrations: Option<MigrationState>,
    /// The GraphQL schema before the hop, and the release that had it.
    pub(crate) graphql: Option<(Release, Schema)>,
    pub(crate) log_offsets: BTreeMap<String, LogOffset>,
    /// Hops that the restored data does not need, with the reason.
    pub(crate) needless: BTreeMap<u32, StopDecision>,
}

impl State {
    pub(crate) fn new(source: Release) -> Self {
        Self {
            images: BTreeMap::new(),
            verified: None,
            actual: BTreeMap::new(),
            at: (0, source),
            baseline: None,
            reference: None,
            restart_drift: RestartDrift::default(),
            migrations: None,
            graphql: None,
            log_offsets: BTreeMap::new(),
            needless: BTreeMap::new(),
        }
    }

    /// The release of a hop: as its image holds it, or as planned.
    pub(crate) fn release<H: Host, O: Observer>(&self, world: &RunContext<H, O>, hop: u32) -> Release {
        let planned = || world.case.plan.hops.iter().find(|planned| planned.number == hop).map(|hop| hop.to.clone());
        self.actual.get(&hop).cloned().or_else(planned).unwrap_or_else(|| world.case.plan.from.clone())
    }

    /// Where and on what release the steps of a stage happen; `goal` is the hop whose release they go to.
    pub(crate) fn ctx<H: Host, O: Observer>(&self, world: &RunContext<H, O>, stage: &Stage, goal: u32) -> StageContext {
        // A service that does not change with the release has one image, the source's.
        let of_source = self.images.iter().filter(|((hop, _), _)| *hop == 0);
        let of_goal = self.images.iter().filter(|((hop, _), _)| *hop == goal);
        let deployment = stage.deployment.clone().unwrap_or_else(DeploymentName::main);
        StageContext {
            stage: StageId(stage.id.0.clone()),
            deployment: deployment.clone(),
            release: self.release(world, goal),
            to: self.release(world, goal),
            from: if deployment == DeploymentName::main() { self.at.1.clone() } else { world.case.plan.from.clone() },
            hop: goal,
            images: of_source.chain(of_goal).map(|((_, name), image)| (name.clone(), image.clone())).collect(),
        }
    }
}
