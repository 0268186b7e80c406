//! The control of a plain restart: what changes in the tables of the source release when its services only restart.

use std::collections::BTreeSet;

use rehearse_core::check::{DataTerms, judge_data, reading};
use rehearse_core::model::product::{DataCheck, Step};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::DataState;
use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::event::CheckReport;

use super::case::StageContext;
use super::context::RunContext;
use super::error::{EngineError, StepEnd};
use super::host::{Host, ServiceState};
use super::mode::name;
use super::observer::Observer;
use super::state::{Reference, RestartDrift};
use super::tables::later;

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Restarts the services of the release and reads the tables again. Returns what changed by that alone, and the tables,
    /// which become the reference of the first hop.
    ///
    /// Only changed values and new rows are excused later. Lost rows are noted here, and are still a finding if a hop loses
    /// some: that a restart loses rows too does not bring them back.
    pub(super) async fn restart_control(
        &self,
        ctx: &StageContext,
        reference: Option<Reference<DataState>>,
        check: &DataCheck,
    ) -> Result<(CheckReport, Option<(RestartDrift, DataState)>), EngineError> {
        let mut report = CheckReport::new(CheckKind::Data, name::RESTART);
        let Some(reference) = reference else {
            report.cannot_tell(InconclusiveCode::NotRead, "the tables were not read before");
            return Ok((report.decide(), None));
        };
        let mut running = Vec::new();
        for (name, service) in self.case.services() {
            let runs = matches!(self.host.state(&ctx.instance(&name)).await?, ServiceState::Running { .. });
            if service.versioned && runs {
                running.push(name);
            }
        }
        let names = running.join(", ");
        let end = self.steps(ctx, &[Step::Restart(running)]).await;
        let wanted = reading(Some(&reference.content), &[], &later(check, &ctx.release));
        let now = match end {
            Ok(StepEnd::Done) => self.tables(ctx, check, &wanted, &mut report).await?,
            Ok(StepEnd::Failed(findings)) => {
                report.findings.extend(findings);
                None
            }
            Err(error) => {
                report.inconclusive.push(error.reason());
                None
            }
        };
        let Some(now) = now else { return Ok((report.decide(), None)) };
        let mut comparison = CheckReport::new(CheckKind::Data, name::RESTART);
        let (none, written) = (BTreeSet::new(), &reference.written);
        let (volatile, elsewhere) = (&check.volatile, &check.elsewhere);
        let terms = DataTerms {
            rules: &[],
            volatile,
            written,
            elsewhere,
            growing: &none,
            meaning: &check.meaning,
            labels: &check.labels,
        };
        let differences = judge_data(&reference.content, &now, terms, &mut comparison);
        report.assertions = comparison.assertions;
        report.inconclusive.extend(comparison.inconclusive);
        report.notes.push(format!("restarted: {names}"));
        let mut restart_drift = RestartDrift::default();
        for difference in &differences {
            let table = &difference.table;
            restart_drift.columns.extend(difference.changed.keys().map(|column| format!("{table}.{column}")));
            let lost = difference.lost.count.unwrap_or(0) > 0;
            if !lost && !difference.new && difference.rows_now > difference.rows_before {
                restart_drift.growing.insert(table.clone());
            }
            if lost || difference.gone || difference.new || difference.rows_now < difference.rows_before {
                let problems: Vec<&str> = difference.wrong.iter().map(|wrong| wrong.text.as_str()).collect();
                let problems = problems.join("; ");
                report.notes.push(format!("table {table}, still a finding if a hop does it: {problems}"));
            }
        }
        if !restart_drift.columns.is_empty() {
            report
                .notes
                .push(format!("changed by a restart, not compared from here on: {}", restart_drift.columns.join(", ")));
        }
        if !restart_drift.growing.is_empty() {
            let names = restart_drift.growing.iter().cloned().collect::<Vec<_>>().join(", ");
            report.notes.push(format!("gain rows on a restart, so new rows are not held against a hop: {names}"));
        }
        self.attach_evidence(ctx, "differences", &differences, &mut report)?;
        Ok((report.decide(), Some((restart_drift, now))))
    }
}
