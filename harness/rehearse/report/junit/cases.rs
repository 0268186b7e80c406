//! Which cases a rehearsal has, and the result and the text of each. Each is built only when it is needed: together they
//! may be far larger than a file may be.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

use rehearse_core::outcome::cause::causes;
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::outcome::finding::Finding;
use rehearse_core::outcome::reason::Reason;
use rehearse_core::outcome::summary::{Progress, StageRecord, Summary};
use rehearse_core::outcome::verdict::{Outcome, Verdict};
use rehearse_core::planning::plan::Stage;

use super::cause_index::{CauseIndex, Follows};
use super::wording::{
    bounded, brief, brief_of, check_message, harmless, known_failure, properties, stage_message, subject, write_each,
};
use crate::report::text::one_line;
use crate::report::view;

/// The cases of a suite, from the first to the last. They can be visited more than once.
pub(super) trait Cases {
    /// Visits each case by its result and a function that builds it: most of many cases are only counted.
    fn each(&self, visit: &mut dyn FnMut(CaseResult, &dyn Fn() -> Case));
}

/// A case.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) time: Duration,
    pub(super) result: CaseResult,
    /// What went wrong: the content of its element.
    pub(super) content: String,
    pub(super) out: String,
}

/// The result of a case.
#[derive(Debug, Clone, Copy)]
pub(super) enum CaseResult {
    Passed,
    NotPassed { kind: Kind, element: Element },
}

impl CaseResult {
    /// Whether it makes a build red.
    pub(super) fn is_red(self) -> bool {
        match self {
            Self::NotPassed { element: Element::Error | Element::Failure, .. } => true,
            Self::Passed | Self::NotPassed { element: Element::Skipped, .. } => false,
        }
    }
}

/// The XML element of a case that did not pass.
#[derive(Debug, Clone, Copy)]
pub(super) enum Element {
    Skipped,
    Error,
    Failure,
}

/// The kinds that the attribute `type` tells apart.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Failed,
    /// It follows from what another case reports.
    Consequence,
    Inconclusive,
    Cancelled,
    Skipped,
    NotReached,
    Unfinished,
    Leftover,
    Unexpected,
    LeftOut,
}

/// What the cases of one rehearsal share.
pub(super) struct CaseBuilder<'a> {
    summary: &'a Summary,
    scenario: &'a str,
    prefix: &'a str,
    /// The stage whose failure the scenario exists to show.
    expected: Option<&'a StageRecord>,
    /// All that is wrong, by root cause.
    causes: CauseIndex<'a>,
}

/// In the plan's order.
impl Cases for CaseBuilder<'_> {
    fn each(&self, visit: &mut dyn FnMut(CaseResult, &dyn Fn() -> Case)) {
        for (stage, record) in view::stages(self.summary) {
            visit(self.stage_result(record), &|| self.stage(stage, record));
            for check in &record.checks {
                visit(self.check_result(record, check), &|| self.check(stage, record, check));
            }
        }
        for case in [self.coverage(), self.expectation(), self.required(), self.leftovers()].into_iter().flatten() {
            visit(case.result, &|| case.clone());
        }
    }
}

impl<'a> CaseBuilder<'a> {
    pub(super) fn new(summary: &'a Summary, prefix: &'a str) -> Self {
        let scenario = summary.plan().map_or("", |plan| plan.scenario.as_str());
        Self {
            summary,
            scenario,
            prefix,
            expected: view::as_expected(summary),
            causes: CauseIndex::new(causes(summary)),
        }
    }

    fn stage_result(&self, record: &StageRecord) -> CaseResult {
        match record.progress {
            Progress::Waiting => not_passed(Kind::NotReached, Element::Skipped),
            Progress::Running(_) => not_passed(Kind::Unfinished, Element::Error),
            Progress::Done if self.is_expected(record, record.outcome) => CaseResult::Passed,
            Progress::Done => or_consequence(of_outcome(record.outcome), self.follows(record, None).as_ref()),
        }
    }

    fn check_result(&self, record: &StageRecord, check: &CheckReport) -> CaseResult {
        match self.is_expected(record, check.outcome) {
            true => CaseResult::Passed,
            false => or_consequence(of_outcome(check.outcome), self.follows(record, Some(check)).as_ref()),
        }
    }

