//! Lines about stages, checks and findings.

use std::fmt::Write;

use rehearse_core::outcome::cause::{Cause, Symptom, SymptomDetail};
use rehearse_core::outcome::event::RunStarted;
use rehearse_core::outcome::finding::{Finding, Known};
use rehearse_core::outcome::reason::Inconclusive;
use rehearse_core::outcome::summary::StageRecord;
use rehearse_core::outcome::verdict::Outcome;

use super::paint::{Paint, Tone, symbol, tone};
use super::took;
use crate::report::text::{one_line, xml};

/// How many findings of one check, and lines of one text, a terminal shows; the reports have all.
const SHOWN: usize = 8;

/// The first lines: what will be rehearsed.
pub(super) fn opening(run: &RunStarted, paint: Paint) -> String {
    let plan = &run.plan;
    let path: Vec<String> = plan.hops.iter().map(|hop| format!(" → {}", hop.to)).collect();
    let mut text = format!("{} {}\n", paint.tone(Tone::Strong, "rehearse"), one_line(&plan.scenario));
    if let Some(about) = &plan.about {
        let _ = writeln!(text, "  {}", one_line(about));
    }
    let _ = writeln!(text, "  {} {}{} in {} stages", plan.product, plan.from, path.concat(), plan.stages.len());
    if let Some(expectation) = &run.expectation {
        let hint = if expectation.findings.is_empty() && expectation.checks.is_empty() && expectation.known.is_empty() {
            ", with any finding: name the finding, so that no other failure passes for it"
        } else {
            ""
        };
        let stage = one_line(&expectation.stage.to_string());
        let _ = writeln!(text, "  expected: {} at {stage}{hint}", expectation.outcome.outcome());
    }
    let _ = writeln!(text, "  {}\n", paint.tone(Tone::Dim, &format!("run {}, version {}", run.run, run.tool)));
    text
}

/// How a stage ended, for a line that already names the stage.
pub(super) fn ended(record: &StageRecord, paint: Paint) -> String {
    let time = match record.outcome {
        Outcome::Skipped => String::new(),
        Outcome::Passed | Outcome::Failed | Outcome::Inconclusive | Outcome::Cancelled => {
            took(record).map_or(String::new(), |time| format!(" {time}"))
        }
    };
    format!("{}{time}{}", paint.outcome(record.outcome), facts(record, ": "))
}

/// How a stage ended, on a line of its own.
pub(super) fn ended_alone(numbered: &str, record: &StageRecord, width: usize, paint: Paint) -> String {
    let time = match record.outcome {
        Outcome::Skipped => String::new(),
        Outcome::Passed | Outcome::Failed | Outcome::Inconclusive | Outcome::Cancelled => {
            took(record).unwrap_or_default()
        }
    };
    // Padded before it is painted, because escape sequences have no width.
    let gap = " ".repeat(14_usize.saturating_sub(record.outcome.to_string().chars().count() + 2));
    let title = one_line(&record.title);
    format!("  {}{gap}{time:>7}  {numbered:<width$}  {title}{}\n", paint.outcome(record.outcome), facts(record, " · "))
}

/// `: 15 migrations, checks 14 passed`, or why it did not pass.
fn facts(record: &StageRecord, before: &str) -> String {
    let mut facts = Vec::new();
    if !record.migrations.is_empty() {
        facts.push(migrations(record));
    }
    if !record.checks.is_empty() {
        facts.push(checks(record));
    }
    facts.extend(record.reason.as_ref().map(|reason| one_line(&reason.to_string())));
    if facts.is_empty() { String::new() } else { format!("{before}{}", facts.join(", ")) }
}

/// `15 migrations`.
pub(super) fn migrations(record: &StageRecord) -> String {
    count(record.migrations.len(), "migration")
}

/// `1 migration`, `2 migrations`.
pub(super) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// `checks 12 passed, 2 failed`.
pub(super) fn checks(record: &StageRecord) -> String {
    let all = [Outcome::Passed, Outcome::Failed, Outcome::Inconclusive, Outcome::Cancelled, Outcome::Skipped];
    let counts: Vec<String> = all
        .into_iter()
        .map(|outcome| (record.checks.iter().filter(|check| check.outcome == outcome).count(), outcome))
        .filter(|(number, _)| *number > 0)
        .map(|(number, outcome)| format!("{number} {outcome}"))
        .collect();
    format!("checks {}", counts.join(", "))
}

