//! Commands inside services, what they read and what they print.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::Pin;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use rehearse_core::deployment::CommandSpec;
use tokio::io::AsyncWrite;

use super::HostError;

/// A command inside a service.
#[derive(Debug, Clone, Default)]
pub struct Command {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// User, by name or number.
    pub user: Option<String>,
    /// Additional environment.
    pub env: BTreeMap<String, String>,
    /// Working directory.
    pub workdir: Option<String>,
    /// What it reads, then closed.
    pub stdin: Option<Stdin>,
}

impl From<CommandSpec> for Command {
    fn from(spec: CommandSpec) -> Self {
        let CommandSpec { argv, user, env, workdir } = spec;
        Self { argv, user, env, workdir, stdin: None }
    }
}

/// What a command reads.
#[derive(Debug, Clone)]
pub enum Stdin {
    /// The content of a file of this machine, streamed.
    File(PathBuf),
    /// These bytes.
    Bytes(Vec<u8>),
}

/// Where a piece of output came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// A command inside a service that is spoken to while it runs.
pub struct Interactive {
    /// What it reads. Shut down, it sees the end.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
    /// What it prints, until it has ended.
    pub output: BoxStream<'static, Result<(Stream, Vec<u8>), HostError>>,
    /// Its exit code, once its output is over. Dropped before it is known, the command is ended in there with all that it
    /// started: see [`super::Commands::endings`].
    pub code: BoxFuture<'static, Result<i64, HostError>>,
}

/// Receives output as it comes; called with raw chunks, in order.
pub trait Sink: Send {
    /// Takes one chunk.
    fn take(&mut self, stream: Stream, bytes: &[u8]);
}
