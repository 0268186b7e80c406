//! What a plan must not say, and what it must say and does not.

use super::super::extract::{Passage, passages};
use super::super::{Content, Denials, LinePattern, Runbook};
use super::{Remark, RemarkKind};
use crate::check::shorten;
use crate::planning::path::Hop;
use crate::vocabulary::release::Range;
use crate::vocabulary::scalar::Pattern;

/// How many lines from a mistake its excuse may be.
const NEAR: usize = 4;

fn concerns(releases: Option<&Range>, hops: &[Hop]) -> bool {
    releases.is_none_or(|range| hops.iter().any(|hop| range.contains(&hop.to)))
}

impl LinePattern {
    fn matches(&self, passage: &Passage<'_>) -> bool {
        let excluded = self.unless.as_ref().is_some_and(|unless| unless.regex().is_match(&passage.text));
        passage.matches(&self.pattern) && !excluded
    }
}

/// Mistakes that the plan makes.
pub(super) fn mistakes(text: &str, runbook: &Runbook, hops: &[Hop], remarks: &mut Vec<Remark>) {
    let all = passages(text);
    let anywhere = |pattern: &Pattern| all.iter().any(|it| it.matches(pattern));
    let any = |pattern: &Option<Pattern>, text: &str| pattern.as_ref().is_some_and(|it| it.regex().is_match(text));
    for mistake in runbook.mistakes.iter().filter(|it| concerns(it.releases.as_ref(), hops)) {
        if mistake.except.as_ref().is_some_and(anywhere) {
            continue;
        }
        for it in all.iter().filter(|it| it.states(&mistake.pattern, mistake.unless.as_ref())) {
            let near =
                |other: &Passage<'_>| other.line.abs_diff(it.line) <= NEAR && any(&mistake.unless_near, &other.text);
            if all.iter().any(near) {
                continue;
            }
            remarks.push(Remark {
                kind: RemarkKind::Wrong,
                line: Some(it.line),
                what: shorten(it.text.trim(), 100),
                because: mistake.because.to_string(),
                instead: mistake.instead.clone(),
            });
        }
    }
}

/// Steps that follow each other and must not.
pub(super) fn sequences(text: &str, runbook: &Runbook, remarks: &mut Vec<Remark>) {
    for sequence in &runbook.sequences {
        let mut first = None;
        for (line, number) in text.lines().zip(1..) {
            let places = |pattern: &Pattern| pattern.regex().find_iter(line).map(|it| it.start()).collect::<Vec<_>>();
            let firsts = places(&sequence.first).into_iter().map(|at| (at, Step::First));
            let between = sequence.between.as_ref().map(places).unwrap_or_default();
            let between = between.into_iter().map(|at| (at, Step::Between));
            let thens = places(&sequence.then).into_iter().map(|at| (at, Step::Then));
            let mut steps: Vec<(usize, Step)> = firsts.chain(between).chain(thens).collect();
            steps.sort_by_key(|(at, _)| *at);
            for (_, step) in steps {
                match (step, first) {
                    (Step::First, _) => first = Some(number),
                    (Step::Between, _) => first = None,
                    (Step::Then, None) => {}
                    (Step::Then, Some(at)) => {
                        remarks.push(Remark {
                            kind: RemarkKind::Wrong,
                            line: Some(number),
                            what: format!("{} (after line {at})", shorten(line.trim(), 100)),
                            because: sequence.because.to_string(),
                            instead: sequence.instead.clone(),
                        });
                        first = None;
                    }
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Step {
    First,
    Between,
    Then,
}

/// What the whole plan does not say, or says only after the first hop although it has to come before.
pub(super) fn missing(
    text: &str,
    runbook: &Runbook,
    hops: &[Hop],
    first_hop: Option<usize>,
    remarks: &mut Vec<Remark>,
) {
    let all = passages(text);
    let mut absent = |what: &str, because: &str, found: &Pattern| {
        remarks.push(Remark {
            kind: RemarkKind::Missing,
            line: all.iter().find(|it| it.matches(found)).map(|it| it.line),
            what: what.to_owned(),
            because: because.to_owned(),
            instead: "write it down, or that it does not apply and why".to_owned(),
        });
    };
    let Denials { questions, content } = &runbook.denials;
    for question in &runbook.questions {
        if !all.iter().any(|it| it.states(&question.found, questions.as_ref())) {
            absent(&question.ask, &question.because, &question.found);
        }
    }
    let denial = content.as_ref();
    let of_plan = |content: &&Content| {
        concerns(content.releases.as_ref(), hops)
            && content.concerns.as_ref().is_none_or(|pattern| all.iter().any(|it| pattern.matches(it)))
    };
    let mut late = Vec::new();
    for content in runbook.content.iter().filter(of_plan) {
        let mut found = all.iter().filter(|it| it.states(&content.found, denial)).peekable();
        let Some(first) = found.peek().map(|it| it.line) else {
            absent(&content.what, &content.because, &content.found);
            continue;
        };
        if let (Some(before), Some(hop)) = (&content.before_hops, first_hop)
            && first > hop
            && !found.any(|it| before.regex().is_match(&it.text))
        {
            late.push(Remark {
                kind: RemarkKind::Wrong,
                line: Some(first),
                what: format!("{}: said only here, after the first hop in line {hop}", content.what),
                because: content.because.to_string(),
                instead: format!("a step before line {hop}"),
            });
        }
    }
    remarks.extend(late);
}
