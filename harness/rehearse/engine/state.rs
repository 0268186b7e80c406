//! What the stages of a run leave for each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rehearse_core::check::{KnownNames, KnownSite};
use rehearse_core::observation::graphql::Schema;
use rehearse_core::observation::{DataState, FileRowsState, FileTrees, LogReview, MigrationState, Samples};
use rehearse_core::outcome::reason::StopDecision;
use rehearse_core::planning::plan::{RunsOn, Stage};
use rehearse_core::vocabulary::ident::DeploymentName;
use rehearse_core::vocabulary::release::Release;

use super::budget::ResourceUse;
use super::case::{Case, StageContext};
use super::host::ObtainedImage;
use super::probe::Observations;
use crate::backup::Verified;

/// What was observed on the source release.
#[derive(Debug, Default)]
pub(crate) struct Baseline {
    pub(crate) observations: Observations,
    pub(crate) samples: Vec<Samples>,
    pub(crate) usage: ResourceUse,
    pub(crate) logs: Vec<LogReview>,
    pub(crate) migrations: Option<MigrationState>,
    pub(crate) graphql: Option<Schema>,
    /// The tables before any probe of ours ran: what the rollback has to equal.
    pub(crate) tables: Option<DataState>,
    /// The files before any probe of ours ran.
    pub(crate) files: Option<Arc<FileTrees>>,
    /// The pages that a crawl found.
    pub(crate) site: Option<KnownSite>,
    /// Rows that named files, by the name of the check.
    pub(crate) file_rows: BTreeMap<String, FileRowsState>,
}

/// What the next hop is compared with: tables, or files.
#[derive(Debug, Clone)]
pub(crate) struct Reference<T> {
    /// The release it was read on.
    pub(crate) release: Release,
    pub(crate) content: T,
    /// What our own probes have written to since.
    pub(crate) written: BTreeSet<String>,
}

impl<T: Clone> Reference<T> {
    /// The reference after a stage of checks: what was read after its probes; else before them; else the last one.
    pub(crate) fn next(
        last: Option<Self>,
        release: &Release,
        before: Option<&T>,
        after: Option<T>,
        written: BTreeSet<String>,
    ) -> Option<Self> {
        let new = |content, written| Some(Self { release: release.clone(), content, written });
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

/// What a plain restart changes, and is therefore not held against a hop.
#[derive(Debug, Clone, Default)]
pub(crate) struct RestartDrift {
    /// Columns whose values change, as `table.column`.
    pub(crate) columns: Vec<String>,
    /// Tables that gain rows.
    pub(crate) growing: BTreeSet<String>,
}

/// The length of a service's logs when the hop began.
#[derive(Debug, Clone)]
pub(crate) struct LogOffset {
    /// The file of the container's own log, which differs from container to container.
    pub(crate) container: Option<PathBuf>,
    pub(crate) printed: u64,
    /// Files inside the service, with their sizes.
    pub(crate) files: BTreeMap<String, u64>,
}

/// What is known about one deployment. It can be cloned, so that a plan may continue from one of its stages several times.
#[derive(Debug, Clone)]
pub(crate) struct DeploymentState {
    /// The release it is on, and the hop that brought it there.
    pub(crate) at: (u32, Release),
    /// The tables that the next hop is compared with.
    pub(crate) reference: Option<Reference<DataState>>,
    /// The files that the next hop is compared with.
    pub(crate) files: Option<Reference<Arc<FileTrees>>>,
    /// The migrations before the hop.
    pub(crate) migrations: Option<MigrationState>,
    /// The GraphQL schema before the hop, and the release that had it.
    pub(crate) graphql: Option<(Release, Schema)>,
    /// The lengths of its services' logs when the hop began.
    pub(crate) log_offsets: BTreeMap<String, LogOffset>,
}

impl DeploymentState {
    fn on(source: Release) -> Self {
        let at = (0, source);
        Self { at, reference: None, files: None, migrations: None, graphql: None, log_offsets: BTreeMap::new() }
    }
}

/// What the stages of a run leave for each other.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) images: BTreeMap<(u32, String), ObtainedImage>,
    pub(crate) verified: Option<Verified>,
    /// The release that each hop really goes to: the one that its image holds, if the scenario names a line.
    pub(crate) actual: BTreeMap<u32, Release>,
    pub(crate) baseline: Option<Arc<Baseline>>,
    /// What a plain restart of the source release changes.
    pub(crate) restart_drift: RestartDrift,
    /// The tables and columns of all releases so far.
    pub(crate) known_names: KnownNames,
    /// Hops that the restored data does not need, with the reason.
    pub(crate) not_needed: BTreeMap<u32, StopDecision>,
    deployments: BTreeMap<DeploymentName, DeploymentState>,
    /// What is known about a deployment before any stage has changed it.
    fresh: DeploymentState,
}

impl State {
    pub(crate) fn new(source: Release) -> Self {
        Self {
            images: BTreeMap::new(),
            verified: None,
            actual: BTreeMap::new(),
            baseline: None,
            restart_drift: RestartDrift::default(),
            known_names: KnownNames::default(),
            not_needed: BTreeMap::new(),
            deployments: BTreeMap::new(),
            fresh: DeploymentState::on(source),
        }
    }

    /// What is known about a deployment.
    pub(crate) fn of(&self, deployment: &DeploymentName) -> &DeploymentState {
        self.deployments.get(deployment).unwrap_or(&self.fresh)
    }

    /// What is known about a deployment, mutable.
    pub(crate) fn of_mut(&mut self, deployment: &DeploymentName) -> &mut DeploymentState {
        self.deployments.entry(deployment.clone()).or_insert_with(|| self.fresh.clone())
    }

    /// The length of a container's own log when the hop began; zero for a container that was created since.
    pub(crate) fn printed_before(&self, log: &Path) -> u64 {
        let mut offsets = self.deployments.values().flat_map(|deployment| deployment.log_offsets.values());
        offsets.find(|offset| offset.container.as_deref() == Some(log)).map_or(0, |offset| offset.printed)
    }

    /// The release of a hop: the one that its image holds, or else the planned one.
    pub(crate) fn release(&self, case: &Case, hop: u32) -> Release {
        self.actual.get(&hop).unwrap_or_else(|| case.plan.release(hop)).clone()
    }

    /// The deployment and the release that the steps of a stage work on.
    pub(crate) fn ctx(&self, case: &Case, stage: &Stage) -> StageContext {
        let deployment = stage.deployment.clone().unwrap_or_else(DeploymentName::main);
        let (current_hop, from) = self.of(&deployment).at.clone();
        // A preflight belongs to the old release and runs on its images; only `to` names the release that the hop goes to.
        let (images_of, hop) = match stage.runs_on() {
            RunsOn::Source => (0, 0),
            RunsOn::Before(hop) => (current_hop, hop),
            RunsOn::After(hop) => (hop, hop),
        };
        let plan = &case.plan;
        let image = |name: &String| {
            let need = plan.image(images_of, name)?;
            Some((name.clone(), self.images.get(&(need.hop, name.clone()))?.clone()))
        };
        StageContext {
            stage: stage.id.clone(),
            deployment,
            release: self.release(case, images_of),
            to: self.release(case, hop),
            from,
            hop,
            images: case.product.services.keys().filter_map(image).collect(),
        }
    }
}
