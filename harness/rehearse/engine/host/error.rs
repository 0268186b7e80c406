//! Why a host could not.

use std::path::PathBuf;
use std::time::Duration;

use rehearse_core::planning::path::Target;
use rehearse_core::vocabulary::release::Release;

/// We could not do or could not tell. Names the operation and the object; the cause is the source.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// What is to name the engine that runs services does not: bad input, which no waiting mends.
    #[error("{setting} is {address:?}, which is not the address of {engine}: {why}; expected {expected}")]
    Address {
        /// What was given.
        address: String,
        /// Where it was given: a variable, an argument.
        setting: &'static str,
        /// What it is to name: `a container engine`.
        engine: &'static str,
        /// What is wrong with it.
        why: String,
        /// What is right.
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
    /// An image cannot be had.
    #[error("image {image} is not obtainable: {reason}")]
    Image {
        /// The image.
        image: String,
        /// Why, with what is on offer instead.
        reason: String,
        /// The cause.
        #[source]
        source: Option<BoxError>,
    },
    /// An image holds another release than it has to.
    #[error("image {image} is not obtainable: it holds {actual}, the scenario wants {wanted}; {way_out}")]
    WrongRelease {
        /// The image.
        image: String,
        /// The release that it holds.
        actual: Box<Release>,
        /// The release, or the line, that it has to hold.
        wanted: Box<Target>,
        /// What can be asked for instead.
        way_out: String,
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
    /// It took longer than it may.
    #[error("{what} took longer than {limit:?}")]
    Deadline {
        /// What.
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
