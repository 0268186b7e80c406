//! Checks the migrations: those that the database has recorded against those of the running code.

use std::collections::BTreeSet;
use std::time::Duration;

use rehearse_core::check::{Compared, ExpectContext, judge_migrations, judge_response};
use rehearse_core::model::product::MigrationCheck;
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::{MigrationState, Response};
use rehearse_core::outcome::code::{FindingCode, InconclusiveCode};
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::outcome::finding::Finding;
use rehearse_core::outcome::subject::Subject;
use serde_json::Map;

use super::case::StageContext;
use super::context::RunContext;
use super::error::EngineError;
use super::evidence::TextKind;
use super::execute::ExecTarget;
use super::host::{Command, Host, HostError};
use super::mode::{Mode, name};
use super::observer::Observer;
use super::output::Collector;

/// How long the running code may take to list its migrations.
const LIST_TIMEOUT: Duration = Duration::from_secs(600);

impl<H: Host, O: Observer> RunContext<H, O> {
    pub(super) async fn migrations(
        &self,
        ctx: &StageContext,
        check: &MigrationCheck,
        before: Option<&MigrationState>,
        mode: Mode,
    ) -> Result<(CheckReport, Option<MigrationState>), EngineError> {
        let mut report = CheckReport::new(CheckKind::Migrations, name::MIGRATIONS);
        let mut state = MigrationState::default();
        let target = self.case.database(ctx, &check.database)?;
        match self.observer.rows(&target, &check.recorded).await {
            Response::Rows(rows) => {
                state.recorded = rows.rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect();
            }
            Response::Rejected(refusal) => {
                report.assertions += 1;
                let actual = format!("the server refused: {refusal}");
                let expected = "the migrations that the database has recorded";
                let (code, subject) = (FindingCode::RequestRejected, Subject::Migrations);
                report.findings.push(Finding::new(code, subject, expected, actual));
            }
            Response::NoResponse { reason } | Response::ProbeError { reason } => {
                report.cannot_tell_about(InconclusiveCode::NotRead, Subject::Migrations, reason);
            }
            Response::Http(_) | Response::Exec(_) => {}
        }
        let context = self.case.placeholders(ctx, &Default::default(), &Map::new());
        let command = Command { argv: check.known.command.argv(&context)?, ..Command::default() };
        let (file, evidence) = self.evidence.file(&ctx.stage.0, "migrations of the running code", "txt")?;
        self.evidence.record_text(&ctx.stage.0, &evidence, TextKind::Output);
        let mut sink = Collector::new(&file, self.evidence.redacting(), None)?;
        let code = {
            let _wait = self.meter.product();
            let instance = ctx.instance(&check.known.service);
            let listing = self.host.exec(&instance, &command, &mut sink);
            let what = || format!("listing the migrations of {}", check.known.service);
            let late = |_| Err(HostError::Deadline { what: what(), limit: LIST_TIMEOUT });
            tokio::time::timeout(LIST_TIMEOUT, listing).await.unwrap_or_else(late)
        };
        let (out, err, _) = sink.finish();
        report.evidence.push(evidence);
        match code {
            Ok(0) => {
                let lines = out.text.lines().filter_map(|line| check.known.each.regex().captures(line));
                state.known = lines.filter_map(|found| Some(found.get(1)?.as_str().to_owned())).collect();
            }
            Ok(code) => {
                let text = format!("listing the migrations ended with exit code {code}: {}", err.text.trim());
                report.cannot_tell(InconclusiveCode::CommandFailed, text);
            }
            Err(error) => report.inconclusive.push(EngineError::from(error).reason()),
        }
        let text = serde_json::to_vec_pretty(&state).unwrap_or_default();
        report.evidence.push(self.evidence.write(&ctx.stage.0, "migrations", "json", &text)?);
        // A partial reading is neither judged nor kept for later comparisons.
        let read = report.inconclusive.is_empty() && report.findings.is_empty();
        if read {
            judge_migrations(&state, before, (check.records, &check.replaced), &mut report);
        }
        match (mode, before) {
            (Mode::Rollback, None) => {
                report.cannot_tell(InconclusiveCode::NothingToCompare, "there is no baseline to compare with");
            }
            (Mode::Rollback, Some(before)) if read => {
                let (before, now): (BTreeSet<_>, BTreeSet<_>) =
                    (before.recorded.iter().collect(), state.recorded.iter().collect());
                report.assertions += 1;
                if before != now {
                    let expected = format!("{} migrations recorded, as before the first hop", before.len());
                    let others = if before.len() == now.len() { ", but different ones" } else { "" };
                    let (code, actual) = (FindingCode::MigrationsDiffer, format!("{}{others}", now.len()));
                    report.findings.push(Finding::new(code, Subject::Migrations, expected, actual));
                }
            }
            (Mode::Rollback, Some(_)) | (Mode::Baseline | Mode::Hop, _) => {}
        }
        if let Some(status) = check.status.as_ref().filter(|status| status.is_for(&ctx.release)) {
            let (observation, _) = self.run_command(ctx, status, &context, ExecTarget::Inside).await?;
            let expectation = ExpectContext { expect: &status.expect, unchanged: &[], changes: &[], context: &context };
            judge_response(&observation, expectation, Compared::Nothing, &mut report);
        }
        Ok((report.decide(), read.then_some(state)))
    }
}
