//! Asks as the identities that must be refused.

use std::collections::BTreeMap;

use rehearse_core::check::{ExpectContext, judge_login, judge_refusal, judge_refused_login};
use rehearse_core::model::product::{HttpStep, Identity, Refused};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::Observation;
use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::event::CheckReport;
use serde_json::{Map, Value};

use super::case::StageContext;
use super::context::RunContext;
use super::error::EngineError;
use super::host::Host;
use super::mode::name;
use super::observer::Observer;
use super::probe::Observations;

/// How the requests of an identity are told apart from those of others.
fn visit(identity: &str) -> String {
    format!("refused/{identity}")
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Asks as every identity that must be refused.
    pub(crate) async fn refused(&self, ctx: &StageContext) -> Result<(CheckReport, Observations), EngineError> {
        let mut report = CheckReport::new(CheckKind::Access, name::REFUSED);
        let mut observations = Observations::new();
        for (identity, account, refused) in self.case.product.refused() {
            let mut captured = Map::new();
            if !self.try_to_log_in(ctx, (identity, account, refused), &mut captured, &mut report).await? {
                continue;
            }
            let requests = refused.requests.iter().filter(|step| step.is_for(&ctx.release));
            for (number, step) in requests.enumerate() {
                let observation = self.ask_as(ctx, identity, step, &captured).await?;
                let key = format!("{}/{}[as={identity}]#{}", CheckKind::Access.name(), name::REFUSED, number + 1);
                let observation = self.response_faults.applied(&key, observation);
                let context = self.case.placeholders(ctx, &BTreeMap::new(), &captured);
                judge_refusal(&observation, terms(step, &context), refused, &mut report);
                observations.insert(key, observation);
            }
        }
        Ok((report.decide(), observations))
    }

    /// Sends the requests that log an identity in. Returns whether it makes sense to ask further.
    async fn try_to_log_in(
        &self,
        ctx: &StageContext,
        (identity, account, refused): (&str, &Identity, &Refused),
        captured: &mut Map<String, Value>,
        report: &mut CheckReport,
    ) -> Result<bool, EngineError> {
        let login: Vec<&HttpStep> = account.login.iter().filter(|step| step.is_for(&ctx.release)).collect();
        for (number, step) in login.iter().enumerate() {
            let observation = self.ask_as(ctx, identity, step, captured).await?;
            let context = self.case.placeholders(ctx, &BTreeMap::new(), captured);
            let last = number + 1 == login.len();
            if last && !refused.may_log_in {
                judge_refused_login(&observation, terms(step, &context), refused, report);
                return Ok(true);
            }
            if !judge_login(&observation, terms(step, &context), report) {
                return Ok(false);
            }
            if let Err(reason) = self.capture(&step.capture, &observation, captured) {
                report.cannot_tell(InconclusiveCode::NotRead, reason);
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn ask_as(
        &self,
        ctx: &StageContext,
        identity: &str,
        step: &HttpStep,
        captured: &Map<String, Value>,
    ) -> Result<Observation, EngineError> {
        let mut step = step.clone();
        step.identity = identity.parse().ok();
        let context = self.case.placeholders(ctx, &BTreeMap::new(), captured);
        // Who is not logged in lacks what logging in captures.
        self.send_http(ctx, &step, &visit(identity), &context, true).await
    }
}

fn terms<'t>(step: &'t HttpStep, context: &'t Value) -> ExpectContext<'t> {
    ExpectContext { expect: &step.expect, unchanged: &[], changes: &[], context }
}
