//! What is to run: a service of a product file made into a [`ServiceSpec`], with the scenario's changes applied and every
//! placeholder filled in.
//!
//! This is the only place that does so. The engine starts what [`resolve`] gives, and `--dry-run` prints it, so that the
//! two cannot disagree; [`ServiceSpec`] is `non_exhaustive`, so that no other crate can put one together by its fields.

mod command;
mod placeholders;
mod service;

pub use command::{CommandSpec, command_line};
pub use placeholders::{Placeholders, names, settings};
pub use service::{Mount, MountSource, STOP_GRACE, ServiceSpec, resolve, services};
