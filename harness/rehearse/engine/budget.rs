//! Measures what a release needs: the time until its services are ready, the memory they use, and the size of its
//! databases.

use std::collections::BTreeMap;
use std::time::Duration;

use rehearse_core::check::{Budget, Figures, judge_budget};
use rehearse_core::model::product::{Engine, PerformanceCheck, Step};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::Response;
use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::event::CheckReport;

use super::case::StageContext;
use super::context::RunContext;
use super::host::Host;
use super::mode::name;
use super::observer::Observer;

/// What was measured on one release.
#[derive(Debug, Clone, Default)]
pub(crate) struct ResourceUse {
    ready: Figures,
    memory: Figures,
    sizes: Figures,
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Judges the budgets that the product file sets.
    pub(super) async fn budgets(
        &self,
        ctx: &StageContext,
        check: &PerformanceCheck,
        before: Option<&ResourceUse>,
    ) -> (Vec<CheckReport>, ResourceUse) {
        let mut usage = ResourceUse::default();
        let mut reports = Vec::new();
        if let Some(budget) = &check.ready {
            usage.ready = self.times_to_ready(ctx);
            let mut report = CheckReport::new(CheckKind::Performance, name::READY);
            let budget = (Budget::from(budget), FindingCode::ReadySlower);
            judge_budget(before.map(|before| &before.ready), &usage.ready, budget, &mut report);
            reports.push(report.decide());
        }
        if let Some(budget) = &check.memory {
            usage.memory = self.memory(ctx).await;
            let mut report = CheckReport::new(CheckKind::Performance, name::MEMORY);
            let budget = (Budget::from(budget), FindingCode::MemoryGrew);
            judge_budget(before.map(|before| &before.memory), &usage.memory, budget, &mut report);
            reports.push(report.decide());
        }
        if let Some(budget) = &check.database_size {
            usage.sizes = self.sizes(ctx).await;
            let mut report = CheckReport::new(CheckKind::Performance, name::DATABASE_SIZE);
            let budget = (Budget::from(budget), FindingCode::DatabaseGrew);
            judge_budget(before.map(|before| &before.sizes), &usage.sizes, budget, &mut report);
            reports.push(report.decide());
        }
        (reports, usage)
    }

    /// How long the last start of each of the product's own services took, for those that define readiness. A service that
    /// upgrades itself as it starts is left out: that start cannot be compared with the baseline's.
    fn times_to_ready(&self, ctx: &StageContext) -> Figures {
        let upgrading = |name: &str| {
            let mut steps = self.case.product.upgrade.iter();
            steps.any(|step| matches!(step, Step::StartUpgrading(step) if step.service == name))
        };
        let services = self.case.services();
        let timed =
            services.iter().filter(|(name, service)| service.versioned && service.ready.is_some() && !upgrading(name));
        timed
            .map(|(name, _)| {
                let last = self.instances.last_start(&ctx.instance(name));
                let figure = last.and_then(|last| Some((last.ready?.as_secs_f64(), last.number)));
                (format!("service {name}"), figure.ok_or_else(|| "its last start was not timed".to_owned()))
            })
            .collect()
    }

    /// The memory that each of the product's own services uses, now that it has answered the fixed requests.
    async fn memory(&self, ctx: &StageContext) -> Figures {
        let mut figures = BTreeMap::new();
        for (number, (name, _)) in self.case.services().iter().filter(|(_, service)| service.versioned).enumerate() {
            let wait = self.meter.engine();
            let used = self.host.memory(&ctx.instance(name)).await;
            drop(wait);
            // No reading is ever the same as another, as the start of a service could be.
            let reading = (u64::from(ctx.hop) << 32) | number as u64;
            figures.insert(
                format!("service {name}"),
                used.map(|bytes| (bytes as f64, reading)).map_err(|error| error.chain()),
            );
        }
        figures
    }

    /// The size of each database, as its server reports it.
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
            let read = match self.case.database(ctx, name) {
                Err(error) => Err(error.chain()),
                Ok(target) => {
                    let _wait = self.meter.product();
                    let request = self.observer.rows(&target, sql);
                    match tokio::time::timeout(Duration::from_secs(60), request).await {
                        Err(_) => Err("no response within 60s".to_owned()),
                        Ok(Response::Rows(rows)) => {
                            let size = rows.value().and_then(|size| size.trim().parse::<f64>().ok());
                            size.filter(|size| *size > 0.0).ok_or_else(|| "the server reported no size".to_owned())
                        }
                        Ok(Response::NoResponse { reason } | Response::ProbeError { reason }) => Err(reason),
                        Ok(Response::Rejected(refusal)) => Err(refusal.to_string()),
                        Ok(Response::Http(_) | Response::Exec(_)) => Err("no rows".to_owned()),
                    }
                }
            };
            // As with memory: every reading is a new one.
            let reading = (u64::from(ctx.hop) << 32) | number as u64;
            sizes.insert(format!("database {name}"), read.map(|size| (size, reading)));
        }
        sizes
    }
}
