//! Carries out one stage of the plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::join_all;
use rehearse_core::check::{DataTerms, coverage, judge_data, judge_rows, reading};
use rehearse_core::model::product::DataCheck;
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::TableQuery;
use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::outcome::finding::Finding;
use rehearse_core::outcome::note::Note;
use rehearse_core::outcome::reason::{Inconclusive, Reason, StopDecision};
use rehearse_core::outcome::verdict::Outcome;
use rehearse_core::planning::path::Target;
use rehearse_core::planning::plan::{ImageNeed, Stage, StageAction};

use super::case::StageContext;
use super::context::RunContext;
use super::error::{EngineError, StepEnd};
use super::host::{Host, HostError, ImageRequest, ObtainedImage};
use super::mode::{Mode, name};
use super::observer::Observer;
use super::signs::Signs;
use super::state::State;
use super::wait::truth;
use crate::backup;

/// The images a stage made available.
pub(crate) type ObtainedImages = Vec<(ImageNeed, ObtainedImage)>;

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Carries out a stage, except a background stage.
    pub(crate) async fn perform(&self, stage: &Stage, state: &mut State) -> Result<StepEnd, EngineError> {
        match &stage.action {
            StageAction::VerifyBackup => self.verify_backup(stage, state).await,
            StageAction::Images { images, .. } => {
                let obtained = self.obtain(stage, images).await?;
                self.keep_images(stage, obtained, state)
            }
            StageAction::Deploy { steps } => {
                let ctx = state.ctx(&self.case, stage);
                let wait = self.meter.engine();
                self.host.open(&ctx.deployment).await?;
                self.apply(&ctx, self.case.product.services.keys()).await?;
                drop(wait);
                self.steps(&ctx, steps).await
            }
            StageAction::Restore { steps } => {
                let ctx = state.ctx(&self.case, stage);
                let end = self.steps(&ctx, steps).await?;
                let proof = self.prove_restore(&ctx, state, None).await;
                unless_failed(end, proof)
            }
            StageAction::Prepare { steps } => self.steps(&state.ctx(&self.case, stage), steps).await,
            StageAction::Decide => self.decide(stage, state).await,
            StageAction::Baseline { checks } => {
                let ctx = state.ctx(&self.case, stage);
                self.checks(&ctx, state, checks, Mode::Baseline).await;
                if let Some(baseline) = &state.baseline {
                    let covered = coverage(&self.case.product, baseline.tables.as_ref(), &baseline.logs);
                    self.events.note(&stage.id, Note::Covered(covered));
                }
                Ok(StepEnd::Done)
            }
            StageAction::Preflight { steps } | StageAction::Settle { steps } => {
                self.steps(&state.ctx(&self.case, stage), steps).await
            }
            StageAction::Upgrade { steps } => {
                let ctx = state.ctx(&self.case, stage);
                self.mark_logs(&ctx, state).await;
                self.steps(&ctx, steps).await
            }
            StageAction::Check { checks } => {
                let ctx = state.ctx(&self.case, stage);
                self.checks(&ctx, state, checks, Mode::Hop).await;
                state.of_mut(&ctx.deployment).at = (ctx.hop, ctx.release);
                Ok(StepEnd::Done)
            }
            StageAction::RollbackInPlace { steps } => {
                let ctx = state.ctx(&self.case, stage);
                let end = self.steps(&ctx, steps).await?;
                let tables = state.baseline.as_ref().and_then(|baseline| baseline.tables.clone());
                let proof = self.prove_restore(&ctx, state, tables.as_ref()).await;
                unless_failed(end, proof)
            }
            StageAction::CheckRollback { checks } => {
                let ctx = state.ctx(&self.case, stage);
                self.checks(&ctx, state, checks, Mode::Rollback).await;
                Ok(StepEnd::Done)
            }
            StageAction::Install { .. } => self.install(stage, state).await,
            StageAction::CompareFresh { .. } => self.compare_fresh(stage, state).await,
            StageAction::Mutate { batch } => self.mutate(stage, *batch, state).await,
            StageAction::RollbackSkipped { .. } | StageAction::Teardown => Ok(StepEnd::Done),
        }
    }

    async fn verify_backup(&self, stage: &Stage, state: &mut State) -> Result<StepEnd, EngineError> {
        let case = self.case.clone();
        let give_up_on_drop = GiveUpOnDrop::default();
        let watch = Arc::clone(&give_up_on_drop.0);
        let read = tokio::task::spawn_blocking(move || {
            let (backup, owner) = (&case.product.backup, backup::BackupOwner::of(&case.product));
            backup::verify(backup, owner, Some(&case.plan.from), &case.backup, &watch)
        });
        let folder = || self.case.backup.clone();
        let verified = match read.await {
            Ok(Ok(verified)) => verified,
            Ok(Err(source)) => return Err(HostError::File { operation: "read", path: folder(), source }.into()),
            Err(error) => return Err(EngineError::bug(error)),
        };
        for note in verified.notes() {
            self.events.remark(&stage.id, note);
        }
        let findings = verified.refusals();
        state.verified = Some(verified);
        Ok(if findings.is_empty() { StepEnd::Done } else { StepEnd::Failed(findings) })
    }

    /// Makes images available, each once, and as many at a time as the host allows.
    pub(crate) async fn obtain(&self, stage: &Stage, needs: &[ImageNeed]) -> Result<ObtainedImages, EngineError> {
        let _wait = self.meter.engine();
        let mut wanted: BTreeMap<ImageRequest, Vec<&ImageNeed>> = BTreeMap::new();
        for need in needs {
            let image = ImageRequest { name: need.image.clone(), holds: need.holds.clone() };
            wanted.entry(image).or_default().push(need);
        }
        let signs = &Signs::of(&self.events, &stage.id);
        let requests = wanted.into_iter().map(|(image, needs)| async move {
            let progress = |text: String| signs.said(&image.name, text);
            let obtained = signs.awaiting(&image.name, self.host.obtain(&image, &progress)).await?;
            let note = Note::ImageObtained {
                image: image.name.clone(),
                origin: obtained.origin,
                release: obtained.release.clone(),
                provenance: obtained.provenance.clone(),
            };
            self.events.note(&stage.id, note);
            Ok::<_, EngineError>(needs.into_iter().map(|need| (need.clone(), obtained.clone())).collect::<Vec<_>>())
        });
        let all = tokio::select! {
            biased;
            all = join_all(requests) => all,
            never = signs.keep_showing() => match never {},
        };
        Ok(all.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// Records images, and the release that each hop really goes to.
    pub(crate) fn keep_images(
        &self,
        stage: &Stage,
        obtained: ObtainedImages,
        state: &mut State,
    ) -> Result<StepEnd, EngineError> {
        for (need, image) in obtained {
            if let (Some(Target::Line(line)), Some(release)) = (&need.holds, &image.release) {
                match state.actual.insert(need.hop, release.clone()) {
                    None => {
                        let (line, release) = (*line, release.clone());
                        self.events.note(&stage.id, Note::ImageResolved { hop: need.hop, line, release });
                    }
                    Some(other) if other == *release => {}
                    Some(other) => {
                        let text = format!("the images of hop {} hold {other} and {release}: {}", need.hop, need.image);
                        return Err(EngineError::Unobservable(Inconclusive::new(InconclusiveCode::WrongRelease, text)));
                    }
                }
            }
            if need.holds.is_some() && image.release.is_none() {
                self.events.note(&stage.id, Note::ReleaseUnstated { image: need.image.clone() });
            }
            state.images.insert((need.hop, need.service), image);
        }
        Ok(StepEnd::Done)
    }

    /// Proves a restore by its result, whatever its commands reported: by the row counts of the backup's manifest, and by the
    /// tables as they were before, if that is known.
    async fn prove_restore(
        &self,
        ctx: &StageContext,
        state: &State,
        before: Option<&rehearse_core::observation::DataState>,
    ) -> Result<(), EngineError> {
        let product = &self.case.product;
        let Some(rows) = state.verified.as_ref().and_then(|verified| verified.rows.as_ref()) else { return Ok(()) };
        let Some(stated) = &product.backup.rows else { return Ok(()) };
        // They are compared even where a product has no check of its data yet.
        let check = product.checks.data.clone().unwrap_or_default();
        let check = &DataCheck { database: stated.database.clone(), ..check };
        let mut report = CheckReport::new(CheckKind::Data, name::RESTORED_ROWS);
        let wanted = TableQuery { keep: before.is_some(), ..reading(before, &[], &[]) };
        let tables = self.tables(ctx, check, &wanted, &mut report).await?;
        if let Some(tables) = &tables {
            judge_rows(rows, tables, &mut report);
        }
        self.emit_check(ctx, state, report.decide());
        if let (Some(tables), Some(before)) = (&tables, before) {
            let mut report = CheckReport::new(CheckKind::Data, name::RESTORED_TABLES);
            let none = std::collections::BTreeSet::new();
            let (volatile, elsewhere) = (&check.volatile, &check.elsewhere);
            let terms = DataTerms {
                rules: &[],
                volatile,
                written: &none,
                elsewhere,
                growing: &none,
                meaning: &check.meaning,
                labels: &check.labels,
            };
            judge_data(before, tables, terms, &mut report);
            self.emit_check(ctx, state, report.decide());
        }
        Ok(())
    }

    /// Decides which conditional stops the restored data needs.
    async fn decide(&self, stage: &Stage, state: &mut State) -> Result<StepEnd, EngineError> {
        let ctx = state.ctx(&self.case, stage);
        for hop in &self.case.plan.hops {
            let Some(when) = &hop.when else { continue };
            let undecided = |reason: String| {
                EngineError::not_read(format!("whether the stop at {} is needed cannot be decided: {reason}", hop.to))
            };
            let value = self.value(&ctx, when).await;
            self.observer.hang_up().await;
            let value = value?.map_err(undecided)?;
            let not_a_condition = || undecided(format!("{value:?} is neither a boolean nor a number"));
            let needed = truth(&value).ok_or_else(not_a_condition)?;
            let (release, query) = (hop.to.to_string(), when.sql.text().to_owned());
            let decision = StopDecision { release, needed, query, value: value.clone() };
            self.events.note(&stage.id, Note::StopDecided(decision.clone()));
            if !needed {
                state.not_needed.insert(hop.number, decision);
            }
        }
        Ok(StepEnd::Done)
    }
}

/// Makes work in a thread of its own end early when this is dropped: a thread cannot be ended from outside, and a
/// cancelled run would wait for it.
#[derive(Default)]
struct GiveUpOnDrop(Arc<backup::Watch>);

impl Drop for GiveUpOnDrop {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

/// A failure stays a failure, even if what comes after it could not be decided.
fn unless_failed(end: StepEnd, after: Result<(), EngineError>) -> Result<StepEnd, EngineError> {
    if let StepEnd::Done = end {
        after?;
    }
    Ok(end)
}

/// The outcome of a stage, with its findings or the reason why it is inconclusive.
pub(crate) fn outcome(end: Result<StepEnd, EngineError>) -> (Outcome, Vec<Finding>, Option<Reason>) {
    match end {
        Ok(StepEnd::Done) => (Outcome::Passed, Vec::new(), None),
        Ok(StepEnd::Failed(findings)) => (Outcome::Failed, findings, None),
        Err(error) => (Outcome::Inconclusive, Vec::new(), Some(Reason::Inconclusive(error.reason()))),
    }
}
