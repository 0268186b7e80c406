//! Judges one response: what is expected of it, and what has to be as it was on the baseline.

use std::collections::BTreeMap;

use serde_json::Value;

use super::compare::{csv_difference, json_difference, records};
use super::excerpt::{apart, shorten};
use super::matcher::{fill, holds};
use super::reviewed::with_changes;
use crate::model::product::{AllowedChange, Aspect, Expect, Matcher};
use crate::observation::{Body, Observation, Response};
use crate::outcome::code::{FindingCode, InconclusiveCode};
use crate::outcome::event::CheckReport;
use crate::outcome::finding::Finding;
use crate::outcome::subject::{RequestPart, Subject};
use crate::text::names_an_error;
use crate::vocabulary::template::TemplateError;

/// By what a response is judged.
#[derive(Debug, Clone, Copy)]
pub struct ExpectContext<'a> {
    /// What is expected.
    pub expect: &'a Expect,
    /// What has to be as it was.
    pub unchanged: &'a [Aspect],
    /// Reviewed differences that apply.
    pub changes: &'a [&'a AllowedChange],
    /// Values for placeholders.
    pub context: &'a Value,
}

/// What a response is compared with.
#[derive(Debug, Clone, Copy)]
pub enum Compared<'a> {
    /// Nothing: it is the baseline itself, or a step and no probe.
    Nothing,
    /// The baseline's response to the same request; none if there is no such response.
    Baseline(Option<&'a Observation>),
}

/// Judges one response into `report`. Returns whether it passed: if not, the later steps of the probe make no sense.
pub fn judge_response(
    observation: &Observation,
    terms: ExpectContext<'_>,
    compared: Compared<'_>,
    report: &mut CheckReport,
) -> bool {
    report.evidence.extend(observation.evidence.clone());
    let (first, before) = (report.findings.len(), report.findings.len() + report.inconclusive.len());
    if let Err(error) = judge(observation, terms, compared, report) {
        cannot_tell(observation, InconclusiveCode::Template, error.to_string(), report);
    }
    let own = report.findings.split_off(first);
    report.findings.extend(merged(observation, own));
    for finding in &mut report.findings[..] {
        if finding.evidence.is_none() {
            finding.evidence.clone_from(&observation.evidence);
        }
    }
    report.findings.len() + report.inconclusive.len() == before
}

/// Merges the findings about one response. If its status is not the expected one, nothing else can be right; of several
/// findings about one subject the first says the most. The others are appended to that one.
fn merged(observation: &Observation, findings: Vec<Finding>) -> Vec<Finding> {
    let subject = Subject::request(&observation.request);
    let is_status = |finding: &Finding| matches!(finding.code, FindingCode::StatusUnexpected | FindingCode::ExitCode);
    let wrong_status = findings.first().is_some_and(|first| first.subject == subject && is_status(first));
    let mut merged: Vec<Finding> = Vec::new();
    for finding in findings {
        let above = merged.iter_mut().find(|above| wrong_status || above.subject == finding.subject);
        match above {
            None => merged.push(finding),
            Some(above) => {
                let own = if let Subject::Request(_, part) = &finding.subject { Some(part) } else { None };
                let part = own.map_or_else(|| format!(" {}", finding.subject), ToString::to_string);
                let also = format!("\nalso{part}: expected {}, seen {}", finding.expected, finding.actual);
                above.actual.push_str(&also);
            }
        }
    }
    merged
}

/// A finding about a response, or a part of it.
fn found(
    observation: &Observation,
    code: FindingCode,
    part: RequestPart,
    expected: impl Into<String>,
    actual: impl Into<String>,
) -> Finding {
    let mut finding = Finding::new(code, Subject::Request(observation.request.clone(), part), expected, actual);
    finding.status = observation.response.http_status();
    finding
}

fn cannot_tell(observation: &Observation, code: InconclusiveCode, text: impl Into<String>, report: &mut CheckReport) {
    report.cannot_tell_about(code, Subject::request(&observation.request), text);
}

