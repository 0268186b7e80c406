//! The end of a run: interference that explains its outcome, and teardown.

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

use super::{Abort, Ended, EventEmitter, Interruption, Keep, Run, RunOptions};
use crate::engine::error::{EngineError, StepEnd};
use crate::engine::host::Host;
use crate::engine::observer::Observer;

/// How long looking for interference may take, including the wait for an engine that is away.
const LOOK_TIMEOUT: Duration = Duration::from_secs(60);
/// How long teardown may still take once it is cancelled too.
const FORCED_TEARDOWN: Duration = Duration::from_secs(5);

impl<H: Host, O: Observer> Run<'_, H, O> {
    /// Looks for interference from outside if a stage did not simply pass. If there was some, it is reported and ends the run:
    /// what the stage observed then proves nothing.
    pub(super) async fn without_interference(
        &mut self,
        stage: &Stage,
        ended: Ended,
        emitter: &mut EventEmitter<'_>,
    ) -> Ended {
        // This stage does not use the host.
        if matches!(stage.action, StageAction::VerifyBackup) {
            return ended;
        }
        let stage = &stage.id;
        match &ended {
            Ended::Aborted(Abort::Cancelled) => return ended,
            Ended::Work(Ok(StepEnd::Done)) if !emitter.has_problems(stage) => {
                for command in self.run_context.host.foreign_commands() {
                    let note = Note::ForeignCommand(command);
                    emitter.emit(EventKind::Noted { stage: stage.clone(), note });
                }
                return ended;
            }
            Ended::Work(_) | Ended::Aborted(Abort::Deadline | Abort::Interfered(_)) => {}
        }
        let looked = tokio::time::timeout(LOOK_TIMEOUT, self.run_context.host.interferences()).await;
        let mut found = looked.unwrap_or_default();
        if found.is_empty() {
            found.extend(reported_disk_full(&ended));
        }
        let Some(first) = found.first() else { return ended };
        let what = format!("{}: {}: {}", first.kind.name(), first.object, first.observed);
        let interruption = Interruption { what, text: first.to_string() };
        for interference in found {
            emitter.emit(EventKind::Interfered { stage: stage.clone(), interference });
        }
        // The findings are still reported, but not held against the product.
        match ended {
            Ended::Work(Ok(StepEnd::Failed(findings))) => {
                self.aborted = Some(Abort::Interfered(interruption));
                Ended::Work(Ok(StepEnd::Failed(findings)))
            }
            Ended::Work(Err(error)) => {
                let text = format!("{}; the stage ended with: {}", interruption.text, error.chain());
                Ended::Aborted(Abort::Interfered(Interruption { text, ..interruption }))
            }
            Ended::Work(Ok(StepEnd::Done)) | Ended::Aborted(_) => Ended::Aborted(Abort::Interfered(interruption)),
        }
    }

    /// Removes everything that the run created, unless it is to be kept.
    pub(super) async fn teardown(&mut self, stages: &[Stage], emitter: &mut EventEmitter<'_>, options: &RunOptions) {
        let Some(stage) = stages.iter().find(|stage| matches!(stage.action, StageAction::Teardown)) else { return };
        emitter.emit(EventKind::StageStarted { stage: stage.id.clone() });
        let began = Instant::now();
        let keep = match options.keep {
            Keep::Never => false,
            Keep::OnFailure => match emitter.summary.verdict_so_far() {
                Verdict::Passed => false,
                Verdict::Failed | Verdict::Inconclusive => true,
                Verdict::Cancelled => {
                    let has_problems =
                        |record: &StageRecord| matches!(record.outcome, Outcome::Failed | Outcome::Inconclusive);
                    emitter.summary.stages().iter().any(has_problems)
                }
            },
            Keep::Always => true,
        };
        let (mut outcome, mut reason, mut left) = (Outcome::Passed, None, 0);
        if keep {
            let note = Note::RunKept { run: self.run_context.case.run.0.clone() };
            emitter.emit(EventKind::Noted { stage: stage.id.clone(), note });
            if let Err(why) = self.mark_as_kept(options).await {
                let note = Note::Remark(format!("it could not be marked as kept, so a sweep removes it: {why}"));
                emitter.emit(EventKind::Noted { stage: stage.id.clone(), note });
            }
        } else {
            let removal = AssertUnwindSafe(self.run_context.host.teardown()).catch_unwind();
            let forced = async {
                options.force.cancelled().await;
                tokio::time::sleep(FORCED_TEARDOWN).await;
            };
            let leftovers: Vec<String> = tokio::select! {
                biased;
                removed = removal => match removed {
                    Ok(left) => left.iter().map(|left| format!("{} {}: {}", left.kind, left.name, left.reason)).collect(),
                    Err(panic) => vec![format!("unknown: {}", panicked(panic.as_ref()).chain())],
                },
                () = tokio::time::sleep(options.grace) => vec![format!("unknown: teardown took longer than {:?}", options.grace)],
                () = forced => vec!["unknown: teardown was cancelled".to_owned()],
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
        if self.cancel.is_cancelled() && self.aborted != Some(Abort::Cancelled) {
            outcome = Outcome::Cancelled;
            reason = Some(Reason::Cancelled(Cancelled::DuringTeardown(left)));
        }
        let wall = began.elapsed();
        let time = StageTime { wall, product: Duration::ZERO, engine: wall };
        let (stage, findings) = (stage.id.clone(), Vec::new());
        emitter.emit(EventKind::StageFinished { stage, outcome, findings, reason, known: None, time });
    }

    async fn mark_as_kept(&self, options: &RunOptions) -> Result<(), String> {
        match tokio::time::timeout(options.grace, self.run_context.host.keep(options.lease)).await {
            Ok(marked) => marked.map_err(|error| error.chain()),
            Err(_) => Err(format!("the host did not do it within {:?}", options.grace)),
        }
    }
}

pub(super) fn panicked(panic: &(dyn std::any::Any + Send)) -> EngineError {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    EngineError::bug(format!("a stage panicked: {}", text.unwrap_or_default()))
}

/// A full disk, if a finding or an error says so. Logs are not searched: a line in a log may be about anything.
fn reported_disk_full(ended: &Ended) -> Option<Interference> {
    match ended {
        Ended::Work(Ok(StepEnd::Failed(findings))) => findings.iter().find_map(|finding| disk_full(&finding.actual)),
        Ended::Work(Err(error)) => disk_full(&error.chain()),
        Ended::Work(Ok(StepEnd::Done)) | Ended::Aborted(_) => None,
    }
}

/// Recognises a full disk or an exhausted quota by the messages of the kernel and of databases.
fn disk_full(text: &str) -> Option<Interference> {
    let messages = ["no space left on device", "disk quota exceeded", "errno 28", "os error 28"];
    let lower = text.to_lowercase();
    let line = text.lines().find(|line| messages.iter().any(|words| line.to_lowercase().contains(words)));
    messages.iter().any(|words| lower.contains(words)).then(|| Interference {
        kind: InterferenceKind::DiskFull,
        object: "a disk or quota that the rehearsal uses".to_owned(),
        observed: line.unwrap_or(text).trim().chars().take(300).collect(),
        remedy: "free some space there, then run again".to_owned(),
    })
}
