//! What the checks of a product file look at, and what they do not: of what is really there, counted and named.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::product::{Probe, ProbeStep, Product};
use crate::observation::{DataState, LogReview};
use crate::outcome::coverage::{Coverage, CoverageKind};
use crate::vocabulary::wildcard::fits;

/// The coverage of a product file, by what was observed on the source release.
pub fn coverage(product: &Product, tables: Option<&DataState>, logs: &[LogReview]) -> Vec<Coverage> {
    let mut all = vec![databases(product)];
    if let Some(state) = tables {
        all.extend([of_tables(product, state), of_columns(product, state)]);
    }
    all.extend([volumes(product), identities(product), of_logs(product, logs)]);
    all.retain(|coverage| coverage.all > 0);
    all
}

fn counted(kind: CoverageKind, all: usize, unseen: BTreeMap<String, String>) -> Coverage {
    Coverage { kind, all, looked_at: all.saturating_sub(unseen.len()), unseen }
}

fn databases(product: &Product) -> Coverage {
    let read = product.checks.data.as_ref().map(|check| &check.database);
    let unread = product.databases.keys().filter(|name| read != Some(*name));
    let unseen = unread.map(|name| (name.clone(), "no check of data reads it".to_owned())).collect();
    counted(CoverageKind::Databases, product.databases.len(), unseen)
}

fn of_tables(product: &Product, state: &DataState) -> Coverage {
    let elsewhere = product.checks.data.as_ref().map(|check| &check.elsewhere);
    let because = |name: &String| Some((name.clone(), elsewhere?.get(name)?.to_string()));
    counted(CoverageKind::Tables, state.tables.len(), state.tables.keys().filter_map(because).collect())
}

fn of_columns(product: &Product, state: &DataState) -> Coverage {
    let mut unseen = BTreeMap::new();
    let mut all = 0;
    for (table, columns) in state.tables.iter().map(|(name, table)| (name, &table.columns)) {
        all += columns.len();
        let Some(check) = &product.checks.data else { continue };
        for full in columns.iter().map(|column| format!("{table}.{column}")) {
            if let Some(because) = check.elsewhere.get(table) {
                unseen.insert(full, because.to_string());
            } else if check.volatile.iter().any(|pattern| fits(pattern, &full)) {
                unseen.insert(full, "it is volatile".to_owned());
            }
        }
    }
    counted(CoverageKind::Columns, all, unseen)
}

fn volumes(product: &Product) -> Coverage {
    let read: BTreeSet<&str> = product.file_volumes().map(|(volume, _)| volume).collect();
    let all: BTreeSet<&String> = product.services.values().flat_map(|service| service.volumes.keys()).collect();
    let because = |volume: &String| {
        let stated = product.checks.files.elsewhere.get(volume).map(ToString::to_string);
        stated.unwrap_or_else(|| "a database is in it, whose tables are read instead".to_owned())
    };
    let unread = all.iter().filter(|volume| !read.contains(volume.as_str()));
    let unseen = unread.map(|volume| ((*volume).clone(), because(volume))).collect();
    counted(CoverageKind::Volumes, all.len(), unseen)
}

fn identities(product: &Product) -> Coverage {
    let checks = &product.checks;
    let mut named: BTreeSet<&str> = checks.probes().flat_map(identities_of).collect();
    named.extend(checks.crawl.iter().flat_map(|crawl| &crawl.identities).map(String::as_str));
    named.extend(product.refused().map(|(name, ..)| name));
    if let Some(check) = &checks.graphql {
        named.extend(check.identity.as_deref());
        named.extend(check.schema.iter().filter_map(|schema| schema.identity.as_deref()));
        let of_queries = check.queries.iter().flat_map(|query| query.identities.iter().chain(&query.refused));
        named.extend(of_queries.map(String::as_str));
    }
    let unused = product.identities.keys().filter(|name| !named.contains(name.as_str()));
    let unseen = unused.map(|name| (name.clone(), "no check asks as this identity".to_owned())).collect();
    counted(CoverageKind::Identities, product.identities.len(), unseen)
}

/// The names that may stand for identities in a probe: those of its steps, and the values that they are filled in with.
fn identities_of(probe: &Probe) -> impl Iterator<Item = &str> {
    let values = probe.for_each.values().flatten().map(|value| value.text());
    let steps = probe.all_steps().filter_map(|step| match step {
        ProbeStep::Http(step) => step.identity.as_ref().map(|identity| identity.text()),
        ProbeStep::Exec(_) | ProbeStep::Sql(_) => None,
    });
    values.chain(steps)
}

fn of_logs(product: &Product, logs: &[LogReview]) -> Coverage {
    if product.checks.logs.is_none() {
        let because = |name: &String| (name.clone(), "there is no check of logs".to_owned());
        return counted(CoverageKind::Logs, product.services.len(), product.services.keys().map(because).collect());
    }
    let silent = logs.iter().filter(|review| review.lines == 0);
    let unseen = silent.map(|review| (review.source.to_string(), "it has no line".to_owned())).collect();
    counted(CoverageKind::Logs, logs.len(), unseen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::TableState;

    #[test]
    fn what_no_check_looks_at_is_counted_and_named() {
        let text = r#"{
            "product": "shop", "releases": {"catalog": "releases.txt"}, "backup": {"parts": {}}, "restore": [], "upgrade": [],
            "databases": {
                "main": {"engine": "postgresql", "service": "db", "name": "a", "user": "a"},
                "search": {"engine": "postgresql", "service": "db", "name": "b", "user": "b"}
            },
            "services": {
                "db": {"image": "db", "volumes": {"data": "/d"}},
                "web": {"image": "web", "volumes": {"files": "/f", "cache": "/c"}}
            },
            "identities": {"admin": {}, "guest": {}, "nobody": {}},
            "checks": {
                "access": [{"name": "pages", "for-each": {"as": ["admin", "guest"]}, "steps": []}],
                "data": {"volatile": ["users.seen"], "elsewhere": {"sessions": "they are temporary"}},
                "files": {"elsewhere": {"cache": "a cache"}}
            }
        }"#;
        let product: Product = serde_json::from_str(text).unwrap();
        let table = |columns: &[&str]| TableState {
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            ..TableState::default()
        };
        let state = DataState {
            tables: [("users".into(), table(&["id", "seen"])), ("sessions".into(), table(&["id"]))].into(),
            ..DataState::default()
        };
        let all = coverage(&product, Some(&state), &[]);
        let of = |kind: CoverageKind| all.iter().find(|coverage| coverage.kind == kind).unwrap();
        let check = |kind, looked_at, all, unseen: &[&str]| {
            let found = of(kind);
            assert_eq!((found.looked_at, found.all), (looked_at, all), "{kind:?}");
            assert_eq!(found.unseen.keys().map(String::as_str).collect::<Vec<_>>(), unseen, "{kind:?}");
        };
        check(CoverageKind::Databases, 1, 2, &["search"]);
        check(CoverageKind::Tables, 1, 2, &["sessions"]);
        check(CoverageKind::Columns, 1, 3, &["sessions.id", "users.seen"]);
        check(CoverageKind::Volumes, 1, 3, &["cache", "data"]);
        check(CoverageKind::Identities, 2, 3, &["nobody"]);
        check(CoverageKind::Logs, 0, 2, &["db", "web"]);
    }
}
