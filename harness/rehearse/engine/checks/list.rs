//! The checks that a product file defines: each with its phase, what it is compared with, and what it leaves for later
//! checks. How a check observes and judges is in the file of its subject.

use futures_util::future::{BoxFuture, FutureExt};
use rehearse_core::model::product::{
    CrawlCheck, DataCheck, GraphqlCheck, GraphqlQuery, GraphqlSchemaCheck, LogCheck, MigrationCheck, PerformanceCheck,
    Probe,
};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::vocabulary::release::Range;

use super::{Check, CheckContext, CheckReports, ListedCheck, Phase};
use crate::engine::case::StageContext;
use crate::engine::context::RunContext;
use crate::engine::host::Host;
use crate::engine::mode::{Mode, name};
use crate::engine::observer::Observer;
use crate::engine::tables::applies;

impl<H: Host, O: Observer> RunContext<H, O> {
    /// The checks of a stage. Within a phase they run, or start, in this order.
    pub(super) fn list<'c>(
        &'c self,
        ctx: &StageContext,
        kinds: &[CheckKind],
        mode: Mode,
    ) -> Vec<ListedCheck<'c, H, O>> {
        let checks = &self.case.product.checks;
        let has = |kind| kinds.contains(&kind);
        let applies = |releases: &Option<Range>| applies(releases, &ctx.release);
        let mut list = Vec::new();
        let mut add = |phase, kind, name: &'c str, check: Box<dyn Check<H, O> + Send + 'c>| {
            list.push(ListedCheck { phase, kind, name, check });
        };
        let data = checks.data.as_ref().filter(|_| has(CheckKind::Data));
        if let Some(check) = data {
            add(Phase::StateBefore, CheckKind::Data, name::TABLES, Box::new(Tables(check)));
            add(Phase::StateAfter, CheckKind::Data, name::OWN_WRITES, Box::new(OwnWrites(check)));
        }
        if has(CheckKind::Files) {
            add(Phase::StateBefore, CheckKind::Files, name::VOLUMES, Box::new(VolumesBefore));
            add(Phase::StateAfter, CheckKind::Files, name::OWN_FILES, Box::new(VolumesAfter));
        }
        if has(CheckKind::Health) {
            add(Phase::ReadOnly, CheckKind::Health, name::SERVICES, Box::new(Services));
            add(Phase::StateAfter, CheckKind::Health, name::SERVICES_AT_END, Box::new(ServicesAtEnd));
        }
        if let Some(check) = data.filter(|check| check.restart_control && mode == Mode::Baseline) {
            add(Phase::StateAfter, CheckKind::Data, name::RESTART, Box::new(Restart(check)));
        }
        if let Some(check) = checks.migrations.as_ref().filter(|_| has(CheckKind::Migrations)) {
            add(Phase::ReadOnly, CheckKind::Migrations, name::MIGRATIONS, Box::new(Migrations(check)));
        }
        for (kind, probe) in self.case.probes_on(&ctx.release).filter(|(kind, _)| has(*kind)) {
            let writes = kind == CheckKind::Journeys || !probe.writes.is_empty();
            let phase = if writes { Phase::Writing } else { Phase::ReadOnly };
            add(phase, kind, &probe.name, Box::new(ProbeCheck { kind, probe }));
        }
        if has(CheckKind::Access) && self.case.product.refused().next().is_some() {
            let writes = self.case.product.refused().any(|(.., refused)| !refused.writes.is_empty());
            let phase = if writes { Phase::Writing } else { Phase::ReadOnly };
            add(phase, CheckKind::Access, name::REFUSED, Box::new(RefusedIdentities));
        }
        if let Some(check) = checks.graphql.as_ref().filter(|_| has(CheckKind::Graphql)) {
            for query in check.queries.iter().filter(|query| applies(&query.releases)) {
                add(Phase::ReadOnly, CheckKind::Graphql, &query.name, Box::new(Query { check, query }));
            }
            if let Some(wanted) = &check.schema {
                add(Phase::ReadOnly, CheckKind::Graphql, name::GRAPHQL_SCHEMA, Box::new(Schema { check, wanted }));
            }
        }
        if has(CheckKind::Performance) {
            add(Phase::Stopwatch, CheckKind::Performance, name::REQUESTS, Box::new(Stopwatch(&checks.performance)));
        }
        if let Some(check) = checks.crawl.as_ref().filter(|_| has(CheckKind::Crawl)) {
            add(Phase::Crawl, CheckKind::Crawl, name::PAGES, Box::new(Crawl(check)));
        }
        if let Some(check) = checks.logs.as_ref().filter(|_| has(CheckKind::Logs)) {
            add(Phase::Logs, CheckKind::Logs, name::LOGS, Box::new(Logs(check)));
        }
        list
    }
}

