//! Logs identities in: once for each visit, which keeps its cookies to itself.

use std::collections::BTreeMap;

use rehearse_core::check::{ExpectContext, judge_login};
use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::event::CheckReport;
use serde_json::{Map, Value};

use super::case::StageContext;
use super::context::RunContext;
use super::error::EngineError;
use super::host::Host;
use super::observer::Observer;

/// Who is logged in within one visit: a probe, or the steps of a stage. Visits run concurrently, so one must not log an
/// identity in or out for another.
#[derive(Debug, Default)]
pub(crate) struct Logins {
    /// By identity, whether logging in succeeded.
    results: BTreeMap<String, bool>,
    /// The values that logging in captured.
    pub(crate) captured: Map<String, Value>,
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Logs an identity in, once per visit; `false` if that failed, which the report says only the first time.
    pub(crate) async fn log_in(
        &self,
        ctx: &StageContext,
        visit: &str,
        identity: &str,
        logins: &mut Logins,
        report: &mut CheckReport,
    ) -> Result<bool, EngineError> {
        let Some(account) = self.case.product.identities.get(identity) else { return Ok(true) };
        if let Some(logged_in) = logins.results.get(identity) {
            return Ok(*logged_in);
        }
        logins.results.insert(identity.to_owned(), false);
        for step in account.login.iter().filter(|step| step.is_for(&ctx.release)) {
            let context = self.case.placeholders(ctx, &BTreeMap::new(), &logins.captured);
            let mut step = step.clone();
            if step.identity.is_none() {
                step.identity = identity.parse().ok();
            }
            let observation = self.send_http(ctx, &step, visit, &context, true).await?;
            let expectation = ExpectContext { expect: &step.expect, unchanged: &[], changes: &[], context: &context };
            if !judge_login(&observation, expectation, report) {
                return Ok(false);
            }
            if let Err(reason) = self.capture(&step.capture, &observation, &mut logins.captured) {
                report.cannot_tell(InconclusiveCode::NotRead, reason);
                return Ok(false);
            }
        }
        logins.results.insert(identity.to_owned(), true);
        Ok(true)
    }
}
