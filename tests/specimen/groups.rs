//! Faults that are planted together, in one rehearsal: they do not touch each other, and each is known by what it is found on.

/// `"name" "what is wrong" ["code" "subject", "code" "subject" quoting "words"]` for each fault.
macro_rules! grouped {
    (@quote) => { "*" };
    (@quote $quote:literal) => { $quote };
    ($($name:literal $about:literal [$($code:literal $subject:literal $(quoting $quote:literal)?),+])+) => {
        &[$($crate::groups::Grouped {
            name: $name,
            about: $about,
            marks: &[$($crate::groups::Mark { code: $code, subject: $subject, quote: grouped!(@quote $($quote)?) }),+],
        }),+]
    };
}

mod service;
mod state;
mod structure;

use rehearse_core::vocabulary::wildcard::fits;

use crate::run::{Found, Observation};

/// How a fault is recognised among the others of its group.
pub(crate) struct Mark {
    pub(crate) code: &'static str,
    /// What the finding is about, with `*` for any characters.
    pub(crate) subject: &'static str,
    /// What the finding quotes, with `*` for any characters.
    pub(crate) quote: &'static str,
}

impl Mark {
    fn is_of(&self, found: &Found) -> bool {
        self.code == found.code && fits(self.subject, &found.subject) && fits(self.quote, &found.quote)
    }
}

/// A fault of a group.
pub(crate) struct Grouped {
    pub(crate) name: &'static str,
    /// What is wrong, as somebody would write it who knows.
    pub(crate) about: &'static str,
    /// What it is found on. The first has to be there; what fits another follows from the same fault.
    pub(crate) marks: &'static [Mark],
}

impl Grouped {
    /// Whether a finding is about this fault.
    pub(crate) fn owns(&self, found: &Found) -> bool {
        self.marks.iter().any(|mark| mark.is_of(found))
    }
}

/// Faults that are planted together.
pub(crate) struct Group {
    pub(crate) name: &'static str,
    /// The release that brings them; no further hop is made.
    pub(crate) release: &'static str,
    /// The stage that has to fail first.
    pub(crate) stage: &'static str,
    /// Run with every change.
    pub(crate) quick: bool,
    pub(crate) faults: &'static [Grouped],
}

impl Group {
    /// The value of `--set fault=`.
    pub(crate) fn switch(&self) -> String {
        self.faults.iter().map(|fault| fault.name).collect::<Vec<_>>().join("+")
    }

    /// Findings that no fault of the group accounts for.
    pub(crate) fn unplanted(&self, seen: &Observation) -> Vec<String> {
        let foreign = |found: &&Found| !self.faults.iter().any(|fault| fault.owns(found));
        let told = |found: &Found| format!("{} {}: {}", found.by, found.code, found.text);
        seen.found.iter().filter(foreign).map(told).collect()
    }

    /// Faults whose first mark is on no finding.
    pub(crate) fn missing(&self, seen: &Observation) -> Vec<&'static str> {
        let is_found =
            |fault: &Grouped| fault.marks.first().is_some_and(|mark| seen.found.iter().any(|found| mark.is_of(found)));
        self.faults.iter().filter(|fault| !is_found(fault)).map(|fault| fault.name).collect()
    }
}

/// All groups, in the order of the table.
pub(crate) const GROUPS: [Group; 11] = [
    Group { name: "definitions", release: "2.0.0", stage: "hop-1/check", quick: true, faults: structure::DEFINITIONS },
    Group { name: "rights-lost", release: "2.0.0", stage: "hop-1/check", quick: false, faults: structure::RIGHTS_LOST },
    Group {
        name: "rights-given",
        release: "2.0.0",
        stage: "hop-1/check",
        quick: false,
        faults: structure::RIGHTS_GIVEN,
    },
    Group { name: "columns", release: "2.0.0", stage: "hop-1/check", quick: false, faults: structure::COLUMNS },
    Group { name: "files", release: "3.0.0", stage: "hop-2/check", quick: false, faults: state::FILES },
    Group { name: "rows", release: "2.0.0", stage: "hop-1/check", quick: false, faults: state::ROWS },
    Group { name: "pages", release: "2.0.0", stage: "hop-1/check", quick: true, faults: service::PAGES },
    Group { name: "documents", release: "2.0.0", stage: "hop-1/check", quick: false, faults: service::DOCUMENTS },
    Group { name: "requests", release: "2.0.0", stage: "hop-1/check", quick: false, faults: service::REQUESTS },
    Group { name: "load", release: "2.0.0", stage: "hop-1/check", quick: false, faults: service::LOAD },
    Group { name: "fresh", release: "2.0.0", stage: "fresh/compare", quick: true, faults: structure::NOT_BROUGHT },
];
