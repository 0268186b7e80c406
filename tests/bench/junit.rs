//! How fast `junit.xml` is written of 100,000 checks and of twice as many, and in how much memory:
//! `cargo bench --bench junit`. Another number of checks can be given as an argument.

#[path = "../support/memory.rs"]
mod memory;
#[path = "../support/processor.rs"]
mod processor;

use std::error::Error;
use std::io::Write as _;
use std::time::{Duration, Instant};

use rehearse::report::write_junit;
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::outcome::event::{CheckReport, Event, EventKind, RunId, RunStarted, StageId, StageTime};
use rehearse_core::outcome::summary::Summary;
use rehearse_core::outcome::verdict::{Finding, Outcome};
use rehearse_core::planning::plan::{Plan, Stage, StageAction};

use self::memory::memory;
use self::processor::on_cpu;

type Tried<T = ()> = Result<T, Box<dyn Error>>;

/// Checks of one stage.
const OF_A_STAGE: usize = 500;
/// What a check says, in bytes.
const TEXT: usize = 2000;

/// One check in so many fails.
const CASES: [(&str, usize); 3] = [("all pass", usize::MAX), ("one in 100 fails", 100), ("all fail", 1)];

fn main() -> Tried {
    // Cargo adds `--bench`.
    let checks: usize = std::env::args().skip(1).find_map(|text| text.parse().ok()).unwrap_or(100_000);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("junit.xml");
    for (name, every) in CASES {
        for checks in [checks, 2 * checks] {
            let summary = summary(checks, every)?;
            forget_the_peak()?;
            let before = memory("VmRSS:")?;
            let began = (Instant::now(), on_cpu()?);
            write_junit(&path, [(&summary, "out")])?;
            let (clock, cpu) = (began.0.elapsed().as_secs_f64(), on_cpu()? - began.1);
            let grown = memory("VmHWM:")?.saturating_sub(before) >> 10;
            let said = (checks * TEXT) as f64 / 1e6;
            let size = std::fs::metadata(&path)?.len() >> 20;
            show(&format!(
                "{name:>16}, {checks:>6} checks of {TEXT} bytes: {:>4.0} MB per second of CPU ({clock:.1} s by the clock), \
                 {grown} MiB more memory at the peak, a file of {size} MiB",
                said / cpu
            ));
        }
    }
    Ok(())
}

/// A run with so many checks, of which one in `every` fails.
fn summary(checks: usize, every: usize) -> Tried<Summary> {
    let id = |stage: usize| StageId(format!("stage-{stage}"));
    let stages = checks.div_ceil(OF_A_STAGE);
    let plan = Plan {
        scenario: "bench".to_owned(),
        about: None,
        product: "bench".to_owned(),
        edition: None,
        lists: Vec::new(),
        zero_downtime: false,
        needless: Vec::new(),
        from: "1.0".parse()?,
        to: "2.0".parse()?,
        hops: Vec::new(),
        backup: String::new(),
        deadline: Duration::from_secs(1),
        require: Vec::new(),
        skip_checks: Default::default(),
        production: None,
        stages: (0..stages)
            .zip(1..)
            .map(|(stage, number)| Stage {
                number,
                id: id(stage),
                title: "check".to_owned(),
                hop: None,
                action: StageAction::Check { checks: vec![CheckKind::Data] },
            })
            .collect(),
    };
    let started = RunStarted { run: RunId("1".to_owned()), unix: 1, tool: "1".to_owned(), plan, expectation: None };
    let mut summary = Summary::new();
    let mut tell = |kind| summary.fold(&Event { at: Duration::ZERO, kind });
    tell(EventKind::RunStarted(Box::new(started)))?;
    let line = "2026-01-02 03:04:05 \u{1b}[31mwhat was seen\u{1b}[0m ]]> <of> \"a\" check\n";
    let text = line.repeat(TEXT / line.len());
    for stage in 0..stages {
        tell(EventKind::StageStarted { stage: id(stage) })?;
        for number in (stage * OF_A_STAGE)..((stage + 1) * OF_A_STAGE).min(checks) {
            let mut report = CheckReport::new(CheckKind::Data, format!("table {}", number % OF_A_STAGE));
            report.assertions = 1;
            if number % every == every - 1 || every == 1 {
                report.findings.push(Finding::new(format!("table {number}"), "as before", text.clone()));
            } else {
                report.notes.push(text.clone());
            }
            tell(EventKind::Checked { stage: id(stage), report: report.decide() })?;
        }
        let time = StageTime::default();
        let (outcome, findings) = (Outcome::Passed, Vec::new());
        tell(EventKind::StageFinished { stage: id(stage), outcome, findings, reason: None, known: None, time })?;
    }
    tell(EventKind::RunFinished)?;
    Ok(summary)
}

/// Begins the count of the most memory anew.
fn forget_the_peak() -> Tried {
    Ok(std::fs::OpenOptions::new().write(true).open("/proc/self/clear_refs")?.write_all(b"5")?)
}

#[expect(clippy::print_stdout, reason = "a bench is read by people")]
fn show(text: &str) {
    println!("{text}");
}
