//! `docs/explanation/robustness.md`: what was seen, one row for each case, written where `REHEARSE_BLESS=1` asks for it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::Outcome;

/// Puts a row into the table under a heading, in place of the row that begins alike.
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

/// What came between.
pub(crate) fn interference(name: &str, stage: &str, exit: i32, told: &str) -> Outcome {
    let mut told = told.to_owned();
    for (varies, word) in [(r"\d+\.\d s", "… s"), (r"/\S*rehearse-chaos-\w+", "…"), ("sha256:[0-9a-f]{64}", "sha256:…")]
    {
        let varies = regex::Regex::new(varies).map_err(|error| error.to_string())?;
        told = varies.replace_all(&told, word).into_owned();
    }
    let cells = [stage, "inconclusive", &exit.to_string(), &told];
    write("Infrastructure", "| what happens | while | verdict | exit | what is said |", name, &cells)
}

/// Runs that were ended.
pub(crate) fn ended(how: &str, what: &str, seen: &str, took: Duration) -> Outcome {
    let took = format!("{:.0} min", (took.as_secs_f64() / 60.0).ceil());
    write("Ended runs", "| how | runs | seen | took |", how, &[what, seen, &took])
}
