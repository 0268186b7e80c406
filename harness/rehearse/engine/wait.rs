//! Waits for conditions: a condition is polled until it is met. The wait ends early if its service exits, and at its limit.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use rehearse_core::model::product::{Condition, HttpCondition, SqlCondition, WaitUntil};
use rehearse_core::observation::{HttpResponse, Response, Rows};
use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::finding::Finding;
use rehearse_core::outcome::subject::Subject;
use rehearse_core::text::names_an_error;
use serde_json::Map;
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use super::case::StageContext;
use super::context::RunContext;
use super::error::{EngineError, StepEnd};
use super::follow::Lines;
use super::host::{Command, Host, ServiceState, Sink, Stream};
use super::observer::{HttpRequest, Observer};
use super::poll::{Pace, Poller};
use super::settle::Settling;

/// How long the query for failures may take once the condition is met.
const FAILURES_TIMEOUT: Duration = Duration::from_secs(60);

/// A condition, and what a wait for it depends on.
pub(crate) struct Awaited<'a> {
    /// A description for people: `web is ready`.
    pub(crate) what: &'a str,
    /// The service whose exit ends the wait.
    pub(crate) service: Option<&'a str>,
    pub(crate) condition: &'a Condition,
    /// The step that waits, if there is one: it may define progress, failures, and services that have to keep running.
    pub(crate) step: Option<&'a WaitUntil>,
    pub(crate) limit: Duration,
}

/// How long a connection has to stay open to count as accepted by the service.
const STAYS_OPEN: Duration = Duration::from_millis(200);

/// A request without a response by then is sent once more, in parallel. A request that reaches a service at the moment it
/// starts to listen can hang until its deadline, and that time must not count as the service's time to become ready.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// How many bytes at the end of a log are searched for its last lines.
const LOG_END: u64 = 32_000;

/// Connects, and makes sure that the connection stays open: container engines put a proxy in front of a published port,
/// which accepts every connection and closes it if nothing listens behind it.
async fn connects(address: std::net::SocketAddr) -> std::io::Result<()> {
    let connecting = tokio::time::timeout(RETRY_AFTER, tokio::net::TcpStream::connect(address));
    let mut stream = connecting.await.map_err(|_| std::io::Error::other("nothing accepts the connection"))??;
    match tokio::time::timeout(STAYS_OPEN, stream.read(&mut [0; 1])).await {
        // Still open, or the service has sent something already.
        Err(_) | Ok(Ok(1..)) => Ok(()),
        Ok(Ok(0)) => Err(std::io::Error::other("the connection was accepted and closed at once")),
        Ok(Err(error)) => Err(error),
    }
}

/// What was observed while the condition was not met.
#[derive(Debug, Clone)]
pub(crate) struct Unmet {
    pub(crate) text: String,
    /// The text without what only a finding needs, for progress.
    short: Option<String>,
    /// The status of the HTTP response, if there was one.
    pub(crate) status: Option<u16>,
}

impl Unmet {
    /// A request that failed; `reason` is its whole chain of errors.
    fn failed_request(reason: String) -> Self {
        Self { short: Some(last_cause(&reason)), ..Self::from(reason) }
    }

    /// For a line of progress.
    fn progress(&self) -> &str {
        self.short.as_ref().unwrap_or(&self.text)
    }
}

impl From<String> for Unmet {
    fn from(text: String) -> Self {
        Self { text, short: None, status: None }
    }
}

/// Keeps the end of an output.
#[derive(Default)]
pub(crate) struct Tail(Vec<u8>);

impl Sink for Tail {
    fn take(&mut self, _: Stream, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        let over = self.0.len().saturating_sub(8192);
        self.0.drain(..over);
    }
}

