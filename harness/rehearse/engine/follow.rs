//! Follows what a service prints, from the end of its log at its last start.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::context::RunContext;
use super::host::{Host, InstanceRef};
use super::observer::Observer;

/// How much is read at a time.
const PIECE: u64 = 1 << 20;

/// Of a longer line only the beginning is judged.
const MAX_LINE: usize = 64 << 10;

/// Reads a log as it grows.
#[derive(Debug)]
pub(crate) struct Follower {
    file: Option<PathBuf>,
    at: u64,
}

impl Follower {
    /// What was printed since the last call; empty if there is no log yet.
    ///
    /// # Errors
    /// When the log exists but cannot be read.
    pub(crate) fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let Some(path) = &self.file else { return Ok(bytes) };
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(bytes),
            Err(error) => return Err(error),
        };
        file.seek(SeekFrom::Start(self.at))?;
        self.at += file.take(PIECE).read_to_end(&mut bytes)? as u64;
        Ok(bytes)
    }

    /// The path of the log.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}

/// The lines of a log that is followed.
#[derive(Debug)]
pub(crate) struct Lines {
    follower: Follower,
    rest: Vec<u8>,
    /// How many lines were read so far.
    pub(crate) count: usize,
}

impl Lines {
    pub(crate) fn new(follower: Follower) -> Self {
        Self { follower, rest: Vec::new(), count: 0 }
    }

    /// Whether a line printed since the last call is `wanted`. A line without its end is looked at again once it is complete.
    pub(crate) fn any(&mut self, wanted: impl Fn(&str) -> bool) -> bool {
        // A log that cannot be read has no such line; the wait then ends at its limit.
        while let Ok(bytes) = self.follower.read()
            && !bytes.is_empty()
        {
            let mut found = false;
            for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
                let room = MAX_LINE.saturating_sub(self.rest.len());
                self.rest.extend_from_slice(&piece[..piece.len().min(room)]);
                if piece.ends_with(b"\n") {
                    self.count += 1;
                    let text = String::from_utf8_lossy(&self.rest);
                    found = found || wanted(text.trim_end_matches(['\n', '\r']));
                    self.rest.clear();
                }
            }
            if found {
                return true;
            }
        }
        !self.rest.is_empty() && wanted(&String::from_utf8_lossy(&self.rest))
    }
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Remembers the length of a service's log before it starts, so that what an earlier start printed does not count.
    pub(crate) fn mark_start(&self, instance: &InstanceRef) {
        let Some(file) = self.host.log_file(instance) else { return };
        let at = std::fs::metadata(&file).map_or(0, |data| data.len());
        self.instances.starts(instance, file, at);
    }

    /// Follows a service's log from its last start on.
    pub(crate) fn follow(&self, instance: &InstanceRef) -> Follower {
        let file = self.host.log_file(instance);
        let start = self.instances.last_start(instance);
        let at = start.filter(|start| file.as_deref() == Some(&start.file)).map_or(0, |start| start.at);
        Follower { file, at }
    }
}
