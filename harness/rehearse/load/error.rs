//! Why files, or what the command line says of them, are bad input.

use std::path::PathBuf;

use rehearse_core::planning::path::StopListError;
use rehearse_core::planning::plan::PlanError;
use rehearse_core::source::diagnostic::{Rejected, did_you_mean};
use rehearse_core::vocabulary::release::Line;

use super::MAX_FILE;
use crate::docker::RecipeError;

/// Why the input is bad.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file has mistakes.
    #[error("{0}")]
    Rejected(Box<Rejected>),
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A folder was given instead of a file.
    #[error("{path} is a folder; give its files instead: {path}/*.yaml")]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// Something else was given instead of a file.
    #[error("{path} is a pipe or a device, not a file")]
    NoFile {
        /// The path.
        path: PathBuf,
    },
    /// A file is larger than any that people write.
    #[error("{path} is too large: {size} bytes, and at most {MAX_FILE} are read")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        size: u64,
    },
    /// There is no such product.
    #[error(
        "there is no product {name:?}; the built-in ones are: {known}; for one of your own, give its folder with --product-dir or, for `path`, --product"
    )]
    NoProduct {
        /// The name.
        name: String,
        /// The existing ones.
        known: String,
    },
    /// An argument of the command line, which replaces a value of the scenario, is wrong.
    #[error("{argument}: {reason}\n  = note: this replaces what {scenario} says\n  = help: {help}")]
    Argument {
        /// The argument, or several.
        argument: String,
        /// What is wrong.
        reason: String,
        /// The scenario's file.
        scenario: String,
        /// What to do.
        help: String,
    },
    /// The product has no such setting.
    #[error("--set {name}=…: product {product} has no setting {name:?}{}; it has: {known}", near(.name, .known))]
    NoSetting {
        /// The name.
        name: String,
        /// The product.
        product: String,
        /// The existing ones.
        known: String,
    },
    /// The product has no conditional stop at that line.
    #[error("product {product} has no conditional stop at {line}; it has: {known}")]
    NoCondition {
        /// The line.
        line: Line,
        /// The product.
        product: String,
        /// The existing ones.
        known: String,
    },
    /// The product's list of releases has mistakes.
    #[error("the releases of {product}: {reason}")]
    Catalog {
        /// The product.
        product: String,
        /// What is wrong.
        reason: String,
    },
    /// A file is not a list of stops.
    #[error("{path} is not a list of stops")]
    Stops {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: StopListError,
    },
    /// No plan can be made.
    #[error("{scenario}: {source}")]
    Plan {
        /// The scenario's file.
        scenario: String,
        /// Why.
        #[source]
        source: Box<PlanError>,
    },
    /// The installation method cannot be rehearsed on one machine.
    #[error(
        "{scenario}: {title} is not rehearsed: {why}; `rehearse runbook` prints its steps; without an answer to `install-method` the same path is rehearsed in containers"
    )]
    NotRehearsed {
        /// The scenario's name.
        scenario: String,
        /// The installation method.
        title: String,
        /// Why.
        why: String,
    },
    /// The product has no runbook.
    #[error("product {product} has no runbook: its product.yaml does not set `runbook`")]
    NoRunbook {
        /// The product.
        product: String,
    },
    /// A folder that no run has written to.
    #[error(
        "{path} is not the output folder of a run: it has no plan.json; give the folder that `rehearse run --out` wrote, or a scenario file"
    )]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// A file is not the expected JSON.
    #[error("{path} was not written by a run of this version")]
    Json {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
    /// What `--previous` names is not the run before.
    #[error("--previous: {path}: {reason}")]
    Previous {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The image recipes contradict each other.
    #[error("the image recipes cannot be used")]
    RecipeCatalog(#[from] RecipeError),
}

fn near(name: &str, known: &str) -> String {
    did_you_mean(name, known.split(", ")).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

impl From<Rejected> for LoadError {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(Box::new(rejected))
    }
}
