//! Reads a migrator's output as it arrives, and watches its database meanwhile, to tell slow from stuck.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rehearse_core::observation::activity::{ActivityWatch, QUIET};
use rehearse_core::observation::migrations::{MigrationEvent, MigrationFormat, MigrationReader};
use rehearse_core::outcome::event::EventKind;
use rehearse_core::planning::plan::humane;
use rehearse_core::vocabulary::ident::StageId;
use tokio::time::Instant;

use super::case::StageContext;
use super::context::RunContext;
use super::host::{Host, Stream};
use super::observer::Observer;

/// A shorter time says nothing of the migration, only that its output arrived at once.
const MIN_DURATION: Duration = Duration::from_millis(1);
/// The time between two looks at the database.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// How long a look may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// What the output and the database have shown so far, and when.
#[derive(Debug)]
struct MigrationProgress {
    reader: MigrationReader,
    /// When the current migration began.
    began: Instant,
    /// When the migrator last printed something.
    printed: Instant,
    /// What the database does.
    activity: ActivityWatch,
}

/// A migrator at work: reads its output as it arrives and emits events.
pub(super) struct Migrating<H, O> {
    run: RunContext<H, O>,
    stage: StageId,
    started: Instant,
    progress: Arc<Mutex<MigrationProgress>>,
}

impl<H, O> Clone for Migrating<H, O> {
    fn clone(&self) -> Self {
        Self {
            run: self.run.clone(),
            stage: self.stage.clone(),
            started: self.started,
            progress: self.progress.clone(),
        }
    }
}

impl<H: Host, O: Observer> Migrating<H, O> {
    pub(super) fn new(run: &RunContext<H, O>, stage: &StageId, format: MigrationFormat) -> Self {
        let now = Instant::now();
        let activity = ActivityWatch::new(Duration::ZERO);
        let progress = MigrationProgress { reader: MigrationReader::new(format), began: now, printed: now, activity };
        Self { run: run.clone(), stage: stage.clone(), started: now, progress: Arc::new(Mutex::new(progress)) }
    }

    fn progress(&self) -> MutexGuard<'_, MigrationProgress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a piece of output.
    pub(super) fn take(&self, stream: Stream, bytes: &[u8]) {
        let mut progress = self.progress();
        progress.printed = Instant::now();
        let events = match stream {
            Stream::Out => progress.reader.take(bytes),
            Stream::Err => progress.reader.take_err(bytes),
        };
        self.emit(&mut progress, events);
    }

    /// Ends the output, and returns everything that was read from it.
    pub(super) fn finish(&self, succeeded: bool) -> MigrationReader {
        let mut progress = self.progress();
        let events = progress.reader.finish(succeeded);
        self.emit(&mut progress, events);
        progress.reader.clone()
    }

    /// Watches the database while the migrator works, and reports what it does. Returns only if the migrator should be given
    /// up, with the reason: for too long nothing was printed, and nothing happened in the database either.
    pub(super) async fn watch(&self, ctx: &StageContext, what: &str, stalled_after: Option<Duration>) -> String {
        let database = self.run.migrated_database();
        let target = database.and_then(|name| self.run.case.database(ctx, name).ok());
        loop {
            tokio::time::sleep(LOOK_INTERVAL).await;
            let Some(target) = &target else { continue };
            let activity = tokio::time::timeout(LOOK_TIMEOUT, self.run.observer.activity(target)).await;
            let (at, mut progress) = (self.started.elapsed(), self.progress());
            match activity {
                Ok(Ok(Some(activity))) => progress.activity.take(at, activity),
                Ok(Ok(None)) => progress.activity.missed(at, "this kind of server cannot be watched".to_owned()),
                Ok(Err(reason)) => progress.activity.missed(at, reason),
                Err(_) => progress.activity.missed(at, format!("no response within {LOOK_TIMEOUT:?}")),
            }
            let (doing, since) = match progress.reader.running() {
                Some(running) => (format!("migration {}", running.title()), progress.began.elapsed()),
                None => (what.to_owned(), at),
            };
            let database = progress.activity.line(at).map(|line| format!(", {line}")).unwrap_or_default();
            self.run.events.progress(&self.stage, format!("{doing}, {}{database}", humane(since)));
            let silent = progress.printed.elapsed();
            if let (Some(limit), Some(quiet)) = (stalled_after, progress.activity.quiet(at))
                && silent.min(quiet) >= limit.max(QUIET)
            {
                let why = progress.activity.verdict(at).unwrap_or_default();
                return format!("given up: nothing was printed for {}; {why}", humane(silent));
            }
        }
    }

    /// Why the migrator has not ended yet, as far as the database shows.
    pub(super) fn verdict(&self) -> Option<String> {
        self.progress().activity.verdict(self.started.elapsed())
    }

    /// Emits that a migration began as progress, and that it ended as an event of its own.
    fn emit(&self, progress: &mut MigrationProgress, events: Vec<MigrationEvent>) {
        for event in events {
            match event {
                MigrationEvent::Began(migration) => {
                    progress.began = Instant::now();
                    self.run.events.progress(&self.stage, format!("migration {}", migration.title()));
                }
                MigrationEvent::Ended(mut migration) => {
                    let measured = Some(progress.began.elapsed()).filter(|took| *took >= MIN_DURATION);
                    migration.took = migration.took.or(measured);
                    self.run.events.emit(EventKind::Migrated { stage: self.stage.clone(), migration });
                }
                MigrationEvent::Reverted(migration) => {
                    self.run.events.progress(&self.stage, format!("migration {} reverted", migration.title()));
                }
            }
        }
    }
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// The database that the migrations change.
    fn migrated_database(&self) -> Option<&str> {
        let product = &self.case.product;
        let checked = product.checks.migrations.as_ref().map(|check| check.database.as_str());
        let only = || match product.databases.len() {
            1 => product.databases.keys().next().map(String::as_str),
            _ => None,
        };
        checked.or_else(only)
    }
}
