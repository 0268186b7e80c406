//! The published releases of one product, in order.
//!
//! It never invents a release: patches are not contiguous, so "the latest patch" is only ever read from here.
//! Pre-releases are found by name but never chosen as the newest release.

use std::cmp::Reverse;

use crate::vocabulary::release::{Edition, Line, Release};

mod read;
#[cfg(test)]
mod tests;

pub use read::{CatalogError, CatalogProblem, EntryError, Place};

/// The published releases of one product, sorted, each number once.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    releases: Vec<Release>,
    /// For each release, by index, the editions it was published in; none means all.
    editions: Vec<Vec<Edition>>,
    /// For each minor that has a final release, the newest of them.
    minors: Vec<Newest>,
    /// For each release, by index, the builds of editions other than the first, 0.
    builds: Vec<Vec<(Edition, u32)>>,
    /// Releases that were announced and never published, with what is known of them.
    unpublished: Vec<(Release, String)>,
}

/// A release as a catalog lists it: the editions it was published in, and the build of each if it is listed.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    release: Release,
    editions: Vec<Edition>,
    builds: Vec<(Edition, u32)>,
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
        let bare = |release| Entry { release, editions: Vec::new(), builds: Vec::new() };
        Catalog::of_entries(releases.into_iter().map(bare).collect(), Vec::new())
    }

    fn of_entries(mut entries: Vec<Entry>, unpublished: Vec<(Release, String)>) -> Catalog {
        for Entry { release, editions, builds } in &mut entries {
            if let Some(edition) = release.edition().cloned() {
                builds.extend(release.edition_build().map(|build| (edition.clone(), build)));
                *release = release.without_edition();
                editions.push(edition);
            }
            editions.sort_unstable();
            editions.dedup();
        }
        entries.sort_by(|a, b| a.release.cmp_number(&b.release));
        entries.dedup_by(|later, first| {
            let same = later.release.cmp_number(&first.release).is_eq();
            if same {
                first.builds.append(&mut later.builds);
            }
            if same && (later.editions.is_empty() || first.editions.is_empty()) {
                first.editions.clear();
            } else if same {
                first.editions.append(&mut later.editions);
                first.editions.sort_unstable();
                first.editions.dedup();
            }
            same
        });
        let mut catalog = Catalog { unpublished, ..Catalog::default() };
        for entry in entries {
            catalog.releases.push(entry.release);
            catalog.editions.push(entry.editions);
            catalog.builds.push(entry.builds);
        }
        catalog.minors = newest_of_minors(&catalog.releases);
        catalog
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

    /// The final releases of a line, oldest first.
    pub fn of_line<'c>(&'c self, line: &'c Line) -> impl Iterator<Item = &'c Release> {
        self.releases.iter().filter(|release| !release.is_prerelease() && line.contains(release))
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

    /// The releases that were published in all editions.
    pub(crate) fn of_all_editions(&self) -> Catalog {
        self.filtered(<[Edition]>::is_empty, &[])
    }

    fn filtered(&self, keep: impl Fn(&[Edition]) -> bool, editions: &[Edition]) -> Catalog {
        let mut catalog = Catalog { unpublished: self.unpublished.clone(), ..Catalog::default() };
        for ((release, of), builds) in self.releases.iter().zip(&self.editions).zip(&self.builds) {
            if keep(of) {
                catalog.releases.push(release.clone());
                catalog.editions.push(editions.to_vec());
                catalog.builds.push(builds.clone());
            }
        }
        catalog.minors = newest_of_minors(&catalog.releases);
        catalog
    }

    /// A published release in an edition, with the edition's build where that is not the first: `8.5.1-ce.1`.
    #[must_use]
    pub fn in_edition(&self, release: &Release, edition: &Edition) -> Release {
        let builds = self.position(release).and_then(|at| self.builds.get(at));
        let build = builds.into_iter().flatten().filter(|(of, _)| of == edition).map(|(_, build)| *build).max();
        match build.filter(|build| *build > 0) {
            Some(build) => release.with_edition_build(edition, build),
            None => release.with_edition(edition),
        }
    }

    /// What is known of a release that was announced and never published.
    #[must_use]
    pub fn unpublished(&self, release: &Release) -> Option<&str> {
        let known = self.unpublished.iter().find(|(known, _)| known.cmp_number(release).is_eq());
        known.map(|(_, why)| why.as_str())
    }

    /// The releases that were announced and never published, as the catalog lists them.
    pub fn all_unpublished(&self) -> impl Iterator<Item = &Release> {
        self.unpublished.iter().map(|(release, _)| release)
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

    /// The index of the release of the same number.
    pub(crate) fn position(&self, release: &Release) -> Option<usize> {
        self.releases.binary_search_by(|published| published.cmp_number(release)).ok()
    }

    /// The index of the newest final release of a line.
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
