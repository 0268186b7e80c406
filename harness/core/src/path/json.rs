//! The public JSON form of a path or a refusal.

use serde_json::{Value, json};

use super::refusal::Refusal;
use super::route::Path;
use crate::release::Edition;

/// A path as the contract has it. `path` is without the source; releases are named as published, without edition.
#[must_use]
pub fn path_json(product: &str, edition: Option<&Edition>, path: &Path) -> Value {
    let hops = path.hops.iter().map(|hop| {
        json!({
            "from": hop.from.name(),
            "to": hop.to.name(),
            "because": hop.because,
            "optional": hop.optional.is_some(),
        })
    });
    json!({
        "product": product,
        "from": path.from.name(),
        "to": path.to.name(),
        "edition": edition,
        "path": path.hops.iter().map(|hop| hop.to.name()).collect::<Vec<_>>(),
        "hops": hops.collect::<Vec<_>>(),
    })
}

/// A refusal as the contract has it.
#[must_use]
pub fn refusal_json(refusal: &Refusal) -> Value {
    json!({ "refused": refusal.to_string() })
}
