//! The source and the target of a plan.

use super::super::ReleasePatterns;
use super::super::extract::{NamedRelease, ReleaseOrLine};
use super::{Remark, RemarkKind};
use crate::planning::path::Target;
use crate::vocabulary::catalog::Catalog;
use crate::vocabulary::release::{Line, Release};
use crate::vocabulary::scalar::Pattern;

/// The source and the target, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Endpoints {
    pub(super) from: Option<Release>,
    pub(super) to: Option<Target>,
}

/// Determines them: what is given counts first, then what the plan says, then the lowest and highest releases it names.
pub(super) fn endpoints(
    text: &str,
    patterns: &ReleasePatterns,
    named: &[NamedRelease],
    catalog: &Catalog,
    given: Endpoints,
    remarks: &mut Vec<Remark>,
) -> Endpoints {
    let from = given.from.or_else(|| source(text, patterns, catalog, remarks));
    let to = given.to.or_else(|| target(text, patterns, catalog));
    if from.is_some() && to.is_some() {
        return Endpoints { from, to };
    }
    let mut named: Vec<Release> = named.iter().filter_map(|it| release(&it.named, catalog)).collect();
    named.sort_by(|a, b| a.cmp_number(b));
    let lowest = from.clone().or_else(|| named.first().cloned());
    let highest = to.clone().or_else(|| named.last().cloned().map(Target::Release));
    let apart = lowest.as_ref().zip(highest.as_ref()).filter(|(low, high)| low.name() != high.to_string());
    let read =
        apart.map(|(low, high)| format!("read as {} → {high}, the lowest and the highest release named", low.name()));
    let mut absent = |what: &str| {
        remarks.push(Remark {
            kind: RemarkKind::Missing,
            line: None,
            what: format!("the {what}"),
            because: read.clone().unwrap_or_else(|| "without it nobody can say which stops are on the way".to_owned()),
            instead: format!("a line such as `{what}: 1.2.3`"),
        });
    };
    if from.is_none() {
        absent("current release");
    }
    if to.is_none() {
        absent("target release");
    }
    if apart.is_some() { Endpoints { from: lowest, to: highest } } else { Endpoints { from, to } }
}

/// The named release, or the newest release of the named line, if the product has it.
fn release(named: &ReleaseOrLine, catalog: &Catalog) -> Option<Release> {
    match named {
        ReleaseOrLine::Release(release) => catalog.newest_in(&release.line()).map(|_| release.clone()),
        ReleaseOrLine::Line(line) => catalog.newest_in(line).cloned(),
    }
}

/// The first group of every match of a pattern.
fn first_groups<'t>(text: &'t str, pattern: &'t Pattern) -> impl Iterator<Item = &'t str> {
    let groups = move |line: &'t str| pattern.regex().captures_iter(line);
    text.lines().flat_map(groups).filter_map(|groups| Some(groups.get(1)?.as_str()))
}

fn source(text: &str, patterns: &ReleasePatterns, catalog: &Catalog, remarks: &mut Vec<Remark>) -> Option<Release> {
    let of_product = |pattern| first_groups(text, pattern).find(|number| is_of_product(number, catalog));
    let number = patterns.from.iter().find_map(of_product)?;
    if number.matches('.').count() > 1 {
        return number.parse().ok();
    }
    let line: Line = number.parse().ok()?;
    remarks.push(Remark {
        kind: RemarkKind::Missing,
        line: None,
        what: format!("the patch release of the current {number}"),
        because: "a backup restores into exactly its own release, and stops depend on it".to_owned(),
        instead: format!("the full number, such as {}", catalog.newest_in(&line)?.name()),
    });
    catalog.newest_in(&line).cloned()
}

/// The first release that a pattern finds. Of the last pattern the highest, since it also finds the targets of hops.
fn target(text: &str, patterns: &ReleasePatterns, catalog: &Catalog) -> Option<Target> {
    let padded = |number: &str| format!("{number}{}", if number.matches('.').count() > 1 { "" } else { ".999999" });
    let (last, before) = patterns.to.split_last()?;
    let of = |pattern| first_groups(text, pattern).filter(|number| is_of_product(number, catalog));
    let highest = || {
        let releases = of(last).filter_map(|number| Some((padded(number).parse::<Release>().ok()?, number)));
        // A release outranks a line, which plans name in passing.
        let exact = |number: &str| number.matches('.').count() > 1;
        releases
            .max_by(|(a, one), (b, two)| exact(one).cmp(&exact(two)).then(a.cmp_number(b)))
            .map(|(_, number)| number)
    };
    before.iter().find_map(|pattern| of(pattern).next()).or_else(highest)?.parse().ok()
}

/// Whether the product has releases of that major; other numbers are versions of something else.
fn is_of_product(number: &str, catalog: &Catalog) -> bool {
    let major = number.split('.').next();
    catalog.releases().iter().any(|release| release.name().split('.').next() == major)
}
