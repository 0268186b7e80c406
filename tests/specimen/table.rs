//! `docs/explanation/faults.md`: what was planted, and what was seen. Each trial writes its own row, so that they can run in
//! processes of their own.

use std::fs;
use std::path::PathBuf;

use rehearse_core::outcome::verdict::Exit;

use crate::controls::{CONTROLS, Control};
use crate::faults::FAULTS;
use crate::groups::GROUPS;
use crate::run::{Observation, root};

/// What stands above the tables; `{faults}` and `{controls}` are how many there are.
const HEAD: &str = "\
# Planted faults

Do the checks find anything? {faults} faults are planted into the specimen (`tests/specimen`), our own product of four
releases, and {controls} harmless changes must not be taken for faults. Its product file was written without knowledge of the faults. The
tables are written by `REHEARSE_BLESS=1 REHEARSE_TIER=nightly cargo test --test specimen`; the same program compares every
change and every night with them.

`planted` names the hop that brings the fault, or `rollback` if its steps are wrong. Faults that do not touch each other are planted
together in one rehearsal: the name of their group is in brackets. What is said of each is what was found on the object that it harms,
and every finding of that rehearsal belonged to one of them.

`found by` lists the kinds of checks that failed in the first stage in trouble (`settle`: a step of that stage), in the order of
reports. `codes` are those of the findings there, each once ([what they mean](../reference/finding-codes.md)). `without the first`
lists those that still fail, and where, when the first of them is switched off; of a group, on the same hop (`–`: not tried).
";
const FAULT_COLUMNS: &str =
    "| fault | what is wrong | planted | found in | found by | codes | a finding | without the first | took |";
const CONTROL_COLUMNS: &str = "| control | what is changed | runs | findings |";

fn path() -> PathBuf {
    root().join("docs/explanation/faults.md")
}

/// A fault, as the table tells of it.
pub(crate) struct Told {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// The stage that has to fail first.
    pub(crate) stage: &'static str,
    /// The faults it is planted with.
    pub(crate) group: Option<&'static str>,
}

/// The names of all faults, in the order of the table.
fn faults() -> impl Iterator<Item = &'static str> {
    let grouped = GROUPS.iter().flat_map(|group| group.faults).map(|fault| fault.name);
    FAULTS.iter().map(|fault| fault.name).chain(grouped)
}

fn controls() -> impl Iterator<Item = &'static str> {
    CONTROLS.iter().map(|control| control.name)
}

fn head() -> String {
    HEAD.replace("{faults}", &faults().count().to_string()).replace("{controls}", &controls().count().to_string())
}

/// Each fault and control has a row that tells of a run.
pub(crate) fn complete() -> Result<(), String> {
    let text = fs::read_to_string(path()).map_err(|error| format!("docs/explanation/faults.md: {error}"))?;
    let missing: Vec<&str> = faults().chain(controls()).filter(|name| row(&text, name).is_none()).collect();
    if missing.is_empty() && text.starts_with(&head()) {
        Ok(())
    } else {
        Err(format!("docs/explanation/faults.md has another head, or no row of {missing:?}: bless it"))
    }
}

fn row<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find(|line| line.starts_with(&format!("| {name} |")))
}

/// Whether what was seen is at least what the table tells: the kinds of checks that find a fault, the codes of what they
/// find, and the kinds that still find something without the first of them.
pub(crate) fn holds(fault: &Told, seen: &Observation, without: Option<&Observation>) -> Result<(), String> {
    let text = fs::read_to_string(path()).map_err(|error| format!("docs/explanation/faults.md: {error}"))?;
    let cells: Vec<&str> = row(&text, fault.name).unwrap_or_default().split('|').map(str::trim).collect();
    // A cell lists kinds of checks or codes, and may say in which stage.
    let lacks = |cell: usize, found: &[String]| {
        let listed = cells.get(cell).copied().unwrap_or_default();
        let listed = listed.split(" in ").next().unwrap_or_default().split(", ");
        let expected = listed.filter(|item| !matches!(*item, "nothing" | "–" | ""));
        expected.filter(|item| !found.iter().any(|found| found == item)).map(str::to_owned).collect::<Vec<_>>()
    };
    let first = [lacks(5, &seen.finders()), lacks(6, &seen.codes())].concat();
    let second = without.map(|again| lacks(8, &again.finders())).unwrap_or_default();
    if first.is_empty() && second.is_empty() {
        return Ok(());
    }
    let name = fault.name;
    Err(format!(
        "docs/explanation/faults.md says {name} is found by {first:?} too, and without the first by {second:?}"
    ))
}

