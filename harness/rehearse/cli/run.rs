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

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// To end: somebody pressed Ctrl-C, or a supervisor ends the job.
    End,
    /// Nothing: the terminal was closed.
    HungUp,
}

/// The signals that end a run.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// Sent when the terminal is closed; `None` if the run was started so that it outlives its terminal, as by `nohup`.
    hang_up: Option<Signal>,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        // Read first: from the moment that a signal is listened to, it is not ignored.
        let outlives = hang_up_is_ignored();
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let hang_up = if outlives { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self { interrupt, terminate, hang_up })
    }

    async fn next(&mut self) -> Asked {
        let hung_up = async {
            match &mut self.hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Asked::End,
            _ = self.terminate.recv() => Asked::End,
            _ = hung_up => Asked::HungUp,
        }
    }
}

/// Whether this process was started with SIGHUP ignored. Where that cannot be read, it was not.
fn hang_up_is_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_hang_up(&status))
}

/// Reads the signals that a process ignores from its status as the kernel prints it: a bit for each, SIGHUP is the first.
fn ignores_hang_up(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// When asked to end: cancels, removes everything and writes the reports. Asked again: ends that within seconds and reports
/// what is left. Asked a third time: quits.
///
/// Closing a terminal cancels too, but never more than that: for one window the kernel and every shell in it send a signal
/// each, and nobody asked to cut clean-up short.
async fn listen(mut signals: Signals, stop: Stop) {
    let mut requests = [
        (&stop.cancel, "cancelled: removing everything and writing the reports; press again to cut that short"),
        (&stop.force, "cutting clean-up short: the reports will list what is left; press again to quit at once"),
        (&stop.leave, "quit at once; remove what is left with: rehearse sweep"),
    ]
    .into_iter();
    loop {
        match signals.next().await {
            Asked::HungUp => {
                if !stop.cancel.is_cancelled() {
                    stop.cancel.cancel();
                    say("cancelled, because the terminal was closed: removing everything and writing the reports");
                }
            }
            Asked::End => {
                let Some((token, text)) = requests.next() else { return };
                say(text);
                token.cancel();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustix::process::{Signal as Number, getpid, kill_process};

    use super::*;

    /// Sends a signal to this process, and gives the listener time to hear it: two that come at once are one.
    async fn send(number: Number) -> std::io::Result<()> {
        kill_process(getpid(), number)?;
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok(())
    }

    #[tokio::test]
    async fn a_hang_up_cancels_and_only_who_asks_to_end_cuts_clean_up_short() -> std::io::Result<()> {
        let stop = Stop::default();
        let heard = || [&stop.cancel, &stop.force, &stop.leave].map(|token| token.is_cancelled());
        let signals = Signals { hang_up: Some(signal(SignalKind::hangup())?), ..Signals::new()? };
        tokio::spawn(listen(signals, stop.clone()));
        for _ in 0..4 {
            send(Number::HUP).await?;
            assert_eq!(heard(), [true, false, false]);
        }
        send(Number::INT).await?;
        assert_eq!(heard(), [true, false, false]);
        send(Number::TERM).await?;
        assert_eq!(heard(), [true, true, false]);
        send(Number::INT).await?;
        assert_eq!(heard(), [true, true, true]);
        Ok(())
    }

    #[test]
    fn the_kernel_says_whether_a_process_outlives_its_terminal() {
        assert!(ignores_hang_up("Name:\trehearse\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n"));
        assert!(!ignores_hang_up("Name:\trehearse\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001000\n"));
        assert!(!ignores_hang_up(""));
    }
}
