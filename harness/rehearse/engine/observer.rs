//! What the engine needs to observe. `observers` implements it for real, tests as a fake.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use rehearse_core::check::LogScanner;
use rehearse_core::model::product::Engine;
use rehearse_core::mutation::SqlMutation;
use rehearse_core::observation::activity::Activity;
use rehearse_core::observation::{DataState, FileTree, LogReview, Response, TableQuery};
use rehearse_core::planning::plan::MutationBatch;
use tokio::sync::mpsc;
use tokio_util::bytes::Bytes;

use super::host::InstanceRef;

/// A request as it is to be sent.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// The address to connect to.
    pub address: SocketAddr,
    /// The method, such as `GET`.
    pub method: &'static str,
    /// Path and query.
    pub path: String,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Option<RequestBody>,
    /// The cookie jar to use; without one, cookies are dropped.
    pub jar: Option<String>,
    /// How long the whole response may take.
    pub deadline: Duration,
    /// How many bytes of the response are kept for judging; size and digest always cover all of it.
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

/// How to reach a database.
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
    /// The host name of the server, if the product file gives one.
    pub host: Option<String>,
    /// The account that runs the client, if the product file gives one.
    pub run_as: Option<String>,
    /// The role's password.
    pub password: Option<String>,
}

/// What the engine needs to observe. A failure to observe is a value too: [`Response::NoResponse`] or
/// [`Response::ProbeError`], or the reason as a text.
pub trait Observer: Send + Sync + 'static {
    /// Sends a request and reads the whole response, in bounded memory. Redirects are not followed.
    fn http(&self, request: HttpRequest) -> impl Future<Output = Response> + Send;

    /// Sends a query to a database.
    fn rows(&self, target: &DatabaseTarget, sql: &str) -> impl Future<Output = Response> + Send;

    /// Sends a query that a wait repeats. The client may stay open between two queries, idle and outside of any transaction,
    /// until [`Observer::hang_up`] closes it.
    fn rows_again(&self, target: &DatabaseTarget, sql: &str) -> impl Future<Output = Response> + Send {
        self.rows(target, sql)
    }

    /// Closes all clients that stay open for repeated queries, and waits until they are closed.
    fn hang_up(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Reads the state of all tables, in as much detail as the query wants.
    fn tables(
        &self,
        target: &DatabaseTarget,
        query: &TableQuery,
    ) -> impl Future<Output = Result<DataState, String>> + Send;

    /// What can be changed in a database on purpose, to test whether a check notices it.
    fn mutations(
        &self,
        _target: &DatabaseTarget,
        _batch: MutationBatch,
    ) -> impl Future<Output = Result<Vec<SqlMutation>, String>> + Send {
        std::future::ready(Err("this observer knows no mutations".to_owned()))
    }

    /// How many sessions of others the database has.
    fn sessions(&self, target: &DatabaseTarget) -> impl Future<Output = Result<u64, String>> + Send;

    /// What the sessions of others on the database do, and its counters; `None` for a kind of server that cannot be watched.
    fn activity(&self, target: &DatabaseTarget) -> impl Future<Output = Result<Option<Activity>, String>> + Send;

    /// Reads the content of a volume from a tar archive that arrives in pieces.
    fn files(&self, archive: mpsc::Receiver<Bytes>) -> impl Future<Output = Result<FileTree, String>> + Send;

    /// Scans a log file on the host from an offset on.
    fn log(
        &self,
        file: &Path,
        from: u64,
        scanner: LogScanner,
    ) -> impl Future<Output = Result<LogReview, String>> + Send;
}
