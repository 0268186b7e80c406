//! What is rehearsed, and what it says about a stage: specifications, databases, files of the backup. Nothing here asks
//! the host.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

use rehearse_core::deployment::{Placeholders, ServiceSpec, resolve};
use rehearse_core::model::product::{Probe, Product, Service, env_file};
use rehearse_core::model::scenario::{CheckKind, Scenario};
use rehearse_core::outcome::previous::PreviousRun;
use rehearse_core::planning::plan::Plan;
use rehearse_core::secret::Redactor;
use rehearse_core::vocabulary::ident::{DeploymentName, RunId, StageId};
use rehearse_core::vocabulary::release::Release;
use serde_json::{Map, Value, json};

use super::error::EngineError;
use super::host::{HostError, InstanceRef, ObtainedImage};
use super::observer::DatabaseTarget;

/// At most this much of a file of variables is read.
const MAX_ENV_FILE: u64 = 4 << 20;

/// What is rehearsed: everything that is decided before the run starts.
#[derive(Debug, Clone)]
pub struct Case {
    /// The product.
    pub product: Product,
    /// The scenario.
    pub scenario: Scenario,
    /// The plan that is carried out.
    pub plan: Plan,
    /// The backup's folder on the host.
    pub backup: PathBuf,
    /// The scenario's folder, which its access logs are relative to.
    pub folder: PathBuf,
    /// The run.
    pub run: RunId,
    /// The output folder.
    pub out: PathBuf,
    /// Removes secrets from whatever is reported or written.
    pub redactor: Redactor,
    /// The run before, whose rules this one is held against.
    pub previous: Option<PreviousRun>,
}

/// The deployment and the release that the steps of a stage work on.
#[derive(Debug, Clone)]
pub(crate) struct StageContext {
    pub(crate) stage: StageId,
    pub(crate) deployment: DeploymentName,
    /// The release that `replace` installs and that placeholders stand for.
    pub(crate) release: Release,
    /// The release before the hop.
    pub(crate) from: Release,
    /// The release the hop goes to.
    pub(crate) to: Release,
    pub(crate) hop: u32,
    /// The image of each service on `release`.
    pub(crate) images: BTreeMap<String, ObtainedImage>,
}

impl StageContext {
    /// The instance of a service of the stage's deployment.
    pub(crate) fn instance(&self, service: &str) -> InstanceRef {
        InstanceRef::of(&self.deployment, service)
    }
}

impl Case {
    /// The values for placeholders.
    pub(crate) fn placeholders(
        &self,
        ctx: &StageContext,
        each: &BTreeMap<&str, &str>,
        captured: &Map<String, Value>,
    ) -> Value {
        let from = Placeholders {
            product: &self.product,
            scenario: &self.scenario,
            release: &ctx.release,
            from: &ctx.from,
            to: &ctx.to,
            hop: ctx.hop,
            stage: &ctx.stage,
        };
        from.values(self.run.short(), json!(each), Value::Object(captured.clone()))
    }

    /// The probes that apply to a release, each with its kind, in the order of reports.
    pub(crate) fn probes_on(&self, release: &Release) -> impl Iterator<Item = (CheckKind, &Probe)> {
        let checks = &self.product.checks;
        let of_kinds = [
            (CheckKind::Version, &checks.version),
            (CheckKind::Health, &checks.health),
            (CheckKind::Access, &checks.access),
            (CheckKind::Repositories, &checks.repositories),
            (CheckKind::Artifacts, &checks.artifacts),
            (CheckKind::Journeys, &checks.journeys),
        ];
        let all = of_kinds.into_iter().flat_map(|(kind, probes)| probes.iter().map(move |probe| (kind, probe)));
        all.filter(move |(_, probe)| probe.releases.as_ref().is_none_or(|range| range.contains(release)))
    }

    /// The services of a deployment, with the scenario's changes.
    pub(crate) fn services(&self) -> BTreeMap<String, Service> {
        rehearse_core::deployment::services(&self.product, &self.scenario)
    }

    /// The specification of a service on the stage's release.
    pub(crate) fn spec(&self, ctx: &StageContext, name: &str) -> Result<ServiceSpec, EngineError> {
        let services = self.services();
        let missing = || EngineError::bug(format!("no service {name}"));
        let service = services.get(name).ok_or_else(missing)?;
        let image = ctx.images.get(name).ok_or_else(|| EngineError::bug(format!("no image for service {name}")))?;
        let context = self.placeholders(ctx, &BTreeMap::new(), &Map::new());
        let variables = service.env_file.as_ref().map(|file| self.env_file(file)).transpose()?.unwrap_or_default();
        Ok(resolve(name, service, &image.id, variables, &context)?)
    }

    /// The variables in a file of the backup.
    fn env_file(&self, name: &str) -> Result<BTreeMap<String, String>, EngineError> {
        let path = self.backup_file(name)?;
        let read = |file: std::fs::File| {
            let mut text = String::new();
            file.take(MAX_ENV_FILE).read_to_string(&mut text).map(|_| text)
        };
        let text = std::fs::File::open(&path).and_then(read);
        let text = text.map_err(|source| HostError::File { operation: "read", path, source })?;
        let variables = env_file(&text).map(|read| read.map(|(key, value)| (key.to_owned(), value.to_owned())));
        variables
            .collect::<Result<_, _>>()
            .map_err(|error| EngineError::not_read(format!("the backup's file {name}: {error}")))
    }

    /// The path of a file of the backup.
    pub(crate) fn backup_file(&self, name: &str) -> Result<PathBuf, EngineError> {
        let cannot_read = |source| HostError::File { operation: "read", path: self.backup.join(name), source };
        let place = crate::backup::Place::of(&self.product.backup, &self.backup).map_err(cannot_read)?;
        let real = match place {
            Ok(place) => place.file(name).map_err(cannot_read)?,
            Err(not_found) => Err(not_found.actual),
        };
        real.map_err(|what| EngineError::not_read(format!("the backup's file {name} is not a file, but {what}")))
    }

    /// How to reach a database.
    pub(crate) fn database(&self, ctx: &StageContext, name: &str) -> Result<DatabaseTarget, EngineError> {
        let database = self.product.databases.get(name);
        let database = database.ok_or_else(|| EngineError::bug(format!("no database {name}")))?;
        let context = self.placeholders(ctx, &BTreeMap::new(), &Map::new());
        Ok(DatabaseTarget {
            instance: ctx.instance(&database.service),
            engine: database.engine,
            name: database.name.render(&context)?,
            user: database.user.render(&context)?,
            host: database.host.clone(),
            run_as: database.run_as.clone(),
            password: database.password.as_ref().map(|password| password.render(&context)).transpose()?,
        })
    }
}
