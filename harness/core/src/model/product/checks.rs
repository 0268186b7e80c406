//! What is judged after each hop, as the product file gives it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AllowedChange, CrawlCheck, DataCheck, ExecStep, FilesCheck, FreshCheck, GraphqlCheck, HttpStep, NameOr,
    PerformanceCheck, SqlStep, main_database,
};
use crate::source::spec::Command;
use crate::vocabulary::mutation::MutationKind;
use crate::vocabulary::release::{Range, Release};
use crate::vocabulary::scalar::{Because, GroupPattern, Pattern};
use crate::vocabulary::template::Template;

/// What is judged after each hop.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Checks {
    /// The running code is the release it should be.
    #[serde(default)]
    pub version: Vec<Probe>,
    /// The product's own health. That every service runs and is ready is always checked.
    #[serde(default)]
    pub health: Vec<Probe>,
    /// Who sees what.
    #[serde(default)]
    pub access: Vec<Probe>,
    /// Pages that nobody listed still show what they showed.
    #[serde(default)]
    pub crawl: Option<CrawlCheck>,
    /// The results of GraphQL queries are what they were, and the GraphQL schema has no breaking change.
    #[serde(default)]
    pub graphql: Option<GraphqlCheck>,
    /// Git repositories can still be read.
    #[serde(default)]
    pub repositories: Vec<Probe>,
    /// What the product generates.
    #[serde(default)]
    pub artifacts: Vec<Probe>,
    /// What people do with the product: make something, change it, find it, take it away. Each leaves things as they were; one runs
    /// after the other, and after all that only reads.
    #[serde(default)]
    pub journeys: Vec<Probe>,
    /// The schema matches the running code.
    #[serde(default)]
    pub migrations: Option<MigrationCheck>,
    /// Every row is still there and the structure of the database is what it was, except by reviewed rules.
    #[serde(default)]
    pub data: Option<DataCheck>,
    /// Every file of every volume is what it was, except by reviewed rules. Every product with volumes has this check, with
    /// or without this key.
    #[serde(default)]
    pub files: FilesCheck,
    /// The upgraded deployment has what a fresh installation of the target release has.
    #[serde(default)]
    pub fresh: Option<FreshCheck>,
    /// The logs since the hop began have no errors of a new kind, and none that became far more frequent.
    #[serde(default)]
    pub logs: Option<LogCheck>,
    /// Response times, the time to be ready, memory and the size of databases and files stay within a budget. Every product has
    /// this check, with or without this key; requests are timed only if they are named.
    #[serde(default)]
    pub performance: PerformanceCheck,
    /// Mutations that no check has to notice, for `rehearse check-product`.
    #[serde(default)]
    pub accepted_mutations: Vec<AcceptedMutation>,
}

/// A mutation that no check has to notice.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AcceptedMutation {
    /// The kind, as the finding says it with hyphens: `response-cut`.
    pub kind: MutationKind,
    /// What it changes, as `mutations.json` and the finding name it; `*` stands for any characters.
    pub target: String,
    /// Why no check has to notice it. Shown in the report.
    pub because: Because,
}

impl Checks {
    /// All probes, of every kind.
    pub fn probes(&self) -> impl Iterator<Item = &Probe> {
        [&self.version, &self.health, &self.access, &self.repositories, &self.artifacts, &self.journeys]
            .into_iter()
            .flatten()
    }

    /// What our own requests write to, those of probes and those of the crawl, each with the releases on which it does.
    pub fn writes(&self) -> impl Iterator<Item = (Option<&Range>, &NameOr<WrittenRows>)> {
        let of_probes =
            self.probes().flat_map(|probe| probe.writes.iter().map(move |write| (probe.releases.as_ref(), write)));
        let of_crawl = self.crawl.iter().flat_map(|crawl| crawl.writes.iter().map(|write| (None, write)));
        of_probes.chain(of_crawl)
    }
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
    /// What this probe itself writes to: tables that get rows, columns as `table.column` whose values change, files as
    /// `volume:path`; or some rows of a table. It runs after all probes that only read.
    #[serde(default)]
    pub writes: Vec<NameOr<WrittenRows>>,
    /// The steps, in order; a failed one ends the probe.
    pub steps: Vec<ProbeStep>,
    /// Steps that follow in any case, each of them, even if one before it failed: they remove what the probe has made. A step that
    /// needs a value which was not captured because of a failure is left out.
    #[serde(default)]
    pub finally: Vec<ProbeStep>,
    /// Reviewed differences from the baseline.
    #[serde(default)]
    pub changes: Vec<AllowedChange>,
}

impl Probe {
    /// All steps, in their order.
    pub fn all_steps(&self) -> impl Iterator<Item = &ProbeStep> {
        self.steps.iter().chain(&self.finally)
    }

    /// Whether any of its steps is made on a release.
    pub fn is_for(&self, release: &Release) -> bool {
        self.releases.as_ref().is_none_or(|range| range.contains(release))
            && self.steps.iter().any(|step| step.is_for(release))
    }
}

