//! Runs a plan against a [`host::Host`] and an [`observer::Observer`], and is the only teller of events.

mod ask;
mod backup;
mod budget;
mod checks;
mod evidence;
mod follow;
mod graphql;
#[cfg(test)]
pub(crate) mod held;
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
mod restart;
mod run;
mod schema;
mod settle;
mod stages;
mod state;
mod step;
mod tables;
mod upgrading;
mod wait;
mod world;

pub(crate) use backup::beginning as backup_text;
pub use backup::{Dump, Inspection, Missing, PartSeen, Watch, inspect, well_formed};
pub use output::{BodyMaker, KEPT};
pub use run::{Finished, Hindrance, Keep, Terms, rehearse, unbegun};
pub(crate) use wait::Tail;
pub use world::{Case, StepEnd, Trouble};
