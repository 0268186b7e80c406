//! The steps of a product or scenario: what is done to a deployment, and what is expected of each.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Condition, WaitUntil, main_database};
use crate::observation::migrations::MigrationFormat;
use crate::source::spec::{Command, Table};
use crate::vocabulary::pattern_template::PatternTemplate;
use crate::vocabulary::release::{Range, Release};
use crate::vocabulary::scalar::{Duration, GroupPattern, Pattern, Pointer, Port, ServicePath};
use crate::vocabulary::template::Template;

/// One thing that is done to a deployment.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Starts services in this order and waits until each is ready.
    Start(#[schemars(length(min = 1))] Vec<String>),
    /// Stops services and makes sure that they are gone.
    Stop(#[schemars(length(min = 1))] Vec<String>),
    /// Stops and starts services.
    Restart(#[schemars(length(min = 1))] Vec<String>),
    /// Removes services and creates them again from the image of the stage's release, without starting them; volumes stay.
    Replace(#[schemars(length(min = 1))] Vec<String>),
    /// Runs a command inside a running service.
    Exec(ExecStep),
    /// Runs a command in a one-off container made like the service.
    Run(ExecStep),
    /// Starts a service that upgrades itself as it starts: progress is read from its log, its end is a condition, and
    /// its exit is a failure.
    StartUpgrading(StartUpgrading),
    /// Copies a file of the backup to a file of a service.
    CopyIn(CopyIn),
    /// Unpacks an archive of the backup into a folder of a service.
    Unpack(CopyIn),
    /// Sends a request.
    Http(HttpStep),
    /// Queries a database directly.
    Sql(SqlStep),
    /// Waits until a condition holds.
    WaitUntil(WaitUntil),
}

/// Gives a step that may be for some releases only the question whether it is for one.
macro_rules! for_some_releases {
    ($($step:ty),*) => {
        $(impl $step {
            /// Whether it is made on a release.
            pub fn is_for(&self, release: &Release) -> bool {
                self.releases.as_ref().is_none_or(|range| range.contains(release))
            }
        })*
    };
}

for_some_releases!(ExecStep, HttpStep, SqlStep, WaitUntil);

/// A command.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ExecStep {
    /// What it is, for people; stable.
    #[serde(default)]
    pub name: Option<String>,
    /// Only on these releases.
    #[serde(default)]
    pub releases: Option<Range>,
    /// The service.
    pub service: String,
    /// Program and arguments, or a text for `sh -ec`.
    pub command: Command,
    /// The user, by name or number.
    #[serde(default)]
    pub user: Option<String>,
    /// The working directory.
    #[serde(default)]
    pub workdir: Option<ServicePath>,
    /// Variables in addition to the service's environment.
    #[serde(default)]
    pub env: BTreeMap<String, Template>,
    /// A file of the backup that the command reads as its standard input (`exec` only).
    #[serde(default)]
    pub stdin: Option<String>,
    /// The output reports migrations in this format.
    #[serde(default)]
    pub migrations: Option<MigrationFormat>,
    /// Fails the step if for this long nothing is printed and nothing happens in the database; only with `migrations`.
    /// Silence alone is not enough, and a database that cannot be watched does not count as idle.
    #[serde(default)]
    pub stalled_after: Option<Duration>,
    /// How long it may take; 10m when not given.
    #[serde(default)]
    pub deadline: Option<Duration>,
    /// What is expected; exit code 0 unless it says otherwise.
    #[serde(default)]
    pub expect: Expect,
    /// Lines of the output that are warnings: shown, and reported as findings that do not fail.
    #[serde(default)]
    pub warnings: Option<Pattern>,
    /// Values taken from the response for later steps.
    #[serde(default)]
    pub capture: BTreeMap<String, Capture>,
    /// What has to be as it was on the baseline.
    #[serde(default)]
    pub unchanged: Vec<Aspect>,
}

/// A service that upgrades itself as it starts.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StartUpgrading {
    /// The service.
    pub service: String,
    /// The log reports migrations in this format.
    #[serde(default)]
    pub migrations: Option<MigrationFormat>,
    /// Fails the step if for this long nothing is printed and nothing happens in the database; only with `migrations`.
    #[serde(default)]
    pub stalled_after: Option<Duration>,
    /// When the upgrade has ended.
    pub until: Condition,
    /// How long it may take; 30m when not given.
    #[serde(default)]
    pub deadline: Option<Duration>,
}

/// A copy of a file into a service.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CopyIn {
    /// The service, created or running.
    pub service: String,
    /// The file of the backup; `archive` for the whole archive, if the backup is one.
    pub from: String,
    /// The path inside the service.
    pub to: Template,
    /// Whether the step is left out, with a note, if the backup has no such file.
    #[serde(default)]
    pub optional: bool,
}

/// A request.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HttpStep {
    /// What it is, for people; stable.
    #[serde(default)]
    pub name: Option<String>,
    /// Only on these releases.
    #[serde(default)]
    pub releases: Option<Range>,
    /// The service.
    pub service: String,
    /// The port inside the service.
    pub port: Port,
    /// The method.
    #[serde(default)]
    pub method: Method,
    /// The path, with its query.
    pub path: Template,
    /// The identity to send it as; anonymous when not given.
    #[serde(default, rename = "as")]
    pub identity: Option<Template>,
    /// Further headers.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    /// The body.
    #[serde(default)]
    pub body: Option<Body>,
    /// How long a response may take; 60s when not given.
    #[serde(default)]
    pub deadline: Option<Duration>,
    /// Repeats the request until the expectation holds, for at most this long; the last response is judged.
    #[serde(default)]
    pub within: Option<Duration>,
    /// What is expected.
    #[serde(default)]
    pub expect: Expect,
    /// Values taken from the response for later steps.
    #[serde(default)]
    pub capture: BTreeMap<String, Capture>,
    /// What has to be as it was on the baseline.
    #[serde(default)]
    pub unchanged: Vec<Aspect>,
}

