//! The Docker engine of one run: what everything that works with it shares.

use std::path::{Path, PathBuf};

use rehearse_core::secret::Redactor;

use crate::docker::client::Client;
use crate::docker::creations::Creations;
use crate::docker::ending::Endings;
use crate::docker::label::{OwnershipLabels, carrying};
use crate::docker::logs::Logs;
use crate::docker::removal::remove_matching;
use crate::docker::watch::Watch;
use crate::engine::host::{HostError, Leftover};

/// A connection to an engine, the owner of everything that is created over it, and the work in progress.
#[derive(Debug)]
pub(crate) struct Daemon {
    pub(crate) client: Client,
    pub(crate) ownership: OwnershipLabels,
    pub(crate) logs: Logs,
    pub(crate) creations: Creations,
    pub(crate) watch: Watch,
    pub(crate) endings: Endings,
}

impl Daemon {
    /// Connects, creates the folder for logs, and starts to watch. `reach` and `report` are as for [`Client::connect`].
    pub(crate) async fn connect(
        reach: Option<&str>,
        ownership: OwnershipLabels,
        logs: &Path,
        redactor: Redactor,
        report: fn(&str),
    ) -> Result<Self, HostError> {
        let client = Client::connect(reach, report).await?;
        std::fs::create_dir_all(logs).map_err(|source| HostError::File {
            operation: "create",
            path: logs.to_owned(),
            source,
        })?;
        let mut folders = vec![logs.to_owned()];
        if client.is_local()
            && let Ok(info) = client.quick().info().await
        {
            folders.extend(info.docker_root_dir.map(PathBuf::from));
        }
        let watch = Watch::begin(&client, &ownership.run, folders);
        Ok(Self {
            client,
            ownership,
            logs: Logs::new(logs.to_owned(), redactor),
            creations: Creations::default(),
            watch,
            endings: Endings::default(),
        })
    }

    /// Removes what carries all these labels, including what is still being created; returns what could not be removed.
    pub(crate) async fn clear(&self, labels: &[(&str, &str)]) -> Vec<Leftover> {
        self.client.wait_until_back().await;
        let stuck = self.creations.settled().await;
        let mut left = remove_matching(&self.client, &carrying(labels)).await;
        left.extend(stuck);
        left
    }
}
