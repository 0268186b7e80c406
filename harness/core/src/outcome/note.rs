//! Facts of a stage that belong in the report and change no outcome.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::coverage::Coverage;
use super::finding::Finding;
use super::reason::StopDecision;
use crate::model::scenario::CheckKind;
use crate::secret::Redactor;
use crate::vocabulary::release::{Line, Release};

/// How an image was obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageOrigin {
    /// It was already there: pulled before, or built from the very same context.
    Found,
    /// It came from a registry.
    Pulled,
    /// It was built from a recipe, because it has the name of one or no registry responded.
    Built,
}

impl fmt::Display for ImageOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Found => "found",
            Self::Pulled => "pulled",
            Self::Built => "built",
        })
    }
}

/// A fact of a stage that belongs in the report and changes no outcome.
#[derive(Debug, Clone, PartialEq)]
pub enum Note {
    /// An image was obtained.
    ImageObtained {
        /// Its name.
        image: String,
        /// How it was obtained.
        origin: ImageOrigin,
        /// The release that it states.
        release: Option<Release>,
        /// Its digest, or what it was built from.
        provenance: String,
    },
    /// The line that a hop goes to is this release, as its image holds it.
    ImageResolved {
        /// The hop.
        hop: u32,
        /// The line that the scenario names.
        line: Line,
        /// The release.
        release: Release,
    },
    /// An image of the product does not state its release.
    ReleaseUnstated {
        /// The image.
        image: String,
    },
    /// A conditional stop was decided on the restored data.
    StopDecided(StopDecision),
    /// A kind of check is left out, with the reason.
    NotChecked {
        /// The kind.
        kind: CheckKind,
        /// The scenario's reason.
        because: String,
    },
    /// What the checks look at, of what is there, and what they do not.
    Covered(Vec<Coverage>),
    /// A finding during an interference; it is not held against the product.
    Discounted(Box<Finding>),
    /// Everything that the run made is kept.
    RunKept {
        /// The run.
        run: String,
    },
    /// Somebody else ran a command in a service; it may have been harmless.
    ForeignCommand(String),
    /// Anything else, for people.
    Remark(String),
}

impl Note {
    /// What kind of note it is, as in files.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ImageObtained { .. } => "image-obtained",
            Self::ImageResolved { .. } => "image-resolved",
            Self::ReleaseUnstated { .. } => "release-unstated",
            Self::StopDecided(_) => "stop-decided",
            Self::NotChecked { .. } => "not-checked",
            Self::Covered(_) => "covered",
            Self::Discounted(_) => "discounted",
            Self::RunKept { .. } => "run-kept",
            Self::ForeignCommand(_) => "foreign-command",
            Self::Remark(_) => "remark",
        }
    }

    /// Takes secrets out of it.
    pub fn redact(&mut self, redactor: &Redactor) {
        match self {
            Self::ImageObtained { provenance, .. } => redactor.clean(provenance),
            Self::StopDecided(decision) => decision.redact(redactor),
            Self::NotChecked { because, .. } => redactor.clean(because),
            Self::Covered(all) => {
                all.iter_mut().flat_map(|coverage| coverage.unseen.values_mut()).for_each(|text| redactor.clean(text));
            }
            Self::Discounted(finding) => finding.redact(redactor),
            Self::ForeignCommand(text) | Self::Remark(text) => redactor.clean(text),
            Self::ImageResolved { .. } | Self::ReleaseUnstated { .. } | Self::RunKept { .. } => {}
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ImageObtained { image, origin, release: Some(release), provenance } => {
                write!(f, "{image}: {origin}, holds {release} ({provenance})")
            }
            Self::ImageObtained { image, origin, release: None, provenance } => {
                write!(f, "{image}: {origin} ({provenance})")
            }
            Self::ImageResolved { hop, line, release } => {
                write!(f, "hop {hop}: {line} is {release}, as the image holds it")
            }
            Self::ReleaseUnstated { image } => write!(f, "{image}: the image does not state its release"),
            Self::StopDecided(decision) => decision.fmt(f),
            Self::NotChecked { kind, because } => write!(f, "not checked: {} ({because})", kind.name()),
            Self::Covered(all) => {
                f.write_str("looked at: ")?;
                let texts: Vec<String> = all.iter().map(ToString::to_string).collect();
                f.write_str(&texts.join(", "))
            }
            Self::Discounted(finding) => write!(f, "not held against the product: {finding}"),
            Self::RunKept { run } => write!(
                f,
                "run {run} is kept until its lease ends; look inside with: rehearse shell {run} SERVICE; remove it with: rehearse sweep {run}"
            ),
            Self::ForeignCommand(text) | Self::Remark(text) => f.write_str(text),
        }
    }
}
