//! What was read from a deployment, without a judgement.

pub mod activity;
mod data;
mod files;
pub mod graphql;
pub mod migrations;
pub mod pages;
pub mod progress;

pub use data::*;
pub use files::*;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The response to one step of a probe, and the file that shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The request: `GET /issues.json as auditor`. Stable over runs and releases.
    pub request: String,
    /// The response.
    pub response: Response,
    /// The file in the output folder that holds the response.
    pub evidence: Option<String>,
}

/// What came back of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Response {
    /// An HTTP response.
    Http(HttpResponse),
    /// A command that ended.
    Exec(Ended),
    /// Rows of a query.
    Rows(Rows),
    /// The product did not respond: refused, reset, timed out.
    NoResponse {
        /// In which way.
        reason: String,
    },
    /// The server understood the statement and refused it: it fails on what the product left there.
    Rejected(SqlRefusal),
    /// The probe itself failed: the command does not exist, the database cannot be reached.
    ProbeError {
        /// In which way.
        reason: String,
    },
}

impl Response {
    /// The status, if it is an HTTP response.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        match self {
            Self::Http(response) => Some(response.status),
            Self::Exec(_)
            | Self::Rows(_)
            | Self::NoResponse { .. }
            | Self::Rejected { .. }
            | Self::ProbeError { .. } => None,
        }
    }
}

/// Why a database server refused a statement, in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlRefusal {
    /// The class and kind of the error, the same in any language: `42P01`.
    pub sqlstate: String,
    /// The server's own number of the error, if it has numbers: `1146`.
    pub number: Option<u32>,
    /// Its message, in its own language.
    pub message: String,
}

impl fmt::Display for SqlRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            Some(number) => write!(f, "{number} ({}): {}", self.sqlstate, self.message),
            None => write!(f, "{}: {}", self.sqlstate, self.message),
        }
    }
}

impl SqlRefusal {
    /// Whether the server does not know a name in the statement: of a table, a column, a schema or a function.
    pub fn is_of_an_unknown_name(&self) -> bool {
        ["42P01", "42703", "3F000", "42883", "42S02", "42S22"].contains(&self.sqlstate.as_str())
    }
}

/// Why something of a database was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unread {
    /// The server refused the statement.
    Refused(SqlRefusal),
    /// The server could not be asked, or what it said cannot be used.
    Unavailable(String),
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Unavailable(reason) => f.write_str(reason),
        }
    }
}

impl From<Unread> for String {
    fn from(unread: Unread) -> Self {
        unread.to_string()
    }
}

impl From<String> for Unread {
    fn from(reason: String) -> Self {
        Self::Unavailable(reason)
    }
}

impl From<&str> for Unread {
    fn from(reason: &str) -> Self {
        Self::Unavailable(reason.to_owned())
    }
}

/// An HTTP response.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Body,
    /// From the request to the end of the body.
    pub took: Duration,
}

/// A command that ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// Its exit code.
    pub exit: i64,
    /// Standard output.
    pub out: Body,
    /// Standard error.
    pub err: Body,
    /// How long it ran.
    pub took: Duration,
}

/// A body or output: its whole size and digest, and as much text as is kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// Bytes in all.
    pub size: u64,
    /// SHA-256 of all bytes, in hexadecimal.
    pub digest: String,
    /// The beginning, as UTF-8 with replacements.
    pub text: String,
    /// Whether the text is only the beginning.
    pub cut: bool,
}

/// Rows of a query; a null is `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// In the order the query gave.
    pub rows: Vec<Vec<Option<String>>>,
}

impl Rows {
    /// The single value of a result of one row and one column.
    pub fn value(&self) -> Option<&str> {
        match self.rows.as_slice() {
            [row] => match row.as_slice() {
                [value] => value.as_deref(),
                _ => None,
            },
            _ => None,
        }
    }
}

/// What the database has recorded of migrations, and what the running code has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MigrationState {
    /// Versions that the database has recorded.
    pub recorded: Vec<String>,
    /// Versions that the running code has.
    pub known: Vec<String>,
}

/// What every statement begins with that we send to a database, so that its log shows which ones are ours.
pub const OWN_STATEMENT: &str = "/* rehearse */";

/// What one log holds that looks like errors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LogReview {
    /// Whose log it is.
    pub source: LogSource,
    /// Lines read.
    pub lines: u64,
    /// The errors by kind, in the order in which each was first met.
    pub kinds: Vec<ErrorKind>,
    /// How many errors there are in all.
    pub count: u64,
    /// How many of those are of kinds that were not kept any more.
    pub beyond: u64,
    /// How many were allowed, per reason.
    pub allowed: BTreeMap<String, u64>,
    /// How many were provoked by statements of ours.
    #[serde(default)]
    pub own: u64,
    /// Lines with the words of an error and a level below a warning.
    #[serde(default)]
    pub low: u64,
    /// The file in the output folder.
    pub evidence: Option<String>,
}

/// A log: what a service printed, or a file of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LogSource {
    /// The service.
    pub service: String,
    /// The name of the file; none for what the service printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

impl From<&str> for LogSource {
    /// What a service printed.
    fn from(service: &str) -> Self {
        Self { service: service.to_owned(), file: None }
    }
}

impl fmt::Display for LogSource {
    /// `web`, or `web: production.log`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}: {file}", self.service),
            None => f.write_str(&self.service),
        }
    }
}

/// Errors that differ in nothing but numbers, ids, times and addresses.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ErrorKind {
    /// What they have in common.
    pub shape: String,
    /// How many.
    pub count: u64,
    /// The line of the first one.
    pub line: u64,
    /// The first one, with the lines that belong to it.
    pub example: Vec<String>,
}

/// How long one request took, several times.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// The request.
    pub request: String,
    /// The samples, in the order in which they were taken.
    pub took: Vec<Duration>,
    /// Why there are fewer samples than planned, or none.
    pub failure: Option<String>,
}

impl Samples {
    /// The median and the median absolute deviation from it; `None` without samples.
    pub fn robust(&self) -> Option<(Duration, Duration)> {
        let median = median(self.took.clone())?;
        let spread = median_of(self.took.iter().map(|took| took.abs_diff(median)))?;
        Some((median, spread))
    }
}

fn median_of(values: impl Iterator<Item = Duration>) -> Option<Duration> {
    median(values.collect())
}

fn median(mut values: Vec<Duration>) -> Option<Duration> {
    values.sort_unstable();
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        even if even % 2 == 0 => Some((values[middle - 1] + values[middle]) / 2),
        _ => Some(values[middle]),
    }
}
