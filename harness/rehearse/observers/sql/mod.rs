//! Asks a database directly, by the client program beside the server: nothing of the product is in between.
//!
//! A question of its own gets a client of its own, which leaves nothing behind: no session is open when a step of the
//! product drops a database, or when it is proven that nobody is on it. What a wait asks again and again goes through
//! [`Sessions`], which are closed as the wait ends.

mod mysql;
mod mysql_structure;
mod part;
mod postgres;
mod postgres_activity;
mod postgres_structure;
mod reader;
mod refusal;
mod session;
mod sessions;
mod structure;

use std::collections::BTreeMap;

use rehearse_core::model::product::Engine;
use rehearse_core::observation::activity::Activity;
use rehearse_core::observation::{DataState, Response, Rows, TableQuery, TableState};

use crate::engine::host::{Host, Sink, Stream};
use crate::engine::observer::DatabaseTarget;

use part::{Part, Table};
use reader::Reader;
use refusal::Failure;
pub(super) use sessions::Sessions;

/// Answers longer than this are not for a probe.
const LONGEST: usize = 64 << 20;
/// Nor are those of more values: each takes many times its text.
const MOST_VALUES: usize = 4_000_000;
/// What a client says before it fails.
const WORDS: usize = 64 << 10;
/// Of an answer that is too long its end is kept: there stands whether it is whole.
const END: usize = 256;

/// What a client program prints, whole or not at all.
#[derive(Default)]
struct Output {
    out: Vec<u8>,
    err: Vec<u8>,
    over: bool,
}

impl Sink for Output {
    fn take(&mut self, stream: Stream, bytes: &[u8]) {
        match stream {
            Stream::Err => words(&mut self.err, bytes),
            Stream::Out if self.over || self.out.len() + bytes.len() > LONGEST => {
                self.over = true;
                self.out.extend_from_slice(bytes.get(bytes.len().saturating_sub(END)..).unwrap_or_default());
                self.out = self.out.split_off(self.out.len().saturating_sub(END));
            }
            Stream::Out => self.out.extend_from_slice(bytes),
        }
    }
}

impl Output {
    /// Whether this is how it ends, on a line of its own; takes it off then.
    fn take_end(&mut self, end: &[u8]) -> bool {
        let Some(before) = self.out.strip_suffix(end).map(<[u8]>::len) else { return false };
        let begins_a_line = before == 0 || self.out.get(before - 1) == Some(&b'\n');
        if begins_a_line {
            self.out.truncate(before);
        }
        begins_a_line
    }

    /// The rows of it, which are lists of values between these signs.
    fn text(&self, between: &[u8]) -> Result<std::borrow::Cow<'_, str>, String> {
        if self.over {
            return Err(format!("an answer of more than {} MiB", LONGEST >> 20));
        }
        if self.out.iter().filter(|byte| between.contains(byte)).count() > MOST_VALUES {
            return Err(format!("an answer of more than {MOST_VALUES} values"));
        }
        Ok(String::from_utf8_lossy(&self.out))
    }
}

/// Keeps the beginning of what a client says besides its answer.
fn words(err: &mut Vec<u8>, bytes: &[u8]) {
    let room = WORDS.saturating_sub(err.len());
    err.extend_from_slice(&bytes[..bytes.len().min(room)]);
}

/// What a client program said when it failed, as one line.
fn last_words(program: &str, code: i64, err: &[u8]) -> String {
    const LONGEST: usize = 4000;
    let text = String::from_utf8_lossy(err).split_whitespace().collect::<Vec<_>>().join(" ");
    let end = text.char_indices().nth(LONGEST).map_or(text.len(), |(end, _)| end);
    format!("{program} ended with {code}: {}", text.get(..end).unwrap_or_default())
}

async fn ask<H: Host>(host: &H, site: &DatabaseTarget, sql: &str) -> Result<Rows, Failure> {
    match site.engine {
        Engine::Postgresql => postgres::ask(host, site, sql).await,
        Engine::Mysql => mysql::ask(host, site, sql).await,
    }
}

pub(super) async fn rows<H: Host>(host: &H, site: &DatabaseTarget, sql: &str) -> Response {
    response(ask(host, site, statement(sql)).await)
}

