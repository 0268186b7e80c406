//! Compares what was observed with the outcome that a scenario exists to show.

use super::{StageRecord, Summary};
use crate::model::scenario::{CheckKind, Expectation};
use crate::outcome::code::FindingCode;
use crate::outcome::finding::{Finding, Known};
use crate::outcome::reason::{Inconclusive, Reason};
use crate::outcome::subject::Subject;
use crate::outcome::verdict::{Outcome, Verdict};
use crate::planning::plan::Phase;

/// The actual value where an expected failure is gone.
const GONE: &str = "every stage passed: the failure no longer happens, remove the expectation";

impl Summary {
    /// Whether a failure was expected and every stage passed.
    pub fn expected_and_gone(&self) -> bool {
        self.finished && self.first_trouble().is_none() && self.run().is_some_and(|run| run.expectation.is_some())
    }

    pub(super) fn compared_with_the_expectation(&self) -> (Verdict, Vec<Finding>) {
        let observed = self.observed_so_far();
        match self.run().and_then(|run| run.expectation.as_ref()) {
            Some(expectation) if observed != Verdict::Cancelled => {
                let unmet = self.unmet(expectation);
                // What looks as expected may be the work of the interference.
                if self.interferences().next().is_some() {
                    return (Verdict::Inconclusive, unmet.into_iter().map(|(_, finding)| finding).collect());
                }
                // Where we could not tell and a failure was expected, nothing was refuted either.
                let verdict = match (unmet.is_empty(), observed) {
                    (true, _) if self.lacks_what_is_required() => Verdict::Inconclusive,
                    (true, _) => Verdict::Passed,
                    (false, Verdict::Inconclusive) => Verdict::Inconclusive,
                    (false, _) if unmet.iter().all(|(why, _)| *why == Unmet::Inconclusive) => Verdict::Inconclusive,
                    (false, _) => Verdict::Failed,
                };
                (verdict, unmet.into_iter().map(|(_, finding)| finding).collect())
            }
            Some(_) | None => (observed, Vec::new()),
        }
    }

    /// How a run differs from the outcome that its scenario exists to show.
    fn unmet(&self, expectation: &Expectation) -> Vec<(Unmet, Finding)> {
        let mut unmet = Vec::new();
        let expected_text = expectation.to_string();
        match self.first_trouble() {
            None => {
                unmet.push((
                    Unmet::Refuted,
                    Finding::new(FindingCode::ExpectationGone, Subject::Expectation, expected_text, GONE),
                ));
            }
            Some(stage)
                if !expectation.stage.selects(&stage.id, stage.hop)
                    || stage.outcome != expectation.outcome.outcome() =>
            {
                let actual = format!("{} at stage {}", stage.outcome, stage.id);
                let finding = Finding::new(FindingCode::ExpectationMissed, Subject::Expectation, expected_text, actual);
                unmet.push((Unmet::by(stage.outcome), finding));
            }
            Some(stage) => unmet.extend(differing(stage, expectation).map(|finding| (Unmet::Refuted, finding))),
        }
        let named = |stage: &StageRecord| {
            expectation.stage.selects(&stage.id, stage.hop) || expectation.consequences.contains(&stage.id)
        };
        // Leftovers are reported in addition to the verdict, never in its place.
        let went_wrong = |stage: &&StageRecord| {
            matches!(stage.outcome, Outcome::Failed | Outcome::Inconclusive) && stage.phase != Phase::Teardown
        };
        for stage in self.stages.iter().filter(went_wrong).filter(|stage| !named(stage)) {
            let detail = stage.all_findings().next().map(|(_, finding)| finding.to_string());
            let detail = detail.or_else(|| stage.reason.as_ref().map(Reason::to_string)).unwrap_or_default();
            let actual = format!("{}: {detail}", stage.outcome);
            let finding = Finding::new(
                FindingCode::ExpectationOther,
                Subject::Stage(stage.id.clone()),
                "no trouble but the expected one",
                actual,
            );
            unmet.push((Unmet::by(stage.outcome), finding));
        }
        let any_inconclusive = unmet.iter().any(|(why, _)| *why == Unmet::Inconclusive);
        for id in &expectation.passed {
            let outcome = self.stages.iter().find(|stage| stage.id == *id).map(|stage| stage.outcome);
            let why = match outcome {
                Some(Outcome::Passed) => continue,
                // It was skipped because of something inconclusive.
                Some(Outcome::Skipped) if any_inconclusive => Unmet::Inconclusive,
                Some(outcome) => Unmet::by(outcome),
                None => Unmet::Refuted,
            };
            let actual = outcome.map_or("no such stage".to_owned(), |outcome| outcome.to_string());
            let subject = Subject::Stage(id.clone());
            unmet.push((why, Finding::new(FindingCode::ExpectationMissed, subject, "passed", actual)));
        }
        unmet
    }
}

