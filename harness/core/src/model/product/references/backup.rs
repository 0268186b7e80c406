//! Mistakes in the description of a backup: too little to trust it, or what contradicts itself.

use super::ReferenceCheck;
use crate::model::product::{Backup, Format, Need, Part};

impl ReferenceCheck<'_> {
    pub(super) fn backup(&mut self, backup: &Backup) {
        match &backup.archive {
            Some(archive) => {
                if !archive.format.is_archive() {
                    self.problem(
                        "/backup/archive/format",
                        "this format is not an archive",
                        "expected `tar` or `tar-gzip`",
                    );
                }
                self.archive_file(backup);
            }
            None => self.folder(backup),
        }
    }

    fn folder(&mut self, backup: &Backup) {
        if backup.release.is_some() == backup.release_in.is_some() {
            let label = "expected either `release` or `release-in`";
            let twice = backup.release.is_some();
            let title =
                if twice { "the backup's release is given twice" } else { "nothing gives the backup's release" };
            self.problem("/backup", title, label);
        }
        if backup.files.is_none() && backup.checksums.is_none() {
            let title = "nothing shows whether the backup is undamaged";
            self.problem("/backup", title, "expected `files` or `checksums`");
        }
        let pointers = backup.product.is_some() || backup.release.is_some() || backup.files.is_some();
        if backup.manifest.is_none() && (pointers || backup.rows.is_some()) {
            self.problem("/backup", "there is no manifest to point into", "expected `manifest`");
        }
        if backup.information.is_some() {
            self.problem("/backup/information", "there is no archive to read it from", "add `archive`");
        }
        if !backup.beside.is_empty() {
            self.problem("/backup/beside", "there is no archive that these files are next to", "move them to `parts`");
        }
        for (name, part) in &backup.parts {
            let only_archives = part.releases.is_some() || part.skipped.is_some() || has_folder_keys(part);
            if only_archives || part.need != Need::Always {
                let label = "remove `need`, `releases`, `skipped`, `counts`, `filled` and `increments`: they are only for archives";
                self.problem(&at(name), "every file of a folder is needed", label);
            }
        }
    }

    fn archive_file(&mut self, backup: &Backup) {
        let Some(information) = &backup.information else {
            self.problem("/backup", "nothing states the release of the archive", "expected `information`");
            return;
        };
        for (given, key) in [
            (backup.manifest.is_some(), "manifest"),
            (backup.product.is_some(), "product"),
            (backup.release.is_some(), "release"),
            (backup.release_in.is_some(), "release-in"),
            (backup.files.is_some(), "files"),
            (backup.checksums.is_some(), "checksums"),
            (backup.rows.is_some(), "rows"),
        ] {
            if given {
                let title = format!("`{key}` is only for a folder");
                self.problem(&format!("/backup/{key}"), &title, "use `information` for an archive");
            }
        }
        if backup.parts.contains_key(&information.file) {
            let label = "remove it: the information is always read";
            self.problem(&at(&information.file), "the information file is not a part", label);
        }
        for (name, part) in &backup.parts {
            if name.ends_with('/') && !matches!(part.format, Format::Any | Format::Bytes) {
                self.problem(&format!("{}/format", at(name)), "a folder has no format", "expected `any` or `bytes`");
            }
            if !name.ends_with('/') && !part.counts.is_empty() {
                self.problem(
                    &format!("{}/counts", at(name)),
                    "a single file has nothing to count",
                    "expected a folder: `name/`",
                );
            } else if !name.ends_with('/') && has_folder_keys(part) {
                let title = "a single file has no names to look at";
                self.problem(&at(name), title, "`filled` and `increments` are only for a folder: `name/`");
            }
            if part.increments.as_ref().is_some_and(|pattern| pattern.group_count() < 2) {
                let label = "expected two groups: what the files belong to, and their number";
                self.problem(&format!("{}/increments", at(name)), "this pattern has too few groups", label);
            }
        }
        for (name, part) in &backup.beside {
            let Part { releases, skipped, .. } = part;
            let place = format!("/backup/beside/{}", name.replace('~', "~0").replace('/', "~1"));
            if releases.is_some() || skipped.is_some() || has_folder_keys(part) {
                let label = "remove `releases`, `skipped`, `counts`, `filled` and `increments`: they are only for files in the archive";
                self.problem(&place, "this file is next to the archive", label);
            }
            if name == Backup::ARCHIVE || name.contains('/') {
                self.problem(&place, "this is not the name of a file next to the archive", "expected a plain name");
            }
        }
    }
}

/// Whether it has keys that apply only to folders.
fn has_folder_keys(part: &Part) -> bool {
    !part.counts.is_empty() || part.filled.is_some() || part.increments.is_some()
}

fn at(part: &str) -> String {
    format!("/backup/parts/{}", part.replace('~', "~0").replace('/', "~1"))
}
