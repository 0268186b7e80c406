//! Asks a database directly, by the client program beside the server: nothing of the product is in between.
//!
//! A question of its own gets a client of its own, which leaves nothing behind: no session is open when a step of the
//! product drops a database, or when it is proven that nobody is on it. What a wait asks again and again goes through
//! [`Sessions`], which are closed as the wait ends.

mod client;
mod dialect;
mod mysql;
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
use rehearse_core::observation::activity::Activity;
use rehearse_core::observation::{DataState, Response, Rows, TableQuery, TableState};

use crate::engine::host::Commands;
use crate::engine::observer::DatabaseTarget;

use client::Client;
use dialect::{Ask, Dialect};
use part::{Part, Table, Value};
use refusal::Failure;
pub(super) use sessions::Sessions;

/// Each kind of server, and the module that knows it: the only place that tells one from another.
fn dialect(engine: Engine) -> &'static dyn Dialect {
    match engine {
        Engine::Postgresql => &postgres::Postgres,
        Engine::Mysql => &mysql::Mysql,
    }
}

fn client<'a, H: Commands>(host: &'a H, site: &'a DatabaseTarget) -> Client<'a, H> {
    Client::new(host, site, dialect(site.engine))
}

pub(super) async fn rows<H: Commands>(host: &H, site: &DatabaseTarget, sql: &str) -> Response {
    response(client(host, site).ask(statement(sql)).await)
}

/// Asks what a wait asks again and again.
pub(super) async fn rows_again<H: Commands>(
    host: &H,
    sessions: &Sessions,
    site: &DatabaseTarget,
    sql: &str,
) -> Response {
    response(sessions.ask(&client(host, site), statement(sql)).await)
}

fn statement(sql: &str) -> &str {
    sql.trim().trim_end_matches(';')
}

fn response(rows: Result<Rows, Failure>) -> Response {
    match rows {
        Ok(rows) => Response::Rows(rows),
        Err(Failure::Refused(refusal)) => Response::Rejected(refusal),
        Err(Failure::Unasked(reason)) => Response::ProbeError { reason },
    }
}

pub(super) async fn sessions<H: Commands>(host: &H, site: &DatabaseTarget) -> Result<u64, String> {
    let client = client(host, site);
    let rows = client.ask(client.dialect.sessions()).await?;
    rows.value().and_then(|count| count.parse().ok()).ok_or_else(|| "no count of sessions".to_owned())
}

/// What the others' sessions do; none for a kind of server that is not watched.
pub(super) async fn activity<H: Commands>(host: &H, site: &DatabaseTarget) -> Result<Option<Activity>, String> {
    let client = client(host, site);
    client.dialect.activity(&client).await
}

/// Reads tables: own state, views for another state's rules, and the structure.
pub(super) async fn tables<H: Commands>(
    host: &H,
    site: &DatabaseTarget,
    reading: &TableQuery,
) -> Result<DataState, String> {
    let client = client(host, site);
    let catalog = catalog(&client).await?;
    let own: Vec<Part> = catalog.iter().map(|(name, table)| Part::own(name, table, reading)).collect();
    let mut state = DataState::default();
    for (part, table) in own.iter().zip(client.read(&own).await?) {
        state.tables.insert(part.name.clone(), table);
    }
    for (name, view) in &reading.views {
        let Some(table) = catalog.get(&view.table) else { continue };
        match Part::view(name, view, table) {
            Ok(Some(part)) => drop(state.viewed.insert(name.clone(), single(&client, part).await)),
            Ok(None) => {}
            Err(reason) => drop(state.viewed.insert(name.clone(), Err(reason))),
        }
    }
    for (name, condition) in &reading.without {
        let Some(table) = catalog.get(name) else { continue };
        let mut part = Part::own(name, table, reading);
        part.conditions.push(format!("({condition}) is not true"));
        let read = single(&client, part).await;
        state.without.entry(name.clone()).or_default().insert(condition.clone(), read);
    }
    state.structure = Some(structure::read(&client).await?);
    Ok(state)
}

async fn single<H: Commands>(client: &Client<'_, H>, part: Part) -> Result<TableState, String> {
    client.read(&[part]).await?.pop().ok_or_else(|| "nothing was read".to_owned())
}

/// Every column of every ordinary table, its type, and whether it belongs to the primary key.
async fn catalog<H: Commands>(client: &Client<'_, H>) -> Result<BTreeMap<String, Table>, String> {
    let dialect = client.dialect;
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for row in client.ask(dialect.columns()).await?.rows {
        let [Some(schema), Some(name), Some(column), Some(key), Some(of_type)] = row.as_slice() else {
            return Err("the catalog cannot be read".to_owned());
        };
        let full = if schema == dialect.usual_schema() { name.clone() } else { format!("{schema}.{name}") };
        let quoted = dialect.quoted(name);
        let sql = if schema.is_empty() { quoted } else { format!("{}.{quoted}", dialect.quoted(schema)) };
        let table = tables.entry(full).or_insert_with(|| Table { sql, columns: Vec::new(), key: Vec::new() });
        let sql = format!("{}.{}", part::ALIAS, dialect.quoted(column));
        table.columns.push(Value { name: column.clone(), sql, of_type: of_type.clone() });
        if key == "t" {
            table.key.push(column.clone());
        }
    }
    Ok(tables)
}

#[cfg(test)]
mod tests;
