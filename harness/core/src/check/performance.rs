//! Judges fixed requests against the baseline, by medians and their spread.

use std::time::Duration;

use crate::model::product::PerformanceCheck;
use crate::observation::Samples;
use crate::outcome::code::{FindingCode, InconclusiveCode};
use crate::outcome::event::CheckReport;
use crate::outcome::finding::Finding;
use crate::outcome::subject::Subject;

/// Fewer samples than this decide nothing.
const FEWEST: usize = 5;

/// Whether these samples are slower than the budget allows: by more than ratio and slack, and by more than both spreads
/// explain. None if there are too few to decide.
pub fn over_budget(before: &Samples, now: &Samples, check: &PerformanceCheck) -> Option<bool> {
    if before.took.len() < FEWEST || now.took.len() < FEWEST {
        return None;
    }
    let ((was, was_spread), (is, is_spread)) = (before.robust()?, now.robust()?);
    let budget = was.mul_f64(check.ratio).max(was + check.slack());
    let noise = (was_spread + is_spread) * 3;
    Some(is > budget && is > was + noise)
}

/// Judges all requests.
pub fn judge_performance(before: &[Samples], now: &[Samples], check: &PerformanceCheck, report: &mut CheckReport) {
    if now.is_empty() {
        report.cannot_tell(InconclusiveCode::NothingAsserted, "no request was timed");
    }
    for samples in now {
        let request = &samples.request;
        let subject = || Subject::Measurement(request.clone());
        let Some(reference) = before.iter().find(|reference| reference.request == *request) else {
            report.cannot_tell_about(InconclusiveCode::NothingToCompare, subject(), "the baseline did not time it");
            continue;
        };
        if let Some(failure) = samples.failure.as_ref().or(reference.failure.as_ref()) {
            report.cannot_tell_about(InconclusiveCode::NotRead, subject(), failure.clone());
            continue;
        }
        let Some(over) = over_budget(reference, samples, check) else {
            let few = format!("{} samples are too few", samples.took.len().min(reference.took.len()));
            report.cannot_tell_about(InconclusiveCode::NothingAsserted, subject(), few);
            continue;
        };
        report.assertions += 1;
        let figures = |samples: &Samples| {
            let (median, spread) = samples.robust().unwrap_or_default();
            format!("{} ± {} ({} samples)", millis(median), millis(spread), samples.took.len())
        };
        let (was, is) = (figures(reference), figures(samples));
        if over {
            let expected = format!("at most {} × {was}", check.ratio);
            report.findings.push(Finding::new(FindingCode::Slower, subject(), expected, is));
        } else {
            report.notes.push(format!("{request}: {was} → {is}"));
        }
    }
}

fn millis(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::scenario::CheckKind;
    use crate::outcome::verdict::Outcome;

    fn check(before: &[u64], now: &[u64], outcome: Outcome) {
        let check: PerformanceCheck =
            serde_json::from_value(serde_json::json!({"ratio": 2.0, "slack": "50ms", "requests": []})).unwrap();
        let samples = |took: &[u64]| {
            vec![Samples {
                request: "GET /".into(),
                took: took.iter().copied().map(Duration::from_millis).collect(),
                failure: None,
            }]
        };
        let mut report = CheckReport::new(CheckKind::Performance, "requests");
        judge_performance(&samples(before), &samples(now), &check, &mut report);
        assert_eq!(report.decide().outcome, outcome, "{before:?} {now:?}");
    }

    #[test]
    fn one_slow_sample_is_noise_and_a_slow_median_is_not() {
        check(&[30, 31, 29, 30, 32], &[33, 30, 1800, 31, 30], Outcome::Passed);
        check(&[30, 31, 29, 30, 32], &[300, 310, 290, 305, 1800], Outcome::Failed);
        check(&[30, 31, 29, 30, 32], &[70, 71, 72, 70, 70], Outcome::Passed);
        check(&[100, 400, 250, 90, 500], &[560, 200, 900, 620, 700], Outcome::Passed);
        check(&[30, 31], &[30, 30, 30, 30, 30], Outcome::Inconclusive);
        check(&[], &[], Outcome::Inconclusive);
    }
}
