//! Changes responses on their way to the checks: does a check judge what it asks for?

use std::sync::Arc;

use rehearse_core::model::scenario::CheckKind;
use rehearse_core::mutation::{Fate, Judged, Mutation, MutationTarget, ResponseFault, Seen, judge_mutation};
use rehearse_core::observation::Observation;
use rehearse_core::outcome::event::CheckReport;

use super::plant::spread;
use crate::engine::case::StageContext;
use crate::engine::context::RunContext;
use crate::engine::error::EngineError;
use crate::engine::host::Host;
use crate::engine::observer::Observer;
use crate::engine::probe::{Against, Observations};
use crate::engine::state::Baseline;

/// A check that sends requests.
#[derive(Clone, Copy)]
enum Asking<'c> {
    Probe(&'c rehearse_core::model::product::Probe),
    Query(&'c rehearse_core::model::product::GraphqlCheck, &'c rehearse_core::model::product::GraphqlQuery),
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Mutates a few responses of every check that sends requests, in every way, one at a time.
    pub(super) async fn mutate_responses(
        &self,
        ctx: &StageContext,
        baseline: &Arc<Baseline>,
    ) -> Result<Vec<Judged>, EngineError> {
        let checks = &self.case.product.checks;
        let applies = |releases: &Option<rehearse_core::vocabulary::release::Range>| {
            releases.as_ref().is_none_or(|range| range.contains(&ctx.release))
        };
        let probes = [
            (CheckKind::Version, &checks.version),
            (CheckKind::Health, &checks.health),
            (CheckKind::Access, &checks.access),
            (CheckKind::Repositories, &checks.repositories),
            (CheckKind::Artifacts, &checks.artifacts),
        ];
        let probes = probes.into_iter().filter(|(kind, _)| self.makes(*kind));
        let probes = probes.flat_map(|(kind, probes)| probes.iter().map(move |probe| (kind, probe)));
        let applying = probes.filter(|(_, probe)| applies(&probe.releases));
        // A probe that writes and is ended by a fault does not put things back: it comes after all that only read.
        let (reading, writing): (Vec<_>, Vec<_>) = applying.partition(|(_, probe)| probe.writes.is_empty());
        let mut judged = Vec::new();
        for (kind, probe) in reading {
            judged.extend(self.mutate_check(ctx, kind, &probe.name, Asking::Probe(probe), baseline).await?);
        }
        if let Some(check) = checks.graphql.as_ref().filter(|_| self.makes(CheckKind::Graphql)) {
            for query in check.queries.iter().filter(|query| applies(&query.releases)) {
                let asking = Asking::Query(check, query);
                judged.extend(self.mutate_check(ctx, CheckKind::Graphql, &query.name, asking, baseline).await?);
            }
        }
        for (kind, probe) in writing {
            judged.extend(self.mutate_check(ctx, kind, &probe.name, Asking::Probe(probe), baseline).await?);
        }
        Ok(judged)
    }

    async fn mutate_check(
        &self,
        ctx: &StageContext,
        kind: CheckKind,
        check: &str,
        asking: Asking<'_>,
        baseline: &Baseline,
    ) -> Result<Vec<Judged>, EngineError> {
        let all = &baseline.observations;
        let of_check = format!("{}/{check}[", kind.name());
        let asked: Vec<(&String, &Observation)> = all.iter().filter(|(key, _)| key.starts_with(&of_check)).collect();
        let before = self.ask(ctx, kind, asking, all).await?;
        for finding in &before.findings {
            self.events.progress(&ctx.stage, format!("before anything is planted: {finding}"));
        }
        let noise = Seen::in_report(&before);
        let mut judged = Vec::new();
        for (key, observation) in spread(&asked) {
            for fault in ResponseFault::ALL {
                if fault.applied(&observation.response).is_none() {
                    continue;
                }
                let (check, request) = (check.to_owned(), observation.request.clone());
                let target = MutationTarget::Response { kind, check, request };
                let mutation = Mutation { kind: fault.kind(), target };
                self.response_faults.plant(key, fault);
                let seen = self.ask(ctx, kind, asking, all).await;
                self.response_faults.clear();
                let seen = Seen::in_report(&seen?);
                let fate = judge_mutation(&mutation, &self.case.product, &noise, &seen, (None, None));
                judged.push(Judged { mutation, fate });
            }
        }
        if asked.is_empty() {
            // A check that asked for nothing on the baseline has said so there.
            return Ok(Vec::new());
        }
        let survivors = judged.iter().filter(|it| it.fate == Fate::Survived).count();
        self.events
            .progress(&ctx.stage, format!("{}: {check}: {} faults, {survivors} survived", kind.name(), judged.len()));
        Ok(judged)
    }

    async fn ask(
        &self,
        ctx: &StageContext,
        kind: CheckKind,
        asking: Asking<'_>,
        baseline: &Observations,
    ) -> Result<CheckReport, EngineError> {
        let against = Against::Baseline(baseline);
        Ok(match asking {
            Asking::Probe(probe) => self.probe(ctx, kind, probe, against).await?.0,
            Asking::Query(check, query) => self.graphql_query(ctx, check, query, against).await?.0,
        })
    }
}
