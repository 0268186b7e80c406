//! What a plan takes of its product and scenario together.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::model::product::{Product, Service};
use crate::model::scenario::{CheckKind, Scenario};
use crate::vocabulary::release::Release;

/// The services of a deployment: the product's, with the scenario's changes.
pub fn services(product: &Product, scenario: &Scenario) -> BTreeMap<String, Service> {
    let change = |(name, service): (&String, &Service)| {
        let service = scenario.services.get(name).map_or_else(|| service.clone(), |change| change.apply(service));
        (name.clone(), service)
    };
    product.services.iter().map(change).collect()
}

/// What a release goes by: `release`, `edition` and `build`, for placeholders.
pub fn names(product: &Product, release: &Release) -> Value {
    let edition = release.edition().or(product.releases.default_edition.as_ref());
    json!({
        "release": release.name(),
        "edition": edition.map(ToString::to_string),
        "build": release.edition_build().unwrap_or(0),
    })
}

/// The product's settings with the scenario's values.
pub fn settings(product: &Product, scenario: &Scenario) -> BTreeMap<String, String> {
    let mut settings = product.settings.clone();
    settings.extend(scenario.settings.clone());
    settings
}

/// The kinds of checks that the product has and the scenario does not leave out.
pub(super) fn kinds(product: &Product, scenario: &Scenario) -> Vec<CheckKind> {
    let checks = &product.checks;
    let has = |kind: &CheckKind| match kind {
        CheckKind::Version => !checks.version.is_empty(),
        CheckKind::Health => true,
        CheckKind::Migrations => checks.migrations.is_some(),
        CheckKind::Data => checks.data.is_some(),
        CheckKind::Access => !checks.access.is_empty(),
        CheckKind::Graphql => checks.graphql.is_some(),
        CheckKind::Repositories => !checks.repositories.is_empty(),
        CheckKind::Artifacts => !checks.artifacts.is_empty(),
        CheckKind::Logs => checks.logs.is_some(),
        CheckKind::Performance => checks.performance.is_some(),
    };
    CheckKind::ALL.into_iter().filter(has).filter(|kind| !scenario.skip_checks.contains_key(kind)).collect()
}
