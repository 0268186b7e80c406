//! Reads a plan that somebody wrote, and says what is missing in it and what is wrong.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::Runbook;
use super::said::{Mention, Named, duration, mentions, span};
use crate::catalog::Catalog;
use crate::check::shorten;
use crate::path::{Facts, Planner, Refusal, Rules, Target};
use crate::plan::humane;
use crate::release::Release;
use crate::scalar::Pattern;

/// What is to be said of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// What kind.
    pub kind: RemarkKind,
    /// The line it is about, from 1; none where something is missing.
    pub line: Option<usize>,
    /// What is missing or wrong.
    pub what: String,
    /// Why it matters, with the document that says so.
    pub because: String,
    /// What to write or do instead.
    pub instead: String,
}

/// What kind of remark it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemarkKind {
    /// What is said is wrong.
    Wrong,
    /// What has to be said is not.
    Missing,
}

impl fmt::Display for RemarkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wrong => "wrong",
            Self::Missing => "missing",
        })
    }
}

/// Reviews a plan by what the product's operators have to write down, and by its path rules. `from` and `to` are given
/// where the plan's own words for them do not count. What is wrong comes first, in the plan's order.
#[must_use]
pub fn review(
    text: &str,
    runbook: &Runbook,
    rules: &Rules,
    catalog: &Catalog,
    from: Option<&Release>,
    to: Option<&Target>,
) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mentions = mentions(text, &runbook.releases.others);
    let stated = |pattern: &Pattern| {
        text.lines().find_map(|line| pattern.regex().captures(line)?.get(1).map(|group| group.as_str().to_owned()))
    };
    let from = from.cloned().or_else(|| stated(&runbook.releases.from)?.parse().ok());
    let to = to.cloned().or_else(|| stated(&runbook.releases.to)?.parse().ok());
    let path = path(from.as_ref(), to.as_ref(), rules, catalog, &mentions, &mut remarks);
    published(&mentions, catalog, &mut remarks);
    editions(&mentions, rules, &mut remarks);
    for (line, number) in text.lines().zip(1..) {
        for mistake in &runbook.mistakes {
            let excused = mistake.unless.as_ref().is_some_and(|unless| unless.regex().is_match(line));
            if !excused && mistake.pattern.regex().is_match(line) {
                remarks.push(Remark {
                    kind: RemarkKind::Wrong,
                    line: Some(number),
                    what: shorten(line.trim(), 100),
                    because: mistake.because.clone(),
                    instead: mistake.instead.clone(),
                });
            }
        }
    }
    if let (Some(from), Some(pattern)) = (&from, &runbook.releases.backup) {
        restored(text, from, pattern, &mut remarks);
    }
    missing(text, runbook, &path, &mut remarks);
    time(text, &mentions, &mut remarks);
    remarks.sort_by_key(|remark| (remark.kind, remark.line));
    remarks
}

