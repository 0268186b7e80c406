//! What every stage works with: the host, the observer, the evidence, and the release it is on.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rehearse_core::deployment::{Placeholders, ServiceSpec, resolve};
use rehearse_core::knowledge::signature::Recogniser;
use rehearse_core::model::product::{Product, Service, env_file};
use rehearse_core::model::scenario::Scenario;
use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::event::EventKind;
use rehearse_core::outcome::finding::Finding;
use rehearse_core::outcome::note::Note;
use rehearse_core::outcome::reason::Inconclusive;
use rehearse_core::planning::plan::Plan;
use rehearse_core::secret::Redactor;
use rehearse_core::vocabulary::ident::{DeploymentName, RunId, StageId};
use rehearse_core::vocabulary::release::Release;
use rehearse_core::vocabulary::template::TemplateError;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::evidence::Evidence;
use super::host::{Host, HostError, InstanceRef, ObtainedImage};
use super::meter::Meter;
use super::observer::{DatabaseTarget, Observer};

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
    /// The run.
    pub run: RunId,
    /// The output folder.
    pub out: PathBuf,
    /// Removes secrets from whatever is reported or written.
    pub redactor: Redactor,
}

/// Why we could not carry out a stage. Never the product's fault.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The host could not do what was requested.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A placeholder could not be filled in.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Something could not be observed.
    #[error("{0}")]
    Unobservable(Inconclusive),
}

impl EngineError {
    /// Something could not be read, and why.
    pub(crate) fn not_read(text: impl Into<String>) -> Self {
        Self::Unobservable(Inconclusive::new(InconclusiveCode::NotRead, text))
    }

    /// A bug in rehearse itself.
    pub(crate) fn bug(text: impl std::fmt::Display) -> Self {
        Self::Unobservable(Inconclusive::bug(text))
    }

    /// The reason that a report gives.
    pub fn reason(&self) -> Inconclusive {
        let code = match self {
            Self::Unobservable(reason) => return reason.clone(),
            Self::Template(_) => InconclusiveCode::Template,
            Self::Host(HostError::WrongRelease { .. }) => InconclusiveCode::WrongRelease,
            Self::Host(HostError::Image { .. }) => InconclusiveCode::ImageUnobtainable,
            Self::Host(HostError::File { .. }) => InconclusiveCode::FileUnreadable,
            Self::Host(HostError::Address { .. } | HostError::Unreachable { .. }) => InconclusiveCode::HostFailed,
            Self::Host(HostError::Operation { .. } | HostError::Deadline { .. }) => InconclusiveCode::HostFailed,
        };
        Inconclusive::new(code, self.chain())
    }

    /// The message with all its causes.
    pub fn chain(&self) -> String {
        rehearse_core::text::error_chain(self)
    }
}

/// How a list of steps ended.
#[derive(Debug)]
#[must_use]
pub enum StepEnd {
    /// As it should.
    Done,
    /// The product failed.
    Failed(Vec<Finding>),
}

/// The last start of a service, and the length of its log at that moment.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    pub(super) file: PathBuf,
    pub(super) at: u64,
    /// Which start of the service it was, counted from 1.
    pub(super) number: u64,
    /// How long it took to become ready; `None` until then, or if the product file does not define readiness.
    pub(super) ready: Option<Duration>,
}

/// The addresses at which the ports of services are reached.
pub(crate) type Addresses = BTreeMap<(InstanceRef, u16), SocketAddr>;

/// Everything that lives as long as the run.
pub(crate) struct RunContext<H, O> {
    pub(crate) host: Arc<H>,
    pub(crate) observer: Arc<O>,
    pub(crate) meter: Meter,
    pub(crate) evidence: Arc<Evidence>,
    pub(crate) case: Arc<Case>,
    /// The product's known failures.
    pub(crate) recogniser: Arc<Recogniser>,
    pub(crate) emit: UnboundedSender<EventKind>,
    pub(crate) addresses: Arc<Mutex<Addresses>>,
    /// The image each service was created from: unlike what a product reports, this cannot be wrong.
    pub(crate) made_from: Arc<Mutex<BTreeMap<InstanceRef, String>>>,
    pub(crate) started: Arc<Mutex<BTreeMap<InstanceRef, Started>>>,
}

impl<H, O> Clone for RunContext<H, O> {
    fn clone(&self) -> Self {
        Self {
            host: self.host.clone(),
            observer: self.observer.clone(),
            meter: self.meter.clone(),
            evidence: self.evidence.clone(),
            case: self.case.clone(),
            recogniser: self.recogniser.clone(),
            emit: self.emit.clone(),
            addresses: self.addresses.clone(),
            made_from: self.made_from.clone(),
            started: self.started.clone(),
        }
    }
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

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Emits an event. If the receiver is gone, the run is over and nobody needs it.
    pub(crate) fn emit(&self, kind: EventKind) {
        drop(self.emit.send(kind));
    }

