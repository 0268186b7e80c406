//! A service that upgrades itself as it starts, and what a migrator's output tells beside its end.

use std::io;
use std::time::Duration;

use rehearse_core::check::judge_stream;
use rehearse_core::model::product::StartUpgrading;
use rehearse_core::observation::Response;
use rehearse_core::observation::migrations::MigrationReader;
use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::finding::Finding;
use rehearse_core::outcome::subject::Subject;
use tokio::time::Instant;

use super::context::{EngineError, RunContext, StageContext, StepEnd};
use super::follow::Follower;
use super::host::{Host, HostError, Stream};
use super::migrating::Migrating;
use super::observer::Observer;
use super::wait::Awaited;

/// How long a service may take to upgrade itself when its step does not say.
const UPGRADES_WITHIN: Duration = Duration::from_secs(1800);
/// Between two looks at what it printed.
const BETWEEN: Duration = Duration::from_millis(250);

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Starts a service and waits until it has upgraded itself; what its log tells of migrations is told as it comes.
    pub(crate) async fn start_upgrading(
        &self,
        ctx: &StageContext,
        step: &StartUpgrading,
    ) -> Result<StepEnd, EngineError> {
        self.forget_address(&ctx.instance(&step.service));
        self.mark_start(&ctx.instance(&step.service));
        {
            let _wait = self.meter.engine();
            self.host.start(&ctx.deployment, &step.service).await?;
        }
        let what = format!("service {} has upgraded itself", step.service);
        let limit = step.deadline.as_ref().map_or(UPGRADES_WITHIN, |limit| limit.get());
        let service = Some(step.service.as_str());
        let awaited = Awaited { what: &what, service, condition: &step.until, step: None, limit };
        let Some(format) = step.migrations else { return self.wait(ctx, awaited).await };
        let migrating = Migrating::new(self, &ctx.stage, format);
        let mut log = self.follow(&ctx.instance(&step.service));
        let began = Instant::now();
        let stalled_after = step.stalled_after.as_ref().map(|limit| limit.get());
        let end = {
            let told = async {
                loop {
                    // What cannot be read now is read at the end.
                    drop(read_migrations(&mut log, &migrating));
                    tokio::time::sleep(BETWEEN).await;
                }
            };
            tokio::select! {
                biased;
                end = self.wait(ctx, awaited) => end,
                given_up = migrating.watch(ctx, &what, stalled_after) => {
                    let subject = Subject::Wait(what.clone());
                    Ok(StepEnd::Failed(vec![Finding::new(FindingCode::WaitStalled, subject, "an end", given_up)]))
                }
                () = told => Ok(StepEnd::Done),
            }
        };
        let read = read_migrations(&mut log, &migrating);
        let mut end = end?;
        if let (StepEnd::Failed(findings), Some(why)) = (&mut end, migrating.verdict())
            && began.elapsed() >= limit
            && let Some(finding) = findings.first_mut()
        {
            finding.actual.push_str(&format!("; {why}"));
        }
        let reader = migrating.finish(matches!(end, StepEnd::Done));
        if let (Err(source), StepEnd::Done, Some(path)) = (read, &end, log.file()) {
            return Err(HostError::File { operation: "read", path: path.to_owned(), source }.into());
        }
        let evidence = self.log_name(ctx, &step.service);
        self.with_stream(ctx, &reader, &what, evidence.as_deref(), end).await
    }

    /// An end together with what the migrator's stream tells, held against what the database recorded. A failure stays
    /// one though the database cannot be asked any more: it may have died of the same cause.
    pub(crate) async fn with_stream(
        &self,
        ctx: &StageContext,
        reader: &MigrationReader,
        request: &str,
        evidence: Option<&str>,
        end: StepEnd,
    ) -> Result<StepEnd, EngineError> {
        let mut findings = match (self.stream(ctx, reader, request).await, &end) {
            (Ok(findings), _) => findings,
            (Err(trouble), StepEnd::Done) => return Err(trouble),
            (Err(trouble), StepEnd::Failed(_)) => {
                self.remark(&ctx.stage, format!("what the database recorded cannot be read: {}", trouble.chain()));
                let running = reader.running().map(|running| {
                    let subject = Subject::Migration(running.title().to_string());
                    Finding::new(FindingCode::MigrationUnfinished, subject, "an end", "it began and did not end")
                });
                running.into_iter().collect()
            }
        };
        for finding in &mut findings {
            finding.evidence = evidence.map(str::to_owned);
        }
        // The migration first: it is the cause, the exit code its consequence.
        if let StepEnd::Failed(more) = end {
            findings.extend(more);
        }
        Ok(if findings.is_empty() { StepEnd::Done } else { StepEnd::Failed(findings) })
    }

    /// Holds what a migrator told against what the database recorded.
    async fn stream(
        &self,
        ctx: &StageContext,
        reader: &MigrationReader,
        request: &str,
    ) -> Result<Vec<Finding>, EngineError> {
        let Some(check) = &self.case.product.checks.migrations else { return Ok(Vec::new()) };
        let site = self.database(ctx, &check.database)?;
        let recorded = match self.observer.rows(&site, &check.recorded).await {
            Response::Rows(rows) => {
                rows.rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect::<Vec<_>>()
            }
            Response::Rejected(refusal) => {
                let seen = format!("the server refused: {refusal}");
                let expected = "the migrations that the database has recorded";
                return Ok(vec![Finding::new(FindingCode::RequestRejected, Subject::Migrations, expected, seen)]);
            }
            Response::NoResponse { reason } | Response::ProbeError { reason } => {
                return Err(EngineError::not_read(reason));
            }
            Response::Http(_) | Response::Exec(_) => Vec::new(),
        };
        let (ended, count) = (reader.ended().len(), recorded.len());
        let text = format!("{request}: {ended} migrations reported, {count} recorded in the database");
        self.remark(&ctx.stage, text);
        Ok(judge_stream(reader, &recorded, request))
    }
}

/// What a log tells of migrations since it was read last.
fn read_migrations<H: Host, O: Observer>(log: &mut Follower, migrating: &Migrating<H, O>) -> io::Result<()> {
    loop {
        let bytes = log.read()?;
        if bytes.is_empty() {
            return Ok(());
        }
        migrating.take(Stream::Out, &bytes);
    }
}
