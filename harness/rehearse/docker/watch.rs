//! Notices what comes between a run and its containers from outside, by the engine's events while it runs, and by looking
//! at how things stand when something went wrong.
//!
//! What we do ourselves is written down before it is done; whatever else befalls a thing of ours was somebody else.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::models::{ContainerInspectResponse, EventMessage, EventMessageTypeEnum as Type};
use bollard::query_parameters::{EventsOptionsBuilder, InspectContainerOptions};
use futures_util::StreamExt;
use rehearse_core::verdict::{Disturbance, Disturber};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::docker::client::{Client, status};

/// How long an engine that is away is waited for before it counts as gone.
const AWAY: Duration = Duration::from_secs(30);
/// An answer that takes longer than this came from an engine that was just started.
const PROMPT: Duration = Duration::from_secs(2);
/// Less than this is no room to write anything.
const NO_ROOM: u64 = 4 << 20;

/// Watches over what a run made.
#[derive(Debug)]
pub(crate) struct Watch {
    seen: Arc<Seen>,
    client: Client,
    /// Folders that have to have room, as this machine sees them.
    folders: Vec<PathBuf>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// By id, what we made and have not ended ourselves.
    held: HashMap<String, Held>,
    /// The engine is away, and nobody knows yet for how long.
    away: bool,
    found: Vec<Disturbance>,
    told: usize,
}

#[derive(Debug, Clone)]
struct Held {
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

impl Seen {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, disturbance: Disturbance) {
        let mut state = self.state();
        let known = |it: &Disturbance| it.kind == disturbance.kind && it.object == disturbance.object;
        if !state.found.iter().any(known) {
            state.found.push(disturbance);
            drop(state);
            self.changed.notify_waiters();
        }
    }

    fn set_away(&self, away: bool) {
        self.state().away = away;
        self.changed.notify_waiters();
    }
}

impl Watch {
    /// Watches until it is dropped.
    pub(crate) fn begin(client: &Client, run: &str, folders: Vec<PathBuf>) -> Self {
        let seen = Arc::new(Seen::default());
        let task = tokio::spawn(listen(client.clone(), run.to_owned(), seen.clone()));
        Self { seen, client: client.clone(), folders, task }
    }

    /// Takes down a container that was made.
    pub(crate) fn container(&self, deployment: &str, id: &str, object: String, network: &str) {
        let what = What::Container { network: network.to_owned() };
        self.seen.state().held.insert(id.to_owned(), Held { what, object, deployment: deployment.to_owned() });
    }

    /// Takes down a network that was made.
    pub(crate) fn network(&self, deployment: &str, id: &str) {
        let object = format!("network of {deployment}");
        let thing = Held { what: What::Network, object, deployment: deployment.to_owned() };
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

    /// Returns as soon as something has come between that was not told yet.
    pub(crate) async fn disturbed(&self) {
        loop {
            let changed = self.seen.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let state = self.seen.state();
                if state.told < state.found.len() {
                    return;
                }
            }
            changed.await;
        }
    }

