//! The rows that a fresh installation begins with.

use std::collections::{BTreeMap, BTreeSet};

use super::identity::{Identified, RowIdentity, identities};
use super::{FreshTerms, Lacking, Part};
use crate::check::data::list;
use crate::observation::DataState;
use crate::outcome::code::{FindingCode, InconclusiveCode};
use crate::outcome::event::CheckReport;
use crate::outcome::subject::Subject;
use crate::vocabulary::wildcard::fits;

/// Rows of a table that are named.
const MOST_ROWS: usize = 5;

pub(super) fn lacking(
    fresh: &DataState,
    upgraded: &DataState,
    terms: FreshTerms<'_>,
    report: &mut CheckReport,
) -> Vec<Lacking> {
    let identities = identities(fresh, terms.volatile);
    let (wanted, present) = (Identified::of(fresh, &identities), Identified::of(upgraded, &identities));
    let filled = || fresh.tables.iter().filter(|(_, table)| table.rows > 0);
    if filled().next().is_none() {
        report.cannot_tell(InconclusiveCode::NothingToCompare, "the fresh installation has no rows");
        return Vec::new();
    }
    let mut all = Vec::new();
    let mut not_compared: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let is_elsewhere = |name: &str| terms.elsewhere.keys().any(|pattern| fits(pattern, name));
    for (name, table) in filled().filter(|(name, _)| !is_elsewhere(name)) {
        // A table that is missing is a difference of the structure.
        let Some(other) = upgraded.tables.get(name) else { continue };
        let mut leave_out = |because| not_compared.entry(because).or_default().push(name);
        if table.kept.is_none() || (other.rows > 0 && other.kept.is_none()) {
            leave_out("too many rows to keep");
            continue;
        }
        if !identities.contains_key(name) {
            leave_out("nothing identifies their rows");
            continue;
        }
        let count = |state: &crate::observation::TableState| state.kept.as_deref().map_or(0, |kept| kept.rows.len());
        let there: BTreeSet<RowIdentity> = (0..count(other)).filter_map(|row| present.identity(name, row)).collect();
        let mut missing = Vec::new();
        let mut unknown = 0;
        for row in 0..count(table) {
            match wanted.identity(name, row) {
                Some(identity) => {
                    report.assertions += 1;
                    if !there.contains(&identity) {
                        missing.push(identity);
                    }
                }
                None => unknown += 1,
            }
        }
        if unknown > 0 {
            leave_out("they refer to rows that nothing identifies");
        }
        all.extend(of_table(name, missing, terms));
    }
    for (because, tables) in not_compared {
        report.notes.push(format!("rows not compared, {because}: {}", list(&tables)));
    }
    all
}

/// The missing rows of a table, those that rules allow apart from the others.
fn of_table(table: &str, mut missing: Vec<RowIdentity>, terms: FreshTerms<'_>) -> Vec<Lacking> {
    missing.sort();
    missing.dedup();
    let mut groups: BTreeMap<Option<String>, Vec<String>> = BTreeMap::new();
    for identity in missing {
        let named = format!("{table} {}", identity.shown);
        let allowed = terms.allowed(Part::Rows, &named).or_else(|| terms.allowed(Part::Rows, table));
        groups.entry(allowed).or_default().push(identity.shown);
    }
    let group = |(allowed, rows): (Option<String>, Vec<String>)| {
        let shown = rows.iter().take(MOST_ROWS).map(String::as_str).collect::<Vec<_>>().join("; ");
        let more = match rows.len().saturating_sub(MOST_ROWS) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        Lacking {
            name: table.to_owned(),
            subject: Subject::Table(table.to_owned()),
            expected: "the rows of a fresh installation".to_owned(),
            actual: format!("{} of them missing ({shown}{more})", rows.len()),
            allowed,
            code: FindingCode::FreshRows,
        }
    };
    groups.into_iter().map(group).collect()
}
