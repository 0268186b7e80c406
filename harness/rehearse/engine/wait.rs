//! Waits for conditions: polled until they hold, ended at once when the service they are about exits, and at their limit.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use rehearse_core::model::product::{Condition, HttpCondition, SqlCondition, WaitUntil};
use rehearse_core::observation::{HttpResponse, Response};
use rehearse_core::outcome::verdict::Finding;
use serde_json::{Map, Value};
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use super::context::{EngineError, RunContext, StageContext, StepEnd};
use super::follow::Lines;
use super::host::{Command, Host, ServiceState, Sink, Stream};
use super::observer::{HttpRequest, Observer};
use super::settle::Settling;

/// Between two looks: short beside any start of a service.
const BETWEEN: Duration = Duration::from_millis(60);
/// Between two looks at whether the service still lives, which ask the container engine.
const BETWEEN_STATES: Duration = Duration::from_millis(250);

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
        let _wait = self.meter.product();
        let mut last = "nothing yet".to_owned();
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
            Finding::new(awaited.what, format!("within {:?}", awaited.limit), format!("not yet: {last}{told}"))
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
            Some(Err(reason)) => Err(EngineError::Unobservable(format!(
                "{}: what failed meanwhile cannot be asked: {reason}",
                awaited.what
            ))),
        }
    }

    async fn until_it_holds(
        &self,
        ctx: &StageContext,
        awaited: &Awaited<'_>,
        settling: Option<&Settling<'_>>,
        last: &mut String,
    ) -> Result<(), EngineError> {
        let mut told = Instant::now();
        let mut log = Lines::new(self.follow(&ctx.deployment, awaited.service.unwrap_or_default()));
        loop {
            match self.holds(ctx, awaited, &mut log).await? {
                Ok(()) => return Ok(()),
                Err(seen) => *last = seen,
            }
            if told.elapsed() >= Duration::from_secs(5) {
                told = Instant::now();
                let line = settling.and_then(Settling::line).unwrap_or_else(|| format!("not yet, {last}"));
                self.progress(&ctx.stage, format!("{}: {line}", awaited.what));
            }
            tokio::time::sleep(BETWEEN).await;
        }
    }

    /// Returns only when a service has ended that is waited for, or that has to live meanwhile.
    async fn until_it_ends(&self, ctx: &StageContext, awaited: &Awaited<'_>) -> Result<Finding, EngineError> {
        let further = awaited.step.iter().flat_map(|step| step.services.iter().map(String::as_str));
        let services: Vec<&str> = awaited.service.into_iter().chain(further).collect();
        if services.is_empty() {
            return std::future::pending().await;
        }
        loop {
            for service in &services {
                if let Some(finding) = self.exit_finding(ctx, service, awaited.what).await? {
                    return Ok(finding);
                }
            }
            tokio::time::sleep(BETWEEN_STATES).await;
        }
    }

    /// A finding when the service's process has ended, with its last lines.
    pub(crate) async fn exit_finding(
        &self,
        ctx: &StageContext,
        service: &str,
        what: &str,
    ) -> Result<Option<Finding>, EngineError> {
        let state = self.host.state(&ctx.deployment, service).await?;
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
        let mut finding = Finding::new(format!("service {service}"), what, format!("{how}; its last lines: {last}"));
        finding.evidence = self.log_name(ctx, service);
        Ok(Some(finding))
    }

    /// The log of a service as reports name it.
    pub(crate) fn log_name(&self, ctx: &StageContext, service: &str) -> Option<String> {
        let file = self.host.log_file(&ctx.deployment, service)?;
        let file = file.strip_prefix(&self.case.out).unwrap_or(&file);
        Some(file.display().to_string())
    }

    fn last_lines(&self, ctx: &StageContext, service: &str) -> String {
        let file = self.host.log_file(&ctx.deployment, service);
        let bytes = file.and_then(|file| end_of(&file, LAST).ok()).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        // A stack trace ends far below the line that says what happened.
        let speaks = |line: &str| {
            let lower = line.to_lowercase();
            !lower.starts_with("from ")
                && ["error", "denied", "fatal", "abort", "fail"].iter().any(|word| lower.contains(word))
        };
        let (last, mut spoken) = (lines.len().saturating_sub(3), 0);
        let telling = |(at, line): (usize, &&str)| {
            let speaks = spoken < 4 && speaks(line);
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
    ) -> Result<Result<(), String>, EngineError> {
        let service = awaited.service.unwrap_or_default();
        let context = self.context(ctx, &Default::default(), &Map::new());
        Ok(match awaited.condition {
            Condition::Http(wanted) => self.response(ctx, service, wanted).await?.map(drop),
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
                match self.host.exec(&ctx.deployment, service, &command, &mut tail).await {
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
            Condition::Health => match self.host.state(&ctx.deployment, service).await? {
                ServiceState::Running { health: Some(health) } if health == "healthy" => Ok(()),
                ServiceState::Running { health: Some(health) } => Err(health),
                ServiceState::Running { health: None } => {
                    return Err(EngineError::Unobservable(format!("the image of {service} has no health check")));
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
        })
    }

    /// The response that a request is to get; otherwise what came instead.
    pub(crate) async fn response(
        &self,
        ctx: &StageContext,
        service: &str,
        wanted: &HttpCondition,
    ) -> Result<Result<HttpResponse, String>, EngineError> {
        let Ok(address) = self.address(ctx, service, wanted.port).await else {
            return Ok(Err("the port is not open".to_owned()));
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
            Response::Http(response) if response.status != status => Err(format!("status {}", response.status)),
            Response::Http(response) => match &wanted.body {
                Some(pattern) if !pattern.regex().is_match(&response.body.text) => Err("another body".to_owned()),
                Some(_) | None => Ok(response),
            },
            Response::NoResponse { reason } | Response::Rejected { reason } | Response::ProbeError { reason } => {
                Err(reason)
            }
            Response::Exec(_) | Response::Rows(_) => Err("no response".to_owned()),
        })
    }

    /// The single value of a query; otherwise why there is none.
    pub(crate) async fn value(
        &self,
        ctx: &StageContext,
        wanted: &SqlCondition,
    ) -> Result<Result<String, String>, EngineError> {
        let site = self.database(ctx, &wanted.database)?;
        let context: Value = self.context(ctx, &Default::default(), &Map::new());
        let sql = wanted.sql.render(&context)?;
        Ok(match self.observer.rows(&site, &sql).await {
            Response::Rows(rows) => rows.value().map(str::to_owned).ok_or_else(|| format!("{} rows", rows.rows.len())),
            Response::NoResponse { reason } | Response::Rejected { reason } | Response::ProbeError { reason } => {
                Err(reason)
            }
            Response::Http(_) | Response::Exec(_) => Err("no rows".to_owned()),
        })
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
