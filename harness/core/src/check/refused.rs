//! Judges the requests of identities that must be refused, and of those that must not.

use super::response::{Compared, ExpectContext, judge_response};
use crate::model::product::Refused;
use crate::observation::{Observation, Response};
use crate::outcome::code::FindingCode;
use crate::outcome::event::CheckReport;
use crate::outcome::finding::Finding;
use crate::outcome::subject::Subject;

/// The statuses of a refusal, where a request names none.
const REFUSALS: [u16; 3] = [401, 403, 404];

/// Judges what an identity that must be refused asked for: it is let in if it gets anything but an error.
pub fn judge_refusal(observation: &Observation, terms: ExpectContext<'_>, refused: &Refused, report: &mut CheckReport) {
    let mut expect = terms.expect.clone();
    if expect.status.is_empty() {
        expect.status = REFUSALS.to_vec();
    }
    let first = report.findings.len();
    judge_response(observation, ExpectContext { expect: &expect, ..terms }, Compared::Nothing, report);
    if is_answered(&observation.response) {
        for finding in report.findings.iter_mut().skip(first) {
            finding.code = FindingCode::NotRefused;
            finding.expected = format!("a refusal ({}): {}", finding.expected, refused.because);
        }
    }
}

/// Judges the request that logs in an identity that must be refused: what would let it in must not hold.
pub fn judge_refused_login(
    observation: &Observation,
    terms: ExpectContext<'_>,
    refused: &Refused,
    report: &mut CheckReport,
) {
    let mut judged = report.clone();
    let let_in = judge_response(observation, terms, Compared::Nothing, &mut judged);
    let errs = matches!(&observation.response, Response::Http(response) if response.status >= 500);
    if let_in {
        report.assertions += 1;
        let (expected, actual) = (format!("no log-in: {}", refused.because), "it is logged in");
        let subject = Subject::request(&observation.request);
        let mut finding = Finding::new(FindingCode::NotRefused, subject, expected, actual);
        finding.status = observation.response.http_status();
        finding.evidence.clone_from(&observation.evidence);
        report.findings.push(finding);
    } else if errs || observation.response.http_status().is_none() {
        // An error of the server refuses nobody.
        *report = judged;
    } else {
        report.assertions += 1;
    }
}

/// Judges a request that logs an identity in. Returns whether it passed.
pub fn judge_login(observation: &Observation, terms: ExpectContext<'_>, report: &mut CheckReport) -> bool {
    let first = report.findings.len();
    let passed = judge_response(observation, terms, Compared::Nothing, report);
    if matches!(&observation.response, Response::Http(response) if response.status < 500) {
        report.findings.iter_mut().skip(first).for_each(|finding| finding.code = FindingCode::LogInFailed);
    }
    passed
}

/// Whether the product gives what was asked for, or leads there: no error.
fn is_answered(response: &Response) -> bool {
    matches!(response, Response::Http(response) if response.status < 400)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::product::Expect;
    use crate::model::scenario::CheckKind;
    use crate::observation::{Body, HttpResponse};

    fn answer(status: u16, location: &str) -> Observation {
        let headers = [("location".to_owned(), location.to_owned())].into();
        let body = Body { text: "text".into(), size: 4, ..Body::default() };
        let response = Response::Http(HttpResponse { status, headers, body, ..HttpResponse::default() });
        Observation { request: "GET /me as locked".into(), response, evidence: None }
    }

    fn codes(
        judge: fn(&Observation, ExpectContext<'_>, &Refused, &mut CheckReport),
        expect: Value,
        observation: &Observation,
    ) -> Vec<FindingCode> {
        let expect: Expect = serde_json::from_value(expect).unwrap();
        let refused: Refused = serde_json::from_value(json!({"because": "it is locked"})).unwrap();
        let mut report = CheckReport::new(CheckKind::Access, "refused");
        let terms = ExpectContext { expect: &expect, unchanged: &[], changes: &[], context: &Value::Null };
        judge(observation, terms, &refused, &mut report);
        assert!(report.assertions > 0 || !report.inconclusive.is_empty(), "{report:?}");
        report.findings.iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn whoever_gets_anything_but_an_error_is_let_in() {
        let of = |expect: Value, status, location: &str| codes(judge_refusal, expect, &answer(status, location));
        assert_eq!(of(json!({}), 401, ""), []);
        assert_eq!(of(json!({}), 403, ""), []);
        assert_eq!(of(json!({}), 200, ""), [FindingCode::NotRefused]);
        assert_eq!(of(json!({}), 302, "/login"), [FindingCode::NotRefused]);
        let to_login = || json!({"status": [302], "headers": {"location": "/login"}});
        assert_eq!(of(to_login(), 302, "/login?back=/me"), []);
        assert_eq!(of(to_login(), 302, "/me"), [FindingCode::NotRefused]);
        // Refused in another way, and refused to nobody.
        assert_eq!(of(json!({"status": [401]}), 403, ""), [FindingCode::StatusUnexpected]);
        assert_eq!(of(json!({}), 500, ""), [FindingCode::StatusUnexpected]);
        let silent = Observation { response: Response::NoResponse { reason: "reset".into() }, ..answer(200, "") };
        assert_eq!(codes(judge_refusal, json!({}), &silent), [FindingCode::NoResponse]);
    }

    #[test]
    fn a_log_in_that_succeeds_lets_in() {
        let of = |status| codes(judge_refused_login, json!({"status": [302]}), &answer(status, "/me"));
        assert_eq!(of(302), [FindingCode::NotRefused]);
        assert_eq!(of(200), []);
        assert_eq!(of(422), []);
        assert_eq!(of(500), [FindingCode::StatusUnexpected]);
    }
}
