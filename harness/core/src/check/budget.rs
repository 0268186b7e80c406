//! Judges figures that are read once, such as startup times and sizes, against a budget of ratio and slack.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::product::{PerformanceCheck, SizeBudget};
use crate::outcome::code::{FindingCode, InconclusiveCode};
use crate::outcome::event::CheckReport;
use crate::outcome::finding::Finding;
use crate::outcome::subject::Subject;

/// Figures by what was measured, or the reason why one is missing. The second value of a pair identifies the reading: a
/// service that was not started again still has its earlier reading.
pub type Figures = BTreeMap<String, Result<(f64, u64), String>>;

/// How much larger a figure may be than the baseline's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Budget {
    /// Seconds.
    Time {
        /// The factor on the baseline's figure.
        ratio: f64,
        /// Or the seconds on top of the baseline's figure, whichever allows more.
        slack: f64,
    },
    /// Bytes.
    Size {
        /// The factor on the baseline's figure.
        ratio: f64,
        /// Or the bytes on top of the baseline's figure, whichever allows more.
        slack: f64,
    },
}

/// What a product may need without a word of its file.
const RATIO: f64 = 2.0;
/// Seconds until a service is ready: a busy machine adds some.
const READY: f64 = 12.0;
/// Bytes of memory of a service.
const MEMORY: f64 = 200.0 * MEBIBYTE;
/// Bytes of a database.
const DATABASE: f64 = 100.0 * MEBIBYTE;
/// Bytes of the files in a volume.
const FILES: f64 = 200.0 * MEBIBYTE;
const MEBIBYTE: f64 = 1_048_576.0;

/// What is measured against a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    /// The time until a service is ready.
    Ready,
    /// The memory of a service.
    Memory,
    /// The size of a database.
    DatabaseSize,
    /// The size of the files in a volume.
    FilesSize,
}

impl Measured {
    /// Everything that is measured.
    pub const ALL: [Self; 4] = [Self::Ready, Self::Memory, Self::DatabaseSize, Self::FilesSize];

    /// The code of a figure beyond its budget.
    pub fn code(self) -> FindingCode {
        match self {
            Self::Ready => FindingCode::ReadySlower,
            Self::Memory => FindingCode::MemoryGrew,
            Self::DatabaseSize => FindingCode::DatabaseGrew,
            Self::FilesSize => FindingCode::FilesGrew,
        }
    }

    /// The budget that a product file gives, or the default one; the reason if it is switched off.
    pub fn budget(self, check: &PerformanceCheck) -> Result<Budget, &str> {
        let size = |budget: &SizeBudget, slack: f64| Budget::Size {
            ratio: budget.ratio.unwrap_or(RATIO),
            slack: budget.slack.as_ref().map_or(slack, |slack| slack.bytes() as f64),
        };
        match self.off(check) {
            Some(because) => Err(because),
            None => Ok(match self {
                Self::Ready => Budget::Time {
                    ratio: check.ready.ratio.unwrap_or(RATIO),
                    slack: check.ready.slack.as_ref().map_or(READY, |slack| slack.get().as_secs_f64()),
                },
                Self::Memory => size(&check.memory, MEMORY),
                Self::DatabaseSize => size(&check.database_size, DATABASE),
                Self::FilesSize => size(&check.files_size, FILES),
            }),
        }
    }

    fn off(self, check: &PerformanceCheck) -> Option<&str> {
        match self {
            Self::Ready => check.ready.off.as_deref(),
            Self::Memory => check.memory.off.as_deref(),
            Self::DatabaseSize => check.database_size.off.as_deref(),
            Self::FilesSize => check.files_size.off.as_deref(),
        }
    }

    /// Whether the product file gives a budget: then there has to be something to judge.
    pub fn is_given(self, check: &PerformanceCheck) -> bool {
        match self {
            Self::Ready => check.ready.is_given(),
            Self::Memory => check.memory.is_given(),
            Self::DatabaseSize => check.database_size.is_given(),
            Self::FilesSize => check.files_size.is_given(),
        }
    }
}

impl Budget {
    fn most(self, before: f64) -> f64 {
        match self {
            Self::Time { ratio, slack } | Self::Size { ratio, slack } => (before * ratio).max(before + slack),
        }
    }

    fn text(self, figure: f64) -> String {
        match self {
            Self::Time { .. } => format!("{:.1?}", Duration::from_secs_f64(figure.max(0.0))),
            Self::Size { .. } => format!("{:.1} MiB", figure / f64::from(1 << 20)),
        }
    }
}

