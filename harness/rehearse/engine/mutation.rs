//! Mutation testing of a product file: plants a batch of changes, runs the checks, and judges which of them notices what.

mod plant;
mod responses;

use std::sync::Arc;

use rehearse_core::check::{DataTerms, FileTerms, judge_data, judge_files, judge_structure, reading};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::mutation::{Fate, Judged, Mutation, Seen, judge_mutation, mutation_reports};
use rehearse_core::observation::DataState;
use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::planning::plan::{MutationBatch, Stage};

use super::case::StageContext;
use super::context::RunContext;
use super::error::{EngineError, StepEnd};
use super::host::Host;
use super::mode::name;
use super::observer::Observer;
use super::state::{Baseline, State};

/// A mutation, and why it could not be planted; none if it was.
type Planted = (Mutation, Option<String>);

/// What the checks of the state find, and the tables that they read.
struct StateSeen {
    seen: Vec<Seen>,
    tables: Option<DataState>,
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Plants a batch of mutations, and judges it.
    pub(super) async fn mutate(
        &self,
        stage: &Stage,
        batch: MutationBatch,
        state: &State,
    ) -> Result<StepEnd, EngineError> {
        let ctx = state.ctx(&self.case, stage);
        let missing = || EngineError::not_read("there is no baseline to compare with".to_owned());
        let baseline = state.baseline.clone().ok_or_else(missing)?;
        let judged = match batch {
            MutationBatch::Responses => self.mutate_responses(&ctx, &baseline).await?,
            MutationBatch::Services => self.mutate_services(&ctx, state, &baseline).await?,
            MutationBatch::Values | MutationBatch::Rows | MutationBatch::Structure => {
                self.mutate_state(&ctx, batch, &baseline).await?
            }
        };
        let evidence = serde_json::to_vec_pretty(&judged).unwrap_or_default();
        let evidence = self.evidence.write(&ctx.stage.0, "mutations", "json", &evidence)?;
        for mut report in mutation_reports(&judged) {
            report.findings.iter_mut().for_each(|finding| finding.evidence = Some(evidence.clone()));
            report.evidence.push(evidence.clone());
            self.events.progress(&ctx.stage, format!("{}: {}", report.title(), report.outcome));
            self.emit_check(&ctx, state, report);
        }
        if batch.changes_state() {
            // Teardown would find it too, but by then there would be one deployment for each batch.
            let _wait = self.meter.engine();
            let _left = self.host.close(&ctx.deployment).await;
        }
        Ok(StepEnd::Done)
    }

    /// Whether the scenario leaves the checks of a kind in.
    fn makes(&self, kind: CheckKind) -> bool {
        !self.case.scenario.skip_checks.contains_key(&kind)
    }

    /// Mutations of the database and of files.
    async fn mutate_state(
        &self,
        ctx: &StageContext,
        batch: MutationBatch,
        baseline: &Arc<Baseline>,
    ) -> Result<Vec<Judged>, EngineError> {
        self.events.progress(&ctx.stage, "what differs from the baseline already");
        let before = self.see_state(ctx, baseline).await?;
        let mut planted = self.plant_in_databases(ctx, batch).await?;
        planted.extend(self.plant_in_files(ctx, batch, baseline).await?);
        self.events.progress(&ctx.stage, format!("{} mutations planted", planted.len()));
        let after = self.see_state(ctx, baseline).await?;
        let states = (before.tables.as_ref(), after.tables.as_ref());
        let judge = |(mutation, refused): Planted| {
            let fate = match refused {
                Some(because) => Fate::NotPlanted(because),
                None => judge_mutation(&mutation, &self.case.product, &before.seen, &after.seen, states),
            };
            Judged { mutation, fate }
        };
        Ok(planted.into_iter().map(judge).collect())
    }

    /// What the checks of data and files find now, as they would after a hop that no rule is about.
    async fn see_state(&self, ctx: &StageContext, baseline: &Baseline) -> Result<StateSeen, EngineError> {
        let mut seen = Vec::new();
        let mut now = None;
        let product = &self.case.product;
        let data = product.checks.data.as_ref().filter(|_| self.makes(CheckKind::Data));
        if let (Some(check), Some(reference)) = (data, &baseline.tables) {
            let mut report = CheckReport::new(CheckKind::Data, name::TABLES);
            let wanted = reading(Some(reference), &[], &[]);
            now = self.tables(ctx, check, &wanted, &mut report).await?;
            if let Some(tables) = &now {
                let none = std::collections::BTreeSet::new();
                let terms = DataTerms {
                    rules: &[],
                    volatile: &check.volatile,
                    written: &none,
                    elsewhere: &check.elsewhere,
                    growing: &none,
                    meaning: &check.meaning,
                    labels: &check.labels,
                };
                let differences = judge_data(reference, tables, terms, &mut report);
                seen.extend(Seen::in_tables(&report.title(), &differences));
                let mut structure = CheckReport::new(CheckKind::Data, name::STRUCTURE);
                let difference = judge_structure(reference, tables, &[], false, &mut structure);
                seen.extend(Seen::in_structure(&structure.title(), &difference));
            }
            self.refuse_unread(&report)?;
        }
        if let Some(reference) = baseline.files.as_deref().filter(|_| self.makes(CheckKind::Files)) {
            let mut report = CheckReport::new(CheckKind::Files, name::VOLUMES);
            let volumes = self.volumes(ctx, &mut report).await?;
            self.refuse_unread(&report)?;
            let none = std::collections::BTreeSet::new();
            let terms = FileTerms { rules: &[], volatile: &product.checks.files.volatile, written: &none };
            let differences = volumes.map(|volumes| judge_files(reference, &volumes, terms, &mut report));
            seen.extend(Seen::in_files(&report.title(), &differences.unwrap_or_default()));
        }
        Ok(StateSeen { seen, tables: now })
    }

    /// Without a reading, every mutation would seem to survive.
    fn refuse_unread(&self, report: &CheckReport) -> Result<(), EngineError> {
        let unread = report.inconclusive.iter().find(|reason| reason.code == InconclusiveCode::NotRead);
        unread.map_or(Ok(()), |reason| Err(EngineError::Unobservable(reason.clone())))
    }
}
