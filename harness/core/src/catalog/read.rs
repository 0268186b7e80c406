//! Text -> [`Catalog`]. All problems are told at once, each with its place.

use std::fmt;

use super::Catalog;
use crate::release::{Edition, EditionError, Release, ReleaseError};

/// Why a text is not a catalog.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// Entries that are not releases, all of them.
    #[error("catalog has {}", told(.0))]
    Entries(Vec<CatalogProblem>),
    /// The text is not a JSON array of strings.
    #[error("catalog is not a JSON array of strings")]
    Json(#[source] serde_json::Error),
}

/// One entry that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct CatalogProblem {
    /// Where it stands.
    pub place: Place,
    /// What is wrong with it.
    pub problem: EntryError,
}

/// Where an entry of a catalog stands.
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
    /// Something else than a list of editions follows the release.
    #[error("`{after}` follows the release: expected editions in brackets, such as [ce, ee]")]
    Editions {
        /// What follows the release.
        after: String,
    },
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
    /// Reads one release a line, then perhaps the editions it was published in: `18.5.7 [ce, ee]  # a comment`.
    ///
    /// # Errors
    /// All lines that could not be read.
    pub fn from_lines(text: &str) -> Result<Catalog, CatalogError> {
        let lines = (1..).zip(text.lines()).map(|(at, line)| (at, line.split('#').next().unwrap_or_default().trim()));
        collect(lines.filter(|(_, line)| !line.is_empty()).map(|(at, line)| (Place::Line(at), entry(line))))
    }

    /// Reads a JSON array of strings.
    ///
    /// # Errors
    /// The text is no such array, or some of its elements are not releases.
    pub fn from_json(text: &str) -> Result<Catalog, CatalogError> {
        let names: Vec<String> = serde_json::from_str(text).map_err(CatalogError::Json)?;
        collect(names.iter().enumerate().map(|(at, name)| (Place::Element(at), entry(name))))
    }
}

type Entry = (Release, Vec<Edition>);

fn collect(read: impl Iterator<Item = (Place, Result<Entry, EntryError>)>) -> Result<Catalog, CatalogError> {
    let mut entries = Vec::new();
    let mut problems = Vec::new();
    for (place, entry) in read {
        match entry {
            Ok(entry) => entries.push(entry),
            Err(problem) => problems.push(CatalogProblem { place, problem }),
        }
    }
    if problems.is_empty() { Ok(Catalog::of_entries(entries)) } else { Err(CatalogError::Entries(problems)) }
}

fn entry(line: &str) -> Result<Entry, EntryError> {
    let (name, after) = line.split_at(line.find(char::is_whitespace).unwrap_or(line.len()));
    let release = name.parse()?;
    let after = after.trim();
    if after.is_empty() {
        return Ok((release, Vec::new()));
    }
    let list = after.strip_prefix('[').and_then(|list| list.strip_suffix(']')).map(str::trim);
    let list = list.filter(|list| !list.is_empty()).ok_or_else(|| EntryError::Editions { after: after.to_owned() })?;
    let words = list.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty());
    Ok((release, words.map(str::parse).collect::<Result<_, _>>()?))
}

fn told(problems: &[CatalogProblem]) -> String {
    let list: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let noun = if problems.len() == 1 { "a problem" } else { "problems" };
    format!("{noun}: {}", list.join("; "))
}
