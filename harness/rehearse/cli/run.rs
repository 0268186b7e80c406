//! `rehearse run` and `rehearse check-product`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rehearse_core::outcome::reporter::Reporter;
use rehearse_core::outcome::verdict::Exit;
use rehearse_core::secret::Redactor;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::args::{Keep, Progress, RunArgs};
use super::dry_run::dry_run;
use super::files::loaded;
use super::{colour, error_chain, host_exit, refuse, runtime, say};
use crate::load::{LoadError, Loaded, previous_run};
use crate::session::{SessionError, SessionOptions, SessionOutcome, Stop, prepare_out, run_session};
use crate::{docker, engine, load, report, secrets, setup};

/// Runs scenarios. `made_into` makes each, as it was read, into what is to be run.
pub(crate) fn run(args: &RunArgs, made_into: fn(Loaded) -> Result<Loaded, LoadError>) -> Exit {
    // Every file is read before anything starts: a mistake in the last one must not show after an hour.
    let mut all = Vec::new();
    let mut bad = None;
    if let Some(backup) = args.overrides.backup.as_deref().filter(|backup| !backup.exists()) {
        say(&format!("error: --backup {}: no such folder or archive", backup.display()));
        bad = Some(Exit::BadInput);
    }
    for path in &args.scenarios {
        let read = loaded(path, args.sources.product_dir.as_deref(), &args.overrides).and_then(made_into);
        let with_previous = |mut loaded: Loaded| {
            let previous = args.previous.as_deref().map(|folder| previous_run(folder, &loaded.scenario.scenario));
            loaded.previous = previous.transpose()?;
            Ok(loaded)
        };
        match read.and_then(with_previous) {
            Ok(loaded) => all.push(loaded),
            Err(error) => bad = Some(refuse(&error)),
        }
    }
    let recipes = match load::recipes(&args.sources.images) {
        Ok(recipes) => Arc::new(recipes),
        Err(error) => return refuse(&error),
    };
    if args.dry_run {
        let ends: Vec<Exit> = all.iter().map(dry_run).collect();
        return Exit::of_all(ends.into_iter().chain(bad));
    }
    if let Err(error) = docker::engine_address() {
        say(&format!("error: {}", error.chain()));
        bad = Some(Exit::BadInput);
    }
    if let Some(bad) = bad {
        // Reports of an earlier run are removed: they could be mistaken for reports of this one, and published as passed.
        if args.scenarios.len() == 1 && args.out.exists() {
            let _cleared = prepare_out(&args.out);
        }
        return bad;
    }
    if args.setup
        && let Err(error) =
            setup::set_up(&std::env::temp_dir().join("rehearse-dockerd.log"), &|text| say(&format!("setup: {text}")))
    {
        say(&format!("error: {error}"));
        return Exit::Inconclusive;
    }
    let Some(runtime) = runtime() else { return Exit::Inconclusive };
    let stop = Stop::default();
    // Signals are caught from here on, even before the listener is scheduled.
    let signals = {
        let _inside = runtime.enter();
        Signals::new()
    };
    if let Ok(signals) = signals {
        runtime.spawn(listen(signals, stop.clone()));
    }
    let several = all.len() > 1;
    let mut exits = Vec::new();
    for loaded in all {
        if stop.cancel.is_cancelled() {
            exits.push(Exit::Cancelled);
            continue;
        }
        let out = if several { args.out.join(&loaded.scenario.scenario) } else { args.out.clone() };
        exits.push(runtime.block_on(async {
            tokio::select! {
                biased;
                exit = run_one(loaded, recipes.clone(), args, out, &stop) => exit,
                () = stop.leave.cancelled() => Exit::Cancelled,
            }
        }));
    }
    // Tasks that still run, such as the listener for signals, must not delay the exit.
    runtime.shutdown_background();
    Exit::of_all(exits)
}

