//! Checks a scenario's backup without reading it: whether it exists, and the release that it states.

use std::path::Path;

use rehearse_core::model::product::Backup;
use rehearse_core::vocabulary::release::Release;
use serde_json::Value;

use crate::backup::beginning;
use crate::load::{Loaded, MAX_FILE};

/// Why a run could not restore the scenario's backup. The files may be right nevertheless, so this is only a warning.
pub(crate) fn backup_warning(loaded: &Loaded) -> Option<String> {
    let (path, scenario) = (&loaded.backup, &loaded.scenario);
    // `run` refuses what cannot be rehearsed anyway, and a scenario may expect exactly such a backup.
    let expected = scenario.expect.as_ref().is_some_and(|expect| expect.stage.to_string() == "backup");
    if loaded.unreached.is_some() || expected {
        return None;
    }
    if !path.exists() {
        let because = scenario.external.as_ref().map(|because| format!(" ({because})")).unwrap_or_default();
        return Some(format!(
            "the backup {} does not exist{because}; `rehearse run` needs it: put it there, or give another with --backup",
            path.display()
        ));
    }
    let stated = stated_release(&loaded.product.backup, path)?;
    let usual = loaded.product.releases.default_edition.as_ref();
    let from = &loaded.plan.from;
    let same = stated.cmp_number(from).is_eq() && stated.edition().or(usual) == from.edition().or(usual);
    (!same).then(|| {
        format!(
            "the backup {} is of {stated}, but the scenario's source is {from}; `rehearse run` will reject it: \
             use a backup of {from}, or set `from` to {stated}",
            path.display()
        )
    })
}

/// The release in a backup's name or in its manifest.
fn stated_release(backup: &Backup, path: &Path) -> Option<Release> {
    if let Some(archive) = &backup.archive {
        let name = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
        let name = if path.is_file() {
            name(path)?
        } else {
            let entries = std::fs::read_dir(path).ok()?.filter_map(|entry| name(&entry.ok()?.path()));
            let mut archives = entries.filter(|name| archive.name.regex().is_match(name));
            // If there are several, it is unclear which is meant; the run reports that.
            match (archives.next(), archives.next()) {
                (Some(one), None) => one,
                (Some(_), Some(_)) | (None, _) => return None,
            }
        };
        return archive.name.regex().captures(&name)?.name("release")?.as_str().parse().ok();
    }
    if let (Some(manifest), Some(pointer)) = (&backup.manifest, &backup.release) {
        let manifest: Value = serde_json::from_str(&beginning(path, manifest, MAX_FILE)?).ok()?;
        return manifest.pointer(pointer.as_str())?.as_str()?.parse().ok();
    }
    let place = backup.release_in.as_ref()?;
    let text = beginning(path, &place.file, MAX_FILE)?;
    place.pattern.regex().captures(&text)?.get(1)?.as_str().parse().ok()
}
