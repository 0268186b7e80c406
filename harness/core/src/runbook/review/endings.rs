//! Where a plan begins and where it goes to.

use super::super::Mentions;
use super::super::mentions::{Mention, Named};
use super::{Remark, RemarkKind};
use crate::planning::path::Target;
use crate::vocabulary::catalog::Catalog;
use crate::vocabulary::release::{Line, Release};
use crate::vocabulary::scalar::Pattern;

/// The ends of the path, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Ends {
    pub(super) from: Option<Release>,
    pub(super) to: Option<Target>,
}

/// Reads them: what is given counts, then the plan's words, then the lowest and the highest release that it names.
pub(super) fn ends(
    text: &str,
    words: &Mentions,
    mentions: &[Mention],
    catalog: &Catalog,
    given: Ends,
    remarks: &mut Vec<Remark>,
) -> Ends {
    let from = given.from.or_else(|| source(text, words, catalog, remarks));
    let to = given.to.or_else(|| target(text, words, catalog));
    if from.is_some() && to.is_some() {
        return Ends { from, to };
    }
    let mut named: Vec<Release> = mentions.iter().filter_map(|it| release(&it.named, catalog)).collect();
    named.sort_by(|a, b| a.cmp_number(b));
    let lowest = from.clone().or_else(|| named.first().cloned());
    let highest = to.clone().or_else(|| named.last().cloned().map(Target::Release));
    let apart = lowest.as_ref().zip(highest.as_ref()).filter(|(low, high)| low.name() != high.to_string());
    let read =
        apart.map(|(low, high)| format!("read as {} → {high}, the lowest and the highest that is named", low.name()));
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
    if apart.is_some() { Ends { from: lowest, to: highest } } else { Ends { from, to } }
}

/// What of the product is named; a line by its newest release.
fn release(named: &Named, catalog: &Catalog) -> Option<Release> {
    match named {
        Named::Release(release) => catalog.newest_in(&release.line()).map(|_| release.clone()),
        Named::Line(line) => catalog.newest_in(line).cloned(),
    }
}

/// All that a pattern finds in its first group.
fn found<'t>(text: &'t str, pattern: &'t Pattern) -> impl Iterator<Item = &'t str> {
    let groups = move |line: &'t str| pattern.regex().captures_iter(line);
    text.lines().flat_map(groups).filter_map(|groups| Some(groups.get(1)?.as_str()))
}

fn source(text: &str, words: &Mentions, catalog: &Catalog, remarks: &mut Vec<Remark>) -> Option<Release> {
    let said = words.from.iter().find_map(|pattern| found(text, pattern).find(|said| is_of_product(said, catalog)))?;
    if said.matches('.').count() > 1 {
        return said.parse().ok();
    }
    let line: Line = said.parse().ok()?;
    remarks.push(Remark {
        kind: RemarkKind::Missing,
        line: None,
        what: format!("the patch release of the current {said}"),
        because: "a backup restores into exactly its own release, and stops depend on it".to_owned(),
        instead: format!("all of it, such as {}", catalog.newest_in(&line)?.name()),
    });
    catalog.newest_in(&line).cloned()
}

/// The first that a pattern finds; of the last pattern the highest, since a plan names the targets of its hops too.
fn target(text: &str, words: &Mentions, catalog: &Catalog) -> Option<Target> {
    let number = |said: &str| format!("{said}{}", if said.matches('.').count() > 1 { "" } else { ".999999" });
    let (last, before) = words.to.split_last()?;
    let of = |pattern| found(text, pattern).filter(|said| is_of_product(said, catalog));
    let highest = || {
        let releases = of(last).filter_map(|said| Some((number(said).parse::<Release>().ok()?, said)));
        // A release counts before a line, which plans name in passing.
        let exact = |said: &str| said.matches('.').count() > 1;
        releases.max_by(|(a, one), (b, two)| exact(one).cmp(&exact(two)).then(a.cmp_number(b))).map(|(_, said)| said)
    };
    before.iter().find_map(|pattern| of(pattern).next()).or_else(highest)?.parse().ok()
}

/// Whether the product has releases of that major: other numbers are versions of something else.
fn is_of_product(said: &str, catalog: &Catalog) -> bool {
    let major = said.split('.').next();
    catalog.releases().iter().any(|release| release.name().split('.').next() == major)
}
