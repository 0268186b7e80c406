//! Known failures: how they are recognised in any text, and which of them follows from which.

pub mod diagnosis;
pub mod signature;
