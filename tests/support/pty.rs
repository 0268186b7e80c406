//! A terminal of the tests' own, which can be closed.

use std::fs::File;
use std::io;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// A new terminal: the end of whoever looks at it, whose closing closes the terminal, and the end of a program.
pub(crate) fn open() -> io::Result<(File, File)> {
    // The program must not have the other end too, or it would never be closed.
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?.into_string().map_err(io::Error::other)?;
    let theirs = File::options().read(true).write(true).open(name)?;
    Ok((ours.into(), theirs))
}