/// The tables, before any probe sends a request.
struct Tables<'c>(&'c DataCheck);

impl<H: Host, O: Observer> Check<H, O> for Tables<'_> {
    fn run<'a>(&'a self, run: &'a RunContext<H, O>, checks: &'a CheckContext<'a>) -> BoxFuture<'a, CheckReports> {
        async move {
            let baseline = checks.baseline.as_deref();
            let (reports, tables) = run.data(checks.ctx, checks.state, baseline, self.0, checks.mode).await?;
            checks.observed().as_baseline.tables = tables;
            Ok(reports)
        }
        .boxed()
    }
}

/// The tables, after all probes have run.
struct OwnWrites<'c>(&'c DataCheck);

impl<H: Host, O: Observer> Check<H, O> for OwnWrites<'_> {
    fn run<'a>(&'a self, run: &'a RunContext<H, O>, checks: &'a CheckContext<'a>) -> BoxFuture<'a, CheckReports> {
        async move {
            let (before, names, made) = {
                let observed = checks.observed();
                (observed.as_baseline.tables.clone(), observed.written_whole.clone(), observed.made.clone())
            };
            // Without the earlier tables there is nothing to compare with; the check that failed to read them has said so.
            let Some(before) = before else { return Ok(Vec::new()) };
            let (report, tables) = run.own_writes(checks.ctx, self.0, &before, names, made).await?;
            checks.observed().tables_after = tables;
            Ok(vec![report])
        }
        .boxed()
    }
}

/// The files in volumes, before any probe sends a request.
struct VolumesBefore;

impl<H: Host, O: Observer> Check<H, O> for VolumesBefore {
    fn run<'a>(&'a self, run: &'a RunContext<H, O>, checks: &'a CheckContext<'a>) -> BoxFuture<'a, CheckReports> {
        async move {
            let baseline = checks.baseline.as_deref();
            let (reports, files) = run.files(checks.ctx, checks.state, baseline, checks.mode).await?;
            let mut observed = checks.observed();
            observed.as_baseline.files = files.volumes;
            observed.as_baseline.file_rows = files.rows;
            Ok(reports)
        }
        .boxed()
    }
}

/// The files in volumes, after all probes have run.
struct VolumesAfter;

impl<H: Host, O: Observer> Check<H, O> for VolumesAfter {
    fn run<'a>(&'a self, run: &'a RunContext<H, O>, checks: &'a CheckContext<'a>) -> BoxFuture<'a, CheckReports> {
        async move {
            let (before, written) = {
                let observed = checks.observed();
                (observed.as_baseline.files.clone(), observed.written.clone())
            };
            // Without the earlier files there is nothing to compare with; the check that failed to read them has said so.
            let Some(before) = before else { return Ok(Vec::new()) };
            let (report, files) = run.own_files(checks.ctx, &before, &written).await?;
            checks.observed().files_after = files;
            Ok(vec![report])
        }
        .boxed()
    }
}

/// What a plain restart of the source release changes.
struct Restart<'c>(&'c DataCheck);

