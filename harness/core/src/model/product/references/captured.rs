//! Placeholders of captured and repeated values: which of them have a value, in each place of a file.

use std::collections::{BTreeMap, BTreeSet};

use super::ReferenceCheck;
use crate::model::product::{Capture, CrawlCheck, FreshCheck, GraphqlCheck, Identity, Probe, ProbeStep, Product, Step};
use crate::source::diagnostic::did_you_mean;
use crate::vocabulary::template::Template;

/// What `captured` and `each` hold.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    captured: BTreeSet<String>,
    each: BTreeSet<String>,
}

/// The scopes of a file, by the place that each begins at. Elsewhere, nothing is captured and nothing repeated.
#[derive(Debug, Default)]
pub(super) struct Scopes<'p> {
    by_place: BTreeMap<String, Scope>,
    /// What logging in captures, by identity.
    logins: BTreeMap<&'p str, BTreeSet<String>>,
}

impl<'p> Scopes<'p> {
    fn of(product: &'p Product) -> Self {
        let captures =
            |identity: &Identity| identity.login.iter().flat_map(|step| step.capture.keys().cloned()).collect();
        let logins = product.identities.iter().map(|(name, identity)| (name.as_str(), captures(identity))).collect();
        Self { by_place: BTreeMap::new(), logins }
    }

    /// The scopes of a product file.
    pub(super) fn of_product(product: &'p Product) -> Self {
        let mut scopes = Self::of(product);
        let mut fresh = Scope::default();
        scopes.steps(&product.deploy, "/deploy", &mut fresh);
        for (steps, at) in [
            (&product.restore, "/restore"),
            (&product.preflight, "/preflight"),
            (&product.upgrade, "/upgrade"),
            (&product.settle, "/settle"),
        ] {
            scopes.list(steps, at);
        }
        for (name, identity) in &product.identities {
            scopes.identity(identity, &format!("/identities/{}", escaped(name)));
        }
        let checks = &product.checks;
        for (kind, probes) in [
            ("version", &checks.version),
            ("health", &checks.health),
            ("access", &checks.access),
            ("repositories", &checks.repositories),
            ("artifacts", &checks.artifacts),
            ("journeys", &checks.journeys),
        ] {
            for (index, probe) in probes.iter().enumerate() {
                scopes.probe(probe, &format!("/checks/{kind}/{index}"));
            }
        }
        if let Some(check) = &checks.crawl {
            scopes.crawl(check);
        }
        if let Some(check) = &checks.graphql {
            scopes.graphql(check);
        }
        let mut timed = Scope::default();
        for (index, step) in checks.performance.requests.iter().enumerate() {
            scopes.log_in(step.identity.as_ref(), &mut timed);
            scopes.set(format!("/checks/performance/requests/{index}"), &timed);
        }
        if let Some(check) = &checks.fresh {
            scopes.fresh(check, fresh);
        }
        scopes
    }

    /// The scopes of a scenario file start empty; `list` adds those of its steps.
    pub(super) fn of_scenario(product: &'p Product) -> Self {
        Self::of(product)
    }

    /// A list of steps of its own: nothing is captured before it.
    pub(super) fn list(&mut self, steps: &[Step], at: &str) {
        self.steps(steps, at, &mut Scope::default());
    }

    /// The scope that begins at a place.
    pub(super) fn at(&self, place: &str) -> Option<&Scope> {
        self.by_place.get(place)
    }

    fn set(&mut self, place: String, scope: &Scope) {
        self.by_place.insert(place, scope.clone());
    }

    fn steps(&mut self, steps: &[Step], at: &str, scope: &mut Scope) {
        for (index, step) in steps.iter().enumerate() {
            let at = format!("{at}/{index}");
            match step {
                Step::Exec(step) | Step::Run(step) => {
                    self.set(at, scope);
                    capture(&step.capture, scope);
                }
                Step::Http(step) => {
                    self.log_in(step.identity.as_ref(), scope);
                    self.set(at, scope);
                    capture(&step.capture, scope);
                }
                Step::Sql(step) => {
                    self.set(at, scope);
                    capture(&step.capture, scope);
                }
                Step::CopyIn(_) | Step::Unpack(_) => self.set(at, scope),
                // What is polled while it waits is filled in without what steps captured.
                Step::Start(_)
                | Step::Stop(_)
                | Step::Restart(_)
                | Step::Replace(_)
                | Step::StartUpgrading(_)
                | Step::WaitUntil(_) => {}
            }
        }
    }

    fn identity(&mut self, identity: &Identity, at: &str) {
        let mut scope = Scope::default();
        for (index, step) in identity.login.iter().enumerate() {
            self.set(format!("{at}/login/{index}"), &scope);
            let last = index + 1 == identity.login.len();
            let is_refused = identity.refused.as_ref().is_some_and(|refused| !refused.may_log_in);
            // The request that is refused gives nothing to capture.
            if !(last && is_refused) {
                capture(&step.capture, &mut scope);
            }
        }
        self.set(format!("{at}/headers"), &scope);
        self.set(format!("{at}/refused/requests"), &scope);
    }

