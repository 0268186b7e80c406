//! The end of a run: removing what it made, and what is said where that does not work.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use rehearse_core::event::{EventKind, StageTime};
use rehearse_core::plan::{Act, Stage};
use rehearse_core::summary::StageRecord;
use rehearse_core::verdict::{Disturbance, Disturber, Outcome, Verdict};
use tokio::time::Instant;

use super::{Ended, Keep, Over, Run, Teller, Terms};
use crate::engine::host::Host;
use crate::engine::observer::Observer;
use crate::engine::world::{StepEnd, Trouble};

/// What looking for a cause from outside may take; an engine that is away is waited for in it.
const LOOK: Duration = Duration::from_secs(60);
/// What removing may still take once it was forced.
const FORCED: Duration = Duration::from_secs(5);

impl<H: Host, O: Observer> Run<'_, H, O> {
    /// Looks whether something from outside came between where a stage did not simply pass. It is told, and then it is
    /// what ended the run: whatever the stage saw proves nothing.
    pub(super) async fn undisturbed(&mut self, stage: &Stage, ended: Ended, teller: &mut Teller<'_>) -> Ended {
        // Nothing was asked of the host yet.
        if matches!(stage.act, Act::VerifyBackup) {
            return ended;
        }
        let stage = &stage.id;
        match &ended {
            Ended::Over(Over::Cancelled) => return ended,
            Ended::Work(Ok(StepEnd::Done)) if !teller.troubled(stage) => {
                for text in self.world.host.touched() {
                    teller.tell(EventKind::Noted { stage: stage.clone(), text });
                }
                return ended;
            }
            Ended::Work(_) | Ended::Over(Over::Deadline | Over::Disturbed(_)) => {}
        }
        let looked = tokio::time::timeout(LOOK, self.world.host.disturbances()).await;
        let mut found = looked.unwrap_or_default();
        if found.is_empty() {
            found.extend(no_room_said(&ended));
        }
        let Some(first) = found.first().map(ToString::to_string) else { return ended };
        for disturbance in found {
            teller.tell(EventKind::Disturbed { stage: stage.clone(), disturbance });
        }
        // The findings are kept: they are told, and not held against the product.
        match ended {
            Ended::Work(Ok(StepEnd::Failed(findings))) => {
                self.over = Some(Over::Disturbed(first));
                Ended::Work(Ok(StepEnd::Failed(findings)))
            }
            Ended::Work(Err(trouble)) => Ended::Over(Over::Disturbed(format!("{first}; seen: {}", trouble.chain()))),
            Ended::Work(Ok(StepEnd::Done)) | Ended::Over(_) => Ended::Over(Over::Disturbed(first)),
        }
    }

    /// Removes everything, unless it is to be kept.
    pub(super) async fn teardown(&mut self, stages: &[Stage], teller: &mut Teller<'_>, terms: &Terms) {
        let Some(stage) = stages.iter().find(|stage| matches!(stage.act, Act::Teardown)) else { return };
        teller.tell(EventKind::StageStarted { stage: stage.id.clone() });
        let began = Instant::now();
        let keep = match terms.keep {
            Keep::Never => false,
            Keep::OnFailure => match teller.summary.verdict_so_far() {
                Verdict::Passed => false,
                Verdict::Failed | Verdict::Inconclusive => true,
                Verdict::Cancelled => {
                    let troubled =
                        |record: &StageRecord| matches!(record.outcome, Outcome::Failed | Outcome::Inconclusive);
                    teller.summary.stages().iter().any(troubled)
                }
            },
            Keep::Always => true,
        };
        let (mut outcome, mut reason) = (Outcome::Passed, None);
        if keep {
            let text = format!(
                "run {0} is kept as asked, until its lease is over or: rehearse sweep; look inside: rehearse shell {0} SERVICE",
                self.world.case.run
            );
            teller.tell(EventKind::Noted { stage: stage.id.clone(), text });
        } else {
            let gone = AssertUnwindSafe(self.world.host.teardown()).catch_unwind();
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
                reason = Some(format!("{} leftovers; remove them with: rehearse sweep", leftovers.len()));
                teller.tell(EventKind::LeftBehind { leftovers });
            }
        }
        // Removing is gone through with all the same; but whoever ends a run has not let it pass.
        if self.cancel.is_cancelled() && self.over != Some(Over::Cancelled) {
            let left = reason.map(|left| format!("; {left}")).unwrap_or_default();
            outcome = Outcome::Cancelled;
            reason = Some(format!("cancelled from outside while everything was removed{left}"));
        }
        let wall = began.elapsed();
        let time = StageTime { wall, product: Duration::ZERO, engine: wall };
        let (stage, findings) = (stage.id.clone(), Vec::new());
        teller.tell(EventKind::StageFinished { stage, outcome, findings, reason, known: None, time });
    }
}

pub(super) fn panicked(panic: &(dyn std::any::Any + Send)) -> Trouble {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    Trouble::Unseen(format!("bug: a stage panicked: {}", text.unwrap_or_default()))
}

/// A disk that is full, where a step or the engine ended by saying so. What merely stands in a log may be about anything.
fn no_room_said(ended: &Ended) -> Option<Disturbance> {
    match ended {
        Ended::Work(Ok(StepEnd::Failed(findings))) => findings.iter().find_map(|finding| no_room(&finding.to_string())),
        Ended::Work(Err(trouble)) => no_room(&trouble.chain()),
        Ended::Work(Ok(StepEnd::Done)) | Ended::Over(_) => None,
    }
}

/// The kernel's words for a full disk or a used-up quota, and those that databases put in their place.
fn no_room(text: &str) -> Option<Disturbance> {
    let said = ["no space left on device", "disk quota exceeded", "errno 28", "os error 28"];
    let lower = text.to_lowercase();
    let line = text.lines().find(|line| said.iter().any(|words| line.to_lowercase().contains(words)));
    said.iter().any(|words| lower.contains(words)).then(|| Disturbance {
        kind: Disturber::DiskFull,
        object: "a disk or a quota of the rehearsal".to_owned(),
        seen: line.unwrap_or(text).trim().chars().take(300).collect(),
    })
}
