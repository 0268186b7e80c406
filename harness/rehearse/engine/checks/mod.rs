//! Runs the checks of a stage, in phases that keep them out of each other's way. A check is a [`Check`]: `list.rs` lists
//! those that a product file defines, and one driver runs them, times them, and keeps what they observed.

mod list;
mod services;
mod stopwatch;

use std::collections::BTreeSet;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use rehearse_core::check::RowWrite;
use rehearse_core::model::product::{NameOr, WrittenRows};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::{DataState, FileTrees};
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::outcome::note::Note;

use super::case::StageContext;
use super::context::RunContext;
use super::error::EngineError;
use super::host::Host;
use super::mode::Mode;
use super::observer::Observer;
use super::probe::Against;
use super::state::{Baseline, Reference, RestartDrift, State};

/// How many checks that only read run at once: more would only queue up in the product.
const CONCURRENT_READS: usize = 3;

/// When a check runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The tables and the files, before any probe of ours sends a request.
    StateBefore,
    /// Checks that only read, several at once.
    ReadOnly,
    /// The stopwatch, alone.
    Stopwatch,
    /// The crawl, after the stopwatch, which it would disturb, and before what writes, which pages would show.
    Crawl,
    /// Checks that write, one by one.
    Writing,
    /// The tables, the files and the services, after all probes have run.
    StateAfter,
    /// The logs, with everything that the other checks made the product print.
    Logs,
}

impl Phase {
    const ALL: [Self; 7] =
        [Self::StateBefore, Self::ReadOnly, Self::Stopwatch, Self::Crawl, Self::Writing, Self::StateAfter, Self::Logs];
}

/// The reports of a check, or why it could not run at all.
type CheckReports = Result<Vec<CheckReport>, EngineError>;

/// One check; it runs once in each stage of checks.
trait Check<H, O>: Sync {
    /// Runs it: returns its reports, and leaves in [`CheckContext::observed`] what later checks, stages and hops compare with.
    fn run<'a>(&'a self, run: &'a RunContext<H, O>, checks: &'a CheckContext<'a>) -> BoxFuture<'a, CheckReports>;
}

/// A check with its place in the stage.
struct ListedCheck<'c, H, O> {
    phase: Phase,
    kind: CheckKind,
    /// The name it is reported under if it could not run.
    name: &'c str,
    check: Box<dyn Check<H, O> + Send + 'c>,
}

/// The report of a check that could not run.
fn could_not_run(kind: CheckKind, name: &str, error: &EngineError) -> CheckReport {
    let mut report = CheckReport::new(kind, name);
    report.inconclusive.push(error.reason());
    report.decide()
}

/// What the checks of a stage work with.
struct CheckContext<'a> {
    ctx: &'a StageContext,
    mode: Mode,
    /// What was known when the stage started.
    state: &'a State,
    /// What was observed on the source release; `None` while the baseline itself is being taken.
    baseline: Option<Arc<Baseline>>,
    observed: Mutex<Observed>,
}

/// What the checks of a stage observed.
#[derive(Default)]
struct Observed {
    /// In the form of a baseline. Its tables are those read before any probe ran.
    as_baseline: Baseline,
    /// The tables after all probes have run.
    tables_after: Option<DataState>,
    /// What our own probes say they write to, by name.
    written: BTreeSet<String>,
    /// What of it has no condition on rows.
    written_whole: BTreeSet<String>,
    /// Rows that our own probes have made, by what they captured.
    made: Vec<RowWrite>,
    /// The files after all probes have run.
    files_after: Option<Arc<FileTrees>>,
    /// What a plain restart changes, and the tables after it.
    restarted: Option<(RestartDrift, DataState)>,
}

impl Observed {
    /// Our own requests may have written to these.
    fn wrote(&mut self, writes: &[NameOr<WrittenRows>]) {
        for write in writes {
            let name = write.name(WrittenRows::name).to_owned();
            if write.detailed().is_none() {
                self.written_whole.insert(name.clone());
            }
            self.written.insert(name);
        }
    }
}

/// The tables and the files that the next hop is compared with.
type NextReferences = (Option<Reference<DataState>>, Option<Reference<Arc<FileTrees>>>);

