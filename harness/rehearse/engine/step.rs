//! Carries out the steps of a stage. The product's failure is a value with findings.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rehearse_core::check::{Compared, ExpectContext, judge_response};
use rehearse_core::model::product::{Capture, ExecStep, Expect, HttpStep, Step};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::{Observation, Response};
use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::outcome::event::EventKind;
use rehearse_core::outcome::finding::Finding;
use rehearse_core::outcome::subject::Subject;
use rehearse_core::outcome::verdict::Outcome;
use rehearse_core::planning::plan::describe;
use rehearse_core::vocabulary::ident::StepId;
use serde_json::{Map, Value};

use super::case::StageContext;
use super::context::RunContext;
use super::error::{EngineError, StepEnd};
use super::execute::ExecTarget;
use super::host::{Host, ServiceState};
use super::login::Logins;
use super::observer::Observer;
use super::poll::{Pace, Poller};
use super::wait::Awaited;

/// How long sessions of stopped services may linger before they count.
const SESSIONS_GRACE: Duration = Duration::from_secs(10);
/// How much later the engine may report a service's exit than that of a command that ran in it.
const EXIT_GRACE: Duration = Duration::from_secs(1);
/// How long a service may take to become ready if the product file does not say.
const READY_TIMEOUT: Duration = Duration::from_secs(120);

/// All steps of one stage share one visit.
const VISIT: &str = "steps";

/// What the steps of one stage leave for each other.
#[derive(Debug, Default)]
pub(crate) struct Script {
    captured: Map<String, Value>,
    logins: Logins,
    stopped: BTreeSet<String>,
    /// Services were stopped, and it is not proved yet that nothing of them still runs.
    unproven_stop: bool,
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Carries out steps in order, until one fails.
    pub(crate) async fn steps(&self, ctx: &StageContext, steps: &[Step]) -> Result<StepEnd, EngineError> {
        let mut script = Script::default();
        for (step, number) in steps.iter().zip(1..) {
            let skipped = self.is_skipped(ctx, step);
            if !skipped {
                self.events.progress(&ctx.stage, describe(step));
            }
            let began = tokio::time::Instant::now();
            let end = self.step(ctx, step, &mut script).await;
            let outcome = match &end {
                Ok(StepEnd::Done) if skipped => Outcome::Skipped,
                Ok(StepEnd::Done) => Outcome::Passed,
                Ok(StepEnd::Failed(_)) => Outcome::Failed,
                Err(_) => Outcome::Inconclusive,
            };
            let step = StepId { stage: ctx.stage.clone(), number };
            self.events.emit(EventKind::StepFinished { step, outcome, took: began.elapsed() });
            if let StepEnd::Failed(findings) = end? {
                return Ok(StepEnd::Failed(findings));
            }
        }
        Ok(StepEnd::Done)
    }

    /// Whether a step is for other releases, or copies an optional file that this backup lacks.
    fn is_skipped(&self, ctx: &StageContext, step: &Step) -> bool {
        let is_for = match step {
            Step::Exec(step) | Step::Run(step) => step.is_for(&ctx.release),
            Step::Http(step) => step.is_for(&ctx.release),
            Step::Sql(step) => step.is_for(&ctx.release),
            Step::WaitUntil(step) => step.is_for(&ctx.release),
            Step::CopyIn(step) | Step::Unpack(step) => {
                return step.optional && self.case.backup_file(&step.from).is_err();
            }
            Step::Start(_) | Step::Stop(_) | Step::Restart(_) | Step::Replace(_) | Step::StartUpgrading(_) => {
                return false;
            }
        };
        !is_for
    }

