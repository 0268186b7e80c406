//! Removes what carries given labels, and reports what could not be removed.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use bollard::errors::Error;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveVolumeOptionsBuilder,
};
use futures_util::future::join_all;

use crate::docker::client::{Client, engine_message, status};
use crate::engine::host::Leftover;

/// Rounds without any progress after which the rest counts as leftovers. With the pauses between them, about 6 s.
const MAX_IDLE_ROUNDS: usize = 8;
/// The pause between two listings. What was being created when its future was dropped appears in the second.
const PAUSE: Duration = Duration::from_millis(150);

/// A kind of thing that we create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Container,
    Network,
    Volume,
}

impl Kind {
    /// In the order of removal: a network can go only after its containers.
    pub(crate) const ALL: [Self; 3] = [Self::Container, Self::Network, Self::Volume];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Network => "network",
            Self::Volume => "volume",
        }
    }
}

/// A thing as the engine lists it.
#[derive(Debug, Clone)]
pub(crate) struct Thing {
    pub(crate) kind: Kind,
    /// The engine's id of it.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) labels: HashMap<String, String>,
}

impl Thing {
    /// A container of which only the id is known.
    pub(crate) fn container(id: String) -> Self {
        Self { kind: Kind::Container, name: id.clone(), id, labels: HashMap::new() }
    }
}

type Filters = HashMap<String, Vec<String>>;

/// Lists the things of one kind that match.
pub(crate) async fn listing(client: &Client, kind: Kind, filters: &Filters) -> Result<Vec<Thing>, Error> {
    let docker = client.quick();
    let things = match kind {
        Kind::Container => {
            let options = ListContainersOptionsBuilder::new().all(true).filters(filters).build();
            let found = docker.list_containers(Some(options)).await?;
            found
                .into_iter()
                .map(|it| (it.id, it.names.and_then(|names| names.into_iter().next()), it.labels))
                .collect()
        }
        Kind::Network => {
            let options = ListNetworksOptionsBuilder::new().filters(filters).build();
            let found = docker.list_networks(Some(options)).await?;
            found.into_iter().map(|it| (it.id, it.name, it.labels)).collect()
        }
        Kind::Volume => {
            let options = ListVolumesOptionsBuilder::new().filters(filters).build();
            let found = docker.list_volumes(Some(options)).await?.volumes.unwrap_or_default();
            found.into_iter().map(|it| (Some(it.name.clone()), Some(it.name), Some(it.labels))).collect::<Vec<_>>()
        }
    };
    let thing = |(id, name, labels): (Option<String>, Option<String>, Option<HashMap<String, String>>)| {
        let id = id?;
        let name = name.map_or_else(|| id.clone(), |name| name.trim_start_matches('/').to_owned());
        Some(Thing { kind, id, name, labels: labels.unwrap_or_default() })
    };
    Ok(things.into_iter().filter_map(thing).collect())
}

/// Removes one thing; succeeds if it is gone already. A container is removed with its anonymous volumes; named ones stay.
pub(crate) async fn remove_one(client: &Client, thing: &Thing) -> Result<(), Error> {
    let docker = client.quick();
    let response = match thing.kind {
        Kind::Container => {
            let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
            docker.remove_container(&thing.id, Some(options)).await
        }
        Kind::Network => docker.remove_network(&thing.id).await,
        Kind::Volume => {
            docker.remove_volume(&thing.id, Some(RemoveVolumeOptionsBuilder::new().force(true).build())).await
        }
    };
    match response {
        Err(error) if status(&error) == Some(404) => Ok(()),
        response => response,
    }
}

/// Removes everything that `filters` match, until two listings in a row are empty or there is no progress any more.
pub(crate) async fn remove_matching(client: &Client, filters: &Filters) -> Vec<Leftover> {
    remove_found(client, || async {
        let mut things = Vec::new();
        for kind in Kind::ALL {
            things.extend(listing(client, kind, filters).await?);
        }
        Ok(things)
    })
    .await
}

/// Removes everything that `find` returns, until it returns nothing twice in a row or there is no progress any more.
pub(crate) async fn remove_found<F>(client: &Client, find: impl Fn() -> F + Send) -> Vec<Leftover>
where
    F: Future<Output = Result<Vec<Thing>, Error>> + Send,
{
    let (mut empty, mut idle_rounds, mut fewest) = (0, 0, usize::MAX);
    loop {
        let left = match find().await {
            Ok(things) if things.is_empty() => {
                empty += 1;
                if empty == 2 {
                    return Vec::new();
                }
                Vec::new()
            }
            Ok(things) => {
                empty = 0;
                remove_round(client, things).await
            }
            Err(error) => {
                empty = 0;
                vec![Leftover { kind: "engine", name: "a listing".into(), reason: engine_message(&error) }]
            }
        };
        if left.is_empty() || left.len() < fewest {
            idle_rounds = 0;
            fewest = if left.is_empty() { usize::MAX } else { left.len() };
        } else {
            idle_rounds += 1;
        }
        if idle_rounds == MAX_IDLE_ROUNDS {
            return left;
        }
        tokio::time::sleep(PAUSE * 2_u32.pow(idle_rounds.min(3) as u32)).await;
    }
}

async fn remove_round(client: &Client, things: Vec<Thing>) -> Vec<Leftover> {
    let mut left = Vec::new();
    for kind in Kind::ALL {
        let of_kind = things.iter().filter(|thing| thing.kind == kind);
        let results = join_all(of_kind.map(|thing| async move { (thing, remove_one(client, thing).await) })).await;
        left.extend(results.into_iter().filter_map(|(thing, response)| {
            let reason = engine_message(&response.err()?);
            Some(Leftover { kind: thing.kind.name(), name: thing.name.clone(), reason })
        }));
    }
    left
}