    fn probe(&mut self, probe: &Probe, at: &str) {
        let mut scope = Scope { captured: BTreeSet::new(), each: probe.for_each.keys().cloned().collect() };
        let lists = [("steps", &probe.steps), ("finally", &probe.finally)];
        for (at, step) in lists.into_iter().flat_map(|(key, steps)| {
            steps.iter().enumerate().map(move |(index, step)| (format!("{at}/{key}/{index}"), step))
        }) {
            self.probe_step(step, Some(probe), at, &mut scope);
        }
        self.set(format!("{at}/writes"), &scope);
    }

    fn probe_step(&mut self, step: &ProbeStep, probe: Option<&Probe>, at: String, scope: &mut Scope) {
        let captures = match step {
            ProbeStep::Http(step) => {
                let each = step.identity.as_ref().and_then(|identity| each_of(identity, probe?));
                match each {
                    Some(names) => names.iter().for_each(|name| self.log_in(Some(name), scope)),
                    None => self.log_in(step.identity.as_ref(), scope),
                }
                &step.capture
            }
            ProbeStep::Exec(step) => &step.capture,
            ProbeStep::Sql(step) => &step.capture,
        };
        self.set(at, scope);
        capture(captures, scope);
    }

    fn crawl(&mut self, check: &CrawlCheck) {
        let mut scope = Scope::default();
        check.identities.iter().for_each(|name| self.log_in_as(name, &mut scope));
        self.set("/checks/crawl/start".to_owned(), &scope);
        self.set("/checks/crawl/openapi".to_owned(), &scope);
    }

    fn graphql(&mut self, check: &GraphqlCheck) {
        let at = "/checks/graphql";
        let mut all = Scope::default();
        check.identity.iter().for_each(|name| self.log_in_as(name, &mut all));
        for (index, query) in check.queries.iter().enumerate() {
            let mut scope = Scope::default();
            let own = query.identities.iter().chain(&query.refused).chain(&check.identity);
            own.for_each(|name| self.log_in_as(name, &mut scope));
            self.set(format!("{at}/queries/{index}"), &scope);
            all.captured.extend(scope.captured);
        }
        self.set(format!("{at}/endpoint"), &all);
    }

    fn fresh(&mut self, check: &FreshCheck, mut deployed: Scope) {
        self.steps(&check.install, "/checks/fresh/install", &mut deployed);
        for (index, step) in check.settings.iter().enumerate() {
            self.probe_step(step, None, format!("/checks/fresh/settings/{index}"), &mut Scope::default());
        }
    }

    fn log_in(&self, identity: Option<&Template>, scope: &mut Scope) {
        match identity {
            // Who it is shows only as it is filled in.
            Some(name) if !name.is_plain() => scope.captured.extend(self.logins.values().flatten().cloned()),
            Some(name) => self.log_in_as(name.text(), scope),
            None => {}
        }
    }

    fn log_in_as(&self, name: &str, scope: &mut Scope) {
        scope.captured.extend(self.logins.get(name).into_iter().flatten().cloned());
    }
}

/// The values of `for-each` that an identity stands for; none if it is written in another way.
fn each_of<'p>(identity: &Template, probe: &'p Probe) -> Option<&'p Vec<Template>> {
    let names = identity.paths();
    let name = names.iter().next().filter(|_| names.len() == 1)?.strip_prefix("each.")?;
    probe.for_each.get(name)
}

fn capture(captures: &BTreeMap<String, Capture>, scope: &mut Scope) {
    scope.captured.extend(captures.keys().cloned());
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

impl ReferenceCheck<'_> {
    /// Reports what a template asks of `captured` and `each` that has no value in its scope.
    pub(super) fn in_scope(&mut self, template: &Template, scope: &Scope, at: &str) {
        for path in template.paths() {
            let mut names = path.split('.');
            let (root, name) = (names.next().unwrap_or_default(), names.next());
            let (known, nothing, what) = match root {
                "captured" => {
                    (&scope.captured, "nothing that was captured is known here", "captured before this place")
                }
                "each" => {
                    (&scope.each, "nothing is repeated here: a probe's `for-each` gives such values", "in `for-each`")
                }
                _ => continue,
            };
            let Some(name) = name.filter(|name| !known.contains(*name)) else { continue };
            let label = match known.iter().map(String::as_str).collect::<Vec<_>>().join(", ") {
                none if none.is_empty() => nothing.to_owned(),
                names => format!("{what}: {names}"),
            };
            let help = did_you_mean(name, known.iter().map(String::as_str));
            let help = help.map(|near| format!("did you mean `{root}.{near}`?"));
            let title = format!("`{root}.{name}` has no value");
            self.problems.push(self.document.problem(at, title, label, help));
        }
    }
}
