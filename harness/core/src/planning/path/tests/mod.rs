mod rules;

use super::*;
use crate::vocabulary::catalog::Catalog;
use crate::vocabulary::release::{Line, Range, Release};

fn release(text: &str) -> Release {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn line(text: &str) -> Line {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn range(text: &str) -> Range {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn target(text: &str) -> Target {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn catalog(releases: &str) -> Catalog {
    Catalog::from_lines(&releases.replace(' ', "\n")).unwrap_or_else(|error| panic!("{releases}: {error}"))
}

fn edge(from: &str, to: &str, because: &str) -> Edge {
    Edge { from: range(from), to: range(to), because: because.to_owned() }
}

/// The path as text, hop by hop; `to (optional?) because`.
fn outcome(rules: &Rules, catalog: &Catalog, from: &str, to: &str, facts: &Facts) -> Result<Vec<String>, String> {
    let planner = Planner::new(rules, catalog);
    let path = planner.path(&release(from), &target(to), facts).map_err(|refusal| refusal.to_string())?;
    let mut at = path.from.clone();
    for hop in &path.hops {
        assert_eq!(hop.from, at, "hops of {from} to {to} hang together");
        assert!(!hop.because.is_empty(), "{} has a reason", hop.to);
        at = hop.to.clone();
    }
    assert_eq!(at, path.to);
    let optional = |hop: &Hop| if hop.optional.is_some() { " (optional)" } else { "" };
    Ok(path.hops.iter().map(|hop| format!("{}{}: {}", hop.to, optional(hop), hop.because)).collect())
}

/// The releases of the path, without the source and the reasons.
fn walked(rules: &Rules, catalog: &Catalog, from: &str, to: &str) -> String {
    let planner = Planner::new(rules, catalog);
    match planner.plan(&release(from), &target(to), &Facts::none()) {
        Ok(route) => route.releases().map(Release::name).collect::<Vec<_>>().join(" "),
        Err(refusal) => refusal.to_string(),
    }
}
