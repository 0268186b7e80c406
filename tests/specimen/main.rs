//! The specimen: our own product with planted faults, to measure what the checks find. See `README.md` beside this file.
//!
//! Every change: a clean run, a few faults that show at the first hop, and a group of faults that are planted together.
//! `REHEARSE_TIER=nightly`: all faults, each again with its first finder switched off, and every control three times. `REHEARSE_BLESS=1` writes what was seen into
//! `docs/explanation/faults.md`. `REHEARSE_REQUIRE_DOCKER=1` fails where no container engine answers.

mod controls;
mod faults;
mod groups;
mod run;
mod table;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use rehearse_core::outcome::verdict::Exit;

use controls::{CONTROLS, RESTARTS};
use faults::{FAULTS, Fault};
use groups::{GROUPS, Group};
use rehearse_core::model::scenario::Rollback;
use run::{Observation, Variation, rehearse};

/// How often controls are run: what is wrongly found once need not be found each time.
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
    for group in &GROUPS {
        let name = format!("group: {}", group.name);
        let trial =
            Trial::ignorable_test(name, move || together(group, nightly, bless).map(|()| Completion::Completed));
        trials.push(trial.with_ignored_flag(ignored(group.quick)));
    }
    let trial = Trial::ignorable_test("controls", move || held(bless).map(|()| Completion::Completed));
    trials.push(trial.with_ignored_flag(ignored(false)));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Three hops and the rollback, and nothing is found.
fn clean() -> Result<(), Failed> {
    let seen = rehearse("none", "clean", &Variation { rollback: Some(Rollback::Fresh), ..Variation::default() })?;
    green(&seen)
}

fn green(seen: &Observation) -> Result<(), Failed> {
    if seen.exit == Exit::Passed && seen.found.is_empty() {
        return Ok(());
    }
    Err(format!("expected a pass without a finding, seen {:?} at {}: {}", seen.exit, seen.stage, seen.finding()).into())
}

/// A fault is found in the release and by the kinds of checks that it should be.
fn planted(fault: &Fault, again: bool, bless: bool) -> Result<(), Failed> {
    let rollback = || fault.rollback.map(serde_json::from_str::<Rollback>).transpose();
    let variation = Variation { rollback: rollback()?, ..Variation::default() };
    let seen = rehearse(fault.switch(), fault.name, &variation)?;
    let first = seen.finders().first().cloned();
    let without = match &first {
        Some(finder) if again => {
            let variation = Variation { without: Some(finder.clone()), rollback: rollback()?, ..Variation::default() };
            Some(rehearse(fault.switch(), &format!("{}-without-{finder}", fault.name), &variation)?)
        }
        Some(_) | None => None,
    };
    failed_in(fault.stage, &seen)?;
    let finders = seen.finders();
    if fault.found_by.is_empty() || !fault.found_by.iter().all(|kind| finders.iter().any(|finder| finder == kind)) {
        return Err(format!("expected to be found by {:?}, seen {finders:?}", fault.found_by).into());
    }
    let told = table::Told { name: fault.name, about: fault.about, stage: fault.stage, group: None };
    if bless {
        table::write_fault(&told, &seen, without.as_ref())?;
    }
    // What was found once is found again; more is welcome.
    Ok(table::holds(&told, &seen, without.as_ref())?)
}

fn failed_in(stage: &str, seen: &Observation) -> Result<(), Failed> {
    if seen.exit == Exit::Failed && seen.stage == stage {
        return Ok(());
    }
    let at = &seen.stage;
    Err(format!("expected a failure in {stage}, seen {:?} in {at}: {}", seen.exit, seen.finding()).into())
}

/// Each fault of a group is found on what it harms, and nothing else is.
fn together(group: &Group, again: bool, bless: bool) -> Result<(), Failed> {
    let name = format!("group-{}", group.name);
    let seen = rehearse(&group.switch(), &name, &Variation { to: Some(group.release), ..Variation::default() })?;
    failed_in(group.stage, &seen)?;
    let (missing, unplanted) = (group.missing(&seen), group.unplanted(&seen));
    if !missing.is_empty() || !unplanted.is_empty() {
        return Err(format!("not found: {missing:?}; found, and not planted: {unplanted:#?}").into());
    }
    // Once more without each kind of check that found a fault first.
    let mut without: Vec<(String, Observation)> = Vec::new();
    for fault in group.faults.iter().filter(|_| again) {
        let first = seen.of(|found| fault.owns(found)).finders().remove(0);
        if without.iter().all(|(known, _)| *known != first) {
            let (off, to) = (Some(first.clone()), Some(group.release));
            let no_fresh = group.stage != "fresh/compare";
            let variation = Variation { without: off, to, no_fresh, ..Variation::default() };
            let other = rehearse(&group.switch(), &format!("{name}-without-{first}"), &variation)?;
            let unplanted = group.unplanted(&other);
            if !unplanted.is_empty() {
                return Err(format!("found without {first}, and not planted: {unplanted:#?}").into());
            }
            without.push((first, other));
        }
    }
    let mut lost = Vec::new();
    for fault in group.faults {
        let own = seen.of(|found| fault.owns(found));
        let first = own.finders().remove(0);
        let other = without.iter().find(|(known, _)| *known == first);
        let other = other.map(|(_, other)| other.of(|found| fault.owns(found)));
        let told = table::Told { name: fault.name, about: fault.about, stage: group.stage, group: Some(group.name) };
        if bless {
            table::write_fault(&told, &own, other.as_ref())?;
        }
        lost.extend(table::holds(&told, &own, other.as_ref()).err());
    }
    if lost.is_empty() { Ok(()) } else { Err(lost.join("\n").into()) }
}

/// Controls are green, each time.
fn held(bless: bool) -> Result<(), Failed> {
    let mut all = Vec::new();
    for time in 1..=TIMES {
        let variation = Variation { restarts: RESTARTS, ..Variation::default() };
        all.push(rehearse(&controls::switch(), &format!("controls-{time}"), &variation)?);
    }
    if bless {
        for control in &CONTROLS {
            table::write_control(control, &all)?;
        }
    }
    all.iter().try_for_each(green)
}
