//! From text to values: YAML with the place of everything in it, and every mistake at once.

pub mod diagnostic;
pub mod span;
pub mod spec;
pub(crate) mod stored;
