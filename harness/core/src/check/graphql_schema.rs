//! Judges a GraphQL schema against that of the release before.

use crate::model::product::ReviewedChange;
use crate::observation::graphql::SchemaChange;
use crate::outcome::code::FindingCode;
use crate::outcome::event::CheckReport;
use crate::outcome::finding::Finding;
use crate::outcome::subject::Subject;

/// Findings reported one by one; the rest is counted in one more.
const MOST_FINDINGS: usize = 50;
/// How many compatible changes are named.
const NAMED: usize = 5;

/// What may differ from the reference.
#[derive(Debug, Clone, Copy)]
pub enum SchemaTerms<'a> {
    /// The reference is of the last release: compatible and reviewed changes may differ.
    Since(&'a [&'a ReviewedChange]),
    /// The reference is of the same release: nothing may differ.
    Same,
}

/// Judges the changes of a schema.
pub fn judge_schema(changes: &[SchemaChange], terms: SchemaTerms<'_>, report: &mut CheckReport) {
    report.assertions += 1;
    let mut unreviewed = Vec::new();
    let mut compatible: Vec<&str> = Vec::new();
    let mut ruled: Vec<(&ReviewedChange, u64)> = Vec::new();
    for change in changes {
        match terms {
            SchemaTerms::Same => unreviewed.push((change, "the schema that this release had before")),
            SchemaTerms::Since(_) if !change.breaking => compatible.push(&change.text),
            SchemaTerms::Since(rules) => match rules.iter().find(|rule| rule.pattern.regex().is_match(&change.text)) {
                None => unreviewed.push((change, "no breaking changes except reviewed ones")),
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
    let more = unreviewed.len().saturating_sub(MOST_FINDINGS);
    for (change, expected) in unreviewed.into_iter().take(MOST_FINDINGS) {
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
    if !compatible.is_empty() {
        let named = compatible.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        let more = compatible.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        report.notes.push(format!("{} compatible changes: {named}{more}", compatible.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::scenario::CheckKind;

    #[test]
    fn a_breaking_change_is_a_finding_unless_it_was_reviewed() {
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
                "1 compatible changes: type Location added",
            ]
        );
        assert_eq!(judged(SchemaTerms::Since(&[])).findings.len(), 3);
        assert_eq!(judged(SchemaTerms::Same).findings.len(), 4);
    }
}
