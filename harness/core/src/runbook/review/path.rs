//! Compares the releases that a plan passes with the path that it has to take.

use std::collections::BTreeSet;

use super::super::extract::{NamedRelease, ReleaseOrLine};
use super::super::{LinePattern, ReleasePatterns};
use super::{Remark, RemarkKind};
use crate::planning::path::{Facts, Hop, Planner, Rules, Target};
use crate::vocabulary::catalog::Catalog;
use crate::vocabulary::release::Release;

/// Judges the releases that the plan passes. Gives the hops of the path that it has to take.
pub(super) fn path(
    (text, patterns): (&str, &ReleasePatterns),
    from: Option<&Release>,
    to: Option<&Target>,
    rules: &Rules,
    catalog: &Catalog,
    named: &[NamedRelease],
    remarks: &mut Vec<Remark>,
) -> Vec<Hop> {
    let (Some(from), Some(to)) = (from, to) else { return Vec::new() };
    let line_of = |number: &str| named.iter().find(|it| it.text == number).map(|it| it.line);
    let planner = Planner::new(rules, catalog);
    let source = nearest_below(from, catalog).unwrap_or(from).without_edition();
    let plan = |to: &Target| planner.path(&source, to, &Facts::none());
    let hops = match plan(&published_target(to, catalog, line_of(&to.to_string()), remarks)) {
        Ok(path) => path.hops,
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
    let by_releases = named.iter().any(|it| path.iter().any(|hop| it.is(hop)));
    for hop in &hops {
        let near = |it: &&NamedRelease| match &it.named {
            ReleaseOrLine::Release(release) => release.line() == hop.to.line() && release.numbers() != from.numbers(),
            ReleaseOrLine::Line(line) => *line == hop.to.line(),
        };
        if named.iter().any(|it| it.is(&hop.to)) {
            continue;
        }
        let optional = hop.optional.is_some();
        let near = named.iter().find(near);
        let near = match near {
            // The author has thought about whether it is needed.
            Some(NamedRelease { named: ReleaseOrLine::Line(_), .. }) if optional => continue,
            // In a plan whose hops are releases, a line is only mentioned in passing.
            Some(NamedRelease { named: ReleaseOrLine::Line(_), .. }) if by_releases => None,
            near => near,
        };
        if near.is_some_and(|it| matches!(&it.named, ReleaseOrLine::Release(release) if !catalog.contains(release))) {
            // Reported as not published.
            continue;
        }
        let (line, what) = match near {
            Some(NamedRelease { line, text, named: ReleaseOrLine::Release(_), .. }) => {
                (Some(*line), format!("stops at {text} instead of {}", hop.to.name()))
            }
            Some(NamedRelease { line, text, .. }) => (Some(*line), format!("{text} without its patch release")),
            None if optional => (None, format!("whether a stop at {} is needed", hop.to.name())),
            None => (None, format!("no stop at {} on the way from {} to {to}", hop.to.name(), from.name())),
        };
        let undecided = optional && line.is_none();
        let instead = if undecided {
            format!("{} as a stop, or what was observed on the data that makes it unnecessary", hop.to.name())
        } else {
            format!("{} → {}", hop.from.name(), hop.to.name())
        };
        let kind = if undecided { RemarkKind::Missing } else { RemarkKind::Wrong };
        remarks.push(Remark { kind, line, what, because: hop.because.clone(), instead });
    }
    order(text, patterns, named, from, &path, remarks);
    hops
}

/// The target to plan for. A target that was never published is reported and replaced by the newest release before it.
fn published_target(to: &Target, catalog: &Catalog, line: Option<usize>, remarks: &mut Vec<Remark>) -> Target {
    let release = match to {
        Target::Release(release) => release.clone(),
        Target::Line(line) if catalog.newest_in(line).is_some() => return to.clone(),
        Target::Line(line) => match format!("{line}.0").parse() {
            Ok(release) => release,
            Err(_) => return to.clone(),
        },
    };
    if catalog.contains(&release) {
        return to.clone();
    }
    if catalog.newest_in(&release.line()).is_some() {
        return Target::Line(release.line());
    }
    let Some(below) = nearest_below(&release, catalog) else { return to.clone() };
    remarks.push(Remark {
        kind: RemarkKind::Wrong,
        line,
        what: format!("{to} is not published"),
        because: format!("no release of {} is known", release.line()),
        instead: format!("{}, the newest before it", below.name()),
    });
    Target::Release(below.clone())
}

/// The release itself, or the newest published one before it.
fn nearest_below<'c>(release: &Release, catalog: &'c Catalog) -> Option<&'c Release> {
    let before = |it: &&Release| it.cmp_number(release).is_le();
    catalog.releases().iter().filter(before).max_by(|a, b| a.cmp_number(b))
}

