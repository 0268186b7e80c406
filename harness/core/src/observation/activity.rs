//! What a database does while a long command runs: it works, waits for a lock, or does nothing. Two readings of its
//! sessions and counters distinguish slow from stuck.

use std::collections::VecDeque;
use std::time::Duration;

use crate::observation::progress::count;
use crate::planning::plan::humane;

/// The other sessions of a database, and its counters.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Activity {
    /// Bytes written ahead to its log; grows while a transaction is still open.
    pub written: u64,
    /// Rows inserted, updated and deleted by transactions that have ended.
    pub rows: u64,
    /// The sessions of others.
    pub sessions: Vec<Session>,
    /// How far long operations are, in the database's own words: `CREATE INDEX: building index, 120 of 400 blocks`.
    pub phases: Vec<String>,
}

/// A session of somebody else.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Its number.
    pub id: String,
    /// How the client names itself; may be empty.
    pub client: String,
    /// What it does.
    pub state: SessionState,
    /// Its present or last statement.
    pub statement: String,
    /// For how long it has been in this state.
    pub lasts: Duration,
    /// When its last statement began, in the server's words: a new value means a new statement.
    pub statement_began: String,
    /// The sessions that hold what it waits for.
    pub blocked_by: Vec<String>,
}

/// What a session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// A statement is at work.
    Works,
    /// A statement waits for a lock.
    WaitsForLock,
    /// A statement is under way and waits for its client, or sleeps.
    Rests,
    /// No statement, and a transaction is open.
    InTransaction,
    /// No statement and no transaction.
    Idle,
    /// The server does not say.
    Hidden,
}

impl SessionState {
    fn words(self) -> &'static str {
        match self {
            Self::Works => "at work",
            Self::WaitsForLock => "itself waiting for a lock",
            Self::Rests => "at rest",
            Self::InTransaction => "idle in a transaction",
            Self::Idle => "idle",
            Self::Hidden => "in a state that the server hides",
        }
    }
}

/// Less than this is what a database writes by itself.
const OWN_WRITING: u64 = 64 << 10;
/// A database that has done nothing for this long is quiet; before, it may be between two statements.
pub const QUIET: Duration = Duration::from_secs(30);
/// Figures are those of the last minute.
const RECENT: Duration = Duration::from_secs(60);

/// Follows what a database does.
#[derive(Debug, Clone)]
pub struct ActivityWatch {
    last: Option<Activity>,
    /// When it was last active, or could not be observed.
    active: Duration,
    recent: VecDeque<(Duration, u64, u64)>,
    unobservable: Option<String>,
}

impl ActivityWatch {
    /// Nothing has been read yet. `at` is the time since the command began.
    pub fn new(at: Duration) -> Self {
        Self { last: None, active: at, recent: VecDeque::new(), unobservable: None }
    }

    /// Takes a reading.
    pub fn take(&mut self, at: Duration, now: Activity) {
        let active = match &self.last {
            // Nothing can be compared before the second reading.
            None => true,
            Some(before) => {
                now.written.saturating_sub(before.written) >= OWN_WRITING
                    || now.rows != before.rows
                    || now.phases != before.phases
                    || now.sessions.iter().any(|session| session.is_busy() || session.has_changed(before))
            }
        };
        if active {
            self.active = at;
        }
        self.recent.push_back((at, now.written, now.rows));
        while self.recent.len() > 2 && self.recent.get(1).is_some_and(|(old, ..)| at.saturating_sub(*old) >= RECENT) {
            self.recent.pop_front();
        }
        self.last = Some(now);
        self.unobservable = None;
    }

    /// Takes a reading that failed: a database that cannot be observed does not count as idle.
    pub fn missed(&mut self, at: Duration, reason: String) {
        self.active = at;
        self.last = None;
        self.recent.clear();
        self.unobservable = Some(reason);
    }

    /// For how long nothing has happened in the database; none if that is not known.
    pub fn quiet(&self, at: Duration) -> Option<Duration> {
        self.last.as_ref().map(|_| at.saturating_sub(self.active))
    }

