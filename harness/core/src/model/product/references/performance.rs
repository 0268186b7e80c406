//! Mistakes in budgets.

use super::ReferenceCheck;
use super::fitting::Compares;
use crate::model::product::PerformanceCheck;

impl ReferenceCheck<'_> {
    pub(in crate::model::product) fn performance(&mut self, check: &PerformanceCheck) {
        for (index, step) in check.requests.iter().enumerate() {
            self.http(step, Compares::Nothing, &format!("/checks/performance/requests/{index}"));
        }
        for (name, mistake) in [
            ("ready", check.ready.mistake()),
            ("memory", check.memory.mistake()),
            ("database-size", check.database_size.mistake()),
            ("files-size", check.files_size.mistake()),
        ] {
            if let Some(what) = mistake {
                self.problem(&format!("/checks/performance/{name}"), "the budget cannot be applied", what);
            }
        }
    }
}
