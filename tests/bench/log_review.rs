//! How fast logs of 1 GiB are reviewed, and in how much memory: `cargo bench --bench log_review`. The size in MiB can be
//! given as an argument. The patterns are those of a shipped product and the usual ones of applications and databases.

#[path = "../support/memory.rs"]
mod memory;
#[path = "../support/processor.rs"]
mod processor;

use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::Instant;

use rehearse::observers::review_log;
use rehearse_core::check::LogScanner;
use rehearse_core::model::product::LogCheck;
use serde_json::json;

use self::memory::memory;
use self::processor::on_cpu;

type Tried<T = ()> = Result<T, Box<dyn Error>>;

/// What is mixed into lines that say nothing: one in so many is this.
const CASES: [(&str, u64, &str); 4] = [
    ("quiet", u64::MAX, ""),
    ("one in 100 is allowed", 100, "2026-01-02 03:04:05.678 web-1 WARN ERROR optional gs binary (gs) not available"),
    ("one in 100 is beyond ASCII", 100, "2026-01-02 03:04:05.678 web-1 INFO Größe übernommen"),
    ("one in 10 is an error", 10, "2026-01-02 03:04:05.678 web-1 ERROR job 4711 failed in 12 ms"),
];

fn main() -> Tried {
    // Cargo adds `--bench`.
    let size: u64 = std::env::args().skip(1).find_map(|text| text.parse().ok()).unwrap_or(1024) << 20;
    let check: LogCheck = serde_json::from_value(json!({
        "errors": ["^[EF], .* -- : (\\[[0-9a-f-]{36}\\] \\S|[^\\[])", " (ERROR|FATAL|PANIC):  ", "(?i)^(error|fatal|fault)\\b",
            "\\b(ERROR|CRITICAL)\\b", "\\b[A-Z]\\w+Error\\)", "^Traceback"],
        "allow": [{"pattern": "gs binary", "because": "optional"}],
    }))?;
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for (name, every, line) in CASES {
        let file = folder.path().join("log");
        generate(&file, size, every, line)?;
        // Once to have the file in memory: the disk is not what is measured.
        for round in 0..2 {
            let before = memory("VmHWM:")?;
            let began = (Instant::now(), on_cpu()?);
            let scanner = LogScanner::new(&check, &"1.0".parse()?, "web")?;
            let review = runtime.block_on(review_log(&file, 0, scanner))?;
            let speed = size as f64 / 1e6 / began.0.elapsed().as_secs_f64();
            let per_core = size as f64 / 1e6 / (on_cpu()? - began.1);
            let grown = memory("VmHWM:")?.saturating_sub(before) >> 10;
            if round == 1 {
                let mut text = format!(
                    "{name:>26}: {per_core:>5.0} MB per second of CPU ({speed:.0} by the clock), {grown} MiB more memory at the peak, "
                );
                write!(text, "{} lines, {} errors of {} kinds", review.lines, review.count, review.kinds.len())?;
                show(&text);
            }
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "a bench is read by people")]
fn show(text: &str) {
    println!("{text}");
}

fn generate(file: &Path, size: u64, every: u64, special: &str) -> Tried {
    let mut out = BufWriter::new(std::fs::File::create(file)?);
    let (mut written, mut number) = (0, 0_u64);
    while written < size {
        number += 1;
        let line = if number.is_multiple_of(every) {
            format!("{special}\n")
        } else {
            let (at, user) = (number % 60, number * 7919 % 1000);
            format!(
                "2026-01-02 03:04:{at:02}.{user:03} web-1 INFO [{number:08x}] GET /api/devices/{number}/?limit={user} 200 {user} ms\n"
            )
        };
        out.write_all(line.as_bytes())?;
        written += line.len() as u64;
    }
    Ok(out.flush()?)
}
