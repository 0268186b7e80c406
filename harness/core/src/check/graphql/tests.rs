use super::*;
use crate::model::scenario::CheckKind;
use crate::observation::HttpResponse;
use crate::outcome::verdict::Outcome;
use serde_json::json;

fn response(status: u16, text: &str) -> Observation {
    let body = Body { size: text.len() as u64, text: text.to_owned(), ..Body::default() };
    Observation {
        request: "q".into(),
        response: Response::Http(HttpResponse { status, body, ..HttpResponse::default() }),
        evidence: None,
    }
}

fn rule() -> ReviewedChange {
    serde_json::from_value(json!({"crossing": "2.0", "pattern": "^/a: 1 → 7$|/b|removed field", "because": "reviewed"}))
        .unwrap()
}

fn judged(now: &Observation, compared: Compared<'_>) -> CheckReport {
    let mut report = CheckReport::new(CheckKind::Graphql, "q");
    let (rule, ignore) = (rule(), ["at".to_owned()]);
    let terms = GraphqlTerms { json: JsonTerms { ordered: false, ignore: &ignore }, changes: &[&rule] };
    judge_graphql(now, terms, compared, &mut report);
    report.decide()
}

/// Judges `now` against a baseline of `{"a": 1, "b": [1, 1], "c": null}`.
fn check(status: u16, now: &str, outcome: Outcome, text: &str) {
    let before = response(200, r#"{"data": {"a": 1, "b": [1, 1], "c": null, "at": 5}}"#);
    let report = judged(&response(status, now), Compared::Baseline(Some(&before)));
    let texts = report
        .findings
        .iter()
        .map(ToString::to_string)
        .chain(report.inconclusive.iter().map(ToString::to_string))
        .chain(report.notes.clone());
    let texts = texts.collect::<Vec<_>>().join("\n");
    assert_eq!(report.outcome, outcome, "{now}: {texts}");
    assert!(texts.contains(text), "{now}: no {text:?} in {texts}");
}

#[test]
fn a_response_is_judged_by_its_content_and_not_by_its_status() {
    use Outcome::{Failed, Inconclusive, Passed};
    check(200, r#"{"data": {"c": null, "b": [1, 1.0], "a": 1.0, "at": 6}}"#, Passed, "3 values as on");
    check(200, r#"{"errors": [], "data": {"a": 1, "b": [1, 1], "c": null}}"#, Passed, "");
    check(200, r#"{"errors": [{"message": "boom"}], "data": null}"#, Failed, "errors and no data: boom (1 in all)");
    check(200, r#"{"errors": [{"message": "boom"}], "data": {"a": 1, "b": [1, 1], "c": null}}"#, Failed, "a part of");
    check(200, r#"{"data": null}"#, Failed, "no data");
    check(200, r#"{}"#, Failed, "expected data, seen no data: \"{}\"");
    check(200, "<html>log in", Failed, "expected JSON");
    check(502, "Bad Gateway", Failed, "status 502: \"Bad Gateway\"");
    check(400, r#"{"errors": [{"message": "Cannot query field"}]}"#, Failed, "status 400, errors and no data");
    check(200, r#"{"data": {"a": null, "b": [1, 1], "c": null}}"#, Failed, "q /a: expected 1, seen null");
    check(200, r#"{"data": {"a": 7, "b": [1], "c": null}}"#, Passed, "3 differences by the rule of 2.0: reviewed");
    check(200, r#"{"data": {"a": 8, "b": [1], "c": null}}"#, Failed, "q /a: expected 1, seen 8");
    check(200, r#"{"errors": [{"message": "removed field"}], "data": null}"#, Passed, "responses by the rule of 2.0");
    check(200, &format!("{}1{}", "[".repeat(200), "]".repeat(200)), Inconclusive, "too deeply");
}

#[test]
fn a_response_that_was_cut_off_is_not_judged() {
    let mut cut = response(200, r#"{"data": {"a": 1}}"#);
    let Response::Http(http) = &mut cut.response else { unreachable!() };
    http.body.cut = true;
    let report = judged(&cut, Compared::Nothing);
    assert_eq!(report.outcome, Outcome::Inconclusive);
    assert!(report.inconclusive[0].text.contains("too long to judge"), "{report:?}");
    let good = response(200, r#"{"data": {"a": 1}}"#);
    assert_eq!(judged(&good, Compared::Baseline(Some(&cut))).outcome, Outcome::Inconclusive);
}

#[test]
fn an_empty_baseline_is_inconclusive() {
    for empty in [r#"{"data": {"a": [], "b": null}}"#, r#"{"data": {"a": [{"at": 4}]}}"#, r#"{"data": {}}"#] {
        let empty = response(200, empty);
        assert_eq!(judged(&empty, Compared::Nothing).outcome, Outcome::Inconclusive);
        assert_eq!(judged(&empty, Compared::Baseline(Some(&empty))).outcome, Outcome::Inconclusive);
    }
    let full = response(200, r#"{"data": {"a": [3], "b": []}}"#);
    let report = judged(&full, Compared::Nothing);
    assert_eq!(report.outcome, Outcome::Passed);
    assert_eq!(report.notes, ["q: 1 values", "q: nothing in b"]);
    assert_eq!(judged(&full, Compared::Baseline(None)).outcome, Outcome::Inconclusive);
}

#[test]
fn errors_on_the_baseline_are_findings_of_the_baseline() {
    let wrong = response(200, r#"{"errors": [{"message": "removed field"}], "data": null}"#);
    assert_eq!(judged(&wrong, Compared::Nothing).outcome, Outcome::Failed);
    let good = response(200, r#"{"data": {"a": 1}}"#);
    assert_eq!(judged(&good, Compared::Baseline(Some(&wrong))).outcome, Outcome::Inconclusive);
}

#[test]
fn a_few_of_many_differences_are_reported_and_all_are_counted() {
    let list = |from: u32| response(200, &json!({"data": {"x": (from..from + 40).collect::<Vec<_>>()}}).to_string());
    let report = judged(&list(100), Compared::Baseline(Some(&list(0))));
    assert_eq!(report.findings.len(), MOST_FINDINGS + 1);
    assert!(report.findings[MOST_FINDINGS].actual.contains("75 more"), "{report:?}");
}

#[test]
fn an_identity_that_must_be_refused_gets_no_data() {
    let check = |status, text: &str, outcome| {
        let mut report = CheckReport::new(CheckKind::Graphql, "q");
        judge_refused(&response(status, text), &mut report);
        assert_eq!(report.decide().outcome, outcome, "{status} {text}");
    };
    check(403, "no", Outcome::Passed);
    check(200, r#"{"errors": [{"message": "denied"}], "data": {"devices": null}}"#, Outcome::Passed);
    check(200, r#"{"errors": [{"message": "denied"}], "data": {"devices": [{"name": "a"}]}}"#, Outcome::Failed);
    check(200, r#"{"data": {"devices": [{"name": "a"}]}}"#, Outcome::Failed);
    // An empty list without an error is not a refusal: it could just as well be lost data.
    check(200, r#"{"data": {"devices": []}}"#, Outcome::Failed);
    check(500, r#"{"errors": [{"message": "crash"}]}"#, Outcome::Failed);
    check(502, "Bad Gateway", Outcome::Failed);
}