    /// What came between and was not told yet, after a look at how everything of ours stands now.
    pub(crate) async fn look(&self) -> Vec<Disturbance> {
        self.engine_is_there().await;
        self.look_at_things().await;
        self.look_at_room();
        let mut state = self.seen.state();
        let new = state.found.get(state.told..).unwrap_or_default().to_vec();
        state.told = state.found.len();
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

    async fn look_at_things(&self) {
        let held: Vec<(String, Held)> =
            self.seen.state().held.iter().map(|(id, thing)| (id.clone(), thing.clone())).collect();
        for (id, thing) in held {
            let found = match &thing.what {
                What::Container { network } => {
                    match self.client.quick().inspect_container(&id, None::<InspectContainerOptions>).await {
                        Ok(seen) => stands(&thing, &seen, network),
                        Err(error) if status(&error) == Some(404) => {
                            Some(disturbance(Disturber::ContainerTouched, &thing.object, "it was removed from outside"))
                        }
                        Err(_) => None,
                    }
                }
                What::Network => match self.client.quick().inspect_network(&id, None).await {
                    Err(error) if status(&error) == Some(404) => {
                        Some(disturbance(Disturber::NetworkTouched, &thing.object, "it was removed from outside"))
                    }
                    Ok(_) | Err(_) => None,
                },
            };
            // Unless we ended it ourselves meanwhile.
            if let Some(found) = found.filter(|_| self.seen.state().held.contains_key(&id)) {
                self.seen.add(found);
            }
        }
    }

    /// Looks whether an image that was obtained is still there, where nothing could be made of it.
    pub(crate) async fn image(&self, id: &str, object: &str) {
        let seen = self.client.quick().inspect_image(id).await;
        if seen.is_err_and(|error| status(&error) == Some(404)) {
            let how = format!("its image {id} was there, and was removed from outside");
            self.seen.add(disturbance(Disturber::ImageTouched, object, how));
        }
    }

    fn look_at_room(&self) {
        for folder in &self.folders {
            if let Some(disturbance) = no_room(folder) {
                self.seen.add(disturbance);
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How a container of ours stands that should be left alone.
fn stands(thing: &Held, seen: &ContainerInspectResponse, network: &str) -> Option<Disturbance> {
    let state = seen.state.as_ref()?;
    if state.oom_killed == Some(true) {
        return Some(out_of_memory(&thing.object));
    }
    if state.paused == Some(true) {
        return Some(disturbance(Disturber::ContainerTouched, &thing.object, "it is paused"));
    }
    let networks = seen.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
    let on =
        |id: &str| networks.is_some_and(|all| all.values().any(|endpoint| endpoint.network_id.as_deref() == Some(id)));
    if state.running == Some(true) && networks.is_some() && !on(network) {
        return Some(disturbance(
            Disturber::NetworkTouched,
            &thing.object,
            "it was taken off its network from outside",
        ));
    }
    None
}

/// Where a folder's file system has no room left.
fn no_room(folder: &Path) -> Option<Disturbance> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    let (free, size) = (stat.f_bavail * stat.f_frsize, stat.f_blocks * stat.f_frsize);
    let files = stat.f_files > 0 && stat.f_favail == 0;
    (size > 0 && free < NO_ROOM || files).then(|| {
        let what = if files { "no file can be made any more".to_owned() } else { format!("{free} bytes are free") };
        disturbance(Disturber::DiskFull, &folder.display().to_string(), what)
    })
}

fn disturbance(kind: Disturber, object: &str, seen: impl Into<String>) -> Disturbance {
    Disturbance { kind, object: object.to_owned(), seen: seen.into() }
}

fn out_of_memory(object: &str) -> Disturbance {
    disturbance(Disturber::OutOfMemory, object, "the kernel killed a process of it for want of memory")
}

/// Listens to the engine's events, over and over: an engine that goes away may come back.
async fn listen(client: Client, run: String, seen: Arc<Seen>) {
    let mut since = now();
    loop {
        let types = HashMap::from([("type".to_owned(), vec!["container".to_owned(), "network".to_owned()])]);
        let options = EventsOptionsBuilder::new().since(&since).filters(&types).build();
        let mut events = Box::pin(client.quick().events(Some(options)));
        while let Some(Ok(event)) = events.next().await {
            if let Some(at) = event.time_nano {
                // The next nanosecond: what was told once is not told again.
                since = format!("{}.{:09}", (at + 1) / 1_000_000_000, (at + 1) % 1_000_000_000);
            }
            judge(&event, &run, &client, &seen).await;
        }
        let asked = Instant::now();
        if answers(&client).await.is_err() || asked.elapsed() > PROMPT {
            away(&client, &seen).await;
        } else {
            // A proxy in between hung up: the engine itself is as it was.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:09}", since.as_secs(), since.subsec_nanos())
}

async fn answers(client: &Client) -> Result<(), bollard::errors::Error> {
    client.quick().clone().with_timeout(Duration::from_secs(10)).ping().await.map(drop)
}

/// Waits until an engine that does not answer is back, or counts as gone.
async fn away(client: &Client, seen: &Seen) {
    if std::mem::replace(&mut seen.state().away, true) {
        return;
    }
    let began = Instant::now();
    let mut pause = Duration::from_millis(100);
    let back = loop {
        if answers(client).await.is_ok() {
            break true;
        }
        if began.elapsed() > AWAY {
            break false;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    };
    let (kind, how) = if back {
        let took = began.elapsed().as_secs_f64();
        (Disturber::EngineRestarted, format!("it went away during the run and was back after {took:.1} s"))
    } else {
        (Disturber::EngineGone, format!("it stopped answering and was not back within {AWAY:?}"))
    };
    seen.add(disturbance(kind, "the container engine", how));
    seen.set_away(false);
}

/// What an event means for a thing of ours that we did not touch ourselves.
async fn judge(event: &EventMessage, run: &str, client: &Client, seen: &Seen) {
    let Some(actor) = &event.actor else { return };
    let id = actor.id.clone().unwrap_or_default();
    let attributes = actor.attributes.clone().unwrap_or_default();
    let held = |id: &str| seen.state().held.get(id).cloned();
    let action = event.action.as_deref().unwrap_or_default();
    match event.typ {
        Some(Type::CONTAINER) if attributes.get(crate::docker::label::RUN).is_some_and(|of| of == run) => {
            let Some(thing) = held(&id) else { return };
            match action {
                "oom" => seen.add(out_of_memory(&thing.object)),
                "pause" => {
                    seen.add(disturbance(Disturber::ContainerTouched, &thing.object, "it was paused from outside"))
                }
                "destroy" | "remove" => {
                    seen.add(disturbance(Disturber::ContainerTouched, &thing.object, "it was removed from outside"))
                }
                "kill" => {
                    // An engine that ends stops its containers first, and takes no new connection meanwhile.
                    if client.anew().await.is_err() {
                        away(client, seen).await;
                    } else if held(&id).is_some() {
                        let signal = attributes.get("signal").map_or("a signal", String::as_str);
                        seen.add(disturbance(
                            Disturber::ContainerTouched,
                            &thing.object,
                            format!("it was sent signal {signal} from outside"),
                        ));
                    }
                }
                _ => {}
            }
        }
        Some(Type::NETWORK) => match (action, held(&id)) {
            ("destroy" | "remove", Some(thing)) => {
                seen.add(disturbance(Disturber::NetworkTouched, &thing.object, "it was removed from outside"));
            }
            ("disconnect", Some(_)) => {
                // A container that ends is taken off its network too.
                let Some(container) = attributes.get("container") else { return };
                let Some(thing) = held(container) else { return };
                let looked = client.quick().inspect_container(container, None::<InspectContainerOptions>).await;
                let still = looked.ok().filter(|_| held(container).is_some());
                if let Some(found) = still.and_then(|looked| stands(&thing, &looked, &id)) {
                    seen.add(found);
                }
            }
            _ => {}
        },
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_room_is_fine_and_one_that_is_not_there_is_not_judged() {
        assert_eq!(no_room(Path::new("/")), None);
        assert_eq!(no_room(Path::new("/no/such/folder")), None);
    }
}
