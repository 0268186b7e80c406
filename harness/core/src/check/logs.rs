//! Judges the errors of logs: kinds that the baseline did not have, or had less often.

use std::collections::{BTreeMap, BTreeSet};

use super::excerpt::shorten;
use crate::observation::{ErrorKind, LogReview, LogSource};
use crate::outcome::code::{FindingCode, InconclusiveCode};
use crate::outcome::event::CheckReport;
use crate::outcome::finding::Finding;
use crate::outcome::subject::Subject;

/// Kinds reported one by one, per log; the rest is counted.
const MOST_FINDINGS: usize = 50;

/// A kind of error bursts if it is more than this many times as frequent as on the baseline, and more than `MORE` above it.
const TIMES: u64 = 3;
const MORE: u64 = 10;

/// A log with at least this many lines on the baseline is not silent by chance.
const LOUD: u64 = 20;

/// Judges the logs since the hop began. Kinds of errors that the baseline had too are noted, unless they burst. `whole` are
/// the logs that were read from the start of their service, as on the baseline: such a log has lines if it had many there.
pub fn judge_logs(
    reviews: &[LogReview],
    baseline: &[LogReview],
    whole: &BTreeSet<LogSource>,
    report: &mut CheckReport,
) {
    let mut known: BTreeMap<&str, u64> = BTreeMap::new();
    for kind in baseline.iter().flat_map(|review| &review.kinds) {
        *known.entry(&kind.shape).or_default() += kind.count;
    }
    let lines: u64 = reviews.iter().map(|review| review.lines).sum();
    if lines == 0 {
        report.cannot_tell(InconclusiveCode::NothingAsserted, "no line was logged since the hop began");
    }
    for review in reviews {
        report.assertions += u32::from(review.lines > 0);
        let before = baseline.iter().find(|before| before.source == review.source).map_or(0, |before| before.lines);
        if review.lines == 0 && before >= LOUD && whole.contains(&review.source) {
            let (subject, expected) =
                (Subject::Log(review.source.to_string()), format!("lines: {before} on the baseline"));
            report.findings.push(Finding::new(FindingCode::LogSilent, subject, expected, "none"));
        }
        report.evidence.extend(review.evidence.clone());
        let allowed: u64 = review.allowed.values().sum();
        let (errors, kinds) = (review.count, review.kinds.len());
        let source = review.source.to_string();
        let mut text = format!("{source}: {} lines, {errors} errors of {kinds} kinds, {allowed} allowed", review.lines);
        for (count, what) in
            [(review.own, "provoked by our own statements"), (review.low, "at a level below a warning")]
        {
            if count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        }
        report.notes.push(text);
        // New kinds in the order in which they occurred: a cause comes before its consequences.
        let before = |kind: &ErrorKind| known.get(kind.shape.as_str()).copied().unwrap_or_default();
        let (new, old): (Vec<&ErrorKind>, Vec<&ErrorKind>) = review.kinds.iter().partition(|kind| before(kind) == 0);
        let (burst, usual): (Vec<&ErrorKind>, Vec<&ErrorKind>) =
            old.into_iter().partition(|kind| kind.count > before(kind) * TIMES && kind.count > before(kind) + MORE);
        let finding = |code, expected: String, kind: &ErrorKind| {
            let line = shorten(&kind.example.join(" / "), 1500);
            let actual = format!("line {}: {line} ({} of its kind)", kind.line, kind.count);
            Finding::new(code, Subject::Log(source.clone()), expected, actual).quoting(line)
        };
        let unknown = || "no error that the baseline did not have".to_owned();
        let usual_rate = |kind: &ErrorKind| format!("{} of its kind as on the baseline", before(kind));
        let new = new.into_iter().map(|kind| finding(FindingCode::LogError, unknown(), kind));
        let mut all: Vec<Finding> = new.collect();
        all.extend(burst.into_iter().map(|kind| finding(FindingCode::LogErrorBurst, usual_rate(kind), kind)));
        let more = all.len().saturating_sub(MOST_FINDINGS);
        if more > 0 {
            all.truncate(MOST_FINDINGS);
            let actual = format!("{more} more kinds of errors");
            all.push(Finding::new(FindingCode::LogMore, Subject::Log(source.clone()), "none of these", actual));
        }
        for mut finding in all {
            finding.evidence.clone_from(&review.evidence);
            finding.service = Some(review.source.service.clone());
            report.findings.push(finding);
        }
        for kind in usual {
            let (was, is) = (before(kind), kind.count);
            report.notes.push(format!("{source}: as on the baseline ({was} → {is}): {}", shorten(&kind.shape, 200)));
        }
        if review.beyond > 0 {
            let text = format!("{} errors are of kinds beyond those that are kept", review.beyond);
            report.cannot_tell_about(InconclusiveCode::NotComparable, Subject::Log(source.clone()), text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::scenario::CheckKind;
    use crate::outcome::verdict::Outcome;

    fn review(kinds: &[(&str, u64)]) -> LogReview {
        let kind = |(shape, count): &(&str, u64)| ErrorKind {
            shape: (*shape).to_owned(),
            count: *count,
            line: 7,
            example: vec![format!("{shape} 1"), "  at x".to_owned()],
        };
        let kinds: Vec<ErrorKind> = kinds.iter().map(kind).collect();
        let count = kinds.iter().map(|kind| kind.count).sum();
        LogReview { source: "web".into(), lines: 100, kinds, count, ..LogReview::default() }
    }

    fn check(now: &LogReview, baseline: &[LogReview], outcome: Outcome, findings: &[&str]) {
        let mut report = CheckReport::new(CheckKind::Logs, "all");
        judge_logs(std::slice::from_ref(now), baseline, &BTreeSet::new(), &mut report);
        let found: Vec<String> = report.findings.iter().map(|finding| finding.actual.clone()).collect();
        assert_eq!((found, report.decide().outcome), (findings.iter().map(|f| (*f).to_owned()).collect(), outcome));
    }

    #[test]
    fn a_log_that_fell_silent_is_a_finding_if_it_was_read_from_its_start() {
        let judged = |lines: u64, before: u64, whole: bool| {
            let mut report = CheckReport::new(CheckKind::Logs, "all");
            let (now, before) = (LogReview { lines, ..review(&[]) }, LogReview { lines: before, ..review(&[]) });
            let whole = whole.then(|| now.source.clone()).into_iter().collect();
            judge_logs(&[now], &[before], &whole, &mut report);
            report.findings.iter().map(|finding| finding.code).collect::<Vec<_>>()
        };
        assert_eq!(judged(0, 20, true), [FindingCode::LogSilent]);
        assert_eq!(judged(0, 19, true), []);
        assert_eq!(judged(1, 20, true), []);
        // A service that was not started anew has nothing to say.
        assert_eq!(judged(0, 20, false), []);
    }

    #[test]
    fn an_error_of_the_baseline_is_a_finding_only_if_it_bursts() {
        use Outcome::{Failed, Inconclusive, Passed};
        let base = [review(&[("timeout", 4)])];
        check(&review(&[("timeout", 14)]), &base, Passed, &[]);
        check(&review(&[("timeout", 15)]), &base, Failed, &["line 7: timeout 1 /   at x (15 of its kind)"]);
        check(&review(&[("timeout", 299)]), &[review(&[("timeout", 100)])], Passed, &[]);
        check(
            &review(&[("timeout", 301)]),
            &[review(&[("timeout", 100)])],
            Failed,
            &["line 7: timeout 1 /   at x (301 of its kind)"],
        );
        check(
            &review(&[("timeout", 900), ("crash", 1)]),
            &base,
            Failed,
            &["line 7: crash 1 /   at x (1 of its kind)", "line 7: timeout 1 /   at x (900 of its kind)"],
        );
        check(&LogReview { beyond: 3, ..review(&[]) }, &base, Inconclusive, &[]);
        check(&LogReview { lines: 0, ..review(&[]) }, &base, Inconclusive, &[]);
    }

    #[test]
    fn kinds_beyond_the_reported_ones_are_counted() {
        let names: Vec<String> = (0..80).map(|n| format!("kind {n}")).collect();
        let kinds: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 1)).collect();
        let mut report = CheckReport::new(CheckKind::Logs, "all");
        judge_logs(&[review(&kinds)], &[], &BTreeSet::new(), &mut report);
        assert_eq!(report.findings.len(), MOST_FINDINGS + 1);
        assert_eq!(report.findings[MOST_FINDINGS].actual, "30 more kinds of errors");
    }
}
