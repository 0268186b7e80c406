//! The pure core of `rehearse`: words, plans and judgement.
//!
//! Nothing here may know an async runtime, Docker, a clock, a file, a socket, the environment or a terminal: times,
//! ids and texts come in as arguments, values go out. The compiler holds that line, because this crate depends on
//! nothing that could cross it.

pub mod activity;
pub mod catalog;
pub mod cause;
pub mod check;
pub mod compatibility;
pub mod diagnosis;
pub mod diagnostic;
pub mod event;
pub mod graphql;
pub mod migrations;
pub mod observe;
pub mod path;
pub mod plan;
pub mod product;
pub mod progress;
pub mod release;
pub mod runbook;
pub mod scalar;
pub mod scenario;
pub mod secret;
pub mod signature;
pub mod span;
pub mod spec;
pub mod summary;
pub mod template;
pub mod text;
pub mod verdict;