pub(crate) fn write_fault(fault: &Told, seen: &Observation, without: Option<&Observation>) -> Result<(), String> {
    let hop = fault.stage.split('/').next().unwrap_or_default();
    let hop = fault.group.map_or(hop.to_owned(), |group| format!("{hop} ({group})"));
    let codes = if seen.found.is_empty() { "–".to_owned() } else { seen.codes().join(", ") };
    let (found_in, found_by, finding) = match seen.exit {
        Exit::Failed => (seen.stage.as_str(), listed(&seen.finders()), short(seen.finding())),
        Exit::Passed => ("**not found**", "–".to_owned(), "–".to_owned()),
        other @ (Exit::BadInput | Exit::Inconclusive | Exit::Cancelled | Exit::NothingSelected) => {
            (seen.stage.as_str(), format!("**{other:?}**"), short(seen.finding()))
        }
    };
    let without = match without {
        None => "–".to_owned(),
        Some(again) if again.found.is_empty() && again.reason.is_empty() => "nothing".to_owned(),
        Some(again) if again.stage == seen.stage => listed(&again.finders()),
        Some(again) => format!("{} in {}", listed(&again.finders()), again.stage),
    };
    let took = format!("{:.0} s", seen.took.as_secs_f64());
    write(fault.name, &[fault.about, &hop, found_in, &found_by, &codes, &finding, &without, &took])
}

pub(crate) fn write_control(control: &Control, all: &[Observation]) -> Result<(), String> {
    let wrong: Vec<String> =
        all.iter().filter(|seen| seen.exit != Exit::Passed).map(|seen| short(seen.finding())).collect();
    let wrong = if wrong.is_empty() { "0".to_owned() } else { format!("**{}**", wrong.join("; ")) };
    write(control.name, &[control.about, &all.len().to_string(), &wrong])
}

fn listed(finders: &[String]) -> String {
    if finders.is_empty() { "nothing".to_owned() } else { finders.join(", ") }
}

/// A finding without what differs from run to run, and short enough for a table.
fn short(finding: &str) -> String {
    let mut line = finding.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "/");
    for (varies, word) in [(r"[0-9a-f]{40}", "(revision)"), (r"20[2-9]\d-\d\d-\d\dT[\d:.]+(Z|\+00:00)", "(now)")] {
        line = regex::Regex::new(varies).map_or(line.clone(), |varies| varies.replace_all(&line, word).into_owned());
    }
    let cut: String = line.chars().take(220).collect();
    if cut.len() < line.len() { format!("{cut}…") } else { cut }
}

/// Puts the row of a fault or control into the file, in the order of the lists. One process at a time.
fn write(name: &str, cells: &[&str]) -> Result<(), String> {
    let lock = fs::File::create(std::env::temp_dir().join("rehearse-specimen-table.lock"));
    let _turn = lock
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|error| format!("docs/explanation/faults.md: {error}"))?;
    let old = fs::read_to_string(path()).unwrap_or_default();
    let new = format!("| {name} | {} |", cells.join(" | "));
    let rows = |names: &mut dyn Iterator<Item = &'static str>| -> String {
        let lines = names.filter_map(|known| if known == name { Some(new.as_str()) } else { row(&old, known) });
        lines.map(|line| format!("{line}\n")).collect()
    };
    let (faults, controls) = (rows(&mut faults()), rows(&mut controls()));
    let columns = |columns: &str| format!("\n{columns}\n|{}\n", "---|".repeat(columns.matches('|').count() - 1));
    let text = format!("{}{}{faults}{}{controls}", head(), columns(FAULT_COLUMNS), columns(CONTROL_COLUMNS));
    fs::write(path(), text).map_err(|error| format!("docs/explanation/faults.md: {error}"))
}