/// Judges the releases that the plan goes through; the path it has to take.
fn path(
    from: Option<&Release>,
    to: Option<&Target>,
    rules: &Rules,
    catalog: &Catalog,
    mentions: &[Mention],
    remarks: &mut Vec<Remark>,
) -> Vec<Release> {
    let mut absent = |what: &str| {
        let because = "without it nobody can say which stops are on the way".to_owned();
        let instead = format!("a line such as `{what}: 1.2.3`");
        let what = format!("the {what}");
        remarks.push(Remark { kind: RemarkKind::Missing, line: None, what, because, instead });
    };
    let (Some(from), Some(to)) = (from, to) else {
        if from.is_none() {
            absent("current release");
        }
        if to.is_none() {
            absent("target release");
        }
        return Vec::new();
    };
    let line_of = |number: &str| mentions.iter().find(|it| it.text == number).map(|it| it.line);
    let planner = Planner::new(rules, catalog);
    let plan = |to: &Target| planner.path(&from.without_edition(), to, &Facts::none());
    // A target that was never published is told of its mention; the way to its line is known all the same.
    let planned = match (plan(to), to) {
        (Err(Refusal::Unknown(_)), Target::Release(release)) => plan(&Target::Line(release.line())),
        (planned, Target::Release(_) | Target::Line(_)) => planned,
    };
    let hops = match planned {
        Ok(path) => path.hops,
        Err(Refusal::Unknown(_) | Refusal::EmptyLine { .. }) => return Vec::new(),
        Err(refusal) => {
            remarks.push(Remark {
                kind: RemarkKind::Wrong,
                line: line_of(&to.to_string()).or_else(|| line_of(from.name())),
                what: format!("{from} → {to}"),
                because: refusal.to_string(),
                instead: "another target".to_owned(),
            });
            return Vec::new();
        }
    };
    let path: Vec<Release> = hops.iter().map(|hop| hop.to.clone()).collect();
    for hop in &hops {
        let exact =
            |it: &&Mention| matches!(&it.named, Named::Release(release) if release.numbers() == hop.to.numbers());
        let near = |it: &&Mention| match &it.named {
            Named::Release(release) => release.line() == hop.to.line() && release.numbers() != from.numbers(),
            Named::Line(line) => *line == hop.to.line(),
        };
        if mentions.iter().any(|it| exact(&it)) {
            continue;
        }
        let optional = hop.optional.is_some();
        let near = mentions.iter().find(near);
        if near.is_some_and(|it| matches!(&it.named, Named::Release(release) if !catalog.contains(release))) {
            // Told as not published.
            continue;
        }
        let (line, what) = match near {
            Some(Mention { line, text, named: Named::Release(_), .. }) => {
                (Some(*line), format!("stops at {text} in place of {}", hop.to.name()))
            }
            Some(Mention { line, text, .. }) => (Some(*line), format!("{text} without its patch release")),
            None if optional => (None, format!("whether {} has to be stopped at", hop.to.name())),
            None => (None, format!("no stop at {} on the way from {} to {to}", hop.to.name(), from.name())),
        };
        let undecided = optional && line.is_none();
        let instead = if undecided {
            format!("{} as a stop, or what was seen on the data that makes it needless", hop.to.name())
        } else {
            format!("{} → {}", hop.from.name(), hop.to.name())
        };
        let kind = if undecided { RemarkKind::Missing } else { RemarkKind::Wrong };
        remarks.push(Remark { kind, line, what, because: hop.because.clone(), instead });
    }
    order(mentions, from, &path, remarks);
    path
}

/// A line with several releases of the path is an order; it has to ascend.
fn order(mentions: &[Mention], from: &Release, path: &[Release], remarks: &mut Vec<Remark>) {
    let mut rest = mentions;
    while let Some(first) = rest.first() {
        let (line, later) = rest.split_at(rest.iter().take_while(|it| it.line == first.line).count());
        rest = later;
        let releases: Vec<&Release> = line
            .iter()
            .filter_map(|it| match &it.named {
                Named::Release(release) => Some(release),
                Named::Line(_) => None,
            })
            .filter(|release| {
                release.numbers() == from.numbers() || path.iter().any(|stop| stop.numbers() == release.numbers())
            })
            .collect();
        let descends = releases.windows(2).find(|pair| pair[0].numbers() > pair[1].numbers());
        if let Some(pair) = descends.filter(|_| releases.len() > 2) {
            remarks.push(Remark {
                kind: RemarkKind::Wrong,
                line: Some(first.line),
                what: format!("{} stands before {}", pair[0].name(), pair[1].name()),
                because: "an upgrade goes up only".to_owned(),
                instead: format!("{} → {}", pair[1].name(), pair[0].name()),
            });
        }
    }
}

fn published(mentions: &[Mention], catalog: &Catalog, remarks: &mut Vec<Remark>) {
    let mut told = Vec::new();
    for mention in mentions {
        let Named::Release(release) = &mention.named else { continue };
        // Far from anything published it is no release of this product at all.
        let of_product = catalog.newest_in(&release.line());
        let Some(newest) = of_product else { continue };
        if catalog.contains(release) || told.contains(&release) {
            continue;
        }
        told.push(release);
        remarks.push(Remark {
            kind: RemarkKind::Wrong,
            line: Some(mention.line),
            what: format!("{} is not published", mention.text),
            because: "there is no image and no package of it".to_owned(),
            instead: format!("{}, the newest of {}", newest.name(), release.line()),
        });
    }
}

