//! The kinds of checks that a plan takes of its product and scenario together.

use crate::model::product::{Probe, Product};
use crate::model::scenario::{CheckKind, Scenario};
use crate::vocabulary::release::{Range, Release};

/// The kinds of checks that the product has and the scenario does not leave out.
pub(super) fn kinds(product: &Product, scenario: &Scenario) -> Vec<CheckKind> {
    let checks = &product.checks;
    let has = |kind: &CheckKind| match kind {
        CheckKind::Version => !checks.version.is_empty(),
        CheckKind::Health | CheckKind::Performance => true,
        CheckKind::Migrations => checks.migrations.is_some(),
        CheckKind::Data => checks.data.is_some(),
        CheckKind::Files => product.file_volumes().next().is_some(),
        CheckKind::Access => !checks.access.is_empty() || product.refused().next().is_some(),
        CheckKind::Crawl => checks.crawl.is_some(),
        CheckKind::Graphql => checks.graphql.is_some(),
        CheckKind::Repositories => !checks.repositories.is_empty(),
        CheckKind::Artifacts => !checks.artifacts.is_empty(),
        CheckKind::Journeys => !checks.journeys.is_empty(),
        CheckKind::Logs => checks.logs.is_some(),
        CheckKind::Fresh => checks.fresh.is_some(),
    };
    CheckKind::ALL.into_iter().filter(has).filter(|kind| !scenario.skip_checks.contains_key(kind)).collect()
}

/// Why a check of a kind that the product has can assert nothing on one of these releases; none if it can on all.
pub(super) fn asserts_nothing(product: &Product, kind: CheckKind, releases: &[&Release]) -> Option<String> {
    let checks = &product.checks;
    let of_probes = |probes: &[Probe]| {
        let is_for = |release: &Release| probes.iter().any(|probe| probe.is_for(release));
        let without = releases.iter().find(|release| !is_for(release))?;
        Some(format!("none of its probes asks anything on {without}"))
    };
    match kind {
        CheckKind::Version => of_probes(&checks.version),
        // Those that must be refused are asked on every release.
        CheckKind::Access if product.refused().next().is_some() => None,
        CheckKind::Access => of_probes(&checks.access),
        CheckKind::Repositories => of_probes(&checks.repositories),
        CheckKind::Artifacts => of_probes(&checks.artifacts),
        CheckKind::Journeys => of_probes(&checks.journeys),
        CheckKind::Graphql => {
            let check = checks.graphql.as_ref().filter(|check| check.schema.is_none())?;
            let asks = |release: &Release| {
                let is_for = |range: &Option<Range>| range.as_ref().is_none_or(|range| range.contains(release));
                check.queries.iter().any(|query| is_for(&query.releases) && query.text(release).is_some())
            };
            let without = releases.iter().find(|release| !asks(release))?;
            Some(format!("none of its queries is for {without}"))
        }
        CheckKind::Performance => (!product.measures_anything()).then(|| {
            "no request is timed and no budget is judged: name `requests`, or a budget without `off`".to_owned()
        }),
        CheckKind::Health
        | CheckKind::Migrations
        | CheckKind::Data
        | CheckKind::Files
        | CheckKind::Crawl
        | CheckKind::Logs
        | CheckKind::Fresh => None,
    }
}
