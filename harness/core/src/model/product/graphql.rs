//! The GraphQL check, as the product file gives it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::vocabulary::release::{Range, Release};
use crate::vocabulary::scalar::{Because, Duration, Pattern, Port, Size};
use crate::vocabulary::template::Template;

/// A GraphQL interface: the results of queries, and the schema.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GraphqlCheck {
    /// Where requests are sent.
    pub endpoint: GraphqlEndpoint,
    /// The identity of the requests for which a query or the schema names none; anonymous when not given.
    #[serde(default, rename = "as")]
    pub identity: Option<String>,
    /// A longer response cannot be judged; 16MiB when not given. Up to three responses are in memory at a time, and those of
    /// the baseline until the run ends.
    #[serde(default)]
    pub longest: Option<Size>,
    /// How long a response may take; 60s when not given.
    #[serde(default)]
    pub deadline: Option<Duration>,
    /// The queries to send on the baseline and after each hop.
    #[serde(default)]
    pub queries: Vec<GraphqlQuery>,
    /// The schema, read by introspection and compared with the release before; not read when not given.
    #[serde(default)]
    pub schema: Option<GraphqlSchemaCheck>,
}

/// Where GraphQL requests are sent, as POST of JSON.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GraphqlEndpoint {
    /// The service.
    pub service: String,
    /// The port inside the service.
    pub port: Port,
    /// The path.
    pub path: Template,
    /// Further headers.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
}

/// A query whose result has to stay what it was on the baseline.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GraphqlQuery {
    /// What it shows; stable, unique.
    pub name: String,
    /// Only on these releases.
    #[serde(default)]
    pub releases: Option<Range>,
    /// The identities to send it as, each compared with itself; the check's when not given.
    #[serde(default, rename = "as")]
    pub identities: Vec<String>,
    /// Further identities that must be refused: status 401 or 403, or errors and no data.
    #[serde(default)]
    pub refused: Vec<String>,
    /// The query. It cannot hold placeholders: use variables for what varies.
    #[serde(default)]
    pub query: Option<String>,
    /// In place of `query`: one query per range of releases; aliases keep the shapes comparable.
    #[serde(default)]
    pub variants: Vec<GraphqlVariant>,
    /// Variables; strings in them may hold placeholders.
    #[serde(default)]
    pub variables: BTreeMap<String, Value>,
    /// Whether lists are compared in order; otherwise as multisets.
    #[serde(default)]
    pub ordered: bool,
    /// Keys that are left out, at any depth.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// Reviewed differences from the baseline.
    #[serde(default)]
    pub changes: Vec<ReviewedChange>,
}

impl GraphqlQuery {
    /// The query's text for a release; none when no variant is for it.
    pub fn text(&self, release: &Release) -> Option<&str> {
        let variant = self.variants.iter().find(|variant| variant.releases.contains(release));
        variant.map(|variant| variant.query.as_str()).or(self.query.as_deref())
    }
}

/// A query for some releases.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GraphqlVariant {
    /// On these releases.
    pub releases: Range,
    /// The query.
    pub query: String,
}

/// A reviewed difference, named by the text that reports it.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ReviewedChange {
    /// It appears when this release is reached or passed.
    pub crossing: Release,
    /// Matches the difference as reports name it: `/devices[name=a]/status: "active" → "staged"` of a response,
    /// `field Query.sites removed` of a schema.
    pub pattern: Pattern,
    /// Why, with the document that says so.
    pub because: Because,
}

/// The schema, read by introspection and compared with the release before.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GraphqlSchemaCheck {
    /// The identity to read it as; the check's when not given.
    #[serde(default, rename = "as")]
    pub identity: Option<String>,
    /// Reviewed breaking changes.
    #[serde(default)]
    pub changes: Vec<ReviewedChange>,
}
