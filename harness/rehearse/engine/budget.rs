//! Measures what a release needs: the time until its services are ready, the memory they use, and the size of its
//! databases and volumes.

use std::collections::BTreeMap;
use std::time::Duration;

use rehearse_core::check::{Figures, Measured, judge_budget};
use rehearse_core::model::product::{Engine, Step};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::{FileTrees, Response};
use rehearse_core::outcome::event::CheckReport;

use super::case::StageContext;
use super::context::RunContext;
use super::host::Host;
use super::mode::name;
use super::observer::Observer;

/// What was measured on one release.
#[derive(Debug, Clone, Default)]
pub(crate) struct ResourceUse(BTreeMap<&'static str, Figures>);

fn name_of(measured: Measured) -> &'static str {
    match measured {
        Measured::Ready => name::READY,
        Measured::Memory => name::MEMORY,
        Measured::DatabaseSize => name::DATABASE_SIZE,
        Measured::FilesSize => name::FILES_SIZE,
    }
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Judges the budgets that the product file sets, or the default ones. `files` are the volumes, where the check of files
    /// is made.
    pub(super) async fn budgets(
        &self,
        ctx: &StageContext,
        before: Option<&ResourceUse>,
        files: Option<&FileTrees>,
    ) -> (Vec<CheckReport>, ResourceUse) {
        let check = &self.case.product.checks.performance;
        let mut usage = ResourceUse::default();
        let mut reports = Vec::new();
        for measured in Measured::ALL {
            let name = name_of(measured);
            let budget = match measured.budget(check) {
                Ok(budget) => budget,
                Err(because) => {
                    self.events.remark(&ctx.stage, format!("{name} is not judged: {because}"));
                    continue;
                }
            };
            let mut report = CheckReport::new(CheckKind::Performance, name);
            let figures = match measured {
                Measured::Ready => self.times_to_ready(ctx),
                Measured::Memory => self.memory(ctx).await,
                Measured::DatabaseSize => self.sizes(ctx).await,
                Measured::FilesSize => match files {
                    Some(files) => file_sizes(ctx, files),
                    // The check of files has said why it did not read them; or a scenario leaves it out.
                    None => continue,
                },
            };
            let before = before.and_then(|before| before.0.get(name));
            judge_budget(before, &figures, (budget, measured.code()), &mut report);
            let nothing = report.assertions == 0 && report.findings.is_empty() && report.inconclusive.is_empty();
            if !nothing || measured.is_given(check) {
                reports.push(report.decide());
            }
            usage.0.insert(name, figures);
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

/// The bytes of the files in each volume, as the check of files has read them.
fn file_sizes(ctx: &StageContext, files: &FileTrees) -> Figures {
    let sizes = files.iter().zip(0_u64..);
    sizes
        .map(|((volume, tree), number)| {
            let reading = (u64::from(ctx.hop) << 32) | number;
            (format!("volume {volume}"), Ok((tree.bytes as f64, reading)))
        })
        .collect()
}
