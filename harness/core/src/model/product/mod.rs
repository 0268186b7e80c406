//! A product as data: its releases, path rules, services, steps and checks, as `product.yaml` gives them.
//!
//! The structs are the file's shape: `spec` reads them, `schemars` writes their JSON schema from the same place, and
//! [`Product::problems`] adds what only the whole file shows (a service that does not exist, an unknown placeholder).

mod backup;
mod changes;
mod checks;
mod crawl;
mod fresh;
mod references;

mod data;
mod env_file;
mod files;
mod graphql;
mod identity;
mod name_or;
mod path;
mod performance;
mod rules;
mod step;
mod wait;

pub use backup::*;
pub use changes::*;
pub use checks::*;
pub use crawl::*;
pub use data::*;
pub use env_file::*;
pub use files::*;
pub use fresh::*;
pub use graphql::*;
pub use identity::*;
pub use name_or::NameOr;
pub use path::*;
pub use performance::*;
pub use rules::SettingError;
pub use step::*;
pub use wait::*;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::knowledge::signature::{Failures, LogLines};
use crate::planning::compatibility::CompatibilityIn;
use crate::source::spec::Command;
use crate::vocabulary::release::Range;
use crate::vocabulary::scalar::{Duration, GroupPattern, Pattern, Port, ServicePath, Size};
use crate::vocabulary::template::Template;

impl Product {
    /// What our own requests write to: those of checks, and those of identities that must be refused, each with the releases on
    /// which it does.
    pub fn writes(&self) -> impl Iterator<Item = (Option<&Range>, &NameOr<WrittenRows>)> {
        let refused = self.identities.values().filter_map(|identity| identity.refused.as_ref());
        self.checks.writes().chain(refused.flat_map(|refused| &refused.writes).map(|write| (None, write)))
    }

    /// The identities that must be refused.
    pub fn refused(&self) -> impl Iterator<Item = (&str, &Identity, &Refused)> {
        let all = self.identities.iter();
        all.filter_map(|(name, identity)| Some((name.as_str(), identity, identity.refused.as_ref()?)))
    }

    /// The volumes whose files are judged, each with a service that mounts it: all but those of services that a database
    /// runs in, and those that the product file leaves to another check.
    pub fn file_volumes(&self) -> impl Iterator<Item = (&str, &str)> {
        let of_databases: BTreeSet<&String> = self
            .databases
            .values()
            .filter_map(|database| self.services.get(&database.service))
            .flat_map(|service| service.volumes.keys())
            .collect();
        let mounted = self
            .services
            .iter()
            .flat_map(|(name, service)| service.volumes.keys().map(move |volume| (volume.as_str(), name.as_str())));
        let first: BTreeMap<&str, &str> = mounted.collect();
        let elsewhere = &self.checks.files.elsewhere;
        first.into_iter().filter(move |(volume, _)| {
            !of_databases.iter().any(|of_database| of_database.as_str() == *volume) && !elsewhere.contains_key(*volume)
        })
    }
}

/// A self-hosted application as data.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Product {
    /// The product's name: lower case, as scenarios refer to it.
    #[schemars(with = "crate::vocabulary::scalar::Name")]
    pub product: String,
    /// The name people use.
    #[serde(default)]
    pub title: Option<String>,
    /// Where the published releases are listed.
    pub releases: Releases,
    /// Which hops are legal.
    #[serde(default)]
    pub path: PathRules,
    /// What is known of hops before any is made: itself, or the name of a file beside `product.yaml` that holds it.
    #[serde(default)]
    pub compatibility: CompatibilityIn,
    /// Values that steps and checks may use as `{{ settings.name }}` and a scenario may set.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// What is secret in addition to settings and variables whose names say so: it is removed from everything written.
    #[serde(default)]
    pub secrets: Secrets,
    /// The databases that hold the product's state, read directly and not through the product.
    #[serde(default)]
    pub databases: BTreeMap<String, Database>,
    /// The services of a deployment.
    #[schemars(with = "BTreeMap<crate::vocabulary::scalar::Name, Service>")]
    pub services: BTreeMap<String, Service>,
    /// What a backup is made of and how to trust it.
    pub backup: Backup,
    /// Steps that bring a deployment as far as the restore needs it. All services are created before.
    #[serde(default)]
    pub deploy: Vec<Step>,
    /// Steps that put the backup into the deployment and end with the product serving.
    pub restore: Vec<Step>,
    /// The product's own pre-check, on the old release, before each hop.
    #[serde(default)]
    pub preflight: Vec<Step>,
    /// One hop: from the old release serving to the new release serving.
    pub upgrade: Vec<Step>,
    /// Steps that wait until background work has ended.
    #[serde(default)]
    pub settle: Vec<Step>,
    /// The identities that requests are sent as.
    #[serde(default)]
    pub identities: BTreeMap<String, Identity>,
    /// What is judged after each hop.
    pub checks: Checks,
    /// Failures that are known: a list, or the name of a file beside `product.yaml` that holds the list.
    #[serde(default)]
    pub failures: Failures,
    /// How to read the lines of its logs when looking for known failures.
    #[serde(default)]
    pub log_lines: LogLines,
    /// The name of a file beside `product.yaml` with what its operators have to know and do.
    #[serde(default)]
    pub runbook: Option<String>,
}

