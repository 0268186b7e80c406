//! Plans upgrade paths: rules + catalog + facts about the data -> the hops to take, each with its reason, or a refusal.
//!
//! Nothing is guessed: a release that was never published, a downgrade, and a forbidden hop without a detour are refused.

mod planner;
mod reason;
mod refusal;
mod route;
mod rules;
mod stops;
mod table;
#[cfg(test)]
mod tests;
mod walk;

pub use planner::{Planner, Target, TargetError};
pub use refusal::{End, Nearest, Refusal, Unknown};
pub use route::{Dropped, Hop, Path, Route};
pub use rules::{ConditionId, Edge, EditionChange, Facts, Rules, Spacing, Stop, StopsEvery};
pub use stops::{StopList, StopListError};
