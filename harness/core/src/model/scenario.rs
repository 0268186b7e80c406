//! A scenario: what its author wants rehearsed.

mod expectation;

pub(crate) use expectation::VALIDATORS;
pub use expectation::{Expectation, ExpectedCode, ExpectedFinding, ExpectedOutcome, StageSelector};

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::product::{Service, Step};
use crate::observation::pages::AccessLogFormat;
use crate::outcome::coverage::CoverageKind;
use crate::planning::path::Target;
use crate::runbook::Production;
use crate::source::diagnostic::did_you_mean;
use crate::vocabulary::release::{Edition, Line};
use crate::vocabulary::scalar::{Because, Duration};

/// What its author wants rehearsed.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Scenario {
    /// Its name: lower case, stable; JUnit's suite, a folder of reports and a label.
    #[schemars(with = "crate::vocabulary::scalar::Name")]
    pub scenario: String,
    /// What it shows, in a sentence.
    #[serde(default)]
    pub about: Option<String>,
    /// The product.
    pub product: String,
    /// The edition, where the product has several.
    #[serde(default)]
    pub edition: Option<Edition>,
    /// The release in production: the backup's.
    pub from: Target,
    /// The target release: `6.1.5`, or a line `6.1` at the newest release that can be obtained.
    pub to: Target,
    /// Lines that the path must pass, in addition to those that the product demands. Without them, the path is as short as
    /// the rules allow.
    #[serde(default)]
    pub via: Vec<Line>,
    /// Whether the path is that of an upgrade without downtime, by the product's rules for it. The rehearsal itself has
    /// downtime.
    #[serde(default)]
    pub zero_downtime: bool,
    /// The folder of the backup, or its archive, relative to this file.
    #[schemars(length(min = 1))]
    pub backup: String,
    /// Values for the product's settings.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Services that differ from the product's: what is given here replaces the product's value.
    #[serde(default)]
    pub services: BTreeMap<String, ServiceChange>,
    /// Steps after the restore and before the baseline: what makes this data special. They are done for the rollback too.
    #[serde(default)]
    pub prepare: Vec<Step>,
    /// Hops with steps or images of their own.
    #[serde(default)]
    pub hops: Vec<HopChange>,
    /// How the rollback is rehearsed.
    #[serde(default)]
    pub rollback: Rollback,
    /// Checks that are not made, with the reason.
    #[serde(default)]
    pub skip_checks: BTreeMap<CheckKind, Because>,
    /// Checks that have to assert something in every stage of checks; one that asserted nothing is inconclusive.
    #[serde(default)]
    pub require: Vec<CheckKind>,
    /// Access logs of production: the crawl asks for what people opened too, the more often the earlier.
    #[serde(default)]
    pub access_logs: Vec<AccessLogFile>,
    /// How much the checks have to look at, in percent: `{ tables: 100 }`. Less is inconclusive.
    #[serde(default)]
    #[schemars(with = "CoveragePercents")]
    pub require_coverage: BTreeMap<CoverageKind, u8>,
    /// How long the whole rehearsal may take; 1h when not given.
    #[serde(default)]
    pub deadline: Option<Duration>,
    /// Which test tier it belongs to.
    #[serde(default)]
    pub tier: Tier,
    /// Why the project does not have all that it needs: as a trial it is ignored if its backup is missing or an image cannot
    /// be obtained. `rehearse run` treats it like any other scenario.
    #[serde(default)]
    pub external: Option<Because>,
    /// The production installation, for its runbook.
    #[serde(default)]
    pub production: Option<Production>,
    /// An outcome other than a pass that this scenario exists to show.
    #[serde(default)]
    pub expect: Option<Expectation>,
}

/// An access log of production that lies beside the scenario.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AccessLogFile {
    /// The text file, relative to this file.
    #[schemars(length(min = 1))]
    pub file: String,
    /// How it is written.
    pub format: AccessLogFormat,
}

/// What a scenario changes in a service.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ServiceChange {
    /// Another entry point.
    #[serde(default)]
    pub entrypoint: Option<crate::source::spec::Command>,
    /// Another command.
    #[serde(default)]
    pub command: Option<crate::source::spec::Command>,
    /// Another user.
    #[serde(default)]
    pub user: Option<String>,
    /// Variables in addition to the product's environment, or in place of its own.
    #[serde(default)]
    pub env: BTreeMap<String, crate::vocabulary::template::Template>,
    /// Another limit of memory.
    #[serde(default)]
    pub memory: Option<crate::vocabulary::scalar::Size>,
    /// Another limit of processors.
    #[serde(default)]
    pub cpus: Option<f64>,
}

