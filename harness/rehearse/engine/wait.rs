//! Waits for conditions: polled until they hold, ended at once when the service they are about exits, and at their limit.

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

use super::context::{EngineError, RunContext, StageContext, StepEnd};
use super::follow::Lines;
use super::host::{Command, Host, ServiceState, Sink, Stream};
use super::observer::{HttpRequest, Observer};
use super::poll::{Pace, Poller};
use super::settle::Settling;

/// How long what failed may be asked for once the condition holds.
const ASKED_WITHIN: Duration = Duration::from_secs(60);

/// What is waited for.
pub(crate) struct Awaited<'a> {
    /// For people: `web is ready`.
    pub(crate) what: &'a str,
    /// Whose exit ends the wait.
    pub(crate) service: Option<&'a str>,
    pub(crate) condition: &'a Condition,
    /// The step that waits, where one does: how far it is, what may fail meanwhile, and who has to live.
    pub(crate) step: Option<&'a WaitUntil>,
    pub(crate) limit: Duration,
}

/// How long a connection has to stay open to count as accepted by the service.
const OPEN: Duration = Duration::from_millis(200);

/// A question that is not answered by then is asked once more beside it. What reaches a service in the moment in which it
/// begins to listen can hang for all of its deadline, and a look that hangs is not the service's time to be ready.
const UNANSWERED: Duration = Duration::from_secs(2);
/// Bytes of a log's end that its last lines are looked for in.
const LAST: u64 = 32_000;

/// Connects, and sees the connection stay: container engines put a proxy before a published port that accepts whatever
/// comes, and hangs up when nobody listens behind it.
async fn connects(address: std::net::SocketAddr) -> std::io::Result<()> {
    let connecting = tokio::time::timeout(UNANSWERED, tokio::net::TcpStream::connect(address));
    let mut stream = connecting.await.map_err(|_| std::io::Error::other("nobody takes the connection"))??;
    match tokio::time::timeout(OPEN, stream.read(&mut [0; 1])).await {
        // Still open, or already greeting.
        Err(_) | Ok(Ok(1..)) => Ok(()),
        Ok(Ok(0)) => Err(std::io::Error::other("the connection was accepted and closed at once")),
        Ok(Err(error)) => Err(error),
    }
}

/// What was observed in place of what is waited for.
#[derive(Debug, Clone)]
pub(crate) struct NotYet {
    pub(crate) text: String,
    /// The status of the HTTP response that came.
    pub(crate) status: Option<u16>,
}

