//! Reads what holds tables together.

use rehearse_core::observation::{Item, ItemKind, Structure};

use super::client::Client;
use super::dialect::Database;
use crate::engine::host::Commands;

/// What the queries call an index that is unique by its columns alone.
const UNIQUE_INDEX: &str = "unique index";

/// Reads the structure with the queries of the server's dialect.
pub(super) async fn read<H: Commands>(client: &Client<'_, H>) -> Result<Structure, String> {
    let queries = client.dialect.structure(client).await?;
    let mut structure = Structure::default();
    let mut rows = Vec::new();
    for items in &queries.items {
        rows.extend(client.query(items).await?.rows);
    }
    for row in rows {
        let [Some(kind), Some(table), columns, refers, Some(text), Some(broken)] = row.as_slice() else {
            return Err("the structure cannot be read".to_owned());
        };
        let unique = kind == UNIQUE_INDEX;
        let kind = if unique { Some(ItemKind::Index) } else { ItemKind::named(kind) }
            .ok_or_else(|| format!("structure of an unknown kind: {kind}"))?;
        let list = columns.iter().flat_map(|columns| columns.split('\u{2}')).filter(|column| !column.is_empty());
        let mut columns: Vec<String> = list.map(str::to_owned).collect();
        columns.sort();
        columns.dedup();
        if unique && !columns.is_empty() {
            structure.unique_keys.entry(table.clone()).or_default().insert(columns.clone());
        }
        let (table, refers, text) = (table.clone(), refers.clone(), text.clone());
        structure.items.push(Item { kind, table, columns, refers, text, broken: broken == "t" });
    }
    structure.items.sort();
    structure.items.dedup();
    for row in client.query(&queries.sequences).await?.rows {
        let [Some(name), Some(last)] = row.as_slice() else { return Err("a sequence cannot be read".to_owned()) };
        let last = last.parse().map_err(|_| format!("sequence {name}: {last} is not a number"))?;
        structure.sequences.insert(name.clone(), last);
    }
    Ok(structure)
}
