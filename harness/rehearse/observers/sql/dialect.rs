//! What kinds of database servers differ in: their client program, their SQL, and how both say what they have to say.

use futures_util::future::{self, BoxFuture, FutureExt};
use rehearse_core::observation::Rows;
use rehearse_core::observation::activity::Activity;

use super::output::Output;
use super::part::Part;
use super::refusal::Failure;
use crate::engine::host::Command;
use crate::engine::observer::DatabaseTarget;

/// A kind of server. Everything else here works with any of them.
pub(super) trait Dialect: Sync {
    /// What messages call the client program.
    fn program(&self) -> &'static str;

    /// The client, with all that it is to be asked; without, it is spoken to.
    fn command(&self, site: &DatabaseTarget, sql: Option<String>) -> Command;

    /// What a client of its own is given for one statement.
    fn alone(&self, sql: &str) -> String;

    /// What a client that goes on is given for one statement. It prints the mark behind the answer; then forgets what the
    /// statement may have left in the session, and prints the mark with ` rested` behind it.
    fn marked(&self, sql: &str, mark: &str) -> String;

    /// The rows that the client has printed.
    fn rows(&self, output: &Output) -> Result<Rows, String>;

    /// What it means that the client ended with this code, and printed this besides its answer.
    fn failure(&self, code: i64, err: &[u8]) -> Failure;

    /// Gives the number of sessions that others hold.
    fn sessions(&self) -> &'static str;

    /// Gives every column of every ordinary table, the tables and their columns in order: schema, table, column, whether
    /// it belongs to the primary key (`t`), and its type.
    fn columns(&self) -> &'static str;

    /// The schema that names of tables are told without.
    fn usual_schema(&self) -> &'static str;

    /// A name that is taken as it stands.
    fn quoted(&self, name: &str) -> String;

    /// Reads parts in one snapshot, for the reader of their answers.
    fn script(&self, parts: &[Part]) -> String;

    /// What begins a line of a script's answer that is no row: text that no row can begin with.
    fn mark(&self) -> &'static str;

    /// A row of a script's answer as it is kept: a tab between values, and a null as `\N`.
    fn row(&self, line: &str) -> Box<str>;

    /// What to ask for the structure. That may depend on what the database answers first.
    fn structure<'a>(&'a self, database: &'a dyn Ask) -> BoxFuture<'a, Result<StructureQueries, String>>;

    /// What the others' sessions do; none where that is not watched.
    fn activity<'a>(&'a self, _database: &'a dyn Ask) -> BoxFuture<'a, Result<Option<Activity>, String>> {
        future::ready(Ok(None)).boxed()
    }
}

/// A database that is there to be asked, wherever it runs.
pub(super) trait Ask: Sync {
    /// The rows of one statement, by a client of its own.
    fn ask<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<Rows, Failure>>;
}

/// Asks for what holds tables together.
pub(super) struct StructureQueries {
    /// Gives rows of kind, table, columns (the character U+0002 between them), the table it refers to, its text, and
    /// whether it does not hold (`t`).
    pub(super) items: String,
    /// Gives rows of a sequence's name and the last value that it gave out.
    pub(super) sequences: String,
}
