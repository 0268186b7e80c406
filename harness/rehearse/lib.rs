//! `rehearse`: rehearses the upgrade of a self-hosted product on a real backup.
//!
//! `cli` resolves what was typed and wires the rest: `backup` reads a backup, `engine` carries out a plan against a host,
//! `docker` is that host, `observers` read, `report` writes. What a rehearsal means is decided in `rehearse-core`.

pub mod backup;
pub mod cli;
pub mod docker;
pub mod engine;
pub mod load;
pub mod observers;
pub mod report;
pub mod secrets;
pub mod session;
pub mod setup;
#[cfg(test)]
mod test_memory;
pub mod trial;