    async fn step(&self, ctx: &StageContext, step: &Step, script: &mut Script) -> Result<StepEnd, EngineError> {
        let context = self.case.placeholders(ctx, &BTreeMap::new(), &script.captured);
        // Steps that neither start anything nor send a request may come between a stop and its proof.
        let is_active = match step {
            Step::Stop(_) | Step::Replace(_) | Step::CopyIn(_) => false,
            Step::Start(_)
            | Step::Restart(_)
            | Step::Exec(_)
            | Step::Run(_)
            | Step::StartUpgrading(_)
            | Step::Unpack(_)
            | Step::Http(_)
            | Step::Sql(_)
            | Step::WaitUntil(_) => true,
        };
        if is_active
            && script.unproven_stop
            && let StepEnd::Failed(findings) = self.prove_stopped(ctx, script).await?
        {
            return Ok(StepEnd::Failed(findings));
        }
        if self.is_skipped(ctx, step) {
            if let Step::CopyIn(step) | Step::Unpack(step) = step {
                self.events.remark(&ctx.stage, format!("the backup has no {}; the step is skipped", step.from));
            }
            return Ok(StepEnd::Done);
        }
        match step {
            Step::Start(services) => {
                for service in services {
                    if let StepEnd::Failed(findings) = self.start(ctx, service).await? {
                        return Ok(StepEnd::Failed(findings));
                    }
                    script.stopped.remove(service);
                }
                Ok(StepEnd::Done)
            }
            Step::Stop(services) => {
                for service in services {
                    self.stop(ctx, service).await?;
                    script.stopped.insert(service.clone());
                }
                script.unproven_stop = true;
                Ok(StepEnd::Done)
            }
            Step::Restart(services) => {
                for service in services {
                    self.stop(ctx, service).await?;
                    if let StepEnd::Failed(findings) = self.start(ctx, service).await? {
                        return Ok(StepEnd::Failed(findings));
                    }
                    script.stopped.remove(service);
                }
                Ok(StepEnd::Done)
            }
            Step::Replace(services) => {
                let _wait = self.meter.engine();
                services.iter().for_each(|service| self.instances.forget_addresses(&ctx.instance(service)));
                self.apply(ctx, services.iter()).await?;
                Ok(StepEnd::Done)
            }
            Step::Exec(step) => self.command(ctx, step, &context, ExecTarget::Inside, script).await,
            Step::Run(step) => self.command(ctx, step, &context, ExecTarget::OneOff, script).await,
            Step::StartUpgrading(step) => {
                let end = self.start_upgrading(ctx, step).await?;
                script.stopped.remove(&step.service);
                Ok(end)
            }
            Step::CopyIn(step) => {
                let (file, to) = (self.case.backup_file(&step.from)?, step.to.render(&context)?);
                let _wait = self.meter.engine();
                self.host.copy_in_file(&ctx.instance(&step.service), &file, &to).await?;
                Ok(StepEnd::Done)
            }
            Step::Unpack(step) => {
                let (file, to) = (self.case.backup_file(&step.from)?, step.to.render(&context)?);
                let _wait = self.meter.engine();
                self.host.copy_in_archive(&ctx.instance(&step.service), &file, &to).await?;
                Ok(StepEnd::Done)
            }
            Step::Http(step) => {
                if let StepEnd::Failed(findings) = self.log_in_for(ctx, step, &context, script).await? {
                    return Ok(StepEnd::Failed(findings));
                }
                let context = self.case.placeholders(ctx, &BTreeMap::new(), &script.captured);
                let observation = self.send_http(ctx, step, VISIT, &context, false).await?;
                self.judge_step(&observation, &step.expect, &step.capture, &context, script)
            }
            Step::Sql(step) => {
                let observation = self.run_query(ctx, step, &context).await?;
                self.judge_step(&observation, &step.expect, &step.capture, &context, script)
            }
            Step::WaitUntil(step) => {
                let awaited = Awaited {
                    what: &step.name,
                    service: step.service.as_deref(),
                    condition: &step.condition,
                    step: Some(step),
                    limit: step.deadline.get(),
                };
                self.wait(ctx, awaited).await
            }
        }
    }

