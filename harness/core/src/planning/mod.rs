//! From rules and a catalog to a path, and from a path to the numbered stages of a rehearsal.

pub mod compatibility;
pub mod path;
pub mod plan;
