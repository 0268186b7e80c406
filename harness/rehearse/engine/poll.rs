//! How long to pause between two looks: the one place that decides it.
//!
//! A look that costs the product next to nothing is repeated almost at once, so that readiness is noticed as it happens. A
//! look that starts a process or a query in the product's own containers would load what is measured, so it backs off with
//! the time waited so far: after ten minutes of waiting, two seconds more do not matter.

use std::time::Duration;

use tokio::time::Instant;

/// The part of the time waited so far that passes before the next look: 5 %.
const SHARE: u32 = 20;

/// The shortest and the longest pause between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    least: Duration,
    most: Duration,
}

impl Pace {
    /// For requests, connections and files of our own.
    pub(crate) const PROMPT: Self = Self { least: Duration::from_millis(60), most: Duration::from_millis(60) };
    /// For commands and queries that decide whether a wait ends.
    pub(crate) const GENTLE: Self = Self { least: Duration::from_millis(100), most: Duration::from_secs(2) };
    /// For what is only watched meanwhile: whether services still run, the progress, what failed.
    pub(crate) const ASIDE: Self = Self { least: Duration::from_millis(250), most: Duration::from_secs(2) };

    fn pause(self, waited: Duration) -> Duration {
        (waited / SHARE).clamp(self.least, self.most)
    }
}

/// Paces repeated looks, from the moment it was created.
#[derive(Debug)]
pub(crate) struct Poller {
    pace: Pace,
    began: Instant,
}

impl Poller {
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, began: Instant::now() }
    }

    /// Waits until the next look is due.
    pub(crate) async fn pause(&self) {
        tokio::time::sleep(self.pace.pause(self.began.elapsed())).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_a_twentieth_of_the_time_waited_within_its_bounds() {
        let pauses = |pace: Pace| [0, 2, 10, 40, 600].map(|waited| pace.pause(Duration::from_secs(waited)).as_millis());
        assert_eq!(pauses(Pace::PROMPT), [60, 60, 60, 60, 60]);
        assert_eq!(pauses(Pace::GENTLE), [100, 100, 500, 2000, 2000]);
        assert_eq!(pauses(Pace::ASIDE), [250, 250, 500, 2000, 2000]);
    }
}