    fn stage(&self, stage: &Stage, record: &StageRecord) -> Case {
        let result = self.stage_result(record);
        let time = match record.progress {
            Progress::Waiting => Duration::ZERO,
            Progress::Running(since) => self.summary.wall().saturating_sub(since),
            Progress::Done => record.time.wall,
        };
        let content = match (result, &record.progress) {
            (CaseResult::Passed, _) => String::new(),
            (_, Progress::Waiting) => "not reached".to_owned(),
            (_, Progress::Running(_)) => {
                "the run ended while this stage was running".to_owned() + &self.heading(stage, None)
            }
            (_, Progress::Done) => first_cause(result, self.follows(record, None)) + &self.stage_content(stage, record),
        };
        let ended = record.progress == Progress::Done;
        let mut out = self.attachment(result, self.evidence(record));
        let _ = writeln!(out, "{}", record.title);
        if ended && self.is_expected(record, record.outcome) {
            let _ = writeln!(out, "expected: {}", stage_message(record));
        }
        out.push_str(&properties(&stage_properties(record)));
        out.extend(record.notes.iter().map(|note| format!("note: {}\n", harmless(&note.to_string()))));
        for migration in &record.migrations {
            let took =
                migration.took.map_or("duration unknown".to_owned(), |took| format!("{:.3}s", took.as_secs_f64()));
            let _ = writeln!(out, "migration {}: {took}", harmless(&migration.title()));
        }
        Case { name: format!("{:02} {}", stage.number, stage.id), time, result, content, out }
    }

    fn check(&self, stage: &Stage, record: &StageRecord, check: &CheckReport) -> Case {
        let result = self.check_result(record, check);
        let content = match result {
            CaseResult::Passed => String::new(),
            CaseResult::NotPassed { .. } => {
                first_cause(result, self.follows(record, Some(check))) + &self.check_content(stage, record, check)
            }
        };
        let evidence = check.findings.iter().find_map(|finding| finding.evidence.as_ref()).or(check.evidence.first());
        let mut out = self.attachment(result, evidence);
        if self.is_expected(record, check.outcome) {
            let _ = writeln!(out, "expected: {}", check_message(check));
        }
        out.push_str(&properties(&check_properties(check)));
        out.extend(check.notes.iter().map(|note| format!("note: {}\n", harmless(note))));
        out.extend(check.evidence.iter().map(|path| format!("evidence: {}\n", self.path(path))));
        let time = check.took.unwrap_or_default();
        Case { name: format!("{} / {}", stage.id, check.title()), time, result, content, out }
    }

    /// Whether this is the failure that the scenario exists to show, or follows from it.
    fn is_expected(&self, record: &StageRecord, outcome: Outcome) -> bool {
        view::is_as_expected(self.summary, record) && matches!(outcome, Outcome::Failed | Outcome::Inconclusive)
    }

    fn stage_content(&self, stage: &Stage, record: &StageRecord) -> String {
        let mut content = stage_message(record) + &self.heading(stage, None);
        self.findings(&record.findings, &mut content);
        self.consequences(record, None, &mut content);
        content.extend(record.reason.iter().map(|reason| format!("\nreason    {reason}\n")));
        content.extend(record.known.iter().map(known_failure));
        let not_passed = record.checks.iter().filter(|check| check.outcome != Outcome::Passed);
        write_each(not_passed, &mut content, |check, content| {
            let _ = write!(content, "\n{}: {}", check.title(), check_message(check));
        });
        content
    }

    fn check_content(&self, stage: &Stage, record: &StageRecord, check: &CheckReport) -> String {
        let mut content = check_message(check) + &self.heading(stage, Some(check));
        self.findings(&check.findings, &mut content);
        self.consequences(record, Some(check), &mut content);
        write_each(check.inconclusive.iter(), &mut content, |reason, content| {
            let _ = writeln!(content, "\nreason    {}\ncode      {}", bounded(&reason.to_string()), reason.code);
        });
        content.extend(check.known.iter().map(known_failure));
        content
    }

    fn heading(&self, stage: &Stage, check: Option<&CheckReport>) -> String {
        let mut heading =
            format!("\n\nscenario  {}\nstage     {:02} {}: {}\n", self.scenario, stage.number, stage.id, stage.title);
        if let Some(check) = check {
            let _ = writeln!(heading, "check     {}", check.title());
        }
        heading
    }

    fn findings(&self, findings: &[Finding], content: &mut String) {
        write_each(findings.iter(), content, |finding, content| {
            let Finding { code, subject, expected, actual, evidence, known, .. } = finding;
            let (expected, actual) = (bounded(expected), bounded(actual));
            let _ =
                write!(content, "\nsubject   {subject}\nexpected  {expected}\nactual    {actual}\ncode      {code}\n");
            if let Some(evidence) = evidence {
                let _ = writeln!(content, "evidence  {}", self.path(evidence));
            }
            content.extend(known.iter().map(known_failure));
        });
    }

