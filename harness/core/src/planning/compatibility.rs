//! What is known of hops before any is made: releases that refuse others' data, components that change, things to know.
//!
//! Data only: a product says which releases it speaks of; nothing here has an opinion on a hop that no range names.

mod hop_notice;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use hop_notice::{Gated, HopNotice, notices_by_first_hop};

use crate::source::diagnostic::Problem;
use crate::source::spec::Document;
use crate::vocabulary::release::{Edition, Line, Range, Release};

/// A product's compatibility: in the product file, or in a file beside it.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum CompatibilityIn {
    /// The name of a file beside `product.yaml`.
    File(String),
    /// What it holds.
    Here(Compatibility),
}

impl Default for CompatibilityIn {
    fn default() -> Self {
        Self::Here(Compatibility::default())
    }
}

impl CompatibilityIn {
    /// What it holds; nothing as long as its file is not read.
    pub fn get(&self) -> Option<&Compatibility> {
        match self {
            Self::Here(compatibility) => Some(compatibility),
            Self::File(_) => None,
        }
    }
}

/// What is known of hops before any is made.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Compatibility {
    /// Releases that refuse data of others. A path with such a hop is refused.
    #[serde(default)]
    pub gates: Vec<Gate>,
    /// What comes with a release besides the product: a database, a base system, an engine that it needs.
    #[serde(default)]
    pub components: Vec<Component>,
    /// What else is to be known of a hop.
    #[serde(default)]
    pub notices: Vec<Notice>,
}

/// Releases that refuse data of releases too old.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Gate {
    /// The releases that refuse.
    pub releases: Range,
    /// The line that the data has to be of.
    pub needs: Line,
    /// How that is held against the data's line.
    #[serde(default)]
    pub rule: GateRule,
    /// The document or code that says so.
    pub source: String,
}

/// How a gate holds the data's line against the one it needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GateRule {
    /// That line, or a later one.
    #[default]
    AtLeast,
    /// Exactly that line where the hop goes to another major; anything inside a major.
    ExactlyOnNewMajor,
}

/// Something that comes with a release, or that a release needs.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Component {
    /// Its name, for people.
    pub name: String,
    /// What it is.
    pub kind: NoticeKind,
    /// What each release has of it; releases that no range names are not spoken of.
    pub releases: Vec<ComponentOf>,
    /// What is to be done where a hop changes it.
    #[serde(default)]
    pub changed: Option<Advice>,
    /// What is to be known where the start of a release moves the data to another version.
    #[serde(default)]
    pub moved: Option<Advice>,
    /// The document or code that says so.
    pub source: String,
}

/// What some releases have of a component.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "ComponentReleases")]
pub struct ComponentOf {
    /// The releases.
    pub of: Range,
    /// The versions they have, oldest first.
    pub has: Vec<String>,
    /// The version that the data has to be on. A hop from a release that has none so new is refused.
    #[serde(default)]
    pub needs: Option<Release>,
    /// The version that the start of the release moves the data to, by itself.
    #[serde(default)]
    pub moves_to: Option<Release>,
}

/// What is to be known and done.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Advice {
    /// What is to be known.
    pub text: String,
    /// What is to be done.
    #[serde(default)]
    pub remedy: Option<String>,
}

/// Something to know of a hop before it is made.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// What it is, in a few words.
    pub title: String,
    /// Only for hops from these releases.
    #[serde(default)]
    pub from: Option<Range>,
    /// Only for hops to these releases.
    #[serde(default)]
    pub to: Option<Range>,
    /// Only for hops that reach this release or pass it.
    #[serde(default)]
    pub crossing: Option<Release>,
    /// Only for these editions.
    #[serde(default)]
    pub editions: Vec<Edition>,
    /// What happens.
    pub text: String,
    /// What is to be done.
    #[serde(default)]
    pub remedy: Option<String>,
    /// The document that says so.
    pub source: String,
    /// The known failure of the product that shows it when it happens.
    #[serde(default)]
    pub failure: Option<String>,
}

/// What something to know is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// What the installation has to have before.
    Requirement,
    /// A release that accepts data of certain releases only.
    Gate,
    /// A database server.
    Database,
    /// The base system.
    System,
    /// What runs the containers.
    Engine,
    /// A setting that is removed, renamed or new.
    Setting,
    /// A known problem of a release.
    KnownIssue,
    /// A change that breaks a use.
    Breaking,
    /// Migrations that take long, or have to be waited for.
    Migration,
}

impl NoticeKind {
    /// Its name as in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Requirement => "requirement",
            Self::Gate => "gate",
            Self::Database => "database",
            Self::System => "system",
            Self::Engine => "engine",
            Self::Setting => "setting",
            Self::KnownIssue => "known-issue",
            Self::Breaking => "breaking",
            Self::Migration => "migration",
        }
    }
}

impl Compatibility {
    /// The mistakes that the shape does not show. `at` is where it stands.
    pub fn problems(&self, document: &Document, at: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (index, notice) in self.notices.iter().enumerate() {
            if notice.from.is_none() && notice.to.is_none() && notice.crossing.is_none() {
                let label = "expected `from`, `to` or `crossing`";
                let place = format!("{at}/notices/{index}");
                problems.push(document.problem(&place, "the notice is of every hop", label, None));
            }
        }
        for (index, component) in self.components.iter().enumerate() {
            for (number, of) in component.releases.iter().enumerate() {
                let compared = of.needs.is_some();
                let no_release = |has: &&String| has.parse::<Release>().is_err();
                if let Some(has) = of.has.iter().find(|has| compared && no_release(has)) {
                    let place = format!("{at}/components/{index}/releases/{number}/has");
                    let title = format!("`{has}` cannot be compared with `needs`");
                    problems.push(document.problem(&place, title, "expected numbers such as 16 or 9.6", None));
                }
            }
        }
        problems
    }
}
