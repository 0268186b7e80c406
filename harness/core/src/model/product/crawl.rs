//! How the pages of a product are found and judged, as the product file gives it.
//!
//! A page is named by its path with its query: `/issues/6`, `/issues?page=2`. `*` stands for any characters.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{NameOr, WrittenRows};
use crate::observation::pages::AccessLogFormat;
use crate::vocabulary::release::Release;
use crate::vocabulary::scalar::{Because, Duration, Pattern, Port};
use crate::vocabulary::template::Template;

/// Pages that nobody listed still show what they showed: the source release is crawled, and the same pages are asked again
/// after every hop and after the rollback.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CrawlCheck {
    /// The service that is asked.
    pub service: String,
    /// Its port.
    pub port: Port,
    /// The identities, each with pages of its own; without any, requests carry nothing.
    #[serde(default, rename = "as")]
    pub identities: Vec<String>,
    /// Where it begins.
    #[serde(default = "root")]
    pub start: Vec<Template>,
    /// The path of an OpenAPI document in JSON; its paths without parameters are asked too.
    #[serde(default)]
    pub openapi: Option<Template>,
    /// Access logs of production that come with the backup: what people opened is asked too, the more often the earlier.
    #[serde(default)]
    pub logs: Vec<AccessLog>,
    /// How many pages each identity asks for.
    #[serde(default = "sixty")]
    #[schemars(range(min = 1))]
    pub pages: u32,
    /// How long the crawl of the source release may take. Asking for the same pages again may take twice as long.
    pub within: Duration,
    /// Pages that are never asked, in addition to those whose names say that they change something.
    #[serde(default)]
    pub deny: Vec<String>,
    /// What the requests themselves write to, as a probe says it: tables, columns as `table.column`, files as `volume:path`;
    /// or some rows of a table or column.
    #[serde(default)]
    pub writes: Vec<NameOr<WrittenRows>>,
    /// Texts that change by themselves.
    #[serde(default)]
    pub volatile: Vec<VolatileText>,
    /// What a hop may change.
    #[serde(default)]
    pub rules: Vec<PageRule>,
}

/// An access log of production.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AccessLog {
    /// A text file of the backup.
    pub file: String,
    /// How it is written.
    pub format: AccessLogFormat,
}

/// Texts that change by themselves.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VolatileText {
    /// A regular expression that finds them.
    pub text: Pattern,
    /// Why they change.
    pub because: Because,
}

/// What a hop may change in pages, reviewed.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PageRule {
    /// It happens when this release is reached or passed.
    pub crossing: Release,
    /// Only for these identities.
    #[serde(default, rename = "as")]
    pub identities: Vec<String>,
    /// What may change.
    pub allow: PageChange,
    /// Why, with the document that says so. Shown in the report.
    pub because: Because,
}

/// A change of pages.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PageChange {
    /// Pages answer in another way: with another status, or with a redirect.
    Answers(ChangedAnswers),
    /// Texts are gone from pages, or shown to others.
    Texts(ChangedTexts),
    /// Values of JSON are gone or have changed.
    Values(ChangedValues),
    /// Pages have another content type, or a far shorter body.
    Bodies(Vec<String>),
    /// Scripts, styles and images that pages name do not load.
    Assets(Vec<String>),
}

/// Pages answer in another way.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ChangedAnswers {
    /// The pages.
    pub pages: Vec<String>,
    /// The status before: `200`, `404`; `log-in` for a redirect to a page where one logs in.
    pub from: String,
    /// The status now.
    pub to: String,
}

/// Texts are gone from pages, or shown to others.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ChangedTexts {
    /// The pages; all when not given.
    #[serde(default = "everywhere")]
    pub pages: Vec<String>,
    /// The texts, each as a regular expression that finds it.
    pub texts: Vec<Pattern>,
}

/// Values of JSON are gone or have changed.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ChangedValues {
    /// The pages.
    pub pages: Vec<String>,
    /// The keys.
    pub keys: Vec<String>,
}

fn root() -> Vec<Template> {
    "/".parse().into_iter().collect()
}

fn everywhere() -> Vec<String> {
    vec!["*".to_owned()]
}

fn sixty() -> u32 {
    60
}