impl ServiceChange {
    /// The service with this change made.
    pub fn apply(&self, service: &Service) -> Service {
        let mut changed = service.clone();
        if self.entrypoint.is_some() {
            changed.entrypoint.clone_from(&self.entrypoint);
        }
        if self.command.is_some() {
            changed.command.clone_from(&self.command);
        }
        changed.env.extend(self.env.iter().map(|(key, value)| (key.clone(), value.clone())));
        if self.user.is_some() {
            changed.user.clone_from(&self.user);
        }
        if self.memory.is_some() {
            changed.memory.clone_from(&self.memory);
        }
        if self.cpus.is_some() {
            changed.cpus = self.cpus;
        }
        changed
    }
}

/// A hop with steps or images of its own.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HopChange {
    /// The hop's number, from 1.
    pub hop: u32,
    /// Steps in place of the product's pre-check.
    #[serde(default)]
    pub preflight: Option<Vec<Step>>,
    /// Steps in place of the product's upgrade.
    #[serde(default)]
    pub upgrade: Option<Vec<Step>>,
    /// Steps in place of the product's settling.
    #[serde(default)]
    pub settle: Option<Vec<Step>>,
    /// Other images than the product's, by service.
    #[serde(default)]
    pub images: BTreeMap<String, crate::vocabulary::template::Template>,
}

/// How the rollback is rehearsed.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rollback {
    /// The backup on the source release in fresh volumes.
    #[default]
    Fresh,
    /// In place, on the volumes as the last hop left them, by these steps (`replace` goes to the source release).
    InPlace(Vec<Step>),
    /// Not at all, for this reason.
    Skip(Because),
}

/// How much the checks have to look at, in percent. The shape of `require-coverage` in a file.
#[derive(JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
struct CoveragePercents {
    /// Databases that the product file declares.
    #[schemars(range(max = 100))]
    databases: Option<u8>,
    /// Tables of the database that the check of data reads.
    #[schemars(range(max = 100))]
    tables: Option<u8>,
    /// Columns of these tables.
    #[schemars(range(max = 100))]
    columns: Option<u8>,
    /// Volumes.
    #[schemars(range(max = 100))]
    volumes: Option<u8>,
    /// Identities that the product file declares.
    #[schemars(range(max = 100))]
    identities: Option<u8>,
    /// What services print, and their log files.
    #[schemars(range(max = 100))]
    logs: Option<u8>,
}

/// Which test tier a scenario belongs to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// It is rehearsed for every change.
    #[default]
    Change,
    /// It is rehearsed every night.
    Nightly,
}

/// The kinds of checks, in the order they are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum CheckKind {
    Version,
    Health,
    Migrations,
    Data,
    Files,
    Access,
    Crawl,
    Graphql,
    Repositories,
    Artifacts,
    Journeys,
    Logs,
    Performance,
    Fresh,
}

impl CheckKind {
    /// All kinds, in the order they are reported.
    pub const ALL: [Self; 14] = [
        Self::Version,
        Self::Health,
        Self::Migrations,
        Self::Data,
        Self::Files,
        Self::Access,
        Self::Crawl,
        Self::Graphql,
        Self::Repositories,
        Self::Artifacts,
        Self::Journeys,
        Self::Logs,
        Self::Performance,
        Self::Fresh,
    ];

    /// The kind of this name.
    ///
    /// # Errors
    /// What is wrong, with the name that may have been meant.
    pub fn named(name: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name);
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let near = did_you_mean(name, names).map(|near| format!("; did you mean `{near}`?"));
            format!("unknown check `{name}`{}; expected one of: {}", near.unwrap_or_default(), names.join(", "))
        })
    }

    /// Its name as in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Health => "health",
            Self::Migrations => "migrations",
            Self::Data => "data",
            Self::Files => "files",
            Self::Access => "access",
            Self::Crawl => "crawl",
            Self::Graphql => "graphql",
            Self::Repositories => "repositories",
            Self::Artifacts => "artifacts",
            Self::Journeys => "journeys",
            Self::Logs => "logs",
            Self::Performance => "performance",
            Self::Fresh => "fresh",
        }
    }
}