/// Why an expectation is not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unmet {
    /// Something else was observed.
    Refuted,
    /// We could not tell: no fault of the product.
    Inconclusive,
}

impl Unmet {
    /// By the outcome of the stage that is not as expected.
    fn by(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Inconclusive => Self::Inconclusive,
            Outcome::Passed | Outcome::Failed | Outcome::Cancelled | Outcome::Skipped => Self::Refuted,
        }
    }
}

/// How the stage that has the expected outcome differs from the expectation.
fn differing(stage: &StageRecord, expectation: &Expectation) -> impl Iterator<Item = Finding> {
    let reasons = || -> Vec<&Inconclusive> {
        let of_checks = stage.checks.iter().flat_map(|check| &check.inconclusive);
        stage.reason.iter().filter_map(Reason::inconclusive).chain(of_checks).collect()
    };
    let reported = stage.all_findings().count() + reasons().len();
    let missed = expectation.findings.iter().filter(|expected| {
        !stage.all_findings().any(|(_, finding)| expected.is_met_by(finding))
            && !reasons().into_iter().any(|reason| expected.is_met_by_reason(reason))
    });
    let subject = || Subject::Stage(stage.id.clone());
    let missing = |expected_text: String, actual: String| {
        Finding::new(FindingCode::ExpectationUnmet, subject(), expected_text, actual)
    };
    let findings: Vec<Finding> = missed
        .map(|expected| missing(format!("a finding: {expected}"), format!("none among the {reported} reported")))
        .collect();
    let failing =
        |kind: &CheckKind| stage.checks.iter().any(|check| check.kind == *kind && check.outcome == stage.outcome);
    let checks: Vec<Finding> = expectation
        .checks
        .iter()
        .filter(|kind| !failing(kind))
        .map(|kind| {
            let expected_text = format!("the check {} {}", kind.name(), stage.outcome);
            missing(expected_text, "another outcome, or no such check".to_owned())
        })
        .collect();
    let recognised: Vec<&str> = recognised(stage).map(|known| known.id.as_str()).collect();
    let known: Vec<Finding> = expectation
        .known
        .iter()
        .filter(|id| !recognised.contains(&id.as_str()))
        .map(|id| {
            let actual = if recognised.is_empty() { "none".to_owned() } else { recognised.join(", ") };
            missing(format!("the known failure {id}"), actual)
        })
        .collect();
    let others = unnamed(stage, expectation);
    findings.into_iter().chain(checks).chain(known).chain(others.collect::<Vec<_>>())
}

/// Checks that failed in addition to what was expected: they may be another failure, which the expected one must not
/// hide.
fn unnamed<'s>(stage: &'s StageRecord, expectation: &'s Expectation) -> impl Iterator<Item = Finding> + 's {
    let anything = expectation.short && expectation.findings.is_empty();
    let named = |finding: &&Finding| {
        expectation.findings.iter().any(|expected| expected.is_met_by(finding))
            || finding.known.as_ref().is_some_and(|known| expectation.known.contains(&known.id))
    };
    stage.checks.iter().filter(move |check| !anything && !expectation.checks.contains(&check.kind)).filter_map(
        move |check| {
            let mut others = check.findings.iter().filter(|finding| !named(finding));
            let first = others.next()?;
            let more = others.count();
            let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            let subject = Subject::Check(check.title(), stage.id.clone());
            let expected_text =
                format!("no failure that neither `findings` nor `checks: [{}]` names", check.kind.name());
            Some(Finding::new(FindingCode::ExpectationOther, subject, expected_text, format!("{first}{more}")))
        },
    )
}

/// The known failures that were recognised in a stage.
fn recognised(stage: &StageRecord) -> impl Iterator<Item = &Known> {
    let of_findings = stage.all_findings().filter_map(|(_, finding)| finding.known.as_ref());
    of_findings.chain(stage.checks.iter().filter_map(|check| check.known.as_ref())).chain(&stage.known)
}
