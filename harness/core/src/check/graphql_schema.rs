//! Judges a schema against the one of the release before.

use crate::model::product::ReviewedChange;
use crate::observation::graphql::SchemaChange;
use crate::outcome::code::FindingCode;
use crate::outcome::event::CheckReport;
use crate::outcome::finding::Finding;
use crate::outcome::subject::Subject;

/// Findings reported one by one; the rest is counted in one more.
const MOST_FINDINGS: usize = 50;
/// Changes that break nobody, named.
const NAMED: usize = 5;

/// What may differ from the reference.
#[derive(Debug, Clone, Copy)]
pub enum SchemaTerms<'a> {
    /// It is the last release's: what breaks nobody, and what was reviewed.
    Since(&'a [&'a ReviewedChange]),
    /// It is the same release's: nothing.
    Same,
}

/// Judges the changes of a schema.
pub fn judge_schema(changes: &[SchemaChange], terms: SchemaTerms<'_>, report: &mut CheckReport) {
    report.assertions += 1;
    let mut found = Vec::new();
    let mut harmless: Vec<&str> = Vec::new();
    let mut ruled: Vec<(&ReviewedChange, u64)> = Vec::new();
    for change in changes {
        match terms {
            SchemaTerms::Same => found.push((change, "the schema that this release had before")),
            SchemaTerms::Since(_) if !change.breaking => harmless.push(&change.text),
            SchemaTerms::Since(rules) => match rules.iter().find(|rule| rule.pattern.regex().is_match(&change.text)) {
                None => found.push((change, "no breaking change but reviewed ones")),
                Some(rule) => match ruled.iter_mut().find(|(known, _)| std::ptr::eq(*known, *rule)) {
                    Some((_, times)) => *times += 1,
                    None => ruled.push((rule, 1)),
                },
            },
        }
    }
    let code = match terms {
        SchemaTerms::Same => FindingCode::GraphqlSchemaDiffers,
        SchemaTerms::Since(_) => FindingCode::GraphqlSchemaBroken,
    };
    let more = found.len().saturating_sub(MOST_FINDINGS);
    for (change, expected) in found.into_iter().take(MOST_FINDINGS) {
        report.findings.push(Finding::new(code, Subject::GraphqlSchema, expected, change.text.clone()));
    }
    if more > 0 {
        report.findings.push(Finding::new(
            code,
            Subject::GraphqlSchema,
            "none of these",
            format!("{more} more changes"),
        ));
    }
    for (rule, times) in ruled {
        report.notes.push(super::graphql::by_rule("the schema", times, "breaking changes", rule));
    }
    if !harmless.is_empty() {
        let named = harmless.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        let more = harmless.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        report.notes.push(format!("{} changes that break nobody: {named}{more}", harmless.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::scenario::CheckKind;

    #[test]
    fn a_breaking_change_is_found_unless_it_was_reviewed() {
        let change = |breaking, text: &str| SchemaChange { breaking, text: text.to_owned() };
        let all = [
            change(true, "field Query.sites removed"),
            change(true, "field Query.regions removed"),
            change(true, "type Site removed"),
            change(false, "type Location added"),
        ];
        let rule: ReviewedChange = serde_json::from_value(serde_json::json!({
            "crossing": "2.0.0", "pattern": "^field Query\\.(sites|regions)", "because": "they are locations"}))
        .unwrap();
        let judged = |terms: SchemaTerms<'_>| {
            let mut report = CheckReport::new(CheckKind::Graphql, "schema");
            judge_schema(&all, terms, &mut report);
            report
        };
        let report = judged(SchemaTerms::Since(&[&rule]));
        assert_eq!(report.findings.len(), 1);
        assert_eq!(report.findings[0].actual, "type Site removed");
        assert_eq!(
            report.notes,
            [
                "the schema: 2 breaking changes by the rule of 2.0.0: they are locations",
                "1 changes that break nobody: type Location added",
            ]
        );
        assert_eq!(judged(SchemaTerms::Since(&[])).findings.len(), 3);
        assert_eq!(judged(SchemaTerms::Same).findings.len(), 4);
    }
}
