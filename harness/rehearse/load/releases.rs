//! The published releases of a product.

use rehearse_core::model::product::Product;
use rehearse_core::source::span::Source;
use rehearse_core::source::spec::read;
use rehearse_core::vocabulary::catalog::Catalog;

use super::{LoadError, built_in};

/// Reads the published releases of a built-in product, and nothing that only a rehearsal of it needs.
///
/// # Errors
/// When there is no such product, or its files have mistakes.
pub fn releases(name: &str) -> Result<Catalog, LoadError> {
    let (product, _) = read::<Product>(built_in(name, "product.yaml")?)?;
    published(&product, &built_in(name, &product.releases.catalog)?)
}

pub(super) fn published(product: &Product, releases: &Source) -> Result<Catalog, LoadError> {
    let catalog = if product.releases.catalog.ends_with(".json") {
        Catalog::from_json(releases.text())
    } else {
        Catalog::from_lines(releases.text())
    };
    catalog.map_err(|error| LoadError::Catalog { product: product.product.clone(), reason: error.to_string() })
}