    /// The cause that everything in a case follows from; none if the case has a root cause itself.
    fn follows(&self, record: &StageRecord, check: Option<&CheckReport>) -> Option<Follows<'_>> {
        let only_its_checks = check.is_none() && record.findings.is_empty() && record.reason.is_none();
        if only_its_checks { self.causes.stage_follows(record) } else { self.causes.follows(record, check) }
    }

    /// What follows from the root causes in a case.
    fn consequences(&self, record: &StageRecord, check: Option<&CheckReport>, content: &mut String) {
        write_each(self.causes.roots(record, check).into_iter(), content, |cause, content| {
            if !cause.consequences.is_empty() || !cause.skipped.is_empty() {
                let _ = write!(content, "\nconsequences of {}\n", brief(subject(&cause.root)));
            }
            write_each(cause.consequences.iter(), content, |other, content| {
                let _ = writeln!(content, "  {}: {}", one_line(&other.place()), brief_of(&other.detail));
            });
            content.extend(cause.skipped.iter().map(|stage| format!("  {stage}: skipped\n")));
        });
    }

    /// The first file that shows what is wrong in a stage.
    fn evidence<'r>(&self, record: &'r StageRecord) -> Option<&'r String> {
        let of_findings = record.all_findings().find_map(|(_, finding)| finding.evidence.as_ref());
        let not_passed = record.checks.iter().filter(|check| check.outcome != Outcome::Passed);
        of_findings.or_else(|| not_passed.flat_map(|check| &check.evidence).next())
    }

    /// GitLab's link to a file. Only the first in a text counts, only in a case that is red, and no bracket is allowed.
    fn attachment(&self, result: CaseResult, evidence: Option<&String>) -> String {
        match evidence.map(|evidence| self.path(evidence)) {
            Some(path) if result.is_red() && !path.contains(['[', ']', '|', '\n', '\r']) => {
                format!("[[ATTACHMENT|{path}]]\n")
            }
            Some(_) | None => String::new(),
        }
    }

    fn path(&self, evidence: &str) -> String {
        match self.prefix.trim_end_matches('/') {
            "" | "." => evidence.to_owned(),
            prefix => format!("{prefix}/{evidence}"),
        }
    }

    /// Whether what the scenario exists to show was observed.
    fn expectation(&self) -> Option<Case> {
        let expectation = self.summary.run()?.expectation.as_ref()?;
        let expected = expectation.to_string();
        let (verdict, unmet) = self.summary.verdict();
        let content = |message: &str| {
            let mut content = format!("expected {expected}{message}\n\nscenario  {}\n", self.scenario);
            self.findings(&unmet, &mut content);
            content
        };
        let mut out = String::new();
        let (result, content) = match verdict {
            _ if !self.summary.finished() => (
                not_passed(Kind::NotReached, Element::Skipped),
                format!("expected {expected}, but the run did not end"),
            ),
            Verdict::Passed => {
                let actual = self.expected.map(stage_message).unwrap_or_default();
                let _ = writeln!(out, "{expected}, as expected: {}", harmless(&actual));
                (CaseResult::Passed, String::new())
            }
            Verdict::Failed => {
                let how = match self.summary.expected_and_gone() {
                    true => ", but it passed: the failure no longer happens, remove the expectation",
                    false => ", but the outcome differs",
                };
                (not_passed(Kind::Unexpected, Element::Failure), content(how))
            }
            Verdict::Inconclusive => {
                (not_passed(Kind::Inconclusive, Element::Error), content(", but the run is inconclusive"))
            }
            Verdict::Cancelled => (
                not_passed(Kind::Cancelled, Element::Skipped),
                format!("expected {expected}, but the run was cancelled"),
            ),
        };
        Some(Case { name: "expectation".to_owned(), time: Duration::ZERO, result, content, out })
    }

    /// Whether every required kind of check asserted something in every stage of checks.
    fn required(&self) -> Option<Case> {
        let plan = self.summary.plan().filter(|plan| !plan.require.is_empty())?;
        let names: Vec<&str> = plan.require.iter().map(|kind| kind.name()).collect();
        let unfired = self.summary.unfired();
        let (result, content) = match (unfired.is_empty(), self.summary.finished()) {
            (true, true) => (CaseResult::Passed, String::new()),
            (true, false) => (not_passed(Kind::NotReached, Element::Skipped), "the run did not end".to_owned()),
            (false, _) => {
                let mut content = format!("inconclusive: {} required checks asserted nothing\n", unfired.len());
                for (stage, kind) in unfired {
                    let _ = write!(content, "\n{} at {stage}", kind.name());
                }
                (not_passed(Kind::Inconclusive, Element::Error), content)
            }
        };
        let out = format!("required: {}\n", names.join(", "));
        Some(Case { name: "required checks".to_owned(), time: Duration::ZERO, result, content, out })
    }

    /// What the checks look at: red only where that is less than is required.
    fn coverage(&self) -> Option<Case> {
        let all = self.summary.coverage();
        let mut out = String::new();
        for coverage in all {
            let _ = writeln!(out, "{coverage}");
            for (name, because) in &coverage.unseen {
                let _ = writeln!(out, "  not {}: {}", harmless(&one_line(name)), harmless(&one_line(because)));
            }
        }
        let uncovered = self.summary.uncovered();
        let (result, content) = if uncovered.is_empty() {
            (CaseResult::Passed, String::new())
        } else {
            let texts: Vec<String> = uncovered.iter().map(|short| harmless(&one_line(&short.to_string()))).collect();
            let content = format!("inconclusive: less was looked at than is required\n\n{}", texts.join("\n"));
            (not_passed(Kind::Inconclusive, Element::Error), content)
        };
        let (name, time) = ("coverage".to_owned(), Duration::ZERO);
        (!all.is_empty()).then_some(Case { name, time, result, content, out })
    }

    fn leftovers(&self) -> Option<Case> {
        let leftovers = self.summary.leftovers();
        let mut content = format!("objects of the run that could not be removed: {}", leftovers.len());
        let _ = write!(content, "\n\nscenario  {}\n", self.scenario);
        write_each(leftovers.iter(), &mut content, |leftover, content| {
            let _ = write!(content, "\n{leftover}");
        });
        content.push_str("\n\nremove them with: rehearse sweep");
        (!leftovers.is_empty()).then(|| Case {
            name: "leftovers".to_owned(),
            time: Duration::ZERO,
            result: not_passed(Kind::Leftover, Element::Error),
            content,
            out: String::new(),
        })
    }
}

