//! What a report implements to receive the events of a run.

use super::event::Event;
use super::summary::Summary;

/// Takes events as they happen.
pub trait Reporter: Send {
    /// Takes one event, with the fold of all events up to and with it.
    ///
    /// # Errors
    /// When the report cannot be written.
    fn report(&mut self, event: &Event, summary: &Summary) -> Result<(), ReportError>;
}

/// A report that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {what}")]
pub struct ReportError {
    /// The file or stream.
    pub what: String,
    /// The cause.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}
