//! Makes the checks of a stage, in an order that keeps them out of each other's way: the tables before anything is
//! asked, what only reads side by side, the stopwatch alone, what writes one by one, the tables again, the logs last.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Future, StreamExt, stream};
use rehearse_core::check::{
    Compared, DataTerms, Terms, judge_answer, judge_data, judge_migrations, judge_performance, over_budget,
};
use rehearse_core::event::{CheckReport, EventKind};
use rehearse_core::observe::{Answer, DataState, MigrationState, Samples};
use rehearse_core::product::{DataCheck, DataRule, MigrationCheck, PerformanceCheck, Probe};
use rehearse_core::scenario::CheckKind;
use rehearse_core::verdict::Finding;
use serde_json::Map;

use super::ask::Place;
use super::host::{Command, Host};
use super::login::Logins;
use super::observer::Observer;
use super::output::Collector;
use super::probe::{Against, Answers};
use super::state::{Baseline, State};
use super::wait::Awaited;
use super::world::{Scene, StepEnd, Trouble, World};

/// What a stage of checks is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// To see what later stages are compared with.
    Baseline,
    /// To judge the release after a hop.
    Hop,
    /// To prove the way back equal to the baseline.
    Return,
}

/// Probes that only read run this many side by side: more would only queue in the product.
const SIDE_BY_SIDE: usize = 3;
/// The requests of the stopwatch are one visit.
const VISIT: &str = "performance";
/// Rounds of samples before a request counts as too slow: a single round may have met a neighbour's work.
const ROUNDS: u32 = 3;

type Made = Result<(CheckReport, Answers, Option<MigrationState>), Trouble>;

