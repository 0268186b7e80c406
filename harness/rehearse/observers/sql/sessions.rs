//! The sessions that a wait keeps open.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use rehearse_core::observation::Rows;

use super::client::Client;
use super::refusal::Failure;
use super::session::Session;
use crate::engine::host::Commands;
use crate::engine::observer::DatabaseTarget;

/// A session that nobody asks for so long is closed: whoever kept it was stopped before it could close it. Longer than the
/// longest pause between two looks.
const IDLE: Duration = Duration::from_secs(3);

/// Sessions that wait for the next question. Questions that are asked at the same time get a session each, so that one
/// that waits for a lock keeps no other from its answer.
#[derive(Default)]
pub(crate) struct Sessions {
    idle: Arc<Mutex<Vec<Idle>>>,
}

struct Idle {
    site: DatabaseTarget,
    session: Session,
    closing: tokio::task::AbortHandle,
}

impl Sessions {
    /// Asks through a session that is open, or opens one.
    pub(super) async fn ask<H: Commands>(&self, client: &Client<'_, H>, sql: &str) -> Result<Rows, Failure> {
        if let Some(session) = self.taken(client.site) {
            let (response, session) = session.ask(sql).await;
            self.keep(client.site, session);
            // The server may have gone away since the last question, and be back. Looks can be repeated.
            if !matches!(response, Err(Failure::Unasked(_))) {
                return response;
            }
        }
        let (response, session) = Session::open(client).await?.ask(sql).await;
        self.keep(client.site, session);
        response
    }

    /// Closes what is open, and waits until it is closed.
    pub(crate) async fn close(&self) {
        let all = std::mem::take(&mut *locked(&self.idle));
        join_all(all.into_iter().map(|idle| {
            idle.closing.abort();
            idle.session.close()
        }))
        .await;
    }

    fn taken(&self, site: &DatabaseTarget) -> Option<Session> {
        let mut idle = locked(&self.idle);
        let at = idle.iter().rposition(|idle| idle.site == *site)?;
        let Idle { session, closing, .. } = idle.swap_remove(at);
        closing.abort();
        Some(session)
    }

    fn keep(&self, site: &DatabaseTarget, session: Option<Session>) {
        let Some(session) = session else { return };
        let mut idle = locked(&self.idle);
        let all = Arc::downgrade(&self.idle);
        let closing = tokio::spawn(async move {
            tokio::time::sleep(IDLE).await;
            let own = tokio::task::id();
            let Some(all) = all.upgrade() else { return };
            let found = {
                let mut all = locked(&all);
                let at = all.iter().position(|idle| idle.closing.id() == own);
                at.map(|at| all.swap_remove(at))
            };
            if let Some(found) = found {
                found.session.close().await;
            }
        });
        idle.push(Idle { site: site.clone(), session, closing: closing.abort_handle() });
    }
}

fn locked(idle: &Mutex<Vec<Idle>>) -> MutexGuard<'_, Vec<Idle>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
