//! Notices what comes between a run and its containers from outside, by the engine's events while it runs, and by looking
//! at how things stand when something went wrong.
//!
//! What we do ourselves is written down before it is done; whatever else befalls a thing of ours was somebody else.

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
use self::stand::{no_room, stands};
use super::ending::MARK;
use crate::docker::client::{Client, status};

/// How long an engine that is away is waited for before it counts as gone.
const AWAY: Duration = Duration::from_secs(30);
/// An answer that takes longer than this came from an engine that was just started.
const PROMPT: Duration = Duration::from_secs(2);

/// Where something of ours no longer runs, the engine may tell only a moment later who ended it.
const LATER: [Duration; 4] =
    [Duration::from_millis(50), Duration::from_millis(150), Duration::from_millis(300), Duration::from_millis(500)];
/// Commands of somebody else kept one by one, and characters of one.
const COMMANDS: usize = 5;
const COMMAND: usize = 120;

/// Watches over what a run made.
#[derive(Debug)]
pub(crate) struct Watch {
    seen: Arc<WatchState>,
    client: Client,
    run: String,
    /// Folders that have to have room, as this machine sees them.
    folders: Vec<PathBuf>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default)]
struct WatchState {
    state: Mutex<State>,
    changed: Notify,
    /// A container of ours has ended, by whatever cause.
    exits: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// By id, what we made and have not ended ourselves.
    held: HashMap<String, Watched>,
    /// The engine is away, and nobody knows yet for how long.
    away: bool,
    found: Vec<Interference>,
    told: usize,
    /// The moment behind the last event that was heard, in nanoseconds since 1970.
    since: i64,
    /// Digests of the commands that we run, each with its container's id.
    ours: HashSet<u64>,
    /// Commands that somebody else ran and that were not told yet, by object.
    theirs: BTreeMap<String, Vec<String>>,
    /// The engine's ids of somebody else's commands: none is told twice.
    heard: HashSet<String>,
}

#[derive(Debug, Clone)]
struct Watched {
    what: What,
    object: String,
    deployment: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// A container, with the network it is on.
    Container {
        network: String,
    },
    Network,
}

impl WatchState {
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

    /// Whether something has come between that was not told yet.
    fn untold(&self) -> bool {
        let state = self.state();
        state.told < state.found.len()
    }

    /// From when on events are to be told.
    fn since(&self) -> String {
        timestamp(self.state().since)
    }

    /// The event of this moment was judged; the next nanosecond is the next.
    fn heard(&self, at: i64) {
        let mut state = self.state();
        state.since = state.since.max(at.saturating_add(1));
    }

    /// Whether we run this command in this container. What ends one that was given up tells itself by its mark.
    fn is_ours(&self, id: &str, command: &str) -> bool {
        command.contains(MARK) || self.state().ours.contains(&digest(id, command))
    }

    /// Takes down a command that is not ours, once by its own id.
    fn somebody_ran(&self, id: &str, exec: &str, command: &str) {
        let mut state = self.state();
        let Some(object) = state.held.get(id).map(|thing| thing.object.clone()) else { return };
        if state.heard.insert(exec.to_owned()) {
            let command = command.split_whitespace().collect::<Vec<_>>().join(" ");
            state.theirs.entry(object).or_default().push(command.chars().take(COMMAND).collect());
        }
    }
}

impl Watch {
    /// Watches until it is dropped.
    pub(crate) fn begin(client: &Client, run: &str, folders: Vec<PathBuf>) -> Self {
        let seen = Arc::new(WatchState::default());
        seen.heard(now());
        let task = tokio::spawn(listen(client.clone(), run.to_owned(), seen.clone()));
        Self { seen, client: client.clone(), run: run.to_owned(), folders, task }
    }

    /// Takes down a command that is about to be begun in a container of ours: one that is not is somebody else's.
    pub(crate) fn command(&self, id: &str, argv: &[String]) {
        self.seen.state().ours.insert(digest(id, &argv.join(" ")));
    }

    /// What somebody else ran in containers of ours and was not told yet.
    pub(crate) fn commands(&self) -> Vec<Interference> {
        let theirs = std::mem::take(&mut self.seen.state().theirs);
        let told = |(object, commands): (String, Vec<String>)| {
            let shown = commands.iter().take(COMMANDS).map(|command| format!("`{command}`"));
            let more = commands.len().saturating_sub(COMMANDS);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let how = format!("somebody else ran {} in it{more}", shown.collect::<Vec<_>>().join(", "));
            interference(InterferenceKind::ContainerTouched, &object, how)
        };
        theirs.into_iter().map(told).collect()
    }

    /// Takes down a container that was made.
    pub(crate) fn container(&self, deployment: &str, id: &str, object: String, network: &str) {
        let what = What::Container { network: network.to_owned() };
        self.seen.state().held.insert(id.to_owned(), Watched { what, object, deployment: deployment.to_owned() });
    }