impl<H: Host, O: Observer> Check<H, O> for Restart<'_> {
    fn run<'a>(&'a self, run: &'a RunContext<H, O>, checks: &'a CheckContext<'a>) -> BoxFuture<'a, CheckReports> {
        async move {
            let (report, restarted) = run.restart_control(checks.ctx, checks.next_reference(), self.0).await?;
            checks.observed().restarted = restarted;
            Ok(vec![report])
        }
        .boxed()
    }
}

/// Every service runs and is ready.
struct Services;

impl<H: Host, O: Observer> Check<H, O> for Services {
    fn run<'a>(&'a self, run: &'a RunContext<H, O>, checks: &'a CheckContext<'a>) -> BoxFuture<'a, CheckReports> {
        async move { Ok(vec![run.services_run(checks.ctx).await?]) }.boxed()
    }
}

/// Every service still runs after all other checks.
struct ServicesAtEnd;

impl<H: Host, O: Observer> Check<H, O> for ServicesAtEnd {
    fn run<'a>(&'a self, run: &'a RunContext<H, O>, checks: &'a CheckContext<'a>) -> BoxFuture<'a, CheckReports> {
        async move { Ok(vec![run.services_still_run(checks.ctx).await?]) }.boxed()
    }
}

/// The migrations that the database has recorded, and those that the running code has.
struct Migrations<'c>(&'c MigrationCheck);

impl<H: Host, O: Observer> Check<H, O> for Migrations<'_> {
    fn run<'a>(&'a self, run: &'a RunContext<H, O>, checks: &'a CheckContext<'a>) -> BoxFuture<'a, CheckReports> {
        async move {
            let before = match checks.mode {
                Mode::Baseline => None,
                Mode::Hop => checks.state.of(&checks.ctx.deployment).migrations.as_ref(),
                Mode::Rollback => checks.baseline.as_ref().and_then(|baseline| baseline.migrations.as_ref()),
            };
            let (report, recorded) = run.migrations(checks.ctx, self.0, before, checks.mode).await?;
            checks.observed().as_baseline.migrations = recorded;
            Ok(vec![report])
        }
        .boxed()
    }
}

/// A probe of the product file.
struct ProbeCheck<'c> {
    kind: CheckKind,
    probe: &'c Probe,
}

impl<H: Host, O: Observer> Check<H, O> for ProbeCheck<'_> {
    fn run<'a>(&'a self, run: &'a RunContext<H, O>, checks: &'a CheckContext<'a>) -> BoxFuture<'a, CheckReports> {
        async move {
            // It may have written, however it ends.
            checks.observed().wrote(&self.probe.writes);
            let probed = run.probe(checks.ctx, self.kind, self.probe, checks.against()).await?;
            let mut observed = checks.observed();
            observed.as_baseline.observations.extend(probed.observations);
            observed.made.extend(probed.made);
            Ok(vec![probed.report])
        }
        .boxed()
    }
}

/// The identities that must be refused.
struct RefusedIdentities;

impl<H: Host, O: Observer> Check<H, O> for RefusedIdentities {
    fn run<'a>(&'a self, run: &'a RunContext<H, O>, checks: &'a CheckContext<'a>) -> BoxFuture<'a, CheckReports> {
        async move {
            // They may have written, however it ends.
            run.case.product.refused().for_each(|(.., refused)| checks.observed().wrote(&refused.writes));
            let (report, observations) = run.refused(checks.ctx).await?;
            checks.observed().as_baseline.observations.extend(observations);
            Ok(vec![report])
        }
        .boxed()
    }
}

/// The GraphQL schema.
struct Schema<'c> {
    check: &'c GraphqlCheck,
    wanted: &'c GraphqlSchemaCheck,
}