    /// What it does, for a line of progress: `database busy: UPDATE dcim_cable SET … 45s`. None if nothing is known.
    pub fn line(&self, at: Duration) -> Option<String> {
        let last = self.last.as_ref()?;
        let mut parts = Vec::new();
        if let Some(busy) = last.longest(Session::is_busy) {
            parts.push(format!("database busy: {}", busy.words()));
        }
        parts.extend(last.phases.iter().take(2).cloned());
        parts.extend(last.waiting());
        if parts.is_empty() {
            let quiet = at.saturating_sub(self.active);
            parts.push(if quiet < QUIET {
                "database busy with short statements".to_owned()
            } else {
                format!("nothing happens in the database for {}", humane(quiet))
            });
        }
        Some(parts.join(", "))
    }

    /// Whether it is slow or stuck, for a finding; none if that is not known.
    pub fn verdict(&self, at: Duration) -> Option<String> {
        let Some(last) = self.last.as_ref() else {
            return self.unobservable.as_ref().map(|reason| format!("what the database did is not known: {reason}"));
        };
        let quiet = at.saturating_sub(self.active);
        if quiet >= QUIET {
            let waiting = last.waiting().map(|waiting| format!("; {waiting}")).unwrap_or_default();
            return Some(format!("stuck: nothing happened in the database for {}{waiting}", humane(quiet)));
        }
        let mut parts = vec!["slow: the database is still at work".to_owned()];
        parts.extend(last.longest(Session::is_busy).map(Session::words));
        parts.extend(last.phases.iter().take(2).cloned());
        parts.extend(last.waiting());
        parts.extend(self.figures());
        Some(parts.join(", "))
    }

    fn figures(&self) -> Option<String> {
        let ((from, written, rows), (to, now, rows_now)) = (self.recent.front()?, self.recent.back()?);
        let over = to.saturating_sub(*from);
        let (written, rows) = (now.saturating_sub(*written), rows_now.saturating_sub(*rows));
        if over.is_zero() || (written < OWN_WRITING && rows == 0) {
            return None;
        }
        let rows = if rows == 0 { String::new() } else { format!("{} rows and ", count(rows as f64)) };
        Some(format!("{rows}{:.1} MB written in the last {}", written as f64 / 1e6, humane(over)))
    }
}

impl Activity {
    fn longest(&self, condition: fn(&Session) -> bool) -> Option<&Session> {
        self.sessions.iter().filter(|session| condition(session)).max_by_key(|session| session.lasts)
    }

    /// The session that waits longest for a lock, and who holds it.
    fn waiting(&self) -> Option<String> {
        let waits = self.longest(|session| session.state == SessionState::WaitsForLock)?;
        // A holder that is waiting itself is named only if there is no other.
        let holders = || self.sessions.iter().filter(|session| waits.blocked_by.contains(&session.id));
        let holder = holders().find(|session| session.state != SessionState::WaitsForLock).or(holders().next());
        let holder = match holder {
            Some(holder) => {
                let client = if holder.client.is_empty() { String::new() } else { format!(" ({})", holder.client) };
                let (state, lasts) = (holder.state.words(), humane(holder.lasts));
                format!("session {}{client}, {state} for {lasts}: {}", holder.id, short(&holder.statement))
            }
            None => "an unknown session".to_owned(),
        };
        Some(format!("waiting for a lock: {}, held by {holder}", waits.words()))
    }
}

impl Session {
    fn is_busy(&self) -> bool {
        match self.state {
            SessionState::Works | SessionState::Hidden => true,
            SessionState::WaitsForLock | SessionState::Rests | SessionState::InTransaction | SessionState::Idle => {
                false
            }
        }
    }

    /// Whether it has a new statement or state since an earlier reading.
    fn has_changed(&self, before: &Activity) -> bool {
        let was = before.sessions.iter().find(|session| session.id == self.id);
        was.is_none_or(|was| was.statement_began != self.statement_began || was.state != self.state)
    }

    fn words(&self) -> String {
        format!("{} {}", short(&self.statement), humane(self.lasts))
    }
}