fn judge(
    observation: &Observation,
    terms: ExpectContext<'_>,
    compared: Compared<'_>,
    report: &mut CheckReport,
) -> Result<(), TemplateError> {
    match &observation.response {
        Response::NoResponse { reason } => {
            report.assertions += 1;
            report.findings.push(found(
                observation,
                FindingCode::NoResponse,
                RequestPart::Whole,
                "a response",
                reason.clone(),
            ));
            return Ok(());
        }
        Response::Rejected(refusal) => {
            report.assertions += 1;
            let actual = format!("the server refused: {refusal}");
            report.findings.push(found(observation, FindingCode::RequestRejected, RequestPart::Whole, "rows", actual));
            return Ok(());
        }
        Response::ProbeError { reason } => {
            cannot_tell(observation, InconclusiveCode::ProbeError, reason.clone(), report);
            return Ok(());
        }
        Response::Http(_) | Response::Exec(_) | Response::Rows(_) => {}
    }
    if allowed_change(observation, terms, compared, report) {
        return Ok(());
    }
    absolute(observation, terms, report)?;
    if let Compared::Baseline(before) = compared {
        // The body of a refusal is not data: only its status is compared.
        let refused = before.is_some_and(|before| matches!(&before.response, Response::Http(r) if r.status >= 300));
        let same = terms.unchanged.iter().filter(|aspect| !refused || **aspect == Aspect::Status);
        for aspect in same {
            match before {
                Some(before) => compare(observation, before, (aspect, terms.changes), report),
                None => cannot_tell(
                    observation,
                    InconclusiveCode::NothingToCompare,
                    "the baseline has no response to compare with",
                    report,
                ),
            }
        }
    }
    Ok(())
}

/// Whether a reviewed change of the status applies: then nothing else of the response can be as it was.
fn allowed_change(
    observation: &Observation,
    terms: ExpectContext<'_>,
    compared: Compared<'_>,
    report: &mut CheckReport,
) -> bool {
    let Compared::Baseline(Some(before)) = compared else { return false };
    let (was, is) = (status(&before.response), status(&observation.response));
    let both = was.as_deref().zip(is.as_deref());
    let Some(change) = terms.changes.iter().find(|change| change.status().is_some() && change.status() == both) else {
        return false;
    };
    report.assertions += 1;
    let (from, to) = both.unwrap_or_default();
    report
        .notes
        .push(format!("{}: {from} → {to} by the rule of {}: {}", observation.request, change.crossing, change.because));
    true
}

fn status(response: &Response) -> Option<String> {
    match response {
        Response::Http(response) => Some(response.status.to_string()),
        Response::Exec(ended) => Some(ended.exit.to_string()),
        Response::Rows(_) | Response::NoResponse { .. } | Response::Rejected { .. } | Response::ProbeError { .. } => {
            None
        }
    }
}

