//! The progress of background work: what is left, at which rate, how long it will take, and since when it has not moved.
//! Numbers and their times go in, an estimate comes out, without what cannot be known yet.

use std::collections::VecDeque;
use std::time::Duration;

use crate::planning::plan::humane;

/// The shortest time that gives a rate.
const SHORTEST: Duration = Duration::from_secs(10);
/// The fewest numbers that give a rate.
const FEWEST: usize = 5;
/// The window that a rate is taken from: a quarter of the time so far, within these.
const WINDOW: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(600));
/// How many numbers are kept for a window.
const KEPT: u32 = 40;

/// What the number counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Counting {
    /// What is left: it goes down to 0.
    Left,
    /// What is done: it goes up, to a total where one is known.
    Done {
        /// The amount of work in total.
        total: Option<f64>,
    },
}

/// Follows a number that measures background work.
#[derive(Debug, Clone)]
pub struct Progress {
    counting: Counting,
    first: Option<(Duration, f64)>,
    last: Option<(Duration, f64)>,
    /// When the number last came nearer to its goal.
    moved: Duration,
    recent: VecDeque<(Duration, f64)>,
}

/// What is known about background work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The number as it was first read.
    pub first: f64,
    /// The number as it was last read.
    pub now: f64,
    /// What is left to do, if it is known.
    pub left: Option<f64>,
    /// Per second, toward the goal; below zero when work is added faster than it is done. None while it is not known.
    pub rate: Option<f64>,
    /// How long it will take at this rate. None while it is not known, or if there is no progress.
    pub time: Option<Duration>,
}

impl Progress {
    /// Nothing has been read yet.
    pub fn new(counting: Counting) -> Self {
        Self { counting, first: None, last: None, moved: Duration::ZERO, recent: VecDeque::new() }
    }

    /// Takes a new reading of the total.
    pub fn total(&mut self, all: f64) {
        if let Counting::Done { total } = &mut self.counting {
            *total = Some(all);
        }
    }

    /// Takes a reading of the number, at a time since the wait began. One that is not finite is ignored.
    pub fn take(&mut self, at: Duration, number: f64) {
        if !number.is_finite() {
            return;
        }
        let nearer = self.last.is_none_or(|(_, last)| self.toward(last, number) > 0.0);
        if nearer {
            self.moved = at;
        }
        let (first, _) = *self.first.get_or_insert((at, number));
        self.last = Some((at, number));
        let window = (at.saturating_sub(first) / 4).clamp(WINDOW.0, WINDOW.1);
        let crowded = match self.recent.len() {
            0 | 1 => false,
            length => self.recent.get(length - 2).is_some_and(|(before, _)| at.saturating_sub(*before) < window / KEPT),
        };
        if crowded {
            self.recent.pop_back();
        }
        self.recent.push_back((at, number));
        while self.recent.front().is_some_and(|(old, _)| at.saturating_sub(*old) > window) {
            self.recent.pop_front();
        }
    }

    fn toward(&self, from: f64, to: f64) -> f64 {
        match self.counting {
            Counting::Left => from - to,
            Counting::Done { .. } => to - from,
        }
    }

    /// The estimate; none before the first number.
    pub fn estimate(&self) -> Option<Estimate> {
        let ((_, first), (_, now)) = (self.first?, self.last?);
        let left = match self.counting {
            Counting::Left => Some(now),
            Counting::Done { total } => total.map(|total| total - now),
        };
        let left = left.map(|left| left.max(0.0));
        let rate = self.rate();
        let time = match (left, rate) {
            (Some(left), Some(rate)) if rate > 0.0 => Duration::try_from_secs_f64(left / rate).ok(),
            (Some(_), Some(_)) | (None, _) | (_, None) => None,
        };
        Some(Estimate { first, now, left, rate, time })
    }

