//! Asks the product one thing: a request, a command, a query. What comes, or does not, is a value.

use std::collections::BTreeMap;
use std::time::Duration;

use rehearse_core::check::{Compared, Terms, judge_answer};
use rehearse_core::event::{CheckReport, StageId};
use rehearse_core::migrations::MigrationReader;
use rehearse_core::observe::{Answer, Ended, Seen};
use rehearse_core::product::{Body, Capture, ExecStep, Expect, HttpStep, SqlStep};
use rehearse_core::scalar::Duration as Limit;
use rehearse_core::scenario::CheckKind;
use rehearse_core::template::Template;
use serde_json::{Map, Value};

use super::host::{Command, Host, HostError, Stdin};
use super::migrating::Migrating;
use super::observer::{Ask, Content, Observer};
use super::output::{Collector, KEPT, Listener};
use super::world::{Scene, Trouble, World};

/// Between two askings of a step that waits for its answer.
const BETWEEN: Duration = Duration::from_millis(500);

/// Where a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Inside the running service.
    Inside,
    /// In a one-off container made like it.
    OneOff,
}

/// A request that is ready but for its headers.
pub(crate) struct Request<'a> {
    /// What it is called in reports.
    pub(crate) asked: String,
    pub(crate) service: &'a str,
    pub(crate) port: u16,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) identity: Option<String>,
    /// Besides those of the identity.
    pub(crate) headers: &'a BTreeMap<String, Template>,
    pub(crate) body: Option<Content>,
    /// 60 seconds when not given.
    pub(crate) deadline: Option<&'a Limit>,
    /// As many bytes of the answer are kept for judging.
    pub(crate) keep: usize,
    /// It is asked again until this holds, for so long.
    pub(crate) until: Option<(&'a Limit, &'a Expect)>,
}

impl<H: Host, O: Observer> World<H, O> {
    /// Sends a request. The cookies of an identity are kept within one visit.
    pub(crate) async fn ask_http(
        &self,
        scene: &Scene,
        step: &HttpStep,
        visit: &str,
        context: &Value,
    ) -> Result<Seen, Trouble> {
        let path = step.path.render(context)?;
        let identity = step.identity.as_ref().map(|name| name.render(context)).transpose()?;
        let asked = match (&step.name, &identity) {
            (Some(name), Some(identity)) => format!("{name} as {identity}"),
            (Some(name), None) => name.clone(),
            (None, Some(identity)) => format!("{} {path} as {identity}", step.method.name()),
            (None, None) => format!("{} {path}", step.method.name()),
        };
        let body = match &step.body {
            None => None,
            Some(Body::Json(value)) => Some(Content::Json(rehearse_core::check::fill_json(value, context)?)),
            Some(Body::Text(text)) => Some(Content::Text(text.render(context)?)),
            Some(Body::Form(form)) => {
                let fields = form.iter().map(|(key, value)| Ok((key.clone(), value.render(context)?)));
                Some(Content::Form(fields.collect::<Result<_, rehearse_core::template::TemplateError>>()?))
            }
        };
        let request = Request {
            asked,
            service: &step.service,
            port: step.port,
            method: step.method.name(),
            path,
            identity,
            headers: &step.headers,
            body,
            deadline: step.deadline.as_ref(),
            keep: KEPT,
            until: step.within.as_ref().map(|within| (within, &step.expect)),
        };
        self.request(scene, request, visit, context).await
    }

