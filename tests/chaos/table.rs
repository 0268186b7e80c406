//! Writes the results into `docs/explanation/robustness.md`, one row for each case, if `REHEARSE_BLESS=1` is set.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::Outcome;

/// Writes a row into the table under a heading, replacing the row of the same name.
fn write(heading: &str, columns: &str, name: &str, cells: &[&str]) -> Outcome {
    if !std::env::var("REHEARSE_BLESS").is_ok_and(|value| value == "1") {
        return Ok(());
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/explanation/robustness.md");
    let failed = |error: std::io::Error| format!("docs/explanation/robustness.md: {error}");
    let old = fs::read_to_string(&path).map_err(failed)?;
    let mut lines: Vec<String> = old.lines().map(str::to_owned).collect();
    let Some(at) = lines.iter().position(|line| line == columns) else {
        return Err(format!("docs/explanation/robustness.md has no table {columns:?} under {heading:?}"));
    };
    let row = format!("| {name} | {} |", cells.join(" | ").replace('\n', " "));
    let begins = format!("| {name} |");
    let end = (at..lines.len()).find(|at| !lines[*at].starts_with('|')).unwrap_or(lines.len());
    match (at..end).find(|at| lines[*at].starts_with(&begins)) {
        Some(there) => lines[there] = row,
        None => lines.insert(end, row),
    }
    fs::write(path, lines.join("\n") + "\n").map_err(failed)
}

/// The row of a kind of interference.
pub(crate) fn interference(name: &str, stage: &str, exit: i32, description: &str) -> Outcome {
    let mut description = description.to_owned();
    for (varies, word) in [(r"\d+\.\d s", "… s"), (r"/\S*rehearse-chaos-\w+", "…"), ("sha256:[0-9a-f]{64}", "sha256:…")]
    {
        let varies = regex::Regex::new(varies).map_err(|error| error.to_string())?;
        description = varies.replace_all(&description, word).into_owned();
    }
    let cells = [stage, "inconclusive", &exit.to_string(), &description];
    write("Infrastructure", "| what happens | while | verdict | exit | what is said |", name, &cells)
}

/// The row of a way to end runs.
pub(crate) fn ended(how: &str, what: &str, actual: &str, took: Duration) -> Outcome {
    let took = format!("{:.0} min", (took.as_secs_f64() / 60.0).ceil());
    write("Ended runs", "| how | runs | seen | took |", how, &[what, actual, &took])
}