impl<H: Host, O: Observer> World<H, O> {
    /// Makes the checks and tells each.
    pub(crate) async fn checks(
        &self,
        scene: &Scene,
        state: &mut State,
        kinds: &[CheckKind],
        mode: Mode,
    ) -> Result<(), Trouble> {
        let product = &self.case.product;
        let has = |kind| kinds.contains(&kind);
        let data = product.checks.data.as_ref().filter(|_| has(CheckKind::Data));
        let baseline = state.baseline.clone();
        let mut seen = Baseline::default();
        let mut reports = Vec::new();

        let before = match data {
            Some(check) => {
                let (report, tables) = self.data(scene, state, baseline.as_deref(), check, mode).await?;
                reports.push(report);
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
        .filter(|(_, probe)| probe.releases.as_ref().is_none_or(|range| range.contains(&scene.release)))
        .collect();

        let mut made = Vec::new();
        {
            let mut work: Vec<Pin<Box<dyn Future<Output = Made> + Send + '_>>> = Vec::new();
            if has(CheckKind::Health) {
                work.push(Box::pin(async { Ok((self.services_run(scene).await?, Answers::new(), None)) }));
            }
            if let Some(check) = product.checks.migrations.as_ref().filter(|_| has(CheckKind::Migrations)) {
                let before = match mode {
                    Mode::Baseline => None,
                    Mode::Hop => state.migrations.as_ref(),
                    Mode::Return => baseline.as_ref().and_then(|baseline| baseline.migrations.as_ref()),
                };
                work.push(Box::pin(async move {
                    let (report, seen) = self.migrations(scene, check, before, mode).await?;
                    Ok((report, Answers::new(), Some(seen)))
                }));
            }
            for (kind, probe) in probes.iter().filter(|(_, probe)| probe.writes.is_empty()) {
                work.push(Box::pin(async move {
                    let (report, answers) = self.probe(scene, *kind, probe, against).await?;
                    self.progress(&scene.stage, format!("{}: {}", report.title(), report.outcome));
                    Ok((report, answers, None))
                }));
            }
            let mut running = stream::iter(work).buffered(SIDE_BY_SIDE);
            while let Some(done) = running.next().await {
                made.push(done?);
            }
        }
        if let Some(check) = product.checks.performance.as_ref().filter(|_| has(CheckKind::Performance)) {
            let reference = baseline.as_ref().map(|baseline| baseline.samples.as_slice());
            let (report, samples) =
                self.performance(scene, check, reference.filter(|_| mode != Mode::Baseline)).await?;
            seen.samples = samples;
            reports.push(report);
        }
        let mut written = BTreeSet::new();
        for (kind, probe) in probes.iter().filter(|(_, probe)| !probe.writes.is_empty()) {
            written.extend(probe.writes.iter().cloned());
            let (report, answers) = self.probe(scene, *kind, probe, against).await?;
            self.progress(&scene.stage, format!("{}: {}", report.title(), report.outcome));
            made.push((report, answers, None));
        }
        for (report, answers, migrations) in made {
            reports.push(report);
            seen.answers.extend(answers);
            if migrations.is_some() {
                seen.migrations = migrations;
            }
        }
        if let (Some(check), Some(before)) = (data, &before) {
            let (report, after) = self.own_writes(scene, check, before, &written).await?;
            reports.push(report);
            if mode != Mode::Return {
                state.reference = Some(after);
            }
        }
        if let Some(check) = product.checks.logs.as_ref().filter(|_| has(CheckKind::Logs)) {
            let known = baseline.as_ref().map_or(&[][..], |baseline| baseline.logs.as_slice());
            let (report, reviews) = self.logs(scene, state, check, known, mode).await?;
            seen.logs = reviews;
            reports.push(report);
        }
        if mode != Mode::Return && seen.migrations.is_some() {
            state.migrations.clone_from(&seen.migrations);
        }
        seen.tables = before;
        if mode == Mode::Baseline {
            state.baseline = Some(Arc::new(seen));
        }

        reports.sort_by_key(|report| report.kind);
        for report in reports {
            self.tell(EventKind::Checked { stage: scene.stage.clone(), report });
        }
        Ok(())
    }

    /// Every service runs and is ready.
    async fn services_run(&self, scene: &Scene) -> Result<CheckReport, Trouble> {
        let mut report = CheckReport::new(CheckKind::Health, "every service runs and is ready");
        for (name, service) in self.services() {
            report.assertions += 1;
            if let Some(finding) = self.dead(scene, &name, "it runs").await? {
                report.findings.push(finding);
                continue;
            }
            if let Some(ready) = &service.ready {
                let what = format!("service {name} is ready");
                let limit = std::time::Duration::from_secs(30);
                let awaited = Awaited { what: &what, service: Some(&name), condition: ready, progress: None, limit };
                if let StepEnd::Failed(findings) = self.wait(scene, awaited).await? {
                    report.findings.extend(findings);
                }
            }
        }
        Ok(report.decide())
    }

    /// The tables, before any probe of this stage asks.
    async fn data(
        &self,
        scene: &Scene,
        state: &State,
        baseline: Option<&Baseline>,
        check: &DataCheck,
        mode: Mode,
    ) -> Result<(CheckReport, Option<DataState>), Trouble> {
        let name = match mode {
            Mode::Baseline => "the restored tables have content",
            Mode::Hop => "no row or value was lost or changed but by reviewed rules",
            Mode::Return => "every table is as it was before the first hop",
        };
        let mut report = CheckReport::new(CheckKind::Data, name);
        let reference = match mode {
            Mode::Baseline => None,
            Mode::Hop => state.reference.as_ref(),
            Mode::Return => baseline.and_then(|baseline| baseline.tables.as_ref()),
        };
        let tables = match self.tables(scene, check, reference, &mut report).await? {
            Some(tables) => tables,
            None => return Ok((report.decide(), None)),
        };
        let (none, crossing) = (BTreeSet::new(), self.crossing(check, scene));
        match (mode, reference) {
            (Mode::Baseline, _) => {
                let filled = tables.tables.values().filter(|table| table.rows > 0).count();
                report.assertions += u32::try_from(filled).unwrap_or(u32::MAX);
                let rows: u64 = tables.tables.values().map(|table| table.rows).sum();
                report.notes.push(format!("{} tables, {filled} with rows, {rows} rows in all", tables.tables.len()));
            }
            (_, None) => report.unclear.push("there is no baseline to compare with".to_owned()),
            (_, Some(reference)) => {
                let rules: &[&DataRule] = if mode == Mode::Hop { &crossing } else { &[] };
                let terms = DataTerms { rules, volatile: &check.volatile, written: &none, elsewhere: &check.elsewhere };
                judge_data(reference, &tables, terms, &mut report);
                if !check.volatile.is_empty() {
                    report
                        .notes
                        .push(format!("not compared, as they change by themselves: {}", check.volatile.join(", ")));
                }
            }
        }
        Ok((report.decide(), Some(tables)))
    }

    /// The rules of the releases that this hop reaches or passes.
    fn crossing<'c>(&self, check: &'c DataCheck, scene: &Scene) -> Vec<&'c DataRule> {
        check.rules.iter().filter(|rule| scene.from < rule.crossing && rule.crossing <= scene.release).collect()
    }

