//! Images as the engine wants and gets them.

use rehearse_core::outcome::note::ImageOrigin;
use rehearse_core::planning::path::Target;
use rehearse_core::vocabulary::release::Release;

/// The image a service wants, as the product file names it, with the release it has to hold where that matters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageWanted {
    /// `postgres:15`, `rehearse/webshop:6.1`.
    pub name: String,
    /// The release the image has to state, for images of the product itself.
    pub holds: Option<Target>,
}

/// An image that is here.
#[derive(Debug, Clone)]
pub struct ImageHeld {
    /// The name that was asked for.
    pub name: String,
    /// What the host calls it; services are made from this, so that a name that moves on cannot change a run.
    pub id: String,
    /// How it came here.
    pub origin: ImageOrigin,
    /// The release the image states it really holds, where it states one.
    pub release: Option<Release>,
    /// One line for the report: repository digest, or the context hash it was built from and why.
    pub provenance: String,
}