/// Asks what a wait asks again and again.
pub(super) async fn rows_again<H: Host>(host: &H, sessions: &Sessions, site: &DatabaseTarget, sql: &str) -> Response {
    response(sessions.ask(host, site, statement(sql)).await)
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

pub(super) async fn sessions<H: Host>(host: &H, site: &DatabaseTarget) -> Result<u64, String> {
    let sql = match site.engine {
        Engine::Postgresql => postgres::SESSIONS,
        Engine::Mysql => mysql::SESSIONS,
    };
    let rows = ask(host, site, sql).await?;
    rows.value().and_then(|count| count.parse().ok()).ok_or_else(|| "no count of sessions".to_owned())
}

/// What the others' sessions do; none for a kind of server that is not watched.
pub(super) async fn activity<H: Host>(host: &H, site: &DatabaseTarget) -> Result<Option<Activity>, String> {
    match site.engine {
        Engine::Postgresql => postgres_activity::read(host, site).await.map(Some),
        Engine::Mysql => Ok(None),
    }
}

/// Reads tables: own state, views for another state's rules, and the structure.
pub(super) async fn tables<H: Host>(
    host: &H,
    site: &DatabaseTarget,
    reading: &TableQuery,
) -> Result<DataState, String> {
    let catalog = catalog(host, site).await?;
    let own: Vec<Part> = catalog.iter().map(|(name, table)| Part::own(name, table, site.engine, reading)).collect();
    let mut state = DataState::default();
    for (part, table) in own.iter().zip(read(host, site, &own).await?) {
        state.tables.insert(part.name.clone(), table);
    }
    for (name, view) in &reading.views {
        let Some(table) = catalog.get(&view.table) else { continue };
        match Part::view(name, view, table, site.engine) {
            Ok(Some(part)) => drop(state.viewed.insert(name.clone(), single(host, site, part).await)),
            Ok(None) => {}
            Err(reason) => drop(state.viewed.insert(name.clone(), Err(reason))),
        }
    }
    for (name, condition) in &reading.without {
        let Some(table) = catalog.get(name) else { continue };
        let mut part = Part::own(name, table, site.engine, reading);
        part.conditions.push(format!("({condition}) is not true"));
        let read = single(host, site, part).await;
        state.without.entry(name.clone()).or_default().insert(condition.clone(), read);
    }
    state.structure = Some(structure::read(host, site).await?);
    Ok(state)
}

async fn single<H: Host>(host: &H, site: &DatabaseTarget, part: Part) -> Result<TableState, String> {
    read(host, site, &[part]).await?.pop().ok_or_else(|| "nothing was read".to_owned())
}

/// Reads parts in one look: one session, one snapshot.
async fn read<H: Host>(host: &H, site: &DatabaseTarget, parts: &[Part]) -> Result<Vec<TableState>, String> {
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    let mut reader = Reader::new(parts, site.engine);
    match site.engine {
        Engine::Postgresql => {
            postgres::run(host, site, postgres::script(parts), &mut reader).await?;
        }
        Engine::Mysql => mysql::run(host, site, mysql::script(parts), &mut reader).await?,
    }
    reader.finish()
}

/// Every column of every ordinary table, its type, and whether it belongs to the primary key.
async fn catalog<H: Host>(host: &H, site: &DatabaseTarget) -> Result<BTreeMap<String, Table>, String> {
    let (sql, usual) = match site.engine {
        Engine::Postgresql => (postgres::COLUMNS, "public"),
        Engine::Mysql => (mysql::COLUMNS, ""),
    };
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for row in ask(host, site, sql).await?.rows {
        let [Some(schema), Some(name), Some(column), Some(key), Some(of_type)] = row.as_slice() else {
            return Err("the catalog cannot be read".to_owned());
        };
        let full = if schema == usual { name.clone() } else { format!("{schema}.{name}") };
        let table = tables.entry(full).or_default();
        table.schema.clone_from(schema);
        table.name.clone_from(name);
        table.columns.push((column.clone(), of_type.clone()));
        if key == "t" {
            table.key.push(column.clone());
        }
    }
    Ok(tables)
}

#[cfg(test)]
mod tests;
