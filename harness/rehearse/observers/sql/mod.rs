//! Queries a database directly, with the client program next to the server, so that nothing of the product is in between.
//!
//! A single query gets a client of its own, which leaves nothing behind: no session is open when a step of the product drops
//! a database, or when it is proved that nobody uses it. Queries that a wait repeats go through [`Sessions`], which are
//! closed when the wait ends.

mod client;
mod dialect;
mod mutation;
mod mysql;
mod new_columns;
mod output;
mod part;
mod postgres;
mod reader;
mod refusal;
mod session;
mod sessions;
mod structure;

use std::collections::BTreeMap;

use rehearse_core::model::product::Engine;
use rehearse_core::mutation::SqlMutation;
use rehearse_core::observation::activity::Activity;
use rehearse_core::observation::{
    DataState, Derivation, Derived, OWN_STATEMENT, Response, Rows, Selection, TableQuery, TableState, Unread,
};
use rehearse_core::planning::plan::MutationBatch;
use rehearse_core::vocabulary::wildcard::fits;

use crate::engine::host::Commands;
use crate::engine::observer::DatabaseTarget;

use client::Client;
use dialect::{Database, Dialect};
use part::{Part, Table, Value};
pub(super) use sessions::Sessions;

/// The dialect of each kind of server: the only place that distinguishes them.
fn dialect(engine: Engine) -> &'static dyn Dialect {
    match engine {
        Engine::Postgresql => &postgres::Postgres,
        Engine::Mysql => &mysql::Mysql,
    }
}

fn client<'a, H: Commands>(host: &'a H, target: &'a DatabaseTarget) -> Client<'a, H> {
    Client::new(host, target, dialect(target.engine))
}

pub(super) async fn rows<H: Commands>(host: &H, target: &DatabaseTarget, sql: &str) -> Response {
    response(client(host, target).query(statement(sql)).await)
}

/// Sends a query that a wait repeats.
pub(super) async fn rows_again<H: Commands>(
    host: &H,
    sessions: &Sessions,
    target: &DatabaseTarget,
    sql: &str,
) -> Response {
    response(sessions.query(&client(host, target), statement(sql)).await)
}

/// A statement with the sign that it is ours.
fn own(sql: &str) -> String {
    format!("{OWN_STATEMENT} {sql}")
}

fn statement(sql: &str) -> &str {
    sql.trim().trim_end_matches(';')
}

fn response(rows: Result<Rows, Unread>) -> Response {
    match rows {
        Ok(rows) => Response::Rows(rows),
        Err(Unread::Refused(refusal)) => Response::Rejected(refusal),
        Err(Unread::Unavailable(reason)) => Response::ProbeError { reason },
    }
}

pub(super) async fn sessions<H: Commands>(host: &H, target: &DatabaseTarget) -> Result<u64, String> {
    let client = client(host, target);
    let rows = client.query(client.dialect.sessions()).await?;
    rows.value()
        .and_then(|count| count.parse().ok())
        .ok_or_else(|| "the server returned no number of sessions".to_owned())
}

/// What the sessions of others do; `None` for a kind of server that cannot be watched.
pub(super) async fn activity<H: Commands>(host: &H, target: &DatabaseTarget) -> Result<Option<Activity>, String> {
    let client = client(host, target);
    client.dialect.activity(&client).await
}

/// Reads tables: their own state, views for the rules of another state, and the structure.
pub(super) async fn tables<H: Commands>(
    host: &H,
    target: &DatabaseTarget,
    query_spec: &TableQuery,
) -> Result<DataState, String> {
    let client = client(host, target);
    let catalog = catalog(&client).await?;
    let own: Vec<Part> = catalog.iter().map(|(name, table)| Part::own(name, table, query_spec)).collect();
    let mut state = DataState::default();
    for (part, table) in own.iter().zip(client.read(&own).await?) {
        state.tables.insert(part.name.clone(), table);
    }
    for (name, view) in &query_spec.views {
        let Some(table) = catalog.get(&view.table) else { continue };
        match Part::view(name, view, table, query_spec) {
            Ok(Some(part)) => drop(state.viewed.insert(name.clone(), single(&client, part).await)),
            Ok(None) => {}
            Err(reason) => drop(state.viewed.insert(name.clone(), Err(reason.into()))),
        }
    }
    for wanted in &query_spec.without {
        for (name, table) in catalog.iter().filter(|(name, _)| fits(&wanted.table, name)) {
            let selection = Selection { table: name.clone(), ..wanted.clone() };
            let read = match Part::without(&selection, table, query_spec) {
                Ok(part) => single(&client, part).await,
                Err(reason) => Err(reason.into()),
            };
            state.without.push((selection, read));
        }
    }
    for wanted in &query_spec.derived {
        for (name, table) in catalog.iter().filter(|(name, _)| fits(&wanted.table, name)) {
            let read = derived(&client, name, table, wanted).await;
            state.derived.push((Derivation { table: name.clone(), ..wanted.clone() }, read));
        }
    }
    state.new_columns = new_columns::read(&client, &catalog, query_spec).await;
    state.structure = Some(structure::read(&client).await?);
    Ok(state)
}

/// What can be changed in a database on purpose.
pub(super) async fn mutations<H: Commands>(
    host: &H,
    target: &DatabaseTarget,
    batch: MutationBatch,
) -> Result<Vec<SqlMutation>, String> {
    mutation::read(&client(host, target), batch).await
}

async fn single<H: Commands>(client: &Client<'_, H>, part: Part) -> Result<TableState, Unread> {
    client.read(&[part]).await?.pop().ok_or_else(|| "nothing was read".into())
}

/// A table and the query that gives its rows, in one snapshot.
async fn derived<H: Commands>(
    client: &Client<'_, H>,
    name: &str,
    table: &Table,
    wanted: &Derivation,
) -> Result<Derived, Unread> {
    let part = |query| Part::of_columns(name, table, &wanted.columns, query);
    let mut read = client.read(&[part(None)?, part(Some(&wanted.sql))?]).await?;
    match (read.pop(), read.pop()) {
        (Some(query), Some(table)) => Ok(Derived { table, query }),
        (Some(_) | None, _) => Err("nothing was read".into()),
    }
}

/// Every column of every ordinary table, its type, its default, and whether it belongs to the primary key.
async fn catalog<H: Commands>(client: &Client<'_, H>) -> Result<BTreeMap<String, Table>, String> {
    let dialect = client.dialect;
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for row in client.query(dialect.columns()).await?.rows {
        let [Some(schema), Some(name), Some(column), Some(key), Some(of_type), default] = row.as_slice() else {
            return Err("the catalog cannot be read".to_owned());
        };
        let full = if schema == dialect.default_schema() { name.clone() } else { format!("{schema}.{name}") };
        let quoted = dialect.quoted(name);
        let sql = if schema.is_empty() { quoted } else { format!("{}.{quoted}", dialect.quoted(schema)) };
        let table = tables.entry(full).or_insert_with(|| Table { sql, columns: Vec::new(), key: Vec::new() });
        let sql = format!("{}.{}", part::ALIAS, dialect.quoted(column));
        let (name, of_type, default) = (column.clone(), of_type.clone(), default.clone());
        table.columns.push(Value { name, sql, of_type, default, whole: false });
        if key == "t" {
            table.key.push(column.clone());
        }
    }
    Ok(tables)
}

#[cfg(test)]
mod tests;