/// A method.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the names are HTTP's own")]
pub enum Method {
    #[default]
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// The body of a request.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// JSON; strings in it may hold placeholders.
    Json(Value),
    /// A form, by the names of its fields.
    Form(BTreeMap<String, Template>),
    /// A text.
    Text(Template),
}

/// A query of a database.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SqlStep {
    /// What it is, for people; stable.
    #[serde(default)]
    pub name: Option<String>,
    /// Only on these releases.
    #[serde(default)]
    pub releases: Option<Range>,
    /// The database.
    #[serde(default = "main_database")]
    pub database: String,
    /// The statement.
    pub query: Template,
    /// Repeats the request until the expectation holds, for at most this long; the last response is judged.
    #[serde(default)]
    pub within: Option<Duration>,
    /// What is expected.
    #[serde(default)]
    pub expect: Expect,
    /// Values taken from the response for later steps.
    #[serde(default)]
    pub capture: BTreeMap<String, Capture>,
    /// What has to be as it was on the baseline.
    #[serde(default)]
    pub unchanged: Vec<Aspect>,
}

/// What is expected of a response. Everything that is given has to hold.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Expect {
    /// The status of a response is one of these; a status of success when none is given.
    #[serde(default)]
    #[schemars(inner(range(min = 100, max = 599)))]
    pub status: Vec<u16>,
    /// The exit code of a command is one of these; 0 when not given, and an empty list accepts any.
    #[serde(default)]
    pub exit: Option<Vec<i64>>,
    /// Each of these headers matches its regular expression.
    #[serde(default)]
    pub headers: BTreeMap<String, PatternTemplate>,
    /// The body, output or rows match each of these regular expressions.
    #[serde(default)]
    pub contains: Vec<PatternTemplate>,
    /// The body, output or rows match none of these regular expressions.
    #[serde(default)]
    pub absent: Vec<PatternTemplate>,
    /// The value at a JSON pointer.
    #[serde(default)]
    pub json: Table<Pointer, Matcher>,
    /// The size in bytes.
    #[serde(default)]
    pub size: Option<Matcher>,
    /// The number of records: rows of a query, records of CSV.
    #[serde(default)]
    pub records: Option<Matcher>,
    /// The single value of a query.
    #[serde(default)]
    pub value: Option<Matcher>,
    /// The SHA-256 digest of the body.
    #[serde(default)]
    pub digest: Option<Template>,
}

/// What a value has to be.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Matcher {
    /// Equal; strings may hold placeholders. A number and its text are equal.
    Equals(Value),
    /// Not equal.
    Not(Value),
    /// A text that matches a regular expression.
    Matches(PatternTemplate),
    /// A number, or the length of a list, not below this.
    AtLeast(f64),
    /// A number, or the length of a list, not above this.
    AtMost(f64),
    /// A list with an element that has all of this, or a text that contains this.
    Contains(Value),
    /// Present, and not null.
    Present,
    /// Missing, or null.
    Absent,
}

/// A value taken from a response.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Capture {
    /// The value at a JSON pointer of the body.
    Json(Pointer),
    /// The first group of a regular expression over the body or output.
    Text(GroupPattern),
    /// A header.
    Header(String),
    /// The single value of a query.
    Value,
}

/// An aspect of a response that is compared with the baseline.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// The status, or exit code.
    Status,
    /// The SHA-256 digest of the body or output.
    Digest,
    /// The size in bytes.
    Size,
    /// The number of records.
    Records,
    /// The rows of a query, in order.
    Rows,
    /// The set of CSV records, by the columns of the baseline.
    Csv(CsvAspect),
    /// The JSON value by meaning: everything of the baseline is there with the same value; objects may have more keys.
    Json(JsonAspect),
}

/// A JSON comparison.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct JsonAspect {
    /// The part that is compared; all of it when not given.
    #[serde(default)]
    pub at: Option<Pointer>,
    /// Keys that are left out, at any depth.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// Lists whose order means nothing, each as its place below what is compared: `/items`, or an empty text for the whole;
    /// `*` stands for any key or index.
    #[serde(default)]
    pub unordered: Vec<Pointer>,
}

impl JsonAspect {
    /// Whether the order of a list means nothing.
    pub fn is_unordered(&self, at: &str) -> bool {
        let fits = |pattern: &Pointer| {
            let pattern = pattern.as_str();
            let named =
                |pattern: &str, key: &str| pattern == "*" || pattern.replace("~1", "/").replace("~0", "~") == key;
            pattern.split('/').count() == at.split('/').count()
                && pattern.split('/').zip(at.split('/')).all(|(pattern, key)| named(pattern, key))
        };
        self.unordered.iter().any(fits)
    }
}

/// A CSV comparison.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CsvAspect {
    /// Columns that are left out.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// Whether there may be further records.
    #[serde(default)]
    pub more: bool,
}
