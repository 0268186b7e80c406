//! The values that placeholders stand for.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::model::product::Product;
use crate::model::scenario::Scenario;
use crate::vocabulary::ident::StageId;
use crate::vocabulary::release::Release;

/// Where in a rehearsal a template is filled in.
#[derive(Debug, Clone, Copy)]
pub struct Placeholders<'a> {
    /// The product.
    pub product: &'a Product,
    /// The scenario, for its settings.
    pub scenario: &'a Scenario,
    /// The release that `release`, `edition` and `build` speak of.
    pub release: &'a Release,
    /// The release before the hop.
    pub from: &'a Release,
    /// The release that the hop goes to.
    pub to: &'a Release,
    /// The hop, from 1; 0 on the source release.
    pub hop: u32,
    /// The stage.
    pub stage: &'a StageId,
}

impl Placeholders<'_> {
    /// All values by name. `run` is the run's short id, `each` the values of a repeated probe, `captured` what earlier
    /// steps captured; a dry run, which knows none of the three, gives texts that stand for them.
    pub fn values(&self, run: &str, each: Value, captured: Value) -> Value {
        let names = names(self.product, self.release);
        json!({
            "release": names["release"],
            "edition": names["edition"],
            "build": names["build"],
            "from": self.from.name(),
            "to": self.to.name(),
            "hop": self.hop,
            "stage": self.stage.0,
            "run": run,
            "product": self.product.product,
            "settings": settings(self.product, self.scenario),
            "each": each,
            "captured": captured,
        })
    }
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
