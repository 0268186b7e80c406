//! The coordinator: carries out the plan's stages in order and is the only emitter of events.

mod background;
mod ending;
mod startup;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use rehearse_core::knowledge::signature::Recogniser;
use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::event::{Event, EventKind, RunStarted, StageTime};
use rehearse_core::outcome::reason::{Cancelled, Inconclusive, Reason, SkipReason};
use rehearse_core::outcome::reporter::Reporter;
use rehearse_core::outcome::summary::Summary;
use rehearse_core::outcome::verdict::Outcome;
use rehearse_core::planning::plan::{Phase, Stage, StageAction};
use rehearse_core::secret::Redactor;
use rehearse_core::vocabulary::ident::DeploymentName;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::background::{BackgroundTasks, Completion};
use self::ending::panicked;
pub use self::startup::{StartupError, report_startup_failure};
use super::case::Case;
use super::context::RunContext;
use super::error::{EngineError, StepEnd};
use super::event_sender::EventSender;
use super::evidence::Evidence;
use super::host::Host;
use super::meter::Meter;
use super::observer::Observer;
use super::stages::outcome;
use super::state::State;

/// Whether what a run created is kept at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Never.
    Never,
    /// Unless its verdict is passed, which it also is if it failed as its scenario expects.
    OnFailure,
    /// Always.
    Always,
}

/// Options of a run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// When to keep what the run created.
    pub keep: Keep,
    /// How long kept things may stay.
    pub lease: Duration,
    /// How long teardown may take.
    pub grace: Duration,
    /// The version of this tool.
    pub tool: String,
    /// Cancelling this ends teardown as well, a few seconds later; what is left is reported.
    pub force: CancellationToken,
}

/// A run that is over, however it went.
#[must_use]
#[derive(Debug)]
pub struct Finished {
    /// The fold of all that happened.
    pub summary: Summary,
    /// A report that could not be written, or a bug of ours. It is kept apart from the summary, because it must not hide a
    /// leftover.
    pub internal_error: Option<String>,
}

/// Emits events: stamps each with its time, folds it, then calls every reporter.
struct EventEmitter<'r> {
    began: Instant,
    summary: Summary,
    reporters: &'r mut [Box<dyn Reporter>],
    internal_error: Option<String>,
    redactor: Redactor,
}

impl<'r> EventEmitter<'r> {
    fn new(began: Instant, reporters: &'r mut [Box<dyn Reporter>], redactor: Redactor) -> Self {
        Self { began, summary: Summary::new(), reporters, internal_error: None, redactor }
    }

    /// Whether a check of a running stage did not pass.
    fn has_problems(&self, stage: &rehearse_core::vocabulary::ident::StageId) -> bool {
        let record = self.summary.stages().iter().find(|record| record.id == *stage);
        record.is_some_and(|record| record.checks.iter().any(|check| check.outcome != Outcome::Passed))
    }

    fn emit(&mut self, mut kind: EventKind) {
        kind.redact(&self.redactor);
        let event = Event { at: self.began.elapsed(), kind };
        if let Err(illegal) = self.summary.fold(&event) {
            self.internal_error.get_or_insert(illegal.to_string());
            return;
        }
        // Every reporter is called even if one fails: a full disk must not silence the terminal.
        for reporter in self.reporters.iter_mut() {
            if let Err(error) = reporter.report(&event, &self.summary) {
                self.internal_error.get_or_insert(format!("{error}: {}", error.source));
            }
        }
    }
}

enum Ended {
    Work(Result<StepEnd, EngineError>),
    Aborted(Abort),
}

/// Interference from outside, described by the first that was noticed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Interruption {
    /// What happened, without what to do about it.
    what: String,
    /// All of it, and what the stage had observed.
    text: String,
}

/// Why a run ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Abort {
    Cancelled,
    Deadline,
    /// Something from outside interfered.
    Interfered(Interruption),
}

/// The first event.
fn run_started(case: &Case, options: &RunOptions) -> EventKind {
    EventKind::RunStarted(Box::new(RunStarted {
        run: case.run.clone(),
        unix: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
        tool: options.tool.clone(),
        plan: case.plan.clone(),
        expectation: case.scenario.expect.clone(),
    }))
}

