//! What a scenario's backup shows without being read: whether it is there, and the release that it says it is of.

use std::path::Path;

use rehearse_core::model::product::Backup;
use rehearse_core::vocabulary::release::Release;
use serde_json::Value;

use crate::backup::beginning;
use crate::load::{Loaded, MAX_FILE};

/// What would keep a run from restoring the scenario's backup. Files are right or wrong without it, so it is only a warning.
pub(crate) fn doubt(loaded: &Loaded) -> Option<String> {
    let (path, scenario) = (&loaded.backup, &loaded.scenario);
    // What no rehearsal reaches is refused by `run` anyhow, and a scenario may rehearse just such a backup.
    let expected = scenario.expect.as_ref().is_some_and(|expect| expect.stage.to_string() == "backup");
    if loaded.unreached.is_some() || expected {
        return None;
    }
    if !path.exists() {
        let because = scenario.external.as_ref().map(|because| format!(" ({because})")).unwrap_or_default();
        return Some(format!(
            "the backup {} is not there{because}; `rehearse run` needs it: put it there, or say --backup",
            path.display()
        ));
    }
    let said = said(&loaded.product.backup, path)?;
    let usual = loaded.product.releases.default_edition.as_ref();
    let from = &loaded.plan.from;
    let same = said.cmp_number(from).is_eq() && said.edition().or(usual) == from.edition().or(usual);
    (!same).then(|| {
        format!(
            "the backup {} says that it is of {said}, and the scenario's source is {from}; `rehearse run` will refuse it: \
             take a backup of {from}, or name {said} as `from`",
            path.display()
        )
    })
}

/// The release that a backup's name or its own description says.
fn said(backup: &Backup, path: &Path) -> Option<Release> {
    if let Some(archive) = &backup.archive {
        let name = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
        let name = if path.is_file() {
            name(path)?
        } else {
            let entries = std::fs::read_dir(path).ok()?.filter_map(|entry| name(&entry.ok()?.path()));
            let mut archives = entries.filter(|name| archive.name.regex().is_match(name));
            // Of several nobody can tell which is meant; the run says so.
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
