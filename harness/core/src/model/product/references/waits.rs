//! Mistakes in waits that only the whole file shows.

use super::ReferenceCheck;
use crate::model::product::{Condition, Counts, WaitProgress, WaitUntil};

impl ReferenceCheck<'_> {
    pub(super) fn wait(&mut self, step: &WaitUntil, at: &str) {
        if let Some(service) = &step.service {
            self.service(service, &format!("{at}/service"));
        }
        self.services(&step.services, &format!("{at}/services"));
        self.condition(&step.condition, &format!("{at}/condition"));
        if step.service.is_none() && !matches!(step.condition, Condition::Sql(_)) {
            self.problem(at, "the condition needs a service", "name the `service`");
        }
        if let Some(failed) = &step.failed {
            self.database(&failed.database, &format!("{at}/failed/database"));
        }
        match &step.progress {
            Some(progress) => self.progress(progress, step.service.is_some(), &format!("{at}/progress")),
            None if step.stalled_after.is_some() => {
                self.problem(&format!("{at}/stalled-after"), "there is no progress to watch", "add `progress`");
            }
            None => {}
        }
    }

    fn progress(&mut self, progress: &WaitProgress, has_service: bool, at: &str) {
        self.database(&progress.database, &format!("{at}/database"));
        match (&progress.sql, &progress.http) {
            (Some(_), None) | (None, Some(_)) => {}
            (Some(_), Some(_)) => self.problem(at, "two numbers of progress", "either `sql` or `http`"),
            (None, None) => self.problem(at, "no number of progress", "add `sql`, or `http` with `json`"),
        }
        if progress.http.is_some() != progress.json.is_some() {
            self.problem(at, "`http` and `json` go together", "`json` is the place of the number in the response");
        }
        if progress.http.is_some() && !has_service {
            self.problem(at, "the request needs a service", "name the wait's `service`");
        }
        if progress.total.is_some() && progress.counts == Counts::Remaining {
            self.problem(at, "there is no total of what remains", "add `counts: done`, or leave `total` out");
        }
    }

    /// A step with `stalled-after` has to be watched.
    pub(super) fn stalled(&mut self, given: bool, watched: bool, at: &str) {
        if given && !watched {
            let at = format!("{at}/stalled-after");
            self.problem(&at, "nothing shows whether it makes progress", "name the format of its `migrations`");
        }
    }
}
