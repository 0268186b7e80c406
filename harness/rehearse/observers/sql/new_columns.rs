//! What is in the new columns of tables that were there: which rows hold something else than they are expected to.

use std::collections::BTreeMap;

use rehearse_core::observation::{KnownColumns, NewColumnState, NewValue, TableQuery, TableState, Unread};
use rehearse_core::vocabulary::wildcard::fits;

use super::client::Client;
use super::part::{Part, Table, Value};
use crate::engine::host::Commands;

type Read = BTreeMap<String, BTreeMap<String, Result<NewColumnState, Unread>>>;

/// A new column that is to be read.
struct Wanted {
    table: String,
    column: String,
    default: Option<String>,
    /// Whether an expression of a rule is in it, which may be wrong.
    by_rule: bool,
    part: Part,
}

/// Reads all new columns; those with an expression of a rule one by one, so that a wrong one spoils no other.
pub(super) async fn read<H: Commands>(
    client: &Client<'_, H>,
    catalog: &BTreeMap<String, Table>,
    query_spec: &TableQuery,
) -> Read {
    let mut state = Read::new();
    let (mut plain, mut parts) = (Vec::new(), Vec::new());
    for (name, known) in &query_spec.new_columns {
        let Some(table) = catalog.get(name) else { continue };
        for column in table.columns.iter().filter(|column| !known.columns.contains(&column.name)) {
            let Wanted { table, column, default, by_rule, part } =
                wanted(client, name, table, known, column, query_spec);
            if by_rule {
                let read = super::single(client, part).await;
                add(&mut state, (table, column, default), read);
            } else {
                plain.push((table, column, default));
                parts.push(part);
            }
        }
    }
    match client.read(&parts).await {
        Ok(tables) => plain.into_iter().zip(tables).for_each(|(of, table)| add(&mut state, of, Ok(table))),
        Err(reason) => plain.into_iter().for_each(|of| add(&mut state, of, Err(reason.clone()))),
    }
    state
}

fn add(state: &mut Read, (table, column, default): (String, String, Option<String>), read: Result<TableState, Unread>) {
    let read = read.map(|rows| NewColumnState { default, rows });
    state.entry(table).or_default().insert(column, read);
}

fn wanted<H: Commands>(
    client: &Client<'_, H>,
    name: &str,
    table: &Table,
    known: &KnownColumns,
    column: &Value,
    query_spec: &TableQuery,
) -> Wanted {
    let dialect = client.dialect;
    let full = format!("{}.{}", known.was, column.name);
    let rule = query_spec.new_values.iter().find(|(pattern, _)| fits(pattern, &full)).map(|(_, value)| value);
    let default = column.default.clone().filter(|default| dialect.is_constant(default));
    let holds = format!("{} is not null", column.sql);
    let mut conditions = match (rule, &default) {
        (Some(NewValue::Sql(sql)), _) => vec![dialect.differs(column, sql)],
        (None, Some(default)) => vec![holds, dialect.differs(column, default)],
        (Some(NewValue::Any), _) | (None, None) => vec![holds],
    };
    if let (Some(top), [key]) = (&known.top, table.key.as_slice())
        && let Some(key) = table.column(key)
    {
        conditions.push(format!("{} <= {top}", key.sql));
    }
    Wanted {
        table: name.to_owned(),
        column: column.name.clone(),
        default,
        by_rule: matches!(rule, Some(NewValue::Sql(_))),
        part: Part::of_column(name, table, column, conditions),
    }
}
