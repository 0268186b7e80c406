//! Reads observations: responses, rows, tables, logs. No opinion in it.

mod http;
mod log;
mod sql;
mod texts;
mod volume;

use std::path::Path;
use std::sync::Arc;

use rehearse_core::check::LogScanner;
use rehearse_core::mutation::SqlMutation;
use rehearse_core::observation::activity::Activity;
use rehearse_core::observation::{DataState, FileTree, LogReview, Response, TableQuery};
use rehearse_core::planning::plan::MutationBatch;
use tokio::sync::mpsc;
use tokio_util::bytes::Bytes;

pub use log::review as review_log;
pub use texts::{TextPart, read_texts};
pub use volume::read_tree;

use crate::engine::host::Commands;
use crate::engine::observer::{DatabaseTarget, HttpRequest, Observer};

/// Observes a real deployment.
pub struct Live<H> {
    host: Arc<H>,
    web: http::Web,
    sessions: sql::Sessions,
}

impl<H: Commands> Live<H> {
    /// An observer of what this host runs.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(host: Arc<H>) -> Result<Self, reqwest::Error> {
        Ok(Self { host, web: http::Web::new()?, sessions: sql::Sessions::default() })
    }
}

impl<H: Commands + 'static> Observer for Live<H> {
    async fn http(&self, request: HttpRequest) -> Response {
        self.web.request(request).await
    }

    async fn rows(&self, site: &DatabaseTarget, sql: &str) -> Response {
        sql::rows(&*self.host, site, sql).await
    }

    async fn rows_again(&self, site: &DatabaseTarget, sql: &str) -> Response {
        sql::rows_again(&*self.host, &self.sessions, site, sql).await
    }

    async fn hang_up(&self) {
        self.sessions.close().await;
    }

    async fn tables(&self, site: &DatabaseTarget, reading: &TableQuery) -> Result<DataState, String> {
        sql::tables(&*self.host, site, reading).await
    }

    async fn mutations(&self, site: &DatabaseTarget, batch: MutationBatch) -> Result<Vec<SqlMutation>, String> {
        sql::mutations(&*self.host, site, batch).await
    }

    async fn sessions(&self, site: &DatabaseTarget) -> Result<u64, String> {
        sql::sessions(&*self.host, site).await
    }

    async fn activity(&self, site: &DatabaseTarget) -> Result<Option<Activity>, String> {
        sql::activity(&*self.host, site).await
    }

    async fn files(&self, archive: mpsc::Receiver<Bytes>) -> Result<FileTree, String> {
        volume::read_stream(archive).await
    }

    async fn log(&self, file: &Path, from: u64, scanner: LogScanner) -> Result<LogReview, String> {
        log::review(file, from, scanner).await
    }
}
