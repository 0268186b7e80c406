//! `rehearse shell` and `rehearse resume`: for what is left of a run.

use std::io::IsTerminal;
use std::process::ExitCode;

use rehearse_core::outcome::verdict::Exit;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::args::engine::{ResumeArgs, ShellArgs};
use super::runs::{is_named, named, runs};
use super::{host_exit, runtime, say};
use crate::docker::{Client, Inside, Size, Standing, attach, list, services};
use crate::engine::host::HostError;

/// Starts the best shell that a service has.
const SHELL: [&str; 3] = ["sh", "-c", "if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi"];

pub(crate) fn shell(args: &ShellArgs) -> ExitCode {
    let Some(runtime) = runtime() else { return Exit::Inconclusive.code().into() };
    let done = runtime.block_on(async {
        let client = Client::connect(None, say).await?;
        let all = services(&client).await?;
        let inside = match choose(&all, args) {
            Ok(inside) => inside,
            Err(reason) => {
                say(&format!("error: {reason}"));
                return Ok(i64::from(Exit::BadInput.code()));
            }
        };
        attach_to(&client, inside, &args.command).await
    });
    // A task that still reads the terminal must not delay the exit.
    runtime.shutdown_background();
    match done {
        Ok(code) => u8::try_from(code).unwrap_or(u8::MAX).into(),
        Err(error) => {
            say(&format!("error: {}", HostError::chain(&error)));
            host_exit(&error).code().into()
        }
    }
}

async fn attach_to(client: &Client, inside: &Inside, command: &[String]) -> Result<i64, HostError> {
    let command = if command.is_empty() { SHELL.map(str::to_owned).to_vec() } else { command.to_vec() };
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let _raw = terminal.then(Raw::begin).flatten();
    attach(client, inside, command, tokio::io::stdin(), terminal.then(size), || Box::pin(resized())).await
}

fn size() -> Size {
    tcgetwinsize(std::io::stdout()).map_or((24, 80), |size| (size.ws_row, size.ws_col))
}

/// The next size of the terminal.
async fn resized() -> Size {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::window_change()) {
        Ok(mut changes) => {
            changes.recv().await;
            size()
        }
        Err(_) => std::future::pending().await,
    }
}

/// Puts the terminal into raw mode, until this is dropped.
struct Raw(Termios);

impl Raw {
    fn begin() -> Option<Self> {
        let before = tcgetattr(std::io::stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(std::io::stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// The service that is meant; otherwise an error with the existing ones.
fn choose<'a>(all: &'a [Inside], args: &ShellArgs) -> Result<&'a Inside, String> {
    let mut of_run: Vec<&Inside> = all.iter().filter(|it| is_named(&it.run, &args.run)).collect();
    let mut runs: Vec<&str> = of_run.iter().map(|it| it.run.as_str()).collect();
    runs.dedup();
    match runs.as_slice() {
        [] => {
            let mut known: Vec<&str> = all.iter().map(|it| it.run.as_str()).collect();
            known.dedup();
            let there =
                if known.is_empty() { "no run is left".to_owned() } else { format!("there is {}", known.join(", ")) };
            return Err(format!("no container of a run {} is left; {there} (--keep on-failure keeps them)", args.run));
        }
        [_] => {}
        several => return Err(format!("{} may be any of {}", args.run, several.join(", "))),
    }
    if let Some(deployment) = &args.deployment {
        of_run.retain(|it| it.deployment == *deployment);
    }
    let of_service: Vec<&Inside> = of_run.iter().copied().filter(|it| it.service == args.service).collect();
    let running: Vec<&Inside> = of_service.iter().copied().filter(|it| it.state == "running").collect();
    let named = |them: &[&Inside]| {
        let names: Vec<String> =
            them.iter().map(|it| format!("{} of {} ({})", it.service, it.deployment, it.state)).collect();
        names.join(", ")
    };
    match (running.as_slice(), of_service.as_slice()) {
        ([one], _) => Ok(one),
        ([_, ..], _) => Err(format!("several are running: {}; choose one with --deployment", named(&running))),
        ([], []) => Err(format!("run {} has no service {}; it has {}", args.run, args.service, named(&of_run))),
        ([], [one, ..]) => Err(format!(
            "{} does not run; its log is in the run's output folder; start it again with: docker start {}",
            named(&of_service),
            one.container
        )),
    }
}

/// Explains why a run cannot be resumed, and what can be done with what is left of it.
pub(crate) fn resume(args: &ResumeArgs) -> Exit {
    let Some(runtime) = runtime() else { return Exit::Inconclusive };
    let listed = runtime.block_on(async {
        let client = Client::connect(None, say).await?;
        list(&client).await
    });
    let left = match listed {
        Ok(all) => all,
        Err(error) => {
            say(&format!("error: {}", error.chain()));
            return host_exit(&error);
        }
    };
    let all = runs(&left);
    let run_here = match named(&all, &args.run) {
        Ok(run_here) => run_here,
        Err(reason) => {
            say(&format!("error: {reason}"));
            return Exit::BadInput;
        }
    };
    let (run, scenario) = (&run_here.ownership.run, &run_here.ownership.scenario);
    if run_here.standing == Standing::Live {
        say(&format!("run {run} is still running: there is nothing to resume"));
        return Exit::BadInput;
    }
    let (containers, volumes) = (run_here.count("container"), run_here.count("volume"));
    say(&format!(
        "run {run} ({scenario}) cannot be resumed. {containers} containers and {volumes} volumes of it are left, but what it \
         had observed is lost: the baseline and all responses that later stages are compared with were in the memory of its process, \
         and nothing has watched over the data since. Judging a hop from there would prove nothing.\n\
         \n  look inside          rehearse shell {run} SERVICE\n  rehearse it again    rehearse run …\n  \
         remove what is left  rehearse sweep {run}"
    ));
    Exit::Inconclusive
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(run: &str, deployment: &str, service: &str, state: &str) -> Inside {
        let [run, deployment, service, state] = [run, deployment, service, state].map(str::to_owned);
        Inside { container: format!("rehearse-{run}-{deployment}-{service}"), run, deployment, service, state }
    }

    #[test]
    fn a_service_is_found_or_the_existing_ones_are_listed() {
        let all = [
            inside("aa11", "main", "db", "exited"),
            inside("aa11", "main", "web", "running"),
            inside("aa22", "main", "web", "running"),
            inside("aa22", "rollback", "web", "running"),
        ];
        let check = |run: &str, service: &str, deployment: Option<&str>, expected: &str| {
            let deployment = deployment.map(str::to_owned);
            let args = ShellArgs { run: run.to_owned(), service: service.to_owned(), deployment, command: Vec::new() };
            let chosen = choose(&all, &args).map(|it| it.container.clone());
            let result = chosen.unwrap_or_else(|reason| reason);
            assert!(result.contains(expected), "{result}");
        };
        check("aa11", "web", None, "rehearse-aa11-main-web");
        check("aa2", "web", Some("rollback"), "rehearse-aa22-rollback-web");
        check("a22", "web", Some("main"), "rehearse-aa22-main-web");
        check("aa", "web", None, "aa may be any of aa11, aa22");
        check("aa22", "web", None, "several are running: web of main (running), web of rollback (running); choose one");
        check("aa11", "db", None, "db of main (exited) does not run");
        check(
            "aa11",
            "redis",
            None,
            "run aa11 has no service redis; it has db of main (exited), web of main (running)",
        );
        check("bb", "web", None, "no container of a run bb is left; there is aa11, aa22");
    }
}
