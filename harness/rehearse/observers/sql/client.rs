//! The client program next to a server: it runs one statement, a script about parts, or takes statements while it runs.

use futures_util::future::{BoxFuture, FutureExt};
use rehearse_core::observation::{Rows, TableState, Unread};

use super::dialect::{Database, Dialect};
use super::output::Output;
use super::part::Part;
use super::reader::Reader;
use crate::engine::host::{Commands, Interactive, Sink};
use crate::engine::observer::DatabaseTarget;

/// A database on a host, and the dialect of its server.
pub(super) struct Client<'a, H> {
    host: &'a H,
    pub(super) target: &'a DatabaseTarget,
    pub(super) dialect: &'static dyn Dialect,
}

impl<'a, H: Commands> Client<'a, H> {
    pub(super) fn new(host: &'a H, target: &'a DatabaseTarget, dialect: &'static dyn Dialect) -> Self {
        Self { host, target, dialect }
    }

    /// Starts a client that waits for statements.
    pub(super) async fn interact(&self) -> Result<Interactive, Unread> {
        let command = self.dialect.command(self.target, None);
        let opened = self.host.interact(&self.target.instance, &command).await;
        Ok(opened.map_err(|error| error.chain())?)
    }

    /// Reads parts in one session and one snapshot.
    pub(super) async fn read(&self, parts: &[Part]) -> Result<Vec<TableState>, Unread> {
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let mut reader = Reader::new(parts, self.dialect);
        let code = self.run(self.dialect.script(parts), &mut reader).await?;
        if code != 0 {
            return Err(self.dialect.failure(code, &reader.err));
        }
        Ok(reader.finish()?)
    }

    async fn run(&self, sql: String, sink: &mut dyn Sink) -> Result<i64, String> {
        let command = self.dialect.command(self.target, Some(sql));
        let code = self.host.exec(&self.target.instance, &command, sink).await;
        code.map_err(|error| error.chain())
    }
}

impl<H: Commands> Database for Client<'_, H> {
    fn query<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<Rows, Unread>> {
        async move {
            let mut output = Output::default();
            let code = self.run(self.dialect.single(sql), &mut output).await?;
            if code != 0 {
                return Err(self.dialect.failure(code, &output.err));
            }
            Ok(self.dialect.rows(&output)?)
        }
        .boxed()
    }
}
