//! How many bytes a second go through the redactor: logs as products write them, with 50 secrets, in pieces and at once.

use std::error::Error;
use std::hint::black_box;

use criterion::{Criterion, Throughput};
use rehearse_core::secret::{Redactor, Secret};

/// What the engine hands out at once, more or less.
const PIECE: usize = 16 << 10;

const ORDINARY: [&str; 4] = [
    "2026-01-02 03:04:05.678 web-1 INFO  GET /api/v1/projects/17/issues?sort=updated_on:desc -> 200 in 34.1 ms (db 12.9 ms)",
    "2026-01-02 03:04:05.912 worker-1 DEBUG performing MailDeliveryJob (id 8a1c55d0-77a3-4f0c) from default, priority 5",
    "2026-01-02 03:04:06.001 db-1 LOG:  checkpoint complete: wrote 812 buffers (5.0%); write=81.201 s, sync=0.004 s",
    "    at org.example.service.PasswordPolicy.check(PasswordPolicy.java:118) ~[core-4.2.1.jar:?]",
];

const JSON: [&str; 2] = [
    r#"{"ts":"2026-01-02T03:04:05Z","level":"info","msg":"\"GET /projects/17\" done","params":"{\"id\":\"17\",\"k\":\"a\\nb\"}"}"#,
    r#"{"ts":"2026-01-02T03:04:06Z","level":"warn","path":"/search?q=a%20b%2Fc&utf8=%E2%9C%93","user":"jo\u00e9","n":17}"#,
];

/// Passwords and tokens as people and programs make them: the beginnings of many are ordinary words.
fn secrets(count: usize, key_lines: usize) -> Vec<Secret> {
    let words =
        ["postgres", "production", "hunter2", "admin", "correct-horse", "s3cret", "redis", "change", "in", "ghp_"];
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut letters = |count: usize| -> String {
        let alphabet = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/+&$%\"'";
        let letter = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(alphabet[(state >> 20) as usize % alphabet.len()])
        };
        (0..count).map(letter).collect()
    };
    (0..count)
        .map(|at| {
            let value = match (key_lines, at % 3) {
                (0, 0) => format!("{}-{}", words[at % words.len()], letters(12)),
                (0, _) => letters(20 + at % 45),
                (lines, _) => (0..lines).map(|_| letters(64) + "\n").collect(),
            };
            Secret::new(format!("settings.s{at}"), value)
        })
        .collect()
}

fn log(lines: &[&str]) -> Vec<u8> {
    lines.iter().cycle().take(8 << 10).flat_map(|line| line.bytes().chain([b'\n'])).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    let redactor = Redactor::default();
    redactor.learn(secrets(50, 0), &[]);
    for (name, log) in [("ordinary lines", log(&ORDINARY)), ("lines of JSON", log(&JSON))] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(log.len() as u64));
        group.bench_function("at once", |bencher| bencher.iter(|| redactor.bytes(black_box(&log)).len()));
        group.bench_function("in pieces", |bencher| {
            bencher.iter(|| {
                let mut stream = redactor.stream();
                log.chunks(PIECE).map(|piece| stream.take(black_box(piece)).len()).sum::<usize>()
                    + stream.finish().len()
            });
        });
        group.bench_function("line by line", |bencher| {
            bencher.iter(|| {
                let mut stream = redactor.stream();
                let lines = log.split_inclusive(|byte| *byte == b'\n');
                lines.map(|line| stream.take(black_box(line)).len()).sum::<usize>() + stream.finish().len()
            });
        });
        group.finish();
    }
    let mut group = criterion.benchmark_group("floods");
    group.sample_size(10);
    for unit in ["\\", "%25", "&amp;", "'", "%", "a\\n", "\"\\\"", "postgres-"] {
        let flood = unit.repeat((1 << 20) / unit.len());
        group.throughput(Throughput::Bytes(flood.len() as u64));
        group.bench_function(unit, |bencher| bencher.iter(|| redactor.bytes(black_box(flood.as_bytes())).len()));
    }
    group.finish();
    let mut group = criterion.benchmark_group("learning");
    group.sample_size(10);
    for (name, count, key_lines) in [("50 passwords", 50, 0), ("500 passwords", 500, 0), ("50 keys of 3 KB", 50, 48)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| Redactor::default().learn(secrets(count, key_lines), &[]));
        });
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}