    /// Sends a request that is ready but for its headers.
    pub(crate) async fn request(
        &self,
        scene: &Scene,
        request: Request<'_>,
        visit: &str,
        context: &Value,
    ) -> Result<Seen, Trouble> {
        let Request { asked, service, port, method, path, identity, body, deadline, keep, .. } = request;
        // As a neighbour on the network would ask: the port that we reach it by changes from start to start, and products
        // write the name they are asked by into their answers.
        let mut headers = BTreeMap::from([("host".to_owned(), format!("{service}:{port}"))]);
        if let Some(known) = identity.as_ref().and_then(|name| self.case.product.identities.get(name)) {
            for (name, value) in &known.headers {
                headers.insert(name.to_lowercase(), value.render(context)?);
            }
        }
        for (name, value) in request.headers {
            headers.insert(name.to_lowercase(), value.render(context)?);
        }
        let jar = identity.map(|identity| format!("{}/{}/{visit}/{identity}", scene.deployment, scene.stage));
        let deadline = deadline.map_or(Duration::from_secs(60), |limit| limit.get());
        let ask = || async {
            match self.address(scene, service, port).await {
                Err(error) => Answer::Broken { reason: error.chain() },
                Ok(address) => {
                    let _wait = self.meter.product();
                    let (path, headers, body, jar) = (path.clone(), headers.clone(), body.clone(), jar.clone());
                    self.observer.http(Ask { address, method, path, headers, body, jar, deadline, keep }).await
                }
            }
        };
        let none = Expect::default();
        let (within, expect) = request.until.map_or((None, &none), |(within, expect)| (Some(within), expect));
        let answer = until_expected(&asked, within, expect, context, ask).await;
        self.shown(&scene.stage, asked, answer)
    }