impl Tail {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).trim().to_owned()
    }
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Waits until a condition is met. If it never is, or if the service exits, that is the product's failure.
    pub(crate) async fn wait(&self, ctx: &StageContext, awaited: Awaited<'_>) -> Result<StepEnd, EngineError> {
        let end = self.wait_until_over(ctx, awaited).await;
        // The next step may need the database for itself, or prove that it has no sessions.
        let _wait = self.meter.engine();
        self.observer.hang_up().await;
        end
    }

    async fn wait_until_over(&self, ctx: &StageContext, awaited: Awaited<'_>) -> Result<StepEnd, EngineError> {
        let _wait = self.meter.product();
        let mut last = Unmet::from("nothing yet".to_owned());
        let settling = awaited.step.map(Settling::new);
        // A request may hang; the service's exit and the limit must end the wait all the same.
        let ended = tokio::select! {
            biased;
            met = self.until_met(ctx, &awaited, settling.as_ref(), &mut last) => {
                met?;
                return self.condition_met(ctx, &awaited).await;
            }
            exited = self.until_exited(ctx, &awaited) => Some(exited?),
            given_up = self.until_given_up(ctx, settling.as_ref()) => Some(given_up?),
            () = tokio::time::sleep(awaited.limit) => None,
        };
        let mut finding = ended.unwrap_or_else(|| {
            let progress = settling.as_ref().and_then(Settling::description);
            let progress = progress.map(|progress| format!("; {progress}")).unwrap_or_default();
            let (code, subject) = match (awaited.step, awaited.service) {
                (None, Some(service)) => (FindingCode::ServiceNotReady, Subject::Service(service.to_owned())),
                (Some(_), _) | (None, None) => (FindingCode::WaitTimedOut, Subject::Wait(awaited.what.to_owned())),
            };
            let expected = if code == FindingCode::ServiceNotReady {
                format!("{} within {:?}", awaited.what, awaited.limit)
            } else {
                format!("within {:?}", awaited.limit)
            };
            let mut finding = Finding::new(code, subject, expected, format!("not yet: {}{progress}", last.text));
            finding.status = last.status;
            finding
        });
        finding.evidence = finding.evidence.or_else(|| awaited.service.and_then(|service| self.log_name(ctx, service)));
        Ok(StepEnd::Failed(vec![finding]))
    }

    /// The condition is met. Services that have to keep running, and failures, are checked once more: the last thing to end may
    /// have failed.
    async fn condition_met(&self, ctx: &StageContext, awaited: &Awaited<'_>) -> Result<StepEnd, EngineError> {
        let Some(step) = awaited.step else { return Ok(StepEnd::Done) };
        for service in &step.services {
            if let Some(finding) = self.exit_finding(ctx, service, awaited.what).await? {
                return Ok(StepEnd::Failed(vec![finding]));
            }
        }
        let late = |_| Ok(Some(Err(format!("no response within {FAILURES_TIMEOUT:?}"))));
        let request = tokio::time::timeout(FAILURES_TIMEOUT, self.failures(ctx, step)).await;
        match request.unwrap_or_else(late)? {
            None => Ok(StepEnd::Done),
            Some(Ok(finding)) => Ok(StepEnd::Failed(vec![finding])),
            Some(Err(reason)) => {
                let text = format!("{}: cannot find out what failed meanwhile: {reason}", awaited.what);
                Err(EngineError::not_read(text))
            }
        }
    }

    async fn until_met(
        &self,
        ctx: &StageContext,
        awaited: &Awaited<'_>,
        settling: Option<&Settling<'_>>,
        last: &mut Unmet,
    ) -> Result<(), EngineError> {
        let mut reported = Instant::now();
        let poller = Poller::new(pace(awaited.condition));
        let mut log = Lines::new(self.follow(&ctx.instance(awaited.service.unwrap_or_default())));
        loop {
            match self.is_met(ctx, awaited, &mut log).await? {
                Ok(()) => return Ok(()),
                Err(unmet) => *last = unmet,
            }
            if reported.elapsed() >= Duration::from_secs(5) {
                reported = Instant::now();
                let line = settling.and_then(Settling::line).unwrap_or_else(|| format!("not yet: {}", last.progress()));
                self.events.progress(&ctx.stage, format!("{}: {line}", awaited.what));
            }
            poller.pause().await;
        }
    }

    /// Returns only when a service has exited that is waited for, or that has to keep running meanwhile.
    async fn until_exited(&self, ctx: &StageContext, awaited: &Awaited<'_>) -> Result<Finding, EngineError> {
        let further = awaited.step.iter().flat_map(|step| step.services.iter().map(String::as_str));
        let services: Vec<&str> = awaited.service.into_iter().chain(further).collect();
        if services.is_empty() {
            return std::future::pending().await;
        }
        let poller = Poller::new(Pace::ASIDE);
        loop {
            // Subscribed before the states are read, so that an exit right after that is noticed too.
            let exited = self.host.exited();
            for service in &services {
                if let Some(finding) = self.exit_finding(ctx, service, awaited.what).await? {
                    return Ok(finding);
                }
            }
            tokio::select! {
                () = exited => {}
                () = poller.pause() => {}
            }
        }
    }

    /// A finding with the last lines of the log, if the service's process has ended.
    pub(crate) async fn exit_finding(
        &self,
        ctx: &StageContext,
        service: &str,
        what: &str,
    ) -> Result<Option<Finding>, EngineError> {
        let state = self.host.state(&ctx.instance(service)).await?;
        let how = match state {
            ServiceState::Running { .. } => return Ok(None),
            ServiceState::Absent => "it has no container".to_owned(),
            ServiceState::Created => "it was never started".to_owned(),
            ServiceState::Exited { code, out_of_memory: false } => format!("it exited with code {code}"),
            ServiceState::Exited { code, out_of_memory: true } => {
                format!("the kernel killed it because memory ran out (exit code {code})")
            }
        };
        let last = self.last_lines(ctx, service);
        let (code, subject) = (FindingCode::ServiceExited, Subject::Service(service.to_owned()));
        let actual = format!("{how}; its last lines: {last}");
        let mut finding = Finding::new(code, subject, what, actual).quoting(last);
        finding.evidence = self.log_name(ctx, service);
        Ok(Some(finding))
    }

    /// The path of a service's log, as reports name it.
    pub(crate) fn log_name(&self, ctx: &StageContext, service: &str) -> Option<String> {
        let file = self.host.log_file(&ctx.instance(service))?;
        let file = file.strip_prefix(&self.case.out).unwrap_or(&file);
        Some(file.display().to_string())
    }

    fn last_lines(&self, ctx: &StageContext, service: &str) -> String {
        let file = self.host.log_file(&ctx.instance(service));
        let bytes = file.and_then(|file| end_of(&file, LOG_END).ok()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        // A stack trace ends far below the line that names the error.
        let (last, mut errors) = (lines.len().saturating_sub(3), 0);
        let is_quoted = |(at, line): (usize, &&str)| {
            let is_error = errors < 4 && names_an_error(line);
            errors += u32::from(is_error);
            is_error || at >= last
        };
        // In the order of the log: the first error may be the cause of the last.
        let quoted: Vec<bool> = lines.iter().enumerate().map(is_quoted).collect();
        let quoted: Vec<&str> = lines.iter().zip(quoted).filter_map(|(line, quoted)| quoted.then_some(*line)).collect();
        if quoted.is_empty() { "none".to_owned() } else { quoted.join(" / ") }
    }

    /// Whether a condition is met; otherwise what was observed instead.
    async fn is_met(
        &self,
        ctx: &StageContext,
        awaited: &Awaited<'_>,
        log: &mut Lines,
    ) -> Result<Result<(), Unmet>, EngineError> {
        let service = awaited.service.unwrap_or_default();
        let context = self.case.placeholders(ctx, &Default::default(), &Map::new());
        if let Condition::Http(wanted) = awaited.condition {
            return Ok(self.response(ctx, service, wanted).await?.map(drop));
        }
        let met = match awaited.condition {
            Condition::Http(_) => Ok(()),
            Condition::Tcp(wanted) => match self.address(ctx, service, wanted.port.get()).await {
                Err(error) => Err(error.chain()),
                Ok(address) => match tokio::time::timeout(Duration::from_secs(5), connects(address)).await {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(error)) => Err(error.to_string()),
                    Err(_) => Err("the connection takes too long".to_owned()),
                },
            },
            Condition::Exec(wanted) => {
                let argv = wanted.command.argv(&context)?;
                let command = Command { argv, user: wanted.user.clone(), ..Command::default() };
                let mut tail = Tail::default();
                match self.host.exec(&ctx.instance(service), &command, &mut tail).await {
                    Ok(0) => Ok(()),
                    Ok(code) => Err(format!("exit code {code}: {}", tail.text())),
                    Err(error) => Err(error.chain()),
                }
            }
            Condition::Log(pattern) => {
                if log.any(|line| pattern.regex().is_match(line)) {
                    Ok(())
                } else {
                    Err(format!("no matching line in {} lines", log.count))
                }
            }
            Condition::Health => match self.host.state(&ctx.instance(service)).await? {
                ServiceState::Running { health: Some(health) } if health == "healthy" => Ok(()),
                ServiceState::Running { health: Some(health) } => Err(health),
                ServiceState::Running { health: None } => {
                    return Err(EngineError::not_read(format!("the image of {service} has no health check")));
                }
                ServiceState::Absent | ServiceState::Created | ServiceState::Exited { .. } => {
                    Err("not running".to_owned())
                }
            },
            Condition::Sql(wanted) => match self.value(ctx, wanted).await? {
                Ok(value) if truth(&value) == Some(true) => Ok(()),
                Ok(value) => Err(format!("the value is {value}")),
                Err(reason) => Err(reason),
            },
        };
        Ok(met.map_err(Unmet::from))
    }

    /// The response that a condition expects; otherwise what came instead.
    pub(crate) async fn response(
        &self,
        ctx: &StageContext,
        service: &str,
        wanted: &HttpCondition,
    ) -> Result<Result<HttpResponse, Unmet>, EngineError> {
        let Ok(address) = self.address(ctx, service, wanted.port.get()).await else {
            return Ok(Err(Unmet::from("the port is not open".to_owned())));
        };
        let request = HttpRequest {
            address,
            method: "GET",
            path: wanted.path.render(&self.case.placeholders(ctx, &Default::default(), &Map::new()))?,
            headers: [("host".to_owned(), format!("{service}:{}", wanted.port))].into(),
            body: None,
            jar: None,
            deadline: Duration::from_secs(20),
            keep: super::output::KEPT,
        };
        let status = wanted.status.unwrap_or(200);
        let mut first = std::pin::pin!(self.observer.http(request.clone()));
        let again = async {
            tokio::time::sleep(RETRY_AFTER).await;
            self.observer.http(request).await
        };
        let response = tokio::select! {
            biased;
            response = &mut first => response,
            response = again => response,
        };
        Ok(match response {
            Response::Http(response) if response.status != status => {
                Err(Unmet { status: Some(response.status), ..Unmet::from(format!("status {}", response.status)) })
            }
            Response::Http(response) => match &wanted.body {
                Some(pattern) if !pattern.regex().is_match(&response.body.text) => {
                    Err(Unmet::from("the body does not match".to_owned()))
                }
                Some(_) | None => Ok(response),
            },
            Response::NoResponse { reason } | Response::ProbeError { reason } => Err(Unmet::failed_request(reason)),
            Response::Exec(_) | Response::Rows(_) | Response::Rejected(_) => Err(Unmet::from("no response".to_owned())),
        })
    }

    /// The single value of a query that a wait repeats, until [`Observer::hang_up`]; otherwise the reason why there is none.
    pub(crate) async fn value(
        &self,
        ctx: &StageContext,
        wanted: &SqlCondition,
    ) -> Result<Result<String, String>, EngineError> {
        let rows = self.rows_again(ctx, wanted).await?;
        Ok(rows.and_then(|rows| rows.value().map(str::to_owned).ok_or_else(|| format!("{} rows", rows.rows.len()))))
    }

    /// The rows of a query that a wait repeats; otherwise the reason why there are none.
    pub(crate) async fn rows_again(
        &self,
        ctx: &StageContext,
        wanted: &SqlCondition,
    ) -> Result<Result<Rows, String>, EngineError> {
        let target = self.case.database(ctx, &wanted.database)?;
        let sql = wanted.sql.render(&self.case.placeholders(ctx, &Default::default(), &Map::new()))?;
        Ok(match self.observer.rows_again(&target, &sql).await {
            Response::Rows(rows) => Ok(rows),
            Response::Rejected(refusal) => Err(refusal.to_string()),
            Response::NoResponse { reason } | Response::ProbeError { reason } => Err(reason),
            Response::Http(_) | Response::Exec(_) => Err("no rows".to_owned()),
        })
    }
}