    /// Logs in the identity of a request, if it has one.
    async fn log_in_for(
        &self,
        ctx: &StageContext,
        step: &HttpStep,
        context: &Value,
        script: &mut Script,
    ) -> Result<StepEnd, EngineError> {
        let Some(identity) = &step.identity else { return Ok(StepEnd::Done) };
        let identity = identity.render(context)?;
        let mut report = CheckReport::new(CheckKind::Health, "step");
        let logged_in = self.log_in(ctx, VISIT, &identity, &mut script.logins, &mut report).await?;
        if !report.findings.is_empty() {
            return Ok(StepEnd::Failed(report.findings));
        }
        if !logged_in {
            let reason = report.inconclusive.pop();
            let unknown = || EngineError::not_read(format!("{identity} is not logged in"));
            return Err(reason.map_or_else(unknown, EngineError::Unobservable));
        }
        script.captured.extend(script.logins.captured.clone());
        Ok(StepEnd::Done)
    }

    /// Starts a service and waits until it is ready.
    pub(crate) async fn start(&self, ctx: &StageContext, service: &str) -> Result<StepEnd, EngineError> {
        self.instances.forget_addresses(&ctx.instance(service));
        self.mark_start(&ctx.instance(service));
        let began = tokio::time::Instant::now();
        {
            let _wait = self.meter.engine();
            self.host.start(&ctx.deployment, service).await?;
        }
        let services = self.case.services();
        let Some((ready, limit)) = services.get(service).and_then(|service| {
            let limit = service.ready_within.as_ref().map_or(READY_TIMEOUT, |limit| limit.get());
            Some((service.ready.as_ref()?, limit))
        }) else {
            return Ok(StepEnd::Done);
        };
        let what = format!("service {service} is ready");
        let awaited = Awaited { what: &what, service: Some(service), condition: ready, step: None, limit };
        let end = self.wait(ctx, awaited).await?;
        if let StepEnd::Done = end {
            self.instances.became_ready(&ctx.instance(service), began.elapsed());
        }
        Ok(end)
    }

    async fn stop(&self, ctx: &StageContext, service: &str) -> Result<(), EngineError> {
        let _wait = self.meter.product();
        self.instances.forget_addresses(&ctx.instance(service));
        self.host.stop(&ctx.deployment, service).await?;
        Ok(())
    }

    /// Proves that the stopped services are gone, and that they left no session on a database.
    async fn prove_stopped(&self, ctx: &StageContext, script: &mut Script) -> Result<StepEnd, EngineError> {
        let mut findings = Vec::new();
        for service in &script.stopped {
            if let ServiceState::Running { .. } = self.host.state(&ctx.instance(service)).await? {
                let (code, subject) = (FindingCode::ServiceNotStopped, Subject::Service(service.clone()));
                findings.push(Finding::new(code, subject, "it is stopped", "it still runs"));
            }
        }
        let product = &self.case.product;
        let hosts: BTreeSet<&String> = product.databases.values().map(|database| &database.service).collect();
        let others: Vec<&String> =
            product.services.keys().filter(|name| !hosts.contains(name) && !script.stopped.contains(*name)).collect();
        if others.is_empty() {
            // A database server that is stopped itself has no sessions, and cannot be queried.
            let up = product.databases.iter().filter(|(_, database)| !script.stopped.contains(&database.service));
            for name in up.map(|(name, _)| name) {
                let target = self.case.database(ctx, name)?;
                let (began, poller) = (tokio::time::Instant::now(), Poller::new(Pace::GENTLE));
                let _wait = self.meter.product();
                loop {
                    match self.observer.sessions(&target).await.map_err(EngineError::not_read)? {
                        0 => break,
                        sessions if began.elapsed() > SESSIONS_GRACE => {
                            findings.push(Finding::new(
                                FindingCode::SessionsLeft,
                                Subject::Database(name.clone()),
                                "no session once every service on it is stopped",
                                format!("{sessions} sessions"),
                            ));
                            break;
                        }
                        _ => poller.pause().await,
                    }
                }
            }
        }
        script.unproven_stop = false;
        Ok(if findings.is_empty() { StepEnd::Done } else { StepEnd::Failed(findings) })
    }

