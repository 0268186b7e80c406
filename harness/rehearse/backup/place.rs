//! Where a backup is: a folder of files, or one archive with files beside it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rehearse_core::model::product::Backup;
use rustix::fs::OFlags;

use super::file::{above, real};
use super::named;

/// At most this many entries of a folder are looked at.
const MOST_ENTRIES: usize = 100_000;
/// At most this many archives of one folder are named.
const NAMED: usize = 5;

/// Where a backup is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A folder.
    Folder(PathBuf),
    /// An archive, and the folder with the files beside it.
    Archive { file: PathBuf, folder: PathBuf },
}

/// Why no backup was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotFound {
    /// What is there instead.
    pub(crate) actual: String,
    /// The newest of several backups, by its name in the folder.
    pub(super) newest: Option<String>,
}

impl From<String> for NotFound {
    fn from(actual: String) -> Self {
        Self { actual, newest: None }
    }
}

impl Place {
    /// Finds the backup in a file or a folder; otherwise the reason why there is none.
    ///
    /// # Errors
    /// When it exists but cannot be read.
    pub(crate) fn of(backup: &Backup, given: &Path) -> io::Result<Result<Self, NotFound>> {
        if backup.archive.is_none() {
            let file = given.is_file().then(|| "a file".to_owned().into());
            return Ok(file.map_or_else(|| Ok(Self::Folder(given.to_owned())), Err));
        }
        let facts = match std::fs::metadata(given) {
            Ok(facts) => facts,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Err("nothing there".to_owned().into())),
            Err(error) => return Err(error),
        };
        if facts.is_file() {
            return Ok(Ok(Self::Archive { file: given.to_owned(), folder: above(given) }));
        }
        if !facts.is_dir() {
            return Ok(Err("a pipe or a device".to_owned().into()));
        }
        let found = archives(backup, given)?;
        Ok(match found.as_slice() {
            [] => Err("a folder without such an archive".to_owned().into()),
            [one] => match real(given, one)? {
                Ok(file) => Ok(Self::Archive { file, folder: given.to_owned() }),
                Err(what) => Err(what.into()),
            },
            several => {
                let shown = several.iter().take(NAMED).map(|name| named(name.as_bytes())).collect::<Vec<_>>();
                let more = if several.len() > NAMED { ", …" } else { "" };
                let shown = shown.join(", ");
                let actual =
                    format!("a folder that holds {} backups, the newest first: {shown}{more}; name one", several.len());
                Err(NotFound { actual, newest: several.first().cloned() })
            }
        })
    }

    /// The path of a file that a step names; otherwise what is there instead.
    ///
    /// # Errors
    /// When it exists but cannot be read.
    pub(crate) fn file(&self, name: &str) -> io::Result<Result<PathBuf, String>> {
        match self {
            Self::Archive { file, .. } if name == Backup::ARCHIVE => Ok(Ok(file.clone())),
            Self::Archive { folder, .. } | Self::Folder(folder) => real(folder, name),
        }
    }
}

/// The names of the product's archives in a folder, the newest first: by the time in the name, or else by the time the file
/// was written.
pub(super) fn archives(backup: &Backup, folder: &Path) -> io::Result<Vec<String>> {
    let Some(archive) = &backup.archive else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)?.take(MOST_ENTRIES) {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let Some(groups) = archive.name.regex().captures(&name) else { continue };
        let named_time = groups.name("time").and_then(|time| time.as_str().parse::<u64>().ok());
        let written = || Some(entry.metadata().ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs());
        names.push((named_time.or_else(written).unwrap_or_default(), name.clone()));
    }
    names.sort_by(|one, other| other.cmp(one));
    Ok(names.into_iter().map(|(_, name)| name).collect())
}

/// Opens an archive. If it has become a pipe meanwhile, this does not wait for a writer.
pub(super) fn open_archive(file: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(file)
}
