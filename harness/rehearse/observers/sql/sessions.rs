//! Sessions that a wait keeps open.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use rehearse_core::observation::{Rows, Unread};

use super::client::Client;
use super::session::Session;
use crate::engine::host::Commands;
use crate::engine::observer::DatabaseTarget;

/// A session that is not used for this long is closed, because its wait may have been cancelled before it could close it.
/// Longer than the longest pause between two looks.
const IDLE: Duration = Duration::from_secs(3);

/// Sessions that wait for the next query. Concurrent queries get a session each, so that one that waits for a lock does not
/// delay the others.
#[derive(Default)]
pub(crate) struct Sessions {
    idle: Arc<Mutex<Vec<Idle>>>,
}

struct Idle {
    target: DatabaseTarget,
    session: Session,
    closing: tokio::task::AbortHandle,
}

impl Sessions {
    /// Sends a query through an open session, or opens one.
    pub(super) async fn query<H: Commands>(&self, client: &Client<'_, H>, sql: &str) -> Result<Rows, Unread> {
        if let Some(session) = self.take_idle(client.target) {
            let (response, session) = session.query(sql).await;
            self.keep(client.target, session);
            // The server may have been away since the last query. Queries of a wait can be repeated.
            if !matches!(response, Err(Unread::Unavailable(_))) {
                return response;
            }
        }
        let (response, session) = Session::open(client).await?.query(sql).await;
        self.keep(client.target, session);
        response
    }

    /// Closes all open sessions, and waits until they are closed.
    pub(crate) async fn close(&self) {
        let all = std::mem::take(&mut *locked(&self.idle));
        join_all(all.into_iter().map(|idle| {
            idle.closing.abort();
            idle.session.close()
        }))
        .await;
    }

    fn take_idle(&self, target: &DatabaseTarget) -> Option<Session> {
        let mut idle = locked(&self.idle);
        let at = idle.iter().rposition(|idle| idle.target == *target)?;
        let Idle { session, closing, .. } = idle.swap_remove(at);
        closing.abort();
        Some(session)
    }

    fn keep(&self, target: &DatabaseTarget, session: Option<Session>) {
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
        idle.push(Idle { target: target.clone(), session, closing: closing.abort_handle() });
    }
}

fn locked(idle: &Mutex<Vec<Idle>>) -> MutexGuard<'_, Vec<Idle>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
