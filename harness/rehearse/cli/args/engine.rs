//! Arguments of the commands that look at the container engine.

use std::path::PathBuf;

use clap::Args;

use super::{Format, Sources};

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// The folder of scenarios.
    #[arg(long, value_name = "DIR", default_value = "scenarios")]
    pub(crate) scenarios: PathBuf,
    /// What runs have on the container engine, in place of products and scenarios.
    #[arg(long, conflicts_with = "scenarios")]
    pub(crate) runs: bool,
    /// Text or JSON.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Install and start what is missing (Debian and Ubuntu, as root).
    #[arg(long)]
    pub(crate) fix: bool,
    #[command(flatten)]
    pub(crate) sources: Sources,
}

#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    /// Only this run, kept or not: its id, or how it begins or ends.
    #[arg(value_name = "RUN", conflicts_with = "kept")]
    pub(crate) run: Option<String>,
    /// What `run --keep` kept too, though its lease has not run out.
    #[arg(long)]
    pub(crate) kept: bool,
    /// Only list what would go.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Runs of other hosts on this daemon too, which cannot be seen to be dead.
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShellArgs {
    /// The run's id, or how it begins or ends.
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// The service.
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,
    /// The deployment, where several have such a service: `main`, `rollback`.
    #[arg(long, value_name = "NAME")]
    pub(crate) deployment: Option<String>,
    /// The command; without one, a shell.
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The run's id, or how it begins or ends.
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
}
