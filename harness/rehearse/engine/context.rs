//! What every stage works with: the host, the observer, and where things go.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

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
use super::follow::Started;
use super::host::{Host, HostError, ImageHeld, ServiceSpec};
use super::meter::Meter;
use super::observer::{DatabaseTarget, Observer};

/// A file of variables is read no further.
const LONGEST_ENV: u64 = 4 << 20;

/// What is rehearsed: all that was decided before anything starts.
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
    /// Takes secrets out of whatever is told or written.
    pub redactor: Redactor,
}

/// Why a stage could not be carried out by us. Never the product's fault.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The host could not.
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
    /// Something could not be read; why.
    pub(crate) fn not_read(text: impl Into<String>) -> Self {
        Self::Unobservable(Inconclusive::new(InconclusiveCode::NotRead, text))
    }

    /// A mistake of ours.
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

/// Where the ports of services are reached.
pub(crate) type Addresses = BTreeMap<(DeploymentName, String, u16), SocketAddr>;

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
    /// The image each container was made from, which no check of a product can be fooled about.
    pub(crate) made_from: Arc<Mutex<BTreeMap<(DeploymentName, String), String>>>,
    pub(crate) started: Arc<Mutex<BTreeMap<(DeploymentName, String), Started>>>,
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

/// Where and on what release steps happen.
#[derive(Debug, Clone)]
pub(crate) struct StageContext {
    pub(crate) stage: StageId,
    pub(crate) deployment: DeploymentName,
    /// The release that `replace` goes to and that placeholders speak of.
    pub(crate) release: Release,
    /// The release before the hop.
    pub(crate) from: Release,
    /// The release the hop goes to.
    pub(crate) to: Release,
    pub(crate) hop: u32,
    /// The image of each service on that release.
    pub(crate) images: BTreeMap<String, ImageHeld>,
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Tells an event; a teller that is gone means that the run is over.
    pub(crate) fn emit(&self, kind: EventKind) {
        drop(self.emit.send(kind));
    }

    pub(crate) fn progress(&self, stage: &StageId, text: impl Into<String>) {
        self.emit(EventKind::Progress { stage: stage.clone(), text: text.into() });
    }

