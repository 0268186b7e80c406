//! Why there is no path.

use std::fmt;

use crate::vocabulary::release::{Edition, Line, Release};

/// Why a path is refused. Its text is meant for the author of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Source, target or both were never published.
    #[error("{}", join(.0))]
    Unknown(Vec<Unknown>),
    /// The target line has no published release.
    #[error("no release of {line} is published{}", nearest_of(.nearest))]
    EmptyLine {
        /// The line.
        line: Line,
        /// Published releases near it.
        nearest: Nearest,
    },
    /// No release is published in the edition.
    #[error("there is no edition {edition}; published are: {}", .known.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    NoEdition {
        /// The edition.
        edition: Edition,
        /// The published editions.
        known: Vec<Edition>,
    },
    /// The target is older than the source.
    #[error("{from} to {to} is a downgrade, which is never planned: the rollback is to restore a backup taken on {to}")]
    Downgrade {
        /// The source.
        from: Box<Release>,
        /// The target.
        to: Box<Release>,
    },
    /// Source and target are the same release.
    #[error("already there: {at} is both source and target")]
    AlreadyThere {
        /// The release.
        at: Box<Release>,
    },
    /// The edition changes in a way no rule allows.
    #[error("{}{}", change_of(.from, .to, .because.as_deref()), allowed_of(.allowed))]
    EditionChange {
        /// The edition of the source.
        from: Edition,
        /// The edition of the target.
        to: Edition,
        /// The changes that are allowed.
        allowed: Vec<(Edition, Edition)>,
        /// Why this one is not, if a rule says so.
        because: Option<String>,
    },
    /// The target is newer than all that the rules cover.
    #[error("{to} is newer than {until}, where the list of stops ends: nothing is known of the stops on the way")]
    Beyond {
        /// The target.
        to: Box<Release>,
        /// The newest release that the rules cover.
        until: Box<Release>,
    },
    /// A hop on the path is forbidden and there is no detour.
    #[error("the hop {from} to {to} is forbidden and no release in between leads around it: {because}")]
    NoWay {
        /// Where the forbidden hop starts.
        from: Box<Release>,
        /// Where it ends.
        to: Box<Release>,
        /// Why it is forbidden.
        because: String,
    },
}

/// The end or ends of a path that a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The release it starts from.
    Source,
    /// The release or line it is to reach.
    Target,
    /// Both, or the path between them.
    Both,
}

impl Refusal {
    /// The end that the refusal is about.
    pub fn end(&self) -> End {
        match self {
            Self::Unknown(unknown) => match unknown.as_slice() {
                [one] => one.end,
                _ => End::Both,
            },
            Self::EmptyLine { .. } | Self::Beyond { .. } => End::Target,
            Self::Downgrade { .. }
            | Self::AlreadyThere { .. }
            | Self::NoEdition { .. }
            | Self::EditionChange { .. }
            | Self::NoWay { .. } => End::Both,
        }
    }
}

/// Published releases near what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest {
    /// The releases, nearest first.
    pub releases: Vec<Release>,
    /// Whether the requested release is newer than all published ones, so that only the newest is given.
    pub beyond: bool,
}

/// A release that was never published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// Which end of the path it is.
    pub end: End,
    /// The release.
    pub release: Release,
    /// The edition in which it was searched for.
    pub edition: Option<Edition>,
    /// Published releases near it.
    pub nearest: Nearest,
    /// What is known of a release that was announced and never published.
    pub announced: Option<String>,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(announced) = &self.announced {
            write!(f, "release {} was never published: {announced}", self.release.name())?;
            return f.write_str(&nearest_of(&self.nearest));
        }
        write!(f, "release {} is not published", self.release)?;
        if let Some(edition) = &self.edition {
            write!(f, " as {edition}")?;
        }
        f.write_str(&nearest_of(&self.nearest))
    }
}

fn join(unknown: &[Unknown]) -> String {
    unknown.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn nearest_of(nearest: &Nearest) -> String {
    let names: Vec<&str> = nearest.releases.iter().map(Release::name).collect();
    let newest = if nearest.beyond { ", the newest that is known" } else { "" };
    if names.is_empty() { String::new() } else { format!(" (nearest: {}{newest})", names.join(", ")) }
}

fn change_of(from: &Edition, to: &Edition, because: Option<&str>) -> String {
    match because {
        Some(because) => format!("a change of edition from {from} to {to} is refused: {because}"),
        None => format!("no rule allows a change of edition from {from} to {to}"),
    }
}

fn allowed_of(allowed: &[(Edition, Edition)]) -> String {
    let changes: Vec<String> = allowed.iter().map(|(from, to)| format!("{from} to {to}")).collect();
    if changes.is_empty() { String::new() } else { format!(" (allowed: {})", changes.join(", ")) }
}
