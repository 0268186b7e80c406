//! What the other sessions of PostgreSQL do, and its counters.

use std::time::Duration;

use rehearse_core::observation::activity::{Activity, Session, SessionState};
use rehearse_core::observation::{Rows, Unread};

use crate::observers::sql::dialect::Database;

/// Counters and sessions. The position of the log moves with every write, also inside an open transaction, where the
/// counters of rows stand still. Of another role's session the server says only that it is there.
const SESSIONS: &str = "select 'counters', pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::text, \
     (tup_inserted + tup_updated + tup_deleted)::text, '', '', '', '', '', '' \
     from pg_stat_database where datname = current_database() \
     union all select 'session', pid::text, coalesce(application_name, ''), coalesce(state, ''), \
     coalesce(wait_event_type, ''), coalesce(greatest(extract(epoch from clock_timestamp() - \
     case when state = 'active' then query_start else state_change end), 0)::text, '0'), \
     coalesce(query_start::text, ''), left(coalesce(query, ''), 300), array_to_string(pg_blocking_pids(pid), ',') \
     from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() \
     and coalesce(backend_type = 'client backend', usesysid is not null) and coalesce(application_name, '') <> 'rehearse'";

/// How far the long operations are (PostgreSQL 12 and newer).
const PHASES: &str = " union all select 'phase', command || ': ' || phase || ', ' || blocks_done || ' of ' || \
     blocks_total || ' blocks', '', '', '', '', '', '', '' from pg_stat_progress_create_index \
     where datname = current_database() and phase is not null \
     union all select 'phase', command || ': ' || phase || ', ' || heap_blks_scanned || ' of ' || heap_blks_total || \
     ' blocks', '', '', '', '', '', '', '' from pg_stat_progress_cluster \
     where datname = current_database() and phase is not null";

const UNDEFINED_TABLE: &str = "42P01";

pub(super) async fn read(database: &dyn Database) -> Result<Activity, String> {
    let rows = match database.query(&format!("{SESSIONS}{PHASES}")).await {
        // An older server has no such view.
        Err(Unread::Refused(refusal)) if refusal.sqlstate == UNDEFINED_TABLE => database.query(SESSIONS).await?,
        other => other?,
    };
    parse(&rows)
}

fn parse(rows: &Rows) -> Result<Activity, String> {
    let mut activity = Activity::default();
    let mut counted = false;
    for row in &rows.rows {
        let row: Vec<&str> = row.iter().map(|value| value.as_deref().unwrap_or_default()).collect();
        match row.as_slice() {
            ["counters", written, rows, ..] => {
                let number = |text: &str| text.parse().map_err(|_| format!("{text:?} is not a counter"));
                (activity.written, activity.rows, counted) = (number(written)?, number(rows)?, true);
            }
            ["session", id, client, state, waits, lasts, request, statement, blocked] => {
                let lasts = lasts.parse().ok().and_then(|lasts| Duration::try_from_secs_f64(lasts).ok());
                activity.sessions.push(Session {
                    id: (*id).to_owned(),
                    client: (*client).to_owned(),
                    state: state_of(state, waits),
                    statement: (*statement).to_owned(),
                    lasts: lasts.unwrap_or_default(),
                    statement_began: (*request).to_owned(),
                    blocked_by: blocked.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect(),
                });
            }
            ["phase", phase, ..] => activity.phases.push((*phase).to_owned()),
            other => return Err(format!("a row about its activity that cannot be read: {other:?}")),
        }
    }
    if counted { Ok(activity) } else { Err("the server reports no counters".to_owned()) }
}

fn state_of(state: &str, waits: &str) -> SessionState {
    match (state, waits) {
        ("active", "Lock") => SessionState::WaitsForLock,
        ("active", "Client" | "Timeout" | "Activity") => SessionState::Rests,
        ("active" | "fastpath function call", _) => SessionState::Works,
        ("idle in transaction" | "idle in transaction (aborted)", _) => SessionState::InTransaction,
        ("idle", _) => SessionState::Idle,
        _ => SessionState::Hidden,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_and_counters_are_read() {
        let row = |values: &[&str]| values.iter().map(|value| Some((*value).to_owned())).collect::<Vec<_>>();
        let counters = row(&["counters", "12345", "67", "", "", "", "", "", ""]);
        let waits = row(&["session", "8", "web", "active", "Lock", "1.5", "then", "UPDATE a", "9,10"]);
        let activity = parse(&Rows { rows: vec![counters, waits.clone()] }).unwrap();
        assert_eq!((activity.written, activity.rows), (12345, 67));
        assert_eq!(activity.sessions[0].state, SessionState::WaitsForLock);
        assert_eq!(activity.sessions[0].blocked_by, ["9", "10"]);
        assert_eq!(activity.sessions[0].lasts, Duration::from_millis(1500));
        assert!(parse(&Rows { rows: vec![waits] }).is_err());
        assert!(parse(&Rows { rows: vec![row(&["counters"])] }).is_err());
        // A session that the server hides must not count as idle.
        assert_eq!(state_of("", ""), SessionState::Hidden);
    }
}
