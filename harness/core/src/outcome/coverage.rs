//! What a rehearsal looked at, of what was there.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was not looked at, by name, where less was than is required.
const NAMED: usize = 8;

/// How much of one kind of thing the checks look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Of what.
    pub kind: CoverageKind,
    /// How many of them a check looks at.
    pub looked_at: usize,
    /// How many there are.
    pub all: usize,
    /// Those that no check looks at, by name, with the reason.
    pub unseen: BTreeMap<String, String>,
}

/// What coverage is counted of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CoverageKind {
    /// Databases that the product file declares.
    Databases,
    /// Tables of the database that the check of data reads.
    Tables,
    /// Columns of these tables.
    Columns,
    /// Volumes.
    Volumes,
    /// Identities that the product file declares.
    Identities,
    /// What services print, and their log files.
    Logs,
}

impl CoverageKind {
    const ALL: [Self; 6] = [Self::Databases, Self::Tables, Self::Columns, Self::Volumes, Self::Identities, Self::Logs];

    /// The kind of this name.
    ///
    /// # Errors
    /// Which names there are.
    pub fn named(name: &str) -> Result<Self, String> {
        let all = || Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| format!("coverage is counted of {}", all()))
    }

    /// Whether there is nothing of the kind unless it was read.
    fn is_read(self) -> bool {
        match self {
            Self::Tables | Self::Columns => true,
            Self::Databases | Self::Volumes | Self::Identities | Self::Logs => false,
        }
    }

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Databases => "databases",
            Self::Tables => "tables",
            Self::Columns => "columns",
            Self::Volumes => "volumes",
            Self::Identities => "identities",
            Self::Logs => "logs",
        }
    }
}

/// A kind of which less was looked at than is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uncovered<'a> {
    /// Of what.
    pub kind: CoverageKind,
    /// How much is required, in percent.
    pub required: u8,
    /// How much was looked at; none if it was not read at all.
    pub coverage: Option<&'a Coverage>,
}

/// The kinds of which less was looked at than is required, in percent.
pub fn uncovered<'a>(required: &BTreeMap<CoverageKind, u8>, all: &'a [Coverage]) -> Vec<Uncovered<'a>> {
    let short = |(kind, percent): (&CoverageKind, &u8)| {
        let coverage = all.iter().find(|coverage| coverage.kind == *kind);
        let is_met = match coverage {
            Some(coverage) => coverage.looked_at * 100 >= coverage.all * usize::from(*percent),
            None => *percent == 0 || !kind.is_read(),
        };
        (!is_met).then_some(Uncovered { kind: *kind, required: *percent, coverage })
    };
    required.iter().filter_map(short).collect()
}

impl fmt::Display for Uncovered<'_> {
    /// `tables 56/58, at least 100% required: sessions (they are temporary), …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, required, coverage } = self;
        let Some(coverage) = coverage else {
            return write!(f, "{}: at least {required}% required, and none was read", kind.name());
        };
        write!(f, "{coverage}, at least {required}% required: ")?;
        for (index, (name, because)) in coverage.unseen.iter().take(NAMED).enumerate() {
            let between = if index == 0 { "" } else { ", " };
            write!(f, "{between}{name} ({because})")?;
        }
        match coverage.unseen.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind.name(), self.looked_at, self.all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_than_is_required_is_named_with_what_was_not_looked_at() {
        let unseen = [("sessions".to_owned(), "they are temporary".to_owned())].into();
        let tables = Coverage { kind: CoverageKind::Tables, looked_at: 3, all: 4, unseen };
        let check = |kind, percent, expected: &str| {
            let texts: Vec<String> = uncovered(&[(kind, percent)].into(), std::slice::from_ref(&tables))
                .iter()
                .map(ToString::to_string)
                .collect();
            assert_eq!(texts.join("; "), expected);
        };
        check(CoverageKind::Tables, 75, "");
        check(CoverageKind::Tables, 76, "tables 3/4, at least 76% required: sessions (they are temporary)");
        check(CoverageKind::Columns, 1, "columns: at least 1% required, and none was read");
        // There are no volumes.
        check(CoverageKind::Volumes, 100, "");
        assert!(CoverageKind::named("table").is_err_and(|text| text.contains("tables, columns")));
    }
}
