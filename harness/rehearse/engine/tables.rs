//! Looks at the tables: before anything is asked of a release, and after our own probes have asked.

use std::collections::BTreeSet;

use rehearse_core::check::{DataTerms, judge_data};
use rehearse_core::event::CheckReport;
use rehearse_core::observe::DataState;
use rehearse_core::product::{DataCheck, DataRule};
use rehearse_core::release::Release;
use rehearse_core::scenario::CheckKind;

use super::checks::Mode;
use super::host::Host;
use super::observer::Observer;
use super::state::{Baseline, State};
use super::world::{Scene, Trouble, World};

/// The check of what our own probes did.
pub(super) const OWN_WRITES: &str = "asking changed nothing but what a probe says it writes";

impl Mode {
    /// The check of the tables.
    pub(super) fn data(self) -> &'static str {
        match self {
            Self::Baseline => "the restored tables have content",
            Self::Hop => "no row or value was lost or changed but by reviewed rules",
            Self::Return => "every table is as it was before the first hop",
        }
    }
}

/// The rules of the releases that are reached or passed since the reference was taken.
fn crossing<'c>(check: &'c DataCheck, since: &Release, now: &Release) -> Vec<&'c DataRule> {
    check.rules.iter().filter(|rule| *since < rule.crossing && rule.crossing <= *now).collect()
}

impl<H: Host, O: Observer> World<H, O> {
    /// The tables, before any probe of this stage asks.
    pub(super) async fn data(
        &self,
        scene: &Scene,
        state: &State,
        baseline: Option<&Baseline>,
        check: &DataCheck,
        mode: Mode,
    ) -> Result<(CheckReport, Option<DataState>), Trouble> {
        let mut report = CheckReport::new(CheckKind::Data, mode.data());
        let last = state.reference.as_ref().filter(|_| mode == Mode::Hop);
        let reference = match mode {
            Mode::Baseline => None,
            Mode::Hop => last.map(|last| &last.tables),
            Mode::Return => baseline.and_then(|baseline| baseline.tables.as_ref()),
        };
        let tables = match self.tables(scene, check, reference, &mut report).await? {
            Some(tables) => tables,
            None => return Ok((report.decide(), None)),
        };
        let none = BTreeSet::new();
        let rules = last.map(|last| crossing(check, &last.release, &scene.release)).unwrap_or_default();
        match (mode, reference) {
            (Mode::Baseline, _) => {
                let filled = tables.tables.values().filter(|table| table.rows > 0).count();
                report.assertions += u32::try_from(filled).unwrap_or(u32::MAX);
                let rows: u64 = tables.tables.values().map(|table| table.rows).sum();
                report.notes.push(format!("{} tables, {filled} with rows, {rows} rows in all", tables.tables.len()));
            }
            (_, None) => report.unclear.push("there is no baseline to compare with".to_owned()),
            (_, Some(reference)) => {
                let written = last.map_or(&none, |last| &last.written);
                let terms =
                    DataTerms { rules: &rules, volatile: &check.volatile, written, elsewhere: &check.elsewhere };
                judge_data(reference, &tables, terms, &mut report);
                if !check.volatile.is_empty() {
                    report
                        .notes
                        .push(format!("not compared, as they change by themselves: {}", check.volatile.join(", ")));
                }
            }
        }
        Ok((report.decide(), Some(tables)))
    }

    pub(crate) async fn tables(
        &self,
        scene: &Scene,
        check: &DataCheck,
        basis: Option<&DataState>,
        report: &mut CheckReport,
    ) -> Result<Option<DataState>, Trouble> {
        let site = self.database(scene, &check.database)?;
        let read = {
            let _wait = self.meter.product();
            self.observer.tables(&site, basis).await
        };
        match read {
            Ok(tables) => {
                let text = serde_json::to_vec_pretty(&tables).unwrap_or_default();
                report.evidence.push(self.evidence.write(&scene.stage.0, "tables", "json", &text)?);
                Ok(Some(tables))
            }
            Err(reason) => {
                report.unclear.push(format!("database {}: {reason}", check.database));
                Ok(None)
            }
        }
    }

    /// The tables after our own probes: nothing may have changed but what they said they write.
    pub(super) async fn own_writes(
        &self,
        scene: &Scene,
        check: &DataCheck,
        before: &DataState,
        written: &BTreeSet<String>,
    ) -> Result<(CheckReport, Option<DataState>), Trouble> {
        let mut report = CheckReport::new(CheckKind::Data, OWN_WRITES);
        let Some(after) = self.tables(scene, check, None, &mut report).await? else {
            return Ok((report.decide(), None));
        };
        // Columns that `before` did not compare are not held against `after`; tables it does not know are in neither.
        let terms = DataTerms { rules: &[], volatile: &check.volatile, written, elsewhere: &check.elsewhere };
        judge_data(before, &after, terms, &mut report);
        Ok((report.decide(), Some(after)))
    }
}