fn not_passed(kind: Kind, element: Element) -> CaseResult {
    CaseResult::NotPassed { kind, element }
}

fn of_outcome(outcome: Outcome) -> CaseResult {
    match outcome {
        Outcome::Passed => CaseResult::Passed,
        Outcome::Failed => not_passed(Kind::Failed, Element::Failure),
        Outcome::Inconclusive => not_passed(Kind::Inconclusive, Element::Error),
        Outcome::Cancelled => not_passed(Kind::Cancelled, Element::Skipped),
        Outcome::Skipped => not_passed(Kind::Skipped, Element::Skipped),
    }
}

/// A case that only follows from another one is a consequence, and as red.
fn or_consequence(result: CaseResult, follows: Option<&Follows<'_>>) -> CaseResult {
    match (result, follows) {
        (CaseResult::NotPassed { kind: Kind::Failed | Kind::Inconclusive, element }, Some(_)) => {
            not_passed(Kind::Consequence, element)
        }
        (result, _) => result,
    }
}

/// The root cause, at the beginning of a case that only follows from another one.
fn first_cause(result: CaseResult, follows: Option<Follows<'_>>) -> String {
    match (result, follows) {
        (CaseResult::NotPassed { kind: Kind::Consequence, .. }, Some(Follows { cause, more })) => {
            let root = format!("{}: {}", one_line(&cause.root.place()), brief(subject(&cause.root)));
            let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
            format!("consequence of {root}{more}; ")
        }
        _ => String::new(),
    }
}

/// The properties of a stage for programs, as `[[PROPERTY|key=value]]`.
fn stage_properties(record: &StageRecord) -> Vec<(String, String)> {
    let mut properties = Vec::new();
    if record.progress == Progress::Done && record.outcome != Outcome::Skipped {
        let times = [("product", record.time.product), ("engine", record.time.engine), ("own", record.time.own())];
        properties.extend(times.map(|(key, time)| (format!("{key}-seconds"), format!("{:.3}", time.as_secs_f64()))));
    }
    if !record.migrations.is_empty() {
        properties.push(("migrations".to_owned(), record.migrations.len().to_string()));
    }
    properties.extend(codes(&record.findings));
    let reason = record.reason.as_ref().and_then(Reason::inconclusive);
    properties.extend(reason.map(|reason| ("inconclusive".to_owned(), reason.code.name().to_owned())));
    properties
}

/// The properties of a check for programs: its assertions, and the codes of what is wrong, each once.
fn check_properties(check: &CheckReport) -> Vec<(String, String)> {
    let mut properties = vec![("assertions".to_owned(), check.assertions.to_string())];
    properties.extend(codes(&check.findings));
    let reasons: BTreeSet<&str> = check.inconclusive.iter().map(|reason| reason.code.name()).collect();
    properties.extend(reasons.into_iter().map(|code| ("inconclusive".to_owned(), code.to_owned())));
    properties
}

/// The codes of findings, each once.
fn codes(findings: &[Finding]) -> impl Iterator<Item = (String, String)> {
    let codes: BTreeSet<&str> = findings.iter().map(|finding| finding.code.name()).collect();
    codes.into_iter().map(|code| ("finding".to_owned(), code.to_owned()))
}
