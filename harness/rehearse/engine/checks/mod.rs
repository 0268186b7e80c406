//! Makes the checks of a stage, in phases that keep them out of each other's way. A check is a [`Check`]: what a product
//! file asks for is listed in `list.rs`, and one driver makes them, times them, and keeps what they saw.

mod list;
mod services;
mod stopwatch;

use std::collections::BTreeSet;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::DataState;
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::outcome::note::Note;

use super::context::{EngineError, RunContext, StageContext};
use super::host::Host;
use super::mode::Mode;
use super::observer::Observer;
use super::probe::Against;
use super::state::{Baseline, Reference, RestartDrift, State};

/// Checks that only read run this many side by side: more would only queue in the product.
const SIDE_BY_SIDE: usize = 3;

/// When a check is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The tables, before any probe of ours asks for anything.
    TablesBefore,
    /// What only reads, side by side.
    ReadOnly,
    /// The stopwatch, alone.
    Stopwatch,
    /// What writes, one by one.
    Writing,
    /// The tables and the services, after all that was asked.
    TablesAfter,
    /// The logs, with what all of this made the product print.
    Logs,
}

impl Phase {
    const ALL: [Self; 6] =
        [Self::TablesBefore, Self::ReadOnly, Self::Stopwatch, Self::Writing, Self::TablesAfter, Self::Logs];
}

/// Reports, or why a check could not be made at all.
type Made = Result<Vec<CheckReport>, EngineError>;

/// One check, made once in each stage of checks.
trait Check<H, O>: Sync {
    /// Makes it: its reports, and in [`CheckContext::observed`] what later checks, stages and hops compare with.
    fn make<'a>(&'a self, run: &'a RunContext<H, O>, checks: &'a CheckContext<'a>) -> BoxFuture<'a, Made>;
}

/// A check with its place in the stage.
struct Listed<'c, H, O> {
    phase: Phase,
    kind: CheckKind,
    /// The name it is reported under where it could not be made.
    name: &'c str,
    check: Box<dyn Check<H, O> + Send + 'c>,
}

/// A check that could not be made.
fn unmade(kind: CheckKind, name: &str, trouble: &EngineError) -> CheckReport {
    let mut report = CheckReport::new(kind, name);
    report.inconclusive.push(trouble.reason());
    report.decide()
}

/// What the checks of a stage work with.
struct CheckContext<'a> {
    ctx: &'a StageContext,
    mode: Mode,
    /// What was known when the stage began.
    state: &'a State,
    /// What was observed on the source release; none while that is being observed.
    baseline: Option<Arc<Baseline>>,
    observed: Mutex<Observed>,
}

/// What the checks of a stage observed.
#[derive(Default)]
struct Observed {
    /// As a baseline has it. Its tables are those before any probe asked.
    as_baseline: Baseline,
    /// The tables after all probes asked.
    tables_after: Option<DataState>,
    /// The tables that our own probes say they write to.
    written: BTreeSet<String>,
    /// What a plain restart changes, and the tables after it.
    restarted: Option<(RestartDrift, DataState)>,
}

impl CheckContext<'_> {
    fn observed(&self) -> MutexGuard<'_, Observed> {
        self.observed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The baseline, where this stage compares with it.
    fn reference(&self) -> Option<&Baseline> {
        self.baseline.as_deref().filter(|_| self.mode != Mode::Baseline)
    }

    fn against(&self) -> Against<'_> {
        self.reference().map_or(Against::Nothing, |baseline| Against::Baseline(&baseline.answers))
    }

    /// The tables that the next hop is compared with.
    fn next_reference(&self) -> Option<Reference> {
        let observed = self.observed();
        let last = self.state.of(&self.ctx.deployment).reference.clone();
        let (before, after) = (observed.as_baseline.tables.as_ref(), observed.tables_after.clone());
        Reference::next(last, &self.ctx.release, before, after, observed.written.clone())
    }
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Makes the checks and tells each. One that cannot be made is inconclusive, and the others are still made.
    pub(crate) async fn checks(&self, ctx: &StageContext, state: &mut State, kinds: &[CheckKind], mode: Mode) {
        for (kind, because) in &self.case.scenario.skip_checks {
            self.note(&ctx.stage, Note::NotChecked { kind: *kind, because: because.clone() });
        }
        let baseline = state.baseline.clone();
        let checks = CheckContext { ctx, mode, state, baseline, observed: Mutex::default() };
        let list = self.list(ctx, kinds, mode);
        let mut reports = Vec::new();
        for phase in Phase::ALL {
            let side_by_side = if phase == Phase::ReadOnly { SIDE_BY_SIDE } else { 1 };
            let due = list.iter().filter(|listed| listed.phase == phase);
            let work: Vec<_> = due.map(|listed| self.made(listed, &checks)).collect();
            let mut running = stream::iter(work).buffered(side_by_side);
            while let Some(made) = running.next().await {
                reports.extend(made);
            }
        }
        let next = checks.next_reference();
        let observed = take(&mut *checks.observed());
        drop(list);
        state.keep(ctx, mode, next, observed);
        reports.sort_by_key(|report| report.kind);
        for report in reports {
            self.checked(ctx, state, report);
        }
    }

    /// Makes one check, with how long it took.
    async fn made(&self, listed: &Listed<'_, H, O>, checks: &CheckContext<'_>) -> Vec<CheckReport> {
        let began = tokio::time::Instant::now();
        let made = listed.check.make(self, checks).await;
        let took = began.elapsed();
        let reports = made.unwrap_or_else(|trouble| vec![unmade(listed.kind, listed.name, &trouble)]);
        for report in &reports {
            self.progress(&checks.ctx.stage, format!("{}: {}", report.title(), report.outcome));
        }
        reports.into_iter().map(|report| report.in_time(took)).collect()
    }
}

impl State {
    /// Keeps what the checks of a stage observed for the stages after it. What could not be read is no reference: the one
    /// before stays.
    fn keep(&mut self, ctx: &StageContext, mode: Mode, next: Option<Reference>, observed: Observed) {
        let Observed { as_baseline, restarted, .. } = observed;
        let deployment = self.of_mut(&ctx.deployment);
        if mode != Mode::Rollback {
            deployment.reference = next;
            if as_baseline.migrations.is_some() {
                deployment.migrations.clone_from(&as_baseline.migrations);
            }
            if let Some(schema) = &as_baseline.graphql {
                deployment.graphql = Some((ctx.release.clone(), schema.clone()));
            }
        }
        if let Some((drift, tables)) = restarted {
            if let Some(reference) = &mut deployment.reference {
                reference.tables = tables;
            }
            self.restart_drift = drift;
        }
        if mode == Mode::Baseline {
            self.baseline = Some(Arc::new(as_baseline));
        }
    }
}