fn absolute(
    observation: &Observation,
    terms: ExpectContext<'_>,
    report: &mut CheckReport,
) -> Result<(), TemplateError> {
    let ExpectContext { expect, unchanged, context, .. } = terms;
    use FindingCode::{
        BodyEmpty, DigestUnexpected, ExitCode, HeaderUnexpected, NotJson, StatusUnexpected, TextMissing, TextPresent,
    };
    use RequestPart::{Digest, Header, Json, Records, Size, Whole};
    let mut asserted = |holds: bool, code: FindingCode, part: RequestPart, expected: String, was: String| {
        report.assertions += 1;
        if !holds {
            report.findings.push(found(observation, code, part, expected, was));
        }
    };
    let (text, body): (String, Option<&Body>) = match &observation.response {
        Response::Http(response) => {
            let code = response.status;
            let excerpt = || format!("{code} {}", excerpt(&response.body.text));
            if !expect.status.is_empty() {
                let expected = expect.status.iter().map(u16::to_string).collect::<Vec<_>>().join(" or ");
                asserted(expect.status.contains(&code), StatusUnexpected, Whole, expected, excerpt());
            } else if !unchanged.contains(&Aspect::Status) {
                let expected = "a successful status".to_owned();
                asserted((200..300).contains(&code), StatusUnexpected, Whole, expected, excerpt());
            }
            // A successful response with an empty body is a fault, unless the product file says what the body is.
            let body_is_described = !expect.contains.is_empty()
                || !expect.json.is_empty()
                || expect.size.is_some()
                || expect.records.is_some()
                || expect.digest.is_some()
                || unchanged.iter().any(|aspect| *aspect != Aspect::Status);
            if code == 200 && !body_is_described {
                let was = "200 with an empty body".to_owned();
                asserted(response.body.size > 0, BodyEmpty, Whole, "a body".to_owned(), was);
            }
            for (name, pattern) in &expect.headers {
                let pattern = pattern.filled(context)?;
                let value = response.headers.get(&name.to_lowercase());
                let holds = value.is_some_and(|value| pattern.regex().is_match(value));
                let was = value.cloned().unwrap_or_else(|| "no such header".to_owned());
                let expected = format!("a match of {:?}", pattern.as_str());
                asserted(holds, HeaderUnexpected, Header(name.clone()), expected, was);
            }
            (response.body.text.clone(), Some(&response.body))
        }
        Response::Exec(ended) => {
            let expected = expect.exit.as_deref().unwrap_or(&[0]);
            if !expected.is_empty() {
                let words = expected.iter().map(i64::to_string).collect::<Vec<_>>().join(" or ");
                let was = format!("exit code {}: {}", ended.exit, error_lines(&ended.err.text, &ended.out.text));
                asserted(expected.contains(&ended.exit), ExitCode, Whole, format!("exit code {words}"), was);
            }
            (format!("{}{}", ended.out.text, ended.err.text), Some(&ended.out))
        }
        Response::Rows(rows) => {
            let lines = rows
                .rows
                .iter()
                .map(|row| row.iter().map(|value| value.as_deref().unwrap_or("NULL")).collect::<Vec<_>>().join("|"));
            (lines.collect::<Vec<_>>().join("\n"), None)
        }
        Response::NoResponse { .. } | Response::Rejected { .. } | Response::ProbeError { .. } => return Ok(()),
    };
    for pattern in &expect.contains {
        let pattern = pattern.filled(context)?;
        let expected = format!("a match of {:?}", pattern.as_str());
        asserted(pattern.regex().is_match(&text), TextMissing, Whole, expected, excerpt(&text));
    }
    for pattern in &expect.absent {
        let pattern = pattern.filled(context)?;
        let found = pattern.regex().find(&text).map(|hit| shorten(line_of(&text, hit.start()), 300));
        let expected = format!("no match of {:?}", pattern.as_str());
        asserted(found.is_none(), TextPresent, Whole, expected, found.unwrap_or_default());
    }
    if !expect.json.is_empty() {
        let json: Option<Value> = serde_json::from_str(&text).ok();
        if json.is_none() {
            asserted(false, NotJson, Whole, "JSON".to_owned(), excerpt(&text));
        }
        for (pointer, matcher) in expect.json.iter().filter(|_| json.is_some()) {
            let value = json.as_ref().and_then(|json| json.pointer(pointer.as_str()));
            let was = value.map_or("nothing there".to_owned(), |value| shorten(&value.to_string(), 300));
            matched(&mut asserted, matcher, value, context, Json(pointer.to_string()), was)?;
        }
    }
    if let (Some(matcher), Some(body)) = (&expect.size, body) {
        let was = format!("{} bytes", body.size);
        matched(&mut asserted, matcher, Some(&Value::from(body.size)), context, Size, was)?;
    }
    if let Some(matcher) = &expect.records {
        let count = count(&observation.response);
        let was = count.map_or("no records".to_owned(), |count| count.to_string());
        matched(&mut asserted, matcher, count.map(Value::from).as_ref(), context, Records, was)?;
    }
    if let (Some(matcher), Response::Rows(rows)) = (&expect.value, &observation.response) {
        let value = rows.value().map(|value| Value::String(value.to_owned()));
        let was = rows.value().map_or_else(|| format!("{} rows", rows.rows.len()), str::to_owned);
        matched(&mut asserted, matcher, value.as_ref(), context, Whole, was)?;
    }
    if let (Some(digest), Some(body)) = (&expect.digest, body) {
        let digest = digest.render(context)?;
        asserted(body.digest == digest, DigestUnexpected, Digest, digest.clone(), body.digest.clone());
    }
    Ok(())
}

