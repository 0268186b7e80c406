//! Commands inside a running service: with input from a file of the host, or from the caller while they run.
//!
//! If a call is dropped midway, the engine lets the command continue inside its container, with its input closed;
//! [`super::ending`] then ends it.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::docker::client::{failed, refused};
use crate::docker::daemon::Daemon;
use crate::docker::ending::Ending;
use crate::docker::output::{forward, piece};
use crate::docker::service;
use crate::engine::host::{Command, HostError, Interactive, Sink, Stdin};
use rehearse_core::vocabulary::ident::DeploymentName;

const CHUNK: usize = 64 * 1024;
/// After the output of a command has ended, the engine may still report it as running for this long.
const EXIT_CODE: Duration = Duration::from_secs(30);

/// A running command, with its input and output.
struct RunningCommand {
    input: Pin<Box<dyn AsyncWrite + Send>>,
    output: BoxStream<'static, Result<LogOutput, Error>>,
    exit: Exit,
}

/// Waits for the exit code. If this is dropped before, the command is ended.
struct Exit {
    docker: Docker,
    exec: String,
    object: String,
    ending: Ending,
}

/// Runs a command inside a running service and returns its exit code.
pub(crate) async fn exec(
    daemon: &Daemon,
    deployment: &DeploymentName,
    service: &str,
    command: &Command,
    sink: &mut dyn Sink,
) -> Result<i64, HostError> {
    // Opened first: a command must not start if its input does not exist.
    let mut source = Source::open(command.stdin.as_ref()).await?;
    let reads = command.stdin.is_some();
    let RunningCommand { input, mut output, exit } = begin(daemon, deployment, service, command, reads).await?;
    {
        let feeding = feed(&mut source, input);
        tokio::pin!(feeding);
        let mut fed = !reads;
        loop {
            tokio::select! {
                result = &mut feeding, if !fed => {
                    fed = true;
                    result?;
                }
                chunk = output.next() => match chunk {
                    Some(chunk) => forward(chunk.map_err(|error| exit.failed(error))?, sink),
                    None => break,
                },
            }
        }
    }
    exit.code().await
}

/// Starts a command inside a running service that takes input while it runs.
pub(crate) async fn interact(
    daemon: &Daemon,
    deployment: &DeploymentName,
    service: &str,
    command: &Command,
) -> Result<Interactive, HostError> {
    let RunningCommand { input, output, exit } = begin(daemon, deployment, service, command, true).await?;
    let object = exit.object.clone();
    let pieces = output.filter_map(move |chunk| {
        let chunk = chunk.map_err(failed("exec in", object.clone())).map(piece).transpose();
        std::future::ready(chunk)
    });
    Ok(Interactive { input, output: pieces.boxed(), code: exit.code().boxed() })
}

async fn begin(
    daemon: &Daemon,
    deployment: &DeploymentName,
    service: &str,
    command: &Command,
    reads: bool,
) -> Result<RunningCommand, HostError> {
    let id = service::present(daemon, deployment, service, "exec in").await?;
    let program = command.argv.first().map_or("nothing", String::as_str);
    let object = format!("{} ({program})", service::object(deployment, service));
    let fail = |error| failed("exec in", object.clone())(error);
    let docker = daemon.client.quick();

    let ending = Ending::of_command(&daemon.endings, &daemon.client, &daemon.ownership.run, &id, &object);
    let env = command.env.iter().map(|(key, value)| format!("{key}={value}"));
    let options = CreateExecOptions {
        cmd: Some(command.argv.clone()),
        attach_stdin: Some(reads),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        env: Some(env.chain(ending.variable()).collect()),
        user: command.user.clone(),
        working_dir: command.workdir.clone(),
        ..CreateExecOptions::default()
    };
    daemon.watch.command(&id, &command.argv);
    let exec = docker.create_exec(&id, options).await.map_err(fail)?.id;
    let start = StartExecOptions { output_capacity: Some(CHUNK), ..StartExecOptions::default() };
    let (output, input) = match docker.start_exec(&exec, Some(start)).await.map_err(fail)? {
        StartExecResults::Attached { output, input } => (output, input),
        StartExecResults::Detached => return Err(refused("exec in", object, "bug: the engine did not attach")),
    };
    Ok(RunningCommand { input, output, exit: Exit { docker: docker.clone(), exec, object, ending } })
}

impl Exit {
    fn failed(&self, error: Error) -> HostError {
        failed("exec in", self.object.clone())(error)
    }

    /// Its exit code, once its output has ended.
    async fn code(self) -> Result<i64, HostError> {
        let began = tokio::time::Instant::now();
        let mut pause = Duration::from_millis(10);
        loop {
            let state = self.docker.inspect_exec(&self.exec).await.map_err(|error| self.failed(error))?;
            match (state.running, state.exit_code) {
                (Some(false), Some(code)) => {
                    self.ending.done();
                    return Ok(code);
                }
                _ if began.elapsed() > EXIT_CODE => {
                    let what = format!("the exit code of {}", self.object);
                    return Err(HostError::Deadline { what, limit: EXIT_CODE });
                }
                _ => tokio::time::sleep(pause).await,
            }
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }
}

enum Source<'a> {
    Nothing,
    File { path: &'a Path, file: File },
    Bytes(&'a [u8]),
}

impl<'a> Source<'a> {
    async fn open(stdin: Option<&'a Stdin>) -> Result<Self, HostError> {
        match stdin {
            None => Ok(Self::Nothing),
            Some(Stdin::Bytes(bytes)) => Ok(Self::Bytes(bytes)),
            Some(Stdin::File(path)) => {
                let file = File::open(path).await;
                let file = file.map_err(|source| HostError::File { operation: "read", path: path.clone(), source })?;
                Ok(Self::File { path, file })
            }
        }
    }
}

/// Writes the whole source, then closes the input, so that the command sees its end. A command need not read all of it;
/// whether that is an error is for its exit code to say.
async fn feed(source: &mut Source<'_>, mut input: Pin<Box<dyn AsyncWrite + Send>>) -> Result<(), HostError> {
    let unread: io::Result<()> = match source {
        Source::Nothing => Ok(()),
        Source::Bytes(bytes) => input.write_all(bytes).await,
        Source::File { path, file } => {
            let mut chunk = vec![0; CHUNK];
            loop {
                let read = file.read(&mut chunk).await;
                let path = path.to_path_buf();
                match read.map_err(|source| HostError::File { operation: "read", path, source })? {
                    0 => break Ok(()),
                    count => {
                        if let Err(error) = input.write_all(chunk.get(..count).unwrap_or_default()).await {
                            break Err(error);
                        }
                    }
                }
            }
        }
    };
    if unread.is_ok() {
        // The command may have ended by now, which is fine too.
        let _ = input.shutdown().await;
    }
    Ok(())
}