impl CheckContext<'_> {
    fn observed(&self) -> MutexGuard<'_, Observed> {
        self.observed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The baseline, where this stage compares with it.
    fn reference(&self) -> Option<&Baseline> {
        self.baseline.as_deref().filter(|_| self.mode != Mode::Baseline)
    }

    fn against(&self) -> Against<'_> {
        self.reference().map_or(Against::Nothing, |baseline| Against::Baseline(&baseline.observations))
    }

    /// The tables that the next hop is compared with.
    fn next_reference(&self) -> Option<Reference<DataState>> {
        let observed = self.observed();
        let last = self.state.of(&self.ctx.deployment).reference.clone();
        let (before, after) = (observed.as_baseline.tables.as_ref(), observed.tables_after.clone());
        Reference::next(last, &self.ctx.release, before, after, observed.written.clone())
    }

    /// The files that the next hop is compared with.
    fn next_files(&self) -> Option<Reference<Arc<FileTrees>>> {
        let observed = self.observed();
        let last = self.state.of(&self.ctx.deployment).files.clone();
        let (before, after) = (observed.as_baseline.files.as_ref(), observed.files_after.clone());
        Reference::next(last, &self.ctx.release, before, after, observed.written.clone())
    }
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Runs the checks and reports each. A check that cannot run is inconclusive, and the others still run.
    pub(crate) async fn checks(&self, ctx: &StageContext, state: &mut State, kinds: &[CheckKind], mode: Mode) {
        for (kind, because) in &self.case.scenario.skip_checks {
            self.events.note(&ctx.stage, Note::NotChecked { kind: *kind, because: because.to_string() });
        }
        let baseline = state.baseline.clone();
        let checks = CheckContext { ctx, mode, state, baseline, observed: Mutex::default() };
        let list = self.list(ctx, kinds, mode);
        let mut reports = Vec::new();
        for phase in Phase::ALL {
            let concurrency = if phase == Phase::ReadOnly { CONCURRENT_READS } else { 1 };
            let due = list.iter().filter(|listed| listed.phase == phase);
            let work: Vec<_> = due.map(|listed| self.run_check(listed, &checks)).collect();
            let mut running = stream::iter(work).buffered(concurrency);
            while let Some(finished) = running.next().await {
                reports.extend(finished);
            }
        }
        let next = (checks.next_reference(), checks.next_files());
        let observed = take(&mut *checks.observed());
        drop(list);
        state.keep(ctx, mode, next, observed);
        reports.sort_by_key(|report| report.kind);
        for report in reports {
            self.emit_check(ctx, state, report);
        }
    }

    /// Runs one check, and adds how long it took to its reports.
    async fn run_check(&self, listed: &ListedCheck<'_, H, O>, checks: &CheckContext<'_>) -> Vec<CheckReport> {
        let began = tokio::time::Instant::now();
        let result = listed.check.run(self, checks).await;
        let took = began.elapsed();
        let reports = result.unwrap_or_else(|error| vec![could_not_run(listed.kind, listed.name, &error)]);
        for report in &reports {
            self.events.progress(&checks.ctx.stage, format!("{}: {}", report.title(), report.outcome));
        }
        reports.into_iter().map(|report| report.in_time(took)).collect()
    }
}

impl State {
    /// Keeps what the checks of a stage observed for the stages after it. Where something could not be read, the earlier
    /// reference stays.
    fn keep(&mut self, ctx: &StageContext, mode: Mode, next: NextReferences, observed: Observed) {
        let Observed { as_baseline, restarted, .. } = observed;
        as_baseline.tables.iter().for_each(|tables| self.known_names.add(tables));
        let deployment = self.of_mut(&ctx.deployment);
        if mode != Mode::Rollback {
            (deployment.reference, deployment.files) = next;
            if as_baseline.migrations.is_some() {
                deployment.migrations.clone_from(&as_baseline.migrations);
            }
            if let Some(schema) = &as_baseline.graphql {
                deployment.graphql = Some((ctx.release.clone(), schema.clone()));
            }
        }
        if let Some((drift, tables)) = restarted {
            if let Some(reference) = &mut deployment.reference {
                reference.content = tables;
            }
            self.restart_drift = drift;
        }
        if mode == Mode::Baseline {
            self.baseline = Some(Arc::new(as_baseline));
        }
    }
}
