//! Where the time goes: to the product, to the container engine, or to rehearse itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rehearse_core::outcome::event::StageTime;
use tokio::time::Instant;

/// Adds up the time spent waiting for the product, or else for the container engine. Overlaps count once.
#[derive(Debug, Clone)]
pub(super) struct Meter(Arc<Mutex<Spans>>);

#[derive(Debug)]
struct Spans {
    since: Instant,
    product_waits: u32,
    engine_waits: u32,
    product: Duration,
    engine: Duration,
}

impl Spans {
    fn advance(&mut self) {
        let now = Instant::now();
        let passed = now.saturating_duration_since(self.since);
        self.since = now;
        if self.product_waits > 0 {
            self.product += passed;
        } else if self.engine_waits > 0 {
            self.engine += passed;
        }
    }

    fn count(&mut self, target: WaitTarget) -> &mut u32 {
        match target {
            WaitTarget::Product => &mut self.product_waits,
            WaitTarget::Engine => &mut self.engine_waits,
        }
    }
}

/// What a wait is for.
#[derive(Debug, Clone, Copy)]
enum WaitTarget {
    Product,
    Engine,
}

/// A wait; it ends when this is dropped.
#[derive(Debug)]
#[must_use]
pub(super) struct Wait {
    meter: Meter,
    target: WaitTarget,
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.meter.with(|spans| {
            spans.advance();
            let count = spans.count(self.target);
            *count = count.saturating_sub(1);
        });
    }
}

impl Meter {
    /// A meter at zero.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Spans {
            since: Instant::now(),
            product_waits: 0,
            engine_waits: 0,
            product: Duration::ZERO,
            engine: Duration::ZERO,
        })))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Spans) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn wait(&self, target: WaitTarget) -> Wait {
        self.with(|spans| {
            spans.advance();
            *spans.count(target) += 1;
        });
        Wait { meter: self.clone(), target }
    }

    /// Starts waiting for the product.
    pub(super) fn product(&self) -> Wait {
        self.wait(WaitTarget::Product)
    }

    /// Starts waiting for the container engine.
    pub(super) fn engine(&self) -> Wait {
        self.wait(WaitTarget::Engine)
    }

    /// The times so far; the caller fills in the wall time.
    pub(super) fn read(&self) -> StageTime {
        self.with(|spans| {
            spans.advance();
            StageTime { wall: Duration::ZERO, product: spans.product, engine: spans.engine }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_waits_count_once_and_the_product_outweighs_the_engine() {
        let meter = Meter::new();
        let pause = || std::thread::sleep(Duration::from_millis(20));
        let engine = meter.engine();
        pause();
        let (one, two) = (meter.product(), meter.product());
        pause();
        drop(one);
        pause();
        drop(two);
        drop(engine);
        pause();
        let time = meter.read();
        assert!(time.product >= Duration::from_millis(40) && time.engine >= Duration::from_millis(20), "{time:?}");
        assert!(time.engine < time.product, "{time:?}");
    }
}