/// Several releases of the path on one line are a sequence, which must ascend.
fn order(
    text: &str,
    patterns: &ReleasePatterns,
    named: &[NamedRelease],
    from: &Release,
    path: &[Release],
    remarks: &mut Vec<Remark>,
) {
    let mut rest = named;
    while let Some(first) = rest.first() {
        let (line, later) = rest.split_at(rest.iter().take_while(|it| it.line == first.line).count());
        rest = later;
        let releases: Vec<&Release> = line
            .iter()
            .filter_map(|it| match &it.named {
                ReleaseOrLine::Release(release) => Some(release),
                ReleaseOrLine::Line(_) => None,
            })
            .filter(|release| {
                release.numbers() == from.numbers() || path.iter().any(|stop| stop.numbers() == release.numbers())
            })
            .collect();
        // Only the first occurrence of a release counts for the order.
        let mut first_named: Vec<&Release> = Vec::new();
        for release in releases {
            if !first_named.iter().any(|it| it.numbers() == release.numbers()) {
                first_named.push(release);
            }
        }
        // `from 1.0 to 3.0 by way of 2.0`: both ends come first.
        let is = |at: usize, end: &Release| first_named.get(at).is_some_and(|it| it.numbers() == end.numbers());
        if first_named.len() > 2 && is(0, from) && path.last().is_some_and(|target| is(1, target)) {
            first_named.remove(1);
        }
        let releases = first_named;
        let text = text.lines().nth(first.line - 1).unwrap_or_default();
        let is_hop = patterns.hop.regex().is_match(text) && !patterns.back.regex().is_match(text);
        let descends = releases.windows(2).find(|pair| pair[0].numbers() > pair[1].numbers());
        if let Some(pair) = descends.filter(|_| releases.len() > 2 || is_hop) {
            remarks.push(Remark {
                kind: RemarkKind::Wrong,
                line: Some(first.line),
                what: format!("{} stands before {}", pair[0].name(), pair[1].name()),
                because: "an upgrade only goes up".to_owned(),
                instead: format!("{} → {}", pair[1].name(), pair[0].name()),
            });
        }
    }
}

/// Releases that were never published.
pub(super) fn unpublished(named: &[NamedRelease], catalog: &Catalog, remarks: &mut Vec<Remark>) {
    let mut reported = Vec::new();
    for it in named {
        let ReleaseOrLine::Release(release) = &it.named else { continue };
        // A number in a line without published releases is not a release of this product at all.
        let of_product = catalog.newest_in(&release.line());
        let Some(newest) = of_product else { continue };
        if catalog.contains(release) || reported.contains(&release) {
            continue;
        }
        reported.push(release);
        remarks.push(Remark {
            kind: RemarkKind::Wrong,
            line: Some(it.line),
            what: format!("{} is not published", it.text),
            because: "neither an image nor a package of it exists".to_owned(),
            instead: format!("{}, the newest of {}", newest.name(), release.line()),
        });
    }
}

