//! Commands inside services, their input and their output.

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
    /// Its standard input, closed after the content.
    pub stdin: Option<Stdin>,
}

impl From<CommandSpec> for Command {
    fn from(spec: CommandSpec) -> Self {
        let CommandSpec { argv, user, env, workdir } = spec;
        Self { argv, user, env, workdir, stdin: None }
    }
}

/// The standard input of a command.
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

/// A command inside a service that takes input while it runs.
pub struct Interactive {
    /// Its standard input. Shutting it down ends the input.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
    /// What it prints, until it has ended.
    pub output: BoxStream<'static, Result<(Stream, Vec<u8>), HostError>>,
    /// Its exit code, once its output has ended. If this is dropped before, the command is ended inside the service, with
    /// everything it started: see [`super::Commands::endings`].
    pub code: BoxFuture<'static, Result<i64, HostError>>,
}

/// Receives output as it arrives, in raw chunks and in order.
pub trait Sink: Send {
    /// Takes one chunk.
    fn take(&mut self, stream: Stream, bytes: &[u8]);
}
