//! One rehearsal, from its files to its exit code: connects the host, the observer and the reporters with the engine.

use std::fs::TryLockError;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rehearse_core::outcome::reporter::Reporter;
use rehearse_core::outcome::summary::Summary;
use rehearse_core::outcome::verdict::Exit;
use rehearse_core::secret::Redactor;
use rehearse_core::text::error_chain;
use rehearse_core::vocabulary::ident::RunId;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::docker::{DockerHost, Owner, OwnershipLabels, RecipeCatalog, Selection, Settings, sweep};
use crate::engine::host::HostError;
use crate::engine::{Case, Finished, Keep, RunOptions, StartupError, rehearse, report_startup_failure};
use crate::load::Loaded;
use crate::observers::Live;

/// How long teardown may take.
const GRACE: Duration = Duration::from_secs(120);

/// Options of a session.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// The output folder.
    pub out: PathBuf,
    /// When to keep what the run created.
    pub keep: Keep,
    /// How long kept things may stay.
    pub lease: Duration,
    /// How to end it from outside.
    pub stop: Stop,
    /// Removes secrets from whatever is written; shared with the reporters.
    pub redactor: Redactor,
    /// Is called with what the session waits for before the run starts.
    pub report_progress: fn(&str),
}

/// Ways to end a session from outside.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Ends the current stage, removes everything, and writes the reports.
    pub cancel: CancellationToken,
    /// Ends teardown within seconds as well, and reports what is left.
    pub force: CancellationToken,
    /// Leaves everything as it is.
    pub leave: CancellationToken,
}

/// Why a session could not run.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The output folder cannot be used.
    #[error("cannot use the output folder {path}")]
    Out {
        /// The folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The HTTP client cannot be created.
    #[error("cannot create an HTTP client")]
    Http(#[from] reqwest::Error),
    /// The container engine failed.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Another run writes into the output folder.
    #[error("another run is writing into {path}; choose another folder with --out")]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// The output folder holds something else.
    #[error("{path} is not empty and was not written by rehearse; choose another folder with --out")]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
}

/// The result of a session.
#[must_use]
#[derive(Debug)]
pub struct SessionOutcome {
    /// The fold of all that happened.
    pub summary: Summary,
    /// A report or log that was lost, or a bug of ours.
    pub internal_error: Option<String>,
    /// The exit code.
    pub exit: Exit,
}

/// What an output folder of ours may contain; nothing else is ever removed.
const OURS: [&str; 7] = [LOCK, "events.jsonl", "junit.xml", "plan.json", "summary.json", "logs", "evidence"];
/// Locked by the run that writes into the folder.
const LOCK: &str = ".lock";

/// The right to write into an output folder, for as long as this value exists.
#[derive(Debug)]
#[must_use]
pub struct Out {
    _lock: std::fs::File,
}

/// Creates the output folder, or removes the files of an earlier run from it. A folder with anything else in it is left
/// alone.
///
/// # Errors
/// When the folder contains something else or cannot be created.
pub fn prepare_out(out: &Path) -> Result<Out, SessionError> {
    let fail = |source| SessionError::Out { path: out.to_owned(), source };
    std::fs::create_dir_all(out).map_err(fail)?;
    let entries = std::fs::read_dir(out).map_err(fail)?.collect::<Result<Vec<_>, _>>().map_err(fail)?;
    let ours = |entry: &std::fs::DirEntry| entry.file_name().to_str().is_some_and(|name| OURS.contains(&name));
    if !entries.iter().all(ours) {
        return Err(SessionError::Foreign { path: out.to_owned() });
    }
    let lock = std::fs::File::options().create(true).append(true).open(out.join(LOCK)).map_err(fail)?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => SessionError::Busy { path: out.to_owned() },
        TryLockError::Error(source) => fail(source),
    })?;
    for entry in entries.iter().filter(|entry| entry.file_name() != LOCK) {
        let path = entry.path();
        if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) }.map_err(fail)?;
    }
    Ok(Out { _lock: lock })
}