/// Rehearses a case, then removes what it created.
///
/// Teardown runs whether stages pass, fail, panic or are cancelled, and also if a reporter fails. It does not run if the
/// returned future is dropped or the process is killed: then `sweep` finds what is left by its labels.
pub async fn rehearse<H: Host, O: Observer>(
    case: Case,
    host: Arc<H>,
    observer: Arc<O>,
    reporters: &mut [Box<dyn Reporter>],
    cancel: &CancellationToken,
    options: &RunOptions,
) -> Finished {
    let (sender, mut from_work) = unbounded_channel();
    let (plan, redactor) = (case.plan.clone(), case.redactor.clone());
    let run_context = RunContext {
        evidence: Arc::new(Evidence::new(Path::new(&case.out), case.redactor.clone())),
        host,
        observer,
        meter: Meter::new(),
        events: EventSender::new(sender),
        instances: Arc::default(),
        response_faults: Arc::default(),
        recogniser: Arc::new(Recogniser::reading(case.product.failures.list(), &case.product.log_lines)),
        case: Arc::new(case),
    };
    let mut emitter = EventEmitter::new(Instant::now(), reporters, redactor);
    emitter.emit(run_started(&run_context.case, options));
    let mut run = Run {
        run_context: &run_context,
        state: State::new(plan.from.clone()),
        cancel,
        deadline: Instant::now() + plan.deadline,
        broken: None,
        rollback_broken: None,
        broken_batches: BTreeMap::new(),
        aborted: None,
    };
    let mut background = BackgroundTasks::default();
    for stage in plan.stages.iter().filter(|stage| !matches!(stage.action, StageAction::Teardown)) {
        if !stage.in_background() && needs_background(stage) {
            run.join(std::mem::take(&mut background), &mut emitter, &mut from_work).await;
        }
        if let Some(reason) = run.skip_reason(stage) {
            emitter.emit(EventKind::StageSkipped { stage: stage.id.clone(), reason });
            continue;
        }
        let StageAction::Images { images, background: true } = &stage.action else {
            run.stage(stage, &mut background, &mut emitter, &mut from_work).await;
            continue;
        };
        emitter.emit(EventKind::StageStarted { stage: stage.id.clone() });
        let meter = Meter::new();
        let own = RunContext { meter: meter.clone(), ..run_context.clone() };
        background.add(stage, meter, async move {
            let obtained = own.obtain(stage, images).await?;
            let completion: Completion<'_> = Box::new(move |state| own.keep_images(stage, obtained, state));
            Ok(completion)
        });
    }
    run.join(background, &mut emitter, &mut from_work).await;
    run.teardown(&plan.stages, &mut emitter, options).await;
    emitter.emit(EventKind::RunFinished);
    Finished { summary: emitter.summary, internal_error: emitter.internal_error }
}

/// Whether a stage needs the results of the background stages: all do, except those before the baseline.
fn needs_background(stage: &Stage) -> bool {
    let before_baseline = matches!(stage.phase, Phase::Preparation | Phase::Source)
        && !matches!(stage.action, StageAction::Baseline { .. });
    !before_baseline
}

struct Run<'w, H, O> {
    run_context: &'w RunContext<H, O>,
    state: State,
    cancel: &'w CancellationToken,
    deadline: Instant,
    /// Why the path ended.
    broken: Option<SkipReason>,
    /// Why the rollback ended.
    rollback_broken: Option<SkipReason>,
    /// Why a batch of mutations ended, by its deployment.
    broken_batches: BTreeMap<DeploymentName, SkipReason>,
    /// Why the whole run ended early.
    aborted: Option<Abort>,
}

