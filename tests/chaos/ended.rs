//! Runs that are killed or cancelled at many different moments.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::machine::{Machine, signal, text};
use crate::rehearsal::{Rehearsal, sweep};
use crate::{Outcome, table};

/// How many runs are killed at the same time.
const AT_ONCE: usize = 4;

/// The stages of an undisturbed run with the time that each takes.
fn stages(machine: &Machine) -> Result<Vec<(String, Duration)>, String> {
    let ended = Rehearsal::start(machine, "whole")?.ends()?;
    ensure!(ended.code == Some(0), "{}", ended.output);
    let mut took = Vec::new();
    for line in fs::read_to_string(ended.out.join("events.jsonl")).map_err(text)?.lines() {
        let event: Value = serde_json::from_str(line).map_err(text)?;
        if event["event"] == "stage-finished" {
            let wall = event.pointer("/time/wall_s").and_then(Value::as_f64).unwrap_or_default();
            took.push((event["stage"].as_str().unwrap_or_default().to_owned(), Duration::from_secs_f64(wall)));
        }
    }
    Ok(took)
}

/// A moment in a stage. Multiples of the golden ratio spread the moments evenly, without a pattern.
fn moment(time: usize, wall: Duration) -> Duration {
    wall.mul_f64((time as f64 * 0.618_033_988_75).fract())
}

/// Sends a signal to a run in a stage, and waits for its end. The run may be over before.
fn end(
    machine: &Machine,
    name: &str,
    stage: &str,
    after: Duration,
    how: Signal,
) -> Result<crate::rehearsal::Ended, String> {
    let mut rehearsal = Rehearsal::start(machine, name)?;
    let process = rehearsal.id()?;
    rehearsal.reaches(stage)?;
    std::thread::sleep(after);
    let _over = signal(process, how);
    rehearsal.ends()
}

/// Kills runs, several at a time, and sweeps, while a neighbour runs that has to stay untouched and pass.
pub(crate) fn killed(times: usize) -> Outcome {
    let machine = Machine::new()?;
    let stages = stages(&machine)?;
    ensure!(machine.things()?.is_empty(), "{:?}", machine.things()?);
    let began = Instant::now();
    let (mut interrupted, mut removed, mut neighbours, mut over) = (BTreeMap::new(), 0, 0, 0);
    let mut neighbour: Option<Rehearsal> = None;
    let all: Vec<usize> = (0..times).collect();
    for (number, some) in all.chunks(AT_ONCE).enumerate() {
        if neighbour.is_none() && number % 2 == 0 {
            neighbours += 1;
            let mut started = Rehearsal::start(&machine, &format!("neighbour {neighbours}"))?;
            started.reaches("deploy")?;
            neighbour = Some(started);
        }
        let kill = |time: usize| {
            let (stage, wall) = &stages[(time * 5) % stages.len()];
            end(&machine, &format!("killed {time}"), stage, moment(time, *wall), Signal::KILL)
        };
        let ended: Vec<_> = std::thread::scope(|scope| {
            let running: Vec<_> = some.iter().map(|time| scope.spawn(move || kill(*time))).collect();
            running.into_iter().map(|run| run.join().unwrap_or_else(|_| Err("a thread panicked".to_owned()))).collect()
        });
        removed += sweep(&machine)?.lines().filter(|line| line.contains("removed")).count();
        let things = machine.things()?;
        for (time, ended) in some.iter().zip(ended) {
            let (ended, (stage, wall)) = (ended?, &stages[(time * 5) % stages.len()]);
            if ended.code == Some(0) {
                over += 1;
            } else {
                *interrupted.entry(stage.clone()).or_insert(0) += 1;
            }
            let run = run_of(&ended.out)?;
            let left: Vec<_> = things.iter().filter(|it| run.as_ref().is_some_and(|run| it.contains(run))).collect();
            ensure!(left.is_empty(), "killed in {stage} after {:?}: {left:?}", moment(*time, *wall));
        }
        if let Some(mut running) = neighbour.take() {
            if running.over()? {
                expect_pass(running)?;
            } else {
                neighbour = Some(running);
            }
        }
    }
    if let Some(running) = neighbour {
        expect_pass(running)?;
    }
    sweep(&machine)?;
    let left = machine.things()?;
    ensure!(left.is_empty(), "{left:?}");
    // A signal that came too late, or a sweep that found nothing, proves nothing.
    ensure!(over * 4 <= times, "{over} of {times} were over before they could be killed");
    ensure!(removed > 0, "no sweep had anything to remove");
    let never: Vec<&str> =
        stages.iter().map(|(stage, _)| stage.as_str()).filter(|stage| !interrupted.contains_key(*stage)).collect();
    ensure!(times < 4 * stages.len() || never.is_empty(), "never killed in {never:?}");
    table::ended(
        "kill -9",
        &format!(
            "{} killed in {} stages ({over} were over before), then `rehearse sweep`",
            times - over,
            interrupted.len()
        ),
        &format!("0 containers, networks, volumes left ({removed} removed); {neighbours} neighbours untouched, exit 0"),
        began.elapsed(),
    )
}

