//! Images as the engine requests and obtains them.

use rehearse_core::outcome::note::ImageOrigin;
use rehearse_core::planning::path::Target;
use rehearse_core::vocabulary::release::Release;

/// The image that a service needs, as the product file names it, and the release it has to hold if that matters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageRequest {
    /// `postgres:15`, `rehearse/webshop:6.1`.
    pub name: String,
    /// The release that the image has to state; set for images of the product itself.
    pub holds: Option<Target>,
}

/// An image that is available on the host.
#[derive(Debug, Clone)]
pub struct ObtainedImage {
    /// The name that was requested.
    pub name: String,
    /// The host's own id. Services are created from this, so that a tag that moves cannot change a run.
    pub id: String,
    /// How it was obtained.
    pub origin: ImageOrigin,
    /// The release that the image states, if it states one.
    pub release: Option<Release>,
    /// One line for the report: repository digest, or the context hash it was built from and why.
    pub provenance: String,
}
