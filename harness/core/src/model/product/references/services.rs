//! Services that would never be upgraded, and commands for services that nothing has started.

use std::collections::BTreeSet;

use super::ReferenceCheck;
use crate::model::product::{ProbeStep, Product, Step};

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

    /// Nothing can be mounted at the root, and nothing twice at one place.
    pub(super) fn mounts(&mut self, product: &Product) {
        for (name, service) in &product.services {
            let at = format!("/services/{name}");
            let volumes = service.volumes.iter().map(|(volume, path)| (format!("{at}/volumes/{volume}"), path));
            let memory = service.tmpfs.iter().enumerate().map(|(index, path)| (format!("{at}/tmpfs/{index}"), path));
            let mut taken = BTreeSet::new();
            for (at, path) in volumes.chain(memory) {
                if path.is_root() {
                    self.problem(&at, "nothing can be mounted at `/`", "expected the path of a folder");
                } else if !taken.insert(path.trim_end_matches('/')) {
                    let title = format!("a second mount of `{name}` at `{path}`");
                    self.problem(&at, &title, "each mount needs a path of its own");
                }
            }
        }
    }

    /// The first steps of a rehearsal, and those of a fresh installation, begin with services that do not run yet.
    pub(super) fn started(&mut self, product: &Product) {
        let mut running = BTreeSet::new();
        self.needs(product, &product.deploy, "/deploy", &mut running);
        let mut fresh = running.clone();
        self.needs(product, &product.restore, "/restore", &mut running);
        let Some(check) = &product.checks.fresh else { return };
        self.needs(product, &check.install, "/checks/fresh/install", &mut fresh);
        for (index, step) in check.settings.iter().enumerate() {
            let at = format!("/checks/fresh/settings/{index}");
            match step {
                ProbeStep::Exec(step) => self.needed(product, &step.service, &format!("{at}/exec/service"), &fresh),
                ProbeStep::Http(step) => self.needed(product, &step.service, &format!("{at}/http/service"), &fresh),
                ProbeStep::Sql(step) => {
                    if let Some(database) = product.databases.get(&step.database) {
                        self.needed(product, &database.service, &format!("{at}/sql"), &fresh);
                    }
                }
            }
        }
    }

    /// Steps that need services; `running` are those that run before and after them.
    fn needs<'p>(&mut self, product: &'p Product, steps: &'p [Step], at: &str, running: &mut BTreeSet<&'p str>) {
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
            if let Some((service, key)) = needs {
                self.needed(product, service, &format!("{at}/{index}/{key}"), running);
            }
        }
    }

    fn needed(&mut self, product: &Product, service: &str, at: &str, running: &BTreeSet<&str>) {
        // A service that does not exist is a different mistake, which is reported on its own.
        if product.services.contains_key(service) && !running.contains(service) {
            let title = format!("no step before this one starts `{service}`");
            let label = format!("add `- start: [{service}]` above it, or under `deploy`");
            self.problem(at, &title, &label);
        }
    }
}
