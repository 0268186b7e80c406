//! Asks PostgreSQL directly, by the `psql` beside the server: nothing of the product is in between.

use std::collections::BTreeMap;
use std::fmt::Write;

use rehearse_core::observe::{Answer, DataState, Rows, TableState};

use crate::engine::host::{Command, Host, Sink, Stdin, Stream};
use crate::engine::observer::DatabaseSite;

/// Between values, rows, and for a null: control characters that no text of a product should hold.
const FIELD: char = '\u{1f}';
const RECORD: char = '\u{1e}';
const NULL: &str = "\u{1}null\u{1}";

#[derive(Default)]
struct Output {
    out: Vec<u8>,
    err: Vec<u8>,
}

/// Answers longer than this are not for a probe.
const LONGEST: usize = 256 << 20;

impl Sink for Output {
    fn take(&mut self, stream: Stream, bytes: &[u8]) {
        let to = match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        };
        if to.len() + bytes.len() <= LONGEST {
            to.extend_from_slice(bytes);
        }
    }
}

pub(super) async fn psql<H: Host>(host: &H, site: &DatabaseSite, sql: &str) -> Result<Rows, String> {
    let argv = [
        "psql",
        "-X",
        "-q",
        "-A",
        "-t",
        "-v",
        "ON_ERROR_STOP=1",
        "-P",
        &format!("null={NULL}"),
        "-F",
        &FIELD.to_string(),
        "-R",
        &RECORD.to_string(),
        "-U",
        &site.user,
        "-d",
        &site.name,
        "-f",
        "-",
    ]
    .map(str::to_owned)
    .to_vec();
    let mut env = BTreeMap::from([
        // Text of times and floats must not depend on the server's settings.
        ("PGTZ".to_owned(), "UTC".to_owned()),
        ("PGDATESTYLE".to_owned(), "ISO".to_owned()),
        ("PGCLIENTENCODING".to_owned(), "UTF8".to_owned()),
        ("PGAPPNAME".to_owned(), "rehearse".to_owned()),
        ("PGCONNECT_TIMEOUT".to_owned(), "10".to_owned()),
    ]);
    env.extend(site.password.iter().map(|password| ("PGPASSWORD".to_owned(), password.clone())));
    let command =
        Command { argv, env, stdin: Some(Stdin::Bytes(format!("{sql}\n;\n").into_bytes())), ..Command::default() };
    let mut output = Output::default();
    let code =
        host.exec(&site.deployment, &site.service, &command, &mut output).await.map_err(|error| error.chain())?;
    if code != 0 {
        let text = String::from_utf8_lossy(&output.err).split_whitespace().collect::<Vec<_>>().join(" ");
        return Err(format!("psql ended with {code}: {text}"));
    }
    let text = String::from_utf8_lossy(&output.out).into_owned();
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let value = |value: &str| (value != NULL).then(|| value.to_owned());
    let rows = text.split(RECORD).filter(|_| !text.is_empty());
    Ok(Rows { rows: rows.map(|row| row.split(FIELD).map(value).collect()).collect() })
}

pub(super) async fn rows<H: Host>(host: &H, site: &DatabaseSite, sql: &str) -> Answer {
    match psql(host, site, sql.trim().trim_end_matches(';')).await {
        Ok(rows) => Answer::Rows(rows),
        Err(reason) => Answer::Broken { reason },
    }
}

pub(super) async fn sessions<H: Host>(host: &H, site: &DatabaseSite) -> Result<u64, String> {
    let sql = "select count(*) from pg_stat_activity where datname = current_database() \
               and pid <> pg_backend_pid() and backend_type = 'client backend' and application_name <> 'rehearse'";
    let rows = psql(host, site, sql).await?;
    rows.value().and_then(|count| count.parse().ok()).ok_or_else(|| "no count of sessions".to_owned())
}

/// Every column of every ordinary table, and whether it belongs to the primary key.
const COLUMNS: &str = "select n.nspname, c.relname, a.attname, \
     coalesce(a.attnum = any(i.indkey), false) \
     from pg_class c join pg_namespace n on n.oid = c.relnamespace \
     join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped \
     left join pg_index i on i.indrelid = c.oid and i.indisprimary \
     where c.relkind in ('r', 'p') and not c.relispartition \
     and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_%' \
     order by 1, 2, a.attnum";

