//! How much memory the processes of a service use.

use std::collections::HashMap;

use bollard::query_parameters::StatsOptionsBuilder;
use futures_util::StreamExt;

use crate::docker::client::{failed, refused};
use crate::docker::daemon::Daemon;
use crate::docker::service::{find, object};
use crate::engine::host::HostError;
use rehearse_core::vocabulary::ident::DeploymentName;

/// Bytes of memory as the kernel counts them for the service's container, without the page cache, which only shows what was
/// read.
pub(crate) async fn memory(daemon: &Daemon, deployment: &DeploymentName, service: &str) -> Result<u64, HostError> {
    const READ: &str = "read the memory of";
    let absent = || refused(READ, object(deployment, service), "it has no container");
    let id = find(daemon, deployment, service, READ).await?.ok_or_else(absent)?;
    let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
    let mut responses = daemon.client.quick().stats(&id, Some(options)).boxed();
    let response = responses.next().await.ok_or_else(absent)?.map_err(failed(READ, object(deployment, service)))?;
    let stats = response.memory_stats.and_then(|memory| memory.stats).unwrap_or_default();
    used(&stats).ok_or_else(|| refused(READ, object(deployment, service), "the engine does not report it"))
}

/// From the statistics of control groups version 2, or version 1.
fn used(stats: &HashMap<String, u64>) -> Option<u64> {
    ["anon", "total_rss"].into_iter().find_map(|name| stats.get(name).copied()).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_cache_does_not_count_as_memory_of_a_service() {
        let of = |stats: &[(&str, u64)]| used(&stats.iter().map(|(name, bytes)| ((*name).into(), *bytes)).collect());
        assert_eq!(of(&[("anon", 5), ("file", 90)]), Some(5));
        assert_eq!(of(&[("cache", 90), ("rss", 1), ("total_rss", 7)]), Some(7));
        // Every process uses some: zero means that the engine does not count it.
        assert_eq!(of(&[("total_rss", 0)]), None);
        assert_eq!(of(&[("file", 90)]), None);
    }
}
