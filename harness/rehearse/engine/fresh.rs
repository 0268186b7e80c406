//! Installs the target release without data beside the upgraded deployment, and compares the two.

use std::collections::BTreeMap;
use std::sync::Arc;

use rehearse_core::check::{
    Compared, ExpectContext, FreshTerms, Lacking, SettingValues, judge_fresh_files, judge_fresh_rows,
    judge_fresh_settings, judge_fresh_structure, judge_response, settings_in_rows, settings_in_text,
};
use rehearse_core::model::product::{DataCheck, ProbeStep};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::{DataState, FileTrees, Response, TableQuery};
use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::outcome::subject::Subject;
use rehearse_core::outcome::verdict::Outcome;
use rehearse_core::planning::plan::Stage;
use rehearse_core::vocabulary::ident::DeploymentName;
use serde_json::Map;

use super::case::StageContext;
use super::context::RunContext;
use super::error::{EngineError, StepEnd};
use super::execute::ExecTarget;
use super::host::Host;
use super::login::Logins;
use super::mode::name;
use super::observer::Observer;
use super::state::State;

/// The deployment without data, and the upgraded one, on the same release.
struct Both {
    fresh: StageContext,
    upgraded: StageContext,
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Opens a deployment of the target release and installs it.
    pub(super) async fn install(&self, stage: &Stage, state: &State) -> Result<StepEnd, EngineError> {
        let ctx = state.ctx(&self.case, stage);
        let wait = self.meter.engine();
        self.host.open(&ctx.deployment).await?;
        self.apply(&ctx, self.case.product.services.keys()).await?;
        drop(wait);
        self.steps(&ctx, stage.steps()).await
    }

    /// Compares the upgraded deployment with the fresh one, which is removed if nothing was found.
    pub(super) async fn compare_fresh(&self, stage: &Stage, state: &State) -> Result<StepEnd, EngineError> {
        let fresh = state.ctx(&self.case, stage);
        let upgraded = StageContext { deployment: DeploymentName::main(), ..fresh.clone() };
        let both = Both { fresh, upgraded };
        let Some(check) = &self.case.product.checks.fresh else { return Ok(StepEnd::Done) };
        let release = &both.fresh.release;
        let applies = |releases: &Option<_>| super::tables::applies(releases, release);
        let rules: Vec<_> = check.rules.iter().filter(|rule| applies(&rule.releases)).collect();
        let data = self.case.product.checks.data.clone().unwrap_or_default();
        let terms = FreshTerms {
            rules: &rules,
            elsewhere: &data.elsewhere,
            volatile: &data.volatile,
            volatile_files: &self.case.product.checks.files.volatile,
        };
        let mut reports = Vec::new();
        if self.case.product.databases.contains_key(&data.database) {
            reports.extend(self.compare_databases(&both, state, &data, terms).await?);
        }
        if self.case.product.file_volumes().next().is_some() {
            reports.push(self.compare_volumes(&both, state, terms).await?);
        }
        let settings: Vec<&ProbeStep> = check.settings.iter().filter(|step| step.is_for(release)).collect();
        if !settings.is_empty() {
            reports.push(self.compare_settings(&both, &settings, terms).await?);
        }
        if reports.is_empty() {
            let mut report = CheckReport::new(CheckKind::Fresh, name::FRESH_STRUCTURE);
            report.cannot_tell(InconclusiveCode::NothingToCompare, "the product has no database, volume or settings");
            reports.push(report.decide());
        }
        let passed = reports.iter().all(|report| report.outcome == Outcome::Passed);
        for report in reports {
            self.events.progress(&both.fresh.stage, format!("{}: {}", report.title(), report.outcome));
            self.emit_check(&both.fresh, state, report);
        }
        if passed {
            // Teardown would remove it too, but the rollback needs the memory; one that was found wanting can be looked at.
            let _wait = self.meter.engine();
            let _left = self.host.close(&both.fresh.deployment).await;
        }
        Ok(StepEnd::Done)
    }

    async fn compare_databases(
        &self,
        both: &Both,
        state: &State,
        check: &DataCheck,
        terms: FreshTerms<'_>,
    ) -> Result<[CheckReport; 2], EngineError> {
        let mut structure = CheckReport::new(CheckKind::Fresh, name::FRESH_STRUCTURE);
        let mut rows = CheckReport::new(CheckKind::Fresh, name::FRESH_ROWS);
        let wanted = TableQuery { keep: true, ..TableQuery::default() };
        let fresh = self.tables(&both.fresh, check, &wanted, &mut structure).await?;
        // The last check has read them; only its own probes have run since.
        let read = state.of(&both.upgraded.deployment).reference.as_ref();
        let read = read.filter(|read| read.release == both.upgraded.release && self.has_data_check());
        let upgraded: Option<DataState> = match read {
            Some(read) => Some(read.content.clone()),
            None => self.tables(&both.upgraded, check, &wanted, &mut structure).await?,
        };
        let (Some(fresh), Some(upgraded)) = (fresh, upgraded) else {
            rows.inconclusive.extend(structure.inconclusive.iter().cloned());
            return Ok([structure.decide(), rows.decide()]);
        };
        let lacking = judge_fresh_structure(&fresh, &upgraded, terms, &mut structure);
        self.attach_lacking(&both.fresh, "structure of a fresh installation", &lacking, &mut structure)?;
        let lacking = judge_fresh_rows(&fresh, &upgraded, terms, &mut rows);
        self.attach_lacking(&both.fresh, "rows of a fresh installation", &lacking, &mut rows)?;
        Ok([structure.decide(), rows.decide()])
    }

