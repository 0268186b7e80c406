//! The engine in a scripted world, on a paused clock: what it does, in which order, and how long that takes.
//!
//! A paused clock skips over a hang, so tests of waits assert the virtual time that passed.

mod apart;
mod archive;
mod broken;
mod budgets;
mod case;
mod causes;
mod crawl;
mod expected;
mod failures;
mod fake;
mod fresh;
mod graphql;
mod interfered;
mod journeys;
mod known;
mod one_resolution;
mod other_host;
mod passing;
mod path;
mod pods;
mod polling;
mod probes;
mod refused;
mod releases;
mod scripted;
mod settling;
mod signs;
mod slow;
mod steps;
mod stopped;
mod tables;
mod upgrading;
mod volumes;
