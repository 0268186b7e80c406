//! A client program that stays open between queries, so that a wait does not start one in the product's container for every
//! look.
//!
//! Each query is followed by a new mark, then by statements that reset the session, then by a second mark. The client stops
//! at the first error and ends, and is judged as one that was started for this query alone; the next query starts another.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use futures_util::StreamExt;
use rehearse_core::observation::{Rows, Unread};
use tokio::io::AsyncWriteExt;

use super::client::Client;
use super::dialect::Dialect;
use super::output::Output;
use crate::engine::host::{Commands, Interactive, Sink};

/// After this time without a result, the input is closed: a statement that the client considers unfinished, because of an
/// unclosed quote, is then carried out as it is.
const UNFINISHED_AFTER: Duration = Duration::from_secs(10);
/// How long a client may take to end once its input is closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A client program that waits for the next query.
pub(super) struct Session {
    dialect: &'static dyn Dialect,
    client: Interactive,
}

impl Session {
    pub(super) async fn open<H: Commands>(client: &Client<'_, H>) -> Result<Self, Unread> {
        Ok(Self { dialect: client.dialect, client: client.interact().await? })
    }

    /// Sends a query; returns the session if it can be used again.
    pub(super) async fn query(self, sql: &str) -> (Result<Rows, Unread>, Option<Self>) {
        let Self { dialect, mut client } = self;
        let mark = mark();
        let text = dialect.marked(sql, &mark);
        let (answered, reset_mark) = (format!("{mark}\n"), format!("{mark}\n{mark} rested\n"));
        let (mut output, mut written, mut closed) = (Output::default(), 0, false);
        let mut unfinished = std::pin::pin!(tokio::time::sleep(UNFINISHED_AFTER));
        let lost = loop {
            // The client may print before it has read the whole query.
            tokio::select! {
                count = client.input.write(&text.as_bytes()[written..]), if written < text.len() => {
                    // A client that reads no more has ended; its output and its exit code say why.
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
                () = &mut unfinished, if !closed => {
                    closed = true;
                    let _ = client.input.shutdown().await;
                }
            }
            if !closed && output.take_end(reset_mark.as_bytes()) {
                return (rows(dialect, &output), Some(Self { dialect, client }));
            }
        };
        let code = match lost {
            Some(error) => Err(error),
            None => client.code.await,
        };
        let whole = output.take_end(reset_mark.as_bytes()) || output.take_end(answered.as_bytes());
        let response = match code {
            Ok(0) => rows(dialect, &output),
            // It returned the result, but ended while its session was reset.
            _ if whole => rows(dialect, &output),
            Ok(code) => Err(dialect.failure(code, &output.err)),
            Err(error) => Err(Unread::Unavailable(error.chain())),
        };
        (response, None)
    }

    /// Closes the client, and waits until it has ended. A client that does not end is ended in its container.
    pub(super) async fn close(self) {
        let mut client = self.client;
        let closing = async {
            let _ = client.input.shutdown().await;
            while let Some(Ok(_)) = client.output.next().await {}
            let _ = client.code.await;
        };
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, closing).await;
    }
}

fn rows(dialect: &dyn Dialect, output: &Output) -> Result<Rows, Unread> {
    dialect.rows(output).map_err(Unread::Unavailable)
}

/// A text that no result contains: new for every query.
fn mark() -> String {
    let half = || RandomState::new().build_hasher().finish();
    format!("rehearse-{:016x}{:016x}", half(), half())
}

#[cfg(test)]
mod tests;