    /// Takes down a network that was made.
    pub(crate) fn network(&self, deployment: &str, id: &str) {
        let object = format!("network of {deployment}");
        let thing = Watched { what: What::Network, object, deployment: deployment.to_owned() };
        self.seen.state().held.insert(id.to_owned(), thing);
    }

    /// Lets go of a thing that we are about to stop or remove; [`Watch::container`] takes it up again.
    pub(crate) fn let_go(&self, id: &str) {
        self.seen.state().held.remove(id);
    }

    /// Lets go of everything, or of all that belongs to one deployment.
    pub(crate) fn let_all_go(&self, deployment: Option<&str>) {
        self.seen.state().held.retain(|_, thing| deployment.is_some_and(|name| thing.deployment != name));
    }

    /// Returns when a container of ours ends after this call.
    pub(crate) fn exited(&self) -> impl Future<Output = ()> + Send {
        // Registered here, and not only once it is awaited.
        self.seen.exits.notified()
    }

    /// Returns as soon as something has come between that was not told yet.
    pub(crate) async fn interfered(&self) {
        loop {
            let changed = self.seen.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.seen.untold() {
                return;
            }
            changed.await;
        }
    }

    /// What came between and was not told yet, after a look at how everything of ours stands now.
    pub(crate) async fn look(&self) -> Vec<Interference> {
        self.engine_is_there().await;
        let mut all_run = self.look_at_things().await;
        catch_up(&self.client, &self.run, &self.seen).await;
        for (nth, later) in LATER.into_iter().enumerate() {
            if self.seen.untold() || all_run && nth > 0 {
                break;
            }
            tokio::time::sleep(later).await;
            all_run = self.look_at_things().await;
            catch_up(&self.client, &self.run, &self.seen).await;
        }
        self.look_at_room();
        let mut new = {
            let mut state = self.seen.state();
            let new = state.found.get(state.told..).unwrap_or_default().to_vec();
            state.told = state.found.len();
            new
        };
        new.extend(self.commands());
        new
    }

    /// Where the engine does not answer, waits until it is known for how long.
    async fn engine_is_there(&self) {
        if answers(&self.client).await.is_err() {
            // The listener may not have noticed yet: it waits for its next event.
            away(&self.client, &self.seen).await;
        }
        let known = async {
            loop {
                let changed = self.seen.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if !self.seen.state().away {
                    return;
                }
                changed.await;
            }
        };
        let _ = tokio::time::timeout(AWAY + PROMPT, known).await;
    }

    /// Whether all of ours that should runs.
    async fn look_at_things(&self) -> bool {
        let mut all_run = true;
        let held: Vec<(String, Watched)> =
            self.seen.state().held.iter().map(|(id, thing)| (id.clone(), thing.clone())).collect();
        for (id, thing) in held {
            let found = match &thing.what {
                What::Container { network } => {
                    match self.client.quick().inspect_container(&id, None::<InspectContainerOptions>).await {
                        Ok(seen) => {
                            all_run &= seen.state.as_ref().is_some_and(|state| state.running == Some(true));
                            stands(&thing, &seen, network)
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
            // Unless we ended it ourselves meanwhile.
            if let Some(found) = found.filter(|_| self.seen.state().held.contains_key(&id)) {
                self.seen.add(found);
            }
        }
        all_run
    }

    /// Looks whether an image that was obtained is still there, where nothing could be made of it.
    pub(crate) async fn image(&self, id: &str, object: &str) {
        let seen = self.client.quick().inspect_image(id).await;
        if seen.is_err_and(|error| status(&error) == Some(404)) {
            let how = format!("its image {id} was there, and was removed from outside");
            self.seen.add(interference(InterferenceKind::ImageTouched, object, how));
        }
    }

    fn look_at_room(&self) {
        for folder in &self.folders {
            if let Some(interference) = no_room(folder) {
                self.seen.add(interference);
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

/// What to do before the next try.
pub(crate) fn remedy(kind: InterferenceKind) -> &'static str {
    match kind {
        InterferenceKind::EngineGone => "start it again (systemctl start docker), then: rehearse sweep",
        InterferenceKind::EngineRestarted => "see its log for why (journalctl -u docker), and run again",
        InterferenceKind::OutOfMemory => "raise the service's `memory`, or run where more is free",
        InterferenceKind::DiskFull => {
            "make room there (docker system df, docker image prune, rehearse sweep) and run again"
        }
        InterferenceKind::ContainerTouched => {
            "leave containers labelled org.rehearse.run alone while the run goes on, and run again"
        }
        InterferenceKind::NetworkTouched => {
            "leave networks labelled org.rehearse.run alone while the run goes on, and run again"
        }
        InterferenceKind::ImageTouched => "prune images when no run goes on, and run again",
    }
}

fn out_of_memory(object: &str) -> Interference {
    interference(InterferenceKind::OutOfMemory, object, "the kernel killed a process of it for want of memory")
}

fn digest(id: &str, command: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (id, command).hash(&mut hasher);
    hasher.finish()
}
