//! A run that could not start: it is reported like any other, so that its reports say why.

use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::event::{EventKind, StageTime};
use rehearse_core::outcome::reason::{Cancelled, Inconclusive, Reason, SkipReason};
use rehearse_core::outcome::verdict::Outcome;
use rehearse_core::planning::plan::StageAction;
use tokio::time::Instant;

use super::{EventEmitter, Finished, Reporter, RunOptions, run_started};
use crate::engine::case::Case;

/// Why a run could not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartupError {
    /// It was cancelled before it started.
    Cancelled,
    /// Something that it needs is not available; says what, and what to do about it.
    Unable(String),
}

/// Reports a run that could not start, since `began`: the first stage that needs the host says why, and all others are
/// skipped. Nothing was created, so nothing is removed.
pub fn report_startup_failure(
    case: &Case,
    startup_error: StartupError,
    began: Instant,
    reporters: &mut [Box<dyn Reporter>],
    options: &RunOptions,
) -> Finished {
    let mut emitter = EventEmitter::new(began, reporters, case.redactor.clone());
    emitter.emit(run_started(case, options));
    let (outcome, reason, skipped) = match startup_error {
        StartupError::Cancelled => {
            (Outcome::Cancelled, Reason::Cancelled(Cancelled::BeforeStart), SkipReason::Cancelled)
        }
        StartupError::Unable(why) => {
            let why = Inconclusive::new(InconclusiveCode::StartupFailed, why);
            (Outcome::Inconclusive, Reason::Inconclusive(why), SkipReason::StartupFailed)
        }
    };
    let needs = case
        .plan
        .stages
        .iter()
        .position(|stage| !matches!(stage.action, StageAction::VerifyBackup | StageAction::Teardown));
    for (at, stage) in case.plan.stages.iter().enumerate() {
        let stage = stage.id.clone();
        if Some(at) != needs {
            emitter.emit(EventKind::StageSkipped { stage, reason: skipped.clone() });
            continue;
        }
        emitter.emit(EventKind::StageStarted { stage: stage.clone() });
        let (findings, reason, wall) = (Vec::new(), Some(reason.clone()), began.elapsed());
        let time = StageTime { wall, engine: wall, ..StageTime::default() };
        emitter.emit(EventKind::StageFinished { stage, outcome, findings, reason, known: None, time });
    }
    emitter.emit(EventKind::RunFinished);
    Finished { summary: emitter.summary, internal_error: emitter.internal_error }
}