/// How often a condition is polled, which depends on what polling costs the product.
fn pace(condition: &Condition) -> Pace {
    match condition {
        Condition::Http(_) | Condition::Tcp(_) | Condition::Log(_) => Pace::PROMPT,
        Condition::Exec(_) | Condition::Sql(_) => Pace::GENTLE,
        Condition::Health => Pace::ASIDE,
    }
}

/// The last bytes of a file, read without the rest.
fn end_of(file: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(file)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The last cause in a chain of errors, without the code of the operating system: `connection refused`.
fn last_cause(chain: &str) -> String {
    let cause = chain.rsplit(": ").next().unwrap_or(chain);
    let cause = cause.split(" (os error").next().unwrap_or(cause);
    let mut characters = cause.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}

/// Whether a value is true, or a number above zero; `None` if it is neither a boolean nor a number.
pub(crate) fn truth(value: &str) -> Option<bool> {
    match value {
        "t" | "true" | "TRUE" => Some(true),
        "f" | "false" | "FALSE" => Some(false),
        _ => value.parse::<f64>().ok().filter(|number| !number.is_nan()).map(|number| number > 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_progress_line_names_only_the_last_cause() {
        let chain = "error sending request for url (http://127.0.0.1:1/): client error (Connect): \
                     tcp connect error: Connection refused (os error 111)";
        let unmet = Unmet::failed_request(chain.to_owned());
        assert_eq!((unmet.progress(), unmet.text.as_str()), ("connection refused", chain));
        assert_eq!(Unmet::from("exit code 1: psql: error: no".to_owned()).progress(), "exit code 1: psql: error: no");
    }

    #[test]
    fn only_the_end_of_a_log_of_terabytes_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("web.log");
        std::fs::write(&file, "short").unwrap();
        assert_eq!(end_of(&file, 100).unwrap(), b"short");
        let open = std::fs::OpenOptions::new().append(true).open(&file).unwrap();
        open.set_len(4 << 40).unwrap();
        std::io::Write::write_all(&mut &open, b"last").unwrap();
        let end = end_of(&file, 100).unwrap();
        assert!(end.len() == 100 && end.ends_with(b"\0last"));
    }
}
