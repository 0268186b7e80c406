//! Completion scripts and man pages, generated from the definitions that parse the command line.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use rehearse_core::outcome::verdict::Exit;

use super::args::Typed;
use super::{print, say};

/// The definitions that parse the command line, for documents that are made from them.
pub fn command() -> clap::Command {
    Typed::command()
}

pub(crate) fn completions(shell: Shell) -> Exit {
    // Into memory first: the generator panics when standard output is closed.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Typed::command(), "rehearse", &mut script);
    print(&String::from_utf8_lossy(&script));
    Exit::Passed
}

pub(crate) fn man(folder: &Path) -> Exit {
    let written = std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Typed::command(), folder));
    match written {
        Ok(()) => Exit::Passed,
        Err(error) => {
            say(&format!("error: cannot write man pages into {}: {error}", folder.display()));
            Exit::BadInput
        }
    }
}