    async fn command(
        &self,
        ctx: &StageContext,
        step: &ExecStep,
        context: &Value,
        place: ExecTarget,
        script: &mut Script,
    ) -> Result<StepEnd, EngineError> {
        let (observation, reader) = self.run_command(ctx, step, context, place).await?;
        self.warnings(ctx, step, &observation);
        let mut end = self.judge_step(&observation, &step.expect, &step.capture, context, script);
        if place == ExecTarget::Inside
            && !matches!(end, Ok(StepEnd::Done))
            && let Some(first) = self.exit_during(ctx, &step.service, &observation).await?
        {
            // The failure of the command is a consequence of the exit, so it comes second.
            let mut findings = vec![first];
            if let Ok(StepEnd::Failed(further)) = end {
                findings.extend(further);
            }
            end = Ok(StepEnd::Failed(findings));
        }
        let end = end?;
        match reader {
            Some(reader) => {
                self.with_migrations(ctx, &reader, &observation.request, observation.evidence.as_deref(), end).await
            }
            None => Ok(end),
        }
    }

    /// A finding if the service exited while a command ran in it: the exit code of the command does not say why.
    async fn exit_during(
        &self,
        ctx: &StageContext,
        service: &str,
        observation: &Observation,
    ) -> Result<Option<Finding>, EngineError> {
        let may_be_killed = match &observation.response {
            Response::Exec(ended) => ended.exit > 128,
            Response::ProbeError { .. } | Response::NoResponse { .. } => true,
            Response::Http(_) | Response::Rows(_) | Response::Rejected { .. } => false,
        };
        let (began, poller) = (tokio::time::Instant::now(), Poller::new(Pace::GENTLE));
        loop {
            match self.host.state(&ctx.instance(service)).await? {
                ServiceState::Exited { .. } => {
                    return self
                        .exit_finding(ctx, service, &format!("it keeps running during: {}", observation.request))
                        .await;
                }
                // The engine may report the exit of the service a moment later than that of the command.
                ServiceState::Running { .. } if may_be_killed && began.elapsed() < EXIT_GRACE => {
                    poller.pause().await;
                }
                ServiceState::Running { .. } | ServiceState::Absent | ServiceState::Created => return Ok(None),
            }
        }
    }

    /// Reports the lines of a command's output that its step defines as warnings.
    fn warnings(&self, ctx: &StageContext, step: &ExecStep, observation: &Observation) {
        let (Some(pattern), Response::Exec(ended)) = (&step.warnings, &observation.response) else { return };
        let lines = ended.out.text.lines().chain(ended.err.text.lines());
        for line in lines.filter(|line| pattern.regex().is_match(line)).take(20) {
            self.events.remark(&ctx.stage, format!("warning from {}: {}", observation.request, line.trim()));
        }
    }

    /// Judges the response to a step by the step's expectation.
    fn judge_step(
        &self,
        observation: &Observation,
        expect: &Expect,
        wanted: &BTreeMap<String, Capture>,
        context: &Value,
        script: &mut Script,
    ) -> Result<StepEnd, EngineError> {
        let mut report = CheckReport::new(CheckKind::Health, "step");
        let expectation = ExpectContext { expect, unchanged: &[], changes: &[], context };
        judge_response(observation, expectation, Compared::Nothing, &mut report);
        if let Some(reason) = report.inconclusive.first() {
            return Err(EngineError::Unobservable(reason.clone()));
        }
        if !report.findings.is_empty() {
            return Ok(StepEnd::Failed(report.findings));
        }
        self.capture(wanted, observation, &mut script.captured).map_err(EngineError::not_read)?;
        Ok(StepEnd::Done)
    }
}