    /// The median of the slopes between the recent numbers: a jump, or a pause shorter than the window, does not bend it.
    fn rate(&self) -> Option<f64> {
        let ((from, _), (to, _)) = (self.recent.front()?, self.recent.back()?);
        if self.recent.len() < FEWEST || to.saturating_sub(*from) < SHORTEST {
            return None;
        }
        let mut slopes = Vec::new();
        for (index, (early, before)) in self.recent.iter().enumerate() {
            for (late, after) in self.recent.iter().skip(index + 1) {
                let between = late.saturating_sub(*early).as_secs_f64();
                // Slopes over a short time are those of single bursts.
                if between * 3.0 >= to.saturating_sub(*from).as_secs_f64() {
                    slopes.push(self.toward(*before, *after) / between);
                }
            }
        }
        slopes.sort_unstable_by(f64::total_cmp);
        slopes.get(slopes.len() / 2).copied()
    }

    /// For how long, up to the last number, none came nearer to the goal.
    pub fn still(&self) -> Duration {
        self.last.map_or(Duration::ZERO, |(at, _)| at.saturating_sub(self.moved))
    }

    /// One line: `1,234 left (of 5,000), 41/s, about 30s left`.
    pub fn line(&self) -> String {
        let Some(estimate) = self.estimate() else { return "nothing counted yet".to_owned() };
        let mut line = match self.counting {
            Counting::Left if estimate.first > estimate.now => {
                format!("{} left (of {})", count(estimate.now), count(estimate.first))
            }
            Counting::Left => format!("{} left", count(estimate.now)),
            Counting::Done { total: Some(total) } => format!("{} of {} done", count(estimate.now), count(total)),
            Counting::Done { total: None } => format!("{} done", count(estimate.now)),
        };
        match estimate.rate {
            Some(rate) if rate > 0.0 => line.push_str(&format!(", {}", per_time(rate))),
            Some(rate) if rate < 0.0 => line.push_str(&format!(", growing by {}", per_time(-rate))),
            Some(_) | None => {}
        }
        if let Some(time) = estimate.time.filter(|_| estimate.left.is_some_and(|left| left > 0.0)) {
            line.push_str(&format!(", about {} left", humane(Duration::from_secs(time.as_secs().max(1)))));
        }
        if self.still() >= SHORTEST {
            line.push_str(&format!(", nothing moved for {}", humane(self.still())));
        }
        line
    }

    /// Where it began and stands, for a finding: `it stands at 1,234 left, began at 5,000, in 3m 00s`.
    pub fn describe(&self) -> String {
        let (Some((began, first)), Some((at, now))) = (self.first, self.last) else {
            return "nothing was counted".to_owned();
        };
        let what = match self.counting {
            Counting::Left => "left".to_owned(),
            Counting::Done { total: Some(total) } => format!("of {} done", count(total)),
            Counting::Done { total: None } => "done".to_owned(),
        };
        let over = humane(at.saturating_sub(began));
        let moved = format!("it last moved {} before", humane(self.still()));
        format!("it stands at {} {what}, began at {}, in {over}; {moved}", count(now), count(first))
    }
}

fn per_time(rate: f64) -> String {
    if rate >= 10.0 {
        format!("{}/s", count(rate.round()))
    } else if rate >= 0.1 {
        format!("{rate:.1}/s")
    } else {
        format!("{:.1}/min", rate * 60.0)
    }
}

