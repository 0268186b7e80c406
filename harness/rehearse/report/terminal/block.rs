//! The block at the end of a rehearsal: what it came to.

use std::collections::BTreeSet;
use std::fmt::Write;

use rehearse_core::model::scenario::CheckKind;
use rehearse_core::outcome::cause::{SymptomDetail, causes};
use rehearse_core::outcome::summary::{StageRecord, Summary};
use rehearse_core::outcome::verdict::{Exit, Outcome, Verdict};
use rehearse_core::planning::plan::Phase;
use rehearse_core::planning::plan::{Stage, StageAction, humane};

use super::lines::{self, checks, count, findings, migrations};
use super::paint::{self, Paint, Tone, symbol};
use crate::report::text::one_line;
use crate::report::view::{self, Fate, HopView, share};

/// The block at the end.
pub(super) fn block(summary: &Summary, out: &str, reports: &[String], paint: Paint) -> String {
    let mut text = format!("\n{}\n\n", headline(summary, paint));
    let mut row = |label: &str, what: &str| {
        let _ = writeln!(text, "  {label:<10}{what}");
    };
    let hops = view::hops(summary);
    row("path", &path(summary, &hops));
    for hop in &hops {
        row(&format!("hop {}", hop.hop.number), &hop_line(hop, paint));
    }
    if let Some(fresh) = fresh(summary, paint) {
        row("fresh", &fresh);
    }
    if let Some(rollback) = rollback(summary, paint) {
        row("rollback", &rollback);
    }
    if let Some(mutations) = mutations(summary) {
        row("mutations", &mutations);
    }
    if let Some(asserted) = asserted(summary) {
        row("asserted", &asserted);
    }
    if let Some(covered) = covered(summary) {
        row("looked at", &covered);
    }
    for line in without_assertions(summary) {
        row("", &line);
    }
    for (kind, because) in summary.plan().iter().flat_map(|plan| &plan.skip_checks) {
        row("without", &format!("{}: {}", kind.name(), one_line(because)));
    }
    if let Some(unchecked) = unchecked(summary) {
        row("unchecked", &unchecked);
    }
    for short in summary.uncovered() {
        row("required", &one_line(&short.to_string()));
    }
    row("time", &time(summary));
    if !reports.is_empty() {
        row("reports", &format!("{}/ {}", out.trim_end_matches('/'), reports.join(" ")));
    }
    for (_, record) in view::stages(summary).filter(|(stage, _)| matches!(stage.action, StageAction::Teardown)) {
        for note in &record.notes {
            row("teardown", &one_line(&note.to_string()));
        }
    }
    text + &problems(summary, out, paint)
}

fn headline(summary: &Summary, paint: Paint) -> String {
    let verdict = summary.verdict().0;
    let scenario = summary.plan().map_or(String::new(), |plan| one_line(&plan.scenario));
    let expected = view::as_expected(summary).map(|stage| format!("{} as expected at {}", stage.outcome, stage.id));
    let at = summary.first_trouble().map(|stage| format!(" at {}", stage.id));
    let left = summary.leftovers().len();
    let (word, why) = match (summary.exit(), verdict) {
        // A run with leftovers is never green.
        (Exit::Inconclusive, Verdict::Passed) => (
            Verdict::Inconclusive,
            Some(format!(
                ": {}, but {} could not be removed",
                expected.as_deref().unwrap_or("passed"),
                count(left, "object")
            )),
        ),
        (_, Verdict::Passed) => (verdict, expected.map(|expected| format!(": {expected}"))),
        (_, Verdict::Failed | Verdict::Inconclusive | Verdict::Cancelled) => {
            let unmet = !summary.verdict().1.is_empty();
            let why = if summary.expected_and_gone() {
                let expected = summary.run().and_then(|run| run.expectation.as_ref()).map(ToString::to_string);
                let expected = expected.unwrap_or_default();
                Some(format!(
                    ": expected {expected}, but it passed: the failure no longer happens, remove the expectation"
                ))
            } else if unmet {
                Some(": not as expected".to_owned())
            } else if at.is_none() && !summary.unfired().is_empty() {
                Some(": a required check asserted nothing".to_owned())
            } else if at.is_none() && !summary.uncovered().is_empty() {
                Some(": less was looked at than is required".to_owned())
            } else {
                at
            };
            (verdict, why)
        }
    };
    let capitals = paint.tone(paint::verdict(word), &word.to_string().to_uppercase());
    let scenario = paint.tone(Tone::Strong, &scenario);
    format!("{capitals}{}  {scenario} in {}", why.unwrap_or_default(), humane(summary.wall()))
}

