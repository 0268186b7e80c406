//! A service that upgrades itself as it starts, and what a migrator's output shows besides its exit code.

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

use super::case::StageContext;
use super::context::RunContext;
use super::error::{EngineError, StepEnd};
use super::follow::Follower;
use super::host::{Host, HostError, Stream};
use super::migrating::Migrating;
use super::observer::Observer;
use super::wait::Awaited;

/// How long a service may take to upgrade itself if its step does not say.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(1800);
/// The time between two looks at what it printed.
const READ_INTERVAL: Duration = Duration::from_millis(250);

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Starts a service and waits until it has upgraded itself; reports the migrations in its log as they happen.
    pub(crate) async fn start_upgrading(
        &self,
        ctx: &StageContext,
        step: &StartUpgrading,
    ) -> Result<StepEnd, EngineError> {
        self.instances.forget_addresses(&ctx.instance(&step.service));
        self.mark_start(&ctx.instance(&step.service));
        {
            let _wait = self.meter.engine();
            self.host.start(&ctx.deployment, &step.service).await?;
        }
        let what = format!("service {} has upgraded itself", step.service);
        let limit = step.deadline.as_ref().map_or(UPGRADE_TIMEOUT, |limit| limit.get());
        let service = Some(step.service.as_str());
        let awaited = Awaited { what: &what, service, condition: &step.until, step: None, limit };
        let Some(format) = step.migrations else { return self.wait(ctx, awaited).await };
        let migrating = Migrating::new(self, &ctx.stage, format);
        let mut log = self.follow(&ctx.instance(&step.service));
        let began = Instant::now();
        let stalled_after = step.stalled_after.as_ref().map(|limit| limit.get());
        let end = {
            let follow_log = async {
                loop {
                    // If reading fails now, it is tried again at the end.
                    drop(read_migrations(&mut log, &migrating));
                    tokio::time::sleep(READ_INTERVAL).await;
                }
            };
            tokio::select! {
                biased;
                end = self.wait(ctx, awaited) => end,
                given_up = migrating.watch(ctx, &what, stalled_after) => {
                    let subject = Subject::Wait(what.clone());
                    Ok(StepEnd::Failed(vec![Finding::new(FindingCode::WaitStalled, subject, "an end", given_up)]))
                }
                () = follow_log => Ok(StepEnd::Done),
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
        self.with_migrations(ctx, &reader, &what, evidence.as_deref(), end).await
    }

    /// Adds to the end of a step what the migrator's output shows, compared with what the database recorded. A failure stays
    /// a failure even if the database cannot be queried any more: it may have failed for the same reason.
    pub(crate) async fn with_migrations(
        &self,
        ctx: &StageContext,
        reader: &MigrationReader,
        request: &str,
        evidence: Option<&str>,
        end: StepEnd,
    ) -> Result<StepEnd, EngineError> {
        let mut findings = match (self.compare_with_recorded(ctx, reader, request).await, &end) {
            (Ok(findings), _) => findings,
            (Err(error), StepEnd::Done) => return Err(error),
            (Err(error), StepEnd::Failed(_)) => {
                self.events.remark(&ctx.stage, format!("what the database recorded cannot be read: {}", error.chain()));
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
        // The migration comes first: it is the cause, and the exit code is its consequence.
        if let StepEnd::Failed(more) = end {
            findings.extend(more);
        }
        Ok(if findings.is_empty() { StepEnd::Done } else { StepEnd::Failed(findings) })
    }

    /// Compares the migrations that a migrator reported with those that the database recorded.
    async fn compare_with_recorded(
        &self,
        ctx: &StageContext,
        reader: &MigrationReader,
        request: &str,
    ) -> Result<Vec<Finding>, EngineError> {
        let Some(check) = &self.case.product.checks.migrations else { return Ok(Vec::new()) };
        let target = self.case.database(ctx, &check.database)?;
        let recorded = match self.observer.rows(&target, &check.recorded).await {
            Response::Rows(rows) => {
                rows.rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect::<Vec<_>>()
            }
            Response::Rejected(refusal) => {
                let actual = format!("the server refused: {refusal}");
                let expected = "the migrations that the database has recorded";
                return Ok(vec![Finding::new(FindingCode::RequestRejected, Subject::Migrations, expected, actual)]);
            }
            Response::NoResponse { reason } | Response::ProbeError { reason } => {
                return Err(EngineError::not_read(reason));
            }
            Response::Http(_) | Response::Exec(_) => Vec::new(),
        };
        let (ended, count) = (reader.ended().len(), recorded.len());
        let text = format!("{request}: {ended} migrations reported, {count} recorded in the database");
        self.events.remark(&ctx.stage, text);
        Ok(judge_stream(reader, &recorded, request))
    }
}

/// Reads the migrations in what was added to a log since it was last read.
fn read_migrations<H: Host, O: Observer>(log: &mut Follower, migrating: &Migrating<H, O>) -> io::Result<()> {
    loop {
        let bytes = log.read()?;
        if bytes.is_empty() {
            return Ok(());
        }
        migrating.take(Stream::Out, &bytes);
    }
}
