//! Writes what containers print into files, from before their first line to after their last.
//!
//! It attaches to the containers instead of reading the engine's log: that cannot be followed before a container's first
//! start (measured on 20.10, the response ends at once), has times in whole seconds, and repeats itself after a restart.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::query_parameters::AttachContainerOptionsBuilder;
use futures_util::{Stream, StreamExt};
use rehearse_core::secret::{Redacting, Redactor};
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinHandle;

use crate::docker::label::plain;
use rehearse_core::vocabulary::ident::DeploymentName;

/// An unfinished line is written after this time: it may be a prompt, or the last output of something that hangs.
const HOLD_TIME: Duration = Duration::from_millis(500);
const MAX_LINE: usize = 64 * 1024;
/// A task for a container that is gone ends by itself; one for a container that was never started is ended after this.
const FINISH: Duration = Duration::from_secs(5);

/// The log files of a run, and the tasks that fill them.
#[derive(Debug)]
pub(crate) struct Logs {
    folder: PathBuf,
    redactor: Redactor,
    state: Mutex<State>,
    errors: Arc<Mutex<Vec<String>>>,
    /// How many files lack an unfinished line that is still held back.
    incomplete: Arc<AtomicUsize>,
}

#[derive(Debug, Default)]
struct State {
    /// By deployment and service.
    newest: HashMap<(String, String), PathBuf>,
    /// By container.
    followed: HashMap<String, Followed>,
}

#[derive(Debug)]
struct Followed {
    deployment: String,
    file: PathBuf,
    task: Option<JoinHandle<()>>,
}

impl Logs {
    pub(crate) fn new(folder: PathBuf, redactor: Redactor) -> Self {
        Self { folder, redactor, state: Mutex::default(), errors: Arc::default(), incomplete: Arc::default() }
    }

    /// Gives a new container a file of its own.
    pub(crate) fn begin(&self, deployment: &DeploymentName, service: &str, id: &str) {
        let file = free_file(&self.folder, &plain(&format!("{deployment}-{service}")));
        let mut state = locked(&self.state);
        state.newest.insert((deployment.0.clone(), service.to_owned()), file.clone());
        state.followed.insert(id.to_owned(), Followed { deployment: deployment.0.clone(), file, task: None });
    }

    /// The file of the newest container of a service.
    pub(crate) fn file(&self, deployment: &DeploymentName, service: &str) -> Option<PathBuf> {
        locked(&self.state).newest.get(&(deployment.0.clone(), service.to_owned())).cloned()
    }

    pub(crate) fn errors(&self) -> Vec<String> {
        locked(&self.errors).clone()
    }

    /// Attaches to a container before it starts, unless it is followed already.
    pub(crate) async fn follow(&self, docker: &Docker, id: &str) -> Result<(), Error> {
        let file = match locked(&self.state).followed.get(id) {
            Some(Followed { task: Some(task), .. }) if !task.is_finished() => return Ok(()),
            Some(followed) => followed.file.clone(),
            None => return Ok(()),
        };
        let output = attach(docker, id).await?;
        let task = tokio::spawn(write(
            output,
            file,
            self.redactor.stream(),
            Arc::clone(&self.errors),
            Arc::clone(&self.incomplete),
        ));
        if let Some(followed) = locked(&self.state).followed.get_mut(id) {
            followed.task = Some(task);
        }
        Ok(())
    }

    /// Waits until everything that was read is in the files, including unfinished lines, but not for a container that keeps
    /// printing.
    pub(crate) async fn written(&self) {
        let written = async {
            while self.incomplete.load(Ordering::Acquire) > 0 {
                tokio::time::sleep(HOLD_TIME / 20).await;
            }
        };
        let _ = tokio::time::timeout(4 * HOLD_TIME, written).await;
    }

    /// Waits until the last lines of a container that has ended are in its file.
    pub(crate) async fn settle(&self, id: &str, limit: Duration) {
        let task = locked(&self.state).followed.get_mut(id).and_then(|followed| followed.task.take());
        if let Some(task) = task {
            join(task, limit).await;
        }
    }

    /// Ends all tasks, or those of one deployment.
    pub(crate) async fn finish(&self, deployment: Option<&DeploymentName>) {
        let ended = |followed: &Followed| deployment.is_none_or(|name| name.0 == followed.deployment);
        let tasks: Vec<_> = {
            let mut state = locked(&self.state);
            let batch = state.followed.values_mut().filter(|followed| ended(followed));
            batch.filter_map(|followed| followed.task.take()).collect()
        };
        futures_util::future::join_all(tasks.into_iter().map(|task| join(task, FINISH))).await;
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        for followed in locked(&self.state).followed.values() {
            if let Some(task) = &followed.task {
                task.abort();
            }
        }
    }
}

/// Attaches to the output of a container, which need not run yet.
pub(crate) async fn attach(
    docker: &Docker,
    id: &str,
) -> Result<impl Stream<Item = Result<LogOutput, Error>> + Send + Unpin + use<>, Error> {
    let options = AttachContainerOptionsBuilder::new().stream(true).stdout(true).stderr(true).build();
    Ok(docker.attach_container(id, Some(options)).await?.output)
}