/// The subjects of what is wrong in a stage, by name only: the block at the end has the rest.
pub(super) fn named(record: &StageRecord, indent: &str) -> String {
    let own = record.findings.iter().map(|finding| one_line(&finding.subject.to_string()));
    let of_checks = record.checks.iter().filter(|check| check.outcome != Outcome::Passed).map(|check| {
        let subjects: Vec<String> =
            check.findings.iter().take(2).map(|finding| one_line(&finding.subject.to_string())).collect();
        let more = match check.findings.len().saturating_sub(2) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let title = one_line(&check.title());
        if subjects.is_empty() { title } else { format!("{title}: {}{more}", subjects.join(", ")) }
    });
    let all: Vec<String> = own.chain(of_checks).collect();
    let mut text: String = all.iter().take(SHOWN).map(|line| format!("{indent}{line}\n")).collect();
    if let more @ 1.. = all.len().saturating_sub(SHOWN) {
        let _ = writeln!(text, "{indent}… and {more} more");
    }
    text
}

/// A root cause: what it is, then what follows from it.
pub(super) fn cause(cause: &Cause<'_>, out: &str, paint: Paint, indent: &str) -> String {
    let mut text = match cause.root.detail {
        SymptomDetail::Finding(finding) => findings(std::slice::from_ref(finding), out, paint, indent),
        SymptomDetail::Inconclusive(reason) => inconclusive(&cause.root, reason, out, indent),
    };
    let inner = format!("{indent}  ");
    if !cause.consequences.is_empty() || !cause.skipped.is_empty() {
        let _ = writeln!(text, "{inner}consequences");
    }
    for other in cause.consequences.iter().take(SHOWN) {
        let (place, symptom) = (one_line(&other.place()), brief(&one_line(&other.text())));
        let symbol = paint.tone(tone(other.outcome()), &symbol(other.outcome()).to_string());
        let _ = writeln!(text, "{inner}  {symbol} {place}: {symptom}");
    }
    if let more @ 1.. = cause.consequences.len().saturating_sub(SHOWN) {
        let _ = writeln!(text, "{inner}  … and {more} more, in summary.json");
    }
    if !cause.skipped.is_empty() {
        let skipped = cause.skipped.iter().map(|stage| stage.0.as_str()).collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "{inner}  {} skipped: {skipped}", symbol(Outcome::Skipped));
    }
    text
}

fn inconclusive(root: &Symptom<'_>, reason: &Inconclusive, out: &str, indent: &str) -> String {
    let Some(check) = root.check else {
        return root.stage.known.iter().map(|known| known_failure(indent, known)).collect();
    };
    let mut text = labelled(indent, "reason", &reason.to_string());
    text.extend(check.known.iter().map(|known| known_failure(indent, known)));
    // Once per check: its evidence belongs to all of its reasons.
    if check.inconclusive.first().is_some_and(|first| first == reason) && check.findings.is_empty() {
        for evidence in check.evidence.iter().take(SHOWN) {
            text.push_str(&labelled(indent, "evidence", &path(out, evidence)));
        }
    }
    text
}

fn known_failure(indent: &str, known: &Known) -> String {
    format!("{indent}known failure: {}\n", one_line(&known.to_string()))
}

/// How many characters a line takes of a text.
const BRIEF: usize = 160;

fn brief(text: &str) -> String {
    match text.char_indices().nth(BRIEF) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Findings, each with its subject, expected and actual values, and evidence.
pub(super) fn findings(findings: &[Finding], out: &str, paint: Paint, indent: &str) -> String {
    let mut text = String::new();
    for finding in findings.iter().take(SHOWN) {
        let _ = writeln!(text, "{indent}{}", paint.tone(Tone::Strong, &one_line(&finding.subject.to_string())));
        let inner = format!("{indent}  ");
        text.push_str(&labelled(&inner, "expected", &finding.expected));
        text.push_str(&labelled(&inner, "actual", &finding.actual));
        if let Some(evidence) = &finding.evidence {
            text.push_str(&labelled(&inner, "evidence", &path(out, evidence)));
        }
        text.extend(finding.known.iter().map(|known| known_failure(&inner, known)));
    }
    if let more @ 1.. = findings.len().saturating_sub(SHOWN) {
        let _ = writeln!(text, "{indent}… and {more} more, in summary.json");
    }
    text
}

/// A label and a text, whose further lines stand under the first.
fn labelled(indent: &str, label: &str, text: &str) -> String {
    let clean = xml(text);
    let lines: Vec<String> = clean.trim_end().lines().map(one_line).collect();
    let mut block = String::new();
    for (number, line) in lines.iter().take(SHOWN).enumerate() {
        let label = if number == 0 { label } else { "" };
        let _ = writeln!(block, "{indent}{label:<8}  {line}");
    }
    if let more @ 1.. = lines.len().saturating_sub(SHOWN) {
        let _ = writeln!(block, "{indent}{:<8}  … and {more} more lines", "");
    }
    block
}

/// The path of a file from the folder in which the command was started.
pub(super) fn path(out: &str, evidence: &str) -> String {
    format!("{}/{}", out.trim_end_matches('/'), one_line(evidence))
}
