//! Broken files and what is said of them, over types that resemble products.

use std::collections::BTreeMap;

use proptest::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Command, Document, Table, read};
use crate::source::diagnostic::Rejected;
use crate::source::span::Source;
use crate::vocabulary::scalar::{Duration, Pattern, Pointer, Scalar, Size, Validator, scalar};
use crate::vocabulary::template::Template;

/// A product, more or less.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Product {
    product: String,
    #[serde(default)]
    path: Path,
    services: Table<Name, Service>,
    #[serde(default)]
    upgrade: Vec<Step>,
    settle: Option<Settle>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    codes: BTreeMap<u16, String>,
    #[serde(default)]
    extra: Value,
    #[serde(default)]
    weight: Option<f64>,
    #[serde(default)]
    offset: i64,
    #[serde(default)]
    range: Option<(u8, Template)>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Path {
    downgrade: Downgrade,
    minors: Option<Minors>,
    stops: Vec<Stop>,
}

#[derive(Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Downgrade {
    #[default]
    Refuse,
    Allow,
}

#[derive(Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Minors {
    /// Skips are fine.
    Any,
    /// Each in turn.
    OneAtATime,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Stop {
    at: String,
    #[serde(default)]
    optional: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Service {
    image: Template,
    #[serde(default)]
    needs: Vec<Name>,
    memory: Option<Size>,
    #[serde(default)]
    environment: BTreeMap<String, Template>,
    port: Option<u16>,
    ready: Option<Ready>,
    command: Option<Command>,
}

#[expect(dead_code, reason = "read to be checked, not to be used")]
/// When it is ready.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Ready {
    /// As soon as it runs.
    Started,
    /// By command.
    Exec(Command),
    Log(Pattern),
    #[serde(rename_all = "kebab-case")]
    Http {
        path: String,
        #[serde(default)]
        status: u16,
        json: Option<Pointer>,
    },
}

#[expect(dead_code, reason = "read to be checked, not to be used")]
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Step {
    Pause,
    Stop(#[schemars(length(min = 1))] Vec<Name>),
    Run(Box<Run>),
    Group(Vec<Step>),
}

#[expect(dead_code, reason = "read to be checked, not to be used")]
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Run {
    service: Name,
    command: Command,
    #[serde(default)]
    retries: u32,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Settle {
    stalled_after: Duration,
}

/// The name of a service: a scalar whose rule holds for keys too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name(String);

impl Scalar for Name {
    const FORMAT: &'static str = "test-name";
    const EXPECTED: &'static str = "a name of small letters";

    fn parse(text: &str) -> Result<Self, String> {
        let good = !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase());
        if good { Ok(Self(text.to_owned())) } else { Err(format!("`{text}` is not a name")) }
    }
}

scalar!(Name);

/// Registered with the real ones, as a scalar of another module would be.
pub(crate) const fn test_validator() -> Validator {
    Validator::of::<Name>()
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One line a problem: place, the text it points at, title, label, help.
fn rendered(rejected: &Rejected) -> String {
    let line = |problem: &crate::source::diagnostic::Problem| {
        let place = rejected.source().place(problem.span.start);
        let help = problem.help.as_ref().map(|help| format!(" | {help}")).unwrap_or_default();
        let text = rejected.source().slice(problem.span);
        format!("{}:{} «{text}» {} | {}{help}", place.line, place.column, problem.title, problem.label)
    };
    rejected.problems().iter().map(line).collect::<Vec<_>>().join("\n")
}

fn product(text: &str) -> Result<(Product, Document), Rejected> {
    read(Source::new("product.yaml", text))
}

fn good(text: &str) -> (Product, Document) {
    product(text).unwrap_or_else(|rejected| panic!("{}", rendered(&rejected)))
}

#[track_caller]
fn check(text: &str, expected: &str) {
    let seen = product(text).map(|_| ()).map_err(|rejected| rendered(&rejected)).unwrap_err();
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(seen.lines().collect::<Vec<_>>(), expected, "\nof\n{text}\n");
}

const GOOD: &str = include_str!("tests/good.yaml");

mod broken_keys;
mod broken_values;
mod broken_yaml;
mod fine;
mod limits;