/// Changes of edition within the plan.
pub(super) fn edition_changes(named: &[NamedRelease], rules: &Rules, remarks: &mut Vec<Remark>) {
    let with = |it: &&NamedRelease| it.edition.is_some();
    let Some(first) = named.iter().find(with) else { return };
    let Some(other) = named.iter().filter(with).find(|it| it.edition != first.edition) else { return };
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

/// Backups that the plan restores although they are of another release or edition than the source.
pub(super) fn restored_backups(
    text: &str,
    from: &Release,
    patterns: &ReleasePatterns,
    named: &[NamedRelease],
    remarks: &mut Vec<Remark>,
) {
    let Some(pattern) = &patterns.backup else { return };
    let with = |it: &NamedRelease| it.edition.clone();
    let edition = named.iter().filter(|it| it.is(from)).find_map(with).or_else(|| named.iter().find_map(with));
    for (line, number) in text.lines().zip(1..) {
        let release = pattern.regex().captures(line).and_then(|groups| groups.get(1)?.as_str().parse::<Release>().ok());
        let Some(release) = release else { continue };
        let of = release.edition().or(patterns.backup_edition.as_ref()).map(ToString::to_string);
        let (source, backup, what) = match (&edition, &of) {
            _ if release.numbers() != from.numbers() => (from.name().to_owned(), release.name().to_owned(), "release"),
            (Some(edition), Some(of)) if edition != of => {
                (format!("{}-{edition}", from.name()), format!("{}-{of}", release.name()), "edition")
            }
            _ => continue,
        };
        remarks.push(Remark {
            kind: RemarkKind::Wrong,
            line: Some(number),
            what: format!("a backup of {backup} is restored"),
            because: format!("production is {source}, and a backup restores into exactly its own {what}"),
            instead: format!("a backup of {source}"),
        });
    }
}

/// Backups of one release that are restored into another one, as the plan describes it in words.
pub(super) fn restores_into_other_releases(text: &str, patterns: &ReleasePatterns, remarks: &mut Vec<Remark>) {
    let Some(pattern) = &patterns.restores else { return };
    for (line, number) in text.lines().zip(1..) {
        let Some(groups) = pattern.regex().captures(line) else { continue };
        let (Some(of), Some(into)) = (groups.get(1), groups.get(2)) else { continue };
        if of.as_str() != into.as_str() {
            remarks.push(Remark {
                kind: RemarkKind::Wrong,
                line: Some(number),
                what: format!("a backup of {} is restored into {}", of.as_str(), into.as_str()),
                because: "a backup restores into exactly its own release".to_owned(),
                instead: format!("{} installed first, or a backup of {}", of.as_str(), into.as_str()),
            });
        }
    }
}

/// Releases that a plan gives differently in several places.
pub(super) fn contradictions(
    text: &str,
    patterns: &ReleasePatterns,
    named: &[NamedRelease],
    hops: &[Hop],
    remarks: &mut Vec<Remark>,
) {
    let first_hop = first_install(text, patterns, named, hops);
    for once in &patterns.once {
        let bound = first_hop.filter(|_| once.before_hops).unwrap_or(usize::MAX);
        let mut occurrences = text.lines().zip(1..).take_while(|(_, line)| *line < bound).filter_map(|(text, line)| {
            let number = once.pattern.regex().captures(text)?.get(1)?.as_str().to_owned();
            Some((line, number))
        });
        let Some((at, first)) = occurrences.next() else { continue };
        // `18.2` may be short for `18.2.8`.
        let agrees = |other: &str| {
            other == first || other.starts_with(&format!("{first}.")) || first.starts_with(&format!("{other}."))
        };
        let Some((line, other)) = occurrences.find(|(_, other)| !agrees(other)) else { continue };
        remarks.push(Remark {
            kind: RemarkKind::Wrong,
            line: Some(line),
            what: format!("{} is {other} here and {first} in line {at}", once.what),
            because: "whoever carries it out will follow one or the other".to_owned(),
            instead: "the same in both lines".to_owned(),
        });
    }
}

/// A release on a line that installs.
struct Installed<'a> {
    line: usize,
    release: &'a Release,
}