/// Judges figures against the baseline's; without a baseline they are only noted. A figure that could be read on one side
/// only is inconclusive.
pub fn judge_budget(
    before: Option<&Figures>,
    now: &Figures,
    (budget, code): (Budget, FindingCode),
    report: &mut CheckReport,
) {
    use InconclusiveCode::{NotRead, NothingToCompare};
    let subject = |what: &String| Subject::Measurement(what.clone());
    let Some(before) = before else {
        for (what, figure) in now {
            match figure {
                Ok((figure, _)) => {
                    report.assertions += 1;
                    report.notes.push(format!("{what}: {}", budget.text(*figure)));
                }
                Err(reason) => report.cannot_tell_about(NotRead, subject(what), reason.clone()),
            }
        }
        return;
    };
    for what in before.keys().filter(|what| !now.contains_key(*what)) {
        report.cannot_tell_about(NotRead, subject(what), "the baseline has a figure, but this release has none");
    }
    for (what, figure) in now {
        let (is, reading) = match figure {
            Ok(figure) => *figure,
            Err(reason) => {
                report.cannot_tell_about(NotRead, subject(what), reason.clone());
                continue;
            }
        };
        match before.get(what) {
            None => report.notes.push(format!("{what}: {}, the baseline has no figure", budget.text(is))),
            Some(Err(reason)) => {
                report.cannot_tell_about(NothingToCompare, subject(what), format!("on the baseline: {reason}"));
            }
            Some(Ok((_, earlier))) if reading == *earlier => {
                report.notes.push(format!("{what}: not started again since the baseline"));
            }
            Some(Ok((was, _))) => {
                report.assertions += 1;
                let most = budget.most(*was);
                // Nothing can be divided by zero.
                let times = if *was > 0.0 { format!(" (× {:.2})", is / was) } else { String::new() };
                let (was, actual) = (budget.text(*was), format!("{}{times}", budget.text(is)));
                if is > most {
                    let expected = format!("at most {}: {was} on the baseline", budget.text(most));
                    report.findings.push(Finding::new(code, subject(what), expected, actual));
                } else {
                    report.notes.push(format!("{what}: {was} → {actual}, at most {}", budget.text(most)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::scenario::CheckKind;
    use crate::outcome::verdict::Outcome;

    fn figure(figure: Option<(f64, u64)>) -> Figures {
        figure.into_iter().map(|figure| ("web".to_owned(), Ok(figure))).collect()
    }

    fn check(before: Option<&Figures>, now: &Figures, outcome: Outcome, text: &str) {
        let mut report = CheckReport::new(CheckKind::Performance, "ready");
        let budget = (Budget::Time { ratio: 3.0, slack: 20.0 }, FindingCode::ReadySlower);
        judge_budget(before, now, budget, &mut report);
        let texts = report.findings.iter().map(ToString::to_string).chain(report.notes.clone());
        let texts = texts.chain(report.inconclusive.iter().map(ToString::to_string)).collect::<Vec<_>>().join("\n");
        assert_eq!(report.decide().outcome, outcome, "{texts}");
        assert!(texts.contains(text), "no {text:?} in {texts}");
    }

    #[test]
    fn a_figure_must_exceed_both_ratio_and_slack() {
        let now = |seconds| figure(Some((seconds, 2)));
        let before = |seconds| figure(Some((seconds, 1)));
        check(Some(&before(2.0)), &now(21.0), Outcome::Passed, "web: 2.0s → 21.0s (× 10.50), at most 22.0s");
        check(
            Some(&before(2.0)),
            &now(23.0),
            Outcome::Failed,
            "web: expected at most 22.0s: 2.0s on the baseline, seen 23.0s",
        );
        check(Some(&before(60.0)), &now(179.0), Outcome::Passed, "");
        check(Some(&before(60.0)), &now(181.0), Outcome::Failed, "");
        check(None, &now(5.0), Outcome::Passed, "web: 5.0s");
    }

    #[test]
    fn a_product_without_a_word_has_budgets_and_can_switch_them_off() {
        let mebibytes = |number: f64| number * MEBIBYTE;
        let most = |measured: Measured, check: &PerformanceCheck, before: f64| {
            measured.budget(check).map(|budget| budget.most(before)).map_err(str::to_owned)
        };
        let silent = PerformanceCheck::default();
        // A first start took between 4.6 and 13.6 seconds; 15 more are too many.
        assert_eq!(most(Measured::Ready, &silent, 4.6), Ok(16.6));
        assert_eq!(most(Measured::Ready, &silent, 13.6), Ok(27.2));
        // 158 MiB became 278; 400 more are too many.
        assert_eq!(most(Measured::Memory, &silent, mebibytes(158.0)), Ok(mebibytes(358.0)));
        assert_eq!(most(Measured::DatabaseSize, &silent, mebibytes(20.0)), Ok(mebibytes(120.0)));
        assert_eq!(most(Measured::FilesSize, &silent, mebibytes(1000.0)), Ok(mebibytes(2000.0)));
        let text =
            r#"{"memory": {"off": "it varies"}, "files-size": {"ratio": 3}, "database-size": {"slack": "1MiB"}}"#;
        let given: PerformanceCheck = serde_json::from_str(text).unwrap();
        assert_eq!(most(Measured::Memory, &given, 1.0), Err("it varies".to_owned()));
        assert_eq!(most(Measured::FilesSize, &given, mebibytes(1000.0)), Ok(mebibytes(3000.0)));
        assert_eq!(most(Measured::DatabaseSize, &given, mebibytes(1.0)), Ok(mebibytes(2.0)));
        let given_here = Measured::ALL.map(|measured| measured.is_given(&given));
        assert_eq!(given_here, [false, false, true, true]);
    }

    #[test]
    fn what_was_not_read_never_passes() {
        let broken: Figures = [("web".to_owned(), Err("out of reach".to_owned()))].into();
        let now = |seconds| figure(Some((seconds, 2)));
        check(Some(&now(1.0)), &broken, Outcome::Inconclusive, "web: out of reach");
        check(Some(&broken), &now(1.0), Outcome::Inconclusive, "on the baseline: out of reach");
        check(Some(&now(1.0)), &figure(None), Outcome::Inconclusive, "this release has none");
        check(Some(&now(1.0)), &now(1.0), Outcome::Inconclusive, "not started again");
        check(Some(&figure(None)), &now(1.0), Outcome::Inconclusive, "the baseline has no figure");
        check(None, &figure(None), Outcome::Inconclusive, "");
        check(None, &broken, Outcome::Inconclusive, "out of reach");
    }
}
