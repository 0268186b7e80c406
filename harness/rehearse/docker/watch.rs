//! Notices interference with a run and its containers: by the engine's events while it runs, and by reading the state of
//! everything when something went wrong.
//!
//! What we do ourselves is recorded before it is done; whatever else happens to a thing of ours was done by somebody else.

mod listen;
mod stand;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bollard::query_parameters::InspectContainerOptions;
use rehearse_core::outcome::verdict::{Interference, InterferenceKind};
use tokio::sync::Notify;

use self::listen::{answers, away, catch_up, listen, now, timestamp};
use self::stand::{MIN_FREE, disk_full, interference_of};
use super::ending::MARK;
use crate::docker::client::{Client, status};

/// How long to wait for an engine that is away before it counts as gone.
const AWAY: Duration = Duration::from_secs(30);
/// A response that takes longer than this comes from an engine that was just started.
const PROMPT: Duration = Duration::from_secs(2);

/// If something of ours no longer runs, the engine may report only a moment later who ended it.
const LATER: [Duration; 4] =
    [Duration::from_millis(50), Duration::from_millis(150), Duration::from_millis(300), Duration::from_millis(500)];
/// How many foreign commands are quoted, and how many characters of each.
const COMMANDS: usize = 5;
const COMMAND: usize = 120;

/// Watches over what a run created.
#[derive(Debug)]
pub(crate) struct Watch {
    shared: Arc<SharedState>,
    client: Client,
    run: String,
    /// Folders that need free space, as paths on this machine.
    folders: Vec<PathBuf>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default)]
struct SharedState {
    state: Mutex<State>,
    changed: Notify,
    /// Notifies that a container of ours has ended, for whatever reason.
    exits: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// By id, what we created and have not ended ourselves.
    things: HashMap<String, Watched>,
    /// The engine is away, and it is not known yet for how long.
    away: bool,
    found: Vec<Interference>,
    returned: usize,
    /// The moment after the last event that was judged, in nanoseconds since 1970.
    since: i64,
    /// Digests of the commands that we run, each with its container's id.
    ours: HashSet<u64>,
    /// Commands that somebody else ran and that were not returned yet, by object.
    theirs: BTreeMap<String, Vec<String>>,
    /// The engine's ids of foreign commands, so that none is recorded twice.
    seen_execs: HashSet<String>,
}

#[derive(Debug, Clone)]
struct Watched {
    what: What,
    object: String,
    deployment: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// A container, with the network it belongs to.
    Container {
        network: String,
    },
    Network,
}

impl SharedState {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, interference: Interference) {
        let mut state = self.state();
        let known = |it: &Interference| it.kind == interference.kind && it.object == interference.object;
        if !state.found.iter().any(known) {
            state.found.push(interference);
            drop(state);
            self.changed.notify_waiters();
        }
    }

    fn set_away(&self, away: bool) {
        self.state().away = away;
        self.changed.notify_waiters();
    }

    /// Whether there is interference that was not returned yet.
    fn has_new(&self) -> bool {
        let state = self.state();
        state.returned < state.found.len()
    }

    /// From when on events are to be read.
    fn since(&self) -> String {
        timestamp(self.state().since)
    }

    /// The events up to this moment are judged; the next ones are read from the nanosecond after it.
    fn advance_to(&self, at: i64) {
        let mut state = self.state();
        state.since = state.since.max(at.saturating_add(1));
    }

    /// Whether we run this command in this container. A command that ends one that was given up is recognised by its mark.
    fn is_ours(&self, id: &str, command: &str) -> bool {
        command.contains(MARK) || self.state().ours.contains(&digest(id, command))
    }

    /// Records a command that is not ours, once by its id.
    fn record_foreign(&self, id: &str, exec: &str, command: &str) {
        let mut state = self.state();
        let Some(object) = state.things.get(id).map(|thing| thing.object.clone()) else { return };
        if state.seen_execs.insert(exec.to_owned()) {
            let command = command.split_whitespace().collect::<Vec<_>>().join(" ");
            state.theirs.entry(object).or_default().push(command.chars().take(COMMAND).collect());
        }
    }
}

impl Watch {
    /// Watches until it is dropped.
    pub(crate) fn begin(client: &Client, run: &str, folders: Vec<PathBuf>) -> Self {
        let shared = Arc::new(SharedState::default());
        shared.advance_to(now());
        let task = tokio::spawn(listen(client.clone(), run.to_owned(), shared.clone()));
        Self { shared, client: client.clone(), run: run.to_owned(), folders, task }
    }

    /// Records a command that we are about to run in a container of ours; all others count as foreign.
    pub(crate) fn command(&self, id: &str, argv: &[String]) {
        self.shared.state().ours.insert(digest(id, &argv.join(" ")));
    }

    /// Commands that somebody else ran in containers of ours and that were not returned yet.
    pub(crate) fn foreign_commands(&self) -> Vec<Interference> {
        let theirs = std::mem::take(&mut self.shared.state().theirs);
        let describe = |(object, commands): (String, Vec<String>)| {
            let shown = commands.iter().take(COMMANDS).map(|command| format!("`{command}`"));
            let more = commands.len().saturating_sub(COMMANDS);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let how = format!("somebody else ran {} in it{more}", shown.collect::<Vec<_>>().join(", "));
            interference(InterferenceKind::ContainerTouched, &object, how)
        };
        theirs.into_iter().map(describe).collect()
    }

    /// Starts watching over a container that was created.
    pub(crate) fn container(&self, deployment: &str, id: &str, object: String, network: &str) {
        let what = What::Container { network: network.to_owned() };
        self.shared.state().things.insert(id.to_owned(), Watched { what, object, deployment: deployment.to_owned() });
    }

