//! Creations in flight. The engine finishes creating a thing whether or not anybody still waits for it.

use std::future::Future;
use std::time::Duration;

use bollard::errors::Error;
use tokio_util::task::TaskTracker;

use crate::docker::client::{failed, refused};
use crate::engine::host::{HostError, Leftover};

/// How long a creation that nobody waits for any more may take.
const IN_FLIGHT: Duration = Duration::from_secs(60);

/// The creations of a run that are in flight, in tasks that the run owns.
#[derive(Debug, Clone, Default)]
pub(crate) struct Creations(TaskTracker);

impl Creations {
    /// Carries out a creation. If the caller is dropped meanwhile, it continues, and [`Creations::settled`] waits for it;
    /// otherwise teardown would miss the thing that is about to appear.
    pub(crate) async fn create<T: Send + 'static>(
        &self,
        object: String,
        creating: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, HostError> {
        match self.0.spawn(creating).await {
            Ok(created) => created.map_err(failed("create", object)),
            Err(error) => Err(refused("create", object, error)),
        }
    }

    /// Waits until none is in flight; if one still is after the limit, reports it as a leftover.
    pub(crate) async fn settled(&self) -> Option<Leftover> {
        self.0.close();
        let done = tokio::time::timeout(IN_FLIGHT, self.0.wait()).await;
        self.0.reopen();
        let reason = format!("the engine was still busy with it after {IN_FLIGHT:?}");
        done.is_err().then(|| Leftover { kind: "creation", name: "of this run".into(), reason })
    }
}