fn expect_pass(neighbour: Rehearsal) -> Outcome {
    let ended = neighbour.ends()?;
    ensure!(ended.code == Some(0), "the neighbour: {:?}: {}", ended.code, ended.output);
    Ok(())
}

/// The id of a run, if it got far enough to report it.
fn run_of(out: &std::path::Path) -> Result<Option<String>, String> {
    let Ok(events) = fs::read_to_string(out.join("events.jsonl")) else { return Ok(None) };
    let Some(first) = events.lines().next() else { return Ok(None) };
    let Ok(event) = serde_json::from_str::<Value>(first) else { return Ok(None) };
    Ok(event.get("run").and_then(Value::as_str).map(str::to_owned))
}

/// Sends SIGINT or SIGTERM to runs: nothing is left, the reports are written, and the exit code is 4.
pub(crate) fn cancelled(times: usize) -> Outcome {
    let machine = Machine::new()?;
    let stages = stages(&machine)?;
    let began = Instant::now();
    let (mut interrupted, mut longest) = (BTreeMap::new(), Duration::ZERO);
    for time in 0..times {
        let (stage, wall) = &stages[(time * 5) % stages.len()];
        let how = if time % 2 == 0 { Signal::INT } else { Signal::TERM };
        let after = moment(time, *wall);
        let signalled = Instant::now();
        let ended = end(&machine, &format!("cancelled {time}"), stage, after, how)?;
        // A signal during teardown may come after the run is over.
        let too_late = ended.code == Some(0) && stage == "teardown";
        ensure!(ended.code == Some(4) || too_late, "{stage} after {after:?}: {:?}: {}", ended.code, ended.output);
        ended.reported()?;
        let left = machine.things()?;
        ensure!(left.is_empty(), "{stage} after {after:?}: {left:?}");
        *interrupted.entry(stage.clone()).or_insert(0) += 1;
        longest = longest.max(signalled.elapsed());
    }
    table::ended(
        "Ctrl-C or SIGTERM",
        &format!("{times} cancelled in {} stages", interrupted.len()),
        "exit 4, nothing left, every report written and well-formed",
        began.elapsed(),
    )
}

/// Closes the terminal of runs, whose outputs are gone then too: nothing is left, the reports are written, and the exit code
/// is 4.
pub(crate) fn hung_up(times: usize) -> Outcome {
    let machine = Machine::new()?;
    let stages = stages(&machine)?;
    let (began, mut interrupted) = (Instant::now(), BTreeMap::new());
    for time in 0..times {
        let (stage, wall) = &stages[(time * 5) % stages.len()];
        let after = moment(time, *wall);
        let mut rehearsal = Rehearsal::start_in_terminal(&machine, &format!("hung up {time}"))?;
        let process = rehearsal.id()?;
        rehearsal.reaches(stage)?;
        std::thread::sleep(after);
        rehearsal.close_terminal();
        // What the shells in a window send when it is closed; the run may be over before.
        for _ in 0..2 {
            let _over = signal(process, Signal::HUP);
        }
        let ended = rehearsal.ends()?;
        let too_late = ended.code == Some(0) && stage == "teardown";
        ensure!(ended.code == Some(4) || too_late, "{stage} after {after:?}: {:?}: {}", ended.code, ended.output);
        ended.reported()?;
        let left = machine.things()?;
        ensure!(left.is_empty(), "{stage} after {after:?}: {left:?}");
        *interrupted.entry(stage.clone()).or_insert(0) += 1;
    }
    table::ended(
        "a closed terminal",
        &format!("{times} cancelled in {} stages", interrupted.len()),
        "exit 4, nothing left, every report written and well-formed",
        began.elapsed(),
    )
}
