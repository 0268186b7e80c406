//! Services that would never be upgraded, and commands for services that nothing has started.

use std::collections::BTreeSet;

use super::ReferenceCheck;
use crate::model::product::{Product, Step};

/// Placeholders whose values change with a hop.
const CHANGES: [&str; 6] = ["release", "edition", "build", "from", "to", "hop"];

impl ReferenceCheck<'_> {
    /// A service whose image names the release is of the product, and has to be replaced at a hop.
    pub(super) fn versions(&mut self, product: &Product) {
        for (name, service) in product.services.iter().filter(|(_, service)| !service.versioned) {
            let names = service.image.names();
            if let Some(placeholder) = CHANGES.into_iter().find(|placeholder| names.contains(*placeholder)) {
                let title =
                    format!("the image of `{name}` changes with `{placeholder}`, and the service is not versioned");
                let label = "add `versioned: true`: without it the service keeps the source's image at every hop";
                self.problem(&format!("/services/{name}/image"), &title, label);
            }
        }
    }

    /// The first steps of a rehearsal begin with services that do not run yet.
    pub(super) fn started(&mut self, product: &Product) {
        let mut running: BTreeSet<&str> = BTreeSet::new();
        for (steps, at) in [(&product.deploy, "/deploy"), (&product.restore, "/restore")] {
            for (index, step) in steps.iter().enumerate() {
                let needs = match step {
                    Step::Start(services) | Step::Restart(services) => {
                        running.extend(services.iter().map(String::as_str));
                        None
                    }
                    Step::Stop(services) | Step::Replace(services) => {
                        running.retain(|service| !services.iter().any(|stopped| stopped == service));
                        None
                    }
                    Step::StartUpgrading(step) => {
                        running.insert(&step.service);
                        None
                    }
                    Step::Exec(step) => Some((step.service.as_str(), "exec/service")),
                    Step::Http(step) => Some((step.service.as_str(), "http/service")),
                    Step::Sql(step) => {
                        product.databases.get(&step.database).map(|database| (database.service.as_str(), "sql"))
                    }
                    // These steps may refer to a service that starts without a step of its own.
                    Step::WaitUntil(_) | Step::Run(_) | Step::CopyIn(_) | Step::Unpack(_) => None,
                };
                let Some((service, key)) = needs else { continue };
                // A service that does not exist is a different mistake, which is reported on its own.
                if product.services.contains_key(service) && !running.contains(service) {
                    let title = format!("no step before this one starts `{service}`");
                    let label = format!("add `- start: [{service}]` above it, or under `deploy`");
                    self.problem(&format!("{at}/{index}/{key}"), &title, &label);
                }
            }
        }
    }
}
