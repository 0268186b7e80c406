//! Ends a command inside its container, with everything it started, once nobody waits for it any more.
//!
//! An engine cannot end a command that it runs in a container, and closing the connection leaves it running. So every
//! command carries a mark in its environment, which everything it starts inherits; whatever carries the mark is ended from
//! inside the container.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::exec::{CreateExecOptions, StartExecResults};
use futures_util::StreamExt;
use tokio_util::task::TaskTracker;

use crate::docker::client::{Client, engine_message};
use crate::docker::output::forward;
use crate::docker::removal::{Thing, remove_one};
use crate::engine::Tail;

/// The variable that identifies the processes of a command.
pub(crate) const MARK: &str = "REHEARSE_COMMAND";
/// How long the script may take in all.
const LIMIT: Duration = Duration::from_secs(40);

/// Gives the processes five seconds to end by themselves, then sends SIGTERM, and after ten seconds SIGKILL. A zombie has no
/// environment any more, so it does not count.
const SCRIPT: &str = r#"
for s in 0 TERM KILL; do
  for i in 1 2 3 4 5 6 7 8 9 10; do
    l=
    for p in /proc/[0-9]*; do grep -qa "$0" "$p/environ" 2>/dev/null && l="$l ${p#/proc/}"; done
    [ -z "$l" ] && { echo "${d:-by itself}"; exit 0; }
    [ $i = 1 ] && [ $s != 0 ] && { kill -$s $l 2>/dev/null; d="by SIG$s"; }
    [ $i = 5 ] && [ $s = 0 ] && break
    sleep 1
  done
done
echo "not at all: still there are$l"; exit 1
"#;

static COUNT: AtomicUsize = AtomicUsize::new(1);

/// Commands that are being ended, and how they ended.
#[derive(Debug, Clone, Default)]
pub(crate) struct Endings {
    tasks: TaskTracker,
    reports: Arc<Mutex<Vec<String>>>,
}

/// Ends a command or a one-off container when it is dropped, unless [`Ending::done`] was called.
#[derive(Debug)]
pub(crate) struct Ending {
    endings: Endings,
    client: Client,
    container: String,
    object: String,
    /// The mark of a command; `None` if the container itself is removed.
    mark: Option<String>,
    done: bool,
}

impl Ending {
    /// For a command in a container that keeps running.
    pub(crate) fn of_command(endings: &Endings, client: &Client, run: &str, container: &str, object: &str) -> Self {
        let mark = format!("{run}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        Self::new(endings, client, container, object, Some(mark))
    }

    /// For a container that exists for one command.
    pub(crate) fn of_container(endings: &Endings, client: &Client, container: &str, object: &str) -> Self {
        Self::new(endings, client, container, object, None)
    }

    fn new(endings: &Endings, client: &Client, container: &str, object: &str, mark: Option<String>) -> Self {
        let (container, object) = (container.to_owned(), object.to_owned());
        Self { endings: endings.clone(), client: client.clone(), container, object, mark, done: false }
    }

    /// The environment variable with the mark.
    pub(crate) fn variable(&self) -> Option<String> {
        self.mark.as_ref().map(|mark| format!("{MARK}={mark}"))
    }

    /// The command has ended by itself.
    pub(crate) fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        // Without a runtime, this process is about to end, and removing the container ends everything in it.
        if self.done || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let (client, container, object) = (self.client.clone(), self.container.clone(), self.object.clone());
        let (variable, reports) = (self.variable(), self.endings.reports.clone());
        self.endings.tasks.spawn(async move {
            let ending = async {
                match variable {
                    Some(variable) => from_inside(&client, &container, variable).await,
                    None => with_its_container(&client, container).await,
                }
            };
            let how = tokio::time::timeout(LIMIT, ending).await;
            let how = how.unwrap_or_else(|_| format!("in an unknown way: no response within {LIMIT:?}"));
            reports.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{object} was ended {how}"));
        });
    }
}

impl Endings {
    /// Waits until everything that was given up has ended, and returns how each ended.
    pub(crate) async fn settled(&self) -> Vec<String> {
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
        std::mem::take(&mut self.reports.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn from_inside(client: &Client, container: &str, variable: String) -> String {
    let options = CreateExecOptions {
        cmd: Some(vec!["sh".to_owned(), "-c".to_owned(), SCRIPT.to_owned(), variable]),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        user: Some("0".to_owned()),
        ..CreateExecOptions::default()
    };
    let docker = client.quick();
    let ending_inside = async {
        let exec = docker.create_exec(container, options).await?.id;
        let mut tail = Tail::default();
        if let StartExecResults::Attached { mut output, .. } = docker.start_exec(&exec, None).await? {
            while let Some(chunk) = output.next().await {
                forward(chunk?, &mut tail);
            }
        }
        Ok::<_, bollard::errors::Error>(tail.text())
    };
    match ending_inside.await {
        Ok(text) if text.is_empty() => "in an unknown way: its container has no shell to find out".to_owned(),
        Ok(text) => text,
        Err(error) => format!("in an unknown way: {}", engine_message(&error)),
    }
}

async fn with_its_container(client: &Client, id: String) -> String {
    let thing = Thing::container(id);
    match remove_one(client, &thing).await {
        Ok(()) => "with its container".to_owned(),
        Err(error) => format!("not at all: {}", engine_message(&error)),
    }
}