    pub(crate) fn progress(&self, stage: &StageId, text: impl Into<String>) {
        self.emit(EventKind::Progress { stage: stage.clone(), text: text.into() });
    }

    /// Adds a note that is only for people.
    pub(crate) fn remark(&self, stage: &StageId, text: impl Into<String>) {
        self.note(stage, Note::Remark(text.into()));
    }

    pub(crate) fn note(&self, stage: &StageId, note: Note) {
        self.emit(EventKind::Noted { stage: stage.clone(), note });
    }

    /// The values for placeholders.
    pub(crate) fn context(
        &self,
        ctx: &StageContext,
        each: &BTreeMap<&str, &str>,
        captured: &Map<String, Value>,
    ) -> Value {
        let case = &self.case;
        let placeholders = Placeholders {
            product: &case.product,
            scenario: &case.scenario,
            release: &ctx.release,
            from: &ctx.from,
            to: &ctx.to,
            hop: ctx.hop,
            stage: &ctx.stage,
        };
        placeholders.values(case.run.short(), json!(each), Value::Object(captured.clone()))
    }

    /// The services of a deployment, with the scenario's changes.
    pub(crate) fn services(&self) -> BTreeMap<String, Service> {
        rehearse_core::deployment::services(&self.case.product, &self.case.scenario)
    }

    /// The specification of a service on the stage's release.
    pub(crate) fn spec(&self, ctx: &StageContext, name: &str) -> Result<ServiceSpec, EngineError> {
        let services = self.services();
        let missing = || EngineError::bug(format!("no service {name}"));
        let service = services.get(name).ok_or_else(missing)?;
        let image = ctx.images.get(name).ok_or_else(|| EngineError::bug(format!("no image for service {name}")))?;
        let context = self.context(ctx, &BTreeMap::new(), &Map::new());
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
        let cannot_read = |source| HostError::File { operation: "read", path: self.case.backup.join(name), source };
        let place = crate::backup::Place::of(&self.case.product.backup, &self.case.backup).map_err(cannot_read)?;
        let real = match place {
            Ok(place) => place.file(name).map_err(cannot_read)?,
            Err(not_found) => Err(not_found.actual),
        };
        real.map_err(|what| EngineError::not_read(format!("the backup's file {name} is not a file, but {what}")))
    }

    /// How to reach a database.
    pub(crate) fn database(&self, ctx: &StageContext, name: &str) -> Result<DatabaseTarget, EngineError> {
        let database = self.case.product.databases.get(name);
        let database = database.ok_or_else(|| EngineError::bug(format!("no database {name}")))?;
        let context = self.context(ctx, &BTreeMap::new(), &Map::new());
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

    /// Applies the specifications of services on the stage's release, and remembers the images they were created from.
    pub(crate) async fn apply(
        &self,
        ctx: &StageContext,
        names: impl Iterator<Item = &String>,
    ) -> Result<(), EngineError> {
        let specs = names.map(|name| self.spec(ctx, name)).collect::<Result<Vec<_>, _>>()?;
        self.host.apply(&ctx.deployment, &specs).await?;
        let mut made_from = self.made_from.lock().unwrap_or_else(PoisonError::into_inner);
        made_from.extend(specs.into_iter().map(|spec| (ctx.instance(&spec.name), spec.image)));
        Ok(())
    }

    /// Whether a service was made from the image of the stage's release.
    pub(crate) fn on_release(&self, ctx: &StageContext, name: &str) -> bool {
        let key = ctx.instance(name);
        let made_from = self.made_from.lock().unwrap_or_else(PoisonError::into_inner);
        made_from.get(&key) == ctx.images.get(name).map(|image| &image.id)
    }

    /// The address of a port of a service; looked up once per start.
    pub(crate) async fn address(&self, ctx: &StageContext, service: &str, port: u16) -> Result<SocketAddr, HostError> {
        let key = (ctx.instance(service), port);
        let known = self.addresses.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        if let Some(address) = known {
            return Ok(address);
        }
        let wait = self.meter.engine();
        let address = self.host.address(&ctx.instance(service), port).await?;
        drop(wait);
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner).insert(key, address);
        Ok(address)
    }

    /// Forgets the addresses of a service, because it stops or is replaced.
    pub(crate) fn forget_address(&self, forgotten: &InstanceRef) {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        addresses.retain(|(instance, _), _| instance != forgotten);
    }
}
