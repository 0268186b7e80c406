//! Runs a command in a service of a run that is kept or still running, attached to the caller's terminal.

use std::io::Write;

use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use bollard::query_parameters::ResizeExecOptionsBuilder;
use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use crate::docker::client::{Client, failed, refused};
use crate::docker::label::{DEPLOYMENT, ONE_OFF, RUN, SERVICE};
use crate::docker::removal::{Kind, listing};
use crate::engine::host::HostError;

/// A service of a run, and the state of its container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// The run.
    pub run: String,
    /// The deployment.
    pub deployment: String,
    /// The service.
    pub service: String,
    /// The container.
    pub container: String,
    /// Its state for people: `running`, `exited`.
    pub state: String,
}

/// Every service of every run on the engine.
pub async fn services(client: &Client) -> Result<Vec<Inside>, HostError> {
    let ours = [("label".to_owned(), vec![RUN.to_owned()])].into();
    let found = listing(client, Kind::Container, &ours).await.map_err(failed("list", "containers of ours"))?;
    let mut services = Vec::new();
    for thing in found.into_iter().filter(|thing| !thing.labels.contains_key(ONE_OFF)) {
        let label = |name: &str| thing.labels.get(name).cloned().unwrap_or_default();
        let inspected = client.quick().inspect_container(&thing.id, None).await;
        let state = inspected.ok().and_then(|container| container.state).and_then(|state| state.status);
        services.push(Inside {
            run: label(RUN),
            deployment: label(DEPLOYMENT),
            service: label(SERVICE),
            state: state.map_or_else(|| "gone".to_owned(), |state| state.to_string()),
            container: thing.name,
        });
    }
    services.sort_by_key(|it| (it.run.clone(), it.deployment.clone(), it.service.clone()));
    Ok(services)
}

/// A terminal's rows and columns.
pub type Size = (u16, u16);

/// Runs a command in a service, attached to `input` and standard output, and returns its exit code. With `size`, the command
/// has a terminal of its own, which is resized whenever `resized` returns.
pub async fn attach(
    client: &Client,
    inside: &Inside,
    command: Vec<String>,
    mut input: impl AsyncRead + Unpin,
    size: Option<Size>,
    mut resized: impl FnMut() -> std::pin::Pin<Box<dyn Future<Output = Size> + Send>>,
) -> Result<i64, HostError> {
    let object = format!("service {} of run {}", inside.service, inside.run);
    let fail = |error| failed("exec in", object.clone())(error);
    let docker = client.quick();
    let terminal = size.is_some();
    let term = std::env::var("TERM").unwrap_or_else(|_| "xterm".to_owned());
    let options = CreateExecOptions {
        cmd: Some(command),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(terminal),
        env: terminal.then(|| vec![format!("TERM={term}")]),
        ..CreateExecOptions::default()
    };
    let exec = docker.create_exec(&inside.container, options).await.map_err(fail)?.id;
    let start = StartExecOptions { tty: terminal, ..StartExecOptions::default() };
    let (mut output, mut to) = match docker.start_exec(&exec, Some(start)).await.map_err(fail)? {
        StartExecResults::Attached { output, input } => (output, input),
        StartExecResults::Detached => return Err(refused("exec in", object, "bug: the engine did not attach")),
    };
    let fit = async |(rows, columns): Size| {
        let options = ResizeExecOptionsBuilder::new().h(rows.into()).w(columns.into()).build();
        // A terminal of the wrong size is better than none.
        let _ = docker.resize_exec(&exec, options).await;
    };
    if let Some(size) = size {
        fit(size).await;
    }
    let (mut piece, mut open) = (vec![0; 4096], true);
    loop {
        tokio::select! {
            chunk = output.next() => match chunk {
                Some(chunk) => print(&chunk.map_err(fail)?),
                None => break,
            },
            read = input.read(&mut piece), if open => match read {
                Ok(count @ 1..) => open = to.write_all(piece.get(..count).unwrap_or_default()).await.is_ok(),
                Ok(0) | Err(_) => {
                    open = false;
                    let _ = to.shutdown().await;
                }
            },
            size = resized(), if terminal => fit(size).await,
        }
    }
    let code = docker.inspect_exec(&exec).await.map_err(fail)?.exit_code;
    code.ok_or_else(|| refused("exec in", object.clone(), "the engine reports no exit code"))
}

/// Writes output to the stream that it belongs to. A closed stream is not an error.
fn print(chunk: &bollard::container::LogOutput) {
    use bollard::container::LogOutput;
    match chunk {
        LogOutput::StdErr { message } => {
            let _ = std::io::stderr().lock().write_all(message);
        }
        LogOutput::StdOut { message } | LogOutput::Console { message } => {
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(message).and_then(|()| out.flush());
        }
        LogOutput::StdIn { .. } => {}
    }
}
