//! Plans upgrade paths: rules + catalog + facts about the data -> the hops to take, each with its reason, or a refusal.
//!
//! Never guesses: a release nobody published, a rollback, or a hop that is forbidden without a way around is refused.

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
