//! Judges a GraphQL response: by its errors and its data, never by its status alone.

use InconclusiveCode::NothingToCompare;
use serde_json::Value;

use super::excerpt::shorten;
use super::json::{Difference, DifferenceKind, JsonTerms, differences, values};
use super::response::Compared;
use crate::model::product::ReviewedChange;
use crate::observation::{Body, Observation, Response};
use crate::outcome::code::{FindingCode, InconclusiveCode};
use crate::outcome::event::CheckReport;
use crate::outcome::finding::Finding;
use crate::outcome::subject::Subject;

/// Differences reported one by one; the rest is counted.
const MOST_FINDINGS: usize = 5;
/// How many messages of errors are quoted.
const QUOTED: usize = 3;

/// By what a GraphQL response is judged.
#[derive(Debug, Clone, Copy)]
pub struct GraphqlTerms<'a> {
    /// How results are compared.
    pub json: JsonTerms<'a>,
    /// Reviewed differences that apply.
    pub changes: &'a [&'a ReviewedChange],
}

/// What a response means in GraphQL.
enum Meaning {
    /// Data without errors.
    Data(Value),
    /// The response is not data alone: what was expected, what it is instead, and whether it is a refusal.
    Wrong { code: FindingCode, expected: &'static str, actual: String, refused: bool },
    /// It is inconclusive, and why.
    Inconclusive(String),
}

/// Judges the response to one query into `report`.
pub fn judge_graphql(
    observation: &Observation,
    terms: GraphqlTerms<'_>,
    compared: Compared<'_>,
    report: &mut CheckReport,
) {
    report.evidence.extend(observation.evidence.clone());
    let now = match meaning(&observation.response) {
        Meaning::Data(data) => data,
        Meaning::Inconclusive(reason) => return cannot_tell(observation, InconclusiveCode::NotRead, reason, report),
        Meaning::Wrong { code, expected, actual, .. } => {
            report.assertions += 1;
            let difference = Difference {
                kind: DifferenceKind::Other,
                at: "errors".to_owned(),
                was: expected.to_owned(),
                is: actual,
            };
            let allowed = matches!(compared, Compared::Baseline(_)) && reviewed(&difference, terms.changes, 1, report);
            if !allowed {
                report.findings.push(found(observation, code, "", difference.was, difference.is));
            }
            return;
        }
    };
    let before = match compared {
        Compared::Nothing => return on_baseline(observation, &now, terms, report),
        Compared::Baseline(None) => {
            cannot_tell(observation, NothingToCompare, "the baseline has no response to compare with", report);
            return;
        }
        Compared::Baseline(Some(before)) => match meaning(&before.response) {
            Meaning::Data(data) => data,
            Meaning::Wrong { .. } | Meaning::Inconclusive(_) => {
                cannot_tell(
                    observation,
                    NothingToCompare,
                    "the baseline's response has no data to compare with",
                    report,
                );
                return;
            }
        },
    };
    let count = values(&before, terms.json.ignore);
    if count == 0 {
        cannot_tell(observation, NothingToCompare, "the baseline's response is empty", report);
        return;
    }
    report.assertions += 1;
    let all = differences(&before, &now, terms.json);
    let mut ruled: Vec<(&ReviewedChange, u64)> = Vec::new();
    let mut unreviewed = Vec::new();
    for difference in all.kept {
        let text = difference.to_string();
        match terms.changes.iter().find(|change| change.pattern.regex().is_match(&text)) {
            None => unreviewed.push(difference),
            Some(change) => match ruled.iter_mut().find(|(known, _)| std::ptr::eq(*known, *change)) {
                Some((_, times)) => *times += 1,
                None => ruled.push((change, 1)),
            },
        }
    }
    for (change, times) in &ruled {
        report.notes.push(by_rule(&observation.request, *times, "differences", change));
    }
    if all.beyond > 0 && unreviewed.is_empty() {
        let text = format!("{} more differences, which were not looked at", all.beyond);
        cannot_tell(observation, InconclusiveCode::NotComparable, text, report);
    }
    let more = unreviewed.len().saturating_sub(MOST_FINDINGS) as u64 + all.beyond;
    let wrong = !unreviewed.is_empty();
    for difference in unreviewed.into_iter().take(MOST_FINDINGS) {
        let Difference { at, was, is, .. } = difference;
        report.findings.push(found(observation, FindingCode::GraphqlChanged, &at, was, is));
    }
    if wrong && more > 0 {
        report.findings.push(found(
            observation,
            FindingCode::GraphqlChanged,
            "",
            "the baseline's data",
            format!("{more} more differences"),
        ));
    }
    if !wrong && ruled.is_empty() {
        report.notes.push(format!("{}: {count} values as on the baseline", observation.request));
    }
}

/// Judges the response to an identity that must be refused: it may hold no data.
pub fn judge_refused(observation: &Observation, report: &mut CheckReport) {
    report.evidence.extend(observation.evidence.clone());
    match meaning(&observation.response) {
        Meaning::Wrong { refused: true, .. } => report.assertions += 1,
        Meaning::Wrong { actual, .. } => {
            report.assertions += 1;
            report.findings.push(found(observation, FindingCode::GraphqlNotRefused, "", "a refusal", actual));
        }
        Meaning::Data(data) => {
            report.assertions += 1;
            let actual = format!("data: {}", short(&data));
            report.findings.push(found(observation, FindingCode::GraphqlNotRefused, "", "a refusal", actual));
        }
        Meaning::Inconclusive(reason) => cannot_tell(observation, InconclusiveCode::NotRead, reason, report),
    }
}

fn on_baseline(observation: &Observation, data: &Value, terms: GraphqlTerms<'_>, report: &mut CheckReport) {
    match values(data, terms.json.ignore) {
        0 => {
            let text = "the response is empty: nothing can be compared with it";
            cannot_tell(observation, NothingToCompare, text, report);
        }
        count => {
            report.assertions += 1;
            report.notes.push(format!("{}: {count} values", observation.request));
            let empty = data.as_object().into_iter().flatten().filter(|(_, item)| values(item, terms.json.ignore) == 0);
            let empty: Vec<&str> = empty.map(|(key, _)| key.as_str()).collect();
            if !empty.is_empty() {
                report.notes.push(format!("{}: nothing in {}", observation.request, empty.join(", ")));
            }
        }
    }
}

fn meaning(response: &Response) -> Meaning {
    let response = match response {
        Response::Http(response) => response,
        Response::NoResponse { reason } => {
            let (code, actual) = (FindingCode::NoResponse, reason.clone());
            return Meaning::Wrong { code, expected: "a response", actual, refused: false };
        }
        Response::ProbeError { reason } => return Meaning::Inconclusive(reason.clone()),
        Response::Exec(_) | Response::Rows(_) | Response::Rejected { .. } => {
            return Meaning::Inconclusive("it is not a response to an HTTP request".to_owned());
        }
    };
    let status = response.status;
    let wrong = |expected, actual, refused| {
        let code = FindingCode::GraphqlFailed;
        Meaning::Wrong { code, expected, actual, refused }
    };
    let body = match parse(&response.body) {
        Ok(body) => body,
        Err(_) if !(200..300).contains(&status) => {
            let text = format!("status {status}: {}", excerpt(&response.body.text));
            return wrong("a successful status", text, matches!(status, 401 | 403));
        }
        Err(Unread::Limit(reason)) => return Meaning::Inconclusive(reason),
        Err(Unread::NotJson) => {
            return wrong("JSON", format!("status {status}: {}", excerpt(&response.body.text)), false);
        }
    };
    let data = body.get("data").filter(|data| !data.is_null());
    let nothing = data.is_none_or(|data| values(data, &[]) == 0);
    let failed = match body.get("errors") {
        None | Some(Value::Null) => None,
        Some(Value::Array(errors)) if errors.is_empty() => None,
        Some(errors) => Some(quoted(errors)),
    };
    match (failed, data) {
        (Some(text), _) => {
            let rest = if nothing { "no data" } else { "only a part of the data" };
            let status = if (200..300).contains(&status) { String::new() } else { format!("status {status}, ") };
            // A server error is not a refusal.
            wrong(
                "data without errors",
                format!("{status}errors and {rest}: {text}"),
                nothing && status_refuses(response.status),
            )
        }
        (None, _) if !(200..300).contains(&status) => {
            let text = format!("status {status}: {}", excerpt(&response.body.text));
            wrong("a successful status", text, matches!(status, 401 | 403))
        }
        (None, Some(data)) => Meaning::Data(data.clone()),
        (None, None) => wrong("data", format!("no data: {}", excerpt(&response.body.text)), false),
    }
}

fn status_refuses(status: u16) -> bool {
    status < 500
}

enum Unread {
    /// It is longer or deeper than the limits of reading.
    Limit(String),
    NotJson,
}

fn parse(body: &Body) -> Result<Value, Unread> {
    if body.cut {
        return Err(Unread::Limit(format!("a response of {} bytes is too long to judge; raise `longest`", body.size)));
    }
    serde_json::from_str(&body.text).map_err(|error| {
        let text = error.to_string();
        if text.contains("recursion limit") {
            Unread::Limit(format!("the response is nested too deeply to judge: {text}"))
        } else {
            Unread::NotJson
        }
    })
}

/// The data of a response.
///
/// # Errors
/// Why there is none: whether that is a failure of the product, and the reason.
pub fn data_of(response: &Response) -> Result<Value, (bool, String)> {
    match meaning(response) {
        Meaning::Data(data) => Ok(data),
        Meaning::Inconclusive(reason) => Err((false, reason)),
        Meaning::Wrong { actual, .. } => {
            let broken = match response {
                Response::NoResponse { .. } => true,
                Response::Http(response) => response.status >= 500,
                Response::Exec(_) | Response::Rows(_) | Response::Rejected { .. } | Response::ProbeError { .. } => {
                    false
                }
            };
            Err((broken, actual))
        }
    }
}

fn quoted(errors: &Value) -> String {
    let single = std::slice::from_ref(errors);
    let all = errors.as_array().map_or(single, Vec::as_slice);
    let message = |error: &Value| {
        let text = error.get("message").and_then(Value::as_str).map_or_else(|| error.to_string(), str::to_owned);
        shorten(&text.split_whitespace().collect::<Vec<_>>().join(" "), 200)
    };
    let mut texts: Vec<String> = Vec::new();
    for text in all.iter().map(message) {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    let more = texts.len().saturating_sub(QUOTED);
    texts.truncate(QUOTED);
    let more = if more > 0 { format!(" / and {more} more") } else { String::new() };
    format!("{}{more} ({} in all)", texts.join(" / "), all.len())
}

/// Whether a reviewed change allows a difference, which is then noted.
fn reviewed(difference: &Difference, changes: &[&ReviewedChange], times: u64, report: &mut CheckReport) -> bool {
    let text = difference.to_string();
    let change = changes.iter().find(|change| change.pattern.regex().is_match(&text));
    if let Some(change) = change {
        report.notes.push(by_rule(&text, times, "responses", change));
    }
    change.is_some()
}

pub(super) fn by_rule(what: &str, times: u64, of: &str, change: &ReviewedChange) -> String {
    format!("{what}: {times} {of} by the rule of {}: {}", change.crossing, change.because)
}

fn cannot_tell(observation: &Observation, code: InconclusiveCode, text: impl Into<String>, report: &mut CheckReport) {
    report.cannot_tell_about(code, Subject::Query(observation.request.clone(), String::new()), text);
}

fn found(
    observation: &Observation,
    code: FindingCode,
    at: &str,
    expected: impl Into<String>,
    actual: impl Into<String>,
) -> Finding {
    let mut finding = Finding::new(code, Subject::Query(observation.request.clone(), at.to_owned()), expected, actual);
    finding.status = observation.response.http_status();
    finding.evidence.clone_from(&observation.evidence);
    finding
}

fn short(value: &Value) -> String {
    shorten(&value.to_string(), 160)
}

fn excerpt(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() { "an empty body".to_owned() } else { format!("{:?}", shorten(&line, 200)) }
}

#[cfg(test)]
mod tests;