/// Rows that a probe writes. Give `table` or `column`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WrittenRows {
    /// A table of which rows appear, change or disappear.
    #[serde(default)]
    pub table: Option<String>,
    /// A column whose values change, as `table.column`.
    #[serde(default)]
    pub column: Option<String>,
    /// Which rows, as an SQL condition on the table (`t`). All others are compared. With `{{ captured.… }}`, these are rows that the
    /// probe makes: a row that was there before is compared.
    #[serde(rename = "where")]
    pub condition: Template,
}

impl WrittenRows {
    /// The table or the column.
    pub fn name(&self) -> &str {
        self.table.as_deref().or(self.column.as_deref()).unwrap_or_default()
    }

    /// Why it cannot be applied; none if it can.
    pub(super) fn mistake(&self) -> Option<&'static str> {
        if self.table.is_some() == self.column.is_some() {
            return Some("give either `table` or `column`");
        }
        if self.column.as_ref().is_some_and(|column| !column.contains('.')) {
            return Some("a column is named as `table.column`");
        }
        if self.names("each") {
            return Some("`each` is not known when the tables are read");
        }
        (self.are_made() && self.table.is_none())
            .then_some("what is captured names rows that the probe makes: give their `table`")
    }

    /// Whether they are rows that the probe makes: what it captures names them.
    pub fn are_made(&self) -> bool {
        self.names("captured")
    }

    fn names(&self, name: &str) -> bool {
        self.condition.names().contains(name)
    }
}

/// A step that observes.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeStep {
    /// Sends a request.
    Http(HttpStep),
    /// Runs a command inside a running service.
    Exec(ExecStep),
    /// Queries a database directly.
    Sql(SqlStep),
}

impl ProbeStep {
    /// Whether it is made on a release.
    pub fn is_for(&self, release: &Release) -> bool {
        match self {
            Self::Http(step) => step.is_for(release),
            Self::Exec(step) => step.is_for(release),
            Self::Sql(step) => step.is_for(release),
        }
    }
}

/// The schema matches the running code.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MigrationCheck {
    /// The database.
    #[serde(default = "main_database")]
    pub database: String,
    /// A query with one row per migration that the database has recorded: its version, as `known` has it.
    pub recorded: String,
    /// What the database records.
    #[serde(default)]
    pub records: Recorded,
    /// A command that lists the migrations the running code has.
    pub known: KnownMigrations,
    /// Migrations that others replaced (a squash): the database may still have them recorded although the running code no
    /// longer has them, and may drop the record.
    #[serde(default)]
    pub replaced: Vec<ReplacedMigrations>,
    /// The product's own check of its schema, in addition.
    #[serde(default)]
    pub status: Option<ExecStep>,
}

/// What the database records of migrations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Recorded {
    /// Each migration that was applied.
    #[default]
    Each,
    /// Only the newest ones, those that no other builds on (Alembic); `recorded` and `known` give only these.
    Newest,
}

/// Migrations that others replaced.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ReplacedMigrations {
    /// Their versions.
    pub versions: Pattern,
    /// Why, with the document that says so. Shown in the report.
    pub because: Because,
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
    pub each: GroupPattern,
}

/// The logs since the hop began.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LogCheck {
    /// A line that matches one of these is an error, unless the line has a level below a warning.
    pub errors: Vec<Pattern>,
    /// A line that matches one of these is an error whatever its level is.
    #[serde(default)]
    pub at_any_level: Vec<Pattern>,
    /// Lines that look like errors but are harmless.
    #[serde(default)]
    pub allow: Vec<AllowedLine>,
}

/// A line that looks like an error but is harmless.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AllowedLine {
    /// The line.
    pub pattern: Pattern,
    /// Only on these releases.
    #[serde(default)]
    pub releases: Option<Range>,
    /// Why it is harmless.
    pub because: Because,
}

#[cfg(test)]
mod tests {
    use super::WrittenRows;

    #[test]
    fn rows_that_cannot_be_told_are_a_mistake() {
        for (rows, mistake) in [
            (r#"{"table": "t", "where": "t.a = '{{ settings.a }}'"}"#, ""),
            (r#"{"column": "t.c", "where": "true"}"#, ""),
            (r#"{"where": "true"}"#, "either `table` or `column`"),
            (r#"{"table": "t", "column": "t.c", "where": "true"}"#, "either `table` or `column`"),
            (r#"{"column": "c", "where": "true"}"#, "`table.column`"),
            (r#"{"table": "t", "where": "t.id = {{ captured.id }}"}"#, ""),
            (r#"{"column": "t.c", "where": "t.id = {{ captured.id }}"}"#, "captured"),
            (r#"{"table": "t", "where": "t.id = {{ each.id }}"}"#, "each"),
        ] {
            let rows: WrittenRows = serde_json::from_str(rows).unwrap();
            let found = rows.mistake().unwrap_or_default();
            assert!(found.contains(mistake) && found.is_empty() == mistake.is_empty(), "{rows:?}: {found}");
        }
    }
}