/// The Docker client's configuration file: in `DOCKER_CONFIG`, else in the home folder.
fn credentials() -> Option<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".docker"));
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from).or_else(home)?;
    Some(folder.join("config.json"))
}

/// A unique id: everything that carries it is removed with the run. Ids sort by the start of the runs.
fn run_id() -> RunId {
    RunId(Uuid::now_v7().to_string())
}

/// Connects to everything that a run needs before its first stage.
async fn connect(
    settings: Settings,
    report_progress: fn(&str),
) -> Result<(Arc<DockerHost>, Arc<Live<DockerHost>>), SessionError> {
    let host = Arc::new(DockerHost::connect(settings, report_progress).await?);
    // Removes what has outlived its lease; a kept failure stays until then.
    let _swept = sweep(host.client(), &Selection::Expired).await;
    let observer = Arc::new(Live::new(host.clone())?);
    Ok((host, observer))
}

/// Rehearses one scenario.
///
/// # Errors
/// When its input is bad. If it cannot start for another reason, nothing is created, and its reports say why.
pub async fn run_session(
    loaded: Loaded,
    recipes: Arc<RecipeCatalog>,
    options: &SessionOptions,
    reporters: &mut [Box<dyn Reporter>],
) -> Result<SessionOutcome, SessionError> {
    let run = run_id();
    let out =
        std::path::absolute(&options.out).map_err(|source| SessionError::Out { path: options.out.clone(), source })?;
    let ownership = OwnershipLabels {
        run: run.0.clone(),
        scenario: loaded.scenario.scenario.clone(),
        owner: Owner::current(),
        expires: SystemTime::now() + loaded.plan.deadline + options.lease,
    };
    let scratch = std::env::temp_dir();
    let redactor = options.redactor.clone();
    let settings = Settings {
        ownership,
        logs: out.join("logs"),
        scratch,
        recipes,
        reach: None,
        credentials: credentials(),
        redactor: redactor.clone(),
    };
    let case = Case {
        product: loaded.product,
        scenario: loaded.scenario,
        plan: loaded.plan,
        backup: loaded.backup,
        folder: loaded.folder,
        run,
        out,
        redactor,
        previous: loaded.previous,
    };
    let run_options = RunOptions {
        keep: options.keep,
        lease: options.lease,
        grace: GRACE,
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        force: options.stop.force.clone(),
    };
    let began = Instant::now();
    let connected = tokio::select! {
        biased;
        () = options.stop.cancel.cancelled() => Err(StartupError::Cancelled),
        connected = connect(settings, options.report_progress) => match connected {
            Err(SessionError::Host(error @ HostError::Address { .. })) => return Err(error.into()),
            connected => connected.map_err(|error| StartupError::Unable(error_chain(&error))),
        },
    };
    let (host, observer) = match connected {
        Ok(connected) => connected,
        Err(startup_error) => {
            let Finished { summary, internal_error } =
                report_startup_failure(&case, startup_error, began, reporters, &run_options);
            let exit = summary.exit();
            return Ok(SessionOutcome { summary, internal_error, exit });
        }
    };
    let Finished { summary, internal_error } =
        rehearse(case, host.clone(), observer, reporters, &options.stop.cancel, &run_options).await;
    let lost = host.log_errors();
    let internal_error = internal_error
        .or_else(|| (!lost.is_empty()).then(|| format!("logs could not be followed: {}", lost.join("; "))));
    let exit = match (&internal_error, summary.exit()) {
        // A run whose report or log was lost cannot pass: nobody can see what it observed.
        (Some(_), Exit::Passed) => Exit::Inconclusive,
        (_, exit) => exit,
    };
    Ok(SessionOutcome { summary, internal_error, exit })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn run_ids_and_their_short_forms_are_unique() {
        let ids: Vec<RunId> = (0..1000).map(|_| run_id()).collect();
        let short: BTreeSet<&str> = ids.iter().map(RunId::short).collect();
        assert_eq!(short.len(), ids.len());
        assert!(short.iter().all(|short| short.len() == 12), "{short:?}");
        assert!(ids.is_sorted(), "an earlier run comes first");
    }
}
