//! Where a known failure was recognised.

/// A place where a known failure was recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// Its index in the list of known failures.
    pub failure: usize,
    /// The numbers of its first and last line, from 1.
    pub lines: (u64, u64),
    /// The text there, cut to a readable length.
    pub excerpt: Vec<String>,
    /// The named groups of its patterns.
    pub groups: Vec<(String, String)>,
}
