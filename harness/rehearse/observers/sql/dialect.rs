//! The differences between kinds of database servers: their client program, their SQL, and the output of both.

use futures_util::future::{self, BoxFuture, FutureExt};
use rehearse_core::observation::activity::Activity;
use rehearse_core::observation::{Rows, Unread};

use super::output::Output;
use super::part::{Part, Value};
use crate::engine::host::Command;
use crate::engine::observer::DatabaseTarget;

/// A kind of server. Everything else in this folder works with any of them.
pub(super) trait Dialect: Sync {
    /// The command that starts the client, with its SQL; without SQL, the client takes input while it runs.
    fn command(&self, target: &DatabaseTarget, sql: Option<String>) -> Command;

    /// The input of a client that runs one statement only.
    fn single(&self, sql: &str) -> String;

    /// The input of a client that keeps running, for one statement. The client prints the mark after the result; then it
    /// resets the session, and prints the mark followed by ` rested`.
    fn marked(&self, sql: &str, mark: &str) -> String;

    /// Reads the rows that the client has printed.
    fn rows(&self, output: &Output) -> Result<Rows, String>;

    /// What it means that the client ended with this code and printed this to standard error.
    fn failure(&self, code: i64, err: &[u8]) -> Unread;

    /// A query for the number of sessions of others.
    fn sessions(&self) -> &'static str;

    /// A query for every column of every ordinary table, in order: schema, table, column, whether it belongs to the primary
    /// key (`t`), its type, and its default as SQL.
    fn columns(&self) -> &'static str;

    /// The schema that is left out of table names.
    fn default_schema(&self) -> &'static str;

    /// A name, quoted.
    fn quoted(&self, name: &str) -> String;

    /// Whether a default is the same whenever it is evaluated.
    fn is_constant(&self, default: &str) -> bool;

    /// A condition: a column holds something else than an expression gives, null included.
    fn differs(&self, column: &Value, expression: &str) -> String;

    /// A script that reads parts in one snapshot; its output is for [`super::reader::Reader`].
    fn script(&self, parts: &[Part]) -> String;

    /// The prefix of lines in a script's output that are not rows: a text that no row can begin with.
    fn mark(&self) -> &'static str;

    /// Converts a row of a script's output to the form that is kept: tabs between values, and `\N` for null.
    fn row(&self, line: &str) -> Box<str>;

    /// The queries for the structure. They may depend on what the database returns first.
    fn structure<'a>(&'a self, database: &'a dyn Database) -> BoxFuture<'a, Result<StructureQueries, String>>;

    /// An expression for another value of a column, on the table under its alias; `None` for a type that has none.
    fn changed(&self, value: &Value) -> Option<String>;

    /// A statement that changes the value of one row, and returns how many rows it changed.
    fn update(&self, table: &str, value: &Value, changed: &str) -> String;

    /// Statements that delete one row and return how many they deleted, the best one first.
    fn deletions(&self, table: &str) -> Vec<String>;

    /// A query for changes of objects: the kind of [`rehearse_core::mutation::MutationKind`], the table or the object, and a
    /// statement that makes the change and returns 1.
    fn object_changes(&self) -> &'static str;

    /// What the sessions of others do; `None` if that cannot be watched.
    fn activity<'a>(&'a self, _database: &'a dyn Database) -> BoxFuture<'a, Result<Option<Activity>, String>> {
        future::ready(Ok(None)).boxed()
    }
}

/// A database that can be queried, wherever it runs.
pub(super) trait Database: Sync {
    /// The rows of one statement, by a client of its own.
    fn query<'a>(&'a self, sql: &'a str) -> BoxFuture<'a, Result<Rows, Unread>>;
}

/// Queries for what holds tables together.
pub(super) struct StructureQueries {
    /// Returns rows of kind, table, columns (the character U+0002 between them), the table it refers to, its text, and
    /// whether it does not hold (`t`).
    pub(super) items: Vec<String>,
    /// Returns rows of a sequence's name and the last value that it gave out.
    pub(super) sequences: String,
}