/// `1,234`.
pub(crate) fn count(number: f64) -> String {
    let text = format!("{number}");
    let (integer, part) = text.split_once('.').map_or((text.as_str(), None), |(integer, part)| (integer, Some(part)));
    let (sign, digits) = integer.strip_prefix('-').map_or(("", integer), |digits| ("-", digits));
    let mut grouped = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match part {
        Some(part) => format!("{grouped}.{}", part.chars().take(2).collect::<String>()),
        None => grouped,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn follow(counting: Counting, seconds: u64, number: impl Fn(u64) -> f64) -> Progress {
        let mut progress = Progress::new(counting);
        for second in 0..=seconds {
            progress.take(Duration::from_secs(second), number(second));
        }
        progress
    }

    fn check(seconds: u64, number: impl Fn(u64) -> f64, expected: &str) {
        assert_eq!(follow(Counting::Left, seconds, number).line(), expected);
    }

    #[test]
    fn what_is_left_is_shown_with_a_rate_once_it_is_known() {
        check(0, |_| 5000.0, "5,000 left");
        check(5, |s| 5000.0 - 41.0 * s as f64, "4,795 left (of 5,000)");
        check(90, |s| 5000.0 - 41.0 * s as f64, "1,310 left (of 5,000), 41/s, about 31.0s left");
        // Work is added: no time.
        check(60, |s| 10.0 + 2.0 * s as f64, "130 left, growing by 2.0/s, nothing moved for 1m 00s");
        // A pause shorter than the window bends nothing; a longer one is said, and no time with it.
        check(
            200,
            |s| 1000.0 - s.min(190) as f64,
            "810 left (of 1,000), 1.0/s, about 13m 30s left, nothing moved for 10.0s",
        );
        check(300, |s| 1000.0 - s.min(190) as f64, "810 left (of 1,000), nothing moved for 1m 50s");
        check(30, |_| 0.0, "0 left, nothing moved for 30.0s");
    }

    #[test]
    fn work_in_bursts_has_the_rate_of_its_mean() {
        let check = |seconds, number: fn(u64) -> f64, mean: f64| {
            let rate = follow(Counting::Left, seconds, number).estimate().and_then(|estimate| estimate.rate).unwrap();
            assert!((rate - mean).abs() < mean / 5.0, "{rate}");
        };
        check(100, |s| 5000.0 - 100.0 * (s / 10) as f64, 10.0);
        check(3600, |s| 100.0 - (s / 60) as f64, 1.0 / 60.0);
    }

    #[test]
    fn a_jump_does_not_make_a_rate() {
        // Ten thousand more all at once.
        let progress = follow(Counting::Left, 60, |s| 1000.0 - s as f64 + if s >= 55 { 10_000.0 } else { 0.0 });
        let rate = progress.estimate().and_then(|estimate| estimate.rate).unwrap();
        assert!((rate - 1.0).abs() < 0.1, "{rate}");
    }

    #[test]
    fn what_is_done_needs_a_total_for_a_time() {
        let number = |s: u64| 20.0 * s as f64;
        assert_eq!(follow(Counting::Done { total: None }, 60, number).line(), "1,200 done, 20/s");
        let mut counted = follow(Counting::Done { total: Some(1.0) }, 60, number);
        counted.total(3000.0);
        assert_eq!(counted.line(), "1,200 of 3,000 done, 20/s, about 1m 30s left");
        assert_eq!(counted.estimate().unwrap().left, Some(1800.0));
    }

    #[test]
    fn it_moved_when_it_last_came_nearer() {
        let still = |seconds, number: fn(u64) -> f64| follow(Counting::Left, seconds, number).still().as_secs();
        assert_eq!(still(100, |s| 100.0 - s as f64), 0);
        assert_eq!(still(100, |s| 100.0 - s.min(40) as f64), 60);
        assert_eq!(still(100, |s| 100.0 + s as f64), 100);
        // One is added and one is done, all the time: somebody works.
        assert!(still(100, |s| 100.0 + (s % 2) as f64) < 2);
        let description = follow(Counting::Left, 100, |s| 5000.0 - s.min(40) as f64).describe();
        assert_eq!(description, "it stands at 4,960 left, began at 5,000, in 1m 40s; it last moved 1m 00s before");
    }

    proptest! {
        #[test]
        fn any_numbers_at_any_times_are_taken(numbers in prop::collection::vec((any::<u32>(), any::<f64>()), 0..200)) {
            let mut progress = Progress::new(Counting::Left);
            let mut at = Duration::ZERO;
            for (wait, number) in numbers {
                at += Duration::from_millis(u64::from(wait));
                progress.take(at, number);
                prop_assert!(!progress.line().is_empty() && !progress.describe().is_empty());
            }
            prop_assert!(progress.recent.len() <= 2 * KEPT as usize + 2);
        }
    }
}
