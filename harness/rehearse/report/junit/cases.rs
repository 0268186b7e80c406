//! Which cases a rehearsal has, what each came to and what it says. Each is made as it is asked for: what all of them
//! say together may be far more than a file takes.

use std::fmt::Write;
use std::io;
use std::time::Duration;

use rehearse_core::outcome::event::CheckReport;
use rehearse_core::outcome::summary::{Progress, StageRecord, Summary};
use rehearse_core::outcome::verdict::{Finding, Outcome, Verdict};
use rehearse_core::planning::plan::Stage;

use super::said::{
    bounded, brief, brief_of, check_message, harmless, known_failure, object, property, say_each, stage_message,
};
use super::tangle::{Follows, Tangle};
use crate::report::text::one_line;
use crate::report::view;

/// The cases of a suite, from the first to the last, as often as they are asked for.
pub(super) trait Cases {
    fn each(&self, take: &mut dyn FnMut(&Case) -> Result<(), Stopped>) -> Result<(), Stopped>;
}

/// Why no more cases are taken.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The file is full.
    Full,
    /// What is written is lost.
    Lost(io::Error),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Lost(error)
    }
}

impl From<Stopped> for io::Error {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Full => io::ErrorKind::FileTooLarge.into(),
            Stopped::Lost(error) => error,
        }
    }
}

/// A case.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) time: Duration,
    pub(super) came: Came,
    pub(super) out: String,
}

/// What a case came to.
#[derive(Debug, Clone)]
pub(super) enum Came {
    Passed,
    Not { kind: Kind, what: Element, content: String },
}

/// The element that says so.
#[derive(Debug, Clone, Copy)]
pub(super) enum Element {
    Skipped,
    Error,
    Failure,
}

/// What is told apart in the attribute `type`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Failed,
    /// It follows from what another case says.
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
pub(super) struct Telling<'a> {
    summary: &'a Summary,
    scenario: &'a str,
    prefix: &'a str,
    /// The stage whose trouble the scenario exists to show.
    expected: Option<&'a StageRecord>,
    /// All that is wrong, by root cause.
    tangle: Tangle<'a>,
}

/// In the plan's order.
impl Cases for Telling<'_> {
    fn each(&self, take: &mut dyn FnMut(&Case) -> Result<(), Stopped>) -> Result<(), Stopped> {
        for (stage, record) in view::stages(self.summary) {
            take(&self.stage(stage, record))?;
            record.checks.iter().try_for_each(|check| take(&self.check(stage, record, check)))?;
        }
        let about_all = [self.expectation(), self.required(), self.leftovers()];
        about_all.iter().flatten().try_for_each(take)
    }
}

impl<'a> Telling<'a> {
    pub(super) fn new(summary: &'a Summary, prefix: &'a str) -> Self {
        let scenario = summary.plan().map_or("", |plan| plan.scenario.as_str());
        Self { summary, scenario, prefix, expected: view::as_expected(summary), tangle: Tangle::new(summary.causes()) }
    }

    fn stage(&self, stage: &Stage, record: &StageRecord) -> Case {
        let expected = self.is_expected(record, record.outcome);
        let (time, came) = match record.progress {
            Progress::Waiting => (Duration::ZERO, not(Kind::NotReached, Element::Skipped, "not reached".to_owned())),
            Progress::Running(since) => {
                let message = "the run ended while this stage was running".to_owned();
                let time = self.summary.wall().saturating_sub(since);
                (time, not(Kind::Unfinished, Element::Error, message + &self.heading(stage, None)))
            }
            Progress::Done if expected => (record.time.wall, Came::Passed),
            Progress::Done => {
                let came = self.outcome(record.outcome, || self.stage_content(stage, record));
                (record.time.wall, below(came, self.follows(record, None)))
            }
        };
        let mut out = self.attachment(&came, self.evidence(record));
        let _ = writeln!(out, "{}", record.title);
        if expected {
            let _ = writeln!(out, "expected: {}", stage_message(record));
        }
        let times = [("product", record.time.product), ("engine", record.time.engine), ("own", record.time.own())];
        let ended = record.progress == Progress::Done && record.outcome != Outcome::Skipped;
        for (key, time) in times.iter().filter(|_| ended) {
            let _ = writeln!(out, "{}", property(&format!("{key}-seconds"), &format!("{:.3}", time.as_secs_f64())));
        }
        if !record.migrations.is_empty() {
            let _ = writeln!(out, "{}", property("migrations", &record.migrations.len().to_string()));
        }
        out.extend(record.notes.iter().map(|note| format!("note: {}\n", harmless(note))));
        for migration in &record.migrations {
            let took = migration.took.map_or("no time told".to_owned(), |took| format!("{:.3}s", took.as_secs_f64()));
            let _ = writeln!(out, "migration {}: {took}", harmless(&migration.title()));
        }
        Case { name: format!("{:02} {}", stage.number, stage.id), time, came, out }
    }

