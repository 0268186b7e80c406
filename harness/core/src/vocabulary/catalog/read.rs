//! Reads a text as a [`Catalog`]. All problems are reported at once, each with its place.

use std::fmt;

use super::{Catalog, Entry};
use crate::vocabulary::release::{Edition, EditionError, Release, ReleaseError};

/// Why a text is not a catalog.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// Entries that are not releases, all of them.
    #[error("catalog has {}", listed(.0))]
    Entries(Vec<CatalogProblem>),
    /// The text is not a JSON array of strings.
    #[error("catalog is not a JSON array of strings")]
    Json(#[source] serde_json::Error),
}

/// One entry that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct CatalogProblem {
    /// Its place.
    pub place: Place,
    /// What is wrong with it.
    pub problem: EntryError,
}

/// The place of an entry in a catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A line of a text, counted from 1.
    Line(usize),
    /// An element of a JSON array, counted from 0.
    Element(usize),
}

/// What is wrong with one entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// Not a release.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// Not an edition.
    #[error(transparent)]
    Edition(#[from] EditionError),
    /// What follows the release is not a list of editions.
    #[error(
        "`{after}` follows the release: expected editions in brackets, such as [ce, ee] or [ce.1, ee], or `unpublished: REASON`"
    )]
    Editions {
        /// What follows the release.
        after: String,
    },
    /// A release that is both.
    #[error("the release is listed both as published and as never published")]
    Both,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Line(line) => write!(f, "line {line}"),
            Place::Element(index) => write!(f, "element {index}"),
        }
    }
}

impl Catalog {
    /// Reads one release a line, then perhaps the editions it was published in, each with its build where that is not 0:
    /// `18.5.7 [ce, ee.1]  # a comment`. `16.7.1 unpublished: REASON` is one that was announced and never published.
    ///
    /// # Errors
    /// All lines that could not be read.
    pub fn from_lines(text: &str) -> Result<Catalog, CatalogError> {
        let lines = (1..).zip(text.lines()).map(|(at, line)| (at, line.split('#').next().unwrap_or_default().trim()));
        collect(lines.filter(|(_, line)| !line.is_empty()).map(|(at, line)| (Place::Line(at), read(line))))
    }

    /// Reads a JSON array of strings.
    ///
    /// # Errors
    /// If the text is not such an array, or some of its elements are not releases.
    pub fn from_json(text: &str) -> Result<Catalog, CatalogError> {
        let names: Vec<String> = serde_json::from_str(text).map_err(CatalogError::Json)?;
        collect(names.iter().enumerate().map(|(at, name)| (Place::Element(at), read(name))))
    }
}

enum Listed {
    Published(Entry),
    Unpublished(Release, String),
}

fn collect(all: impl Iterator<Item = (Place, Result<Listed, EntryError>)>) -> Result<Catalog, CatalogError> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut unpublished = Vec::new();
    let mut problems = Vec::new();
    for (place, listed) in all {
        match listed {
            Ok(Listed::Published(entry)) => entries.push(entry),
            Ok(Listed::Unpublished(release, why)) => unpublished.push((place, release, why)),
            Err(problem) => problems.push(CatalogProblem { place, problem }),
        }
    }
    for (place, release, _) in &unpublished {
        if entries.iter().any(|entry| entry.release.cmp_number(release).is_eq()) {
            problems.push(CatalogProblem { place: *place, problem: EntryError::Both });
        }
    }
    let unpublished = unpublished.into_iter().map(|(_, release, why)| (release, why)).collect();
    if problems.is_empty() {
        Ok(Catalog::of_entries(entries, unpublished))
    } else {
        Err(CatalogError::Entries(problems))
    }
}

fn read(line: &str) -> Result<Listed, EntryError> {
    let (name, after) = line.split_at(line.find(char::is_whitespace).unwrap_or(line.len()));
    let release: Release = name.parse()?;
    let after = after.trim();
    if after.is_empty() {
        return Ok(Listed::Published(Entry { release, editions: Vec::new(), builds: Vec::new() }));
    }
    let wrong = || EntryError::Editions { after: after.to_owned() };
    if let Some(why) = after.strip_prefix("unpublished:") {
        let why = why.trim();
        return if why.is_empty() { Err(wrong()) } else { Ok(Listed::Unpublished(release, why.to_owned())) };
    }
    let list = after.strip_prefix('[').and_then(|list| list.strip_suffix(']')).map(str::trim);
    let list = list.filter(|list| !list.is_empty()).ok_or_else(wrong)?;
    let (mut editions, mut builds) = (Vec::new(), Vec::new());
    for word in list.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty()) {
        let (edition, build) = match word.split_once('.') {
            Some((edition, build)) => (edition.parse::<Edition>()?, Some(build.parse().map_err(|_| wrong())?)),
            None => (word.parse::<Edition>()?, None),
        };
        builds.extend(build.map(|build| (edition.clone(), build)));
        editions.push(edition);
    }
    Ok(Listed::Published(Entry { release, editions, builds }))
}

fn listed(problems: &[CatalogProblem]) -> String {
    let list: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let noun = if problems.len() == 1 { "a problem" } else { "problems" };
    format!("{noun}: {}", list.join("; "))
}
