//! Mistakes in the comparison with a fresh installation: services that nothing starts, rules that can never be met.

use std::collections::BTreeSet;

use super::ReferenceCheck;
use super::fitting::Compares;
use crate::model::product::{FreshCheck, FreshDifference, Product};

impl ReferenceCheck<'_> {
    pub(in crate::model::product) fn fresh(&mut self, check: &FreshCheck, product: &Product) {
        self.steps(&check.install, "/checks/fresh/install");
        for (index, step) in check.settings.iter().enumerate() {
            self.probe_step(step, Compares::Nothing, &format!("/checks/fresh/settings/{index}"));
        }
        let volumes: BTreeSet<&str> = product.file_volumes().map(|(volume, _)| volume).collect();
        for (index, rule) in check.rules.iter().enumerate() {
            let at = format!("/checks/fresh/rules/{index}");
            let (patterns, are_files) = match &rule.allow {
                FreshDifference::Structure(patterns)
                | FreshDifference::Rows(patterns)
                | FreshDifference::Settings(patterns) => (patterns, false),
                FreshDifference::Files(patterns) => (patterns, true),
            };
            let at = format!("{at}/allow");
            if patterns.is_empty() || patterns.iter().any(|pattern| pattern.trim().is_empty()) {
                self.problem(&at, "the rule names nothing", "name what may be missing, as the finding does");
            }
            for pattern in patterns.iter().filter(|_| are_files) {
                match pattern.split_once(':') {
                    None => self.problem(&at, "the rule cannot be applied", "files are named as `volume:path`"),
                    Some((volume, _)) if !volume.contains('*') && !volumes.contains(volume) => {
                        let known = volumes.iter().copied().collect::<Vec<_>>().join(", ");
                        let title = format!("there is no volume `{volume}` whose files are compared");
                        self.problem(&at, &title, &format!("the volumes are: {known}"));
                    }
                    Some(_) => {}
                }
            }
        }
    }
}
