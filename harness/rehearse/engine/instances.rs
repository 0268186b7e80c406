//! What we know of each instance because we started it ourselves: its image, its start, its addresses.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::host::InstanceRef;

/// The last start of a service, and the length of its log at that moment.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) file: PathBuf,
    pub(crate) at: u64,
    /// Which start of the service it was, counted from 1.
    pub(crate) number: u64,
    /// How long it took to become ready; `None` until then, or if the product file does not define readiness.
    pub(crate) ready: Option<Duration>,
}

/// What is known of one instance.
#[derive(Debug, Default)]
struct Record {
    /// The image it was created from: unlike what a product reports, this cannot be wrong.
    image: Option<String>,
    start: Option<Start>,
    /// Where its ports are reached; looked up once per start.
    addresses: BTreeMap<u16, SocketAddr>,
}

/// What is known of the instances of a run.
#[derive(Debug, Default)]
pub(crate) struct Instances(Mutex<BTreeMap<InstanceRef, Record>>);

impl Instances {
    fn records(&self) -> MutexGuard<'_, BTreeMap<InstanceRef, Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, instance: &InstanceRef, change: impl FnOnce(&mut Record)) {
        change(self.records().entry(instance.clone()).or_default());
    }

    /// Records that an instance was created from an image.
    pub(crate) fn created(&self, instance: &InstanceRef, image: String) {
        self.change(instance, |record| record.image = Some(image));
    }

    /// The image that an instance was created from.
    pub(crate) fn image(&self, instance: &InstanceRef) -> Option<String> {
        self.records().get(instance)?.image.clone()
    }

    /// Records that an instance starts, with its log and the length of it so far.
    pub(crate) fn starts(&self, instance: &InstanceRef, file: PathBuf, at: u64) {
        self.change(instance, |record| {
            let number = record.start.as_ref().map_or(0, |last| last.number) + 1;
            record.start = Some(Start { file, at, number, ready: None });
        });
    }

    /// Records that an instance became ready, and how long that took.
    pub(crate) fn became_ready(&self, instance: &InstanceRef, took: Duration) {
        self.change(instance, |record| record.start.iter_mut().for_each(|start| start.ready = Some(took)));
    }

    /// The last start of an instance.
    pub(crate) fn last_start(&self, instance: &InstanceRef) -> Option<Start> {
        self.records().get(instance)?.start.clone()
    }

    /// Records where a port of an instance is reached.
    pub(crate) fn reached_at(&self, instance: &InstanceRef, port: u16, address: SocketAddr) {
        self.change(instance, |record| record.addresses.extend([(port, address)]));
    }

    /// Where a port of an instance is reached, if that was looked up since its last start.
    pub(crate) fn address(&self, instance: &InstanceRef, port: u16) -> Option<SocketAddr> {
        self.records().get(instance)?.addresses.get(&port).copied()
    }

    /// Forgets the addresses of an instance, because it stops or is replaced.
    pub(crate) fn forget_addresses(&self, instance: &InstanceRef) {
        self.change(instance, |record| record.addresses.clear());
    }
}
