//! A scripted world: tests say how each call behaves, and it records the order of the calls.

use std::collections::BTreeMap;
use std::future::pending;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rehearse::engine::BodyBuilder;
use rehearse::engine::host::{BoxError, HostError, Leftover, ServiceState};
use rehearse::engine::observer::HttpRequest;
use rehearse_core::deployment::ServiceSpec;
use rehearse_core::observation::activity::Activity;
use rehearse_core::observation::{Body, DataState, Item, RetainedRows, Structure, TableState};
use rehearse_core::outcome::verdict::{Interference, InterferenceKind};
use rehearse_core::vocabulary::ident::DeploymentName;
use tokio::sync::Notify;
use tokio::time::Instant;

pub(crate) type Fallible<T = ()> = Result<T, BoxError>;

/// How a call behaves.
#[derive(Debug, Clone)]
pub(crate) enum Behaviour {
    /// As if nothing were scripted.
    Normal,
    /// It never returns.
    Hang,
    /// It panics.
    Panic,
    /// It fails on our side: an error of the host, or a probe error of the observer.
    Error(&'static str),
    /// After a while, like this.
    After(Duration, Box<Behaviour>),
    /// A command ends with this code and output.
    Exit(i64, &'static str),
    /// A response.
    Http(u16, &'static str),
    /// A page of this media type, in the time that it took.
    Page(&'static str, &'static str),
    /// A redirect to this place.
    Redirect(&'static str),
    /// The product does not respond.
    NoResponse,
    /// The server rejects the statement.
    Rejected(&'static str),
    /// A query returns these rows, of one column.
    Rows(&'static [&'static str]),
    /// The activity of the database's sessions.
    Activity(fn() -> Activity),
    /// A query returns the current value of this counter.
    Counts(Counter),
    /// The tables.
    Tables(DataState),
    /// A volume holds these files: path and content.
    Files(&'static [(&'static str, &'static str)]),
    /// Sessions on a database.
    Sessions(u64),
    /// Stopping a service has no effect.
    KeepsRunning,
    /// A service that starts prints these lines at these milliseconds, then exits if there is a code. A command prints
    /// these pieces unchanged. Obtaining an image reports these lines.
    Prints(&'static [(u64, &'static str)], Option<i64>),
    /// Teardown leaves this volume.
    Leftover(&'static str),
    /// Something from outside interferes, then like this.
    Interferes(InterferenceKind, Box<Behaviour>),
    /// Somebody else runs this command in a service, then like this.
    ForeignCommand(&'static str, Box<Behaviour>),
    /// This service exits with this code, then like this.
    ServiceExits(&'static str, i64, Box<Behaviour>),
    /// The image holds this release.
    Holds(&'static str),
}

/// A number that changes every second, from when it is first read, for some seconds.
#[derive(Debug, Clone)]
pub(crate) struct Counter {
    first: i64,
    a_second: i64,
    seconds: u64,
    began: Arc<OnceLock<Instant>>,
}

impl Counter {
    pub(crate) fn new(first: i64, a_second: i64, seconds: u64) -> Self {
        Self { first, a_second, seconds, began: Arc::default() }
    }

    pub(crate) fn now(&self) -> i64 {
        let seconds = self.began.get_or_init(Instant::now).elapsed().as_secs().min(self.seconds);
        self.first + self.a_second * i64::try_from(seconds).unwrap_or(i64::MAX)
    }
}

#[derive(Debug)]
struct Rule {
    call: String,
    /// This many matching calls behave normally first.
    skip: u32,
    times: u32,
    /// Only calls before this.
    before: Option<Instant>,
    behaviour: Behaviour,
}

#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) state: ServiceState,
    pub(crate) image: String,
    pub(crate) log: PathBuf,
    pub(crate) port: u16,
}

#[derive(Debug, Default)]
pub(crate) struct Inner {
    rules: Vec<Rule>,
    pub(crate) calls: Vec<String>,
    pub(crate) services: BTreeMap<String, Service>,
    pub(crate) specs: Vec<(String, ServiceSpec)>,
    pub(crate) requests: Vec<HttpRequest>,
    /// All interferences, and how many of them were returned.
    pub(crate) interferences: (Vec<Interference>, usize),
    /// Commands that somebody else ran in a service and that were not returned yet.
    pub(crate) foreign_commands: Vec<String>,
    /// The release that an image by its id holds.
    pub(crate) holds: BTreeMap<String, String>,
}

/// Services, databases and scripted behaviours, behind both the host and the observer.
#[derive(Debug)]
pub(crate) struct ScriptedWorld {
    inner: Mutex<Inner>,
    pub(crate) interfered: Notify,
    /// Notifies that a service has exited; `None` for a host without such events.
    pub(crate) exits: Option<Notify>,
    out: PathBuf,
}

impl ScriptedWorld {
    pub(crate) fn new(out: PathBuf) -> Self {
        Self { inner: Mutex::default(), interfered: Notify::new(), exits: Some(Notify::new()), out }
    }

    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every call that contains `call` behaves like this.
    pub(crate) fn on(&self, call: &str, behaviour: Behaviour) {
        self.rule(call, 0, u32::MAX, None, behaviour);
    }

    /// Only the `nth` such call, from 1, behaves like this.
    pub(crate) fn nth(&self, call: &str, nth: u32, behaviour: Behaviour) {
        self.rule(call, nth - 1, 1, None, behaviour);
    }

    /// Such calls behave like this from the `nth` on.
    pub(crate) fn from(&self, call: &str, nth: u32, behaviour: Behaviour) {
        self.rule(call, nth - 1, u32::MAX, None, behaviour);
    }

    /// Such calls behave like this for some time from now on.
    pub(crate) fn until(&self, call: &str, time: Duration, behaviour: Behaviour) {
        self.rule(call, 0, u32::MAX, Some(Instant::now() + time), behaviour);
    }

    fn rule(&self, call: &str, skip: u32, times: u32, before: Option<Instant>, behaviour: Behaviour) {
        self.inner().rules.push(Rule { call: call.to_owned(), skip, times, before, behaviour });
    }

    /// Records a call, waits as scripted, and returns how the caller should behave.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the caller carries out everything else")]
    pub(crate) async fn call(&self, call: String) -> Behaviour {
        let mut behaviour = self.find(call);
        loop {
            match behaviour {
                Behaviour::Hang => pending().await,
                Behaviour::Panic => panic!("scripted"),
                Behaviour::After(time, next) => {
                    tokio::time::sleep(time).await;
                    behaviour = *next;
                }
                Behaviour::ForeignCommand(command, next) => {
                    self.inner().foreign_commands.push(format!("service web: somebody else ran {command}"));
                    behaviour = *next;
                }
                Behaviour::ServiceExits(service, code, next) => {
                    if let Some(known) = self.service(service) {
                        drop(print(&known.log, "FATAL: it is out of ideas"));
                    }
                    self.set(service, ServiceState::Exited { code, out_of_memory: false });
                    behaviour = *next;
                }
                Behaviour::Interferes(kind, next) => {
                    self.interfere(kind);
                    behaviour = *next;
                }
                other => return other,
            }
        }
    }

    fn interfere(&self, kind: InterferenceKind) {
        let (object, observed, remedy) = ("service web".to_owned(), "scripted".to_owned(), String::new());
        self.inner().interferences.0.push(Interference { kind, object, observed, remedy });
        self.interfered.notify_waiters();
    }

    fn find(&self, call: String) -> Behaviour {
        let mut inner = self.inner();
        let mut behaviour = Behaviour::Normal;
        for rule in inner.rules.iter_mut().filter(|rule| call.contains(&rule.call)) {
            if rule.skip > 0 {
                rule.skip -= 1;
            } else if rule.times > 0 && rule.before.is_none_or(|before| Instant::now() < before) {
                rule.times -= 1;
                behaviour = rule.behaviour.clone();
                break;
            }
        }
        inner.calls.push(call);
        behaviour
    }

    /// How many calls contained this text.
    pub(crate) fn count(&self, call: &str) -> usize {
        self.inner().calls.iter().filter(|known| known.contains(call)).count()
    }

    /// Fails unless these calls were made in this order, with others in between.
    pub(crate) fn expect_calls(&self, wanted: &[&str]) -> Fallible {
        let inner = self.inner();
        let mut calls = inner.calls.iter();
        for wanted in wanted {
            if !calls.any(|call| call.starts_with(wanted)) {
                return Err(format!("{wanted:?} is missing or out of order in {:#?}", inner.calls).into());
            }
        }
        Ok(())
    }

    /// The newest specification of a service or one-off, as `create main/web`.
    pub(crate) fn spec(&self, call: &str) -> Fallible<ServiceSpec> {
        let inner = self.inner();
        let found = inner.specs.iter().rev().find(|(known, _)| known == call);
        found.map(|(_, spec)| spec.clone()).ok_or_else(|| format!("there was no {call}").into())
    }

    /// Creates a container of a service.
    pub(crate) fn create(&self, name: &str, spec: &ServiceSpec) -> Fallible {
        let folder = self.out.join("logs");
        std::fs::create_dir_all(&folder)?;
        let mut inner = self.inner();
        if inner.services.contains_key(name) {
            return Err(format!("{name} is there already").into());
        }
        let number = inner.specs.len();
        let log = folder.join(format!("{}-{number}.log", name.replace('/', "-")));
        std::fs::write(&log, "")?;
        inner.specs.push((format!("create {name}"), spec.clone()));
        let port = 1000 + u16::try_from(inner.specs.len())?;
        let service = Service { state: ServiceState::Created, image: spec.image.clone(), log, port };
        inner.services.insert(name.to_owned(), service);
        Ok(())
    }

    pub(crate) fn set(&self, name: &str, state: ServiceState) {
        let ended = matches!(state, ServiceState::Exited { .. });
        if let Some(service) = self.inner().services.get_mut(name) {
            service.state = state;
        }
        self.exits.iter().filter(|_| ended).for_each(Notify::notify_waiters);
    }

    pub(crate) fn service(&self, name: &str) -> Option<Service> {
        self.inner().services.get(name).cloned()
    }

    pub(crate) fn runs(&self, name: &str) -> bool {
        matches!(self.service(name), Some(Service { state: ServiceState::Running { .. }, .. }))
    }

    /// The service at an address.
    pub(crate) fn at(&self, address: SocketAddr) -> String {
        let inner = self.inner();
        let found = inner.services.iter().find(|(_, service)| service.port == address.port());
        found.map_or("nobody".to_owned(), |(name, _)| name.clone())
    }
}

/// Appends a line to a service's log.
pub(crate) fn print(log: &PathBuf, line: &str) -> std::io::Result<()> {
    writeln!(std::fs::OpenOptions::new().append(true).create(true).open(log)?, "{line}")
}

pub(crate) fn key(deployment: &DeploymentName, service: &str) -> String {
    format!("{deployment}/{service}")
}

pub(crate) fn cannot(operation: &'static str, object: String, reason: &str) -> HostError {
    HostError::Operation { operation, object, source: reason.into() }
}

pub(crate) fn left(name: &str) -> Leftover {
    Leftover { kind: "volume", name: name.to_owned(), reason: "it is in use".to_owned() }
}

pub(crate) fn body(text: &str) -> Body {
    let mut builder = BodyBuilder::default();
    builder.take(text.as_bytes());
    builder.finish()
}

/// One table, `things`, each row with this name; and an index on it.
pub(crate) fn things(rows: u64, name: &str) -> DataState {
    let columns = vec!["id".to_owned(), "name".to_owned()];
    let rows_kept =
        RetainedRows { columns: columns.clone(), rows: (1..=rows).map(|id| format!("{id}\t{name}").into()).collect() };
    let sums = columns.iter().map(|column| (column.clone(), format!("{column} {rows} {name}"))).collect();
    let key = vec!["id".to_owned()];
    let table = TableState { rows, key, columns, sums, kept: Some(Arc::new(rows_kept)), ..TableState::default() };
    let item = Item { table: "things".to_owned(), text: "primary key btree (id)".to_owned(), ..Item::default() };
    DataState {
        tables: BTreeMap::from([("things".to_owned(), table)]),
        structure: Some(Structure { items: vec![item], ..Structure::default() }),
        ..DataState::default()
    }
}