    fn check(&self, stage: &Stage, record: &StageRecord, check: &CheckReport) -> Case {
        let expected = self.is_expected(record, check.outcome);
        let came = match expected {
            true => Came::Passed,
            false => {
                let came = self.outcome(check.outcome, || self.check_content(stage, record, check));
                below(came, self.follows(record, Some(check)))
            }
        };
        let shown = check.findings.iter().find_map(|finding| finding.evidence.as_ref()).or(check.evidence.first());
        let mut out = self.attachment(&came, shown);
        if expected {
            let _ = writeln!(out, "expected: {}", check_message(check));
        }
        let _ = writeln!(out, "{}", property("assertions", &check.assertions.to_string()));
        out.extend(check.notes.iter().map(|note| format!("note: {}\n", harmless(note))));
        out.extend(check.evidence.iter().map(|path| format!("evidence: {}\n", self.path(path))));
        let time = check.took.unwrap_or_default();
        Case { name: format!("{} / {}", stage.id, check.title()), time, came, out }
    }

    /// Whether the scenario exists to show that this did not pass.
    fn is_expected(&self, record: &StageRecord, outcome: Outcome) -> bool {
        self.expected.is_some_and(|expected| expected.id == record.id)
            && matches!(outcome, Outcome::Failed | Outcome::Inconclusive)
    }

    fn outcome(&self, outcome: Outcome, content: impl Fn() -> String) -> Came {
        match outcome {
            Outcome::Passed => Came::Passed,
            Outcome::Failed => not(Kind::Failed, Element::Failure, content()),
            Outcome::Inconclusive => not(Kind::Inconclusive, Element::Error, content()),
            Outcome::Cancelled => not(Kind::Cancelled, Element::Skipped, content()),
            Outcome::Skipped => not(Kind::Skipped, Element::Skipped, content()),
        }
    }

    fn stage_content(&self, stage: &Stage, record: &StageRecord) -> String {
        let mut content = stage_message(record) + &self.heading(stage, None);
        self.findings(&record.findings, &mut content);
        self.consequences(record, None, &mut content);
        content.extend(record.reason.iter().map(|reason| format!("\nreason    {reason}\n")));
        content.extend(record.known.iter().map(known_failure));
        let troubled = record.checks.iter().filter(|check| check.outcome != Outcome::Passed);
        say_each(troubled, &mut content, |check, content| {
            let _ = write!(content, "\n{}: {}", check.title(), check_message(check));
        });
        content
    }

