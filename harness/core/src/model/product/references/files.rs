//! Mistakes in the check of files: volumes and databases that do not exist, rules that cannot be applied.

use std::collections::BTreeSet;

use super::ReferenceCheck;
use crate::model::product::{FileChange, Product};
use crate::source::diagnostic::did_you_mean;

impl ReferenceCheck<'_> {
    pub(in crate::model::product) fn files(&mut self, product: &Product) {
        let check = &product.checks.files;
        let volumes: BTreeSet<&str> =
            product.services.values().flat_map(|service| service.volumes.keys()).map(String::as_str).collect();
        let mut named: Vec<(String, &str)> = Vec::new();
        for volume in check.elsewhere.keys() {
            named.push((format!("/checks/files/elsewhere/{volume}"), volume));
        }
        for pattern in check.volatile.keys() {
            named.push((format!("/checks/files/volatile/{}", pattern.replace('~', "~0").replace('/', "~1")), pattern));
        }
        for (index, rows) in check.rows.iter().enumerate() {
            self.database(&rows.database, &format!("/checks/files/rows/{index}/database"));
            let files = rows.files.iter().enumerate();
            named.extend(
                files.map(|(nth, pattern)| (format!("/checks/files/rows/{index}/files/{nth}"), pattern.as_str())),
            );
        }
        for (index, rule) in check.rules.iter().enumerate() {
            let at = format!("/checks/files/rules/{index}/allow");
            if let Some(what) = rule.allow.mistake() {
                self.problems.push(self.document.problem(&at, "the rule cannot be applied", what, None));
                continue;
            }
            let patterns: Vec<&str> = match &rule.allow {
                FileChange::Added(patterns)
                | FileChange::Removed(patterns)
                | FileChange::Rewritten(patterns)
                | FileChange::Permissions(patterns) => patterns.iter().map(String::as_str).collect(),
                FileChange::Moved(moved) => vec![moved.from.as_str(), moved.to.as_str()],
            };
            named.extend(patterns.into_iter().map(|pattern| (at.clone(), pattern)));
        }
        for (at, pattern) in named {
            let volume = pattern.split_once(':').map_or(pattern, |(volume, _)| volume);
            if !volumes.contains(volume) {
                let title = format!("there is no volume `{volume}`");
                let known = volumes.iter().copied().collect::<Vec<_>>().join(", ");
                let near = did_you_mean(volume, volumes.iter().copied()).map(|near| format!("did you mean `{near}`?"));
                let label = format!("no service mounts it; the volumes are: {known}");
                self.problems.push(self.document.problem(&at, title, label, near));
            }
        }
    }
}
