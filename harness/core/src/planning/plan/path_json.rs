//! The public JSON form of a path or a refusal.

use serde_json::{Value, json};

use super::ListOrigin;
use crate::planning::compatibility::HopNotice;
use crate::planning::path::Path;
use crate::vocabulary::release::Edition;

/// The JSON form of a path. The member `path` does not include the source; releases are named as published, without edition.
/// `notices` has the notices of each hop, in the order of the hops.
#[must_use]
pub fn path_json(
    product: &str,
    edition: Option<&Edition>,
    path: &Path,
    notices: &[Vec<HopNotice>],
    lists: &[ListOrigin],
) -> Value {
    let hops = path.hops.iter().enumerate().map(|(index, hop)| {
        json!({
            "from": hop.from.name(),
            "to": hop.to.name(),
            "because": hop.because,
            "optional": hop.optional.is_some(),
            "condition": hop.optional,
            "notices": notices.get(index).map_or(&[][..], Vec::as_slice),
        })
    });
    json!({
        "product": product,
        "from": path.from.name(),
        "to": path.to.name(),
        "edition": edition,
        "path": path.hops.iter().map(|hop| hop.to.name()).collect::<Vec<_>>(),
        "hops": hops.collect::<Vec<_>>(),
        "needless": path.needless,
        "unpublished": path.dropped,
        "lists": lists,
    })
}

/// The JSON form of a refusal.
#[must_use]
pub fn refusal_json(refusal: &dyn std::fmt::Display) -> Value {
    json!({ "refused": refusal.to_string() })
}
