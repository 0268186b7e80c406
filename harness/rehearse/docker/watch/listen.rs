//! The engine's events, and what they mean for things of ours.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::models::{EventMessage, EventMessageTypeEnum as Type};
use bollard::query_parameters::{EventsOptionsBuilder, InspectContainerOptions};
use futures_util::StreamExt;
use rehearse_core::outcome::verdict::InterferenceKind;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

use super::stand::interference_of;
use super::{AWAY, PROMPT, SharedState, interference, out_of_memory};
use crate::docker::client::Client;

/// How long reading past events may take; the engine returns them at once.
const CATCH_UP_TIMEOUT: Duration = Duration::from_secs(10);

/// Listens to the engine's events, and connects again when it has been away.
pub(super) async fn listen(client: Client, run: String, shared: std::sync::Arc<SharedState>) {
    loop {
        let options = EventsOptionsBuilder::new().since(&shared.since()).filters(&types()).build();
        let mut events = Box::pin(client.quick().events(Some(options)));
        while let Some(Ok(event)) = events.next().await {
            judge(&event, &run, &client, &shared).await;
            if let Some(at) = event.time_nano {
                shared.advance_to(at);
            }
        }
        let began = Instant::now();
        if answers(&client).await.is_err() || began.elapsed() > PROMPT {
            away(&client, &shared).await;
        } else {
            // A proxy in between closed the connection; the engine itself was not away.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Reads the events up to now, by the engine's own clock, that may not have reached the listener yet. An event that both
/// read is recorded once.
pub(super) async fn catch_up(client: &Client, run: &str, shared: &SharedState) {
    let Ok(info) = client.quick().info().await else { return };
    let now = info.system_time.and_then(|text| OffsetDateTime::parse(&text, &Rfc3339).ok());
    let Some(now) = now.and_then(|now| i64::try_from(now.unix_timestamp_nanos()).ok()) else { return };
    let options = EventsOptionsBuilder::new().since(&shared.since()).until(&timestamp(now)).filters(&types()).build();
    let events = async {
        let mut events = Box::pin(client.quick().events(Some(options)));
        while let Some(Ok(event)) = events.next().await {
            judge(&event, run, client, shared).await;
        }
    };
    let _ = tokio::time::timeout(CATCH_UP_TIMEOUT, events).await;
}

fn types() -> HashMap<String, Vec<String>> {
    HashMap::from([("type".to_owned(), vec!["container".to_owned(), "network".to_owned()])])
}

/// Nanoseconds since 1970 in the engine's format.
pub(super) fn timestamp(nanos: i64) -> String {
    format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000)
}

pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

pub(super) async fn answers(client: &Client) -> Result<(), bollard::errors::Error> {
    client.quick().clone().with_timeout(Duration::from_secs(10)).ping().await.map(drop)
}

/// Waits until an engine that does not respond is back, or counts as gone.
pub(super) async fn away(client: &Client, shared: &SharedState) {
    if std::mem::replace(&mut shared.state().away, true) {
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
        (InterferenceKind::EngineRestarted, format!("it was away during the run, for {took:.1} s"))
    } else {
        (InterferenceKind::EngineGone, format!("it stopped responding and was not back within {AWAY:?}"))
    };
    shared.add(interference(kind, "the container engine", how));
    shared.set_away(false);
}

/// Judges what an event means for a thing of ours.
async fn judge(event: &EventMessage, run: &str, client: &Client, shared: &SharedState) {
    let Some(actor) = &event.actor else { return };
    let id = actor.id.clone().unwrap_or_default();
    let attributes = actor.attributes.clone().unwrap_or_default();
    let find = |id: &str| shared.state().things.get(id).cloned();
    let action = event.action.as_deref().unwrap_or_default();
    match event.typ {
        Some(Type::CONTAINER) if attributes.get(crate::docker::label::RUN).is_some_and(|of| of == run) => {
            if action == "die" {
                shared.exits.notify_waiters();
            }
            let Some(thing) = find(&id) else { return };
            match action {
                "oom" => shared.add(out_of_memory(&thing.object)),
                "pause" => shared.add(interference(
                    InterferenceKind::ContainerTouched,
                    &thing.object,
                    "it was paused from outside",
                )),
                "destroy" | "remove" => shared.add(interference(
                    InterferenceKind::ContainerTouched,
                    &thing.object,
                    "it was removed from outside",
                )),
                "kill" => {
                    // An engine that shuts down stops its containers first, and accepts no new connections meanwhile.
                    if client.accepts_connections().await.is_err() {
                        away(client, shared).await;
                    } else if find(&id).is_some() {
                        let signal = attributes.get("signal").map_or("a signal", String::as_str);
                        shared.add(interference(
                            InterferenceKind::ContainerTouched,
                            &thing.object,
                            format!("it was sent signal {signal} from outside"),
                        ));
                    }
                }
                _ => {
                    if let Some(command) = action.strip_prefix("exec_create: ") {
                        let exec = attributes.get("execID").map_or("", String::as_str);
                        record_foreign(command, &id, exec, client, shared).await;
                    }
                }
            }
        }
        Some(Type::NETWORK) => match (action, find(&id)) {
            ("destroy" | "remove", Some(thing)) => {
                shared.add(interference(
                    InterferenceKind::NetworkTouched,
                    &thing.object,
                    "it was removed from outside",
                ));
            }
            ("disconnect", Some(_)) => {
                // A container that ends is disconnected from its network too.
                let Some(container) = attributes.get("container") else { return };
                let Some(thing) = find(container) else { return };
                let inspected = client.quick().inspect_container(container, None::<InspectContainerOptions>).await;
                let still = inspected.ok().filter(|_| find(container).is_some());
                if let Some(found) = still.and_then(|inspected| interference_of(&thing, &inspected, &id)) {
                    shared.add(found);
                }
            }
            _ => {}
        },
        _ => {}
    }
}

/// Records a command that was started in a container of ours, unless we started it or it is the container's health check.
async fn record_foreign(command: &str, id: &str, exec: &str, client: &Client, shared: &SharedState) {
    // The engine is asked only about commands that are not known to be ours.
    if shared.is_ours(id, command) {
        return;
    }
    let inspected = client.quick().inspect_container(id, None::<InspectContainerOptions>).await;
    let check = inspected.ok().and_then(|inspected| inspected.config?.healthcheck?.test).unwrap_or_default();
    // The image's shell, whichever it is, runs `["CMD-SHELL", "curl …"]`.
    let words = check.get(1..).unwrap_or_default().join(" ");
    if words.is_empty() || !command.ends_with(&words) {
        shared.record_foreign(id, exec, command);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_have_nanoseconds() {
        assert_eq!(timestamp(1_700_000_000_000_000_042), "1700000000.000000042");
    }

    #[test]
    fn now_is_the_time_of_this_machine() {
        let nanos = || i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap();
        let before = nanos();
        let read = now();
        assert!((before..=nanos()).contains(&read), "{before} {read}");
    }
}