    pub(crate) async fn tables(
        &self,
        scene: &Scene,
        check: &DataCheck,
        basis: Option<&DataState>,
        report: &mut CheckReport,
    ) -> Result<Option<DataState>, Trouble> {
        let site = self.database(scene, &check.database)?;
        let read = {
            let _wait = self.meter.product();
            self.observer.tables(&site, basis).await
        };
        match read {
            Ok(tables) => {
                let text = serde_json::to_vec_pretty(&tables).unwrap_or_default();
                report.evidence.push(self.evidence.write(&scene.stage.0, "tables", "json", &text)?);
                Ok(Some(tables))
            }
            Err(reason) => {
                report.unclear.push(format!("database {}: {reason}", check.database));
                Ok(None)
            }
        }
    }

    /// The tables after our own probes: nothing may have changed but what they said they write.
    async fn own_writes(
        &self,
        scene: &Scene,
        check: &DataCheck,
        before: &DataState,
        written: &BTreeSet<String>,
    ) -> Result<(CheckReport, DataState), Trouble> {
        let mut report = CheckReport::new(CheckKind::Data, "asking changed nothing but what a probe says it writes");
        let Some(after) = self.tables(scene, check, None, &mut report).await? else {
            return Ok((report.decide(), before.clone()));
        };
        // Columns that `before` did not compare are not held against `after`; tables it does not know are in neither.
        let terms = DataTerms { rules: &[], volatile: &check.volatile, written, elsewhere: &check.elsewhere };
        judge_data(before, &after, terms, &mut report);
        Ok((report.decide(), after))
    }

