//! The differences between two states of the tables: complete for the evidence, short for people.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::outcome::code::FindingCode;
use crate::outcome::event::CheckReport;
use crate::outcome::finding::Finding;
use crate::outcome::subject::Subject;

/// Findings reported one by one; the evidence has all.
const MOST_FINDINGS: usize = 20;
/// Columns named in one finding.
const COLUMNS: usize = 4;

/// How one table differs.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Difference {
    /// The table.
    pub table: String,
    /// The table that its rows are in now, if rules renamed it or moved them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
    /// The table is new.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub new: bool,
    /// The table is gone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    /// Rows before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_before: Option<u64>,
    /// Rows now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_now: Option<u64>,
    /// Columns that are gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gone_columns: Vec<String>,
    /// Columns that are new; they are not a finding.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub new_columns: Vec<String>,
    /// Rows that are gone.
    #[serde(skip_serializing_if = "Affected::is_empty")]
    pub lost: Affected,
    /// Rows that were not there before.
    #[serde(skip_serializing_if = "Affected::is_empty")]
    pub added: Affected,
    /// Rows with another value, by column.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub changed: BTreeMap<String, Affected>,
    /// What no rule allows; empty if rules allow everything.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wrong: Vec<Wrong>,
    /// What rules allow.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by_rule: Vec<String>,
}

/// Something that no rule allows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Wrong {
    /// What kind of fault it is.
    pub code: FindingCode,
    /// For people.
    pub text: String,
}

/// Some rows: how many, and a few of them. They are not counted if only checksums were compared.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Affected {
    /// How many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// A few.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

impl Affected {
    pub(super) fn of(count: usize, examples: Vec<String>) -> Self {
        Self { count: Some(count), examples }
    }

    fn is_empty(&self) -> bool {
        self.count.is_none_or(|count| count == 0)
    }
}

impl Difference {
    pub(super) fn is_wrong(&mut self, code: FindingCode, text: impl Into<String>) {
        self.wrong.push(Wrong { code, text: text.into() });
    }

    /// The code for everything that is wrong with the table: that of the gravest fault, by the order of the codes.
    pub fn code(&self) -> Option<FindingCode> {
        self.wrong.iter().map(|wrong| wrong.code).min()
    }

    /// Whether it belongs in the evidence.
    pub(super) fn is_worth_recording(&self) -> bool {
        !self.wrong.is_empty()
            || !self.by_rule.is_empty()
            || !self.new_columns.is_empty()
            || self.new
            || self.gone
            || !self.changed.is_empty()
    }
}

/// `3 rows lost (id=1; id=2; id=3)`.
pub(super) fn rows(count: usize, how: &str, examples: &[String]) -> String {
    let noun = if count == 1 { "row" } else { "rows" };
    let more = if count > examples.len() { "; …" } else { "" };
    match examples {
        [] => format!("{count} {noun} {how}"),
        examples => format!("{count} {noun} {how} ({}{more})", examples.join("; ")),
    }
}

/// `other values in name (2: id=7 'a' → 'b'), city`.
pub(super) fn values(changed: &[(&String, &Affected)]) -> String {
    let describe = |(column, affected): &(&String, &Affected)| match affected.count {
        None => (*column).clone(),
        Some(count) => {
            let more = if count > affected.examples.len() { "; …" } else { "" };
            format!("{column} ({count}: {}{more})", affected.examples.join("; "))
        }
    };
    let named: Vec<String> = changed.iter().take(COLUMNS).map(describe).collect();
    let more = changed.len().saturating_sub(COLUMNS);
    let more = if more > 0 { format!(" and {more} more columns") } else { String::new() };
    format!("other values in {}{more}", named.join(", "))
}

/// Adds findings to the report: the first ones one by one, the rest as a number.
pub(super) fn add_findings(findings: Vec<Finding>, (code, what): (FindingCode, &str), report: &mut CheckReport) {
    let more = findings.len().saturating_sub(MOST_FINDINGS);
    report.findings.extend(findings.into_iter().take(MOST_FINDINGS));
    if more > 0 {
        report.findings.push(Finding::new(
            code,
            Subject::More(more, what.to_owned()),
            "as before, or as a rule allows",
            "differences, all of them in the evidence",
        ));
    }
}
