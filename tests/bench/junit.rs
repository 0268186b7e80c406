//! How fast `junit.xml` is written of 100,000 checks and of twice as many, in how much memory, and how long all its
//! writing takes in a run of so many: `cargo bench --bench junit`. Another number of checks can be given as an argument.

#[path = "../support/memory.rs"]
mod memory;
#[path = "../support/processor.rs"]
mod processor;

use std::error::Error;
use std::io::Write as _;
use std::time::{Duration, Instant};

use rehearse::report::{Junit, write_junit};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::event::{CheckReport, Event, EventKind, RunStarted, StageTime};
use rehearse_core::outcome::finding::Finding;
use rehearse_core::outcome::reporter::Reporter;
use rehearse_core::outcome::subject::Subject;
use rehearse_core::outcome::summary::Summary;
use rehearse_core::outcome::verdict::Outcome;
use rehearse_core::planning::plan::{Phase, Plan, Stage, StageAction};
use rehearse_core::vocabulary::ident::{RunId, StageId};

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
            let mut reporter = Junit::new(&path, "out");
            let (mut writing, mut writes) = (Duration::ZERO, 0);
            let summary = summary(checks, every, &mut |event, summary| {
                let began = Instant::now();
                reporter.report(event, summary)?;
                let took = began.elapsed();
                writes += u32::from(took > Duration::from_millis(1));
                writing += took;
                Ok(())
            })?;
            forget_the_peak()?;
            let before = memory("VmRSS:")?;
            let began = (Instant::now(), on_cpu()?);
            write_junit(&path, [(&summary, "out")])?;
            let (clock, cpu) = (began.0.elapsed().as_secs_f64(), on_cpu()? - began.1);
            let grown = memory("VmHWM:")?.saturating_sub(before) >> 10;
            let size = std::fs::metadata(&path)?.len();
            show(&format!(
                "{name:>16}, {checks:>6} checks of {TEXT} bytes: written in {cpu:.2} s of CPU ({clock:.2} s by the clock), \
                 {grown} MiB more memory at the peak, a file of {:.1} MB; in the whole run {:.1} s for {writes} writes",
                size as f64 / 1e6,
                writing.as_secs_f64()
            ));
        }
    }
    Ok(())
}

/// A run with so many checks, of which one in `every` fails.
fn summary(checks: usize, every: usize, report: &mut dyn FnMut(&Event, &Summary) -> Tried) -> Tried<Summary> {
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
        require_coverage: Default::default(),
        skip_checks: Default::default(),
        production: None,
        stages: (0..stages)
            .zip(1..)
            .map(|(stage, number)| Stage {
                number,
                id: id(stage),
                title: "check".to_owned(),
                phase: Phase::Source,
                hop: None,
                deployment: None,
                parent: None,
                action: StageAction::Check { checks: vec![CheckKind::Data] },
            })
            .collect(),
    };
    let started = RunStarted { run: RunId("1".to_owned()), unix: 1, tool: "1".to_owned(), plan, expectation: None };
    let mut summary = Summary::new();
    let mut tell = |kind| -> Tried {
        let event = Event { at: Duration::ZERO, kind };
        summary.fold(&event)?;
        report(&event, &summary)
    };
    tell(EventKind::RunStarted(Box::new(started)))?;
    let line = "2026-01-02 03:04:05 \u{1b}[31mwhat was seen\u{1b}[0m ]]> <of> \"a\" check\n";
    let text = line.repeat(TEXT / line.len());
    for stage in 0..stages {
        tell(EventKind::StageStarted { stage: id(stage) })?;
        for number in (stage * OF_A_STAGE)..((stage + 1) * OF_A_STAGE).min(checks) {
            let mut report = CheckReport::new(CheckKind::Data, format!("table {}", number % OF_A_STAGE));
            report.assertions = 1;
            if number % every == every - 1 || every == 1 {
                report.findings.push(Finding::new(
                    FindingCode::RowsLost,
                    Subject::Table(number.to_string()),
                    "as before",
                    text.clone(),
                ));
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
