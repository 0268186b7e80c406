//! An image that is being built, in either way: its names, its log, and its progress.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

use rehearse_core::secret::Redactor;

use crate::docker::client::Client;
use crate::engine::host::{BoxError, HostError};

/// How long a build may take in all.
pub(crate) const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Is called with the progress of obtaining an image.
pub(crate) type Progress<'a> = &'a (dyn Fn(String) + Send + Sync);

/// An image that is being built.
pub(crate) struct Making<'a> {
    pub(crate) client: &'a Client,
    /// The name it was requested by.
    pub(crate) name: &'a str,
    /// The name it gets.
    pub(crate) target: &'a str,
    pub(crate) labels: HashMap<String, String>,
    pub(crate) log: PathBuf,
    /// Removes secrets from the log: the address of a mirror or a proxy may hold one.
    pub(crate) redactor: &'a Redactor,
    pub(crate) progress: Progress<'a>,
}

impl Making<'_> {
    pub(crate) fn fail(&self, reason: impl Into<String>, source: Option<BoxError>) -> HostError {
        let reason = format!("{}; its log is {}", reason.into(), self.log.display());
        HostError::Image { image: self.name.to_owned(), reason, source }
    }

    /// Reports a line of the build; how often people see one is the caller's affair.
    pub(crate) fn report_progress(&self, line: &str) {
        (self.progress)(line.chars().take(120).collect());
    }

    pub(crate) fn late(&self) -> HostError {
        HostError::Deadline { what: format!("the build of image {}", self.name), limit: LIMIT }
    }
}

/// The error for an image that cannot be obtained.
pub(crate) fn unobtainable(image: &str, reason: String) -> HostError {
    HostError::Image { image: image.to_owned(), reason, source: None }
}
