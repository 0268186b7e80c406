//! The file formats: a product, and a scenario that rehearses its upgrade.

pub mod product;
pub mod scenario;
