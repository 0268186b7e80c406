//! What is judged after each hop, as the product file gives it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ExecStep, GraphqlCheck, HttpStep, SqlStep, main_database};
use crate::release::{Range, Release};
use crate::scalar::{Duration, Pattern};
use crate::spec::Command;
use crate::template::Template;

/// What is judged after each hop.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Checks {
    /// The running code is the release it should be.
    #[serde(default)]
    pub version: Vec<Probe>,
    /// The product's own health, besides every service running and ready, which is always judged.
    #[serde(default)]
    pub health: Vec<Probe>,
    /// Who sees what.
    #[serde(default)]
    pub access: Vec<Probe>,
    /// The GraphQL interface.
    #[serde(default)]
    pub graphql: Option<GraphqlCheck>,
    /// Git repositories are still read.
    #[serde(default)]
    pub repositories: Vec<Probe>,
    /// What the product generates.
    #[serde(default)]
    pub artifacts: Vec<Probe>,
    /// The schema is the running code's.
    #[serde(default)]
    pub migrations: Option<MigrationCheck>,
    /// No data was lost or changed, but by reviewed rules.
    #[serde(default)]
    pub data: Option<DataCheck>,
    /// The logs since the hop began.
    #[serde(default)]
    pub logs: Option<LogCheck>,
    /// Fixed requests against a budget.
    #[serde(default)]
    pub performance: Option<PerformanceCheck>,
}

/// A few steps that observe one thing.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Probe {
    /// What it shows; stable, unique among the checks of its kind.
    pub name: String,
    /// Only on these releases.
    #[serde(default)]
    pub releases: Option<Range>,
    /// Repeats the steps for every combination of these values, as `{{ each.name }}`.
    #[serde(default)]
    pub for_each: BTreeMap<String, Vec<Template>>,
    /// The tables, or columns as `table.column`, that this probe itself writes to. It runs after all that only read.
    #[serde(default)]
    pub writes: Vec<String>,
    /// The steps, in order; a failed one ends the probe.
    pub steps: Vec<ProbeStep>,
    /// Reviewed differences from the baseline.
    #[serde(default)]
    pub changes: Vec<AllowedChange>,
}

/// A step that observes.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeStep {
    /// Sends a request.
    Http(HttpStep),
    /// Runs a command inside a running service.
    Exec(ExecStep),
    /// Asks a database directly.
    Sql(SqlStep),
}

/// A reviewed difference from the baseline.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AllowedChange {
    /// It appears when this release is reached or passed.
    pub crossing: Release,
    /// Only for these values of `for-each`.
    #[serde(default)]
    pub each: BTreeMap<String, String>,
    /// What was seen on the baseline.
    pub from: String,
    /// What is seen now.
    pub to: String,
    /// Why, with the document that says so.
    pub because: String,
}

/// The schema is the running code's.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MigrationCheck {
    /// The database.
    #[serde(default = "main_database")]
    pub database: String,
    /// A query with one row per migration that the database has recorded: its version.
    pub recorded: String,
    /// A command that lists the migrations the running code has.
    pub known: KnownMigrations,
    /// The product's own word on its schema, besides.
    #[serde(default)]
    pub status: Option<ExecStep>,
}

/// A command that lists the migrations the running code has.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KnownMigrations {
    /// The service.
    pub service: String,
    /// The command.
    pub command: Command,
    /// A regular expression; its first group is a migration's version.
    pub each: Pattern,
}

/// No data was lost or changed, but by reviewed rules.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DataCheck {
    /// The database.
    #[serde(default = "main_database")]
    pub database: String,
    /// Columns that change by themselves, as `table.column`.
    #[serde(default)]
    pub volatile: Vec<String>,
    /// Tables that another check judges, with the reason.
    #[serde(default)]
    pub elsewhere: BTreeMap<String, String>,
    /// What a hop may change.
    #[serde(default)]
    pub rules: Vec<DataRule>,
}

/// What a hop may change in the data, reviewed.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DataRule {
    /// It happens when this release is reached or passed.
    pub crossing: Release,
    /// What may change.
    pub allow: DataChange,
    /// Why, with the document that says so. Shown in the report.
    pub because: String,
}

/// A change of the data.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DataChange {
    /// Tables appear.
    NewTables(Vec<String>),
    /// Tables go.
    DroppedTables(Vec<String>),
    /// Columns go, as `table.column`.
    DroppedColumns(Vec<String>),
    /// Values of columns change, as `table.column`; the rows stay the same in number.
    Values(Vec<String>),
    /// A table gets this many rows more, or fewer.
    Rows(RowChange),
}

/// A table gets more rows, or fewer.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RowChange {
    /// The table.
    pub table: String,
    /// How many more (or, below zero, fewer) exactly.
    pub by: i64,
}

/// The logs since the hop began.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LogCheck {
    /// A line that matches one of these is an error.
    pub errors: Vec<Pattern>,
    /// Lines that look like errors and are none.
    #[serde(default)]
    pub allow: Vec<AllowedLine>,
}

/// A line that looks like an error and is none.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AllowedLine {
    /// The line.
    pub pattern: Pattern,
    /// Only on these releases.
    #[serde(default)]
    pub releases: Option<Range>,
    /// Why it is harmless.
    pub because: String,
}

/// Fixed requests against a budget.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PerformanceCheck {
    /// How many times each request is sent and counted; not below 5.
    #[serde(default = "seven")]
    #[schemars(range(min = 5))]
    pub samples: u32,
    /// How many times each is sent before.
    #[serde(default = "two")]
    pub warm_up: u32,
    /// The median may be this many times the baseline's.
    #[schemars(range(min = 1))]
    pub ratio: f64,
    /// A median below baseline plus this is never too slow.
    pub slack: Duration,
    /// The requests.
    pub requests: Vec<HttpStep>,
}

fn seven() -> u32 {
    7
}

fn two() -> u32 {
    2
}