/// Writes all output. It keeps reading even if the disk is full: a container whose output nobody reads blocks.
async fn write(
    output: impl Stream<Item = Result<LogOutput, Error>> + Unpin,
    path: PathBuf,
    mut redacting: Redacting,
    errors: LogErrors,
    incomplete: Arc<AtomicUsize>,
) {
    let mut holding = Holding { incomplete, holds: false };
    let report = |error: String| locked(&errors).push(format!("{}: {error}", path.display()));
    let mut file = match OpenOptions::new().create(true).append(true).open(&path).await {
        Ok(file) => Some(file),
        Err(error) => {
            report(error.to_string());
            None
        }
    };
    let mut lines = Lines::default();
    // Several chunks per write, because each write costs a switch to a blocking thread.
    let mut chunks = output.ready_chunks(64);
    loop {
        let batch = match tokio::time::timeout(HOLD_TIME, chunks.next()).await {
            Ok(Some(batch)) => batch,
            Ok(None) => break,
            Err(_) => {
                lines.release();
                Vec::new()
            }
        };
        for chunk in batch {
            match chunk {
                Ok(chunk) => lines.add(chunk),
                Err(error) => report(format!("the engine ended it: {error}")),
            }
        }
        let mut clean = redacting.take(&lines.whole);
        lines.whole.clear();
        // Counted as incomplete before the write, and as complete only after it.
        let holds = !lines.out.is_empty() || !lines.err.is_empty();
        holding.set(holding.holds || holds);
        save(&mut file, &mut clean, &report).await;
        holding.set(holds);
    }
    lines.release();
    let mut clean = redacting.take(&lines.whole);
    clean.extend(redacting.finish());
    save(&mut file, &mut clean, &report).await;
}

/// Whether a file lacks an unfinished line.
struct Holding {
    incomplete: Arc<AtomicUsize>,
    holds: bool,
}

impl Holding {
    fn set(&mut self, holds: bool) {
        match (self.holds, holds) {
            (false, true) => drop(self.incomplete.fetch_add(1, Ordering::AcqRel)),
            (true, false) => drop(self.incomplete.fetch_sub(1, Ordering::AcqRel)),
            (true, true) | (false, false) => {}
        }
        self.holds = holds;
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.set(false);
    }
}

async fn save(file: &mut Option<File>, bytes: &mut Vec<u8>, report: &impl Fn(String)) {
    let Some(open_file) = file.as_mut().filter(|_| !bytes.is_empty()) else { return };
    let written = async { open_file.write_all(bytes).await.and(open_file.flush().await) };
    if let Err(error) = written.await {
        report(error.to_string());
        *file = None;
    }
    bytes.clear();
}

/// Merges two streams into one file without splitting lines: the engine may end a chunk of either stream anywhere.
#[derive(Debug, Default)]
struct Lines {
    whole: Vec<u8>,
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Lines {
    fn add(&mut self, chunk: LogOutput) {
        let (partial, message) = match chunk {
            LogOutput::StdErr { message } => (&mut self.err, message),
            LogOutput::StdOut { message } | LogOutput::Console { message } => (&mut self.out, message),
            LogOutput::StdIn { .. } => return,
        };
        partial.extend_from_slice(&message);
        let end = match partial.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => newline + 1,
            None if partial.len() > MAX_LINE => partial.len(),
            None => 0,
        };
        self.whole.extend(partial.drain(..end));
    }

    fn release(&mut self) {
        self.whole.append(&mut self.out);
        self.whole.append(&mut self.err);
    }
}

type LogErrors = Arc<Mutex<Vec<String>>>;

async fn join(mut task: JoinHandle<()>, limit: Duration) {
    if tokio::time::timeout(limit, &mut task).await.is_err() {
        task.abort();
    }
}

fn free_file(folder: &Path, stem: &str) -> PathBuf {
    let mut number = 1;
    loop {
        let file = folder.join(format!("{stem}-{number}.log"));
        // Created right away, so that the number is taken even if the container never prints anything.
        match std::fs::OpenOptions::new().write(true).create_new(true).open(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Ok(_) | Err(_) => return file,
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_memory::held;

    #[test]
    fn two_streams_in_one_file_split_no_line() {
        let out = |text: &'static str| LogOutput::StdOut { message: text.into() };
        let err = |text: &'static str| LogOutput::StdErr { message: text.into() };
        let mut lines = Lines::default();
        for chunk in [out("one\ntw"), err("bad\nwor"), out("o\nthree"), err("se\n")] {
            lines.add(chunk);
        }
        lines.release();
        assert_eq!(String::from_utf8_lossy(&lines.whole), "one\nbad\ntwo\nworse\nthree");
    }

    #[test]
    fn output_without_lines_takes_bounded_memory() {
        let mut lines = Lines::default();
        let chunk = || LogOutput::StdOut { message: vec![0xff; 1 << 16].into() };
        let (before, mut written) = (held(), 0);
        for _ in 0..300 << 4 {
            lines.add(chunk());
            written += lines.whole.len();
            lines.whole.clear();
        }
        lines.release();
        assert_eq!(written + lines.whole.len(), 300 << 20, "nothing is lost");
        let rise = held() - before;
        assert!(rise < 16, "{rise} MiB");
    }
}