    async fn migrations(
        &self,
        scene: &Scene,
        check: &MigrationCheck,
        before: Option<&MigrationState>,
        mode: Mode,
    ) -> Result<(CheckReport, MigrationState), Trouble> {
        let mut report = CheckReport::new(CheckKind::Migrations, "the schema is the running code's");
        let mut seen = MigrationState::default();
        let site = self.database(scene, &check.database)?;
        match self.observer.rows(&site, &check.recorded).await {
            Answer::Rows(rows) => {
                seen.recorded = rows.rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect();
            }
            Answer::Silent { reason } | Answer::Broken { reason } => report.unclear.push(reason),
            Answer::Http(_) | Answer::Exec(_) => {}
        }
        let context = self.context(scene, &Default::default(), &Map::new());
        let command = Command { argv: check.known.command.argv(&context)?, ..Command::default() };
        let (file, evidence) = self.evidence.file(&scene.stage.0, "migrations of the running code", "txt")?;
        let mut sink = Collector::new(&file, None)?;
        let code = {
            let _wait = self.meter.product();
            self.host.exec(&scene.deployment, &check.known.service, &command, &mut sink).await
        };
        let (out, err, _, _) = sink.finish();
        report.evidence.push(evidence);
        match code {
            Ok(0) => {
                let lines = out.text.lines().filter_map(|line| check.known.each.regex().captures(line));
                seen.known = lines.filter_map(|found| Some(found.get(1)?.as_str().to_owned())).collect();
            }
            Ok(code) => report.unclear.push(format!("listing the migrations ended with {code}: {}", err.text.trim())),
            Err(error) => report.unclear.push(error.chain()),
        }
        let text = serde_json::to_vec_pretty(&seen).unwrap_or_default();
        report.evidence.push(self.evidence.write(&scene.stage.0, "migrations", "json", &text)?);
        if report.unclear.is_empty() {
            judge_migrations(&seen, before, &mut report);
        }
        if let (Mode::Return, Some(before)) = (mode, before) {
            let (was, is) = (before.recorded.len(), seen.recorded.len());
            report.assertions += 1;
            if was != is {
                let finding = Finding::new(
                    "the schema",
                    format!("{was} migrations recorded, as before the first hop"),
                    is.to_string(),
                );
                report.findings.push(finding);
            }
        }
        if let Some(status) = &check.status {
            let (answer, _) = self.ask_exec(scene, status, &context, Place::Inside).await?;
            let terms = Terms { expect: &status.expect, same: &[], changes: &[], context: &context };
            judge_answer(&answer, terms, Compared::Nothing, &mut report);
        }
        Ok((report.decide(), seen))
    }

    async fn performance(
        &self,
        scene: &Scene,
        check: &PerformanceCheck,
        reference: Option<&[Samples]>,
    ) -> Result<(CheckReport, Vec<Samples>), Trouble> {
        let mut report = CheckReport::new(CheckKind::Performance, "fixed requests stay within their budget");
        let mut all = Vec::new();
        let mut logins = Logins::default();
        for step in &check.requests {
            if let Some(identity) = &step.identity {
                let identity = identity.render(&self.context(scene, &Default::default(), &Map::new()))?;
                if !self.log_in(scene, VISIT, &identity, &mut logins, &mut report).await? {
                    continue;
                }
            }
            let mut best: Option<Samples> = None;
            for round in 0..ROUNDS {
                let samples = self.samples(scene, check, step, &logins).await?;
                let before = reference.and_then(|all| all.iter().find(|before| before.asked == samples.asked));
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
                            report.notes.push(format!("{}: {median:.0?} ± {spread:.0?}", samples.asked));
                        }
                        (trouble, _) => {
                            let why = trouble.as_deref().unwrap_or("no sample");
                            report.unclear.push(format!("{}: {why}", samples.asked));
                        }
                    }
                }
            }
        }
        let text = serde_json::to_vec_pretty(&all).unwrap_or_default();
        report.evidence.push(self.evidence.write(&scene.stage.0, "performance", "json", &text)?);
        Ok((report.decide(), all))
    }

    async fn samples(
        &self,
        scene: &Scene,
        check: &PerformanceCheck,
        step: &rehearse_core::product::HttpStep,
        logins: &Logins,
    ) -> Result<Samples, Trouble> {
        let mut samples = Samples::default();
        let context = self.context(scene, &Default::default(), &logins.captured);
        for round in 0..check.warm_up + check.samples.max(5) {
            let seen = self.ask_http(scene, step, VISIT, &context).await?;
            let mut judged = CheckReport::new(CheckKind::Performance, "");
            let terms = Terms { expect: &step.expect, same: &[], changes: &[], context: &context };
            judge_answer(&seen, terms, Compared::Nothing, &mut judged);
            samples.asked.clone_from(&seen.asked);
            // A quick error is no quick answer.
            if let Some(finding) = judged.findings.first() {
                samples.trouble = Some(finding.to_string());
                break;
            }
            if let Answer::Http(response) = seen.answer
                && round >= check.warm_up
            {
                samples.took.push(response.took);
            }
        }
        Ok(samples)
    }
}
