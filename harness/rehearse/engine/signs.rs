//! Signs of life of images that take their time: what the host last said of each, at most and at least every ten seconds.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rehearse_core::planning::plan::humane;
use rehearse_core::vocabulary::ident::StageId;
use tokio::time::{Instant, MissedTickBehavior};

use super::event_sender::EventSender;

/// The time between two signs of life.
const INTERVAL: Duration = Duration::from_secs(10);

/// The images that one stage waits for. All are in one line: a reader of a log sees one line of a stage at a time, and none
/// must hide another.
pub(super) struct Signs<'e> {
    events: &'e EventSender,
    stage: &'e StageId,
    awaited: Mutex<Awaited>,
}

#[derive(Default)]
struct Awaited {
    /// By name.
    images: BTreeMap<String, ImageSign>,
    shown: Option<Instant>,
}

struct ImageSign {
    since: Instant,
    /// What the host last said.
    last: Option<String>,
}

impl<'e> Signs<'e> {
    pub(super) fn of(events: &'e EventSender, stage: &'e StageId) -> Self {
        Self { events, stage, awaited: Mutex::default() }
    }

    fn awaited(&self) -> MutexGuard<'_, Awaited> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for an image.
    pub(super) async fn awaiting<T>(&self, image: &str, work: impl Future<Output = T>) -> T {
        self.awaited().images.insert(image.to_owned(), ImageSign { since: Instant::now(), last: None });
        let done = work.await;
        self.awaited().images.remove(image);
        done
    }

    /// The host says something of an image. It is shown at once, unless the stage showed something a moment ago.
    pub(super) fn said(&self, image: &str, text: String) {
        let mut awaited = self.awaited();
        let Some(sign) = awaited.images.get_mut(image) else { return };
        sign.last = Some(text);
        if awaited.shown.is_none_or(|shown| shown.elapsed() >= INTERVAL) {
            self.show(&mut awaited);
        }
    }

    /// Shows what was last said, whether or not it is new, for as long as this is awaited.
    pub(super) async fn keep_showing(&self) -> Infallible {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let began = Instant::now();
        loop {
            ticks.tick().await;
            let mut awaited = self.awaited();
            if !awaited.images.is_empty() && awaited.shown.unwrap_or(began).elapsed() >= INTERVAL {
                self.show(&mut awaited);
            }
        }
    }

    fn show(&self, awaited: &mut Awaited) {
        let lines = awaited.images.iter().filter_map(|(image, sign)| match (&sign.last, sign.since.elapsed()) {
            (Some(last), Duration::ZERO) => Some(format!("{image}: {last}")),
            (Some(last), since) => Some(format!("{image}: {last} ({})", humane(since))),
            (None, since) if since >= INTERVAL => Some(format!("{image}: nothing yet ({})", humane(since))),
            (None, _) => None,
        });
        let lines: Vec<String> = lines.collect();
        if !lines.is_empty() {
            self.events.progress(self.stage, lines.join(" · "));
            awaited.shown = Some(Instant::now());
        }
    }
}
