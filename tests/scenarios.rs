//! Every scenario of `scenarios/` as a trial: rehearsed for real, on the container engine of this machine. One more trial
//! runs the rehearsals that the documents show.
//!
//! `REHEARSE_TIER=nightly` adds the long ones; `REHEARSE_REQUIRE_DOCKER=1` fails where no engine answers.

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::SystemTime;

use libtest_mimic::{Arguments, Failed, Trial};
use regex::Regex;
use rehearse::setup::engine_answers;
use rehearse::trial::{Trials, trials};
use serde_json::Value;

/// The scenario whose output these pages show.
const SAMPLE: &str = "redmine-5.0-to-6.1";
const SHOW_IT: [&str; 2] = ["README.md", "docs/tutorial/1-first-rehearsal.md"];

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
    let documents = Trial::test("documents", || documents(root)).with_kind("scenario");
    let documents = documents.with_ignored_flag(!engine_answers() && !of.require_engine);
    let began = SystemTime::now();
    let conclusion = libtest_mimic::run(&arguments, trials(&of).into_iter().chain([documents]).collect());
    match sample(root, &of.out.join(SAMPLE).join("summary.json"), began) {
        Ok(()) => conclusion.exit_code(),
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "{why}");
            ExitCode::FAILURE
        }
    }
}

/// What the documents show of real rehearsals is what these print.
fn documents(root: &Path) -> Result<(), Failed> {
    let mut command = Command::new(root.join(".ci/docs"));
    let status = command.arg("--engine").env("REHEARSE", env!("CARGO_BIN_EXE_rehearse")).status()?;
    if status.success() { Ok(()) } else { Err("a page shows what is not so, see above".into()) }
}

/// Holds the pages to the sample's summary, if it was rehearsed just now and passed: its stages and hops with what they
/// counted, whatever time they took.
fn sample(root: &Path, summary: &Path, began: SystemTime) -> Result<(), Box<dyn Error>> {
    let written = std::fs::metadata(summary).and_then(|facts| facts.modified());
    if written.map_or(true, |written| written < began) {
        return Ok(());
    }
    let summary: Value = serde_json::from_str(&std::fs::read_to_string(summary)?)?;
    if summary["verdict"] != "passed" {
        return Ok(());
    }
    let printed = printed(&summary);
    for page in SHOW_IT.map(PathBuf::from) {
        let text = std::fs::read_to_string(root.join(&page))?;
        let shown = shown(&text)?;
        if let Some(wrong) = shown.iter().find(|line| !printed.contains(line)) {
            return Err(format!("{} shows `{wrong}`; a run has: {printed:#?}", page.display()).into());
        }
        // A note of the background stage is all that is worth showing of it.
        let missing = |line: &&String| !shown.contains(line) && !line.contains("images-hops");
        if let Some(missing) = printed.iter().find(missing) {
            return Err(format!("{} does not show `{missing}`", page.display()).into());
        }
    }
    Ok(())
}

/// The lines of a page about stages, hops and the rollback, without times.
fn shown(text: &str) -> Result<Vec<String>, regex::Error> {
    let stage = Regex::new(r"^\[ *[\d.]+s\] (\d\d \S+) +✓ passed [^:]+(: .+)?$")?;
    let hop = Regex::new(r"^  (hop \d+|fresh|rollback) +✓ passed  ([^:]+): (?:upgrade )?[^,]+(, .+)$")?;
    let mut lines = Vec::new();
    for line in text.lines() {
        for found in stage.captures(line).into_iter().chain(hop.captures(line)) {
            lines.push(found.iter().skip(1).flatten().map(|part| part.as_str()).collect::<Vec<_>>().join(" "));
        }
    }
    Ok(lines)
}

/// The same lines as a run has them.
fn printed(summary: &Value) -> Vec<String> {
    let all = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let stages = all(&summary["stages"]);
    let counts = |stage: &Value| {
        let migrations = Some(all(&stage["migrations"]).len()).filter(|count| *count > 0);
        let checks = Some(all(&stage["checks"]).len()).filter(|count| *count > 0);
        let migrations = migrations.map(|count| format!("{count} migrations"));
        migrations.into_iter().chain(checks.map(|count| format!("checks {count} passed"))).collect::<Vec<_>>()
    };
    let of = |id: String| stages.iter().filter(move |stage| stage["id"] == id.as_str()).flat_map(counts);
    let mut lines: Vec<String> = Vec::new();
    for stage in &stages {
        let counted = counts(stage).join(", ");
        let counted = if counted.is_empty() { counted } else { format!(" : {counted}") };
        lines.push(format!("{:02} {}{counted}", stage["number"].as_u64().unwrap_or_default(), text(&stage["id"])));
    }
    for hop in all(&summary["hops"]) {
        let number = &hop["number"];
        let counted = of(format!("hop-{number}/upgrade")).chain(of(format!("hop-{number}/check")));
        let counted: Vec<String> = counted.map(|count| format!(", {count}")).collect();
        lines.push(format!("hop {number} {} → {} {}", text(&hop["from"]), text(&hop["to"]), counted.concat()));
    }
    let compared: Vec<String> = of("fresh/compare".to_owned()).map(|count| format!(", {count}")).collect();
    let target = summary["hops"].as_array().and_then(|hops| hops.last()).map(|hop| text(&hop["to"]));
    lines.push(format!("fresh {} without data {}", target.unwrap_or_default(), compared.concat()));
    let counted: Vec<String> = of("rollback/check".to_owned()).map(|count| format!(", {count}")).collect();
    lines.push(format!("rollback {} again {}", text(&summary["from"]), counted.concat()));
    lines
}
