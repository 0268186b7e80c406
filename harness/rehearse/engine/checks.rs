//! Makes the checks of a stage, in an order that keeps them out of each other's way: the tables before anything is
//! asked, what only reads side by side, the stopwatch alone, what writes one by one, the tables again, the logs last.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Future, StreamExt, stream};
use rehearse_core::check::{Compared, ExpectContext, judge_answer, judge_performance, over_budget};
use rehearse_core::model::product::{PerformanceCheck, Probe};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::{MigrationState, Response, Samples};
use rehearse_core::outcome::code::{FindingCode, InconclusiveCode};
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::outcome::finding::Finding;
use rehearse_core::outcome::note::Note;
use rehearse_core::outcome::subject::Subject;
use serde_json::Map;

use super::context::{EngineError, RunContext, StageContext, StepEnd};
use super::graphql::INTERFACE;
use super::host::Host;
use super::login::Logins;
use super::observer::Observer;
use super::probe::{Against, Observations};
use super::restart_drift::RESTART;
use super::schema::SCHEMA;
use super::state::{Baseline, Reference, State};
use super::tables::OWN_WRITES;
use super::wait::Awaited;

/// What a stage of checks is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// To see what later stages are compared with.
    Baseline,
    /// To judge the release after a hop.
    Hop,
    /// To prove the rollback equal to the baseline.
    Rollback,
}

/// Probes that only read run this many side by side: more would only queue in the product.
const SIDE_BY_SIDE: usize = 3;
/// The requests of the stopwatch are one visit.
const VISIT: &str = "performance";
/// Rounds of samples before a request counts as too slow: a single round may have met a neighbour's work.
const ROUNDS: u32 = 3;

/// Names of checks that every product has.
const SERVICES: &str = "every service runs and is ready";
const STILL: &str = "every service still runs after all that was asked";
const BUDGET: &str = "fixed requests stay within their budget";

type Made = (CheckReport, Observations, Option<MigrationState>);

/// Work, with how long it took.
async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let began = tokio::time::Instant::now();
    (work.await, began.elapsed())
}

