//! Reads log files from an offset on, in flat memory.

use std::path::Path;

use rehearse_core::check::LogScanner;
use rehearse_core::observation::LogReview;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

/// Sifts a log file from an offset on.
///
/// # Errors
/// Why it cannot be read.
pub async fn review(file: &Path, from: u64, mut scanner: LogScanner) -> Result<LogReview, String> {
    let read_error = |error: std::io::Error| format!("cannot read {}: {error}", file.display());
    let mut reader = tokio::fs::File::open(file).await.map_err(read_error)?;
    // A file shorter than the offset was begun anew: all of it is new.
    let length = reader.metadata().await.map_err(read_error)?.len();
    let from = if from <= length { from } else { 0 };
    reader.seek(std::io::SeekFrom::Start(from)).await.map_err(read_error)?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        match reader.read(&mut buffer).await.map_err(read_error)? {
            0 => return Ok(scanner.finish()),
            read => scanner.take(&buffer[..read]),
        }
    }
}