fn editions(mentions: &[Mention], rules: &Rules, remarks: &mut Vec<Remark>) {
    let with = |it: &&Mention| it.edition.is_some();
    let Some(first) = mentions.iter().find(with) else { return };
    let Some(other) = mentions.iter().filter(with).find(|it| it.edition != first.edition) else { return };
    let (Some(one), Some(two)) = (&first.edition, &other.edition) else { return };
    let allowed =
        rules.edition_change.iter().any(|change| change.from.to_string() == *one && change.to.to_string() == *two);
    let because = if allowed {
        "the edition changes on the way: allowed, and a step of its own that has to be named".to_owned()
    } else {
        format!("no rule allows a change of edition from {one} to {two}")
    };
    remarks.push(Remark {
        kind: RemarkKind::Wrong,
        line: Some(other.line),
        what: format!("{}-{two} after {}-{one} in line {}", other.text, first.text, first.line),
        because,
        instead: format!("the same edition throughout: {one}"),
    });
}

/// Backups that the plan restores and that are of another release than the source.
fn restored(text: &str, from: &Release, pattern: &Pattern, remarks: &mut Vec<Remark>) {
    for (line, number) in text.lines().zip(1..) {
        let said = pattern.regex().captures(line).and_then(|groups| groups.get(1)?.as_str().parse::<Release>().ok());
        let Some(release) = said.filter(|release| release.numbers() != from.numbers()) else { continue };
        remarks.push(Remark {
            kind: RemarkKind::Wrong,
            line: Some(number),
            what: format!("a backup of {} is restored", release.name()),
            because: format!("production is {}, and a backup restores into exactly its own release", from.name()),
            instead: format!("a backup of {}", from.name()),
        });
    }
}

/// What nobody says in the whole plan.
fn missing(text: &str, runbook: &Runbook, path: &[Release], remarks: &mut Vec<Remark>) {
    let questions = runbook.questions.iter().map(|it| (&it.found, &it.ask, &it.because, None));
    let content = runbook.content.iter().map(|it| (&it.found, &it.what, &it.because, it.releases.as_ref()));
    for (found, what, because, releases) in questions.chain(content) {
        let concerns = releases.is_none_or(|range| path.iter().any(|release| range.contains(release)));
        if concerns && !text.lines().any(|line| found.regex().is_match(line)) {
            remarks.push(Remark {
                kind: RemarkKind::Missing,
                line: None,
                what: what.clone(),
                because: because.clone(),
                instead: "write it down, or that it does not apply and why".to_owned(),
            });
        }
    }
}

/// Whether what the plan's hops take fits its window. Only times on lines that name a release are those of a hop: others may
/// be sums, or say the same again, and of those nothing is concluded.
fn time(text: &str, mentions: &[Mention], remarks: &mut Vec<Remark>) {
    let mut window: Option<(usize, Duration)> = None;
    let (mut hops, mut back) = (Duration::ZERO, Duration::ZERO);
    let mut back_named = false;
    for (line, number) in text.lines().zip(1..) {
        let lower = line.to_lowercase();
        let is_back =
            ["roll back", "rollback", "roll-back", "way back", "restore"].iter().any(|word| lower.contains(word));
        back_named |= is_back;
        if lower.contains("window") {
            if let Some(length) = span(line).or_else(|| duration(line)) {
                window.get_or_insert((number, length));
            }
        } else if let Some(length) = duration(line) {
            match (is_back, mentions.iter().any(|it| it.line == number)) {
                (true, _) => back = back.max(length),
                (false, true) => hops += length,
                (false, false) => {}
            }
        }
    }
    let Some((line, window)) = window else { return };
    if !hops.is_zero() && hops + back > window {
        remarks.push(Remark {
            kind: RemarkKind::Wrong,
            line: Some(line),
            what: format!("a window of {} for what takes {}", humane(window), humane(hops + back)),
            because: format!(
                "hops and steps take {}, the way back {}, and it has to fit too",
                humane(hops),
                humane(back)
            ),
            instead: "a longer window, or several with a part of the path each".to_owned(),
        });
    }
    if back_named && back.is_zero() && !hops.is_zero() {
        remarks.push(Remark {
            kind: RemarkKind::Missing,
            line: None,
            what: "how long the way back takes".to_owned(),
            because: "without it nobody knows until when it can be decided".to_owned(),
            instead: "a measured time: rehearse the restore".to_owned(),
        });
    }
}
