//! What the program itself takes of memory while much passes through it: `cargo bench --bench streams`. A container prints a
//! log of 10 GiB, and a backup of 5 GiB is verified and streamed into a command; before that a tenth of both, so that growth
//! would show. Sizes in GiB can be given as two arguments. Needs a container engine, and room for both on the disk.

use std::error::Error;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use sha2::{Digest, Sha256};

type Tried<T = ()> = Result<T, Box<dyn Error>>;

/// Growth in KiB that is still flat.
const MOST: u64 = 32 << 10;

const LINE: &str =
    "2026-01-02 03:04:05.678 web-1 INFO a line of a log that says nothing at all, of a hundred letters or so";

fn main() -> Tried {
    // Cargo adds `--bench`.
    let mut sizes = std::env::args().skip(1).filter_map(|text| text.parse::<f64>().ok());
    let (log, backup) = (sizes.next().unwrap_or(10.0), sizes.next().unwrap_or(5.0));
    let mut peaks = Vec::new();
    for part in [0.1, 1.0] {
        let bytes = |size: f64| (size * part * (1_u64 << 30) as f64) as u64;
        peaks.push(measure(bytes(log), bytes(backup))?);
    }
    let grown = peaks.last().unwrap_or(&0).saturating_sub(*peaks.first().unwrap_or(&0));
    show(&format!("ten times as much takes {:.1} MiB more at the peak", grown as f64 / 1024.0))?;
    if grown > MOST { Err("that is not flat".into()) } else { Ok(()) }
}

/// Rehearses a product that prints a log and takes a backup of these sizes; gives the program's peak in KiB.
fn measure(log: u64, backup: u64) -> Tried<u64> {
    let folder = tempfile::tempdir()?;
    describe(folder.path(), log, backup)?;
    let out = folder.path().join("out");
    let began = Instant::now();
    let mut program = Command::new(env!("CARGO_BIN_EXE_rehearse"))
        .arg("run")
        .arg("--product-dir")
        .arg(folder.path().join("product"))
        .arg("--out")
        .arg(&out)
        .arg(folder.path().join("streams.yaml"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.path().join("said"))?)
        .spawn()?;
    let mut peak = 0;
    let status = loop {
        let text = fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = peak.max(line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0));
        if let Some(status) = program.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    if !status.success() {
        return Err(fs::read_to_string(folder.path().join("said"))?.into());
    }
    let written = fs::metadata(out.join("logs/main-web-1.log"))?.len();
    // Each line gets the time it came at.
    if written < log {
        return Err(format!("{written} bytes of a log of {log} arrived").into());
    }
    show(&format!(
        "log {:.1} GiB ({:.1} GiB written), backup {:.1} GiB: {:.1} MiB at the peak, {:.0} s",
        log as f64 / f64::from(1 << 30),
        written as f64 / f64::from(1 << 30),
        backup as f64 / f64::from(1 << 30),
        peak as f64 / 1024.0,
        began.elapsed().as_secs_f64()
    ))?;
    Ok(peak)
}

/// Writes the product, its backup and the scenario.
fn describe(folder: &Path, log: u64, backup: u64) -> Tried {
    let (product, kept) = (folder.join("product"), folder.join("backup"));
    fs::create_dir_all(&product)?;
    fs::create_dir_all(&kept)?;
    let digest = noise(&kept.join("data"), backup)?;
    let files = json!({ "data": { "sha256": digest, "bytes": backup } });
    fs::write(
        kept.join("manifest.json"),
        json!({ "product": "streams", "release": "1.0.0", "files": files }).to_string(),
    )?;
    fs::write(product.join("releases.txt"), "1.0.0\n1.1.0\n")?;
    let prints = format!("yes '{LINE}' | head -c {log}; echo; echo 'the log is whole'; exec sleep 3600");
    let is_up = json!({ "exec": { "service": "web", "command": ["true"] } });
    let described = json!({
        "product": "streams",
        "releases": { "catalog": "releases.txt" },
        "path": { "minors": "one-at-a-time" },
        "services": { "web": { "image": "debian:bookworm-slim", "command": ["sh", "-c", prints], "stop-grace": "1s" } },
        "backup": {
            "manifest": "manifest.json", "product": "/product", "release": "/release", "files": "/files",
            "parts": { "data": { "format": "any" } },
        },
        "deploy": [{ "start": ["web"] }],
        "restore": [
            { "exec": {
                "name": "load", "service": "web", "command": ["sha256sum"], "stdin": "data", "deadline": "60m",
                "expect": { "contains": [digest] },
            } },
            { "wait-until": {
                "name": "the log", "service": "web", "condition": { "log": "^the log is whole" }, "deadline": "60m",
            } },
        ],
        "preflight": [], "settle": [],
        // Logs in which nothing came are no evidence.
        "upgrade": [{ "exec": { "service": "web", "command": ["sh", "-c", "echo upgraded > /proc/1/fd/1"] } }],
        "checks": {
            "version": [{ "name": "up", "steps": [is_up] }],
            "health": [{ "name": "up", "steps": [is_up] }],
            "access": [],
            "logs": { "errors": ["ERROR"] },
        },
    });
    fs::write(product.join("product.yaml"), described.to_string())?;
    let scenario = json!({
        "scenario": "streams", "product": "streams", "from": "1.0.0", "to": "1.1.0", "backup": "backup", "deadline": "2h",
        "rollback": { "skip": "it would be the same again" },
    });
    fs::write(folder.join("streams.yaml"), scenario.to_string())?;
    Ok(())
}

/// A file that does not shrink when it is compressed; gives its digest.
fn noise(path: &Path, bytes: u64) -> Tried<String> {
    let (mut file, mut digest) = (BufWriter::new(fs::File::create(path)?), Sha256::new());
    let (mut state, mut left, mut piece) = (0x2545_F491_4F6C_DD1D_u64, bytes, Vec::with_capacity(1 << 20));
    while left > 0 {
        piece.clear();
        while piece.len() < left.min(1 << 20) as usize {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            piece.extend_from_slice(&state.to_le_bytes());
        }
        piece.truncate(left.min(1 << 20) as usize);
        digest.update(&piece);
        file.write_all(&piece)?;
        left -= piece.len() as u64;
    }
    file.flush()?;
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn show(text: &str) -> Tried {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
