//! Logs identities in: once for each visit, which keeps its cookies to itself.

use std::collections::BTreeMap;

use rehearse_core::check::{Compared, ExpectContext, judge_answer};
use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::event::CheckReport;
use serde_json::{Map, Value};

use super::context::{EngineError, RunContext, StageContext};
use super::host::Host;
use super::observer::Observer;

/// Who is logged in, in one visit: a probe, or the steps of a stage. Visits run side by side, so none may find itself
/// logged in, or out, by another.
#[derive(Debug, Default)]
pub(crate) struct Logins {
    /// By identity, whether it worked.
    known: BTreeMap<String, bool>,
    /// What logging in captured.
    pub(crate) captured: Map<String, Value>,
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Logs an identity in unless this visit has done so; `false` when it is not logged in, which is told once.
    pub(crate) async fn log_in(
        &self,
        ctx: &StageContext,
        visit: &str,
        identity: &str,
        logins: &mut Logins,
        report: &mut CheckReport,
    ) -> Result<bool, EngineError> {
        let Some(identified) = self.case.product.identities.get(identity) else { return Ok(true) };
        if let Some(worked) = logins.known.get(identity) {
            return Ok(*worked);
        }
        logins.known.insert(identity.to_owned(), false);
        for step in &identified.login {
            let context = self.context(ctx, &BTreeMap::new(), &logins.captured);
            let mut step = step.clone();
            if step.identity.is_none() {
                step.identity = identity.parse().ok();
            }
            let seen = self.ask_http(ctx, &step, visit, &context, true).await?;
            let terms = ExpectContext { expect: &step.expect, unchanged: &[], changes: &[], context: &context };
            if !judge_answer(&seen, terms, Compared::Nothing, report) {
                return Ok(false);
            }
            if let Err(doubt) = self.capture(&step.capture, &seen, &mut logins.captured) {
                report.cannot_tell(InconclusiveCode::NotRead, doubt);
                return Ok(false);
            }
        }
        logins.known.insert(identity.to_owned(), true);
        Ok(true)
    }
}