impl<H: Host, O: Observer> Run<'_, H, O> {
    /// Why a stage is skipped.
    fn skip_reason(&self, stage: &Stage) -> Option<SkipReason> {
        match &self.aborted {
            Some(Abort::Cancelled) => return Some(SkipReason::Cancelled),
            Some(Abort::Deadline) => return Some(SkipReason::Deadline(self.run_context.case.plan.deadline)),
            Some(Abort::Interfered(interruption)) => return Some(SkipReason::Interfered(interruption.what.clone())),
            None => {}
        }
        if let StageAction::RollbackSkipped { because } = &stage.action {
            return Some(SkipReason::RollbackSkipped(because.clone()));
        }
        if let Phase::Mutation(_) = stage.phase {
            let batch = stage.deployment.as_ref().and_then(|deployment| self.broken_batches.get(deployment).cloned());
            return self.broken.clone().or(batch);
        }
        if stage.phase == Phase::Rollback {
            return match &self.state.baseline {
                None => Some(self.broken.clone().unwrap_or(SkipReason::NoBaseline)),
                Some(_) => self.rollback_broken.clone(),
            };
        }
        let not_needed = stage.hop.and_then(|hop| self.state.not_needed.get(&hop).cloned());
        self.broken.clone().or(not_needed.map(SkipReason::NotNeeded))
    }

    /// Carries out one stage, and keeps the background tasks running meanwhile.
    async fn stage(
        &mut self,
        stage: &Stage,
        background: &mut BackgroundTasks<'_>,
        emitter: &mut EventEmitter<'_>,
        from_work: &mut UnboundedReceiver<EventKind>,
    ) {
        emitter.emit(EventKind::StageStarted { stage: stage.id.clone() });
        let began = Instant::now();
        let before = self.run_context.meter.read();
        let ended = {
            let work = AssertUnwindSafe(self.run_context.perform(stage, &mut self.state)).catch_unwind();
            let mut work = std::pin::pin!(work);
            loop {
                tokio::select! {
                    biased;
                    () = self.cancel.cancelled() => break Ended::Aborted(Abort::Cancelled),
                    event = from_work.recv() => event.into_iter().for_each(|kind| emitter.emit(kind)),
                    done = &mut work => break Ended::Work(done.unwrap_or_else(|panic| Err(panicked(panic.as_ref())))),
                    () = background.advance() => {}
                    // What interfered is read below.
                    () = self.run_context.host.interfered() => break Ended::Aborted(Abort::Interfered(Interruption::default())),
                    () = tokio::time::sleep_until(self.deadline) => break Ended::Aborted(Abort::Deadline),
                }
            }
        };
        while let Ok(kind) = from_work.try_recv() {
            emitter.emit(kind);
        }
        let ended = self.without_interference(stage, ended, emitter).await;
        self.finish(stage, began.elapsed(), before, &self.run_context.meter.clone(), ended, emitter);
    }

    fn finish(
        &mut self,
        stage: &Stage,
        wall: Duration,
        before: StageTime,
        meter: &Meter,
        ended: Ended,
        emitter: &mut EventEmitter<'_>,
    ) {
        let now = meter.read();
        let time = StageTime {
            wall,
            product: now.product.saturating_sub(before.product),
            engine: now.engine.saturating_sub(before.engine),
        };
        let (outcome, mut findings, reason) = match ended {
            Ended::Work(end) => outcome(end),
            Ended::Aborted(aborted) => {
                let inconclusive = |code, text| Reason::Inconclusive(Inconclusive::new(code, text));
                let (outcome, reason) = match &aborted {
                    Abort::Cancelled => (Outcome::Cancelled, Reason::Cancelled(Cancelled::DuringStage)),
                    Abort::Deadline => {
                        let reason = SkipReason::Deadline(self.run_context.case.plan.deadline);
                        (Outcome::Inconclusive, inconclusive(InconclusiveCode::Deadline, reason.to_string()))
                    }
                    Abort::Interfered(interruption) => {
                        let text = interruption.text.clone();
                        (Outcome::Inconclusive, inconclusive(InconclusiveCode::Interfered, text))
                    }
                };
                self.aborted = Some(aborted);
                (outcome, Vec::new(), Some(reason))
            }
        };
        let known = self.run_context.recognise_stage(stage, &self.state, &mut findings, reason.as_ref());
        emitter.emit(EventKind::StageFinished { stage: stage.id.clone(), outcome, findings, reason, known, time });
        let settled = emitter.summary.stages().iter().find(|record| record.id == stage.id).map(|record| record.outcome);
        // An inconclusive check does not end the path; a stage that could not be carried out does.
        let ends = settled == Some(Outcome::Failed) || outcome == Outcome::Inconclusive;
        if ends {
            let cause = SkipReason::Stage { stage: stage.id.clone(), outcome: settled.unwrap_or(outcome) };
            if let (Phase::Mutation(_), Some(deployment)) = (stage.phase, &stage.deployment) {
                // A batch that went wrong, or left survivors, says nothing about the next one.
                self.broken_batches.insert(deployment.clone(), cause);
            } else if stage.phase == Phase::Rollback {
                // If every step of an in-place rollback was done but its proof failed, the check still shows what state
                // it has left.
                if outcome != Outcome::Passed || !matches!(stage.action, StageAction::RollbackInPlace { .. }) {
                    self.rollback_broken.get_or_insert(cause);
                }
            } else {
                self.broken.get_or_insert(cause);
            }
        }
    }
}
