//! A client program that goes on between questions, so that a wait does not start one in the product's container for
//! every look.
//!
//! Each question is followed by a mark of its own, made anew, then by what forgets everything the question may have left
//! in the session, then by a second mark. A client that stops at the first error ends with it, and is judged as one that
//! was started for this question alone; the next question starts another.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use futures_util::StreamExt;
use rehearse_core::observation::Rows;
use tokio::io::AsyncWriteExt;

use super::client::Client;
use super::dialect::Dialect;
use super::output::Output;
use super::refusal::Failure;
use crate::engine::host::{Commands, Interactive, Sink};

/// A question without an answer by then gets the end of the input besides: what the client takes for unfinished, as a
/// quote that nobody closed, is carried out as it stands.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may take to end once its input has.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// A client program that waits for the next question.
pub(super) struct Session {
    dialect: &'static dyn Dialect,
    client: Interactive,
}

impl Session {
    pub(super) async fn open<H: Commands>(client: &Client<'_, H>) -> Result<Self, Failure> {
        Ok(Self { dialect: client.dialect, client: client.interact().await? })
    }

    /// Asks; and gives the session back where it can be asked again.
    pub(super) async fn ask(self, sql: &str) -> (Result<Rows, Failure>, Option<Self>) {
        let Self { dialect, mut client } = self;
        let mark = mark();
        let text = dialect.marked(sql, &mark);
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
                return (rows(dialect, &output), Some(Self { dialect, client }));
            }
        };
        let code = match lost {
            Some(error) => Err(error),
            None => client.code.await,
        };
        let whole = output.take_end(rested.as_bytes()) || output.take_end(answered.as_bytes());
        let response = match code {
            Ok(0) => rows(dialect, &output),
            // It answered, and did not survive what is asked behind that.
            _ if whole => rows(dialect, &output),
            Ok(code) => Err(dialect.failure(code, &output.err)),
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

fn rows(dialect: &dyn Dialect, output: &Output) -> Result<Rows, Failure> {
    dialect.rows(output).map_err(Failure::Unasked)
}

/// What no answer holds: made anew for every question.
fn mark() -> String {
    let half = || RandomState::new().build_hasher().finish();
    format!("rehearse-{:016x}{:016x}", half(), half())
}

#[cfg(test)]
mod tests;
