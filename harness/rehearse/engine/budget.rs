//! Reads what a release needs: the time until its services are ready, the memory they hold, and the room its databases
//! take.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::Duration;

use rehearse_core::check::{Budget, Figures, judge_budget};
use rehearse_core::model::product::{Engine, PerformanceCheck, Step};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::Response;
use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::event::CheckReport;
use tokio::time::Instant;

use super::context::{RunContext, StageContext};
use super::host::{Host, InstanceRef};
use super::mode::name;
use super::observer::Observer;

/// What was read of one release.
#[derive(Debug, Clone, Default)]
pub(crate) struct Needs {
    ready: Figures,
    memory: Figures,
    sizes: Figures,
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// A service is ready, so long after it was started.
    pub(super) fn became_ready(&self, instance: &InstanceRef, began: Instant) {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(started) = started.get_mut(instance) {
            started.ready = Some(began.elapsed());
        }
    }

    /// Judges the budgets that the product gives.
    pub(super) async fn budgets(
        &self,
        ctx: &StageContext,
        check: &PerformanceCheck,
        before: Option<&Needs>,
    ) -> (Vec<CheckReport>, Needs) {
        let mut needs = Needs::default();
        let mut reports = Vec::new();
        if let Some(budget) = &check.ready {
            needs.ready = self.times_to_ready(ctx);
            let mut report = CheckReport::new(CheckKind::Performance, name::READY);
            let budget = (Budget::from(budget), FindingCode::ReadySlower);
            judge_budget(before.map(|before| &before.ready), &needs.ready, budget, &mut report);
            reports.push(report.decide());
        }
        if let Some(budget) = &check.memory {
            needs.memory = self.memory(ctx).await;
            let mut report = CheckReport::new(CheckKind::Performance, name::MEMORY);
            let budget = (Budget::from(budget), FindingCode::MemoryGrew);
            judge_budget(before.map(|before| &before.memory), &needs.memory, budget, &mut report);
            reports.push(report.decide());
        }
        if let Some(budget) = &check.database_size {
            needs.sizes = self.sizes(ctx).await;
            let mut report = CheckReport::new(CheckKind::Performance, name::DATABASE_SIZE);
            let budget = (Budget::from(budget), FindingCode::DatabaseGrew);
            judge_budget(before.map(|before| &before.sizes), &needs.sizes, budget, &mut report);
            reports.push(report.decide());
        }
        (reports, needs)
    }

    /// Of the last start of each service of the product's own that says when it is ready. One that upgrades itself as it
    /// starts is left out: its start is not a start like the baseline's.
    fn times_to_ready(&self, ctx: &StageContext) -> Figures {
        let upgrading = |name: &str| {
            let mut steps = self.case.product.upgrade.iter();
            steps.any(|step| matches!(step, Step::StartUpgrading(step) if step.service == name))
        };
        let services = self.services();
        let timed =
            services.iter().filter(|(name, service)| service.versioned && service.ready.is_some() && !upgrading(name));
        let started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        timed
            .map(|(name, _)| {
                let last = started.get(&ctx.instance(name));
                let figure = last.and_then(|last| Some((last.ready?.as_secs_f64(), last.number)));
                (format!("service {name}"), figure.ok_or_else(|| "its last start was not timed".to_owned()))
            })
            .collect()
    }

    /// What each service of the product's own holds, now that it has answered the fixed requests.
    async fn memory(&self, ctx: &StageContext) -> Figures {
        let mut figures = BTreeMap::new();
        for (number, (name, _)) in self.services().iter().filter(|(_, service)| service.versioned).enumerate() {
            let wait = self.meter.engine();
            let held = self.host.memory(&ctx.instance(name)).await;
            drop(wait);
            // Every reading is a new one.
            let reading = (u64::from(ctx.hop) << 32) | number as u64;
            figures.insert(
                format!("service {name}"),
                held.map(|bytes| (bytes as f64, reading)).map_err(|error| error.chain()),
            );
        }
        figures
    }

    /// What each database takes, as its server tells.
    async fn sizes(&self, ctx: &StageContext) -> Figures {
        let mut sizes = BTreeMap::new();
        for (number, (name, database)) in self.case.product.databases.iter().enumerate() {
            let sql = match database.engine {
                Engine::Postgresql => "select pg_database_size(current_database())::text",
                Engine::Mysql => {
                    "select cast(sum(data_length + index_length) as char) from information_schema.tables \
                     where table_schema = database()"
                }
            };
            let read = match self.database(ctx, name) {
                Err(trouble) => Err(trouble.chain()),
                Ok(site) => {
                    let _wait = self.meter.product();
                    let request = self.observer.rows(&site, sql);
                    match tokio::time::timeout(Duration::from_secs(60), request).await {
                        Err(_) => Err("no answer within 60s".to_owned()),
                        Ok(Response::Rows(rows)) => {
                            let size = rows.value().and_then(|size| size.trim().parse::<f64>().ok());
                            size.filter(|size| *size > 0.0).ok_or_else(|| "no size".to_owned())
                        }
                        Ok(Response::NoResponse { reason } | Response::ProbeError { reason }) => Err(reason),
                        Ok(Response::Rejected(refusal)) => Err(refusal.to_string()),
                        Ok(Response::Http(_) | Response::Exec(_)) => Err("no rows".to_owned()),
                    }
                }
            };
            // Every reading of a size is a new one.
            let reading = (u64::from(ctx.hop) << 32) | number as u64;
            sizes.insert(format!("database {name}"), read.map(|size| (size, reading)));
        }
        sizes
    }
}
