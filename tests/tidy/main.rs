//! The repository's own rules as tests. A rule is a function over texts, so that a test can plant a breach and see it found.

#![expect(clippy::wildcard_enum_match_arm, reason = "the enums of a parser are not ours, and have dozens of variants")]

mod allowed;
mod cycles;
mod documents;
mod formats;
mod layers;
mod modules;
mod names;
mod purity;
mod reference;
mod sentences;
mod sizes;
mod syntax;
mod tree;
