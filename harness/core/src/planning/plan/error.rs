//! Why no plan can be made.

use crate::model::product::SettingError;
use crate::model::scenario::CheckKind;
use crate::planning::compatibility::Gated;
use crate::planning::path::Refusal;
use crate::vocabulary::release::{Line, Release};
use crate::vocabulary::template::TemplateError;

/// No plan can be made.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// There is no legal path.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A setting decides on a stop and says nothing it could be decided by.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// A release on the path would refuse the data.
    #[error("{0}; no such path is taken")]
    Gated(Box<Gated>),
    /// The product says nothing of upgrades without downtime.
    #[error("the product {0} has no rules for an upgrade without downtime")]
    NoZeroDowntime(String),
    /// The source is a line, and a backup is of one release.
    #[error("the source {line} is a line, and a backup restores only into exactly its own release; {}", one_of(.published))]
    SourceIsALine {
        /// The line.
        line: Line,
        /// Its published releases, oldest first.
        published: Vec<Release>,
    },
    /// A change is given for a hop that does not exist.
    #[error("the scenario changes hop {hop}, and the path has {hops}")]
    NoSuchHop {
        /// The number.
        hop: u32,
        /// How many there are.
        hops: usize,
    },
    /// A stage is expected that does not exist.
    #[error("the scenario expects something of stage {stage:?}, and the plan has {stages}")]
    NoSuchStage {
        /// The stage.
        stage: String,
        /// Those that exist.
        stages: String,
    },
    /// Every check is left out.
    #[error("the scenario leaves out every check: nothing would be judged")]
    NothingChecked,
    /// A kind of check is required that would not be made.
    #[error("the check {} is required, and {why}", kind.name())]
    Required {
        /// The kind.
        kind: CheckKind,
        /// Why it would not be made.
        why: String,
    },
    /// An image's name cannot be filled in.
    #[error("the image of service {service} cannot be named")]
    Image {
        /// The service.
        service: String,
        /// The cause.
        #[source]
        source: TemplateError,
    },
}

/// How many releases of a line are named one by one.
const NAMED: usize = 24;

/// Which of the published releases of a line is meant, where only its user can tell.
fn one_of(published: &[Release]) -> String {
    let names: Vec<&str> = published.iter().map(Release::name).collect();
    match names.as_slice() {
        [] => "no release of it is published".to_owned(),
        [one] => format!("production runs {one}, the only one that is published: say that"),
        [first, .., last] if names.len() > NAMED => {
            format!("production runs one of the {} from {first} to {last}: say which", names.len())
        }
        few => format!("production runs one of {}: say which", few.join(", ")),
    }
}