    fn has_data_check(&self) -> bool {
        let left_out = self.case.scenario.skip_checks.contains_key(&CheckKind::Data);
        self.case.product.checks.data.is_some() && !left_out
    }

    async fn compare_volumes(
        &self,
        both: &Both,
        state: &State,
        terms: FreshTerms<'_>,
    ) -> Result<CheckReport, EngineError> {
        let mut report = CheckReport::new(CheckKind::Fresh, name::FRESH_FILES);
        let fresh = self.volumes(&both.fresh, &mut report).await?;
        let read = state.of(&both.upgraded.deployment).files.as_ref();
        let upgraded: Option<Arc<FileTrees>> = match read.filter(|read| read.release == both.upgraded.release) {
            Some(read) => Some(Arc::clone(&read.content)),
            None => self.volumes(&both.upgraded, &mut report).await?.map(Arc::new),
        };
        if let (Some(fresh), Some(upgraded)) = (fresh, upgraded) {
            let lacking = judge_fresh_files(&fresh, &upgraded, terms, &mut report);
            self.attach_lacking(&both.fresh, "files of a fresh installation", &lacking, &mut report)?;
        }
        Ok(report.decide())
    }

    async fn compare_settings(
        &self,
        both: &Both,
        settings: &[&ProbeStep],
        terms: FreshTerms<'_>,
    ) -> Result<CheckReport, EngineError> {
        let mut report = CheckReport::new(CheckKind::Fresh, name::FRESH_SETTINGS);
        let mut all = Vec::new();
        for step in settings {
            let fresh = self.settings(&both.fresh, step, &mut report).await?;
            let upgraded = self.settings(&both.upgraded, step, &mut report).await?;
            if let (Some((request, fresh)), Some((_, upgraded))) = (fresh, upgraded) {
                all.extend(judge_fresh_settings(&request, &fresh, &upgraded, terms, &mut report));
            }
        }
        self.attach_lacking(&both.fresh, "settings of a fresh installation", &all, &mut report)?;
        Ok(report.decide())
    }

    /// The settings that a step shows, with its request; none if it does not do what is expected of it, which the report then says.
    async fn settings(
        &self,
        ctx: &StageContext,
        step: &ProbeStep,
        report: &mut CheckReport,
    ) -> Result<Option<(String, SettingValues)>, EngineError> {
        let mut context = self.case.placeholders(ctx, &BTreeMap::new(), &Map::new());
        let (observation, expect) = match step {
            ProbeStep::Http(step) => {
                // Each deployment has its own cookies.
                let visit = format!("fresh/{}", ctx.deployment);
                let mut logins = Logins::default();
                if let Some(identity) = &step.identity {
                    let identity = identity.render(&context)?;
                    if !self.log_in(ctx, &visit, &identity, &mut logins, report).await? {
                        return Ok(None);
                    }
                    context = self.case.placeholders(ctx, &BTreeMap::new(), &logins.captured);
                }
                (self.send_http(ctx, step, &visit, &context, false).await?, &step.expect)
            }
            ProbeStep::Exec(step) => (self.run_command(ctx, step, &context, ExecTarget::Inside).await?.0, &step.expect),
            ProbeStep::Sql(step) => (self.run_query(ctx, step, &context).await?, &step.expect),
        };
        let expectation = ExpectContext { expect, unchanged: &[], changes: &[], context: &context };
        if !judge_response(&observation, expectation, Compared::Nothing, report) {
            return Ok(None);
        }
        let body = match &observation.response {
            Response::Http(response) => &response.body,
            Response::Exec(ended) => &ended.out,
            Response::Rows(rows) => return Ok(Some((observation.request, settings_in_rows(&rows.rows)))),
            Response::NoResponse { .. } | Response::Rejected(_) | Response::ProbeError { .. } => return Ok(None),
        };
        if body.cut {
            let text = "what it shows is too long to be read as settings";
            report.cannot_tell_about(InconclusiveCode::NotComparable, Subject::request(&observation.request), text);
            return Ok(None);
        }
        let values = settings_in_text(&body.text);
        Ok(Some((observation.request, values)))
    }

    fn attach_lacking(
        &self,
        ctx: &StageContext,
        name: &str,
        lacking: &[Lacking],
        report: &mut CheckReport,
    ) -> Result<(), EngineError> {
        if lacking.is_empty() { Ok(()) } else { self.attach_evidence(ctx, name, &lacking, report) }
    }
}
