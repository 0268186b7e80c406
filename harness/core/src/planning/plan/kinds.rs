//! The kinds of checks that a plan takes of its product and scenario together.

use crate::model::product::Product;
use crate::model::scenario::{CheckKind, Scenario};

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
