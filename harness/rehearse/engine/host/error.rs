//! Why a host could not do what was requested.

use std::path::PathBuf;
use std::time::Duration;

use rehearse_core::planning::path::Target;
use rehearse_core::vocabulary::release::Release;

/// Something that we could not do or find out. Names the operation and the object; the cause is the source.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The address of the engine that runs services is invalid: bad input, which waiting cannot fix.
    #[error("{setting} is {address:?}, which is not the address of {engine}: {why}; expected {expected}")]
    Address {
        /// What was given.
        address: String,
        /// Where it was given: a variable, an argument.
        setting: &'static str,
        /// What it should be the address of: `a container engine`.
        engine: &'static str,
        /// What is wrong with it.
        why: String,
        /// What a valid address looks like.
        expected: &'static str,
    },
    /// The engine that runs services does not answer.
    #[error("no {engine} answers: {hint}")]
    Unreachable {
        /// Its kind: `container engine`.
        engine: &'static str,
        /// What to do.
        hint: String,
        /// The cause.
        #[source]
        source: Option<BoxError>,
    },
    /// An image cannot be obtained.
    #[error("cannot obtain image {image}: {reason}")]
    Image {
        /// The image.
        image: String,
        /// Why, and what is available instead.
        reason: String,
        /// The cause.
        #[source]
        source: Option<BoxError>,
    },
    /// An image holds another release than it should.
    #[error("cannot use image {image}: it holds {actual}, the scenario wants {wanted}; {remedy}")]
    WrongRelease {
        /// The image.
        image: String,
        /// The release that it holds.
        actual: Box<Release>,
        /// The release, or the line, that it should hold.
        wanted: Box<Target>,
        /// What to do about it.
        remedy: String,
    },
    /// An operation on an object failed.
    #[error("cannot {operation} {object}")]
    Operation {
        /// What was to be done: `create`, `start`, `copy into`.
        operation: &'static str,
        /// The object: `service web of main`, `volume files`.
        object: String,
        /// The cause.
        #[source]
        source: BoxError,
    },
    /// A file of ours could not be read or written.
    #[error("cannot {operation} {path}")]
    File {
        /// `read`, `write`.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Something took longer than its limit.
    #[error("{what} took longer than {limit:?}")]
    Deadline {
        /// What took too long.
        what: String,
        /// The limit.
        limit: Duration,
    },
}

/// Any cause.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl HostError {
    /// The message with all its causes, on one line.
    pub fn chain(&self) -> String {
        rehearse_core::text::error_chain(self)
    }
}
