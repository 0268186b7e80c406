//! Follows what containers print into files, from before their first line to after their last.
//!
//! By attaching, not by the engine's log: that can't be followed before a container's first start (measured on 20.10,
//! the answer ends at once), tells times in whole seconds, and repeats itself after a restart.

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

/// A line that nobody ends is written after this: a prompt, or the last word of something that hangs.
const HELD: Duration = Duration::from_millis(500);
const LONGEST_LINE: usize = 64 * 1024;
/// A follower of a container that is gone ends by itself; one that was never started is cut off after this.
const FINISH: Duration = Duration::from_secs(5);

/// The log files of a run, and the tasks that fill them.
#[derive(Debug)]
pub(crate) struct Logs {
    folder: PathBuf,
    redactor: Redactor,
    state: Mutex<State>,
    troubles: Arc<Mutex<Vec<String>>>,
    /// How many files lack the beginning of a line that nobody has ended yet.
    open: Arc<AtomicUsize>,
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
        Self { folder, redactor, state: Mutex::default(), troubles: Arc::default(), open: Arc::default() }
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

    pub(crate) fn troubles(&self) -> Vec<String> {
        locked(&self.troubles).clone()
    }

    /// Attaches to a container that is to start, unless it is followed already.
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
            Arc::clone(&self.troubles),
            Arc::clone(&self.open),
        ));
        if let Some(followed) = locked(&self.state).followed.get_mut(id) {
            followed.task = Some(task);
        }
        Ok(())
    }

    /// Waits until what was read is in the files, a last line that nobody ends too; who prints pieces without end is not
    /// waited for.
    pub(crate) async fn written(&self) {
        let written = async {
            while self.open.load(Ordering::Acquire) > 0 {
                tokio::time::sleep(HELD / 20).await;
            }
        };
        let _ = tokio::time::timeout(4 * HELD, written).await;
    }

    /// Waits until the last lines of a container that ended are in its file.
    pub(crate) async fn settle(&self, id: &str, limit: Duration) {
        let task = locked(&self.state).followed.get_mut(id).and_then(|followed| followed.task.take());
        if let Some(task) = task {
            join(task, limit).await;
        }
    }

    /// Ends all followers, or those of one deployment.
    pub(crate) async fn finish(&self, deployment: Option<&DeploymentName>) {
        let ended = |followed: &Followed| deployment.is_none_or(|name| name.0 == followed.deployment);
        let tasks: Vec<_> = {
            let mut state = locked(&self.state);
            let some = state.followed.values_mut().filter(|followed| ended(followed));
            some.filter_map(|followed| followed.task.take()).collect()
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

/// Attaches to the output of a container, which needn't run yet.
pub(crate) async fn attach(
    docker: &Docker,
    id: &str,
) -> Result<impl Stream<Item = Result<LogOutput, Error>> + Send + Unpin + use<>, Error> {
    let options = AttachContainerOptionsBuilder::new().stream(true).stdout(true).stderr(true).build();
    Ok(docker.attach_container(id, Some(options)).await?.output)
}

/// Writes to the end. It goes on reading where the disk is full: a container whose output nobody takes stands still.
async fn write(
    output: impl Stream<Item = Result<LogOutput, Error>> + Unpin,
    path: PathBuf,
    mut redacting: Redacting,
    troubles: Troubles,
    open: Arc<AtomicUsize>,
) {
    let mut holding = Holding { open, holds: false };
    let tell = |error: String| locked(&troubles).push(format!("{}: {error}", path.display()));
    let mut file = match OpenOptions::new().create(true).append(true).open(&path).await {
        Ok(file) => Some(file),
        Err(error) => {
            tell(error.to_string());
            None
        }
    };
    let mut lines = Lines::default();
    // Several chunks a write: each one costs a trip to a thread that may block.
    let mut chunks = output.ready_chunks(64);
    loop {
        let some = match tokio::time::timeout(HELD, chunks.next()).await {
            Ok(Some(some)) => some,
            Ok(None) => break,
            Err(_) => {
                lines.release();
                Vec::new()
            }
        };
        for chunk in some {
            match chunk {
                Ok(chunk) => lines.add(chunk),
                Err(error) => tell(format!("the engine ended it: {error}")),
            }
        }
        let mut clean = redacting.take(&lines.whole);
        lines.whole.clear();
        // Held before the rest can be seen, let go of after it can.
        let holds = !lines.out.is_empty() || !lines.err.is_empty();
        holding.set(holding.holds || holds);
        save(&mut file, &mut clean, &tell).await;
        holding.set(holds);
    }
    lines.release();
    let mut clean = redacting.take(&lines.whole);
    clean.extend(redacting.finish());
    save(&mut file, &mut clean, &tell).await;
}

/// Whether a file lacks the beginning of a line.
struct Holding {
    open: Arc<AtomicUsize>,
    holds: bool,
}

impl Holding {
    fn set(&mut self, holds: bool) {
        match (self.holds, holds) {
            (false, true) => drop(self.open.fetch_add(1, Ordering::AcqRel)),
            (true, false) => drop(self.open.fetch_sub(1, Ordering::AcqRel)),
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

async fn save(file: &mut Option<File>, bytes: &mut Vec<u8>, tell: &impl Fn(String)) {
    let Some(open) = file.as_mut().filter(|_| !bytes.is_empty()) else { return };
    let written = async { open.write_all(bytes).await.and(open.flush().await) };
    if let Err(error) = written.await {
        tell(error.to_string());
        *file = None;
    }
    bytes.clear();
}

/// Puts two streams into one file without tearing lines: the engine hands out either stream's bytes wherever they stop.
#[derive(Debug, Default)]
struct Lines {
    whole: Vec<u8>,
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Lines {
    fn add(&mut self, chunk: LogOutput) {
        let (held, message) = match chunk {
            LogOutput::StdErr { message } => (&mut self.err, message),
            LogOutput::StdOut { message } | LogOutput::Console { message } => (&mut self.out, message),
            LogOutput::StdIn { .. } => return,
        };
        held.extend_from_slice(&message);
        let end = match held.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => newline + 1,
            None if held.len() > LONGEST_LINE => held.len(),
            None => 0,
        };
        self.whole.extend(held.drain(..end));
    }

    fn release(&mut self) {
        self.whole.append(&mut self.out);
        self.whole.append(&mut self.err);
    }
}

type Troubles = Arc<Mutex<Vec<String>>>;

async fn join(mut task: JoinHandle<()>, limit: Duration) {
    if tokio::time::timeout(limit, &mut task).await.is_err() {
        task.abort();
    }
}

fn free_file(folder: &Path, stem: &str) -> PathBuf {
    let mut number = 1;
    loop {
        let file = folder.join(format!("{stem}-{number}.log"));
        // Made here and now: the number is taken even where the container never says a word.
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
    fn two_streams_in_one_file_tear_no_line() {
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
    fn output_without_lines_is_held_to_a_limit() {
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
