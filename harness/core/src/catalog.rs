//! The published releases of one product, in order.
//!
//! Never invents a release: patches are not contiguous, so "the latest patch" is only ever read from here.
//! Pre-releases are found by name but never chosen: they are nobody's newest release.

use std::cmp::Reverse;

use crate::release::{Edition, Line, Release};

mod read;
#[cfg(test)]
mod tests;

pub use read::{CatalogError, CatalogProblem, EntryError, Place};

/// The published releases of one product, sorted, each number once.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    releases: Vec<Release>,
    /// Beside each release the editions it was published in; none means all.
    editions: Vec<Vec<Edition>>,
    /// For each minor that has a final release, the newest of them.
    minors: Vec<Newest>,
}

/// The newest final release of a minor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Newest {
    pub(crate) major: u64,
    pub(crate) minor: u64,
    pub(crate) index: u32,
}

impl Newest {
    pub(crate) fn minor_key(&self) -> (u64, u64) {
        (self.major, self.minor)
    }
}

impl Catalog {
    /// A catalog of releases in any order. An edition in a release's name is where that release is published.
    pub fn new(releases: impl IntoIterator<Item = Release>) -> Catalog {
        Catalog::of_entries(releases.into_iter().map(|release| (release, Vec::new())).collect())
    }

    fn of_entries(mut entries: Vec<(Release, Vec<Edition>)>) -> Catalog {
        for (release, editions) in &mut entries {
            if let Some(edition) = release.edition().cloned() {
                *release = release.without_edition();
                editions.push(edition);
            }
            editions.sort_unstable();
            editions.dedup();
        }
        entries.sort_by(|(a, _), (b, _)| a.cmp_number(b));
        entries.dedup_by(|(later, more), (kept, editions)| {
            let same = later.cmp_number(kept).is_eq();
            if same && (more.is_empty() || editions.is_empty()) {
                editions.clear();
            } else if same {
                editions.append(more);
                editions.sort_unstable();
                editions.dedup();
            }
            same
        });
        let (releases, editions): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
        Catalog { minors: newest_of_minors(&releases), releases, editions }
    }

    /// All releases, oldest first.
    #[must_use]
    pub fn releases(&self) -> &[Release] {
        &self.releases
    }

    /// The release of the same number, if it was published (in its edition, when it names one).
    #[must_use]
    pub fn find(&self, release: &Release) -> Option<&Release> {
        let index = self.position(release)?;
        let published = release.edition().is_none_or(|edition| self.has_edition(index, edition));
        self.releases.get(index).filter(|_| published)
    }

    /// Whether a release was published (in its edition, when it names one).
    #[must_use]
    pub fn contains(&self, release: &Release) -> bool {
        self.find(release).is_some()
    }

    /// The newest final release of a line.
    #[must_use]
    pub fn newest_in(&self, line: &Line) -> Option<&Release> {
        self.newest_index(line).and_then(|index| self.releases.get(index as usize))
    }

    /// The newest final release of all.
    #[must_use]
    pub fn newest(&self) -> Option<&Release> {
        self.minors.last().and_then(|newest| self.releases.get(newest.index as usize))
    }

    /// The minors that have a final release, oldest first.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = Line> + '_ {
        self.minors.iter().map(|newest| Line::of_minor(newest.major, newest.minor))
    }

    /// All editions that some release names.
    #[must_use]
    pub fn editions(&self) -> Vec<Edition> {
        let mut editions: Vec<Edition> = self.editions.iter().flatten().cloned().collect();
        editions.sort_unstable();
        editions.dedup();
        editions
    }

    /// The releases published in an edition.
    #[must_use]
    pub fn of_edition(&self, edition: &Edition) -> Catalog {
        self.filtered(|editions| editions.is_empty() || editions.contains(edition), std::slice::from_ref(edition))
    }

    /// The releases published in any edition there may be.
    pub(crate) fn of_all_editions(&self) -> Catalog {
        self.filtered(<[Edition]>::is_empty, &[])
    }

    fn filtered(&self, keep: impl Fn(&[Edition]) -> bool, editions: &[Edition]) -> Catalog {
        let kept = self.releases.iter().zip(&self.editions).filter(|(_, editions)| keep(editions));
        let releases: Vec<Release> = kept.map(|(release, _)| release.clone()).collect();
        let editions = vec![editions.to_vec(); releases.len()];
        Catalog { minors: newest_of_minors(&releases), releases, editions }
    }

    /// The published releases nearest to an unknown one: by its numbers, then by its spelling, newest first.
    #[must_use]
    pub fn nearest(&self, unknown: &str, count: usize) -> Vec<&Release> {
        let numbers = unknown.parse::<Release>().ok().map(|release| release.numbers());
        let distance = |release: &Release| {
            let apart = numbers.map(|[major, minor, patch, fourth]| {
                let [a, b, c, d] = release.numbers();
                [major.abs_diff(a), minor.abs_diff(b), patch.abs_diff(c), fourth.abs_diff(d)]
            });
            (apart, strsim::damerau_levenshtein(unknown, release.name()))
        };
        let mut ranked: Vec<_> =
            self.releases.iter().enumerate().map(|(at, r)| (distance(r), Reverse(at), r)).collect();
        ranked.sort_unstable_by(|(a, at, _), (b, bt, _)| a.cmp(b).then(at.cmp(bt)));
        ranked.into_iter().take(count).map(|(_, _, release)| release).collect()
    }

    /// The minors that have a final release, each with its newest.
    pub(crate) fn minors(&self) -> &[Newest] {
        &self.minors
    }

    /// Where the release of the same number stands.
    pub(crate) fn position(&self, release: &Release) -> Option<usize> {
        self.releases.binary_search_by(|published| published.cmp_number(release)).ok()
    }

    /// Where the newest final release of a line stands.
    pub(crate) fn newest_index(&self, line: &Line) -> Option<u32> {
        let after = match line.minor() {
            Some(minor) => self.minors.partition_point(|newest| newest.minor_key() <= (line.major(), minor)),
            None => self.minors.partition_point(|newest| newest.major <= line.major()),
        };
        let newest = self.minors.get(after.checked_sub(1)?)?;
        let inside = newest.major == line.major() && line.minor().is_none_or(|minor| minor == newest.minor);
        inside.then_some(newest.index)
    }

    fn has_edition(&self, index: usize, edition: &Edition) -> bool {
        self.editions.get(index).is_some_and(|editions| editions.is_empty() || editions.contains(edition))
    }
}

fn newest_of_minors(releases: &[Release]) -> Vec<Newest> {
    let mut minors: Vec<Newest> = Vec::new();
    for (index, release) in (0..).zip(releases).filter(|(_, release)| !release.is_prerelease()) {
        let newest = Newest { major: release.major(), minor: release.minor(), index };
        match minors.last_mut().filter(|last| last.minor_key() == newest.minor_key()) {
            Some(last) => *last = newest,
            None => minors.push(newest),
        }
    }
    minors
}