    /// Runs a command.
    pub(crate) async fn ask_exec(
        &self,
        scene: &Scene,
        step: &ExecStep,
        context: &Value,
        place: Place,
    ) -> Result<(Seen, Option<MigrationReader>), Trouble> {
        let command = Command {
            argv: step.command.argv(context)?,
            user: step.user.clone(),
            workdir: step.workdir.clone(),
            env: step
                .env
                .iter()
                .map(|(key, value)| Ok((key.clone(), value.render(context)?)))
                .collect::<Result<_, rehearse_core::template::TemplateError>>()?,
            stdin: step.stdin.as_ref().map(|part| self.part(part).map(Stdin::File)).transpose()?,
        };
        let asked = step.name.clone().unwrap_or_else(|| format!("{} in {}", step.command, step.service));
        let (file, evidence) = self.evidence.file(&scene.stage.0, &asked, "txt")?;
        let migrating = step.migrations.map(|format| Migrating::new(self, &scene.stage, format));
        let listener = migrating
            .clone()
            .map(|migrating| -> Listener<'_> { Box::new(move |stream, bytes| migrating.take(stream, bytes)) });
        let mut sink = Collector::new(&file, listener)?;
        let limit = step.deadline.as_ref().map_or(Duration::from_secs(600), |limit| limit.get());
        let began = tokio::time::Instant::now();
        let ran = {
            let _wait = self.meter.product();
            let work = async {
                match place {
                    Place::Inside => self.host.exec(&scene.deployment, &step.service, &command, &mut sink).await,
                    Place::OneOff => {
                        let mut spec = self.spec(scene, &step.service).map_err(unseen)?;
                        spec.command = Some(command.argv.clone());
                        spec.env.extend(command.env.clone());
                        spec.user = command.user.clone().or(spec.user);
                        spec.workdir = command.workdir.clone().or(spec.workdir);
                        self.host.run(&scene.deployment, &spec, &mut sink).await
                    }
                }
            };
            tokio::time::timeout(limit, work).await
        };
        let (out, err, lost) = sink.finish();
        if let Some(source) = lost {
            return Err(HostError::File { operation: "write", path: file, source }.into());
        }
        let reader = migrating.map(|migrating| migrating.finish(matches!(ran, Ok(Ok(0)))));
        let answer = match ran {
            Err(_) => Answer::Silent { reason: format!("no end within {limit:?}") },
            Ok(Err(error)) => Answer::Broken { reason: error.chain() },
            // By the convention of every shell: the command was not there, or could not be run.
            Ok(Ok(exit @ (126 | 127))) if step.expect.exit.is_none() => Answer::Broken {
                reason: format!(
                    "exit code {exit}, the command itself cannot be run: {}",
                    last_line(&err.text, &out.text)
                ),
            },
            Ok(Ok(exit)) => Answer::Exec(Ended { exit, out, err, took: began.elapsed() }),
        };
        Ok((Seen { asked, answer, evidence: Some(evidence) }, reader))
    }

    /// Asks a database.
    pub(crate) async fn ask_sql(&self, scene: &Scene, step: &SqlStep, context: &Value) -> Result<Seen, Trouble> {
        let query = step.query.render(context)?;
        let flat = query.split_whitespace().collect::<Vec<_>>().join(" ");
        let asked = step.name.clone().unwrap_or_else(|| format!("{}: {}", step.database, shorten(&flat)));
        let site = self.database(scene, &step.database)?;
        let ask = || async {
            let _wait = self.meter.product();
            self.observer.rows(&site, &query).await
        };
        let answer = until_expected(&asked, step.within.as_ref(), &step.expect, context, ask).await;
        self.shown(&scene.stage, asked, answer)
    }

    /// Writes what was seen into a file of its own.
    fn shown(&self, stage: &StageId, asked: String, answer: Answer) -> Result<Seen, Trouble> {
        let mut text = format!("{asked}\n");
        match &answer {
            Answer::Http(response) => {
                text.push_str(&format!("\n{} in {:?}\n", response.status, response.took));
                for (name, value) in &response.headers {
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
            Answer::Rows(rows) => {
                for row in &rows.rows {
                    let values: Vec<&str> = row.iter().map(|value| value.as_deref().unwrap_or("NULL")).collect();
                    text.push_str(&values.join("|"));
                    text.push('\n');
                }
            }
            Answer::Exec(ended) => {
                text.push_str(&format!("exit code {}\n{}{}", ended.exit, ended.out.text, ended.err.text))
            }
            Answer::Silent { reason } | Answer::Broken { reason } => text.push_str(reason),
        }
        let evidence = self.evidence.write(&stage.0, &asked, "txt", text.as_bytes())?;
        Ok(Seen { asked, answer, evidence: Some(evidence) })
    }
}

/// Asks again, where the step says so, until what it expects holds or its time is over; the last answer counts.
async fn until_expected<F: Future<Output = Answer>>(
    asked: &str,
    within: Option<&rehearse_core::scalar::Duration>,
    expect: &Expect,
    context: &Value,
    ask: impl Fn() -> F,
) -> Answer {
    let began = tokio::time::Instant::now();
    loop {
        let answer = ask().await;
        let Some(limit) = within else { return answer };
        let seen = Seen { asked: asked.to_owned(), answer, evidence: None };
        let mut judged = CheckReport::new(CheckKind::Health, "");
        let terms = Terms { expect, same: &[], changes: &[], context };
        if judge_answer(&seen, terms, Compared::Nothing, &mut judged) || began.elapsed() >= limit.get() {
            return seen.answer;
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

fn unseen(trouble: Trouble) -> HostError {
    match trouble {
        Trouble::Host(error) => error,
        other @ (Trouble::Template(_) | Trouble::Unseen(_)) => {
            HostError::Operation { operation: "describe", object: "a one-off".into(), source: other.chain().into() }
        }
    }
}

fn shorten(text: &str) -> String {
    let mut cut: String = text.chars().take(80).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    cut
}

fn last_line(err: &str, out: &str) -> String {
    let line = err.lines().chain(out.lines()).rfind(|line| !line.trim().is_empty());
    line.unwrap_or("no output").trim().to_owned()
}

/// Takes values from an answer. What cannot be captured is said.
pub(crate) fn capture(
    wanted: &BTreeMap<String, Capture>,
    seen: &Seen,
    captured: &mut Map<String, Value>,
) -> Result<(), String> {
    let text = match &seen.answer {
        Answer::Http(response) => response.body.text.clone(),
        Answer::Exec(ended) => ended.out.text.clone(),
        Answer::Rows(_) | Answer::Silent { .. } | Answer::Broken { .. } => String::new(),
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
            Capture::Header(name) => match &seen.answer {
                Answer::Http(response) => response.headers.get(&name.to_lowercase()).cloned().map(Value::String),
                Answer::Exec(_) | Answer::Rows(_) | Answer::Silent { .. } | Answer::Broken { .. } => None,
            },
            Capture::Value => match &seen.answer {
                Answer::Rows(rows) => rows.value().map(|value| Value::String(value.to_owned())),
                Answer::Http(_) | Answer::Exec(_) | Answer::Silent { .. } | Answer::Broken { .. } => None,
            },
        };
        match value.filter(|value| !value.is_null()) {
            Some(value) => captured.insert(name.clone(), value),
            None => return Err(format!("{}: there is no value to capture as {name}", seen.asked)),
        };
    }
    Ok(())
}
