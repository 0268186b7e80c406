//! Reads what holds tables together.

use rehearse_core::model::product::Engine;
use rehearse_core::observation::{Item, ItemKind, Structure};

use crate::engine::host::Host;
use crate::engine::observer::DatabaseTarget;

use super::{ask, mysql, mysql_structure, postgres_structure};

/// Reads it: rows of kind, table, columns (a comma between), table it refers to, text, and whether it does not hold.
pub(super) async fn read<H: Host>(host: &H, site: &DatabaseTarget) -> Result<Structure, String> {
    let (items, sequences) = match site.engine {
        Engine::Postgresql => (postgres_structure::ITEMS.to_owned(), postgres_structure::SEQUENCES.to_owned()),
        Engine::Mysql => (mysql_items(host, site).await?, mysql_sequences(host, site).await?),
    };
    let mut structure = Structure::default();
    for row in ask(host, site, &items).await?.rows {
        let [Some(kind), Some(table), columns, refers, Some(text), Some(broken)] = row.as_slice() else {
            return Err("the structure cannot be read".to_owned());
        };
        let kind = match kind.as_str() {
            "index" => ItemKind::Index,
            "foreign key" => ItemKind::ForeignKey,
            "constraint" => ItemKind::Constraint,
            "not null" => ItemKind::NotNull,
            "default" => ItemKind::Default,
            "type" => ItemKind::Type,
            "trigger" => ItemKind::Trigger,
            "view" => ItemKind::View,
            "privilege" => ItemKind::Privilege,
            "owner" => ItemKind::Owner,
            other => return Err(format!("structure of an unknown kind: {other}")),
        };
        let list = columns.iter().flat_map(|columns| columns.split('\u{2}')).filter(|column| !column.is_empty());
        let mut columns: Vec<String> = list.map(str::to_owned).collect();
        columns.sort();
        columns.dedup();
        let (table, refers, text) = (table.clone(), refers.clone(), text.clone());
        structure.items.push(Item { kind, table, columns, refers, text, broken: broken == "t" });
    }
    structure.items.sort();
    structure.items.dedup();
    for row in ask(host, site, &sequences).await?.rows {
        let [Some(name), Some(last)] = row.as_slice() else { return Err("a sequence cannot be read".to_owned()) };
        let last = last.parse().map_err(|_| format!("sequence {name}: {last} is no number"))?;
        structure.sequences.insert(name.clone(), last);
    }
    Ok(structure)
}

async fn mysql_items<H: Host>(host: &H, site: &DatabaseTarget) -> Result<String, String> {
    let version = ask(host, site, "select version()").await?;
    let mariadb = version.value().is_some_and(|version| version.contains("MariaDB"));
    let of_table = if mariadb { mysql_structure::CHECK_OF_TABLE } else { "" };
    Ok(mysql_structure::ITEMS.replace("CHECK_OF_TABLE", of_table).replace("\\x02", "\u{2}"))
}

/// A sequence is a table of one row, which has to be asked by itself.
async fn mysql_sequences<H: Host>(host: &H, site: &DatabaseTarget) -> Result<String, String> {
    let mut sql = mysql_structure::COUNTERS.to_owned();
    for row in ask(host, site, mysql_structure::SEQUENCES).await?.rows {
        if let [Some(name)] = row.as_slice() {
            let (text, name) = (name.replace('\'', "''"), mysql::quoted(name));
            sql.push_str(&format!(" union all select '{text}', next_not_cached_value - 1 from {name}"));
        }
    }
    Ok(sql)
}
