//! A fault of the product, as data.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::code::FindingCode;
use super::subject::Subject;
use crate::secret::Redactor;

/// A fault of the product that was observed: a code and a subject to decide by, and texts for people.
///
/// No code reads `expected` or `actual` back: what a decision needs is a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// What kind of fault it is.
    pub code: FindingCode,
    /// What it is about.
    pub subject: Subject,
    /// What was expected.
    pub expected: String,
    /// What was observed.
    pub actual: String,
    /// The status of the HTTP response that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The product's own words that it quotes: a line of a log, the last lines of a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// The file in the output folder that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// The known failure it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<Known>,
    /// The service that it is about: the one that the request went to, or whose log it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

impl Finding {
    /// A finding without evidence yet.
    pub fn new(code: FindingCode, subject: Subject, expected: impl Into<String>, actual: impl Into<String>) -> Self {
        let (expected, actual) = (expected.into(), actual.into());
        let (status, quote, evidence, known, service) = (None, None, None, None, None);
        Self { code, subject, expected, actual, status, quote, evidence, known, service }
    }

    /// Takes secrets out of it.
    pub fn redact(&mut self, redactor: &Redactor) {
        self.subject.redact(redactor);
        for text in [&mut self.expected, &mut self.actual].into_iter().chain(&mut self.quote) {
            redactor.clean(text);
        }
    }

    /// The same finding, with the file that shows it.
    #[must_use]
    pub fn with_evidence(mut self, evidence: impl Into<String>) -> Self {
        self.evidence = Some(evidence.into());
        self
    }

    /// The same finding, with the product's own words that it quotes.
    #[must_use]
    pub fn quoting(mut self, quote: impl Into<String>) -> Self {
        self.quote = Some(quote.into());
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, seen {}", self.subject, self.expected, self.actual)
    }
}

/// A known failure of the product file that was recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Known {
    /// Its id.
    pub id: String,
    /// Why it happens.
    pub cause: String,
    /// What to do about it.
    pub remedy: String,
    /// The document that says so, or where it was measured.
    pub source: String,
    /// Known failures that it follows from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consequence_of: Vec<String>,
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} — remedy: {} ({})", self.id, self.cause, self.remedy, self.source)
    }
}
