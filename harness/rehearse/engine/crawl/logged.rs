//! Reads the access logs that come with the backup or lie beside the scenario.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use rehearse_core::check::CrawlNote;
use rehearse_core::model::product::CrawlCheck;
use rehearse_core::observation::pages::{AccessLogFormat, LoggedRequests};
use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::event::CheckReport;

use crate::engine::context::RunContext;

/// A longer line is read in pieces of this many bytes, so that a log without line ends does not fill the memory.
const LONGEST: u64 = 64 << 10;

impl<H, O> RunContext<H, O> {
    /// The pages that people opened, each with how often. A log that cannot be read, or has no request, is inconclusive.
    pub(super) fn logged_requests(&self, check: &CrawlCheck, report: &mut CheckReport) -> Vec<(String, usize)> {
        let mut all = Vec::new();
        let of_backup = check.logs.iter().map(|log| {
            let path = self.case.backup_file(&log.file).map_err(|error| error.chain());
            (&log.file, path, log.format)
        });
        let beside = self.case.scenario.access_logs.iter();
        let beside = beside.map(|log| (&log.file, Ok(self.case.folder.join(&log.file)), log.format));
        for (name, path, format) in of_backup.chain(beside) {
            match path.and_then(|path| requests(&path, format).map_err(|error| error.to_string())) {
                Ok(found) if found.is_empty() => {
                    let text = format!("{name}: no line of it is a GET request that was answered");
                    report.cannot_tell(InconclusiveCode::NotRead, text);
                }
                Ok(found) => {
                    let requests = found.iter().map(|(_, count)| count).sum();
                    let (file, pages) = (name.clone(), found.len());
                    report.notes.push(CrawlNote::Logged { file, pages, requests }.to_string());
                    all.extend(found);
                }
                Err(reason) => report.cannot_tell(InconclusiveCode::NotRead, format!("{name}: {reason}")),
            }
        }
        all
    }
}

fn requests(path: &Path, format: AccessLogFormat) -> std::io::Result<Vec<(String, usize)>> {
    let mut requests = LoggedRequests::default();
    let mut reader = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    // Lines are bytes: what a browser sent need not be UTF-8.
    while reader.by_ref().take(LONGEST).read_until(b'\n', &mut line)? > 0 {
        requests.take(format, &String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok(requests.by_weight())
}
