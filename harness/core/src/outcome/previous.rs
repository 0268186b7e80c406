//! What reviewed rules let through on the run before, read from its `summary.json`: a rule that lets far more through than
//! its author looked at is doubted.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::code::InconclusiveCode;
use super::event::CheckReport;
use crate::vocabulary::ident::StageId;

/// A rule that lets through more than this many times what it did is doubted,
const GREW: u64 = 10;
/// if it is as many as this.
const MANY: u64 = 20;

/// The run before, as far as this one is held against it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct PreviousRun {
    /// The scenario.
    pub scenario: String,
    /// Whether the run has ended; false in a file that a killed run left.
    pub finished: bool,
    stages: Vec<PreviousStage>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct PreviousStage {
    id: String,
    #[serde(default)]
    checks: Vec<PreviousCheck>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct PreviousCheck {
    kind: String,
    name: String,
    #[serde(default)]
    rules: BTreeMap<String, u64>,
}

impl PreviousRun {
    /// Reads a `summary.json`.
    ///
    /// # Errors
    /// If it is not the summary of a run.
    pub fn read(summary: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(summary)
    }

    /// Doubts each rule that let more than ten times as much through as in the same check of this run, and at least 20: a
    /// check that passed is inconclusive then. A rule that this run does not know was reviewed since, and is not doubted.
    #[must_use]
    pub fn doubt(&self, stage: &StageId, mut report: CheckReport) -> CheckReport {
        let stage = stage.to_string();
        let checks = self.stages.iter().filter(|before| before.id == stage).flat_map(|stage| &stage.checks);
        let same = |check: &&PreviousCheck| check.kind == report.kind.name() && check.name == report.name;
        let Some(before) = checks.into_iter().find(same) else { return report };
        let grew: Vec<String> = report
            .rules
            .iter()
            .filter_map(|(rule, now)| Some((rule, *now, *before.rules.get(rule)?)))
            .filter(|(_, now, before)| *now >= MANY && *now > before.saturating_mul(GREW))
            .map(|(rule, now, before)| format!("{now} differences by {rule}; there were {before} on the run before"))
            .collect();
        if grew.is_empty() {
            return report;
        }
        grew.into_iter().for_each(|text| report.cannot_tell(InconclusiveCode::RuleGrew, text));
        report.decide()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::scenario::CheckKind;
    use crate::outcome::verdict::Outcome;

    fn doubted(before: u64, now: u64) -> CheckReport {
        let summary = format!(
            r#"{{"v": 1, "scenario": "s", "finished": true, "stages": [{{"id": "hop-1/check", "checks": [
                {{"kind": "data", "name": "main", "rules": {{"2.0: rewritten": {before}}}}}]}}]}}"#
        );
        let mut report = CheckReport::new(CheckKind::Data, "main");
        report.assertions = 1;
        report.let_through("2.0: rewritten", now);
        report.let_through("2.0: new since", 5000);
        let stage = StageId("hop-1/check".to_owned());
        PreviousRun::read(&summary).unwrap().doubt(&stage, report.decide())
    }

    #[test]
    fn a_rule_that_lets_ten_times_as_much_through_is_doubted() {
        let check = |before: u64, now: u64, outcome: Outcome| {
            assert_eq!(doubted(before, now).outcome, outcome, "{before} → {now}");
        };
        check(3, 31, Outcome::Inconclusive);
        check(3, 30, Outcome::Passed);
        check(1, 19, Outcome::Passed);
        check(0, 19, Outcome::Passed);
        check(0, 20, Outcome::Inconclusive);
        check(600, 600, Outcome::Passed);
        let report = doubted(3, 31);
        let reasons: Vec<String> = report.inconclusive.iter().map(ToString::to_string).collect();
        assert_eq!(reasons, ["31 differences by 2.0: rewritten; there were 3 on the run before"]);
        assert_eq!(report.inconclusive[0].code, InconclusiveCode::RuleGrew);
    }

    #[test]
    fn a_finding_stays_one() {
        let summary = r#"{"scenario": "s", "finished": true, "stages": []}"#;
        let report = CheckReport::new(CheckKind::Data, "main").decide();
        let stage = StageId("hop-1/check".to_owned());
        assert_eq!(PreviousRun::read(summary).unwrap().doubt(&stage, report.clone()), report);
        assert!(PreviousRun::read(r#"{"stages": {}}"#).is_err());
    }
}
