//! What a migrator's output tells while it comes, and what its database does meanwhile: slow and stuck told apart.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rehearse_core::observation::activity::{ActivityWatch, QUIET};
use rehearse_core::observation::migrations::{MigrationEvent, MigrationFormat, MigrationReader};
use rehearse_core::outcome::event::EventKind;
use rehearse_core::planning::plan::humane;
use rehearse_core::vocabulary::ident::StageId;
use tokio::time::Instant;

use super::context::{RunContext, StageContext};
use super::host::{Host, Stream};
use super::observer::Observer;

/// A shorter time says only that the output came at once.
const MEASURABLE: Duration = Duration::from_millis(1);
/// Between two looks at the database.
const BETWEEN: Duration = Duration::from_secs(5);
/// How long a look may take.
const LOOKED_WITHIN: Duration = Duration::from_secs(10);

/// What was told so far, and when.
#[derive(Debug)]
struct Heard {
    reader: MigrationReader,
    /// When the running migration began.
    began: Instant,
    /// When something was printed last.
    printed: Instant,
    /// What the database does.
    activity: ActivityWatch,
}

/// A migrator's output, read as it comes and told of.
pub(super) struct Migrating<H, O> {
    world: RunContext<H, O>,
    stage: StageId,
    started: Instant,
    heard: Arc<Mutex<Heard>>,
}

impl<H, O> Clone for Migrating<H, O> {
    fn clone(&self) -> Self {
        Self { world: self.world.clone(), stage: self.stage.clone(), started: self.started, heard: self.heard.clone() }
    }
}

impl<H: Host, O: Observer> Migrating<H, O> {
    pub(super) fn new(world: &RunContext<H, O>, stage: &StageId, format: MigrationFormat) -> Self {
        let now = Instant::now();
        let activity = ActivityWatch::new(Duration::ZERO);
        let heard = Heard { reader: MigrationReader::new(format), began: now, printed: now, activity };
        Self { world: world.clone(), stage: stage.clone(), started: now, heard: Arc::new(Mutex::new(heard)) }
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a piece of output.
    pub(super) fn take(&self, stream: Stream, bytes: &[u8]) {
        let mut heard = self.heard();
        heard.printed = Instant::now();
        let told = match stream {
            Stream::Out => heard.reader.take(bytes),
            Stream::Err => heard.reader.take_err(bytes),
        };
        self.emit(&mut heard, told);
    }

    /// The output is over; what it told in all.
    pub(super) fn finish(&self, well: bool) -> MigrationReader {
        let mut heard = self.heard();
        let told = heard.reader.finish(well);
        self.emit(&mut heard, told);
        heard.reader.clone()
    }

    /// Watches the database while the migrator works, and tells what it does. Returns only when the migrator is to be
    /// given up, with the reason: for so long nothing was printed, and nothing happened in the database either.
    pub(super) async fn watch(&self, ctx: &StageContext, what: &str, stalled_after: Option<Duration>) -> String {
        let database = self.world.migrated();
        let site = database.and_then(|name| self.world.database(ctx, name).ok());
        loop {
            tokio::time::sleep(BETWEEN).await;
            let Some(site) = &site else { continue };
            let looked = tokio::time::timeout(LOOKED_WITHIN, self.world.observer.activity(site)).await;
            let (at, mut heard) = (self.started.elapsed(), self.heard());
            match looked {
                Ok(Ok(Some(activity))) => heard.activity.take(at, activity),
                Ok(Ok(None)) => heard.activity.missed(at, "this kind of server is not watched".to_owned()),
                Ok(Err(reason)) => heard.activity.missed(at, reason),
                Err(_) => heard.activity.missed(at, format!("no answer within {LOOKED_WITHIN:?}")),
            }
            let (doing, since) = match heard.reader.running() {
                Some(running) => (format!("migration {}", running.title()), heard.began.elapsed()),
                None => (what.to_owned(), at),
            };
            let database = heard.activity.line(at).map(|line| format!(", {line}")).unwrap_or_default();
            self.world.progress(&self.stage, format!("{doing}, {}{database}", humane(since)));
            let silent = heard.printed.elapsed();
            if let (Some(limit), Some(quiet)) = (stalled_after, heard.activity.quiet(at))
                && silent.min(quiet) >= limit.max(QUIET)
            {
                let why = heard.activity.verdict(at).unwrap_or_default();
                return format!("given up, nothing was printed for {}; {why}", humane(silent));
            }
        }
    }

    /// Why there is no end yet, as far as the database tells.
    pub(super) fn verdict(&self) -> Option<String> {
        self.heard().activity.verdict(self.started.elapsed())
    }

    /// That a migration began is progress, that it ended is a fact.
    fn emit(&self, heard: &mut Heard, told: Vec<MigrationEvent>) {
        for told in told {
            match told {
                MigrationEvent::Began(migration) => {
                    heard.began = Instant::now();
                    self.world.progress(&self.stage, format!("migration {}", migration.title()));
                }
                MigrationEvent::Ended(mut migration) => {
                    let seen = Some(heard.began.elapsed()).filter(|took| *took >= MEASURABLE);
                    migration.took = migration.took.or(seen);
                    self.world.emit(EventKind::Migrated { stage: self.stage.clone(), migration });
                }
                MigrationEvent::Reverted(migration) => {
                    self.world.progress(&self.stage, format!("migration {} taken back", migration.title()));
                }
            }
        }
    }
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// The database that migrations are made in.
    fn migrated(&self) -> Option<&str> {
        let product = &self.case.product;
        let checked = product.checks.migrations.as_ref().map(|check| check.database.as_str());
        let only = || match product.databases.len() {
            1 => product.databases.keys().next().map(String::as_str),
            _ => None,
        };
        checked.or_else(only)
    }
}