fn matched(
    asserted: &mut impl FnMut(bool, FindingCode, RequestPart, String, String),
    matcher: &Matcher,
    value: Option<&Value>,
    context: &Value,
    part: RequestPart,
    was: String,
) -> Result<(), TemplateError> {
    match holds(matcher, value, context)? {
        Ok(()) => asserted(true, FindingCode::ValueUnexpected, part, String::new(), String::new()),
        Err(expected) => asserted(false, FindingCode::ValueUnexpected, part, expected, was),
    }
    Ok(())
}

fn count(response: &Response) -> Option<u64> {
    match response {
        Response::Rows(rows) => Some(rows.rows.len() as u64),
        Response::Http(response) if !response.body.cut => records(&response.body.text).map(|r| r.len() as u64),
        Response::Exec(ended) if !ended.out.cut => records(&ended.out.text).map(|r| r.len() as u64),
        Response::Http(_)
        | Response::Exec(_)
        | Response::NoResponse { .. }
        | Response::Rejected { .. }
        | Response::ProbeError { .. } => None,
    }
}

fn body(response: &Response) -> Option<&Body> {
    match response {
        Response::Http(response) => Some(&response.body),
        Response::Exec(ended) => Some(&ended.out),
        Response::Rows(_) | Response::NoResponse { .. } | Response::Rejected { .. } | Response::ProbeError { .. } => {
            None
        }
    }
}

/// Compares one aspect with the baseline. If the baseline has nothing there, it is inconclusive.
fn compare(
    observation: &Observation,
    before: &Observation,
    (aspect, changes): (&Aspect, &[&AllowedChange]),
    report: &mut CheckReport,
) {
    let (now, was) = (body(&observation.response), body(&before.response));
    let differences: Result<Vec<(String, String)>, String> = match aspect {
        Aspect::Status => pair(status(&before.response), status(&observation.response)),
        Aspect::Digest | Aspect::Size if was.is_some_and(|was| was.size == 0) => {
            Err("the baseline is empty".to_owned())
        }
        Aspect::Digest => pair(was.map(|b| b.digest.clone()), now.map(|b| b.digest.clone())),
        Aspect::Size => pair(was.map(|b| b.size.to_string()), now.map(|b| b.size.to_string())),
        Aspect::Records if count(&before.response) == Some(0) => Err("the baseline has no record".to_owned()),
        Aspect::Records => pair(
            count(&before.response).map(|n| n.to_string()),
            Some(count(&observation.response).map_or("no records".to_owned(), |n| n.to_string())),
        ),
        Aspect::Rows => match (&before.response, &observation.response) {
            (Response::Rows(was), Response::Rows(_)) if was.rows.is_empty() => {
                Err("the baseline has no row".to_owned())
            }
            (Response::Rows(was), Response::Rows(now)) if was == now => Ok(Vec::new()),
            (Response::Rows(was), Response::Rows(now)) => Ok(vec![row_difference(&was.rows, &now.rows)]),
            _ => Err("it is not a query".to_owned()),
        },
        Aspect::Csv(aspect) => match (was, now) {
            (Some(was), Some(now)) if !was.cut && !now.cut => csv_difference(&was.text, &now.text, aspect)
                .map(|found| found.into_iter().map(|text| ("the baseline's records".to_owned(), text)).collect()),
            _ => Err("too long to compare as CSV".to_owned()),
        },
        Aspect::Json(aspect) => {
            let json = |body: Option<&Body>| -> Option<Value> {
                body.filter(|b| !b.cut).and_then(|b| serde_json::from_str(&b.text).ok())
            };
            let part = |json: Value| json.pointer(aspect.at.as_ref().map_or("", |at| at.as_str())).cloned();
            let was = json(was).map(|was| with_changes(was, changes));
            let was = was.and_then(|(was, notes)| {
                report.notes.extend(notes.iter().map(|note| format!("{} {note}", observation.request)));
                part(was)
            });
            match (was, json(now).and_then(part)) {
                (None, _) => Err("the baseline has no JSON there".to_owned()),
                (Some(was), _)
                    if was.is_null() || was == Value::Array(vec![]) || was == Value::Object(Default::default()) =>
                {
                    Err("the baseline has nothing there".to_owned())
                }
                (Some(_), None) => Ok(vec![("the baseline's JSON".to_owned(), excerpt(now.map_or("", |b| &b.text)))]),
                (Some(was), Some(now)) => Ok(json_difference(&was, &now, aspect)
                    .into_iter()
                    .map(|text| ("the baseline's value".to_owned(), text))
                    .collect()),
            }
        }
    };
    match differences {
        Err(reason) => cannot_tell(observation, InconclusiveCode::NothingToCompare, reason, report),
        Ok(differences) => {
            report.assertions += 1;
            let code = match aspect {
                Aspect::Status => FindingCode::StatusChanged,
                Aspect::Digest => FindingCode::BytesChanged,
                Aspect::Size => FindingCode::SizeChanged,
                Aspect::Records | Aspect::Csv(_) => FindingCode::RecordsChanged,
                Aspect::Rows => FindingCode::RowsChanged,
                Aspect::Json(_) => FindingCode::ValuesChanged,
            };
            let finding = |(expected, was)| found(observation, code, RequestPart::Whole, expected, was);
            report.findings.extend(differences.into_iter().map(finding));
        }
    }
}

