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

use super::stand::stands;
use super::{AWAY, PROMPT, WatchState, interference, out_of_memory};
use crate::docker::client::Client;

/// What has already happened is told at once.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

/// Listens to the engine's events, over and over: an engine that goes away may come back.
pub(super) async fn listen(client: Client, run: String, seen: std::sync::Arc<WatchState>) {
    loop {
        let options = EventsOptionsBuilder::new().since(&seen.since()).filters(&types()).build();
        let mut events = Box::pin(client.quick().events(Some(options)));
        while let Some(Ok(event)) = events.next().await {
            judge(&event, &run, &client, &seen).await;
            if let Some(at) = event.time_nano {
                seen.heard(at);
            }
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

/// Hears what has happened until now by the engine's own clock, and may not have come to the listener yet. What both hear
/// is told once.
pub(super) async fn catch_up(client: &Client, run: &str, seen: &WatchState) {
    let Ok(info) = client.quick().info().await else { return };
    let now = info.system_time.and_then(|text| OffsetDateTime::parse(&text, &Rfc3339).ok());
    let Some(now) = now.and_then(|now| i64::try_from(now.unix_timestamp_nanos()).ok()) else { return };
    let options = EventsOptionsBuilder::new().since(&seen.since()).until(&timestamp(now)).filters(&types()).build();
    let events = async {
        let mut events = Box::pin(client.quick().events(Some(options)));
        while let Some(Ok(event)) = events.next().await {
            judge(&event, run, client, seen).await;
        }
    };
    let _ = tokio::time::timeout(TOLD_WITHIN, events).await;
}

fn types() -> HashMap<String, Vec<String>> {
    HashMap::from([("type".to_owned(), vec!["container".to_owned(), "network".to_owned()])])
}

/// Nanoseconds since 1970 as the engine takes them.
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

/// Waits until an engine that does not answer is back, or counts as gone.
pub(super) async fn away(client: &Client, seen: &WatchState) {
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
        (InterferenceKind::EngineRestarted, format!("it went away during the run and was back after {took:.1} s"))
    } else {
        (InterferenceKind::EngineGone, format!("it stopped answering and was not back within {AWAY:?}"))
    };
    seen.add(interference(kind, "the container engine", how));
    seen.set_away(false);
}

/// What an event means for a thing of ours that we did not touch ourselves.
async fn judge(event: &EventMessage, run: &str, client: &Client, seen: &WatchState) {
    let Some(actor) = &event.actor else { return };
    let id = actor.id.clone().unwrap_or_default();
    let attributes = actor.attributes.clone().unwrap_or_default();
    let held = |id: &str| seen.state().held.get(id).cloned();
    let action = event.action.as_deref().unwrap_or_default();
    match event.typ {
        Some(Type::CONTAINER) if attributes.get(crate::docker::label::RUN).is_some_and(|of| of == run) => {
            if action == "die" {
                seen.exits.notify_waiters();
            }
            let Some(thing) = held(&id) else { return };
            match action {
                "oom" => seen.add(out_of_memory(&thing.object)),
                "pause" => seen.add(interference(
                    InterferenceKind::ContainerTouched,
                    &thing.object,
                    "it was paused from outside",
                )),
                "destroy" | "remove" => seen.add(interference(
                    InterferenceKind::ContainerTouched,
                    &thing.object,
                    "it was removed from outside",
                )),
                "kill" => {
                    // An engine that ends stops its containers first, and takes no new connection meanwhile.
                    if client.anew().await.is_err() {
                        away(client, seen).await;
                    } else if held(&id).is_some() {
                        let signal = attributes.get("signal").map_or("a signal", String::as_str);
                        seen.add(interference(
                            InterferenceKind::ContainerTouched,
                            &thing.object,
                            format!("it was sent signal {signal} from outside"),
                        ));
                    }
                }
                _ => {
                    if let Some(command) = action.strip_prefix("exec_create: ") {
                        let exec = attributes.get("execID").map_or("", String::as_str);
                        somebody_ran(command, &id, exec, client, seen).await;
                    }
                }
            }
        }
        Some(Type::NETWORK) => match (action, held(&id)) {
            ("destroy" | "remove", Some(thing)) => {
                seen.add(interference(InterferenceKind::NetworkTouched, &thing.object, "it was removed from outside"));
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

/// A command that was started in a container of ours, unless we did it, or its own health check is that.
async fn somebody_ran(command: &str, id: &str, exec: &str, client: &Client, seen: &WatchState) {
    // Whose it is is asked only where it is not one that is known by its words.
    if seen.is_ours(id, command) {
        return;
    }
    let looked = client.quick().inspect_container(id, None::<InspectContainerOptions>).await;
    let check = looked.ok().and_then(|looked| looked.config?.healthcheck?.test).unwrap_or_default();
    // `["CMD-SHELL", "curl …"]` is run by the image's shell, whichever that is.
    let words = check.get(1..).unwrap_or_default().join(" ");
    if words.is_empty() || !command.ends_with(&words) {
        seen.somebody_ran(id, exec, command);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_to_the_nanosecond() {
        assert_eq!(timestamp(1_700_000_000_000_000_042), "1700000000.000000042");
        assert!(now() > 1_700_000_000_000_000_000);
    }
}
