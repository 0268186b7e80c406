//! What a stage of checks is for, and the names of the checks that every product has.
//!
//! The names are public: readers of JUnit files compare the cases of different runs by them.

/// What a stage of checks is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// To observe what later stages are compared with.
    Baseline,
    /// To judge the release after a hop.
    Hop,
    /// To prove the rollback equal to the baseline.
    Rollback,
}

/// The names of the checks that are not named by a product file.
pub(super) mod name {
    /// Every service runs and is ready.
    pub(crate) const SERVICES: &str = "services";
    /// Every service still runs after all other checks.
    pub(crate) const SERVICES_AT_END: &str = "services at the end";
    /// The database has recorded the migrations of the running code.
    pub(crate) const MIGRATIONS: &str = "recorded";
    /// No row or value was lost or changed, except by reviewed rules.
    pub(crate) const TABLES: &str = "tables";
    /// Indexes, constraints and the like are as before.
    pub(crate) const STRUCTURE: &str = "structure";
    /// Our own probes changed only the tables that they declare.
    pub(crate) const OWN_WRITES: &str = "own writes";
    /// What a plain restart of the source release changes.
    pub(crate) const RESTART: &str = "restart";
    /// The restored tables have the rows that the backup states.
    pub(crate) const RESTORED_ROWS: &str = "restored rows";
    /// The restored tables are as they were before the first hop.
    pub(crate) const RESTORED_TABLES: &str = "restored tables";
    /// No file of a volume was lost, changed or added, except by reviewed rules.
    pub(crate) const VOLUMES: &str = "volumes";
    /// Our own probes changed only the files that they declare.
    pub(crate) const OWN_FILES: &str = "own writes";
    /// Identities that must be refused are refused.
    pub(crate) const REFUSED: &str = "identities that are refused";
    /// Pages that a crawl of the source release found show what they showed.
    pub(crate) const PAGES: &str = "pages";
    /// The structure of the database is that of a fresh installation.
    pub(crate) const FRESH_STRUCTURE: &str = "structure";
    /// The rows that a fresh installation begins with are there.
    pub(crate) const FRESH_ROWS: &str = "rows";
    /// The files of a fresh installation, and the settings in them, are there.
    pub(crate) const FRESH_FILES: &str = "files";
    /// What a fresh installation sets is set.
    pub(crate) const FRESH_SETTINGS: &str = "settings";
    /// The GraphQL schema has no breaking change, except reviewed ones.
    pub(crate) const GRAPHQL_SCHEMA: &str = "schema";
    /// No log has an error that the source release did not log.
    pub(crate) const LOGS: &str = "errors";
    /// Fixed requests stay within their budget.
    pub(crate) const REQUESTS: &str = "requests";
    /// Services are ready in time.
    pub(crate) const READY: &str = "time to ready";
    /// Services use no more memory than the budget allows.
    pub(crate) const MEMORY: &str = "memory";
    /// Databases are no larger than the budget allows.
    pub(crate) const DATABASE_SIZE: &str = "database size";
    /// The files of a volume take no more space than the budget allows.
    pub(crate) const FILES_SIZE: &str = "files size";
}
