//! Interference with runs from outside, on an engine that belongs to the tests and may be stopped, filled and broken: see
//! `machine.rs`. The specimen is rehearsed by the program itself, as a user starts it.
//!
//! For every change: a few kinds of interference, and a few runs that are killed or cancelled. With `REHEARSE_TIER=nightly`:
//! every kind, 100 kills, 30 cancellations, and an engine behind TLS. `REHEARSE_BLESS=1` writes the results into
//! `docs/explanation/robustness.md`. Ignored if no engine responds, or if the tests may not create namespaces (not root);
//! with `REHEARSE_REQUIRE_DOCKER=1` they fail then.

#[macro_use]
mod check {
    macro_rules! ensure {
        ($holds:expr, $($actual:tt)+) => {
            if !$holds {
                return Err(format!("{}: {}", stringify!($holds), format!($($actual)+)));
            }
        };
    }
}

mod ended;
mod interferences;
mod machine;
#[path = "../support/pty.rs"]
mod pty;
mod rehearsal;
mod remote;
mod table;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

type Outcome = Result<(), String>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let set = |name: &str, value: &str| std::env::var(name).is_ok_and(|actual| actual == value);
    let nightly = set("REHEARSE_TIER", "nightly");
    let able = machine::able();
    let ignored = able.is_err() && !set("REHEARSE_REQUIRE_DOCKER", "1");
    let (interferences, kills, cancels) = if nightly { (10, 100, 30) } else { (4, 3, 2) };
    let trial = |name: &str, run: fn(usize) -> Outcome, times: usize| {
        let able = able.clone();
        let run = move || able.and_then(|()| run(times)).map_err(Failed::from);
        Trial::test(name, run).with_ignored_flag(ignored)
    };
    let mut trials = vec![
        trial("what comes between ends a run as inconclusive and is named", interferences::first, interferences),
        trial("a killed run is swept and its neighbour goes on", ended::killed, kills),
        trial("a cancelled run leaves nothing and writes its reports", ended::cancelled, cancels),
        trial("a run whose terminal is closed leaves nothing and writes its reports", ended::hung_up, cancels),
    ];
    let tls = trial("an engine behind TLS is used with certificates and refused without", |_| remote::behind_tls(), 1);
    trials.push(tls.with_ignored_flag(ignored || !nightly));
    libtest_mimic::run(&arguments, trials).exit_code()
}