/// What is removed from everything written.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Secrets {
    /// Settings whose names do not say that they are secret.
    #[serde(default)]
    pub settings: Vec<String>,
    /// Files of the backup that hold secrets.
    #[serde(default)]
    pub files: Vec<SecretFile>,
}

/// A text file of a backup that holds secrets.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SecretFile {
    /// The file.
    pub file: String,
    /// A regular expression; the first group of every match is a secret.
    pub pattern: GroupPattern,
}

/// True when the query's single value is true, or a number above zero.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SqlCondition {
    /// The database.
    #[serde(default = "main_database")]
    pub database: String,
    /// A query with one row of one value.
    pub sql: Template,
}

fn main_database() -> String {
    "main".to_owned()
}

/// A database that holds the product's state.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Database {
    /// Which kind of server it is.
    pub engine: Engine,
    /// The service it runs in; it is queried by the client program there.
    pub service: String,
    /// The database's name.
    pub name: Template,
    /// The role that reads it.
    pub user: Template,
    /// The server's address for the client: a host, or the folder of a socket; the client's default when not given.
    #[serde(default)]
    pub host: Option<String>,
    /// The account of the service that runs the client; the service's own when not given.
    #[serde(default)]
    pub run_as: Option<String>,
    /// The role's password, where the server asks for one.
    #[serde(default)]
    pub password: Option<Template>,
}

/// Which kind of database server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// PostgreSQL 11 or newer.
    Postgresql,
    /// MariaDB 10.5 or newer, MySQL 8 or newer.
    Mysql,
}

/// A service of a deployment.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Service {
    /// The public name of the image, or the name of a recipe in `images/`: the image is pulled, or built by the recipe.
    /// `{{ release }}` stands for the deployment's release.
    pub image: Template,
    /// Whether the image holds the product itself: the release that it states is verified, and a hop replaces the service.
    /// Any other service keeps the source's image on every hop, and `{{ release }}` in its `image` is refused.
    #[serde(default)]
    pub versioned: bool,
    /// Replaces the image's entry point.
    #[serde(default)]
    pub entrypoint: Option<Command>,
    /// Replaces the image's command.
    #[serde(default)]
    pub command: Option<Command>,
    /// The environment.
    #[serde(default)]
    pub env: BTreeMap<String, Template>,
    /// A file of the backup with `KEY=value` lines, added to the environment as `docker run --env-file` does: each value
    /// unchanged, with its quotes and its `$`.
    #[serde(default)]
    pub env_file: Option<String>,
    /// The user, by name or number.
    #[serde(default)]
    pub user: Option<String>,
    /// The working directory.
    #[serde(default)]
    pub workdir: Option<ServicePath>,
    /// The host name of the service, by which others can reach it as well.
    #[serde(default)]
    pub hostname: Option<Template>,
    /// Further network aliases.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Volumes, each with the path that it is mounted at.
    #[serde(default)]
    #[schemars(with = "BTreeMap<crate::vocabulary::scalar::Name, ServicePath>")]
    pub volumes: BTreeMap<String, ServicePath>,
    /// Paths kept in memory.
    #[serde(default)]
    pub tmpfs: Vec<ServicePath>,
    /// The ports that requests of this tool go to.
    #[serde(default)]
    pub ports: Vec<Port>,
    /// The size of `/dev/shm`.
    #[serde(default)]
    pub shm_size: Option<Size>,
    /// The limit of memory.
    #[serde(default)]
    pub memory: Option<Size>,
    /// The limit of processors, as `1.5`.
    #[serde(default)]
    pub cpus: Option<f64>,
    /// How long it may take to stop before it is killed; 10s when not given.
    #[serde(default)]
    pub stop_grace: Option<Duration>,
    /// When it serves; without a condition, it is ready as soon as it runs.
    #[serde(default)]
    pub ready: Option<Condition>,
    /// How long it may take to become ready; 2m when not given.
    #[serde(default)]
    pub ready_within: Option<Duration>,
    /// Log files inside the service, reviewed with what it prints; a path with `*` stands for any number of files, or none.
    #[serde(default)]
    pub logs: Vec<String>,
}

/// A condition to wait for: it is polled until it holds.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// A request gets the expected response.
    Http(HttpCondition),
    /// A port accepts connections.
    Tcp(TcpCondition),
    /// A command exits with 0.
    Exec(ExecCondition),
    /// A line of the service's log matches.
    Log(Pattern),
    /// The image's own health check says healthy.
    Health,
    /// A query's single value is true, or a number above zero.
    Sql(SqlCondition),
}

/// A request gets the expected response.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HttpCondition {
    /// The port inside the service.
    pub port: Port,
    /// The path, with its query.
    pub path: Template,
    /// The status it has to have; 200 when not given.
    #[serde(default)]
    pub status: Option<u16>,
    /// What the body has to match.
    #[serde(default)]
    pub body: Option<Pattern>,
}

/// A port accepts connections.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TcpCondition {
    /// The port inside the service.
    pub port: Port,
}

/// A command exits with 0.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ExecCondition {
    /// The command.
    pub command: Command,
    /// The user, by name or number.
    #[serde(default)]
    pub user: Option<String>,
}
