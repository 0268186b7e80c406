//! The limits of one file: how many cases and how much text it takes, whatever a run had. Red cases come first in both.

use std::time::Duration;

use super::cases::{Case, CaseResult, Element, Kind};

/// The most bytes that the texts of one case take: half for what went wrong, half for its output.
pub(super) const CASE: usize = 64 << 10;
/// The most cases in one file. With the longest names and texts, the file stays below the 30 MB beyond which GitLab
/// refuses it.
pub(super) const CASES: usize = 10_000;
/// The most bytes that all texts in one file take.
pub(super) const TEXTS: usize = 8 << 20;

/// What is left for the cases of one file.
#[derive(Debug)]
pub(super) struct SizeBudget {
    red: Share,
    green: Share,
}

/// How many cases there is still room for, and how many bytes the texts of each may take.
#[derive(Debug)]
struct Share {
    cases: usize,
    text: usize,
}

impl SizeBudget {
    /// The budget of a file with this many red cases and this many others.
    pub(super) fn new(red: usize, green: usize) -> Self {
        let red_cases = red.min(CASES);
        let green_cases = green.min(CASES - red_cases);
        // A quarter is left to those that passed: their notes help to explain what failed.
        let of_red = if green_cases == 0 { TEXTS } else { TEXTS / 4 * 3 };
        let red_text = CASE.min(of_red / red_cases.max(1));
        let green_text = CASE.min((TEXTS - red_cases * red_text) / green_cases.max(1));
        Self { red: Share { cases: red_cases, text: red_text }, green: Share { cases: green_cases, text: green_text } }
    }

    /// Takes a case and returns the limit of its texts in bytes; none if it is left out.
    pub(super) fn take(&mut self, result: CaseResult) -> Option<usize> {
        let share = if result.is_red() { &mut self.red } else { &mut self.green };
        share.cases = share.cases.checked_sub(1)?;
        Some(share.text)
    }
}

/// The cases of a suite that do not fit into its file.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    red: usize,
    green: usize,
}

impl LeftOut {
    pub(super) fn count(&mut self, result: CaseResult) {
        if result.is_red() { self.red += 1 } else { self.green += 1 }
    }

    /// The case that says how many; none if all fit.
    pub(super) fn case(&self) -> Option<Case> {
        let mut content = format!("left out of this file, which holds at most {CASES} cases\n");
        for (count, which) in [(self.red, "in which something went wrong"), (self.green, "that passed or were skipped")]
        {
            if count > 0 {
                content.push_str(&format!("\n{count} cases {which}"));
            }
        }
        content.push_str("\n\nsummary.json and events.jsonl have all of them");
        // A file that lacks what went wrong must not look as if nothing had.
        let element = if self.red > 0 { Element::Error } else { Element::Skipped };
        (self.red + self.green > 0).then(|| Case {
            name: "left out of this report".to_owned(),
            time: Duration::ZERO,
            result: CaseResult::NotPassed { kind: Kind::LeftOut, element },
            content,
            out: String::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(budget: &mut SizeBudget, red: bool, of: usize) -> (usize, usize) {
        let element = if red { Element::Failure } else { Element::Skipped };
        let result = CaseResult::NotPassed { kind: Kind::Failed, element };
        let limits: Vec<usize> = (0..of).filter_map(|_| budget.take(result)).collect();
        (limits.len(), limits.iter().sum())
    }

    #[test]
    fn red_cases_come_first_and_no_case_is_left_out_needlessly() {
        for (red, green) in [(0, 0), (3, 40), (0, CASES), (CASES - 1, 5), (CASES, 5), (100_000, 100_000), (7, 100_000)]
        {
            let mut budget = SizeBudget::new(red, green);
            // In any order.
            let (greens, of_green) = taken(&mut budget, false, green);
            let (reds, of_red) = taken(&mut budget, true, red);
            assert_eq!(reds, red.min(CASES), "{red} {green}");
            assert_eq!(greens, green.min(CASES - reds), "{red} {green}");
            assert!(of_red + of_green <= TEXTS, "{red} {green}: {of_red} {of_green}");
            let least = |cases: usize| cases * (TEXTS / 4 / CASES);
            assert!(of_red >= least(reds) && of_green >= least(greens), "{red} {green}: {of_red} {of_green}");
        }
    }

    #[test]
    fn each_of_few_cases_gets_the_whole_limit_of_a_case() {
        let mut budget = SizeBudget::new(2, 30);
        assert_eq!(taken(&mut budget, true, 2), (2, 2 * CASE));
        assert_eq!(taken(&mut budget, false, 30), (30, 30 * CASE));
    }

    #[test]
    fn left_out_cases_are_counted_and_red_if_one_of_them_is() {
        let mut left_out = LeftOut::default();
        assert!(left_out.case().is_none());
        left_out.count(CaseResult::Passed);
        let case = left_out.case().unwrap();
        assert!(!case.result.is_red() && case.content.contains("\n1 cases that passed or were skipped\n"));
        left_out.count(CaseResult::NotPassed { kind: Kind::Inconclusive, element: Element::Error });
        let case = left_out.case().unwrap();
        assert!(case.result.is_red() && case.content.contains("\n1 cases in which something went wrong\n"));
    }
}