/// The releases that the plan installs, in its order.
fn installs<'a>(text: &str, patterns: &ReleasePatterns, named: &'a [NamedRelease], hops: &[Hop]) -> Vec<Installed<'a>> {
    let LinePattern { pattern, unless } = &patterns.installs;
    let is = |line: &str| {
        pattern.regex().is_match(line) && !unless.as_ref().is_some_and(|unless| unless.regex().is_match(line))
    };
    let names = |at: usize, release: &Release| named.iter().any(|it| it.line == at && it.is(release));
    // A line with both ends of a path of several hops describes the whole path and is not a step.
    let both = |at: usize| match (hops.first(), hops.last()) {
        (Some(first), Some(last)) => hops.len() > 1 && names(at, &first.from) && names(at, &last.to),
        _ => false,
    };
    let lines: BTreeSet<usize> =
        text.lines().zip(1..).filter(|(line, at)| is(line) && !both(*at)).map(|(_, at)| at).collect();
    let source = hops.first().map(|hop| &hop.from);
    let of = |it: &'a NamedRelease| match &it.named {
        ReleaseOrLine::Release(release) => Some(Installed { line: it.line, release }),
        ReleaseOrLine::Line(_) => None,
    };
    let is_source = |it: &Installed<'_>| source.is_some_and(|source| source.numbers() == it.release.numbers());
    named.iter().filter(|it| lines.contains(&it.line)).filter_map(of).filter(|it| !is_source(it)).collect()
}

/// The installed releases must be those of the path, in its order.
pub(super) fn install_order(
    text: &str,
    patterns: &ReleasePatterns,
    named: &[NamedRelease],
    hops: &[Hop],
    catalog: &Catalog,
    remarks: &mut Vec<Remark>,
) {
    let all = installs(text, patterns, named, hops);
    let is = |it: &Installed<'_>, hop: &Hop| it.release.numbers() == hop.to.numbers();
    let Some(target) = hops.last() else { return };
    // A release that was never published is reported as such.
    let beyond = |it: &&Installed<'_>| it.release.numbers() > target.to.numbers() && catalog.contains(it.release);
    for beyond in all.iter().filter(beyond) {
        remarks.push(Remark {
            kind: RemarkKind::Wrong,
            line: Some(beyond.line),
            what: format!("{} is installed", beyond.release.name()),
            because: format!("the target is {}", target.to.name()),
            instead: target.to.name().to_owned(),
        });
    }
    let mut seen: Vec<&Installed<'_>> = Vec::new();
    for it in all.iter().filter(|it| hops.iter().any(|hop| is(it, hop))) {
        if seen.iter().any(|other| other.release.numbers() == it.release.numbers()) {
            // A plan may take the same path twice: in the rehearsal and in production.
            continue;
        }
        if let Some(before) = seen.last().filter(|before| before.release.numbers() > it.release.numbers())
            && before.line != it.line
        {
            remarks.push(Remark {
                kind: RemarkKind::Wrong,
                line: Some(it.line),
                what: format!(
                    "{} is installed after {}, line {}",
                    it.release.name(),
                    before.release.name(),
                    before.line
                ),
                because: "an upgrade only goes up".to_owned(),
                instead: format!("{} → {}", it.release.name(), before.release.name()),
            });
        }
        seen.push(it);
    }
    let each = text.lines().any(|line| patterns.installs_each.regex().is_match(line));
    if seen.is_empty() || each {
        return;
    }
    // A release that the plan never names is reported as a missing stop; the condition of an optional one may be decided.
    for hop in hops.iter().filter(|hop| hop.optional.is_none() && !all.iter().any(|it| is(it, hop))) {
        let Some(it) = named.iter().find(|it| it.is(&hop.to)) else { continue };
        remarks.push(Remark {
            kind: RemarkKind::Wrong,
            line: Some(it.line),
            what: format!("{} is named here, and no step installs it", hop.to.name()),
            because: hop.because.clone(),
            instead: format!("a step for {} → {}", hop.from.name(), hop.to.name()),
        });
    }
}

/// The number of the first line that installs a release of the path.
pub(super) fn first_install(
    text: &str,
    patterns: &ReleasePatterns,
    named: &[NamedRelease],
    hops: &[Hop],
) -> Option<usize> {
    let all = installs(text, patterns, named, hops);
    all.iter().find(|it| hops.iter().any(|hop| hop.to.line() == it.release.line())).map(|it| it.line)
}
