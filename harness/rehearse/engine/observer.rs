//! What the engine asks to see. `observers` implements it for real, tests as a fake.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use rehearse_core::check::LogScanner;
use rehearse_core::model::product::Engine;
use rehearse_core::observation::activity::Activity;
use rehearse_core::observation::{DataState, LogReview, Response, TableQuery};

use super::host::InstanceRef;

/// A request as it is to be sent.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// Where to.
    pub address: SocketAddr,
    /// `GET`.
    pub method: &'static str,
    /// Path and query.
    pub path: String,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Option<RequestBody>,
    /// The cookie jar that is used; none keeps no cookies.
    pub jar: Option<String>,
    /// How long the whole answer may take.
    pub deadline: Duration,
    /// As many bytes of the answer are kept for judging; its size and digest are those of all of it.
    pub keep: usize,
}

/// The body of a request as it is to be sent.
#[derive(Debug, Clone)]
pub enum RequestBody {
    /// JSON.
    Json(serde_json::Value),
    /// A form.
    Form(BTreeMap<String, String>),
    /// A text.
    Text(String),
}

/// A database as it is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseTarget {
    /// The instance it runs in.
    pub instance: InstanceRef,
    /// The kind of server.
    pub engine: Engine,
    /// The database's name.
    pub name: String,
    /// The role.
    pub user: String,
    /// Where the client finds the server, where it is told.
    pub host: Option<String>,
    /// The account that runs the client, where it is told.
    pub run_as: Option<String>,
    /// The role's password.
    pub password: Option<String>,
}

/// What the engine asks to see. What cannot be seen is a value too: `Silent` or `Broken`, or the reason as a text.
pub trait Observer: Send + Sync + 'static {
    /// Sends a request and reads the whole answer, in bounded memory. Redirects are answers.
    fn http(&self, ask: HttpRequest) -> impl Future<Output = Response> + Send;

    /// Asks a database directly.
    fn rows(&self, site: &DatabaseTarget, sql: &str) -> impl Future<Output = Response> + Send;

    /// Asks a database what a wait asks again and again. What stays open for that between two questions is closed by
    /// [`Observer::hang_up`]; it is idle meanwhile, outside of any transaction.
    fn rows_again(&self, site: &DatabaseTarget, sql: &str) -> impl Future<Output = Response> + Send {
        self.rows(site, sql)
    }

    /// Closes all connections to databases that wait for the next question, and waits until they are closed.
    fn hang_up(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Reads the state of all tables, and what else the reading wants of them.
    fn tables(
        &self,
        site: &DatabaseTarget,
        reading: &TableQuery,
    ) -> impl Future<Output = Result<DataState, String>> + Send;

    /// How many sessions others hold on the database.
    fn sessions(&self, site: &DatabaseTarget) -> impl Future<Output = Result<u64, String>> + Send;

    /// What the others' sessions on the database do, and what it counts; none for a kind of server that is not watched.
    fn activity(&self, site: &DatabaseTarget) -> impl Future<Output = Result<Option<Activity>, String>> + Send;

    /// Sifts a log file on the host from an offset on.
    fn log(
        &self,
        file: &Path,
        from: u64,
        scanner: LogScanner,
    ) -> impl Future<Output = Result<LogReview, String>> + Send;
}
