//! The releases of a product file, and the rules for paths between them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SqlCondition;
use crate::vocabulary::release::{Edition, Line, Range, Release};
use crate::vocabulary::scalar::Because;

/// Where the published releases are listed.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Releases {
    /// A file beside `product.yaml`: one release a line, or a JSON array of strings.
    pub catalog: String,
    /// The day the list was made, as 2026-08-21: printed with every path, since releases of later days are not known.
    #[serde(default)]
    pub as_of: Option<Day>,
    /// Where the list comes from; printed with every path.
    #[serde(default)]
    pub source: Option<String>,
    /// The edition of a scenario that names none.
    #[serde(default)]
    pub default_edition: Option<Edition>,
}

/// Which hops are legal; the planner's rules.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PathRules {
    /// What happens when the target is older than the source: the rollback is the backup, never a downgrade.
    #[serde(default)]
    pub downgrade: Downgrade,
    /// Whether minor releases may be skipped.
    #[serde(default)]
    pub minors: SpacingRule,
    /// Whether major releases may be skipped.
    #[serde(default)]
    pub majors: SpacingRule,
    /// The day the rules were read, as 2026-08-21.
    #[serde(default)]
    pub as_of: Option<Day>,
    /// Where the rules come from.
    #[serde(default)]
    pub source: Option<String>,
    /// The newest release that the rules know of; a target beyond it is refused. Any when not given.
    #[serde(default)]
    pub until: Option<Release>,
    /// Releases that a path must pass.
    #[serde(default)]
    pub stops: Vec<StopRule>,
    /// Stops that recur in every major from a line on.
    #[serde(default)]
    pub stops_every: Option<RecurringStops>,
    /// Hops that are allowed whatever the other rules say.
    #[serde(default)]
    pub allow: Vec<EdgeRule>,
    /// Hops that are forbidden whatever the other rules say.
    #[serde(default)]
    pub forbid: Vec<EdgeRule>,
    /// Changes of edition that an upgrade may make.
    #[serde(default)]
    pub edition_changes: Vec<EditionChange>,
    /// Changes of edition that are refused, with the reason; those that no rule allows are refused in any case.
    #[serde(default)]
    pub edition_changes_refused: Vec<EditionChange>,
    /// The additional rules of an upgrade without downtime; without them, none can be planned.
    #[serde(default)]
    pub zero_downtime: Option<ZeroDowntime>,
}

/// The additional rules of an upgrade without downtime.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ZeroDowntime {
    /// Which further releases are stops.
    pub stop_at: ZeroDowntimeStops,
    /// Why, with the document that says so.
    pub because: Because,
    /// What the installation needs for it, such as several nodes behind a load balancer; shown before the first hop.
    #[serde(default)]
    pub needs: Option<String>,
    /// The document that says what it needs.
    #[serde(default)]
    pub source: Option<String>,
}

/// The stops of an upgrade without downtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ZeroDowntimeStops {
    /// The latest patch of every minor between source and target.
    EveryMinor,
}

/// What happens when the target is older than the source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Downgrade {
    /// It is refused.
    #[default]
    Refuse,
}

/// Whether releases of a level may be skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SpacingRule {
    /// They may be skipped.
    #[default]
    Any,
    /// Each has to be passed.
    OneAtATime,
}

/// A day, as 2026-08-21.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(transparent)]
pub struct Day(#[schemars(regex(pattern = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"))] String);

impl std::fmt::Display for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// A release that a path must pass.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StopRule {
    /// The line, at its latest published patch.
    pub at: Line,
    /// Exactly this release in place of the line's latest patch.
    #[serde(default)]
    pub exactly: Option<Release>,
    /// Only for paths from these releases.
    #[serde(default)]
    pub from: Option<Range>,
    /// Only for paths to these releases.
    #[serde(default)]
    pub to: Option<Range>,
    /// Only for paths to this release or newer, its pre-releases included.
    #[serde(default)]
    pub before: Option<Release>,
    /// Only for these editions.
    #[serde(default)]
    pub editions: Vec<Edition>,
    /// Only if the restored data requires it; planned and marked until that is decided.
    #[serde(default)]
    pub when: Option<SqlCondition>,
    /// Only if a setting requires it, for what the data cannot show; planned and marked while the setting is empty.
    #[serde(default)]
    pub when_setting: Option<SettingCondition>,
    /// Why, with the document that says so.
    pub because: Because,
}

/// True when a setting is a number above this.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SettingCondition {
    /// The setting. While it is empty, the condition is not decided.
    pub name: String,
    /// The number.
    pub above: f64,
}

/// Stops that recur in every major.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RecurringStops {
    /// The first line that they apply to.
    pub from: Line,
    /// The minors that are stops.
    pub minors: Vec<u64>,
    /// Why, with the document that says so.
    pub because: Because,
}

/// A hop that is allowed or forbidden.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EdgeRule {
    /// The hop's source.
    pub from: Range,
    /// The hop's target.
    pub to: Range,
    /// Why, with the document that says so.
    pub because: Because,
}

/// A change of edition that an upgrade may make, or may not.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EditionChange {
    /// The source's edition.
    pub from: Edition,
    /// The target's edition.
    pub to: Edition,
    /// Why, with the document that says so.
    pub because: Because,
}
