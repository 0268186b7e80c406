//! Opens files of a backup, which is not trusted: a name in it may be a link to any file of this machine, a pipe that nobody
//! writes to, or an endless device.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::OFlags;

/// What exists under a name in a backup.
#[derive(Debug)]
pub(super) enum Opened {
    /// A file of the backup.
    File(File),
    /// Nothing.
    Nothing,
    /// Something that is not a file; a description.
    Other(String),
}

/// The path of a name from a manifest; `None` if it leaves the folder.
fn inside(folder: &Path, name: &str) -> Option<PathBuf> {
    let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    (plain && !name.is_empty()).then(|| folder.join(name))
}

/// The real path of a file of a backup, with links followed; otherwise what is there instead.
///
/// # Errors
/// When it exists but cannot be read.
pub(crate) fn real(folder: &Path, name: &str) -> io::Result<Result<PathBuf, String>> {
    let Some(path) = inside(folder, name) else { return Ok(Err("a path that leaves the backup".to_owned())) };
    let (root, real) = match folder.canonicalize().and_then(|root| Ok((root, path.canonicalize()?))) {
        Ok(both) => both,
        Err(error) if of_the_name(&error) => return Ok(Err(error.to_string())),
        Err(error) => return Err(error),
    };
    if !real.starts_with(&root) {
        return Ok(Err(format!("a link that leads out of the backup, to {}", real.display())));
    }
    let kind = std::fs::symlink_metadata(&real)?.file_type();
    Ok(if kind.is_file() {
        Ok(real)
    } else if kind.is_dir() {
        Err("a folder".to_owned())
    } else if kind.is_fifo() {
        Err("a pipe".to_owned())
    } else if kind.is_socket() {
        Err("a socket".to_owned())
    } else {
        Err("a device".to_owned())
    })
}

/// The folder that contains a file.
pub(super) fn above(file: &Path) -> PathBuf {
    let folder = file.parent().unwrap_or(Path::new(""));
    if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() }
}

/// Opens a file of a backup: only a real file inside its folder.
///
/// # Errors
/// When it exists but cannot be read.
pub(super) fn open(folder: &Path, name: &str) -> io::Result<Opened> {
    // Checked before it is opened: opening a pipe waits for its writer, and opening a device may have effects.
    let real = match real(folder, name) {
        Ok(Ok(real)) => real,
        Ok(Err(what)) => return Ok(Opened::Other(what)),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Opened::Nothing),
        Err(error) => return Err(error),
    };
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits();
    OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(real).map(Opened::File)
}

/// Whether the error is caused by the name, not by this machine.
fn of_the_name(error: &io::Error) -> bool {
    // The error kind for a circle of links is not stable yet.
    let circle = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    circle || matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::InvalidFilename | ErrorKind::NotADirectory)
}

/// The first `most` bytes of a file of a backup, or beside its archive, as text; `None` if it cannot be read.
pub(crate) fn beginning(given: &Path, name: &str, most: u64) -> Option<String> {
    let folder = if given.is_file() { above(given) } else { given.to_owned() };
    let Opened::File(file) = open(&folder, name).ok()? else { return None };
    let mut text = Vec::new();
    file.take(most).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// Watches a reading: its progress, and whether anybody still waits for it.
#[derive(Debug, Default)]
pub struct Watch {
    given_up: AtomicBool,
    read: AtomicU64,
}

impl Watch {
    /// Says that nobody waits for it any more, so that it ends soon.
    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    /// How many bytes were read so far.
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    pub(super) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }
}

/// A file whose reading fails once nobody waits for it any more.
pub(super) struct Watched<'a> {
    pub(super) file: File,
    pub(super) watch: &'a Watch,
}

impl Read for Watched<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.watch.is_given_up() {
            return Err(io::Error::other("given up"));
        }
        let read = self.file.read(into)?;
        self.watch.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
