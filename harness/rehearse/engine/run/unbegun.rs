//! A run that could not begin: it is told as any other, so that its reports say why.

use rehearse_core::event::{EventKind, StageTime};
use rehearse_core::plan::Act;
use rehearse_core::verdict::Outcome;
use tokio::time::Instant;

use super::{Finished, Reporter, Teller, Terms, begins};
use crate::engine::world::Case;

/// Why a run could not begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hindrance {
    /// It was cancelled before.
    Cancelled,
    /// What it needs is not to be had; what, and what to do.
    Unable(String),
}

/// Tells of a run that could not begin, since `began`: the first stage that needs the outside says why, and no other is
/// begun. Nothing was made, so nothing is removed.
pub fn unbegun(
    case: &Case,
    hindrance: Hindrance,
    began: Instant,
    reporters: &mut [Box<dyn Reporter>],
    terms: &Terms,
) -> Finished {
    let mut teller = Teller::new(began, reporters, case.redactor.clone());
    teller.tell(begins(case, terms));
    let (outcome, reason, because) = match hindrance {
        Hindrance::Cancelled => {
            (Outcome::Cancelled, "cancelled from outside before it began".to_owned(), "the run was cancelled")
        }
        Hindrance::Unable(why) => (Outcome::Inconclusive, why, "the run could not begin"),
    };
    let needs = case.plan.stages.iter().position(|stage| !matches!(stage.act, Act::VerifyBackup | Act::Teardown));
    for (at, stage) in case.plan.stages.iter().enumerate() {
        let stage = stage.id.clone();
        if Some(at) != needs {
            teller.tell(EventKind::StageSkipped { stage, because: because.to_owned() });
            continue;
        }
        teller.tell(EventKind::StageStarted { stage: stage.clone() });
        let (findings, reason, wall) = (Vec::new(), Some(reason.clone()), began.elapsed());
        let time = StageTime { wall, engine: wall, ..StageTime::default() };
        teller.tell(EventKind::StageFinished { stage, outcome, findings, reason, known: None, time });
    }
    teller.tell(EventKind::RunFinished);
    Finished { summary: teller.summary, trouble: teller.trouble }
}