    /// Notes something that is only for people.
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
        let names = rehearse_core::planning::plan::names(&case.product, &ctx.release);
        json!({
            "release": names["release"],
            "edition": names["edition"],
            "build": names["build"],
            "from": ctx.from.name(),
            "to": ctx.to.name(),
            "hop": ctx.hop,
            "stage": ctx.stage.0,
            "run": case.run.short(),
            "product": case.product.product,
            "settings": rehearse_core::planning::plan::settings(&case.product, &case.scenario),
            "each": each,
            "captured": captured,
        })
    }

    /// The services of a deployment, with the scenario's changes.
    pub(crate) fn services(&self) -> BTreeMap<String, Service> {
        rehearse_core::planning::plan::services(&self.case.product, &self.case.scenario)
    }

    /// A service as it is to run on the scene's release.
    pub(crate) fn spec(&self, ctx: &StageContext, name: &str) -> Result<ServiceSpec, EngineError> {
        let services = self.services();
        let missing = || EngineError::bug(format!("no service {name}"));
        let service = services.get(name).ok_or_else(missing)?;
        let image = ctx.images.get(name).ok_or_else(|| EngineError::bug(format!("no image for service {name}")))?;
        let context = self.context(ctx, &BTreeMap::new(), &Map::new());
        let argv = |command: &Option<rehearse_core::source::spec::Command>| {
            command.as_ref().map(|command| command.argv(&context)).transpose()
        };
        let mut env = BTreeMap::new();
        if let Some(file) = &service.env_file {
            env.extend(self.env_file(file)?);
        }
        for (key, value) in &service.env {
            env.insert(key.clone(), value.render(&context)?);
        }
        Ok(ServiceSpec {
            name: name.to_owned(),
            image: image.id.clone(),
            entrypoint: argv(&service.entrypoint)?,
            command: argv(&service.command)?,
            env,
            user: service.user.clone(),
            workdir: service.workdir.clone(),
            hostname: service.hostname.as_ref().map(|name| name.render(&context)).transpose()?,
            aliases: service.aliases.clone(),
            volumes: service.volumes.clone(),
            tmpfs: service.tmpfs.clone(),
            ports: service.ports.clone(),
            shm_size: service.shm_size.as_ref().map(|size| size.bytes()),
            memory: service.memory.as_ref().map(|size| size.bytes()),
            cpus: service.cpus,
            stop_grace: service.stop_grace.as_ref().map_or(std::time::Duration::from_secs(10), |grace| grace.get()),
        })
    }

    /// The variables of a file of the backup.
    fn env_file(&self, name: &str) -> Result<BTreeMap<String, String>, EngineError> {
        let path = self.part(name)?;
        let read = |file: std::fs::File| {
            let mut text = String::new();
            file.take(LONGEST_ENV).read_to_string(&mut text).map(|_| text)
        };
        let text = std::fs::File::open(&path).and_then(read);
        let text = text.map_err(|source| HostError::File { operation: "read", path, source })?;
        let variables = env_file(&text).map(|read| read.map(|(key, value)| (key.to_owned(), value.to_owned())));
        variables
            .collect::<Result<_, _>>()
            .map_err(|error| EngineError::not_read(format!("the backup's file {name}: {error}")))
    }

    /// A file of the backup on the host.
    pub(crate) fn part(&self, name: &str) -> Result<PathBuf, EngineError> {
        let unread = |source| HostError::File { operation: "read", path: self.case.backup.join(name), source };
        let place = super::backup::Place::of(&self.case.product.backup, &self.case.backup).map_err(unread)?;
        let real = match place {
            Ok(place) => place.file(name).map_err(unread)?,
            Err(elsewhere) => Err(elsewhere.seen),
        };
        real.map_err(|what| EngineError::not_read(format!("the backup's file {name} is not a file, but {what}")))
    }

    /// A database as it is to be asked.
    pub(crate) fn database(&self, ctx: &StageContext, name: &str) -> Result<DatabaseTarget, EngineError> {
        let database = self.case.product.databases.get(name);
        let database = database.ok_or_else(|| EngineError::bug(format!("no database {name}")))?;
        let context = self.context(ctx, &BTreeMap::new(), &Map::new());
        Ok(DatabaseTarget {
            deployment: ctx.deployment.clone(),
            engine: database.engine,
            service: database.service.clone(),
            name: database.name.render(&context)?,
            user: database.user.render(&context)?,
            host: database.host.clone(),
            run_as: database.run_as.clone(),
            password: database.password.as_ref().map(|password| password.render(&context)).transpose()?,
        })
    }

    /// Creates a service on the scene's release and remembers the image it was made from.
    pub(crate) async fn create(&self, ctx: &StageContext, name: &str) -> Result<(), EngineError> {
        let spec = self.spec(ctx, name)?;
        self.host.create(&ctx.deployment, &spec).await?;
        let key = (ctx.deployment.clone(), name.to_owned());
        self.made_from.lock().unwrap_or_else(PoisonError::into_inner).insert(key, spec.image);
        Ok(())
    }

    /// Whether a service's container was made from the image of the scene's release.
    pub(crate) fn on_release(&self, ctx: &StageContext, name: &str) -> bool {
        let key = (ctx.deployment.clone(), name.to_owned());
        let made_from = self.made_from.lock().unwrap_or_else(PoisonError::into_inner);
        made_from.get(&key) == ctx.images.get(name).map(|image| &image.id)
    }

    /// Where a port of a service is reached; looked up once per start.
    pub(crate) async fn address(&self, ctx: &StageContext, service: &str, port: u16) -> Result<SocketAddr, HostError> {
        let key = (ctx.deployment.clone(), service.to_owned(), port);
        let known = self.addresses.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        if let Some(address) = known {
            return Ok(address);
        }
        let wait = self.meter.engine();
        let address = self.host.address(&ctx.deployment, service, port).await?;
        drop(wait);
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner).insert(key, address);
        Ok(address)
    }

    /// Forgets where a service is reached: it stops or is replaced.
    pub(crate) fn forget_address(&self, deployment: &DeploymentName, service: &str) {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        addresses.retain(|(at, name, _), _| at != deployment || name != service);
    }
}