fn path(summary: &Summary, hops: &[HopView<'_>]) -> String {
    let Some(plan) = summary.plan() else { return String::new() };
    let mut path = format!("{} {}", plan.product, plan.from);
    for hop in hops {
        let fate = match hop.fate {
            Fate::Ended(Outcome::Passed) => String::new(),
            fate @ (Fate::Ended(_) | Fate::LeftOut | Fate::NotReached | Fate::UnderWay) => {
                format!(" ({})", fate.words())
            }
        };
        let _ = write!(path, " → {}{fate}", hop.to);
    }
    path
}

fn hop_line(hop: &HopView<'_>, paint: Paint) -> String {
    let fate = match hop.fate {
        Fate::Ended(outcome) => paint.outcome(outcome),
        fate @ (Fate::LeftOut | Fate::NotReached | Fate::UnderWay) => {
            paint.tone(Tone::Dim, &format!("{} {}", symbol(Outcome::Skipped), fate.words()))
        }
    };
    let mut facts = Vec::new();
    let began = |record: &&StageRecord| record.outcome != Outcome::Skipped;
    if let Some(upgrade) = hop.upgrade.filter(began) {
        let time = humane(upgrade.time.wall);
        facts.push(match upgrade.outcome {
            Outcome::Passed => format!("upgrade {time}"),
            other @ (Outcome::Failed | Outcome::Inconclusive | Outcome::Cancelled | Outcome::Skipped) => {
                format!("upgrade {other} after {time}")
            }
        });
        if !upgrade.migrations.is_empty() {
            facts.push(migrations(upgrade));
        }
    }
    if let Some(check) = hop.check.filter(began).filter(|check| !check.checks.is_empty()) {
        facts.push(checks(check));
    }
    let facts = if facts.is_empty() { String::new() } else { format!(": {}", facts.join(", ")) };
    format!("{fate}  {} → {}{facts}", hop.hop.from, hop.to)
}

fn rollback(summary: &Summary, paint: Paint) -> Option<String> {
    let release = &summary.plan()?.from;
    phase(summary, Phase::Rollback, &format!("{release} again"), paint)
}

/// The fresh installation of the target release.
fn fresh(summary: &Summary, paint: Paint) -> Option<String> {
    let release = &summary.plan()?.hops.last()?.to;
    phase(summary, Phase::Fresh, &format!("{release} without data"), paint)
}

/// What became of the stages of a phase; none where there are none.
fn phase(summary: &Summary, phase: Phase, about: &str, paint: Paint) -> Option<String> {
    let stages: Vec<&StageRecord> = summary.stages().iter().filter(|stage| stage.phase == phase).collect();
    let worst = [Outcome::Failed, Outcome::Cancelled, Outcome::Inconclusive, Outcome::Skipped, Outcome::Passed]
        .into_iter()
        .find(|outcome| stages.iter().any(|stage| stage.outcome == *outcome))?;
    let mut facts: Vec<String> = stages
        .iter()
        .find_map(|stage| stage.reason.as_ref())
        .map(|reason| one_line(&reason.to_string()))
        .into_iter()
        .collect();
    let fate = match worst {
        Outcome::Skipped => paint.tone(Tone::Dim, &format!("{} not rehearsed", symbol(worst))),
        Outcome::Passed | Outcome::Failed | Outcome::Inconclusive | Outcome::Cancelled => {
            facts.push(humane(stages.iter().map(|stage| stage.time.wall).sum()));
            facts.extend(stages.iter().rev().find(|stage| !stage.checks.is_empty()).map(|stage| checks(stage)));
            paint.outcome(worst)
        }
    };
    Some(format!("{fate}  {about}: {}", facts.join(", ")))
}

/// `databases 1/1 · tables 57/58`; the reports name the rest.
fn covered(summary: &Summary) -> Option<String> {
    let all: Vec<String> = summary.coverage().iter().map(ToString::to_string).collect();
    (!all.is_empty()).then(|| all.join(" · "))
}

/// `229 planted, 225 noticed, 4 survived`: of a mutation test.
fn mutations(summary: &Summary) -> Option<String> {
    let mutates = |(stage, _): &(&Stage, &StageRecord)| matches!(stage.action, StageAction::Mutate { .. });
    let checks: Vec<_> = view::stages(summary).filter(mutates).flat_map(|(_, record)| &record.checks).collect();
    let planted: usize = checks.iter().map(|check| check.assertions as usize).sum();
    let survived: usize = checks.iter().map(|check| check.findings.len()).sum();
    let noticed = planted.saturating_sub(survived);
    (!checks.is_empty()).then(|| format!("{planted} planted, {noticed} noticed or accepted, {survived} survived"))
}

/// `version 3 · health 12`.
fn asserted(summary: &Summary) -> Option<String> {
    let fired = view::fired(summary);
    let counts: Vec<String> = fired.iter().map(|fired| format!("{} {}", fired.kind.name(), fired.total)).collect();
    (!counts.is_empty()).then(|| counts.join(" · "))
}

/// The kinds of checks that asserted nothing in a stage.
fn without_assertions(summary: &Summary) -> Vec<String> {
    let required = |kind| summary.plan().is_some_and(|plan| plan.require.contains(&kind));
    let fired = view::fired(summary);
    let empty = fired.iter().map(|fired| (fired, fired.empty_stages())).filter(|(_, stages)| !stages.is_empty());
    empty
        .map(|(fired, stages)| {
            let suffix = if required(fired.kind) { ", which is required" } else { "" };
            format!("{} asserted nothing at {}{suffix}", fired.kind.name(), stages.join(", "))
        })
        .collect()
}

/// The kinds of checks that the product file has none of: what a verdict says nothing about.
fn unchecked(summary: &Summary) -> Option<String> {
    let plan = summary.plan()?;
    let made: BTreeSet<CheckKind> = plan.stages.iter().flat_map(|stage| stage.checks()).copied().collect();
    let none = CheckKind::ALL.into_iter().filter(|kind| !made.contains(kind) && !plan.skip_checks.contains_key(kind));
    let names: Vec<&str> = none.map(|kind| kind.name()).collect();
    (!made.is_empty() && !names.is_empty())
        .then(|| format!("{}: the product file names nothing to check", names.join(", ")))
}

fn time(summary: &Summary) -> String {
    let totals = view::totals(summary);
    let part = |name: &str, part| format!("{name} {} ({:.0}%)", humane(part), 100.0 * share(part, totals.wall));
    [part("product", totals.product), part("container engine", totals.engine), part("own", totals.own)].join(" · ")
}

/// How many root causes of one place are shown; summary.json has all.
const SHOWN: usize = 8;

/// What is wrong by root cause: failures first, then what is inconclusive. Each place is named once.
fn by_cause(summary: &Summary, out: &str, paint: Paint) -> String {
    let mut text = String::new();
    let mut causes = causes(summary);
    causes.sort_by_key(|cause| cause.root.outcome() != Outcome::Failed);
    let mut last = None;
    let mut shown = 0;
    for cause in &causes {
        let (place, outcome) = (cause.root.place(), cause.root.outcome());
        let same_place = last.as_ref() == Some(&(place.clone(), outcome));
        shown = if same_place { shown + 1 } else { 1 };
        if !same_place {
            let as_expected = view::is_as_expected(summary, cause.root.stage);
            let suffix = if as_expected { ", as expected" } else { "" };
            let reason = match (cause.root.detail, cause.root.check) {
                (SymptomDetail::Inconclusive(reason), None) => format!(": {}", one_line(&reason.to_string())),
                (SymptomDetail::Inconclusive(_) | SymptomDetail::Finding(_), _) => String::new(),
            };
            let _ = writeln!(text, "\n  {}  {}{suffix}{reason}", paint.outcome(outcome), one_line(&place));
        }
        last = Some((place, outcome));
        match shown {
            ..=SHOWN => text.push_str(&lines::cause(cause, out, paint, "    ")),
            more if more == SHOWN + 1 => text.push_str("    … and more, in summary.json\n"),
            _ => {}
        }
    }
    text
}

/// What did not pass, what was not as expected, and what could not be removed.
fn problems(summary: &Summary, out: &str, paint: Paint) -> String {
    let mut text = String::new();
    let (_, unmet) = summary.verdict();
    if !unmet.is_empty() {
        let _ = writeln!(text, "\n  not as expected");
        text.push_str(&findings(&unmet, out, paint, "    "));
    }
    text.push_str(&by_cause(summary, out, paint));
    for record in summary.stages().iter().filter(|stage| stage.outcome == Outcome::Cancelled) {
        let reason = record.reason.as_ref().map(|reason| format!(": {}", one_line(&reason.to_string())));
        let _ = writeln!(text, "\n  {}  {}{}", paint.outcome(record.outcome), record.id, reason.unwrap_or_default());
    }
    if !summary.leftovers().is_empty() {
        let _ = writeln!(text, "\n  could not be removed; try again with: rehearse sweep");
        for leftover in summary.leftovers() {
            let _ = writeln!(text, "    {}", one_line(leftover));
        }
    }
    text
}