impl<H: Host, O: Observer> Check<H, O> for Schema<'_> {
    fn run<'a>(&'a self, run: &'a RunContext<H, O>, checks: &'a CheckContext<'a>) -> BoxFuture<'a, CheckReports> {
        async move {
            let ctx = checks.ctx;
            let before = match checks.mode {
                Mode::Baseline => None,
                Mode::Hop => {
                    checks.state.of(&ctx.deployment).graphql.as_ref().map(|(release, schema)| (release, schema))
                }
                Mode::Rollback => {
                    checks.baseline.as_ref().and_then(|known| Some((&ctx.release, known.graphql.as_ref()?)))
                }
            };
            let (report, schema) = run.graphql_schema(ctx, self.check, self.wanted, before, checks.mode).await?;
            checks.observed().as_baseline.graphql = schema;
            Ok(vec![report])
        }
        .boxed()
    }
}

/// A GraphQL query.
struct Query<'c> {
    check: &'c GraphqlCheck,
    query: &'c GraphqlQuery,
}

impl<H: Host, O: Observer> Check<H, O> for Query<'_> {
    fn run<'a>(&'a self, run: &'a RunContext<H, O>, checks: &'a CheckContext<'a>) -> BoxFuture<'a, CheckReports> {
        async move {
            let (report, observations) =
                run.graphql_query(checks.ctx, self.check, self.query, checks.against()).await?;
            checks.observed().as_baseline.observations.extend(observations);
            Ok(vec![report])
        }
        .boxed()
    }
}

/// Response times, and the budgets for what was measured before.
struct Stopwatch<'c>(&'c PerformanceCheck);

impl<H: Host, O: Observer> Check<H, O> for Stopwatch<'_> {
    fn run<'a>(&'a self, run: &'a RunContext<H, O>, checks: &'a CheckContext<'a>) -> BoxFuture<'a, CheckReports> {
        async move {
            let reference = checks.reference();
            let samples = reference.map(|baseline| baseline.samples.as_slice());
            let requests = match self.0.timed(&checks.ctx.release, &run.case.plan.from).as_slice() {
                [] => None,
                _ => Some(run.performance(checks.ctx, self.0, samples).await),
            };
            let files = checks.observed().as_baseline.files.clone();
            let (mut reports, usage) =
                run.budgets(checks.ctx, reference.map(|baseline| &baseline.usage), files.as_deref()).await;
            checks.observed().as_baseline.usage = usage;
            reports.extend(requests.map(|requests| match requests {
                Ok((report, samples)) => {
                    checks.observed().as_baseline.samples = samples;
                    report
                }
                // The budgets were judged all the same.
                Err(error) => super::could_not_run(CheckKind::Performance, name::REQUESTS, &error),
            }));
            Ok(reports)
        }
        .boxed()
    }
}

/// The pages that a crawl of the source release found.
struct Crawl<'c>(&'c CrawlCheck);

impl<H: Host, O: Observer> Check<H, O> for Crawl<'_> {
    fn run<'a>(&'a self, run: &'a RunContext<H, O>, checks: &'a CheckContext<'a>) -> BoxFuture<'a, CheckReports> {
        async move {
            // It may have written, however it ends.
            checks.observed().wrote(&self.0.writes);
            if checks.mode == Mode::Baseline {
                let (report, site) = run.crawl(checks.ctx, self.0).await?;
                checks.observed().as_baseline.site = site;
                return Ok(vec![report]);
            }
            let known = checks.baseline.as_ref().and_then(|baseline| baseline.site.as_ref());
            Ok(vec![run.crawl_again(checks.ctx, self.0, known, checks.mode).await?])
        }
        .boxed()
    }
}

/// What services printed and wrote into their log files.
struct Logs<'c>(&'c LogCheck);

impl<H: Host, O: Observer> Check<H, O> for Logs<'_> {
    fn run<'a>(&'a self, run: &'a RunContext<H, O>, checks: &'a CheckContext<'a>) -> BoxFuture<'a, CheckReports> {
        async move {
            let known = checks.baseline.as_ref().map_or(&[][..], |baseline| baseline.logs.as_slice());
            let (report, reviews) = run.logs(checks.ctx, checks.state, self.0, known, checks.mode).await;
            checks.observed().as_baseline.logs = reviews;
            Ok(vec![report])
        }
        .boxed()
    }
}