impl From<String> for NotYet {
    fn from(text: String) -> Self {
        Self { text, status: None }
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
    /// Waits until a condition holds. That it never does, or that the service exits, is the product's failure.
    pub(crate) async fn wait(&self, ctx: &StageContext, awaited: Awaited<'_>) -> Result<StepEnd, EngineError> {
        let end = self.waited(ctx, awaited).await;
        // What comes next may want the database for itself, or prove that nobody is on it.
        let _wait = self.meter.engine();
        self.observer.hang_up().await;
        end
    }

    async fn waited(&self, ctx: &StageContext, awaited: Awaited<'_>) -> Result<StepEnd, EngineError> {
        let _wait = self.meter.product();
        let mut last = NotYet::from("nothing yet".to_owned());
        let settling = awaited.step.map(Settling::new);
        // A question may hang: neither the service's end nor the limit waits for its answer.
        let ended = tokio::select! {
            biased;
            held = self.until_it_holds(ctx, &awaited, settling.as_ref(), &mut last) => {
                held?;
                return self.held(ctx, &awaited).await;
            }
            dead = self.until_it_ends(ctx, &awaited) => Some(dead?),
            given_up = self.until_it_is_given_up(ctx, settling.as_ref()) => Some(given_up?),
            () = tokio::time::sleep(awaited.limit) => None,
        };
        let mut finding = ended.unwrap_or_else(|| {
            let told = settling.as_ref().and_then(Settling::told).map(|told| format!("; {told}")).unwrap_or_default();
            let (code, subject) = match (awaited.step, awaited.service) {
                (None, Some(service)) => (FindingCode::ServiceNotReady, Subject::Service(service.to_owned())),
                (Some(_), _) | (None, None) => (FindingCode::WaitTimedOut, Subject::Wait(awaited.what.to_owned())),
            };
            let expected = if code == FindingCode::ServiceNotReady {
                format!("{} within {:?}", awaited.what, awaited.limit)
            } else {
                format!("within {:?}", awaited.limit)
            };
            let mut finding = Finding::new(code, subject, expected, format!("not yet: {}{told}", last.text));
            finding.status = last.status;
            finding
        });
        finding.evidence = finding.evidence.or_else(|| awaited.service.and_then(|service| self.log_name(ctx, service)));
        Ok(StepEnd::Failed(vec![finding]))
    }

    /// The condition holds; who has to live and what failed is looked at once more, as it may have been the last to end.
    async fn held(&self, ctx: &StageContext, awaited: &Awaited<'_>) -> Result<StepEnd, EngineError> {
        let Some(step) = awaited.step else { return Ok(StepEnd::Done) };
        for service in &step.services {
            if let Some(finding) = self.exit_finding(ctx, service, awaited.what).await? {
                return Ok(StepEnd::Failed(vec![finding]));
            }
        }
        let late = |_| Ok(Some(Err(format!("no answer within {ASKED_WITHIN:?}"))));
        let request = tokio::time::timeout(ASKED_WITHIN, self.what_failed(ctx, step)).await;
        match request.unwrap_or_else(late)? {
            None => Ok(StepEnd::Done),
            Some(Ok(finding)) => Ok(StepEnd::Failed(vec![finding])),
            Some(Err(reason)) => {
                let text = format!("{}: what failed meanwhile cannot be asked: {reason}", awaited.what);
                Err(EngineError::not_read(text))
            }
        }
    }

    async fn until_it_holds(
        &self,
        ctx: &StageContext,
        awaited: &Awaited<'_>,
        settling: Option<&Settling<'_>>,
        last: &mut NotYet,
    ) -> Result<(), EngineError> {
        let mut told = Instant::now();
        let poller = Poller::new(pace(awaited.condition));
        let mut log = Lines::new(self.follow(&ctx.instance(awaited.service.unwrap_or_default())));
        loop {
            match self.holds(ctx, awaited, &mut log).await? {
                Ok(()) => return Ok(()),
                Err(seen) => *last = seen,
            }
            if told.elapsed() >= Duration::from_secs(5) {
                told = Instant::now();
                let line = settling.and_then(Settling::line).unwrap_or_else(|| format!("not yet, {}", last.text));
                self.progress(&ctx.stage, format!("{}: {line}", awaited.what));
            }
            poller.pause().await;
        }
    }

    /// Returns only when a service has ended that is waited for, or that has to live meanwhile.
    async fn until_it_ends(&self, ctx: &StageContext, awaited: &Awaited<'_>) -> Result<Finding, EngineError> {
        let further = awaited.step.iter().flat_map(|step| step.services.iter().map(String::as_str));
        let services: Vec<&str> = awaited.service.into_iter().chain(further).collect();
        if services.is_empty() {
            return std::future::pending().await;
        }
        let poller = Poller::new(Pace::ASIDE);
        loop {
            // Listened for before the look: what ends right after it is noticed all the same.
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

    /// A finding when the service's process has ended, with its last lines.
    pub(crate) async fn exit_finding(
        &self,
        ctx: &StageContext,
        service: &str,
        what: &str,
    ) -> Result<Option<Finding>, EngineError> {
        let state = self.host.state(&ctx.instance(service)).await?;
        let how = match state {
            ServiceState::Running { .. } => return Ok(None),
            ServiceState::Absent => "there is no such container".to_owned(),
            ServiceState::Created => "it was never started".to_owned(),
            ServiceState::Exited { code, out_of_memory: false } => format!("it exited with code {code}"),
            ServiceState::Exited { code, out_of_memory: true } => {
                format!("the kernel killed it for want of memory (exit code {code})")
            }
        };
        let last = self.last_lines(ctx, service);
        let (code, subject) = (FindingCode::ServiceExited, Subject::Service(service.to_owned()));
        let actual = format!("{how}; its last lines: {last}");
        let mut finding = Finding::new(code, subject, what, actual).quoting(last);
        finding.evidence = self.log_name(ctx, service);
        Ok(Some(finding))
    }

    /// The log of a service as reports name it.
    pub(crate) fn log_name(&self, ctx: &StageContext, service: &str) -> Option<String> {
        let file = self.host.log_file(&ctx.instance(service))?;
        let file = file.strip_prefix(&self.case.out).unwrap_or(&file);
        Some(file.display().to_string())
    }

    fn last_lines(&self, ctx: &StageContext, service: &str) -> String {
        let file = self.host.log_file(&ctx.instance(service));
        let bytes = file.and_then(|file| end_of(&file, LAST).ok()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        // A stack trace ends far below the line that says what happened.
        let (last, mut spoken) = (lines.len().saturating_sub(3), 0);
        let telling = |(at, line): (usize, &&str)| {
            let speaks = spoken < 4 && names_an_error(line);
            spoken += u32::from(speaks);
            speaks || at >= last
        };
        // In the order of the log: what came first may be the cause of what came last.
        let told: Vec<bool> = lines.iter().enumerate().map(telling).collect();
        let shown: Vec<&str> = lines.iter().zip(told).filter_map(|(line, told)| told.then_some(*line)).collect();
        if shown.is_empty() { "none".to_owned() } else { shown.join(" / ") }
    }

    /// Whether a condition holds; otherwise what was seen instead.
    async fn holds(
        &self,
        ctx: &StageContext,
        awaited: &Awaited<'_>,
        log: &mut Lines,
    ) -> Result<Result<(), NotYet>, EngineError> {
        let service = awaited.service.unwrap_or_default();
        let context = self.context(ctx, &Default::default(), &Map::new());
        if let Condition::Http(wanted) = awaited.condition {
            return Ok(self.response(ctx, service, wanted).await?.map(drop));
        }
        let held = match awaited.condition {
            Condition::Http(_) => Ok(()),
            Condition::Tcp(wanted) => match self.address(ctx, service, wanted.port).await {
                Err(error) => Err(error.chain()),
                Ok(address) => match tokio::time::timeout(Duration::from_secs(5), connects(address)).await {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(error)) => Err(error.to_string()),
                    Err(_) => Err("no connection".to_owned()),
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
                    Err(format!("no such line among {}", log.count))
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
        Ok(held.map_err(NotYet::from))
    }

    /// The response that a request is to get; otherwise what came instead.
    pub(crate) async fn response(
        &self,
        ctx: &StageContext,
        service: &str,
        wanted: &HttpCondition,
    ) -> Result<Result<HttpResponse, NotYet>, EngineError> {
        let Ok(address) = self.address(ctx, service, wanted.port).await else {
            return Ok(Err(NotYet::from("the port is not open".to_owned())));
        };
        let ask = HttpRequest {
            address,
            method: "GET",
            path: wanted.path.render(&self.context(ctx, &Default::default(), &Map::new()))?,
            headers: [("host".to_owned(), format!("{service}:{}", wanted.port))].into(),
            body: None,
            jar: None,
            deadline: Duration::from_secs(20),
            keep: super::output::KEPT,
        };
        let status = wanted.status.unwrap_or(200);
        let mut first = std::pin::pin!(self.observer.http(ask.clone()));
        let again = async {
            tokio::time::sleep(UNANSWERED).await;
            self.observer.http(ask).await
        };
        let response = tokio::select! {
            biased;
            response = &mut first => response,
            response = again => response,
        };
        Ok(match response {
            Response::Http(response) if response.status != status => {
                Err(NotYet { text: format!("status {}", response.status), status: Some(response.status) })
            }
            Response::Http(response) => match &wanted.body {
                Some(pattern) if !pattern.regex().is_match(&response.body.text) => {
                    Err(NotYet::from("another body".to_owned()))
                }
                Some(_) | None => Ok(response),
            },
            Response::NoResponse { reason } | Response::ProbeError { reason } => Err(NotYet::from(reason)),
            Response::Exec(_) | Response::Rows(_) | Response::Rejected(_) => {
                Err(NotYet::from("no response".to_owned()))
            }
        })
    }

    /// The single value of a query that a wait repeats, until [`Observer::hang_up`]; otherwise why there is none.
    pub(crate) async fn value(
        &self,
        ctx: &StageContext,
        wanted: &SqlCondition,
    ) -> Result<Result<String, String>, EngineError> {
        let rows = self.rows_again(ctx, wanted).await?;
        Ok(rows.and_then(|rows| rows.value().map(str::to_owned).ok_or_else(|| format!("{} rows", rows.rows.len()))))
    }

    /// The rows of a query that a wait repeats; otherwise why there are none.
    pub(crate) async fn rows_again(
        &self,
        ctx: &StageContext,
        wanted: &SqlCondition,
    ) -> Result<Result<Rows, String>, EngineError> {
        let site = self.database(ctx, &wanted.database)?;
        let sql = wanted.sql.render(&self.context(ctx, &Default::default(), &Map::new()))?;
        Ok(match self.observer.rows_again(&site, &sql).await {
            Response::Rows(rows) => Ok(rows),
            Response::Rejected(refusal) => Err(refusal.to_string()),
            Response::NoResponse { reason } | Response::ProbeError { reason } => Err(reason),
            Response::Http(_) | Response::Exec(_) => Err("no rows".to_owned()),
        })
    }
}

/// How often a condition is looked at: by what a look costs the product.
fn pace(condition: &Condition) -> Pace {
    match condition {
        Condition::Http(_) | Condition::Tcp(_) | Condition::Log(_) => Pace::PROMPT,
        Condition::Exec(_) | Condition::Sql(_) => Pace::GENTLE,
        Condition::Health => Pace::ASIDE,
    }
}

/// The last bytes of a file, however long it is.
fn end_of(file: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(file)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether a value is true, or a number above zero; none when it is neither a truth value nor a number.
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
    fn of_a_log_of_terabytes_only_the_end_is_read() {
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
