//! One rehearsal from its files to its exit: wires the host, the observer and the reporters to the engine.

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

/// How long removing everything may take.
const GRACE: Duration = Duration::from_secs(120);

/// How a session is held.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// The output folder.
    pub out: PathBuf,
    /// What is kept.
    pub keep: Keep,
    /// How long kept things may stay.
    pub lease: Duration,
    /// How it is ended from outside.
    pub stop: Stop,
    /// Takes secrets out of whatever is written: the one that the reporters have.
    pub redactor: Redactor,
    /// Hears what is waited for before the run begins.
    pub tell: fn(&str),
}

/// How a session is ended from outside.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// What is under way ends; everything is removed, and the reports are written.
    pub cancel: CancellationToken,
    /// Removing ends within seconds as well; what is left is named.
    pub force: CancellationToken,
    /// Everything is left as it is.
    pub leave: CancellationToken,
}

/// A session that could not be held.
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
    /// No HTTP client can be made.
    #[error("cannot make an HTTP client")]
    Http(#[from] reqwest::Error),
    /// The container engine could not.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Another run writes into the output folder.
    #[error("another run writes into {path}; name another folder with --out")]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// The output folder holds something else.
    #[error("{path} is not empty and holds no earlier run of ours; name another folder with --out")]
    Foreign {
        /// The folder.
        path: PathBuf,
    },
}

/// A session that is over.
#[must_use]
#[derive(Debug)]
pub struct SessionOutcome {
    /// The fold of all that happened.
    pub summary: Summary,
    /// What went wrong with us beside it.
    pub trouble: Option<String>,
    /// The exit code.
    pub exit: Exit,
}

/// What an output folder of ours may hold; nothing else is ever removed.
const OURS: [&str; 7] = [LOCK, "events.jsonl", "junit.xml", "plan.json", "summary.json", "logs", "evidence"];
/// Held by the run that writes into the folder.
const LOCK: &str = ".lock";

/// The right to write into an output folder, as long as it lives.
#[derive(Debug)]
#[must_use]
pub struct Out {
    _lock: std::fs::File,
}

/// Makes the output folder, emptied of an earlier run of ours; a folder with anything else in it is left alone.
///
/// # Errors
/// When the folder holds something else or cannot be made.
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

/// An id that no other run has: whatever carries it is removed with the run. Ids sort by when the runs began.
fn run_id() -> RunId {
    RunId(Uuid::now_v7().to_string())
}

/// All that a run needs of the outside before its first stage.
async fn begin(settings: Settings, tell: fn(&str)) -> Result<(Arc<DockerHost>, Arc<Live<DockerHost>>), SessionError> {
    let host = Arc::new(DockerHost::connect(settings, tell).await?);
    // What has outlived its lease goes now; a failure that is kept stays.
    let _swept = sweep(host.client(), Selection::Expired).await;
    let observer = Arc::new(Live::new(host.clone())?);
    Ok((host, observer))
}

/// Rehearses one scenario.
///
/// # Errors
/// When its input is bad. Where it could not begin for another reason, nothing was made, and its reports say so.
pub async fn run_session(
    loaded: Loaded,
    book: Arc<RecipeCatalog>,
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
        book,
        reach: None,
        credentials: credentials(),
        redactor: redactor.clone(),
    };
    let case = Case {
        product: loaded.product,
        scenario: loaded.scenario,
        plan: loaded.plan,
        backup: loaded.backup,
        run,
        out,
        redactor,
    };
    let terms = RunOptions {
        keep: options.keep,
        grace: GRACE,
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        force: options.stop.force.clone(),
    };
    let began = Instant::now();
    let begun = tokio::select! {
        biased;
        () = options.stop.cancel.cancelled() => Err(StartupError::Cancelled),
        begun = begin(settings, options.tell) => match begun {
            Err(SessionError::Host(error @ HostError::Address { .. })) => return Err(error.into()),
            begun => begun.map_err(|error| StartupError::Unable(error_chain(&error))),
        },
    };
    let (host, observer) = match begun {
        Ok(begun) => begun,
        Err(startup_error) => {
            let Finished { summary, trouble } = report_startup_failure(&case, startup_error, began, reporters, &terms);
            let exit = summary.exit();
            return Ok(SessionOutcome { summary, trouble, exit });
        }
    };
    let Finished { summary, trouble } =
        rehearse(case, host.clone(), observer, reporters, &options.stop.cancel, &terms).await;
    let lost = host.log_troubles();
    let trouble =
        trouble.or_else(|| (!lost.is_empty()).then(|| format!("logs that could not be followed: {}", lost.join("; "))));
    let exit = match (&trouble, summary.exit()) {
        // A lost report or log is no green run: nobody can see what it saw.
        (Some(_), Exit::Passed) => Exit::Inconclusive,
        (_, exit) => exit,
    };
    Ok(SessionOutcome { summary, trouble, exit })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_runs_share_an_id_or_the_part_of_it_that_names_have() {
        let ids: Vec<RunId> = (0..1000).map(|_| run_id()).collect();
        let short: BTreeSet<&str> = ids.iter().map(RunId::short).collect();
        assert_eq!(short.len(), ids.len());
        assert!(short.iter().all(|short| short.len() == 12), "{short:?}");
        assert!(ids.is_sorted(), "an earlier run comes first");
    }
}
