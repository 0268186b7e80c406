//! Runs a plan against a [`host::Host`] and an [`observer::Observer`], and is the only teller of events.

mod backup;
mod budget;
mod checks;
mod context;
mod evidence;
mod execute;
mod follow;
mod graphql;
pub mod host;
mod known;
mod login;
mod logs;
mod meter;
mod migrating;
pub mod observer;
mod output;
mod poll;
mod probe;
mod request;
mod restart_drift;
mod run;
mod schema;
mod settle;
mod stages;
mod state;
mod step;
mod tables;
#[cfg(test)]
pub(crate) mod test_memory;
mod upgrading;
mod wait;

pub(crate) use backup::beginning as backup_text;
pub use backup::{Dump, Inspection, Missing, PartSeen, Watch, inspect, well_formed};
pub use context::{Case, EngineError, StepEnd};
pub use output::{BodyMaker, KEPT};
pub use run::{Finished, Keep, RunOptions, StartupError, rehearse, report_startup_failure};
pub(crate) use wait::Tail;
