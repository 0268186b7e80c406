//! The end of a run: removing what it made, and what is said where that does not work.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::event::{EventKind, StageTime};
use rehearse_core::outcome::note::Note;
use rehearse_core::outcome::reason::{Cancelled, Inconclusive, Reason};
use rehearse_core::outcome::summary::StageRecord;
use rehearse_core::outcome::verdict::{Interference, InterferenceKind, Outcome, Verdict};
use rehearse_core::planning::plan::{Stage, StageAction};
use tokio::time::Instant;

use super::{Ended, EventEmitter, Interruption, Keep, Over, Run, RunOptions};
use crate::engine::context::{EngineError, StepEnd};
use crate::engine::host::Host;
use crate::engine::observer::Observer;

/// What looking for a cause from outside may take; an engine that is away is waited for in it.
const LOOK: Duration = Duration::from_secs(60);
/// What removing may still take once it was forced.
const FORCED: Duration = Duration::from_secs(5);

impl<H: Host, O: Observer> Run<'_, H, O> {
    /// Looks whether something from outside came between where a stage did not simply pass. It is told, and then it is
    /// what ended the run: whatever the stage saw proves nothing.
    pub(super) async fn without_interference(
        &mut self,
        stage: &Stage,
        ended: Ended,
        emitter: &mut EventEmitter<'_>,
    ) -> Ended {
        // Nothing was asked of the host yet.
        if matches!(stage.action, StageAction::VerifyBackup) {
            return ended;
        }
        let stage = &stage.id;
        match &ended {
            Ended::Over(Over::Cancelled) => return ended,
            Ended::Work(Ok(StepEnd::Done)) if !emitter.troubled(stage) => {
                for command in self.run_context.host.foreign_commands() {
                    let note = Note::ForeignCommand(command);
                    emitter.emit(EventKind::Noted { stage: stage.clone(), note });
                }
                return ended;
            }
            Ended::Work(_) | Ended::Over(Over::Deadline | Over::Interfered(_)) => {}
        }
        let looked = tokio::time::timeout(LOOK, self.run_context.host.interferences()).await;
        let mut found = looked.unwrap_or_default();
        if found.is_empty() {
            found.extend(no_room_said(&ended));
        }
        let Some(first) = found.first() else { return ended };
        let what = format!("{}: {}: {}", first.kind.name(), first.object, first.observed);
        let interruption = Interruption { what, text: first.to_string() };
        for interference in found {
            emitter.emit(EventKind::Interfered { stage: stage.clone(), interference });
        }
        // The findings are kept: they are reported, and not held against the product.
        match ended {
            Ended::Work(Ok(StepEnd::Failed(findings))) => {
                self.over = Some(Over::Interfered(interruption));
                Ended::Work(Ok(StepEnd::Failed(findings)))
            }
            Ended::Work(Err(trouble)) => {
                let text = format!("{}; seen: {}", interruption.text, trouble.chain());
                Ended::Over(Over::Interfered(Interruption { text, ..interruption }))
            }
            Ended::Work(Ok(StepEnd::Done)) | Ended::Over(_) => Ended::Over(Over::Interfered(interruption)),
        }
    }

    /// Removes everything, unless it is to be kept.
    pub(super) async fn teardown(&mut self, stages: &[Stage], emitter: &mut EventEmitter<'_>, terms: &RunOptions) {
        let Some(stage) = stages.iter().find(|stage| matches!(stage.action, StageAction::Teardown)) else { return };
        emitter.emit(EventKind::StageStarted { stage: stage.id.clone() });
        let began = Instant::now();
        let keep = match terms.keep {
            Keep::Never => false,
            Keep::OnFailure => match emitter.summary.verdict_so_far() {
                Verdict::Passed => false,
                Verdict::Failed | Verdict::Inconclusive => true,
                Verdict::Cancelled => {
                    let troubled =
                        |record: &StageRecord| matches!(record.outcome, Outcome::Failed | Outcome::Inconclusive);
                    emitter.summary.stages().iter().any(troubled)
                }
            },
            Keep::Always => true,
        };
        let (mut outcome, mut reason, mut left) = (Outcome::Passed, None, 0);
        if keep {
            let note = Note::RunKept { run: self.run_context.case.run.0.clone() };
            emitter.emit(EventKind::Noted { stage: stage.id.clone(), note });
        } else {
            let gone = AssertUnwindSafe(self.run_context.host.teardown()).catch_unwind();
            let forced = async {
                terms.force.cancelled().await;
                tokio::time::sleep(FORCED).await;
            };
            let leftovers: Vec<String> = tokio::select! {
                biased;
                gone = gone => match gone {
                    Ok(left) => left.iter().map(|left| format!("{} {}: {}", left.kind, left.name, left.reason)).collect(),
                    Err(panic) => vec![format!("unknown: {}", panicked(panic.as_ref()).chain())],
                },
                () = tokio::time::sleep(terms.grace) => vec![format!("unknown: removing took longer than {:?}", terms.grace)],
                () = forced => vec!["unknown: removing was ended by force".to_owned()],
            };
            if !leftovers.is_empty() {
                outcome = Outcome::Inconclusive;
                left = leftovers.len();
                let text = format!("{left} leftovers; remove them with: rehearse sweep");
                reason = Some(Reason::Inconclusive(Inconclusive::new(InconclusiveCode::LeftBehind, text)));
                emitter.emit(EventKind::LeftBehind { leftovers });
            }
        }
        // Clean-up still completes, but a run cancelled during it cannot pass.
        if self.cancel.is_cancelled() && self.over != Some(Over::Cancelled) {
            outcome = Outcome::Cancelled;
            reason = Some(Reason::Cancelled(Cancelled::DuringTeardown(left)));
        }
        let wall = began.elapsed();
        let time = StageTime { wall, product: Duration::ZERO, engine: wall };
        let (stage, findings) = (stage.id.clone(), Vec::new());
        emitter.emit(EventKind::StageFinished { stage, outcome, findings, reason, known: None, time });
    }
}

pub(super) fn panicked(panic: &(dyn std::any::Any + Send)) -> EngineError {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    EngineError::bug(format!("a stage panicked: {}", text.unwrap_or_default()))
}

/// A disk that is full, where a step or the engine ended by saying so. What merely stands in a log may be about anything.
fn no_room_said(ended: &Ended) -> Option<Interference> {
    match ended {
        Ended::Work(Ok(StepEnd::Failed(findings))) => findings.iter().find_map(|finding| no_room(&finding.actual)),
        Ended::Work(Err(trouble)) => no_room(&trouble.chain()),
        Ended::Work(Ok(StepEnd::Done)) | Ended::Over(_) => None,
    }
}

/// The kernel's words for a full disk or a used-up quota, and those that databases put in their place.
fn no_room(text: &str) -> Option<Interference> {
    let said = ["no space left on device", "disk quota exceeded", "errno 28", "os error 28"];
    let lower = text.to_lowercase();
    let line = text.lines().find(|line| said.iter().any(|words| line.to_lowercase().contains(words)));
    said.iter().any(|words| lower.contains(words)).then(|| Interference {
        kind: InterferenceKind::DiskFull,
        object: "a disk or a quota of the rehearsal".to_owned(),
        observed: line.unwrap_or(text).trim().chars().take(300).collect(),
        remedy: "make room there, and run again".to_owned(),
    })
}
