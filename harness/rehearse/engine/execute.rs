//! Sends one request to the product: HTTP, a command or a query. The response is a value, and so is its absence.

use std::collections::BTreeMap;
use std::time::Duration;

use rehearse_core::check::{Compared, ExpectContext, judge_response, shorten};
use rehearse_core::deployment::CommandSpec;
use rehearse_core::model::product::{Capture, ExecStep, Expect, SqlStep};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::migrations::MigrationReader;
use rehearse_core::observation::{Ended, Observation, Response};
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::secret::{Secret, names_a_secret, shown_secrets};
use rehearse_core::vocabulary::ident::StageId;
use serde_json::{Map, Value};

use super::case::StageContext;
use super::context::RunContext;
use super::error::EngineError;
use super::evidence::TextKind;
use super::host::{Command, Host, HostError, Stdin};
use super::migrating::Migrating;
use super::observer::Observer;
use super::output::{Collector, Listener};
use super::poll::{Pace, Poller};

/// Where a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExecTarget {
    /// Inside the running service.
    Inside,
    /// In a one-off container with the same specification.
    OneOff,
}

impl ExecTarget {
    /// What is reported when the program does not exist.
    fn missing(self) -> &'static str {
        match self {
            Self::Inside => "probe binary missing",
            Self::OneOff => "the program of the one-off command is missing",
        }
    }
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Runs a command.
    pub(crate) async fn run_command(
        &self,
        ctx: &StageContext,
        step: &ExecStep,
        context: &Value,
        target: ExecTarget,
    ) -> Result<(Observation, Option<MigrationReader>), EngineError> {
        let spec = CommandSpec::of(step, context)?;
        let stdin = step.stdin.as_ref().map(|part| self.case.backup_file(part).map(Stdin::File)).transpose()?;
        let request = step.name.clone().unwrap_or_else(|| format!("{} in {}", step.command, step.service));
        let (file, evidence) = self.evidence.file(&ctx.stage.0, &request, "txt")?;
        self.evidence.record_text(&ctx.stage.0, &evidence, TextKind::Output);
        let migrating = step.migrations.map(|format| Migrating::new(self, &ctx.stage, format));
        let listener = migrating
            .clone()
            .map(|migrating| -> Listener<'_> { Box::new(move |stream, bytes| migrating.take(stream, bytes)) });
        let mut sink = Collector::new(&file, self.evidence.redacting(), listener)?;
        let limit = step.deadline.as_ref().map_or(Duration::from_secs(600), |limit| limit.get());
        let began = tokio::time::Instant::now();
        let ran = {
            let _wait = self.meter.product();
            let work = async {
                match target {
                    ExecTarget::Inside => {
                        let command = Command { stdin, ..spec.into() };
                        self.host.exec(&ctx.instance(&step.service), &command, &mut sink).await
                    }
                    ExecTarget::OneOff => {
                        let service = self.case.spec(ctx, &step.service).map_err(as_host_error)?;
                        self.host.run(&ctx.deployment, &service.one_off(&spec), &mut sink).await
                    }
                }
            };
            let watch = async {
                let stalled_after = step.stalled_after.as_ref().map(|limit| limit.get());
                match &migrating {
                    Some(migrating) => migrating.watch(ctx, &request, stalled_after).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                ended = work => Ok(ended),
                given_up = watch => Err(given_up),
                () = tokio::time::sleep(limit) => {
                    let why = migrating.as_ref().and_then(Migrating::verdict);
                    Err(format!("it did not end within {limit:?}{}", why.map(|why| format!("; {why}")).unwrap_or_default()))
                }
            }
        };
        if ran.is_err() {
            for how in self.host.endings().await {
                self.events.remark(&ctx.stage, how);
            }
        }
        let (out, err, lost) = sink.finish();
        if let Some(source) = lost {
            return Err(HostError::File { operation: "write", path: file, source }.into());
        }
        let reader = migrating.map(|migrating| migrating.finish(matches!(ran, Ok(Ok(0)))));
        let response = match ran {
            Err(reason) => Response::NoResponse { reason },
            Ok(Err(error)) => Response::ProbeError { reason: error.chain() },
            Ok(Ok(exit)) if missing(exit, step.expect.exit.as_deref(), &err.text, &out.text) => {
                let last = last_line(&err.text, &out.text);
                Response::ProbeError { reason: format!("{}: exit code {exit}: {last}", target.missing()) }
            }
            Ok(Ok(exit)) => Response::Exec(Ended { exit, out, err, took: began.elapsed() }),
        };
        Ok((Observation { request, response, evidence: Some(evidence) }, reader))
    }

    /// Sends a query to a database.
    pub(crate) async fn run_query(
        &self,
        ctx: &StageContext,
        step: &SqlStep,
        context: &Value,
    ) -> Result<Observation, EngineError> {
        let query = step.query.render(context)?;
        let flat = query.split_whitespace().collect::<Vec<_>>().join(" ");
        let request = step.name.clone().unwrap_or_else(|| format!("{}: {}", step.database, shorten(&flat, 80)));
        let target = self.case.database(ctx, &step.database)?;
        let repeats = step.within.is_some();
        let send = || async {
            let _wait = self.meter.product();
            if repeats {
                self.observer.rows_again(&target, &query).await
            } else {
                self.observer.rows(&target, &query).await
            }
        };
        let response = until_expected(&request, step.within.as_ref(), &step.expect, context, send).await;
        if repeats {
            self.observer.hang_up().await;
        }
        self.record(&ctx.stage, request, response)
    }

    /// Writes a response into a file of evidence of its own.
    pub(super) fn record(
        &self,
        stage: &StageId,
        request: String,
        response: Response,
    ) -> Result<Observation, EngineError> {
        let mut text = format!("{request}\n");
        match &response {
            Response::Http(response) => {
                text.push_str(&format!("\n{} in {:?}\n", response.status, response.took));
                for (name, value) in &response.headers {
                    let value = if name == "set-cookie" { without_values(value) } else { value.clone() };
                    text.push_str(&format!("{name}: {value}\n"));
                }
                text.push_str(&format!(
                    "\n[{} bytes, SHA-256 {}{}]\n",
                    response.body.size,
                    response.body.digest,
                    if response.body.cut { ", cut" } else { "" }
                ));
                text.push_str(&response.body.text);
            }
            Response::Rows(rows) => {
                for row in &rows.rows {
                    let values: Vec<&str> = row.iter().map(|value| value.as_deref().unwrap_or("NULL")).collect();
                    text.push_str(&values.join("|"));
                    text.push('\n');
                }
            }
            Response::Exec(ended) => {
                text.push_str(&format!("exit code {}\n{}{}", ended.exit, ended.out.text, ended.err.text))
            }
            Response::NoResponse { reason } | Response::ProbeError { reason } => text.push_str(reason),
            Response::Rejected(refusal) => text.push_str(&refusal.to_string()),
        }
        self.case.redactor.learn_observed(shown_secrets(&text));
        let evidence = self.evidence.write(&stage.0, &request, "txt", text.as_bytes())?;
        let kind = if let Response::Http(_) = response { TextKind::Response } else { TextKind::Output };
        self.evidence.record_text(&stage.0, &evidence, kind);
        Ok(Observation { request, response, evidence: Some(evidence) })
    }
}

/// Repeats a request, if its step has `within`, until the expectation is met or the time is over. The last response counts.
pub(super) async fn until_expected<F: Future<Output = Response>>(
    request: &str,
    within: Option<&rehearse_core::vocabulary::scalar::Duration>,
    expect: &Expect,
    context: &Value,
    send: impl Fn() -> F,
) -> Response {
    let (began, poller) = (tokio::time::Instant::now(), Poller::new(Pace::ASIDE));
    loop {
        let response = send().await;
        let Some(limit) = within else { return response };
        let observation = Observation { request: request.to_owned(), response, evidence: None };
        let mut judged = CheckReport::new(CheckKind::Health, "");
        let expectation = ExpectContext { expect, unchanged: &[], changes: &[], context };
        if judge_response(&observation, expectation, Compared::Nothing, &mut judged) || began.elapsed() >= limit.get() {
            return observation.response;
        }
        poller.pause().await;
    }
}

/// The cookies that a response sets, without their values: with those anybody could log in.
fn without_values(cookies: &str) -> String {
    let mut clean = String::new();
    // Several cookies come on one line; a date has a comma too, but no `name=` after it.
    for (index, part) in cookies.split(", ").enumerate() {
        if index > 0 {
            clean.push_str(", ");
        }
        let (pair, attributes) = part.split_once(';').map_or((part, ""), |(pair, rest)| (pair, rest));
        match pair.split_once('=') {
            Some((name, value)) if !value.is_empty() && !name.contains(' ') => {
                clean.push_str(&format!("{name}=[cookie is not shown]"));
            }
            Some(_) | None => clean.push_str(pair),
        }
        if !attributes.is_empty() {
            clean.push(';');
            clean.push_str(attributes);
        }
    }
    clean
}

fn as_host_error(error: EngineError) -> HostError {
    match error {
        EngineError::Host(error) => error,
        other @ (EngineError::Template(_) | EngineError::Unobservable(_)) => HostError::Operation {
            operation: "prepare",
            object: "a one-off command".into(),
            source: other.chain().into(),
        },
    }
}

/// Whether a command could not run at all. By the convention of shells and container runtimes, that is 126 or 127. If a
/// step expects codes of its own, only the output can tell its 127 from a shell's.
fn missing(exit: i64, expected: Option<&[i64]>, err: &str, out: &str) -> bool {
    let mentions = |text: &str| {
        ["not found", "no such file or directory", "permission denied", "cannot execute", "oci runtime"]
            .iter()
            .any(|words| text.to_lowercase().contains(words))
    };
    match (exit, expected) {
        (126 | 127, None) => true,
        (126 | 127, Some(codes)) => !codes.contains(&exit) && (mentions(err) || mentions(out)),
        _ => false,
    }
}

fn last_line(err: &str, out: &str) -> String {
    let line = err.lines().chain(out.lines()).rfind(|line| !line.trim().is_empty());
    line.unwrap_or("no output").trim().to_owned()
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Captures values from a response; the error says which is missing. A value whose name marks it as a secret is redacted
    /// from then on, in the evidence of this response too.
    pub(crate) fn capture(
        &self,
        wanted: &BTreeMap<String, Capture>,
        observation: &Observation,
        captured: &mut Map<String, Value>,
    ) -> Result<(), String> {
        let result = capture(wanted, observation, captured);
        let secret = |name: &&String| names_a_secret(name);
        let values = wanted.keys().filter(secret).filter_map(|name| Some((name, captured.get(name)?.as_str()?)));
        let secrets: Vec<Secret> = values.map(|(name, value)| Secret::new(format!("captured.{name}"), value)).collect();
        if !secrets.is_empty() {
            // A value that is too short to be redacted is hardly a token.
            let _too_short = self.case.redactor.learn(secrets, &[]);
            observation.evidence.iter().for_each(|file| self.evidence.redact_again(file));
        }
        result
    }
}

/// Captures values from a response; the error says which is missing.
fn capture(
    wanted: &BTreeMap<String, Capture>,
    observation: &Observation,
    captured: &mut Map<String, Value>,
) -> Result<(), String> {
    let text = match &observation.response {
        Response::Http(response) => response.body.text.clone(),
        Response::Exec(ended) => ended.out.text.clone(),
        Response::Rows(_) | Response::NoResponse { .. } | Response::Rejected { .. } | Response::ProbeError { .. } => {
            String::new()
        }
    };
    for (name, from) in wanted {
        let value = match from {
            Capture::Json(pointer) => {
                serde_json::from_str::<Value>(&text).ok().and_then(|json| json.pointer(pointer.as_str()).cloned())
            }
            Capture::Text(pattern) => pattern
                .regex()
                .captures(&text)
                .and_then(|found| found.get(1).or_else(|| found.get(0)))
                .map(|found| Value::String(found.as_str().to_owned())),
            Capture::Header(name) => match &observation.response {
                Response::Http(response) => response.headers.get(&name.to_lowercase()).cloned().map(Value::String),
                Response::Exec(_)
                | Response::Rows(_)
                | Response::NoResponse { .. }
                | Response::Rejected { .. }
                | Response::ProbeError { .. } => None,
            },
            Capture::Value => match &observation.response {
                Response::Rows(rows) => rows.value().map(|value| Value::String(value.to_owned())),
                Response::Http(_)
                | Response::Exec(_)
                | Response::NoResponse { .. }
                | Response::Rejected { .. }
                | Response::ProbeError { .. } => None,
            },
        };
        match value.filter(|value| !value.is_null()) {
            Some(value) => captured.insert(name.clone(), value),
            None => return Err(format!("{}: there is no value to capture as {name}", observation.request)),
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_recorded_without_their_values() {
        let check = |cookies: &str, clean: &str| assert_eq!(without_values(cookies), clean);
        check("session=abc==; path=/; HttpOnly", "session=[cookie is not shown]; path=/; HttpOnly");
        check(
            "a=1; expires=Wed, 21 Oct 2026 07:28:00 GMT; path=/, b=2",
            "a=[cookie is not shown]; expires=Wed, 21 Oct 2026 07:28:00 GMT; path=/, b=[cookie is not shown]",
        );
        check("gone=; Max-Age=0", "gone=; Max-Age=0");
    }
}
