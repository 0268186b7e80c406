//! The implementation of [`crate::engine::host`] on a Docker engine: containers, networks, volumes and images.
//!
//! Nothing here judges a product or makes plans. Whatever is created carries the labels of [`label`] from its first moment,
//! and is found by them, never from memory.

mod address;
mod bootstrap;
mod build;
mod client;
mod context;
mod copy;
mod creations;
mod daemon;
mod deployment;
mod doctor;
mod ending;
mod exec;
mod host;
mod image;
mod label;
mod logs;
mod making;
mod memory;
mod oneoff;
mod output;
mod owner;
mod pull;
mod recipe;
mod reference;
mod release;
mod removal;
mod service;
mod shell;
mod sweep;
mod usage;
mod volume;
mod watch;

pub use address::from_env as engine_address;
pub use client::Client;
pub use context::{ContextFile, embedded, read_folder};
pub use doctor::{Checkup, ImageHere, Registry, Warning, check_up};
pub use host::{DockerHost, Settings};
pub use label::OwnershipLabels;
pub use owner::{Liveness, Owner};
pub use recipe::{Bootstrap, Build, Pull, Recipe, RecipeCatalog, RecipeError};
pub use shell::{Inside, Size, attach, services};
pub use sweep::{Remnant, Selection, Standing, SweepReport, list, sweep};
pub use usage::{Usage, usage};
