//! What a rehearsal comes to: findings and verdicts, the events that carry them,
//! and the fold that every report is made from.

pub mod cause;
pub mod code;
pub mod coverage;
pub mod event;
pub mod finding;
pub mod note;
pub mod previous;
pub mod reason;
pub mod reporter;
pub mod subject;
pub mod summary;
pub mod verdict;
