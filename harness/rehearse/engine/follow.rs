//! Follows what a service prints, from where its log stood when it was last started.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;

use super::context::RunContext;
use super::host::Host;
use super::observer::Observer;
use rehearse_core::vocabulary::ident::DeploymentName;

/// As much is read at a time.
const PIECE: u64 = 1 << 20;

/// A line longer than this is judged by its beginning.
const LONGEST_LINE: usize = 64 << 10;

/// Where a log stood when its service was last started.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    file: PathBuf,
    at: u64,
    /// Which start of the service it was.
    pub(super) number: u64,
    /// How long it took to be ready; none before it is, or when nothing says so.
    pub(super) ready: Option<Duration>,
}

/// Reads a log as it grows.
#[derive(Debug)]
pub(crate) struct Follower {
    file: Option<PathBuf>,
    at: u64,
}

impl Follower {
    /// What was printed since the last call; nothing where there is no log yet.
    ///
    /// # Errors
    /// When the log is there and cannot be read.
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

    /// The log.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}

/// The lines of a log that is followed.
#[derive(Debug)]
pub(crate) struct Lines {
    follower: Follower,
    rest: Vec<u8>,
    /// How many lines there were.
    pub(crate) count: usize,
}

impl Lines {
    pub(crate) fn new(follower: Follower) -> Self {
        Self { follower, rest: Vec::new(), count: 0 }
    }

    /// Whether a line printed since the last call is `wanted`; a line not yet ended is asked again with its end.
    pub(crate) fn any(&mut self, wanted: impl Fn(&str) -> bool) -> bool {
        // A log that cannot be read has no such line; its wait ends by its limit.
        while let Ok(bytes) = self.follower.read()
            && !bytes.is_empty()
        {
            let mut held = false;
            for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
                let room = LONGEST_LINE.saturating_sub(self.rest.len());
                self.rest.extend_from_slice(&piece[..piece.len().min(room)]);
                if piece.ends_with(b"\n") {
                    self.count += 1;
                    let text = String::from_utf8_lossy(&self.rest);
                    held = held || wanted(text.trim_end_matches(['\n', '\r']));
                    self.rest.clear();
                }
            }
            if held {
                return true;
            }
        }
        !self.rest.is_empty() && wanted(&String::from_utf8_lossy(&self.rest))
    }
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Remembers where a service's log stands: it is about to start, and what an earlier start printed is not its word.
    pub(crate) fn mark_start(&self, deployment: &DeploymentName, service: &str) {
        let Some(file) = self.host.log_file(deployment, service) else { return };
        let at = std::fs::metadata(&file).map_or(0, |data| data.len());
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (deployment.clone(), service.to_owned());
        let number = started.get(&key).map_or(0, |last| last.number) + 1;
        started.insert(key, Started { file, at, number, ready: None });
    }

    /// Follows a service's log from its last start on.
    pub(crate) fn follow(&self, deployment: &DeploymentName, service: &str) -> Follower {
        let file = self.host.log_file(deployment, service);
        let started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let started = started.get(&(deployment.clone(), service.to_owned()));
        let at = started.filter(|started| file.as_deref() == Some(&started.file)).map_or(0, |started| started.at);
        Follower { file, at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::test_memory::held;

    fn lines(file: &Path) -> Lines {
        Lines::new(Follower { file: Some(file.to_owned()), at: 0 })
    }

    #[test]
    fn a_line_is_asked_whole_and_again_with_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("web.log");
        std::fs::write(&file, "one\r\ntwo\nthr").unwrap();
        let mut log = lines(&file);
        assert!(log.any(|line| line == "one"));
        assert!(log.any(|line| line == "thr"));
        std::fs::write(&file, "one\r\ntwo\nthree\n").unwrap();
        assert!(log.any(|line| line == "three"));
        assert!(!log.any(|line| line == "two"));
    }

    #[test]
    fn a_log_without_lines_is_followed_in_flat_memory() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("web.log");
        // One line of many megabytes, and then another.
        File::create(&file).unwrap().set_len(64 << 20).unwrap();
        let append = |text: &str| {
            let mut open = std::fs::OpenOptions::new().append(true).open(&file).unwrap();
            std::io::Write::write_all(&mut open, text.as_bytes()).unwrap();
        };
        append("ready\nlisten");
        let mut log = lines(&file);
        let before = held();
        assert!(log.any(|line| line == "listen"));
        assert_eq!(log.count, 1);
        let rise = held() - before;
        assert!(rise < 16, "{rise} MiB");
    }
}
