//! The client program beside a server: run for one statement, for a script about parts, or to be spoken to.

use futures_util::future::{BoxFuture, FutureExt};
use rehearse_core::observation::{Rows, TableState};

use super::dialect::{Ask, Dialect};
use super::output::{Output, last_words};
use super::part::Part;
use super::reader::Reader;
use super::refusal::Failure;
use crate::engine::host::{Commands, Interactive, Sink};
use crate::engine::observer::DatabaseTarget;

/// A database on a host, and how its kind of server is asked.
pub(super) struct Client<'a, H> {
    host: &'a H,
    pub(super) site: &'a DatabaseTarget,
    pub(super) dialect: &'static dyn Dialect,
}

impl<'a, H: Commands> Client<'a, H> {
    pub(super) fn new(host: &'a H, site: &'a DatabaseTarget, dialect: &'static dyn Dialect) -> Self {
        Self { host, site, dialect }
    }

    /// Begins a client that waits for what it is to be asked.
    pub(super) async fn interact(&self) -> Result<Interactive, Failure> {
        let command = self.dialect.command(self.site, None);
        let opened = self.host.interact(&self.site.instance, &command).await;
        Ok(opened.map_err(|error| error.chain())?)
    }

    /// Reads parts in one look: one session, one snapshot.
    pub(super) async fn read(&self, parts: &[Part]) -> Result<Vec<TableState>, String> {
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        let mut reader = Reader::new(parts, self.dialect);
        let code = self.run(self.dialect.script(parts), &mut reader).await?;
        if code != 0 {
            return Err(last_words(self.dialect.program(), code, &reader.err));
        }
        reader.finish()
    }

    async fn run(&self, sql: String, sink: &mut dyn Sink) -> Result<i64, String> {
        let command = self.dialect.command(self.site, Some(sql));
        let code = self.host.exec(&self.site.instance, &command, sink).await;
        code.map_err(|error| error.chain())
    }
}

impl<H: Commands> Ask for Client<'_, H> {
    fn ask<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<Rows, Failure>> {
        async move {
            let mut output = Output::default();
            let code = self.run(self.dialect.alone(sql), &mut output).await?;
            if code != 0 {
                return Err(self.dialect.failure(code, &output.err));
            }
            Ok(self.dialect.rows(&output)?)
        }
        .boxed()
    }
}
