//! Whether every service runs, before and after the other checks.

use std::time::Duration;

use rehearse_core::model::scenario::CheckKind;
use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::outcome::finding::Finding;
use rehearse_core::outcome::subject::Subject;

use crate::engine::case::StageContext;
use crate::engine::context::RunContext;
use crate::engine::error::{EngineError, StepEnd};
use crate::engine::host::Host;
use crate::engine::mode::name;
use crate::engine::observer::Observer;
use crate::engine::wait::Awaited;

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Every service runs and is ready.
    pub(in crate::engine) async fn services_run(&self, ctx: &StageContext) -> Result<CheckReport, EngineError> {
        let mut report = CheckReport::new(CheckKind::Health, name::SERVICES);
        for (name, service) in self.case.services() {
            report.assertions += 1;
            if let Some(finding) = self.exit_finding(ctx, &name, "it runs").await? {
                report.findings.push(finding);
                continue;
            }
            if service.versioned && !self.on_release(ctx, &name) {
                let expected = format!("it runs on the image of {}", ctx.release);
                let (code, subject) = (FindingCode::ServiceWrongImage, Subject::Service(name.clone()));
                report.findings.push(Finding::new(code, subject, expected, "it was made from another image"));
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

    /// Every service still runs: a request may have ended one, or it ended by itself after its own check.
    pub(super) async fn services_still_run(&self, ctx: &StageContext) -> Result<CheckReport, EngineError> {
        let mut report = CheckReport::new(CheckKind::Health, name::SERVICES_AT_END);
        for name in self.case.services().keys() {
            report.assertions += 1;
            report.findings.extend(self.exit_finding(ctx, name, "it still runs").await?);
        }
        Ok(report.decide())
    }
}
