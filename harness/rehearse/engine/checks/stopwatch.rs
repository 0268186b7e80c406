//! The stopwatch: fixed requests, sent one by one while no other check runs.

use rehearse_core::check::{Compared, ExpectContext, judge_performance, judge_response, over_budget};
use rehearse_core::model::product::{HttpStep, PerformanceCheck};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::{Response, Samples};
use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::outcome::subject::Subject;
use serde_json::Map;

use crate::engine::case::StageContext;
use crate::engine::context::RunContext;
use crate::engine::error::EngineError;
use crate::engine::host::Host;
use crate::engine::login::Logins;
use crate::engine::mode::name;
use crate::engine::observer::Observer;

/// All requests of the stopwatch share one visit, and so its cookies.
const VISIT: &str = "performance";
/// Rounds of samples before a request counts as too slow: one round may have been slowed by other work on the machine.
const ROUNDS: u32 = 3;

impl<H: Host, O: Observer> RunContext<H, O> {
    pub(super) async fn performance(
        &self,
        ctx: &StageContext,
        check: &PerformanceCheck,
        reference: Option<&[Samples]>,
    ) -> Result<(CheckReport, Vec<Samples>), EngineError> {
        let mut report = CheckReport::new(CheckKind::Performance, name::REQUESTS);
        let mut all = Vec::new();
        let mut logins = Logins::default();
        for step in check.timed(&ctx.release, &self.case.plan.from) {
            if let Some(identity) = &step.identity {
                let identity = identity.render(&self.case.placeholders(ctx, &Default::default(), &Map::new()))?;
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
                    match (&samples.failure, samples.robust()) {
                        (None, Some((median, spread))) => {
                            report.assertions += 1;
                            report.notes.push(format!("{}: {median:.0?} ± {spread:.0?}", samples.request));
                        }
                        (failure, _) => {
                            let why = failure.as_deref().unwrap_or("no sample");
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
        step: &HttpStep,
        logins: &Logins,
    ) -> Result<Samples, EngineError> {
        let mut samples = Samples::default();
        let context = self.case.placeholders(ctx, &Default::default(), &logins.captured);
        for round in 0..check.warm_up + check.samples.max(5) {
            let observation = self.send_http(ctx, step, VISIT, &context, false).await?;
            let mut judged = CheckReport::new(CheckKind::Performance, "");
            let expectation = ExpectContext { expect: &step.expect, unchanged: &[], changes: &[], context: &context };
            judge_response(&observation, expectation, Compared::Nothing, &mut judged);
            samples.request.clone_from(step.name.as_ref().unwrap_or(&observation.request));
            // A quick error must not count as a quick response.
            if let Some(finding) = judged.findings.first() {
                samples.failure = Some(finding.to_string());
                break;
            }
            if let Response::Http(response) = observation.response
                && round >= check.warm_up
            {
                samples.took.push(response.took);
            }
        }
        Ok(samples)
    }
}
