//! Mutation tests of product files: `rehearse check-product` on the specimen and on the shipped products. Nothing may survive
//! that the product file does not accept with a reason. Writes what was seen into `docs/explanation/mutations.md`.
//!
//! `REHEARSE_TIER=nightly` adds the shipped products; `REHEARSE_BLESS=1` writes the table; `REHEARSE_REQUIRE_DOCKER=1` fails
//! where no container engine answers.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use rehearse_core::mutation::{Fate, Judged, MutationKind};

/// A product file under test.
struct Subject {
    name: &'static str,
    arguments: &'static [&'static str],
    /// It runs with every change.
    quick: bool,
    /// How many mutations it has room for at least.
    planted: usize,
}

const SUBJECTS: [Subject; 3] = [
    Subject {
        name: "specimen",
        arguments: &[
            "--product-dir",
            "tests/specimen/product",
            "--images",
            "tests/specimen/images",
            "tests/specimen/specimen.yaml",
        ],
        quick: true,
        planted: 200,
    },
    Subject { name: "redmine", arguments: &["scenarios/redmine-5.0-to-6.1.yaml"], quick: false, planted: 200 },
    Subject { name: "nautobot", arguments: &["scenarios/nautobot-1.6-to-3.2.yaml"], quick: false, planted: 200 },
];

const HEAD: &str = "\
# Mutation tests of product files

`rehearse check-product` plants what bad upgrades do on a restored backup, and says which of it a check notices
([how to](../how-to/test-a-product-file.md)). The table is written by
`REHEARSE_BLESS=1 REHEARSE_TIER=nightly cargo nextest run --test mutations`; the same program holds every change and every night to it:
nothing survives that the product file does not accept with a reason.

`noticed`: a check named the object, or the request. `accepted`: no check did, and the product file says why it need not. `not planted`:
the server refused the change.

| product | mutation | planted | noticed | by | accepted | not planted |
|---|---|---|---|---|---|---|
";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let set = |name: &str, value: &str| std::env::var(name).is_ok_and(|seen| seen == value);
    let (nightly, bless) = (set("REHEARSE_TIER", "nightly"), set("REHEARSE_BLESS", "1"));
    let engine = rehearse::setup::engine_answers() || set("REHEARSE_REQUIRE_DOCKER", "1");
    let trial = |subject: &'static Subject| {
        let run = move || tested(subject, bless).map(|()| Completion::Completed);
        Trial::ignorable_test(subject.name, run).with_ignored_flag(!engine || !(subject.quick || nightly))
    };
    libtest_mimic::run(&arguments, SUBJECTS.iter().map(trial).collect()).exit_code()
}

fn tested(subject: &Subject, bless: bool) -> Result<(), Failed> {
    let out = root().join("target/mutations").join(subject.name);
    let mut command = Command::new(env!("CARGO_BIN_EXE_rehearse"));
    command.current_dir(root()).args(["check-product", "--progress", "plain", "--deadline", "55m", "--out"]).arg(&out);
    let output = command.args(subject.arguments).output()?;
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    let judged = judged(&out)?;
    let survivors: Vec<String> = judged
        .iter()
        .filter(|it| matches!(it.fate, Fate::Survived | Fate::Masked { .. }))
        .map(|it| format!("{} {}: {:?}", it.mutation.kind, it.mutation.target, it.fate))
        .collect();
    let planted = judged.iter().filter(|it| !matches!(it.fate, Fate::NotPlanted(_))).count();
    if !output.status.success() || !survivors.is_empty() || planted < subject.planted {
        return Err(format!("{planted} planted, survivors: {survivors:#?}\n{printed}").into());
    }
    let rows = rows(subject.name, &judged);
    if bless { write(subject.name, &rows) } else { holds(subject.name, &judged) }
}

fn judged(out: &Path) -> Result<Vec<Judged>, Failed> {
    let mut all = Vec::new();
    for stage in fs::read_dir(out.join("evidence"))? {
        let file = stage?.path().join("mutations.json");
        if file.exists() {
            all.extend(serde_json::from_slice::<Vec<Judged>>(&fs::read(file)?)?);
        }
    }
    Ok(all)
}

/// What became of the mutations of one kind.
#[derive(Default)]
struct Tally {
    noticed: usize,
    by: BTreeMap<String, usize>,
    accepted: BTreeMap<String, usize>,
    not_planted: usize,
}

fn tallies(judged: &[Judged]) -> BTreeMap<MutationKind, Tally> {
    let mut tallies: BTreeMap<MutationKind, Tally> = BTreeMap::new();
    for it in judged {
        let tally = tallies.entry(it.mutation.kind).or_default();
        match &it.fate {
            Fate::Noticed { by, .. } => {
                tally.noticed += 1;
                let kind = by.split(':').next().unwrap_or_default().to_owned();
                *tally.by.entry(kind).or_default() += 1;
            }
            Fate::Excused(because) => *tally.accepted.entry(because.clone()).or_default() += 1,
            Fate::NotPlanted(_) => tally.not_planted += 1,
            Fate::Survived | Fate::Masked { .. } => {}
        }
    }
    tallies
}

fn rows(name: &str, judged: &[Judged]) -> Vec<String> {
    let row = |(kind, tally): (MutationKind, Tally)| {
        let list = |all: &BTreeMap<String, usize>| match all.is_empty() {
            true => "–".to_owned(),
            false => all.iter().map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join("; "),
        };
        let accepted: usize = tally.accepted.values().sum();
        format!(
            "| {name} | {kind} | {} | {} | {} | {} | {} |",
            tally.noticed + accepted,
            tally.noticed,
            list(&tally.by),
            list(&tally.accepted).replace('|', "\\|"),
            tally.not_planted
        )
    };
    tallies(judged).into_iter().map(row).collect()
}

fn page() -> PathBuf {
    root().join("docs/explanation/mutations.md")
}

fn write(name: &str, rows: &[String]) -> Result<(), Failed> {
    let old = fs::read_to_string(page()).unwrap_or_default();
    let mut text = HEAD.to_owned();
    for subject in &SUBJECTS {
        let own = format!("| {} |", subject.name);
        let kept = || old.lines().filter(|line| line.starts_with(&own)).map(str::to_owned).collect();
        let of_subject: Vec<String> = if subject.name == name { rows.to_vec() } else { kept() };
        of_subject.iter().try_for_each(|row| writeln!(text, "{row}"))?;
    }
    Ok(fs::write(page(), text)?)
}

/// Every kind of mutation that the table tells of was planted again and noticed.
fn holds(name: &str, judged: &[Judged]) -> Result<(), Failed> {
    let text = fs::read_to_string(page())?;
    let tallies = tallies(judged);
    let noticed = |kind: &str| tallies.iter().any(|(known, tally)| known.name() == kind && tally.noticed > 0);
    for line in text.lines().filter(|line| line.starts_with(&format!("| {name} |"))) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let (kind, count) = (cells.get(2).copied().unwrap_or_default(), cells.get(4).copied().unwrap_or_default());
        if count != "0" && !noticed(kind) {
            return Err(format!("the table says that {kind} is noticed; it was not planted now").into());
        }
    }
    Ok(())
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
