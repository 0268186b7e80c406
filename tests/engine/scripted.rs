//! A world that is scripted: what each call answers, and the order in which calls came.

use std::collections::BTreeMap;
use std::future::pending;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rehearse::engine::BodyMaker;
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

/// What a call does in place of what is usual.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    /// What is usual.
    Usual,
    /// It never returns.
    Hang,
    /// It panics.
    Panic,
    /// We cannot: an error of the host, a broken answer of the observer.
    Error(&'static str),
    /// After a while, this.
    Late(Duration, Box<Deed>),
    /// A command ends with this code and output.
    Exit(i64, &'static str),
    /// A response.
    Http(u16, &'static str),
    /// The product does not answer.
    Silent,
    /// The server refuses the statement.
    Refused(&'static str),
    /// A query's rows of one column.
    Rows(&'static [&'static str]),
    /// What the database's sessions do.
    Activity(fn() -> Activity),
    /// A query's single number, asked anew each time.
    Counts(Counter),
    /// The tables.
    Tables(DataState),
    /// Sessions on a database.
    Sessions(u64),
    /// Stopping has no effect.
    Stays,
    /// A service that starts prints these lines at these milliseconds, then exits if there is a code. A command prints
    /// these pieces as they are.
    Prints(&'static [(u64, &'static str)], Option<i64>),
    /// Something stays behind.
    Left(&'static str),
    /// Something from outside comes between, then this.
    Disturbs(InterferenceKind, Box<Deed>),
    /// Somebody runs this command in a service, then this.
    Touches(&'static str, Box<Deed>),
    /// This service exits with this code, then this.
    Ends(&'static str, i64, Box<Deed>),
    /// The image holds this release.
    Holds(&'static str),
}

/// A number that changes by so much a second from when it is first asked, for so many seconds.
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
    /// This many matching calls are left as usual.
    skip: u32,
    times: u32,
    /// Only calls before this.
    before: Option<Instant>,
    deed: Deed,
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
    pub(crate) asks: Vec<HttpRequest>,
    /// What came between, and how much of it was told.
    pub(crate) interferences: (Vec<Interference>, usize),
    /// What somebody ran in a service and was not told yet.
    pub(crate) foreign_commands: Vec<String>,
    /// The release that an image by its id holds.
    pub(crate) holds: BTreeMap<String, String>,
}

/// Host and observer in one.
#[derive(Debug)]
pub(crate) struct RunContext {
    inner: Mutex<Inner>,
    pub(crate) interfered: Notify,
    /// A service has ended; none where the engine is to tell nothing of it.
    pub(crate) exits: Option<Notify>,
    out: PathBuf,
}

impl RunContext {
    pub(crate) fn new(out: PathBuf) -> Self {
        Self { inner: Mutex::default(), interfered: Notify::new(), exits: Some(Notify::new()), out }
    }

    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every call with `call` in it does this.
    pub(crate) fn on(&self, call: &str, deed: Deed) {
        self.rule(call, 0, u32::MAX, None, deed);
    }

    /// Only the `nth` such call (from 1) does this.
    pub(crate) fn nth(&self, call: &str, nth: u32, deed: Deed) {
        self.rule(call, nth - 1, 1, None, deed);
    }

    /// Such calls do this from the `nth` on.
    pub(crate) fn from(&self, call: &str, nth: u32, deed: Deed) {
        self.rule(call, nth - 1, u32::MAX, None, deed);
    }

    /// Such calls do this for so long from now on.
    pub(crate) fn until(&self, call: &str, time: Duration, deed: Deed) {
        self.rule(call, 0, u32::MAX, Some(Instant::now() + time), deed);
    }

    fn rule(&self, call: &str, skip: u32, times: u32, before: Option<Instant>, deed: Deed) {
        self.inner().rules.push(Rule { call: call.to_owned(), skip, times, before, deed });
    }

    /// Writes a call down and does what is scripted for it; otherwise says so by [`Deed::Usual`].
    #[expect(clippy::wildcard_enum_match_arm, reason = "what does not wait is for the caller to do")]
    pub(crate) async fn meet(&self, call: String) -> Deed {
        let mut deed = self.find(call);
        loop {
            match deed {
                Deed::Hang => pending().await,
                Deed::Panic => panic!("scripted"),
                Deed::Late(time, next) => {
                    tokio::time::sleep(time).await;
                    deed = *next;
                }
                Deed::Touches(command, next) => {
                    self.inner().foreign_commands.push(format!("service web: somebody else ran {command}"));
                    deed = *next;
                }
                Deed::Ends(service, code, next) => {
                    if let Some(known) = self.service(service) {
                        drop(print(&known.log, "FATAL: it is out of ideas"));
                    }
                    self.set(service, ServiceState::Exited { code, out_of_memory: false });
                    deed = *next;
                }
                Deed::Disturbs(kind, next) => {
                    self.disturb(kind);
                    deed = *next;
                }
                other => return other,
            }
        }
    }

    fn disturb(&self, kind: InterferenceKind) {
        let (object, observed, remedy) = ("service web".to_owned(), "scripted".to_owned(), String::new());
        self.inner().interferences.0.push(Interference { kind, object, observed, remedy });
        self.interfered.notify_waiters();
    }

    fn find(&self, call: String) -> Deed {
        let mut inner = self.inner();
        let mut deed = Deed::Usual;
        for rule in inner.rules.iter_mut().filter(|rule| call.contains(&rule.call)) {
            if rule.skip > 0 {
                rule.skip -= 1;
            } else if rule.times > 0 && rule.before.is_none_or(|before| Instant::now() < before) {
                rule.times -= 1;
                deed = rule.deed.clone();
                break;
            }
        }
        inner.calls.push(call);
        deed
    }

    /// How often such a call came.
    pub(crate) fn count(&self, call: &str) -> usize {
        self.inner().calls.iter().filter(|known| known.contains(call)).count()
    }

    /// Fails unless these calls came in this order, others between them.
    pub(crate) fn came_in_order(&self, wanted: &[&str]) -> Fallible {
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

    /// A new container of a service.
    pub(crate) fn make(&self, name: &str, spec: &ServiceSpec) -> Fallible {
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

    /// The service that is reached at an address.
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
    let mut maker = BodyMaker::default();
    maker.take(text.as_bytes());
    maker.finish()
}

/// One table, `things`, each row with this name; and an index on it.
pub(crate) fn things(rows: u64, name: &str) -> DataState {
    let columns = vec!["id".to_owned(), "name".to_owned()];
    let kept =
        RetainedRows { columns: columns.clone(), rows: (1..=rows).map(|id| format!("{id}\t{name}").into()).collect() };
    let sums = columns.iter().map(|column| (column.clone(), format!("{column} {rows} {name}"))).collect();
    let key = vec!["id".to_owned()];
    let table = TableState { rows, key, columns, sums, kept: Some(Arc::new(kept)), ..TableState::default() };
    let item = Item { table: "things".to_owned(), text: "primary key btree (id)".to_owned(), ..Item::default() };
    DataState {
        tables: BTreeMap::from([("things".to_owned(), table)]),
        structure: Some(Structure { items: vec![item], sequences: BTreeMap::new() }),
        ..DataState::default()
    }
}