fn pair(was: Option<String>, now: Option<String>) -> Result<Vec<(String, String)>, String> {
    match (was, now) {
        (Some(was), Some(now)) if was == now => Ok(Vec::new()),
        (Some(was), Some(now)) => Ok(vec![(format!("{was} as on the baseline"), now)]),
        (None, _) => Err("the baseline has nothing there".to_owned()),
        (Some(was), None) => Ok(vec![(format!("{was} as on the baseline"), "nothing there".to_owned())]),
    }
}

fn row_difference(was: &[Vec<Option<String>>], now: &[Vec<Option<String>>]) -> (String, String) {
    let mut counts: BTreeMap<&Vec<Option<String>>, i64> = BTreeMap::new();
    for row in now {
        *counts.entry(row).or_default() += 1;
    }
    for row in was {
        *counts.entry(row).or_default() -= 1;
    }
    let example = |sign: i64| {
        counts
            .iter()
            .find(|(_, count)| **count * sign > 0)
            .map(|(row, _)| row.iter().map(|v| v.as_deref().unwrap_or("NULL")).collect::<Vec<_>>().join("|"))
    };
    let (gone, new) = (example(-1), example(1));
    let (of_gone, of_new) = apart(gone.as_deref().unwrap_or_default(), new.as_deref().unwrap_or_default(), 160);
    let side = |rows: &[Vec<Option<String>>], example: Option<String>| match example {
        Some(example) => format!("{} rows, with \"{example}\"", rows.len()),
        None => format!("{} rows", rows.len()),
    };
    (side(was, gone.map(|_| of_gone)), side(now, new.map(|_| of_new)))
}

/// The beginning of a text, on one line.
fn excerpt(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() { "and nothing in it".to_owned() } else { format!("{:?}", shorten(&line, 200)) }
}

/// The lines of a failed command that explain the failure: those that name an error, or else the last ones.
fn error_lines(err: &str, out: &str) -> String {
    let text = if err.trim().is_empty() { out } else { err };
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut chosen: Vec<&str> = lines.iter().filter(|line| names_an_error(line)).take(4).copied().collect();
    if chosen.is_empty() {
        chosen = lines.iter().rev().take(3).rev().copied().collect();
    }
    shorten(&chosen.join(" / "), 500)
}

fn line_of(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |i| i + 1);
    let end = text[at..].find('\n').map_or(text.len(), |i| at + i);
    text[start..end].trim()
}

/// Fills the placeholders of a JSON body.
///
/// # Errors
/// If one cannot be filled in.
pub fn fill_json(value: &Value, context: &Value) -> Result<Value, TemplateError> {
    fill(value, context)
}
