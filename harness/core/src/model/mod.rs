//! What the authors of files mean: a product, and a scenario that rehearses its upgrade.

pub mod product;
pub mod scenario;
