//! How work ends: an [`EngineError`] if we could not tell, a [`StepEnd`] if we could.

use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::finding::Finding;
use rehearse_core::outcome::reason::Inconclusive;
use rehearse_core::vocabulary::template::TemplateError;

use super::host::HostError;

/// Why we could not carry out a stage. Never the product's fault.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The host could not do what was requested.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A placeholder could not be filled in.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Something could not be observed.
    #[error("{0}")]
    Unobservable(Inconclusive),
}

impl EngineError {
    /// Something could not be read, and why.
    pub(crate) fn not_read(text: impl Into<String>) -> Self {
        Self::Unobservable(Inconclusive::new(InconclusiveCode::NotRead, text))
    }

    /// A bug in rehearse itself.
    pub(crate) fn bug(text: impl std::fmt::Display) -> Self {
        Self::Unobservable(Inconclusive::bug(text))
    }

    /// The reason that a report gives.
    pub fn reason(&self) -> Inconclusive {
        let code = match self {
            Self::Unobservable(reason) => return reason.clone(),
            Self::Template(_) => InconclusiveCode::Template,
            Self::Host(HostError::WrongRelease { .. }) => InconclusiveCode::WrongRelease,
            Self::Host(HostError::Image { .. }) => InconclusiveCode::ImageUnobtainable,
            Self::Host(HostError::File { .. }) => InconclusiveCode::FileUnreadable,
            Self::Host(HostError::Address { .. } | HostError::Unreachable { .. }) => InconclusiveCode::HostFailed,
            Self::Host(HostError::Operation { .. } | HostError::Deadline { .. }) => InconclusiveCode::HostFailed,
        };
        Inconclusive::new(code, self.chain())
    }

    /// The message with all its causes.
    pub fn chain(&self) -> String {
        rehearse_core::text::error_chain(self)
    }
}

/// How a list of steps ended.
#[derive(Debug)]
#[must_use]
pub enum StepEnd {
    /// As it should.
    Done,
    /// The product failed.
    Failed(Vec<Finding>),
}