#[derive(Default)]
struct Table {
    schema: String,
    name: String,
    columns: Vec<String>,
    key: Vec<String>,
}

pub(super) async fn tables<H: Host>(
    host: &H,
    site: &DatabaseSite,
    basis: Option<&DataState>,
) -> Result<DataState, String> {
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for row in psql(host, site, COLUMNS).await?.rows {
        let [Some(schema), Some(name), Some(column), Some(key)] = row.as_slice() else {
            return Err("the catalog cannot be read".to_owned());
        };
        let full = if schema == "public" { name.clone() } else { format!("{schema}.{name}") };
        let table = tables.entry(full).or_default();
        table.schema.clone_from(schema);
        table.name.clone_from(name);
        table.columns.push(column.clone());
        if key == "t" {
            table.key.push(column.clone());
        }
    }
    let mut state = DataState::default();
    // Tables are asked in lots, so that a statement stays readable and within what a server takes.
    let all: Vec<(&String, &Table)> = tables.iter().collect();
    for lot in all.chunks(50) {
        let mut sql = String::new();
        let mut asked = Vec::new();
        for (full, table) in lot {
            let before = basis.and_then(|basis| basis.tables.get(*full));
            let (columns, key) = compared(table, before);
            if !sql.is_empty() {
                sql.push_str(" union all ");
            }
            // Writing to a string cannot fail.
            let _ = write!(
                sql,
                "select {}, count(*)::text, {} from {}.{} t",
                literal(full),
                sums(&columns, &key),
                quoted(&table.schema),
                quoted(&table.name)
            );
            asked.push((*full, *table, columns, key));
        }
        for row in psql(host, site, &sql).await?.rows {
            let [Some(full), Some(rows), Some(sums)] = row.as_slice() else {
                return Err("a table cannot be read".to_owned());
            };
            let Some((full, table, columns, key)) = asked.iter().find(|(name, ..)| *name == full) else {
                return Err(format!("an answer about {full}, which was not asked"));
            };
            let sums: Vec<&str> = if columns.is_empty() { Vec::new() } else { sums.split(',').collect() };
            if sums.len() != columns.len() {
                return Err(format!("table {full}: {} checksums for {} columns", sums.len(), columns.len()));
            }
            let sums = columns.iter().cloned().zip(sums.into_iter().map(str::to_owned)).collect();
            let rows = rows.parse().map_err(|_| format!("table {full}: no count of rows"))?;
            let state_of = TableState { rows, key: key.clone(), columns: table.columns.clone(), sums };
            state.tables.insert((*full).clone(), state_of);
        }
    }
    Ok(state)
}

/// The columns that are compared and the key they are tied to: those of the basis that are still there.
fn compared(table: &Table, before: Option<&TableState>) -> (Vec<String>, Vec<String>) {
    let there = |column: &&String| table.columns.contains(column);
    match before {
        None => (table.columns.clone(), table.key.clone()),
        Some(before) => {
            let columns = before.sums.keys().filter(there).cloned().collect();
            (columns, before.key.iter().filter(there).cloned().collect())
        }
    }
}

/// One text of order-free checksums, a comma between: the sum of the hashes of each value tied to its row's key.
/// `hashtextextended` gives 64 bits (PostgreSQL 11 and newer); the sum is taken in `numeric`, which cannot overflow.
fn sums(columns: &[String], key: &[String]) -> String {
    if columns.is_empty() {
        return "''".to_owned();
    }
    let text = |column: &String| format!("coalesce(t.{}::text, E'\\x01')", quoted(column));
    let tie: String = key.iter().map(|column| format!(" || E'\\x02' || {}", text(column))).collect();
    let each =
        columns.iter().map(|column| format!("coalesce(sum(hashtextextended({}{tie}, 0)::numeric), 0)", text(column)));
    format!("concat_ws(',', {})", each.collect::<Vec<_>>().join(", "))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
