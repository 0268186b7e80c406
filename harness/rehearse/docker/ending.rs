//! Ends inside a container what a command started there, once nobody waits for it any more.
//!
//! An engine knows no way to end a command it runs in a container, and hanging up leaves it running. So every command
//! carries a mark in its environment, which all it starts inherits; whatever carries it is ended from inside.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::exec::{CreateExecOptions, StartExecResults};
use futures_util::StreamExt;
use tokio_util::task::TaskTracker;

use crate::docker::client::{Client, said};
use crate::docker::output::hear;
use crate::docker::removal::{Thing, remove_one};
use crate::engine::Tail;

/// The variable that tells a command's processes.
pub(crate) const MARK: &str = "REHEARSE_COMMAND";
/// For all that the script may take, and its way there and back.
const LIMIT: Duration = Duration::from_secs(40);

/// Leaves them five seconds to end by themselves, as a question that was nearly answered does; then asks them to end, and
/// kills what has not after ten seconds. A process that is a zombie has no environment any more.
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

/// What is being ended, and how it went.
#[derive(Debug, Clone, Default)]
pub(crate) struct Endings {
    tasks: TaskTracker,
    told: Arc<Mutex<Vec<String>>>,
}

/// A command or one-off container that is ended when this is dropped before it was told that it is done.
#[derive(Debug)]
pub(crate) struct Ending {
    endings: Endings,
    client: Client,
    container: String,
    object: String,
    /// The mark of a command; none where the container itself is to go.
    mark: Option<String>,
    done: bool,
}

impl Ending {
    /// For a command in a container that goes on.
    pub(crate) fn of_command(endings: &Endings, client: &Client, run: &str, container: &str, object: &str) -> Self {
        let mark = format!("{run}-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        Self::new(endings, client, container, object, Some(mark))
    }

    /// For a container that is there for one command.
    pub(crate) fn of_container(endings: &Endings, client: &Client, container: &str, object: &str) -> Self {
        Self::new(endings, client, container, object, None)
    }

    fn new(endings: &Endings, client: &Client, container: &str, object: &str, mark: Option<String>) -> Self {
        let (container, object) = (container.to_owned(), object.to_owned());
        Self { endings: endings.clone(), client: client.clone(), container, object, mark, done: false }
    }

    /// The variable that the command gets.
    pub(crate) fn variable(&self) -> Option<String> {
        self.mark.as_ref().map(|mark| format!("{MARK}={mark}"))
    }

    /// It has ended by itself.
    pub(crate) fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        // Without a runtime the process itself is about to end; then the container's removal ends all in it.
        if self.done || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let (client, container, object) = (self.client.clone(), self.container.clone(), self.object.clone());
        let (variable, told) = (self.variable(), self.endings.told.clone());
        self.endings.tasks.spawn(async move {
            let ending = async {
                match variable {
                    Some(variable) => from_inside(&client, &container, variable).await,
                    None => with_its_container(&client, container).await,
                }
            };
            let how = tokio::time::timeout(LIMIT, ending).await;
            let how = how.unwrap_or_else(|_| format!("nobody knows how: no answer within {LIMIT:?}"));
            told.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{object} was ended {how}"));
        });
    }
}

impl Endings {
    /// Waits until all that was given up has ended, and tells how.
    pub(crate) async fn settled(&self) -> Vec<String> {
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
        std::mem::take(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner))
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
    let said_inside = async {
        let exec = docker.create_exec(container, options).await?.id;
        let mut tail = Tail::default();
        if let StartExecResults::Attached { mut output, .. } = docker.start_exec(&exec, None).await? {
            while let Some(chunk) = output.next().await {
                hear(chunk?, &mut tail);
            }
        }
        Ok::<_, bollard::errors::Error>(tail.text())
    };
    match said_inside.await {
        Ok(text) if text.is_empty() => "nobody knows how: its container has no shell to look".to_owned(),
        Ok(text) => text,
        Err(error) => format!("nobody knows how: {}", said(&error)),
    }
}

async fn with_its_container(client: &Client, id: String) -> String {
    let thing = Thing::container(id);
    match remove_one(client, &thing).await {
        Ok(()) => "with its container".to_owned(),
        Err(error) => format!("not at all: {}", said(&error)),
    }
}
