//! `rehearse run`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rehearse_core::event::Reporter;
use rehearse_core::verdict::Exit;
use tokio_util::sync::CancellationToken;

use super::args::{Keep, Progress, RunArgs};
use super::files::loaded;
use super::{chain, colour, refuse, runtime, say};
use crate::load::Loaded;
use crate::session::{Held, Manner, SessionError, hold, prepare_out};
use crate::{engine, load, report, setup};

pub(crate) fn run(args: &RunArgs) -> Exit {
    // Every file is read before anything starts: a mistake in the last one must not show after an hour.
    let mut all = Vec::new();
    let mut bad = None;
    for path in &args.scenarios {
        match loaded(path, args.sources.product_dir.as_deref(), &args.changes) {
            Ok(loaded) => all.push(loaded),
            Err(error) => bad = Some(refuse(&error)),
        }
    }
    let book = match load::book(&args.sources.images) {
        Ok(book) => Arc::new(book),
        Err(error) => return refuse(&error),
    };
    if let Some(bad) = bad {
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
    let cancel = CancellationToken::new();
    runtime.spawn(listen(cancel.clone()));
    let several = all.len() > 1;
    let mut exits = Vec::new();
    for loaded in all {
        if cancel.is_cancelled() {
            exits.push(Exit::Cancelled);
            continue;
        }
        let out = if several { args.out.join(&loaded.scenario.scenario) } else { args.out.clone() };
        exits.push(runtime.block_on(one(loaded, book.clone(), args, out, &cancel)));
    }
    // What still runs beside, such as a listener for signals, does not hold the exit.
    runtime.shutdown_background();
    Exit::of_all(exits)
}

async fn one(
    loaded: Loaded,
    book: Arc<crate::docker::Book>,
    args: &RunArgs,
    out: PathBuf,
    cancel: &CancellationToken,
) -> Exit {
    let _writing = match prepare_out(&out) {
        Ok(writing) => writing,
        Err(error) => {
            say(&format!("error: {}", chain(&error)));
            return Exit::BadInput;
        }
    };
    let mut reporters = match reporters(&out, args.progress) {
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
    let manner = Manner { out, keep, lease: args.lease.get() };
    match hold(loaded, book, &manner, &mut reporters, cancel).await {
        Ok(Held { trouble, exit, .. }) => {
            if let Some(trouble) = trouble {
                say(&format!("trouble: {trouble}"));
            }
            exit
        }
        Err(error) => {
            say(&format!("error: {}", chain(&error)));
            match error {
                SessionError::Out { .. } | SessionError::Busy { .. } | SessionError::Foreign { .. } => Exit::BadInput,
                SessionError::Http(_) | SessionError::Host(_) => Exit::Inconclusive,
            }
        }
    }
}

/// The reporters of one run: files in the output folder, and the terminal.
fn reporters(out: &Path, progress: Progress) -> Result<Vec<Box<dyn Reporter>>, rehearse_core::event::ReportError> {
    let in_gitlab = std::env::var("GITLAB_CI").is_ok_and(|value| value == "true");
    let look = match progress {
        Progress::Live => report::Look::Live,
        Progress::Plain if in_gitlab => report::Look::GitLab,
        Progress::Plain => report::Look::Plain,
        Progress::Auto if in_gitlab => report::Look::GitLab,
        Progress::Auto if std::io::stderr().is_terminal() => report::Look::Live,
        Progress::Auto => report::Look::Plain,
    };
    // GitLab finds attachments by their path from the project's folder, which is where it runs its jobs.
    let prefix = out.display().to_string();
    let reports = ["junit.xml", "summary.json", "events.jsonl"];
    let colour = if colour() { report::Colour::On } else { report::Colour::Off };
    let reporters: Vec<Box<dyn Reporter>> = vec![
        Box::new(report::Jsonl::new(out)?),
        Box::new(report::Files::new(out)),
        Box::new(report::Junit::new(&out.join("junit.xml"), prefix.clone())),
        Box::new(report::Terminal::new(look, colour, &prefix, &reports, Box::new(std::io::stderr()))),
    ];
    Ok(reporters)
}

/// First signal: cancel, tear down, write the reports. Later ones are heard by the default handler no more, so a second
/// one says what to do instead of leaving things behind unseen.
async fn listen(cancel: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    let mut heard = 0;
    loop {
        tokio::select! {
            _ = interrupt.recv() => heard += 1,
            _ = terminate.recv() => heard += 1,
        }
        cancel.cancel();
        match heard {
            1 => say("cancelled: removing everything and writing the reports"),
            _ => say("still removing; kill -9 leaves what `rehearse sweep` then removes"),
        }
    }
}
