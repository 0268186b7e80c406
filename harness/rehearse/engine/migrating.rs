//! What a migrator's output tells while it comes: who reads it and who watches it share it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rehearse_core::event::{EventKind, StageId};
use rehearse_core::migrations::{Migration, MigrationFormat, MigrationReader, Told};
use tokio::time::Instant;

use super::host::{Host, Stream};
use super::observer::Observer;
use super::world::World;

/// A shorter time says only that the output came at once.
const MEASURABLE: Duration = Duration::from_millis(1);

/// What was told so far, and when.
#[derive(Debug)]
struct Heard {
    reader: MigrationReader,
    /// When the running migration began.
    began: Instant,
    /// When something was printed last.
    printed: Instant,
}

/// A migrator's output, read as it comes and told of.
pub(super) struct Migrating<H, O> {
    world: World<H, O>,
    stage: StageId,
    heard: Arc<Mutex<Heard>>,
}

impl<H, O> Clone for Migrating<H, O> {
    fn clone(&self) -> Self {
        Self { world: self.world.clone(), stage: self.stage.clone(), heard: self.heard.clone() }
    }
}

impl<H: Host, O: Observer> Migrating<H, O> {
    pub(super) fn new(world: &World<H, O>, stage: &StageId, format: MigrationFormat) -> Self {
        let now = Instant::now();
        let heard = Heard { reader: MigrationReader::new(format), began: now, printed: now };
        Self { world: world.clone(), stage: stage.clone(), heard: Arc::new(Mutex::new(heard)) }
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
            Stream::Err => heard.reader.take_beside(bytes),
        };
        self.tell(&mut heard, told);
    }

    /// The output is over; what it told in all.
    pub(super) fn finish(&self, well: bool) -> MigrationReader {
        let mut heard = self.heard();
        let told = heard.reader.finish(well);
        self.tell(&mut heard, told);
        heard.reader.clone()
    }

    /// The running migration.
    pub(super) fn running(&self) -> Option<(Migration, Instant)> {
        let heard = self.heard();
        heard.reader.running().map(|migration| (migration.clone(), heard.began))
    }

    /// When something was printed last.
    pub(super) fn printed(&self) -> Instant {
        self.heard().printed
    }

    /// That a migration began is progress, that it ended is a fact.
    fn tell(&self, heard: &mut Heard, told: Vec<Told>) {
        for told in told {
            match told {
                Told::Began(migration) => {
                    heard.began = Instant::now();
                    self.world.progress(&self.stage, format!("migration {}", migration.title()));
                }
                Told::Ended(mut migration) => {
                    let seen = Some(heard.began.elapsed()).filter(|took| *took >= MEASURABLE);
                    migration.took = migration.took.or(seen);
                    self.world.tell(EventKind::Migrated { stage: self.stage.clone(), migration });
                }
                Told::Reverted(migration) => {
                    self.world.progress(&self.stage, format!("migration {} taken back", migration.title()));
                }
            }
        }
    }
}
