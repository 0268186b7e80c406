//! Reads and writes lists of stops in the format that others use: `{"supported": […], "all": […]}`.

use serde::{Deserialize, Serialize};

use super::route::Path;
use super::rules::{Facts, Rules};
use super::table::{Scope, Table};
use crate::vocabulary::catalog::Catalog;
use crate::vocabulary::release::Release;

/// A list of stops. `all` has every stop, oldest first, followed by the newest release; `supported` has the stops of the two
/// newest majors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopList {
    /// The stops of the two newest majors.
    pub supported: Vec<Release>,
    /// All stops, and the newest release.
    pub all: Vec<Release>,
}

/// Why a text is not a list of stops.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StopListError {
    /// It is not JSON of this shape.
    #[error("expected {{\"supported\": [releases], \"all\": [releases]}}")]
    Json(#[from] serde_json::Error),
    /// It does not name a release.
    #[error("`all` is empty: it ends with the newest release")]
    Empty,
    /// It is not in ascending order.
    #[error("{after} comes after {before} in `all`: expected the oldest first")]
    Order {
        /// The earlier entry.
        before: Box<Release>,
        /// The later entry, which is older.
        after: Box<Release>,
    },
}

impl StopList {
    /// Reads a list.
    ///
    /// # Errors
    /// If the text is not one.
    pub fn read(text: &str) -> Result<StopList, StopListError> {
        let list: StopList = serde_json::from_str(text)?;
        if list.all.is_empty() {
            return Err(StopListError::Empty);
        }
        for (before, after) in list.all.iter().zip(list.all.iter().skip(1)) {
            if after.cmp_number(before).is_lt() {
                return Err(StopListError::Order { before: Box::new(before.clone()), after: Box::new(after.clone()) });
            }
        }
        Ok(list)
    }

    /// The stops, without the newest release at the end, which is not necessarily a stop.
    #[must_use]
    pub fn stops(&self) -> &[Release] {
        self.all.split_last().map_or(&[], |(_, stops)| stops)
    }

    /// The newest release that the list covers; newer stops are not known.
    #[must_use]
    pub fn newest(&self) -> Option<&Release> {
        self.all.last()
    }

    /// The stops of these rules that hold or are not decided, and the newest release of the catalog.
    #[must_use]
    pub fn of_rules(rules: &Rules, catalog: &Catalog, facts: &Facts) -> StopList {
        let table = Table::new(rules, std::borrow::Cow::Borrowed(catalog), Scope::All);
        let needed = |reason| match reason {
            super::reason::Reason::Stop(id) => {
                let when = rules.stops.get(id as usize).and_then(|stop| stop.when.as_ref());
                when.is_none_or(|when| facts.decided.get(when) != Some(&false))
            }
            super::reason::Reason::Every(_)
            | super::reason::Reason::Decided(_)
            | super::reason::Reason::Minor
            | super::reason::Reason::Major
            | super::reason::Reason::Undecided(_)
            | super::reason::Reason::Detour(_)
            | super::reason::Reason::Edition(_)
            | super::reason::Reason::Target => true,
        };
        let mut at: Vec<u32> = table.waypoints.iter().filter(|w| needed(w.reason)).map(|w| w.at).collect();
        at.dedup();
        let stops: Vec<Release> = at.into_iter().filter_map(|at| table.release(at).cloned()).collect();
        StopList::of(stops, catalog.newest())
    }

    /// The releases of a path, as a list of stops.
    #[must_use]
    pub fn of_path(path: &Path) -> StopList {
        StopList::of(path.hops.iter().map(|hop| hop.to.without_edition()).collect(), None)
    }

    fn of(stops: Vec<Release>, newest: Option<&Release>) -> StopList {
        let mut majors: Vec<u64> = stops.iter().map(Release::major).collect();
        majors.dedup();
        let oldest = majors.iter().rev().nth(1).or(majors.last()).copied().unwrap_or(0);
        let supported = stops.iter().filter(|stop| stop.major() >= oldest).cloned().collect();
        StopList { supported, all: stops.into_iter().chain(newest.cloned()).collect() }
    }
}