async fn run_one(
    loaded: Loaded,
    recipes: Arc<docker::RecipeCatalog>,
    args: &RunArgs,
    out: PathBuf,
    stop: &Stop,
) -> Exit {
    let _writing = match prepare_out(&out) {
        Ok(writing) => writing,
        Err(error) => {
            say(&format!("error: {}", error_chain(&error)));
            return Exit::BadInput;
        }
    };
    let (redactor, plain) = secrets::redactor(&loaded);
    for plain in plain {
        say(&format!("note: {plain}"));
    }
    let mut reporters = match reporters(&out, args.progress, &redactor) {
        Ok(reporters) => reporters,
        Err(error) => {
            say(&format!("error: {error}: {}", error.source));
            return Exit::Inconclusive;
        }
    };
    let keep = match args.keep {
        Keep::Never => engine::Keep::Never,
        Keep::OnFailure => engine::Keep::OnFailure,
        Keep::Always => engine::Keep::Always,
    };
    let clean = |text: String| redactor.text(&text).into_owned();
    let options = SessionOptions {
        out,
        keep,
        lease: args.lease.get(),
        stop: stop.clone(),
        redactor: redactor.clone(),
        report_progress: say,
    };
    match run_session(loaded, recipes, &options, &mut reporters).await {
        Ok(SessionOutcome { internal_error, exit, .. }) => {
            if let Some(error) = internal_error {
                say(&clean(format!("error: {error}")));
            }
            exit
        }
        Err(error) => {
            say(&clean(format!("error: {}", error_chain(&error))));
            match error {
                SessionError::Out { .. } | SessionError::Busy { .. } | SessionError::Foreign { .. } => Exit::BadInput,
                SessionError::Http(_) => Exit::Inconclusive,
                SessionError::Host(error) => host_exit(&error),
            }
        }
    }
}

/// The reporters of one run: files in the output folder, and the terminal.
fn reporters(
    out: &Path,
    progress: Progress,
    redactor: &Redactor,
) -> Result<Vec<Box<dyn Reporter>>, rehearse_core::outcome::reporter::ReportError> {
    let in_gitlab = std::env::var("GITLAB_CI").is_ok_and(|value| value == "true");
    let look = match progress {
        Progress::Live => report::Look::Live,
        Progress::Plain if in_gitlab => report::Look::GitLab,
        Progress::Plain => report::Look::Plain,
        Progress::Auto if in_gitlab => report::Look::GitLab,
        Progress::Auto if std::io::stderr().is_terminal() => report::Look::Live,
        Progress::Auto => report::Look::Plain,
    };
    // GitLab finds attachments by their path relative to the project's folder, where it runs its jobs.
    let prefix = out.display().to_string();
    let reports = ["junit.xml", "summary.json", "events.jsonl"];
    let colour = if colour() { report::Colour::On } else { report::Colour::Off };
    let reporters: Vec<Box<dyn Reporter>> = vec![
        Box::new(report::Jsonl::new(out)?),
        Box::new(report::Files::new(out).redacting(redactor.clone())),
        Box::new(report::Junit::new(&out.join("junit.xml"), prefix.clone())),
        Box::new(report::Terminal::new(look, colour, &prefix, &reports, Box::new(std::io::stderr()))),
    ];
    Ok(reporters)
}

/// The signals that end a run.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// Sent when the terminal is closed.
    hang_up: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Self { interrupt, terminate, hang_up: signal(SignalKind::hangup())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

/// On the first signal: cancels, removes everything and writes the reports. On the second: ends that within seconds and
/// reports what is left. On the third: quits.
async fn listen(mut signals: Signals, stop: Stop) {
    for (token, text) in [
        (&stop.cancel, "cancelled: removing everything and writing the reports; press again to cut that short"),
        (&stop.force, "cutting clean-up short: the reports will list what is left; press again to quit at once"),
        (&stop.leave, "quit at once; remove what is left with: rehearse sweep"),
    ] {
        signals.next().await;
        say(text);
        token.cancel();
    }
}
