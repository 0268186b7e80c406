//! Arguments as typed.

pub(crate) mod engine;
pub(crate) mod runbook;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use rehearse_core::planning::path::Target;
use rehearse_core::vocabulary::release::{Edition, Line, Release};
use rehearse_core::vocabulary::scalar::Duration;

use self::engine::{DoctorArgs, ListArgs, ResumeArgs, ShellArgs, SweepArgs};
use self::runbook::RunbookArgs;
use crate::load::{CliOverrides, key_value};

/// Rehearses the upgrade of a self-hosted product on a real backup: restores it on the production release, walks the
/// upgrade path hop by hop, judges after every hop, and proves the rollback.
#[derive(Debug, Parser)]
#[command(
    name = "rehearse",
    version,
    max_term_width = 100,
    after_help = "\
Exit codes: 0 passed, 1 failed, 2 bad input, 3 inconclusive, 4 cancelled, 5 nothing selected.

Examples:
  rehearse run scenarios/redmine-5.0-to-6.1.yaml
  rehearse path --product redmine --from 5.0.4 --to 6.1
  rehearse plan scenarios/redmine-5.0-to-6.1.yaml
  rehearse backup inspect scenarios/data/redmine-5.0.4
  rehearse doctor"
)]
pub(crate) struct Typed {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Rehearse scenarios.
    #[command(after_help = "\
Examples:
  rehearse run scenarios/redmine-5.0-to-6.1.yaml
  rehearse run --setup scenarios/redmine-5.0-to-6.1.yaml      # installs and starts what is missing
  rehearse run --to 6.0 --out /tmp/out scenarios/redmine-5.0-to-6.1.yaml
  rehearse run --keep on-failure scenarios/redmine-5.0-to-6.1.yaml
  rehearse run --require version,health,data scenarios/redmine-5.0-to-6.1.yaml
  rehearse run --dry-run scenarios/redmine-5.0-to-6.1.yaml    # every container and command, and nothing is started
  rehearse run --skip-checks data,logs scenarios/redmine-5.0-to-6.1.yaml    # does another check still find the fault?

Press Ctrl-C to cancel: everything is removed and the reports are written. Press it again to cut clean-up short, a third
time to quit at once; `rehearse sweep` then removes what was left behind.")]
    Run(RunArgs),
    /// Test a product file: plant what bad upgrades do on the restored backup, and say which of it no check notices.
    ///
    /// The scenario's backup is restored and observed; then batches of mutations are planted: changed responses, values, lost
    /// rows and files, changes of the database's objects, error lines, stopped services. Each is noticed by a check, excused
    /// by the product file (`volatile`, `elsewhere`), or survives: there the product file is blind.
    #[command(after_help = "\
Examples:
  rehearse check-product scenarios/redmine-5.0-to-6.1.yaml
  rehearse check-product --product-dir my-product --images my-images my-scenario.yaml
  rehearse check-product --skip-checks artifacts my-scenario.yaml     # what survives without them?

Exits with 1 if a mutation survived; each is a finding with the code mutation.survived. All are in
evidence/*/mutations.json of the output folder.")]
    CheckProduct(RunArgs),
    /// Print the upgrade path between two releases, with the reason of every hop.
    #[command(after_help = "\
Examples:
  rehearse path --product redmine --from 5.0.4 --to 6.1
  rehearse path --product redmine --from 5.0.4 --to 6.1.5 --format json
  rehearse path --product nautobot --list --format path-json > path.json      # all stops, as other tools keep them
  rehearse path --product nautobot --from 1.5.24 --to 3.2 --stops path.json   # by such a list
  rehearse path --product gitlab --from 15.11.13 --to 18.2 --edition ee
  rehearse path --product gitlab --from 15.0.5 --to 16.3 --set web_nodes=1 --decide 16.0=no --decide 16.1=yes
  rehearse path --product gitlab --from 17.11.7 --to 18.2 --zero-downtime     # every minor, and what it needs

What is known about each hop is printed below it; what holds for several hops, in full at the first. A stop that depends
on the data or on a setting is in the path until --decide or --set says that it is not needed; how to find out is printed
at the end. The JSON of --format json is stable. Exits with 2 and the reason if there is no path.")]
    Path(PathArgs),
    /// Look at backups, without starting anything.
    #[command(
        subcommand,
        after_help = "\
Examples:
  rehearse backup inspect 1706167370_2024_01_25_15.11.13_gitlab_backup.tar
  rehearse backup inspect --product gitlab backups/          # a folder with one archive, secrets beside it"
    )]
    Backup(BackupCommand),
    /// Look for known failures in logs or pasted console text: root causes, what follows from them, and what to do.
    #[command(after_help = "\
Examples:
  rehearse diagnose --product gitlab upgrade.log
  docker logs gitlab 2>&1 | rehearse diagnose --product gitlab -
  rehearse diagnose --product gitlab --release 17.3.7 /var/log/gitlab     # the release that was upgraded to
  rehearse diagnose --product gitlab --format json upgrade.log.gz | jq -r '.[].remedy'
  rehearse diagnose --product-dir my-product app.log

The JSON of --format json is a list of objects with id, file, line, cause, remedy, source, consequence_of, count, excerpt,
harmless and recovered_line.
Exits with 1 if a known failure was found that is not harmless, 0 if none was (which proves nothing), 2 if something
could not be read.")]
    Diagnose(DiagnoseArgs),
    /// Print the numbered stages of a scenario without starting anything.
    Plan(PlanArgs),
    /// Check scenario and product files; every mistake is shown at once.
    #[command(after_help = "\
Examples:
  rehearse validate scenarios/*.yaml
  rehearse validate my-product/product.yaml")]
    Validate(ValidateArgs),
    /// List the products that are built in and the scenarios at hand, or the runs that have something on the engine.
    #[command(after_help = "\
Examples:
  rehearse list
  rehearse list --runs                                        # running, kept and dead ones: leases, sizes
  rehearse list --runs --format json | jq -r '.runs[] | select(.standing == \"kept\") | .run'

The JSON of --runs is stable: run, scenario, standing (running, dead, kept, kept-elsewhere, expired, elsewhere), lease_ends
(seconds since 1970), containers, networks, volumes and bytes, which are those of containers and volumes and null where the
engine does not say.")]
    List(ListArgs),
    /// Look at this machine: container engine, disk, memory, images; and say what to do.
    Doctor(DoctorArgs),
    /// Remove what dead or expired runs left behind; what was kept stays until its lease ends.
    #[command(after_help = "\
Examples:
  rehearse sweep --dry-run       # only list
  rehearse sweep                 # runs whose process is gone, and those whose lease is over
  rehearse sweep --kept          # what `run --keep` kept too
  rehearse sweep 3f7d76c1        # this run, kept or not
  rehearse sweep --all           # runs of other hosts on this engine too

A live run is never removed. Exits with 2 if the named run does not exist or is live, and with 3 if something could not be
removed.")]
    Sweep(SweepArgs),
    /// Open a shell, or run a command, in a service of a run that was kept or is under way.
    #[command(after_help = "\
Examples:
  rehearse run --keep on-failure my-scenario.yaml        # its id is in the first lines
  rehearse shell 3f7d76c1 web
  rehearse shell 3f7d76c1 db -- psql -U postgres
  rehearse shell 3f7d76c1 db pg_dump -U postgres shop > shop.sql

Exits with the command's own code; 2 if there is no such service.")]
    Shell(ShellArgs),
    /// Say whether a run can be taken up again from what is left of it.
    Resume(ResumeArgs),
    /// Write the document by which operators upgrade production, or review one that somebody wrote.
    #[command(after_help = "\
Examples:
  rehearse runbook scenarios/gitlab-15.11-to-18.2.yaml --window 4h > plan.md
  rehearse runbook rehearse-out > plan.md                # of a run: with measured times
  rehearse runbook review plan.md --product gitlab       # a plan that somebody wrote

Exits with 2 if the scenario cannot be read, or the folder is not one that a run wrote.")]
    Runbook(Box<RunbookArgs>),
    /// Print the JSON schema of a file format.
    Schema(SchemaArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the man pages, one for each subcommand.
    #[command(hide = true)]
    Man {
        /// The folder to write them into.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

/// What to do with a backup.
#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Say what a backup is: of which product, release and edition, what it holds, what is missing, whether it is damaged.
    ///
    /// It is read to its end, once, and unpacked nowhere; nothing is started.
    #[command(after_help = "\
Examples:
  rehearse backup inspect 1706167370_2024_01_25_15.11.13_gitlab_backup.tar
  rehearse backup inspect scenarios/data/redmine-5.0.4
  rehearse backup inspect --product gitlab backups/                    # a folder with one archive
  rehearse backup inspect --format json backup.tar | jq -r .image      # the image that restores it
  rehearse backup inspect --product-dir my-product backup.tar

Put what the product keeps out of its backup (secrets, configuration) into the same folder as the archive.
The JSON of --format json is stable: `missing` lists what is missing, `image` is the image that restores the backup.
Exit codes: 0 the backup can be read, even if something is missing; 2 it is damaged, must not be unpacked, or is not a
backup; 4 cancelled.")]
    Inspect(InspectArgs),
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The backup: its archive, or its folder.
    #[arg(value_name = "FILE|DIR")]
    pub(crate) backup: PathBuf,
    /// The product: a built-in name, or a folder with product.yaml; recognised when not given.
    #[arg(long, value_name = "PRODUCT")]
    pub(crate) product: Option<String>,
    /// A product's folder (with product.yaml) in place of the built-in ones.
    #[arg(long = "product-dir", value_name = "DIR", conflicts_with = "product")]
    pub(crate) product_dir: Option<PathBuf>,
    /// Text or JSON.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

/// Where products and images come from.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Sources {
    /// A product's folder (with product.yaml) in place of the built-in one of the same name.
    #[arg(long = "product-dir", value_name = "DIR")]
    pub(crate) product_dir: Option<PathBuf>,
    /// A folder of image recipes beside the built-in ones; may be given several times; an earlier folder wins.
    #[arg(long, value_name = "DIR", env = "REHEARSE_IMAGES", value_delimiter = ':')]
    pub(crate) images: Vec<PathBuf>,
}

fn decision(text: &str) -> Result<(Line, bool), String> {
    let (line, word) = text.split_once('=').ok_or("expected LINE=yes or LINE=no")?;
    let needed = match word {
        "yes" => true,
        "no" => false,
        _ => return Err("expected LINE=yes or LINE=no".to_owned()),
    };
    Ok((line.parse().map_err(|error: rehearse_core::vocabulary::release::LineError| error.to_string())?, needed))
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Scenario files.
    #[arg(value_name = "SCENARIO", required = true)]
    pub(crate) scenarios: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) overrides: CliOverrides,
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// Where reports, logs and evidence go; a folder per scenario when there are several.
    #[arg(long, value_name = "DIR", default_value = "rehearse-out")]
    pub(crate) out: PathBuf,
    /// The output folder of the run before: a reviewed rule that lets more than ten times as much through as there is
    /// doubted.
    #[arg(long, value_name = "DIR")]
    pub(crate) previous: Option<PathBuf>,
    /// Whether containers and volumes stay at the end.
    #[arg(long, value_enum, default_value = "never")]
    pub(crate) keep: Keep,
    /// How long kept things may stay before the next run or sweep removes them; `rehearse sweep --kept` removes them at once.
    #[arg(long, value_name = "TIME", default_value = "24h")]
    pub(crate) lease: Duration,
    /// Install and start what is missing on this machine (Docker, debootstrap; Debian and Ubuntu, as root).
    #[arg(long)]
    pub(crate) setup: bool,
    /// Print every stage with its containers and commands, and start nothing; no container engine is needed.
    #[arg(long, conflicts_with_all = ["setup", "keep", "lease", "progress"])]
    pub(crate) dry_run: bool,
    /// How the terminal output looks.
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) progress: Progress,
}

/// Whether what a run made stays.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Keep {
    Never,
    OnFailure,
    Always,
}

/// How the terminal output looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// Live on a terminal, plain lines elsewhere.
    Auto,
    /// Live.
    Live,
    /// Plain lines.
    Plain,
}

#[derive(Debug, Args)]
pub(crate) struct PathArgs {
    /// The product: a built-in name, or a folder with product.yaml.
    #[arg(long, visible_alias = "product-dir", value_name = "PRODUCT")]
    pub(crate) product: String,
    /// The source release, with its patch: the one that production runs.
    #[arg(long, value_name = "RELEASE", required_unless_present = "list", requires = "to")]
    pub(crate) from: Option<Target>,
    /// The target release, or a line such as 6.1, which is its newest release.
    #[arg(long, value_name = "RELEASE", required_unless_present = "list", requires = "from")]
    pub(crate) to: Option<Target>,
    /// The edition of source and target, where the releases do not name one.
    #[arg(long)]
    pub(crate) edition: Option<Edition>,
    /// The path of an upgrade without downtime, where the product has rules for such.
    #[arg(long)]
    pub(crate) zero_downtime: bool,
    /// A product setting; may be given several times. Some decide on conditional stops.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) settings: Vec<(String, String)>,
    /// What is known of the data: whether the conditional stop at a line is needed; may be given several times.
    #[arg(long = "decide", value_name = "LINE=yes|no", value_parser = decision)]
    pub(crate) decided: Vec<(Line, bool)>,
    /// A list of stops, `{"supported": […], "all": […]}`, in place of the product's.
    #[arg(long, value_name = "FILE")]
    pub(crate) stops: Option<PathBuf>,
    /// All stops of the product in place of a path; as text, or with --format path-json.
    #[arg(long)]
    pub(crate) list: bool,
    /// Text or JSON.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: PathFormat,
}

/// How a path is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PathFormat {
    /// For people.
    Text,
    /// For programs: the path with reasons and what is to be known.
    Json,
    /// A list of stops as other tools keep it: `{"supported": […], "all": […]}`.
    PathJson,
}

/// Text for people, JSON for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct DiagnoseArgs {
    /// Files (packed by gzip too), folders (all files in them), or `-` for standard input.
    #[arg(value_name = "LOG", required = true)]
    pub(crate) logs: Vec<PathBuf>,
    /// The product: a built-in name, or a folder with product.yaml.
    #[arg(long, value_name = "PRODUCT", required_unless_present = "product_dir")]
    pub(crate) product: Option<String>,
    /// A product's folder (with product.yaml) in place of the built-in one.
    #[arg(long = "product-dir", value_name = "DIR")]
    pub(crate) product_dir: Option<PathBuf>,
    /// The release that was upgraded to, or that runs: failures of other releases are left out. Without it, each failure is
    /// shown with its releases.
    #[arg(long, value_name = "RELEASE")]
    pub(crate) release: Option<Release>,
    /// Text or JSON.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The scenario file.
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenario: PathBuf,
    #[command(flatten)]
    pub(crate) overrides: CliOverrides,
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// Text or JSON.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct ValidateArgs {
    /// The files; the first key of each says what it is.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) sources: Sources,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// The format.
    #[arg(value_enum)]
    pub(crate) format: SchemaOf,
}

/// The file formats with a schema.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SchemaOf {
    Product,
    Scenario,
    Runbook,
    Events,
}
