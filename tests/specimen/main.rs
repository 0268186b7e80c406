//! The specimen: our own product with planted faults, to measure what the checks find. See `README.md` beside this file.
//!
//! Every change: a clean run and a few faults that show at the first hop. `REHEARSE_TIER=nightly`: all faults, each again
//! with its first finder switched off, and every control three times. `REHEARSE_BLESS=1` writes what was seen into
//! `docs/explanation/faults.md`. `REHEARSE_REQUIRE_DOCKER=1` fails where no container engine answers.

mod faults;
mod run;
mod table;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use rehearse_core::outcome::verdict::Exit;

use faults::{CONTROLS, Control, FAULTS, Fault};
use run::{Observation, Variation, rehearse};

/// How often a control is run: what it may wrongly find, it need not find each time.
const TIMES: usize = 3;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let set = |name: &str, value: &str| std::env::var(name).is_ok_and(|seen| seen == value);
    let (nightly, bless) = (set("REHEARSE_TIER", "nightly"), set("REHEARSE_BLESS", "1"));
    let engine = rehearse::setup::engine_answers() || set("REHEARSE_REQUIRE_DOCKER", "1");
    let ignored = |quick: bool| !engine || !(quick || nightly);

    let mut trials = vec![
        Trial::test("the table tells of every fault and control", || Ok(table::complete()?)),
        Trial::ignorable_test("clean", || clean().map(|()| Completion::Completed)).with_ignored_flag(ignored(true)),
    ];
    for fault in &FAULTS {
        let name = format!("fault: {}", fault.name);
        let trial = Trial::ignorable_test(name, move || planted(fault, nightly, bless).map(|()| Completion::Completed));
        trials.push(trial.with_ignored_flag(ignored(fault.quick)));
    }
    for control in &CONTROLS {
        let name = format!("control: {}", control.name);
        let trial = Trial::ignorable_test(name, move || held(control, bless).map(|()| Completion::Completed));
        trials.push(trial.with_ignored_flag(ignored(false)));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Three hops and the rollback, and nothing is found.
fn clean() -> Result<(), Failed> {
    let seen = rehearse("none", "clean", &Variation { rollback: true, ..Variation::default() })?;
    green(&seen)
}

fn green(seen: &Observation) -> Result<(), Failed> {
    if seen.exit == Exit::Passed && seen.finders.is_empty() {
        return Ok(());
    }
    Err(format!("expected a pass without a finding, seen {:?} at {}: {}", seen.exit, seen.stage, seen.finding).into())
}

/// A fault is found in the release and by the kinds of checks that it should be.
fn planted(fault: &Fault, again: bool, bless: bool) -> Result<(), Failed> {
    let seen = rehearse(fault.name, fault.name, &Variation::default())?;
    let first = seen.finders.first().cloned();
    let without = match &first {
        Some(finder) if again => {
            let variation = Variation { without: Some(finder.clone()), ..Variation::default() };
            Some(rehearse(fault.name, &format!("{}-without-{finder}", fault.name), &variation)?)
        }
        Some(_) | None => None,
    };
    judge(fault, &seen)?;
    if bless {
        table::write_fault(fault, &seen, without.as_ref())?;
    }
    // What was found once is found again; more is welcome.
    Ok(table::holds(fault, &seen, without.as_ref())?)
}

fn judge(fault: &Fault, seen: &Observation) -> Result<(), Failed> {
    let found = |kind: &&str| seen.finders.iter().any(|finder| finder == kind);
    if seen.exit != Exit::Failed || seen.stage != fault.stage {
        let (expected, stage) = (fault.stage, &seen.stage);
        return Err(
            format!("expected a failure in {expected}, seen {:?} in {stage}: {}", seen.exit, seen.finding).into()
        );
    }
    if fault.found_by.is_empty() || !fault.found_by.iter().all(found) {
        return Err(format!("expected to be found by {:?}, seen {:?}", fault.found_by, seen.finders).into());
    }
    Ok(())
}

/// A control is green, each time.
fn held(control: &Control, bless: bool) -> Result<(), Failed> {
    let mut all = Vec::new();
    for time in 1..=TIMES {
        let variation = Variation { hops: control.hops, ..Variation::default() };
        let seen = rehearse(control.switch, &format!("control-{}-{time}", control.name), &variation)?;
        all.push(seen);
    }
    if bless {
        table::write_control(control, &all)?;
    }
    all.iter().try_for_each(green)
}