/// A statement in one line, shortened.
fn short(statement: &str) -> String {
    let flat = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut: String = flat.chars().take(80).collect();
    if cut.len() < flat.len() { format!("{cut}…") } else { cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: &str, state: SessionState, lasts: u64) -> Session {
        Session {
            id: id.to_owned(),
            client: String::new(),
            state,
            statement: format!("UPDATE things SET a = {id}"),
            lasts: Duration::from_secs(lasts),
            statement_began: "then".to_owned(),
            blocked_by: Vec::new(),
        }
    }

    /// Ten minutes of the same sessions, read every five seconds; so much is written between two readings.
    fn follow(sessions: &[Session], written: u64) -> (ActivityWatch, Duration) {
        let mut watch = ActivityWatch::new(Duration::ZERO);
        let mut at = Duration::ZERO;
        for reading in 0..=120 {
            at = Duration::from_secs(5 * reading);
            let sessions = sessions.to_vec();
            watch.take(at, Activity { written: written * reading, rows: 0, sessions, phases: Vec::new() });
        }
        (watch, at)
    }

    fn check(sessions: &[Session], written: u64, line: &str, verdict: &str) {
        let (watch, at) = follow(sessions, written);
        assert_eq!(watch.line(at).as_deref(), Some(line));
        assert_eq!(watch.verdict(at).as_deref(), Some(verdict));
        assert_eq!(watch.quiet(at).unwrap() >= QUIET, verdict.starts_with("stuck"));
    }

    #[test]
    fn slow_and_stuck_are_distinguished() {
        use SessionState::*;
        check(
            &[session("1", Works, 45), session("2", Idle, 600)],
            0,
            "database busy: UPDATE things SET a = 1 45.0s",
            "slow: the database is still at work, UPDATE things SET a = 1 45.0s",
        );
        check(
            &[session("1", InTransaction, 0)],
            26_000_000,
            "database busy with short statements",
            "slow: the database is still at work, 312.0 MB written in the last 1m 00s",
        );
        let quiet = "nothing happens in the database for 10m 00s";
        let stuck = "stuck: nothing happened in the database for 10m 00s";
        check(&[session("1", InTransaction, 600)], 100, quiet, stuck);
        check(&[session("1", Rests, 600)], 0, quiet, stuck);
        check(&[], 0, quiet, stuck);
        // Whom the server hides may be at work.
        let hidden = "UPDATE things SET a = 1 9.0s";
        let slow = format!("slow: the database is still at work, {hidden}");
        check(&[session("1", Hidden, 9)], 0, &format!("database busy: {hidden}"), &slow);
    }

    #[test]
    fn a_lock_is_reported_with_its_holder() {
        let waits =
            Session { blocked_by: vec!["3".into(), "2".into()], ..session("1", SessionState::WaitsForLock, 480) };
        let also = Session { blocked_by: vec!["2".into()], ..session("3", SessionState::WaitsForLock, 400) };
        let holder = Session { client: "web".into(), ..session("2", SessionState::InTransaction, 500) };
        let waiting = "waiting for a lock: UPDATE things SET a = 1 8m 00s, held by session 2 (web), \
                       idle in a transaction for 8m 20s: UPDATE things SET a = 2";
        let stuck = format!("stuck: nothing happened in the database for 10m 00s; {waiting}");
        check(&[also.clone(), waits.clone(), holder], 0, waiting, &stuck);
        // The holder works: it is slow.
        let (watch, at) = follow(&[waits, session("2", SessionState::Works, 500)], 0);
        assert!(watch.verdict(at).unwrap().starts_with("slow: "));
    }

    #[test]
    fn a_session_that_asks_again_moves() {
        let mut watch = ActivityWatch::new(Duration::ZERO);
        let read = |watch: &mut ActivityWatch, at, began: &str| {
            let session = Session { statement_began: began.to_owned(), ..session("1", SessionState::InTransaction, 1) };
            watch.take(Duration::from_secs(at), Activity { sessions: vec![session], ..Activity::default() });
        };
        read(&mut watch, 0, "then");
        read(&mut watch, 100, "then");
        assert_eq!(watch.quiet(Duration::from_secs(100)), Some(Duration::from_secs(100)));
        read(&mut watch, 105, "now");
        assert_eq!(watch.quiet(Duration::from_secs(105)), Some(Duration::ZERO));
    }

    #[test]
    fn a_database_that_cannot_be_observed_is_not_stuck() {
        let (mut watch, at) = follow(&[], 0);
        watch.missed(at, "it does not run".to_owned());
        assert_eq!((watch.quiet(at), watch.line(at)), (None, None));
        assert_eq!(watch.verdict(at).as_deref(), Some("what the database did is not known: it does not run"));
        let later = at + Duration::from_secs(5);
        watch.take(later, Activity::default());
        assert_eq!(watch.quiet(later), Some(Duration::ZERO));
    }
}