    /// Starts watching over a network that was created.
    pub(crate) fn network(&self, deployment: &str, id: &str) {
        let object = format!("network of {deployment}");
        let thing = Watched { what: What::Network, object, deployment: deployment.to_owned() };
        self.shared.state().things.insert(id.to_owned(), thing);
    }

    /// Stops watching over a thing that we are about to stop or remove; [`Watch::container`] starts it again.
    pub(crate) fn release(&self, id: &str) {
        self.shared.state().things.remove(id);
    }

    /// Stops watching over everything, or over what belongs to one deployment.
    pub(crate) fn release_all(&self, deployment: Option<&str>) {
        self.shared.state().things.retain(|_, thing| deployment.is_some_and(|name| thing.deployment != name));
    }

    /// Returns when a container of ours ends after this call.
    pub(crate) fn exited(&self) -> impl Future<Output = ()> + Send {
        // Registered here, not only once the future is awaited.
        self.shared.exits.notified()
    }

    /// Returns as soon as there is interference that was not returned yet.
    pub(crate) async fn interfered(&self) {
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.shared.has_new() {
                return;
            }
            changed.await;
        }
    }

    /// The interference that was not returned yet, after reading the state of everything of ours.
    pub(crate) async fn look(&self) -> Vec<Interference> {
        self.engine_is_there().await;
        let mut all_run = self.look_at_all().await;
        catch_up(&self.client, &self.run, &self.shared).await;
        for (nth, later) in LATER.into_iter().enumerate() {
            if self.shared.has_new() || all_run && nth > 0 {
                break;
            }
            tokio::time::sleep(later).await;
            all_run = self.look_at_all().await;
            catch_up(&self.client, &self.run, &self.shared).await;
        }
        self.look_at_disks();
        let mut new = {
            let mut state = self.shared.state();
            let new = state.found.get(state.returned..).unwrap_or_default().to_vec();
            state.returned = state.found.len();
            new
        };
        new.extend(self.foreign_commands());
        new
    }

    /// If the engine does not respond, waits until it is back or counts as gone.
    async fn engine_is_there(&self) {
        if answers(&self.client).await.is_err() {
            // The listener may not have noticed yet, because it waits for its next event.
            away(&self.client, &self.shared).await;
        }
        let known = async {
            loop {
                let changed = self.shared.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if !self.shared.state().away {
                    return;
                }
                changed.await;
            }
        };
        let _ = tokio::time::timeout(AWAY + PROMPT, known).await;
    }

    /// Reads the state of all our things; returns whether every container still runs.
    async fn look_at_all(&self) -> bool {
        let mut all_run = true;
        let things: Vec<(String, Watched)> =
            self.shared.state().things.iter().map(|(id, thing)| (id.clone(), thing.clone())).collect();
        for (id, thing) in things {
            let found = match &thing.what {
                What::Container { network } => {
                    match self.client.quick().inspect_container(&id, None::<InspectContainerOptions>).await {
                        Ok(container) => {
                            all_run &= container.state.as_ref().is_some_and(|state| state.running == Some(true));
                            interference_of(&thing, &container, network)
                        }
                        Err(error) if status(&error) == Some(404) => Some(interference(
                            InterferenceKind::ContainerTouched,
                            &thing.object,
                            "it was removed from outside",
                        )),
                        Err(_) => None,
                    }
                }
                What::Network => match self.client.quick().inspect_network(&id, None).await {
                    Err(error) if status(&error) == Some(404) => Some(interference(
                        InterferenceKind::NetworkTouched,
                        &thing.object,
                        "it was removed from outside",
                    )),
                    Ok(_) | Err(_) => None,
                },
            };
            // Unless we ended it ourselves in the meantime.
            if let Some(found) = found.filter(|_| self.shared.state().things.contains_key(&id)) {
                self.shared.add(found);
            }
        }
        all_run
    }

    /// Checks whether an image still exists, after creating a container from it failed.
    pub(crate) async fn image(&self, id: &str, object: &str) {
        let inspected = self.client.quick().inspect_image(id).await;
        if inspected.is_err_and(|error| status(&error) == Some(404)) {
            let how = format!("its image {id} was removed from outside");
            self.shared.add(interference(InterferenceKind::ImageTouched, object, how));
        }
    }

    fn look_at_disks(&self) {
        for folder in &self.folders {
            if let Some(interference) = disk_full(folder, MIN_FREE) {
                self.shared.add(interference);
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn interference(kind: InterferenceKind, object: &str, observed: impl Into<String>) -> Interference {
    Interference { kind, object: object.to_owned(), observed: observed.into(), remedy: remedy(kind).to_owned() }
}

/// What to do before the next run.
pub(crate) fn remedy(kind: InterferenceKind) -> &'static str {
    match kind {
        InterferenceKind::EngineGone => "start it again (systemctl start docker), then: rehearse sweep",
        InterferenceKind::EngineRestarted => "see its log for the reason (journalctl -u docker), then run again",
        InterferenceKind::OutOfMemory => "raise the service's `memory`, or run on a machine with more memory",
        InterferenceKind::DiskFull => {
            "free some space there (docker system df, docker image prune, rehearse sweep), then run again"
        }
        InterferenceKind::ContainerTouched => {
            "leave containers labelled org.rehearse.run alone during the run, then run again"
        }
        InterferenceKind::NetworkTouched => {
            "leave networks labelled org.rehearse.run alone during the run, then run again"
        }
        InterferenceKind::ImageTouched => "prune images only when nothing runs, then run again",
    }
}

fn out_of_memory(object: &str) -> Interference {
    interference(InterferenceKind::OutOfMemory, object, "the kernel killed a process in it because memory ran out")
}

fn digest(id: &str, command: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (id, command).hash(&mut hasher);
    hasher.finish()
}