    fn check_content(&self, stage: &Stage, record: &StageRecord, check: &CheckReport) -> String {
        let mut content = check_message(check) + &self.heading(stage, Some(check));
        self.findings(&check.findings, &mut content);
        self.consequences(record, Some(check), &mut content);
        say_each(check.inconclusive.iter(), &mut content, |reason, content| {
            let _ = writeln!(content, "\ninconclusive   {}", bounded(reason));
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
        say_each(findings.iter(), content, |finding, content| {
            let Finding { object, expected, actual, evidence, known, service: _ } = finding;
            let (object, expected, seen) = (bounded(object), bounded(expected), bounded(actual));
            let _ = write!(content, "\nobject    {object}\nexpected  {expected}\nseen      {seen}\n");
            if let Some(evidence) = evidence {
                let _ = writeln!(content, "evidence  {}", self.path(evidence));
            }
            content.extend(known.iter().map(known_failure));
        });
    }

    /// The cause that all of a case follows from; none where it holds a root itself.
    fn follows(&self, record: &StageRecord, check: Option<&CheckReport>) -> Option<Follows<'_>> {
        let by_its_checks = check.is_none() && record.findings.is_empty() && record.reason.is_none();
        if by_its_checks { self.tangle.stage_follows(record) } else { self.tangle.follows(record, check) }
    }

    /// What follows from the roots of a case.
    fn consequences(&self, record: &StageRecord, check: Option<&CheckReport>, content: &mut String) {
        say_each(self.tangle.roots(record, check).into_iter(), content, |cause, content| {
            if !cause.consequences.is_empty() || !cause.skipped.is_empty() {
                let _ = write!(content, "\nconsequences of {}\n", brief(object(&cause.root)));
            }
            say_each(cause.consequences.iter(), content, |other, content| {
                let _ = writeln!(content, "  {}: {}", one_line(&other.place()), brief_of(&other.detail));
            });
            content.extend(cause.skipped.iter().map(|stage| format!("  {stage}: skipped\n")));
        });
    }

    /// The first file that shows what is wrong in a stage.
    fn evidence<'r>(&self, record: &'r StageRecord) -> Option<&'r String> {
        let of_findings = record.all_findings().find_map(|(_, finding)| finding.evidence.as_ref());
        let troubled = record.checks.iter().filter(|check| check.outcome != Outcome::Passed);
        of_findings.or_else(|| troubled.flat_map(|check| &check.evidence).next())
    }

    /// GitLab's link to a file: the first in the text counts, only where something went wrong, and no bracket is allowed.
    fn attachment(&self, came: &Came, evidence: Option<&String>) -> String {
        match (came, evidence.map(|evidence| self.path(evidence))) {
            (Came::Not { what: Element::Error | Element::Failure, .. }, Some(path))
                if !path.contains(['[', ']', '|', '\n', '\r']) =>
            {
                format!("[[ATTACHMENT|{path}]]\n")
            }
            _ => String::new(),
        }
    }

    fn path(&self, evidence: &str) -> String {
        match self.prefix.trim_end_matches('/') {
            "" | "." => evidence.to_owned(),
            prefix => format!("{prefix}/{evidence}"),
        }
    }

    /// Whether what the scenario exists to show was seen.
    fn expectation(&self) -> Option<Case> {
        let expectation = self.summary.run()?.expectation.as_ref()?;
        let wanted = expectation.to_string();
        let (verdict, unmet) = self.summary.verdict();
        let content = |message: &str| {
            let mut content = format!("{message}\n\nscenario  {}\n", self.scenario);
            self.findings(&unmet, &mut content);
            content
        };
        let mut out = String::new();
        let came = if !self.summary.finished() {
            not(Kind::NotReached, Element::Skipped, format!("expected {wanted}; the run did not come to its end"))
        } else {
            match verdict {
                Verdict::Passed => {
                    let seen = self.expected.map(stage_message).unwrap_or_default();
                    let _ = writeln!(out, "{wanted}, as expected: {}", harmless(&seen));
                    Came::Passed
                }
                Verdict::Failed => {
                    let how = match self.summary.expected_and_gone() {
                        true => "but it passed: the failure is gone, remove the expectation",
                        false => "and it came otherwise",
                    };
                    not(Kind::Unexpected, Element::Failure, content(&format!("expected {wanted}, {how}")))
                }
                Verdict::Inconclusive => {
                    not(Kind::Inconclusive, Element::Error, content(&format!("expected {wanted}; it cannot be told")))
                }
                Verdict::Cancelled => {
                    not(Kind::Cancelled, Element::Skipped, format!("expected {wanted}; the run was cancelled"))
                }
            }
        };
        Some(Case { name: "expectation".to_owned(), time: Duration::ZERO, came, out })
    }

    /// Whether every required kind of check asserted something wherever it was made.
    fn required(&self) -> Option<Case> {
        let plan = self.summary.plan().filter(|plan| !plan.require.is_empty())?;
        let names: Vec<&str> = plan.require.iter().map(|kind| kind.name()).collect();
        let unfired = self.summary.unfired();
        let came = match (unfired.is_empty(), self.summary.finished()) {
            (true, true) => Came::Passed,
            (true, false) => not(Kind::NotReached, Element::Skipped, "the run did not come to its end".to_owned()),
            (false, _) => {
                let mut content = format!("inconclusive: {} required checks asserted nothing\n", unfired.len());
                for (stage, kind) in unfired {
                    let _ = write!(content, "\n{} at {stage}", kind.name());
                }
                not(Kind::Inconclusive, Element::Error, content)
            }
        };
        let out = format!("required: {}\n", names.join(", "));
        Some(Case { name: "required checks".to_owned(), time: Duration::ZERO, came, out })
    }

    fn leftovers(&self) -> Option<Case> {
        let leftovers = self.summary.leftovers();
        let mut content = format!("{} of what the run made stayed behind", leftovers.len());
        let _ = write!(content, "\n\nscenario  {}\n", self.scenario);
        say_each(leftovers.iter(), &mut content, |leftover, content| {
            let _ = write!(content, "\n{leftover}");
        });
        content.push_str("\n\nremove them with: rehearse sweep");
        (!leftovers.is_empty()).then(|| Case {
            name: "leftovers".to_owned(),
            time: Duration::ZERO,
            came: not(Kind::Leftover, Element::Error, content),
            out: String::new(),
        })
    }
}

fn not(kind: Kind, what: Element, content: String) -> Came {
    Came::Not { kind, what, content }
}

/// A case that only follows from another is as red, and says in its first line where to look.
fn below(came: Came, follows: Option<Follows<'_>>) -> Came {
    match (came, follows) {
        (Came::Not { kind: Kind::Failed | Kind::Inconclusive, what, content }, Some(Follows { cause, more })) => {
            let root = format!("{}: {}", one_line(&cause.root.place()), brief(object(&cause.root)));
            let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
            not(Kind::Consequence, what, format!("consequence of {root}{more}; {content}"))
        }
        (came, _) => came,
    }
}
