//! Every scenario of `scenarios/` as a trial: rehearsed for real, on the container engine of this machine.
//!
//! `REHEARSE_TIER=nightly` adds the long ones; `REHEARSE_REQUIRE_DOCKER=1` fails where no engine answers.

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::Arguments;
use rehearse::trial::{Trials, trials};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let set = |name: &str, value: &str| std::env::var(name).is_ok_and(|seen| seen == value);
    let of = Trials {
        scenarios: root.join("scenarios"),
        out: std::env::var_os("REHEARSE_OUT").map_or_else(|| root.join("target/rehearsals"), Into::into),
        nightly: set("REHEARSE_TIER", "nightly"),
        require_engine: set("REHEARSE_REQUIRE_DOCKER", "1"),
    };
    libtest_mimic::run(&arguments, trials(&of)).exit_code()
}
