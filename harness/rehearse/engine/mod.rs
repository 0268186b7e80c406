//! Runs a plan against a [`host::Host`] and an [`observer::Observer`], and is the only emitter of events.

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
mod mode;
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
mod upgrading;
mod wait;

pub use context::{Case, EngineError, StepEnd};
pub use output::{BodyMaker, KEPT};
pub use run::{Finished, Keep, RunOptions, StartupError, rehearse, report_startup_failure};
pub(crate) use wait::Tail;
