//! What can be changed in a database on purpose: a value or a row of each table, an object of each kind.

use rehearse_core::mutation::{Mutation, MutationKind, MutationTarget, SqlMutation};
use rehearse_core::planning::plan::MutationBatch;

use super::client::Client;
use super::dialect::{Database, Dialect};
use super::part::{Table, Value};
use crate::engine::host::Commands;

/// The mutations of a batch that this database has room for. Where several are of the same table, or of the same object, the
/// first that the server takes is enough.
pub(super) async fn read<H: Commands>(
    client: &Client<'_, H>,
    batch: MutationBatch,
) -> Result<Vec<SqlMutation>, String> {
    match batch {
        MutationBatch::Responses | MutationBatch::Services => Ok(Vec::new()),
        MutationBatch::Values => {
            let catalog = super::catalog(client).await?;
            Ok(catalog.iter().flat_map(|(name, table)| values(client.dialect, name, table)).collect())
        }
        MutationBatch::Rows => {
            let catalog = super::catalog(client).await?;
            let row = |(name, table): (&String, &Table)| SqlMutation {
                mutation: Mutation { kind: MutationKind::RowLost, target: MutationTarget::Table(name.clone()) },
                statements: client.dialect.deletions(&table.sql),
            };
            Ok(catalog.iter().map(row).collect())
        }
        MutationBatch::Structure => structure(client).await,
    }
}

/// A change of a value for every column that may take one, those first whose values are texts of people.
fn values(dialect: &dyn Dialect, name: &str, table: &Table) -> Vec<SqlMutation> {
    let ordinary = table.columns.iter().filter(|column| !table.key.contains(&column.name));
    let mut columns: Vec<&Value> = ordinary.collect();
    columns.sort_by_key(|value| !is_text(&value.of_type));
    let mutation = |value: &Value| {
        let changed = dialect.changed(value)?;
        let target = MutationTarget::Column { table: name.to_owned(), column: value.name.clone() };
        let mutation = Mutation { kind: MutationKind::ValueChanged, target };
        Some(SqlMutation { mutation, statements: vec![dialect.update(&table.sql, value, &changed)] })
    };
    columns.into_iter().filter_map(mutation).collect()
}

/// Whether a type holds texts, in both dialects.
pub(super) fn is_text(of_type: &str) -> bool {
    ["text", "char", "character"].iter().any(|part| of_type.contains(part))
}

async fn structure<H: Commands>(client: &Client<'_, H>) -> Result<Vec<SqlMutation>, String> {
    let mut all = Vec::new();
    for row in client.query(client.dialect.object_changes()).await?.rows {
        let [Some(kind), Some(of), Some(statement)] = row.as_slice() else {
            return Err("the objects that can be changed cannot be read".to_owned());
        };
        let kind = MutationKind::named(kind).ok_or_else(|| format!("a change of an unknown kind: {kind}"))?;
        let mutation = Mutation { kind, target: MutationTarget::Structure(of.clone()) };
        all.push(SqlMutation { mutation, statements: vec![statement.clone()] });
    }
    Ok(all)
}
