//! A backup that says too little about itself to be trusted, or what cannot be.

use super::ReferenceCheck;
use crate::model::product::{Backup, Format, Need, Part};

impl ReferenceCheck<'_> {
    pub(super) fn backup(&mut self, backup: &Backup) {
        match &backup.archive {
            Some(archive) => {
                if !archive.format.is_archive() {
                    self.problem("/backup/archive/format", "this is no archive", "expected `tar` or `tar-gzip`");
                }
                self.of_an_archive(backup);
            }
            None => self.of_a_folder(backup),
        }
    }

    fn of_a_folder(&mut self, backup: &Backup) {
        if backup.release.is_some() == backup.release_in.is_some() {
            let label = "expected either `release` or `release-in`";
            let said = backup.release.is_some();
            let title = if said { "the backup's release is said twice" } else { "nothing tells the backup's release" };
            self.problem("/backup", title, label);
        }
        if backup.files.is_none() && backup.checksums.is_none() {
            let title = "nothing tells whether the backup is undamaged";
            self.problem("/backup", title, "expected `files` or `checksums`");
        }
        let pointers = backup.product.is_some() || backup.release.is_some() || backup.files.is_some();
        if backup.manifest.is_none() && (pointers || backup.rows.is_some()) {
            self.problem("/backup", "there is no manifest to point into", "expected `manifest`");
        }
        if backup.information.is_some() {
            self.problem("/backup/information", "there is no archive to read it from", "expected `archive` beside it");
        }
        if !backup.beside.is_empty() {
            self.problem("/backup/beside", "there is no archive to lie beside", "expected them among `parts`");
        }
        for (name, part) in &backup.parts {
            let more = part.releases.is_some() || part.skipped.is_some() || of_folders(part);
            if more || part.need != Need::Always {
                let label = "`need`, `releases`, `skipped`, `counts`, `filled` and `increments` are of archives: leave them out";
                self.problem(&at(name), "every file of a folder is needed", label);
            }
        }
    }

    fn of_an_archive(&mut self, backup: &Backup) {
        let Some(information) = &backup.information else {
            self.problem("/backup", "nothing tells the release of the archive", "expected `information`");
            return;
        };
        for (there, key) in [
            (backup.manifest.is_some(), "manifest"),
            (backup.product.is_some(), "product"),
            (backup.release.is_some(), "release"),
            (backup.release_in.is_some(), "release-in"),
            (backup.files.is_some(), "files"),
            (backup.checksums.is_some(), "checksums"),
            (backup.rows.is_some(), "rows"),
        ] {
            if there {
                let title = format!("`{key}` is of a folder");
                self.problem(&format!("/backup/{key}"), &title, "an archive tells of itself by `information`");
            }
        }
        if backup.parts.contains_key(&information.file) {
            let label = "the information is read in any case: leave it out";
            self.problem(&at(&information.file), "this is no part", label);
        }
        for (name, part) in &backup.parts {
            if name.ends_with('/') && part.format != Format::Any {
                self.problem(&format!("{}/format", at(name)), "a folder has no format", "expected `any`");
            }
            if !name.ends_with('/') && !part.counts.is_empty() {
                self.problem(&format!("{}/counts", at(name)), "one file is counted", "expected a folder: `name/`");
            } else if !name.ends_with('/') && of_folders(part) {
                let title = "the names in one file are looked at";
                self.problem(&at(name), title, "`filled` and `increments` are of a folder: `name/`");
            }
            if part.increments.as_ref().is_some_and(|pattern| pattern.group_count() < 2) {
                let label = "expected two groups: what the files are of, and the number of each";
                self.problem(&format!("{}/increments", at(name)), "this pattern has too few groups", label);
            }
        }
        for (name, part) in &backup.beside {
            let Part { releases, skipped, .. } = part;
            let place = format!("/backup/beside/{}", name.replace('~', "~0").replace('/', "~1"));
            if releases.is_some() || skipped.is_some() || of_folders(part) {
                let label =
                    "`releases`, `skipped`, `counts`, `filled` and `increments` are of what is in it: leave them out";
                self.problem(&place, "this lies beside the archive", label);
            }
            if name == Backup::ARCHIVE || name.contains('/') {
                self.problem(&place, "this is no name of a file beside the archive", "expected a plain name");
            }
        }
    }
}

/// Whether something is said of it that only the names in a folder answer.
fn of_folders(part: &Part) -> bool {
    !part.counts.is_empty() || part.filled.is_some() || part.increments.is_some()
}

fn at(part: &str) -> String {
    format!("/backup/parts/{}", part.replace('~', "~0").replace('/', "~1"))
}
