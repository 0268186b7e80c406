//! The arguments of `rehearse runbook`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use rehearse_core::planning::path::Target;
use rehearse_core::vocabulary::scalar;

use super::{Format, Sources};
use crate::load::CliOverrides;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct RunbookArgs {
    #[command(subcommand)]
    pub(crate) action: Option<Action>,
    /// A scenario file, or the output folder of a run.
    #[arg(value_name = "SCENARIO|RUN", required = true)]
    pub(crate) of: Option<PathBuf>,
    /// The output folder of a run of the scenario: what took how long.
    #[arg(long, value_name = "DIR")]
    pub(crate) run: Option<PathBuf>,
    /// How long the maintenance window is, as 4h.
    #[arg(long, value_name = "TIME")]
    pub(crate) window: Option<scalar::Duration>,
    #[command(flatten)]
    pub(crate) overrides: CliOverrides,
    #[command(flatten)]
    pub(crate) sources: Sources,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Say what is missing or wrong in an upgrade plan that somebody wrote: Markdown, or any text.
    #[command(after_help = "\
Exit codes: 0 nothing to say, 1 something is missing or wrong, 2 unreadable.

Examples:
  rehearse runbook review plan.md --product gitlab
  rehearse runbook review plan.md --product gitlab --from 15.11.13 --to 18.2.8 --format json
  xclip -o | rehearse runbook review - --product gitlab")]
    Review(ReviewArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ReviewArgs {
    /// The plan, one file; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The product: a built-in name, or a folder with product.yaml.
    #[arg(long, value_name = "PRODUCT")]
    pub(crate) product: String,
    /// The current release, where the plan's own words for it do not count.
    #[arg(long, value_name = "RELEASE")]
    pub(crate) from: Option<Target>,
    /// The target, where the plan's own words for it do not count.
    #[arg(long, value_name = "RELEASE")]
    pub(crate) to: Option<Target>,
    /// Text or JSON.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}
