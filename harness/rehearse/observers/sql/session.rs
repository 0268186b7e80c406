//! A client program that goes on between questions, so that a wait does not start one in the product's container for
//! every look.
//!
//! Each question is followed by a mark of its own, made anew, then by what forgets everything the question may have left
//! in the session, then by a second mark. A client that stops at the first error ends with it, and is judged as one that
//! was started for this question alone; the next question starts another.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use futures_util::StreamExt;
use rehearse_core::model::product::Engine;
use rehearse_core::observation::Rows;
use tokio::io::AsyncWriteExt;

use super::refusal::{self, Failure};
use super::{Output, mysql, postgres};
use crate::engine::host::{Host, Interactive, Sink};
use crate::engine::observer::DatabaseTarget;

/// A question without an answer by then gets the end of the input besides: what the client takes for unfinished, as a
/// quote that nobody closed, is carried out as it stands.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may take to end once its input has.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// A client program that waits for the next question.
pub(super) struct Session {
    engine: Engine,
    client: Interactive,
}

impl Session {
    pub(super) async fn open<H: Host>(host: &H, site: &DatabaseTarget) -> Result<Self, Failure> {
        let command = match site.engine {
            Engine::Postgresql => postgres::command(site, None),
            Engine::Mysql => mysql::command(site, None),
        };
        let opened = host.interact(&site.instance, &command).await;
        Ok(Self { engine: site.engine, client: opened.map_err(|error| error.chain())? })
    }

    /// Asks; and gives the session back where it can be asked again.
    pub(super) async fn ask(self, sql: &str) -> (Result<Rows, Failure>, Option<Self>) {
        let Self { engine, mut client } = self;
        let mark = mark();
        let text = match engine {
            Engine::Postgresql => postgres::question(sql, &mark),
            Engine::Mysql => mysql::question(sql, &mark),
        };
        let (answered, rested) = (format!("{mark}\n"), format!("{mark}\n{mark} rested\n"));
        let (mut output, mut written, mut closed) = (Output::default(), 0, false);
        let mut patience = std::pin::pin!(tokio::time::sleep(PATIENCE));
        let lost = loop {
            // The client may print before it has read all of the question.
            tokio::select! {
                count = client.input.write(&text.as_bytes()[written..]), if written < text.len() => {
                    // What takes no more has ended: its output and its code say why.
                    written = count.ok().filter(|count| *count > 0).map_or(text.len(), |count| written + count);
                    if written == text.len() {
                        let _ = client.input.flush().await;
                    }
                }
                chunk = client.output.next() => match chunk {
                    Some(Ok((stream, bytes))) => output.take(stream, &bytes),
                    Some(Err(error)) => break Some(error),
                    None => break None,
                },
                () = &mut patience, if !closed => {
                    closed = true;
                    let _ = client.input.shutdown().await;
                }
            }
            if !closed && output.take_end(rested.as_bytes()) {
                return (rows(engine, &output), Some(Self { engine, client }));
            }
        };
        let code = match lost {
            Some(error) => Err(error),
            None => client.code.await,
        };
        let whole = output.take_end(rested.as_bytes()) || output.take_end(answered.as_bytes());
        let response = match code {
            Ok(0) => rows(engine, &output),
            // It answered, and did not survive what is asked behind that.
            _ if whole => rows(engine, &output),
            Ok(code) => Err(match engine {
                Engine::Postgresql => refusal::of_psql(code, &output.err),
                Engine::Mysql => refusal::of_mysql(code, &output.err),
            }),
            Err(error) => Err(Failure::Unasked(error.chain())),
        };
        (response, None)
    }

    /// Ends the client, and waits until it has ended. One that does not is ended in its container.
    pub(super) async fn close(self) {
        let mut client = self.client;
        let closing = async {
            let _ = client.input.shutdown().await;
            while let Some(Ok(_)) = client.output.next().await {}
            let _ = client.code.await;
        };
        let _ = tokio::time::timeout(ENDS_WITHIN, closing).await;
    }
}

fn rows(engine: Engine, output: &Output) -> Result<Rows, Failure> {
    let rows = match engine {
        Engine::Postgresql => postgres::rows(output),
        Engine::Mysql => mysql::rows(output),
    };
    rows.map_err(Failure::Unasked)
}

/// What no answer holds: made anew for every question.
fn mark() -> String {
    let half = || RandomState::new().build_hasher().finish();
    format!("rehearse-{:016x}{:016x}", half(), half())
}

#[cfg(test)]
mod tests;
