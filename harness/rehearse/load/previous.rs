//! The run before, by its output folder.

use std::path::Path;

use rehearse_core::outcome::previous::PreviousRun;

use super::LoadError;

/// Reads what a run of a scenario wrote: from its output folder, or from the scenario's folder in that of several.
///
/// # Errors
/// If there is no summary of a run of this scenario that has ended.
pub fn previous_run(folder: &Path, scenario: &str) -> Result<PreviousRun, LoadError> {
    let places = [folder.join("summary.json"), folder.join(scenario).join("summary.json")];
    let fail = |path: &Path, reason: String| LoadError::Previous { path: path.to_owned(), reason };
    let Some(path) = places.iter().find(|path| path.is_file()) else {
        let reason = "it holds no summary.json; give the folder that `rehearse run --out` wrote".to_owned();
        return Err(fail(folder, reason));
    };
    let text = std::fs::read_to_string(path).map_err(|source| LoadError::Read { path: path.clone(), source })?;
    let run = PreviousRun::read(&text).map_err(|source| LoadError::Json { path: path.clone(), source })?;
    if run.scenario != scenario {
        return Err(fail(path, format!("it is of the scenario {}, not of {scenario}", run.scenario)));
    }
    if !run.finished {
        return Err(fail(path, "that run did not end, so it says nothing of all rules".to_owned()));
    }
    Ok(run)
}
