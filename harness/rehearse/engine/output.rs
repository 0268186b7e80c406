//! Collects a command's output as it arrives: all of it goes into a file, its beginning is kept in memory, and a listener
//! gets every piece.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use rehearse_core::observation::Body;
use rehearse_core::secret::Redacting;
use sha2::{Digest, Sha256};

use super::host::{HostError, Sink, Stream};

/// How much of an output is kept for judging; the file has all of it.
pub const KEPT: usize = 4 << 20;

/// Builds a body from the pieces that arrive.
#[derive(Debug)]
pub struct BodyBuilder {
    size: u64,
    digest: Sha256,
    keep: usize,
    kept: Vec<u8>,
}

impl Default for BodyBuilder {
    fn default() -> Self {
        Self::keeping(KEPT)
    }
}

impl BodyBuilder {
    /// A builder that keeps at most `keep` bytes.
    pub fn keeping(keep: usize) -> Self {
        Self { size: 0, digest: Sha256::new(), keep, kept: Vec::new() }
    }

    /// Adds a piece.
    pub fn take(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.digest.update(bytes);
        let room = self.keep.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// The body.
    pub fn finish(self) -> Body {
        let digest = self.digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let cut = self.size > self.kept.len() as u64;
        Body { size: self.size, digest, text: String::from_utf8_lossy(&self.kept).into_owned(), cut }
    }
}

/// Is called with every piece of output as it arrives.
pub(super) type Listener<'a> = Box<dyn FnMut(Stream, &[u8]) + Send + 'a>;

/// Collects the output of one command.
pub(super) struct Collector<'a> {
    out: BodyBuilder,
    err: BodyBuilder,
    file: BufWriter<File>,
    redacting: Redacting,
    write_error: Option<std::io::Error>,
    listener: Option<Listener<'a>>,
}

impl<'a> Collector<'a> {
    /// A collector that writes into `file`.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub(super) fn new(file: &Path, redacting: Redacting, listener: Option<Listener<'a>>) -> Result<Self, HostError> {
        let created = File::create(file).map_err(|source| HostError::File {
            operation: "write",
            path: file.to_owned(),
            source,
        })?;
        Ok(Self {
            out: BodyBuilder::default(),
            err: BodyBuilder::default(),
            file: BufWriter::new(created),
            redacting,
            write_error: None,
            listener,
        })
    }

    /// Standard output, standard error, and the first error of writing the file.
    pub(super) fn finish(mut self) -> (Body, Body, Option<std::io::Error>) {
        let rest = self.redacting.finish();
        let write_error =
            self.write_error.take().or_else(|| self.file.write_all(&rest).and_then(|()| self.file.flush()).err());
        (self.out.finish(), self.err.finish(), write_error)
    }
}

impl Sink for Collector<'_> {
    fn take(&mut self, stream: Stream, bytes: &[u8]) {
        match stream {
            Stream::Out => self.out.take(bytes),
            Stream::Err => self.err.take(bytes),
        }
        if self.write_error.is_none() {
            self.write_error = self.file.write_all(&self.redacting.take(bytes)).err();
        }
        if let Some(listener) = &mut self.listener {
            listener(stream, bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use rehearse_core::secret::{Redactor, Secret};

    use super::*;
    use crate::engine::wait::Tail;
    use crate::test_memory::held;

    #[test]
    fn endless_output_without_lines_is_collected_in_flat_memory() {
        let folder = tempfile::tempdir().unwrap();
        let redactor = Redactor::default();
        assert!(redactor.learn([Secret::new("it", "hidden-words")], &[]).is_empty());
        let file = folder.path().join("out");
        let mut listened = 0_u64;
        let listener: Listener<'_> = Box::new(|_, bytes| listened += bytes.len() as u64);
        let mut collector = Collector::new(&file, redactor.stream(), Some(listener)).unwrap();
        let mut tail = Tail::default();
        // No line ends, most of it is not text, and a secret spans two pieces.
        let mut piece = vec![0xff; 1 << 16];
        piece[..5].copy_from_slice(b"words");
        piece[(1 << 16) - 7..].copy_from_slice(b"hidden-");
        let before = held();
        for _ in 0..300 << 4 {
            collector.take(Stream::Out, &piece);
            tail.take(Stream::Out, &piece);
        }
        let (out, err, write_error) = collector.finish();
        let rise = held() - before;
        assert!(rise < 32, "{rise} MiB");
        assert_eq!(
            (out.size, out.cut, err.size, write_error.is_none(), listened),
            (300 << 20, true, 0, true, 300 << 20)
        );
        assert!(out.text.len() <= 3 * KEPT && tail.text().len() <= 3 * 8192);
        // The secret is replaced by its name in the file.
        let written = std::fs::File::open(&file).unwrap();
        let mut beginning = Vec::new();
        std::io::Read::take(written, 1 << 20).read_to_end(&mut beginning).unwrap();
        let text = String::from_utf8_lossy(&beginning);
        assert!(text.contains("[it is not shown]") && !text.contains("hidden-words"));
    }
}
