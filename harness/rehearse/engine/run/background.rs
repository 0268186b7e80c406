//! Background tasks: each carries out a background stage and has a meter of its own.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Duration;

use futures_util::future::select_all;
use futures_util::{Future, FutureExt};
use rehearse_core::outcome::event::{EventKind, StageTime};
use rehearse_core::planning::plan::Stage;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use super::ending::panicked;
use super::{Abort, Ended, EventEmitter, Run};
use crate::engine::error::{EngineError, StepEnd};
use crate::engine::host::Host;
use crate::engine::meter::Meter;
use crate::engine::observer::Observer;
use crate::engine::state::State;

/// Applies the result of a task to the state. It runs when the run needs the result, so that the state does not change while
/// a stage works with it.
pub(super) type Completion<'f> = Box<dyn FnOnce(&mut State) -> Result<StepEnd, EngineError> + Send + 'f>;

type Work<'f> = Pin<Box<dyn Future<Output = Result<Completion<'f>, EngineError>> + Send + 'f>>;

struct BackgroundTask<'f> {
    stage: Stage,
    began: Instant,
    meter: Meter,
    work: Work<'f>,
    /// Its result, and how long it took.
    done: Option<(Result<Completion<'f>, EngineError>, Duration)>,
}

/// The background tasks of a run.
#[derive(Default)]
pub(super) struct BackgroundTasks<'f>(Vec<BackgroundTask<'f>>);

impl<'f> BackgroundTasks<'f> {
    /// Adds a task. It makes progress only while [`Self::advance`] is awaited.
    pub(super) fn add(
        &mut self,
        stage: &Stage,
        meter: Meter,
        work: impl Future<Output = Result<Completion<'f>, EngineError>> + Send + 'f,
    ) {
        let work = AssertUnwindSafe(work).catch_unwind();
        let work = work.map(|done| done.unwrap_or_else(|panic| Err(panicked(panic.as_ref()))));
        let (began, work) = (Instant::now(), Box::pin(work));
        self.0.push(BackgroundTask { stage: stage.clone(), began, meter, work, done: None });
    }

    fn all_done(&self) -> bool {
        self.0.iter().all(|task| task.done.is_some())
    }

    /// Runs all tasks until one more has ended. May be dropped at any await point and awaited again.
    pub(super) async fn advance(&mut self) {
        let open = self.0.iter_mut().filter(|task| task.done.is_none()).map(|task| {
            Box::pin(async {
                let done = (&mut task.work).await;
                task.done = Some((done, task.began.elapsed()));
            })
        });
        let open: Vec<_> = open.collect();
        if open.is_empty() {
            return std::future::pending().await;
        }
        select_all(open).await;
    }
}

impl<H: Host, O: Observer> Run<'_, H, O> {
    /// Waits for all background tasks, and applies their results.
    pub(super) async fn join(
        &mut self,
        mut tasks: BackgroundTasks<'_>,
        emitter: &mut EventEmitter<'_>,
        from_work: &mut UnboundedReceiver<EventKind>,
    ) {
        let aborted = loop {
            if self.aborted.is_some() || tasks.all_done() {
                break self.aborted.clone();
            }
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => break Some(Abort::Cancelled),
                event = from_work.recv() => event.into_iter().for_each(|kind| emitter.emit(kind)),
                () = tasks.advance() => {}
                () = tokio::time::sleep_until(self.deadline) => break Some(Abort::Deadline),
            }
        };
        for BackgroundTask { stage, began, meter, done, .. } in tasks.0 {
            let (wall, ended) = match (done, &aborted) {
                (Some((done, took)), _) => (took, Ended::Work(done.and_then(|complete| complete(&mut self.state)))),
                (None, Some(aborted)) => (began.elapsed(), Ended::Aborted(aborted.clone())),
                (None, None) => {
                    let lost = EngineError::bug(format!("the background task {} was lost", stage.id));
                    (began.elapsed(), Ended::Work(Err(lost)))
                }
            };
            // The events of the task, and those of applying its result, belong to its stage.
            while let Ok(kind) = from_work.try_recv() {
                emitter.emit(kind);
            }
            let ended = self.without_interference(&stage, ended, emitter).await;
            self.finish(&stage, wall, StageTime::default(), &meter, ended, emitter);
        }
    }
}
