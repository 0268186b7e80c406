//! The command line: the arguments, and the commands that they run.

mod args;
mod backup;
mod backup_warning;
mod diagnose;
mod diagnostic;
mod doctor;
mod dry_fill;
mod dry_lines;
mod dry_run;
mod files;
mod manual;
mod path;
mod run;
mod runbook;
mod runs;
mod shell;

pub use diagnostic::render as draw;
pub use dry_run::dry_run_text;
pub(crate) use files::scenario_files;
pub use manual::command;

use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use clap::Parser;
use clap::error::{ContextKind, ContextValue};
use rehearse_core::outcome::verdict::Exit;
use rehearse_core::secret::names_a_secret;
use rehearse_core::text::error_chain;

use args::{BackupCommand, Command, Typed};

use crate::engine::host::HostError;
use crate::load::Loaded;

/// Parses the arguments, runs the command, and returns the exit code.
pub fn main() -> ExitCode {
    let typed = match Typed::try_parse() {
        Ok(typed) => typed,
        Err(mut error) => {
            hide_secret(&mut error);
            // Help and version are not errors; everything else is bad input.
            let code = if error.use_stderr() { Exit::BadInput } else { Exit::Passed };
            let _ = error.print();
            return ExitCode::from(code.code());
        }
    };
    let exit = match typed.command {
        Command::Run(args) => run::run(&args, Loaded::rehearsable),
        Command::CheckProduct(args) => run::run(&args, Loaded::mutation_test),
        Command::Path(args) => path::path(&args),
        Command::Backup(BackupCommand::Inspect(args)) => backup::inspect(&args),
        Command::Diagnose(args) => diagnose::diagnose(&args),
        Command::Plan(args) => files::plan(&args),
        Command::Validate(args) => files::validate(&args),
        Command::List(args) if args.runs => runs::list_runs(&args),
        Command::List(args) => files::list(&args),
        Command::Doctor(args) => doctor::doctor(&args),
        Command::Sweep(args) => runs::sweep_leftovers(&args),
        Command::Shell(args) => return shell::shell(&args),
        Command::Resume(args) => shell::resume(&args),
        Command::Runbook(args) => runbook::runbook(&args),
        Command::Schema(args) => files::schema(&args),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { folder } => manual::man(&folder),
    };
    ExitCode::from(exit.code())
}

/// Hides the value of a secret setting in the error for an invalid argument.
fn hide_secret(error: &mut clap::Error) {
    let Some(ContextValue::String(text)) = error.get(ContextKind::InvalidValue) else { return };
    let parted = |c: char| [':', '='].contains(&c) || c.is_whitespace();
    let Some((name, value)) = text.split_once(parted).filter(|(name, _)| names_a_secret(name)) else { return };
    let hidden = format!("{name}{}{}", &text[name.len()..text.len() - value.len()], "*".repeat(value.chars().count()));
    error.insert(ContextKind::InvalidValue, ContextValue::String(hidden));
}

/// Prints data to standard output. A closed output is not an error: a program of Rust ignores SIGPIPE, and the print macros
/// would panic.
pub(crate) fn print(text: &str) {
    use std::io::Write;
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

/// Prints messages to standard error, if there is still somebody to read them.
pub(crate) fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Whether standard error may be coloured: depends on the terminal, `NO_COLOR`, `CLICOLOR`, `CLICOLOR_FORCE` and `TERM`.
pub(crate) fn colour() -> bool {
    AutoStream::choice(&std::io::stderr()) != ColorChoice::Never
}

/// Prints what is wrong with the input, with its causes.
pub(crate) fn refuse(error: &crate::load::LoadError) -> Exit {
    if let crate::load::LoadError::Rejected(rejected) = error {
        say(&diagnostic::render(rejected, colour()));
    } else {
        say(&format!("error: {}", error_chain(error)));
    }
    Exit::BadInput
}

/// The exit code for an error of the container engine: an invalid address is bad input.
pub(crate) fn host_exit(error: &HostError) -> Exit {
    match error {
        HostError::Address { .. } => Exit::BadInput,
        HostError::Unreachable { .. }
        | HostError::Image { .. }
        | HostError::WrongRelease { .. }
        | HostError::Operation { .. }
        | HostError::File { .. }
        | HostError::Deadline { .. } => Exit::Inconclusive,
    }
}

/// A runtime for commands that use the container engine.
pub(crate) fn runtime() -> Option<tokio::runtime::Runtime> {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => Some(runtime),
        Err(error) => {
            say(&format!("error: cannot start: {error}"));
            None
        }
    }
}
