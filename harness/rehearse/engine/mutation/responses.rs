//! Changes responses on their way to the checks: does a check judge what it asks for?

use std::collections::BTreeSet;
use std::sync::Arc;

use rehearse_core::check::{KnownPage, page_name};
use rehearse_core::model::product::{CrawlCheck, GraphqlCheck, GraphqlQuery, Probe};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::mutation::{Fate, Judged, Mutation, MutationTarget, ResponseFault, Seen, judge_mutation};
use rehearse_core::observation::Observation;
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::outcome::subject::Subject;

use super::plant::spread;
use crate::engine::case::StageContext;
use crate::engine::context::RunContext;
use crate::engine::error::EngineError;
use crate::engine::host::Host;
use crate::engine::mode::{Mode, name};
use crate::engine::observer::Observer;
use crate::engine::probe::Against;
use crate::engine::state::Baseline;

/// A check that sends requests.
#[derive(Clone, Copy)]
enum Asking<'c> {
    Probe(&'c Probe),
    Query(&'c GraphqlCheck, &'c GraphqlQuery),
    Crawl(&'c CrawlCheck),
    /// As the identities that must be refused.
    Refused,
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
        let applying = self.case.probes_on(&ctx.release).filter(|(kind, _)| self.makes(*kind));
        // A probe that writes and is ended by a fault does not put things back: it comes after all that only read.
        let reads = |(kind, probe): &(CheckKind, &Probe)| *kind != CheckKind::Journeys && probe.writes.is_empty();
        let (reading, writing): (Vec<_>, Vec<_>) = applying.partition(reads);
        let mut judged = Vec::new();
        for (kind, probe) in reading {
            judged.extend(self.mutate_check(ctx, kind, &probe.name, Asking::Probe(probe), baseline).await?);
        }
        if self.makes(CheckKind::Access) && self.case.product.refused().next().is_some() {
            judged.extend(self.mutate_check(ctx, CheckKind::Access, name::REFUSED, Asking::Refused, baseline).await?);
        }
        if let Some(check) = checks.graphql.as_ref().filter(|_| self.makes(CheckKind::Graphql)) {
            for query in check.queries.iter().filter(|query| applies(&query.releases)) {
                let asking = Asking::Query(check, query);
                judged.extend(self.mutate_check(ctx, CheckKind::Graphql, &query.name, asking, baseline).await?);
            }
        }
        if let Some(check) = checks.crawl.as_ref().filter(|_| self.makes(CheckKind::Crawl)) {
            judged.extend(self.mutate_pages(ctx, check, baseline).await?);
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
        let all = baseline;
        let of_check = format!("{}/{check}[", kind.name());
        let asked: Vec<(&String, &Observation)> =
            all.observations.iter().filter(|(key, _)| key.starts_with(&of_check)).collect();
        let before = self.ask(ctx, kind, asking, all).await?;
        for finding in &before.findings {
            self.events.progress(&ctx.stage, format!("before anything is planted: {finding}"));
        }
        let noise = Seen::in_report(&before);
        let mut judged = Vec::new();
        for fault in ResponseFault::ALL {
            let changes = |(_, observation): &&(&String, &Observation)| fault.applied(&observation.response).is_some();
            let mut open: Vec<(&str, Mutation)> = spread(&asked)
                .filter(changes)
                .map(|(key, observation)| (key.as_str(), of_request(fault, kind, check, &observation.request)))
                .collect();
            if are_apart(&open) {
                // Requests of different rounds do not depend on each other: all are asked at once, and told apart by name.
                let seen = self.ask_with(ctx, kind, asking, all, fault, open.iter().map(|(key, _)| *key)).await?;
                open.retain(|(_, mutation)| {
                    let fate = self.fate(mutation, &noise, &named(&seen, mutation));
                    let noticed = fate != Fate::Survived;
                    if noticed {
                        judged.push(Judged { mutation: mutation.clone(), fate });
                    }
                    !noticed
                });
            }
            // What is wrong with one response may show in a later request of its round.
            for (key, mutation) in open {
                let seen = self.ask_with(ctx, kind, asking, all, fault, [key].into_iter()).await?;
                let fate = self.fate(&mutation, &noise, &seen);
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

    fn fate(&self, mutation: &Mutation, noise: &[Seen], seen: &[Seen]) -> Fate {
        judge_mutation(mutation, &self.case.product, noise, seen, (None, None))
    }

    /// What a check finds while these responses have a fault.
    async fn ask_with<'k>(
        &self,
        ctx: &StageContext,
        kind: CheckKind,
        asking: Asking<'_>,
        baseline: &Baseline,
        fault: ResponseFault,
        keys: impl Iterator<Item = &'k str>,
    ) -> Result<Vec<Seen>, EngineError> {
        keys.for_each(|key| self.response_faults.plant(key, fault));
        let report = self.ask(ctx, kind, asking, baseline).await;
        self.response_faults.clear();
        Ok(Seen::in_report(&report?))
    }

    /// Mutates a few pages of the crawl for each identity, in every way.
    async fn mutate_pages(
        &self,
        ctx: &StageContext,
        check: &CrawlCheck,
        baseline: &Baseline,
    ) -> Result<Vec<Judged>, EngineError> {
        let Some(site) = &baseline.site else { return Ok(Vec::new()) };
        let mut pages: Vec<(String, &KnownPage)> = Vec::new();
        for (identity, known) in &site.identities {
            let shown = known.order.iter().filter_map(|path| Some((page_name(path, identity), known.get(path)?)));
            let shown: Vec<_> = shown.filter(|(_, known)| known.page.answer.is_success()).collect();
            pages.extend(spread(&shown).map(|(name, known)| (name.clone(), *known)));
        }
        let asking = Asking::Crawl(check);
        let noise = Seen::in_report(&self.ask(ctx, CheckKind::Crawl, asking, baseline).await?);
        let mut judged = Vec::new();
        for fault in ResponseFault::ALL {
            let names = pages.iter().map(|(name, _)| name.as_str());
            let seen = self.ask_with(ctx, CheckKind::Crawl, asking, baseline, fault, names).await?;
            for (page, _) in &pages {
                let mutation = of_request(fault, CheckKind::Crawl, name::PAGES, page);
                let fate = self.fate(&mutation, &noise, &named(&seen, &mutation));
                judged.push(Judged { mutation, fate });
            }
        }
        let survivors = judged.iter().filter(|it| it.fate == Fate::Survived).count();
        self.events.progress(&ctx.stage, format!("crawl: {} faults, {survivors} survived", judged.len()));
        Ok(judged)
    }

    async fn ask(
        &self,
        ctx: &StageContext,
        kind: CheckKind,
        asking: Asking<'_>,
        baseline: &Baseline,
    ) -> Result<CheckReport, EngineError> {
        self.response_faults.begin_round();
        let against = Against::Baseline(&baseline.observations);
        Ok(match asking {
            Asking::Probe(probe) => self.probe(ctx, kind, probe, against).await?.report,
            Asking::Query(check, query) => self.graphql_query(ctx, check, query, against).await?.0,
            Asking::Refused => self.refused(ctx).await?.0,
            Asking::Crawl(check) => self.crawl_again(ctx, check, baseline.site.as_ref(), Mode::Hop).await?,
        })
    }
}

fn of_request(fault: ResponseFault, kind: CheckKind, check: &str, request: &str) -> Mutation {
    let (check, request) = (check.to_owned(), request.to_owned());
    Mutation { kind: fault.kind(), target: MutationTarget::Response { kind, check, request } }
}

/// What was found about the very request of a mutation.
fn named(seen: &[Seen], mutation: &Mutation) -> Vec<Seen> {
    let MutationTarget::Response { request, .. } = &mutation.target else { return Vec::new() };
    let names = |seen: &&Seen| matches!(&seen.subject, Subject::Request(named, _) | Subject::Query(named, _) if named == request);
    seen.iter().filter(names).cloned().collect()
}

/// Whether each request belongs to another round of its check, by their keys: `kind/check[each]#step`.
fn are_apart(requests: &[(&str, Mutation)]) -> bool {
    let rounds: BTreeSet<&str> = requests.iter().map(|(key, _)| key.split('#').next().unwrap_or(key)).collect();
    requests.len() > 1 && rounds.len() == requests.len()
}
