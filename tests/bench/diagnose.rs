//! How fast logs of 1 GiB are searched for all known failures of a shipped product, and in how much memory:
//! `cargo bench --bench diagnose`. The size in MiB can be given as an argument, or as DIAGNOSE_MIB.

#[path = "../support/memory.rs"]
mod memory;
#[path = "../support/processor.rs"]
mod processor;

use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use rehearse::load;
use rehearse::observers::{TextPart, read_texts};
use rehearse_core::knowledge::diagnosis::{Diagnosis, Found, Unexplained, WideNet};
use rehearse_core::knowledge::signature::Recogniser;
use rehearse_core::model::product::Product;

use self::memory::memory;
use self::processor::on_cpu;

type Tried<T = ()> = Result<T, Box<dyn Error>>;

/// What is mixed into lines that say nothing: one in so many is this.
const CASES: [(&str, u64, &str); 7] = [
    ("quiet", u64::MAX, ""),
    ("one in 100 is known", 100, "gitlab-1  | PG::DuplicateTable: ERROR:  relation \"issues\" already exists"),
    (
        "one in 100 is nearly known",
        100,
        "gitlab-1  | NOTICE:  relation \"issues\" already exists, check constraint \"x\" is fine",
    ),
    ("one in 100 is coloured", 100, "gitlab-1  | \u{1b}[33mDEPRECATION\u{1b}[0m: something will go away"),
    ("one in 100 is beyond ASCII", 100, "gitlab-1  | Größe übernommen"),
    ("one in 10 is an error", 10, "gitlab-1  | {\"severity\":\"ERROR\",\"message\":\"job 4711 failed in 12 ms\"}"),
    ("one in 10 is known", 10, "gitlab-1  | OpenSSL::Cipher::CipherError (OpenSSL::Cipher::CipherError)"),
];

fn main() -> Tried {
    // Cargo adds `--bench`.
    let given = std::env::args().skip(1).chain(std::env::var("DIAGNOSE_MIB").ok());
    let size: u64 = given.filter_map(|text| text.parse().ok()).next().unwrap_or(1024) << 20;
    let product = load::product("gitlab", None)?.product;
    let recogniser = Recogniser::reading(product.failures.list(), &product.log_lines);
    let folder = tempfile::tempdir()?;
    for (name, every, line) in CASES {
        let file = folder.path().join("log");
        generate(&file, size, every, line)?;
        let before = memory("VmHWM:")?;
        // Once to have the file in memory: the disk is not what is measured.
        whole(&product, &recogniser, &file)?;
        let megabytes = size as f64 / 1e6;
        let began = on_cpu()?;
        known(&recogniser, &file);
        let alone = megabytes / (on_cpu()? - began);
        let began = (Instant::now(), on_cpu()?);
        let (found, errors) = whole(&product, &recogniser, &file)?;
        let (clock, core) = (megabytes / began.0.elapsed().as_secs_f64(), megabytes / (on_cpu()? - began.1));
        let grown = memory("VmHWM:")?.saturating_sub(before) >> 10;
        let times: u64 = found.iter().map(|found| found.count).sum();
        let mut text =
            format!("{name:>26}: MB per second of CPU: {alone:>4.0} for the known failures, {core:>4.0} for all");
        write!(text, " ({clock:.0} by the clock), {grown} MiB more memory at the peak, ")?;
        write!(text, "{} known failures {times} times, {errors} errors", found.len())?;
        show(&text);
    }
    Ok(())
}

/// As the command does it: known failures, and beside them what else counts as an error or sounds like one.
fn whole(product: &Product, recogniser: &Recogniser, file: &Path) -> Tried<(Vec<Found>, u64)> {
    let check = product.checks.logs.as_ref().ok_or("no check of logs")?;
    let json = &product.log_lines.json;
    let mut errors = Unexplained::new(check, json, None, 5)?;
    let mut wide = WideNet::new(Some(check), json, product.failures.list(), 5)?;
    let mut diagnosis = Diagnosis::new(recogniser, None);
    read_texts(&[PathBuf::from(file)], |part| match part {
        TextPart::Begins(name) => {
            diagnosis.begin(name);
            errors.begin(name);
            wide.begin(name);
        }
        TextPart::Piece(piece) => {
            diagnosis.take(piece);
            errors.take(piece, &diagnosis.explained());
            wide.take(piece, !diagnosis.found_any() && errors.first().is_empty());
        }
        TextPart::Ends => {
            diagnosis.end();
            errors.end(&diagnosis.explained());
            wide.end();
        }
        TextPart::Skipped { .. } | TextPart::Unreadable { .. } => {}
    });
    Ok((diagnosis.finish(), errors.first().iter().map(|error| error.count).sum()))
}

/// The known failures alone, as a rehearsal looks for them.
fn known(recogniser: &Recogniser, file: &Path) -> Vec<Found> {
    let mut diagnosis = Diagnosis::new(recogniser, None);
    read_texts(&[PathBuf::from(file)], |part| match part {
        TextPart::Begins(name) => diagnosis.begin(name),
        TextPart::Piece(piece) => diagnosis.take(piece),
        TextPart::Ends => diagnosis.end(),
        TextPart::Skipped { .. } | TextPart::Unreadable { .. } => {}
    });
    diagnosis.finish()
}

#[expect(clippy::print_stdout, reason = "a bench is read by people")]
fn show(text: &str) {
    println!("{text}");
}

/// Lines as a container of the product prints them: access logs and JSON.
fn generate(file: &Path, size: u64, every: u64, special: &str) -> Tried {
    let mut out = BufWriter::new(std::fs::File::create(file)?);
    let (mut written, mut number) = (0, 0_u64);
    while written < size {
        number += 1;
        let (at, user) = (number % 60, number * 7919 % 1000);
        let line = if number.is_multiple_of(every) {
            format!("{special}\n")
        } else if number.is_multiple_of(2) {
            format!(
                "gitlab-1  | 172.17.0.1 - - [02/Nov/2024:09:32:{at:02} +0000] \"GET /group/project-{user}/-/issues/{number} HTTP/1.1\" 200 {user} \"\" \"Mozilla/5.0\" -\n"
            )
        } else {
            format!(
                "gitlab-1  | {{\"severity\":\"INFO\",\"time\":\"2024-11-02T09:30:{at:02}.{user:03}Z\",\"class\":\"Projects::RefreshWorker\",\"jid\":\"{number:024x}\",\"message\":\"done\",\"duration_s\":0.{user},\"db_count\":{user}}}\n"
            )
        };
        out.write_all(line.as_bytes())?;
        written += line.len() as u64;
    }
    Ok(out.flush()?)
}