/// A check that could not be made.
fn unmade(kind: CheckKind, name: &str, trouble: &EngineError) -> CheckReport {
    let mut report = CheckReport::new(kind, name);
    report.inconclusive.push(trouble.reason());
    report.decide()
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Makes the checks and tells each. One that cannot be made is inconclusive, and the others are still made.
    pub(crate) async fn checks(&self, ctx: &StageContext, state: &mut State, kinds: &[CheckKind], mode: Mode) {
        let product = &self.case.product;
        let has = |kind| kinds.contains(&kind);
        for (kind, because) in &self.case.scenario.skip_checks {
            self.note(&ctx.stage, Note::NotChecked { kind: *kind, because: because.clone() });
        }
        let data = product.checks.data.as_ref().filter(|_| has(CheckKind::Data));
        let baseline = state.baseline.clone();
        let mut seen = Baseline::default();
        let mut reports = Vec::new();

        let before = match data {
            Some(check) => {
                let (data, took) = timed(self.data(ctx, state, baseline.as_deref(), check, mode)).await;
                let (made, tables) =
                    data.unwrap_or_else(|trouble| (vec![unmade(CheckKind::Data, mode.data(), &trouble)], None));
                reports.extend(made.into_iter().map(|report| report.in_time(took)));
                tables
            }
            None => None,
        };
        let against = match &baseline {
            Some(baseline) if mode != Mode::Baseline => Against::Baseline(&baseline.answers),
            _ => Against::Nothing,
        };
        let probes: Vec<(CheckKind, &Probe)> = [
            (CheckKind::Version, &product.checks.version),
            (CheckKind::Health, &product.checks.health),
            (CheckKind::Access, &product.checks.access),
            (CheckKind::Repositories, &product.checks.repositories),
            (CheckKind::Artifacts, &product.checks.artifacts),
        ]
        .into_iter()
        .filter(|(kind, _)| has(*kind))
        .flat_map(|(kind, probes)| probes.iter().map(move |probe| (kind, probe)))
        .filter(|(_, probe)| probe.releases.as_ref().is_none_or(|range| range.contains(&ctx.release)))
        .collect();

        let mut made = Vec::new();
        {
            let mut work: Vec<Pin<Box<dyn Future<Output = Made> + Send + '_>>> = Vec::new();
            if has(CheckKind::Health) {
                work.push(Box::pin(async {
                    let (report, took) = timed(self.services_run(ctx)).await;
                    let report = report.unwrap_or_else(|trouble| unmade(CheckKind::Health, SERVICES, &trouble));
                    (report.in_time(took), Observations::new(), None)
                }));
            }
            if let Some(check) = product.checks.migrations.as_ref().filter(|_| has(CheckKind::Migrations)) {
                let before = match mode {
                    Mode::Baseline => None,
                    Mode::Hop => state.migrations.as_ref(),
                    Mode::Rollback => baseline.as_ref().and_then(|baseline| baseline.migrations.as_ref()),
                };
                work.push(Box::pin(async move {
                    let (made, took) = timed(self.migrations(ctx, check, before, mode)).await;
                    let (report, seen) =
                        made.unwrap_or_else(|trouble| (unmade(CheckKind::Migrations, SCHEMA, &trouble), None));
                    (report.in_time(took), Observations::new(), seen)
                }));
            }
            for (kind, probe) in probes.iter().filter(|(_, probe)| probe.writes.is_empty()) {
                work.push(Box::pin(async move { self.probed(ctx, *kind, probe, against).await }));
            }
            if let Some(check) = product.checks.graphql.as_ref().filter(|_| has(CheckKind::Graphql)) {
                let queries = check.queries.iter();
                for query in queries.filter(|query| query.releases.as_ref().is_none_or(|r| r.contains(&ctx.release))) {
                    work.push(Box::pin(async move {
                        let (made, took) = timed(self.graphql_query(ctx, check, query, against)).await;
                        let unmade = |trouble| (unmade(CheckKind::Graphql, &query.name, &trouble), Observations::new());
                        let (report, answers) = made.unwrap_or_else(unmade);
                        (report.in_time(took), answers, None)
                    }));
                }
            }
            let mut running = stream::iter(work).buffered(SIDE_BY_SIDE);
            while let Some(done) = running.next().await {
                made.push(done);
            }
        }
        if let Some(check) = product.checks.graphql.as_ref().filter(|_| has(CheckKind::Graphql))
            && let Some(schema) = &check.schema
        {
            let before = match mode {
                Mode::Baseline => None,
                Mode::Hop => state.graphql.as_ref().map(|(release, schema)| (release, schema)),
                Mode::Rollback => baseline.as_ref().and_then(|known| Some((&ctx.release, known.graphql.as_ref()?))),
            };
            let (made, took) = timed(self.graphql_schema(ctx, check, schema, before, mode)).await;
            let (report, read) = made.unwrap_or_else(|trouble| (unmade(CheckKind::Graphql, INTERFACE, &trouble), None));
            reports.push(report.in_time(took));
            if let (Some(read), true) = (&read, mode != Mode::Rollback) {
                state.graphql = Some((ctx.release.clone(), read.clone()));
            }
            seen.graphql = read;
        }
        if let Some(check) = product.checks.performance.as_ref().filter(|_| has(CheckKind::Performance)) {
            let reference = baseline.as_ref().map(|baseline| baseline.samples.as_slice());
            let reference = reference.filter(|_| mode != Mode::Baseline);
            let (made, took) = timed(self.performance(ctx, check, reference)).await;
            let (report, samples) =
                made.unwrap_or_else(|trouble| (unmade(CheckKind::Performance, BUDGET, &trouble), Vec::new()));
            seen.samples = samples;
            let before = baseline.as_ref().map(|baseline| &baseline.needs).filter(|_| mode != Mode::Baseline);
            let (budgets, needs) = self.budgets(ctx, check, before).await;
            reports.extend(budgets);
            seen.needs = needs;
            reports.push(report.in_time(took));
        }
        let mut written = BTreeSet::new();
        for (kind, probe) in probes.iter().filter(|(_, probe)| !probe.writes.is_empty()) {
            written.extend(probe.writes.iter().cloned());
            made.push(self.probed(ctx, *kind, probe, against).await);
        }
        for (report, answers, migrations) in made {
            reports.push(report);
            seen.answers.extend(answers);
            if migrations.is_some() {
                seen.migrations = migrations;
            }
        }
        let mut after = None;
        if let (Some(check), Some(before)) = (data, &before) {
            let (made, took) = timed(self.own_writes(ctx, check, before, &written)).await;
            let (report, tables) = made.unwrap_or_else(|trouble| (unmade(CheckKind::Data, OWN_WRITES, &trouble), None));
            reports.push(report.in_time(took));
            after = tables;
        }
        if has(CheckKind::Health) {
            let (report, took) = timed(self.services_still_run(ctx)).await;
            let report = report.unwrap_or_else(|trouble| unmade(CheckKind::Health, STILL, &trouble));
            reports.push(report.in_time(took));
        }
        if mode != Mode::Rollback {
            state.reference = Reference::next(state.reference.take(), &ctx.release, before.as_ref(), after, written);
        }
        if let Some(check) = data.filter(|check| check.restart_control && mode == Mode::Baseline) {
            let made = self.restart_control(ctx, state, check).await;
            reports.push(made.unwrap_or_else(|trouble| unmade(CheckKind::Data, RESTART, &trouble)));
        }
        if let Some(check) = product.checks.logs.as_ref().filter(|_| has(CheckKind::Logs)) {
            let known = baseline.as_ref().map_or(&[][..], |baseline| baseline.logs.as_slice());
            let ((report, reviews), took) = timed(self.logs(ctx, state, check, known, mode)).await;
            seen.logs = reviews;
            reports.push(report.in_time(took));
        }
        // What could not be read is no reference: the one before stays.
        if mode != Mode::Rollback && seen.migrations.is_some() {
            state.migrations.clone_from(&seen.migrations);
        }
        seen.tables = before;
        if mode == Mode::Baseline {
            state.baseline = Some(Arc::new(seen));
        }

        reports.sort_by_key(|report| report.kind);
        for report in reports {
            self.checked(ctx, state, report);
        }
    }

    async fn probed(&self, ctx: &StageContext, kind: CheckKind, probe: &Probe, against: Against<'_>) -> Made {
        let (made, took) = timed(self.probe(ctx, kind, probe, against)).await;
        let (report, answers) =
            made.unwrap_or_else(|trouble| (unmade(kind, &probe.name, &trouble), Observations::new()));
        self.progress(&ctx.stage, format!("{}: {}", report.title(), report.outcome));
        (report.in_time(took), answers, None)
    }

    /// Every service runs and is ready.
    async fn services_run(&self, ctx: &StageContext) -> Result<CheckReport, EngineError> {
        let mut report = CheckReport::new(CheckKind::Health, SERVICES);
        for (name, service) in self.services() {
            report.assertions += 1;
            if let Some(finding) = self.exit_finding(ctx, &name, "it runs").await? {
                report.findings.push(finding);
                continue;
            }
            if service.versioned && !self.on_release(ctx, &name) {
                let expected = format!("it runs on the image of {}", ctx.release);
                let (code, subject) = (FindingCode::ServiceWrongImage, Subject::Service(name.clone()));
                report.findings.push(Finding::new(code, subject, expected, "its container is of another image"));
            }
            if let Some(ready) = &service.ready {
                let what = format!("service {name} is ready");
                let limit = Duration::from_secs(30);
                let awaited = Awaited { what: &what, service: Some(&name), condition: ready, step: None, limit };
                if let StepEnd::Failed(findings) = self.wait(ctx, awaited).await? {
                    report.findings.extend(findings);
                }
            }
        }
        Ok(report.decide())
    }

    /// What was asked may have ended a service, or it ended by itself once its checks were made.
    async fn services_still_run(&self, ctx: &StageContext) -> Result<CheckReport, EngineError> {
        let mut report = CheckReport::new(CheckKind::Health, STILL);
        for name in self.services().keys() {
            report.assertions += 1;
            report.findings.extend(self.exit_finding(ctx, name, "it still runs").await?);
        }
        Ok(report.decide())
    }

    async fn performance(
        &self,
        ctx: &StageContext,
        check: &PerformanceCheck,
        reference: Option<&[Samples]>,
    ) -> Result<(CheckReport, Vec<Samples>), EngineError> {
        let mut report = CheckReport::new(CheckKind::Performance, BUDGET);
        let mut all = Vec::new();
        let mut logins = Logins::default();
        for step in &check.requests {
            if let Some(identity) = &step.identity {
                let identity = identity.render(&self.context(ctx, &Default::default(), &Map::new()))?;
                if !self.log_in(ctx, VISIT, &identity, &mut logins, &mut report).await? {
                    continue;
                }
            }
            let mut best: Option<Samples> = None;
            for round in 0..ROUNDS {
                let samples = self.samples(ctx, check, step, &logins).await?;
                let before = reference.and_then(|all| all.iter().find(|before| before.request == samples.request));
                let over = before.and_then(|before| over_budget(before, &samples, check)) == Some(true);
                let better = match &best {
                    Some(best) => samples.robust() < best.robust(),
                    None => true,
                };
                if better {
                    best = Some(samples);
                }
                if !over {
                    break;
                }
                report.notes.push(format!("{}: round {} was over budget", step.path.text(), round + 1));
            }
            all.extend(best);
        }
        match reference {
            Some(reference) => judge_performance(reference, &all, check, &mut report),
            None => {
                for samples in &all {
                    match (&samples.trouble, samples.robust()) {
                        (None, Some((median, spread))) => {
                            report.assertions += 1;
                            report.notes.push(format!("{}: {median:.0?} ± {spread:.0?}", samples.request));
                        }
                        (trouble, _) => {
                            let why = trouble.as_deref().unwrap_or("no sample");
                            let subject = Subject::Measurement(samples.request.clone());
                            report.cannot_tell_about(InconclusiveCode::NotRead, subject, why);
                        }
                    }
                }
            }
        }
        let text = serde_json::to_vec_pretty(&all).unwrap_or_default();
        report.evidence.push(self.evidence.write(&ctx.stage.0, "performance", "json", &text)?);
        Ok((report.decide(), all))
    }

    async fn samples(
        &self,
        ctx: &StageContext,
        check: &PerformanceCheck,
        step: &rehearse_core::model::product::HttpStep,
        logins: &Logins,
    ) -> Result<Samples, EngineError> {
        let mut samples = Samples::default();
        let context = self.context(ctx, &Default::default(), &logins.captured);
        for round in 0..check.warm_up + check.samples.max(5) {
            let seen = self.ask_http(ctx, step, VISIT, &context, false).await?;
            let mut judged = CheckReport::new(CheckKind::Performance, "");
            let terms = ExpectContext { expect: &step.expect, unchanged: &[], changes: &[], context: &context };
            judge_answer(&seen, terms, Compared::Nothing, &mut judged);
            samples.request.clone_from(&seen.request);
            // A quick error is no quick answer.
            if let Some(finding) = judged.findings.first() {
                samples.trouble = Some(finding.to_string());
                break;
            }
            if let Response::Http(response) = seen.response
                && round >= check.warm_up
            {
                samples.took.push(response.took);
            }
        }
        Ok(samples)
    }
}
