//! Mistakes that only the whole file shows: names that refer to nothing, placeholders without a value.

mod backup;
mod captured;
mod crawl;
mod files;
mod fitting;
mod fresh;
mod graphql;
mod identities;
mod performance;
mod placeholders;
mod services;
mod waits;

use std::collections::{BTreeMap, BTreeSet};

use self::captured::Scopes;
use self::fitting::Compares;
use super::{Condition, HttpStep, NameOr, Probe, ProbeStep, Product, SqlStep, Step, WrittenRows};
use crate::knowledge::signature;
use crate::model::scenario::{Rollback, Scenario};
use crate::source::diagnostic::{Problem, did_you_mean};
use crate::source::spec::Document;
use lazy_regex::{Lazy, lazy_regex};
use regex::Regex;

static SETTING: Lazy<Regex> = lazy_regex!(r"\bsettings\.(\w+)");

/// The settings that a text names.
pub(super) fn settings_in(text: &str) -> Vec<String> {
    SETTING.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

struct Names<'a> {
    services: BTreeSet<&'a str>,
    databases: BTreeSet<&'a str>,
    identities: BTreeSet<&'a str>,
    settings: BTreeSet<&'a str>,
    parts: BTreeSet<&'a str>,
    /// The parts that are archives, and may be unpacked.
    archives: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    fn of(product: &'a Product) -> Self {
        fn keys<T>(map: &BTreeMap<String, T>) -> BTreeSet<&str> {
            map.keys().map(String::as_str).collect()
        }
        Self {
            services: keys(&product.services),
            databases: keys(&product.databases),
            identities: keys(&product.identities),
            settings: keys(&product.settings),
            parts: product.backup.files().map(|(name, _)| name).collect(),
            archives: product.backup.files().filter(|(_, format)| format.is_archive()).map(|(name, _)| name).collect(),
        }
    }
}

pub(super) struct ReferenceCheck<'a> {
    names: Names<'a>,
    document: &'a Document,
    /// What placeholders of captured and repeated values may name.
    scopes: Scopes<'a>,
    problems: Vec<Problem>,
}

impl Product {
    /// The mistakes that the schema does not find.
    pub fn problems(&self, document: &Document) -> Vec<Problem> {
        let scopes = Scopes::of_product(self);
        let mut check = ReferenceCheck { names: Names::of(self), document, scopes, problems: Vec::new() };
        for (name, database) in &self.databases {
            check.service(&database.service, &format!("/databases/{name}/service"));
        }
        for (name, service) in &self.services {
            if let Some(condition) = &service.ready {
                check.condition(condition, &format!("/services/{name}/ready"));
            }
        }
        for (list, at) in [
            (&self.deploy, "/deploy"),
            (&self.restore, "/restore"),
            (&self.preflight, "/preflight"),
            (&self.upgrade, "/upgrade"),
            (&self.settle, "/settle"),
        ] {
            check.steps(list, at);
        }
        for (index, stop) in self.path.stops.iter().enumerate() {
            if let Some(when) = &stop.when {
                check.database(&when.database, &format!("/path/stops/{index}/when/database"));
            }
            if let Some(when) = &stop.when_setting {
                check.expect_known(
                    "setting",
                    &when.name,
                    |names| &names.settings,
                    &format!("/path/stops/{index}/when-setting/name"),
                );
                if stop.when.is_some() {
                    let at = format!("/path/stops/{index}");
                    check.problem(&at, "the stop has two conditions", "expected either `when` or `when-setting`");
                }
            }
        }
        check.identities(&self.identities);
        check.versions(self);
        check.mounts(self);
        check.started(self);
        check.backup(&self.backup);
        if let Some(rows) = &self.backup.rows {
            check.database(&rows.database, "/backup/rows");
        }
        check
            .problems
            .extend(self.compatibility.get().iter().flat_map(|known| known.problems(document, "/compatibility")));
        check.checks(self);
        check.problems.extend(signature::problems(self.failures.list(), document, "/failures"));
        check.all_placeholders(self);
        check.problems
    }
}

impl Scenario {
    /// The mistakes that only the product reveals.
    pub fn problems(&self, product: &Product, document: &Document) -> Vec<Problem> {
        let scopes = Scopes::of_scenario(product);
        let mut check = ReferenceCheck { names: Names::of(product), document, scopes, problems: Vec::new() };
        for name in self.services.keys() {
            check.expect_known_key("service", name, |names| &names.services, &format!("/services/{name}"));
        }
        for name in self.settings.keys() {
            check.expect_known_key("setting", name, |names| &names.settings, &format!("/settings/{name}"));
        }
        if let Some(expect) = &self.expect {
            if expect.findings.is_empty() && expect.checks.is_empty() && expect.known.is_empty() && !expect.short {
                let label = "expected `findings`, `checks` or `known`: otherwise any failure at that stage meets it";
                check.problems.push(document.problem(
                    "/expect",
                    "the expectation names no finding, check or known failure",
                    label,
                    None,
                ));
            }
            for (index, _) in expect.findings.iter().enumerate().filter(|(_, finding)| finding.is_met_by_anything()) {
                let at = if expect.short { "/expect".to_owned() } else { format!("/expect/findings/{index}") };
                check.problems.push(document.problem(
                    &at,
                    "any finding meets this expectation",
                    "give a `code`, a `subject`, or a pattern that does not match the empty text",
                    None,
                ));
            }
        }
        let ids: BTreeSet<&str> = product.failures.list().iter().map(|failure| failure.id.as_str()).collect();
        let expected = self.expect.iter().flat_map(|expect| &expect.known).enumerate();
        for (index, name) in expected.filter(|(_, name)| !ids.contains(name.as_str())) {
            let at = format!("/expect/known/{index}");
            check.problems.push(signature::unknown_failure(name, &ids, document, &at));
        }
        check.access_logs(self, product);
        check.list(&self.prepare, "/prepare");
        for (index, hop) in self.hops.iter().enumerate() {
            for (list, key) in [(&hop.preflight, "preflight"), (&hop.upgrade, "upgrade"), (&hop.settle, "settle")] {
                check.list(list.as_deref().unwrap_or_default(), &format!("/hops/{index}/{key}"));
            }
        }
        if let Rollback::InPlace(steps) = &self.rollback {
            check.list(steps, "/rollback/in-place");
        }
        check.all_placeholders(self);
        check.problems
    }
}

impl<'a> ReferenceCheck<'a> {
    fn expect_known(
        &mut self,
        what: &str,
        name: &str,
        of: impl for<'n> Fn(&'n Names<'a>) -> &'n BTreeSet<&'a str>,
        at: &str,
    ) {
        let known = of(&self.names);
        if known.contains(name) || name.contains("{{") {
            return;
        }
        let listed = known.iter().copied().collect::<Vec<_>>().join(", ");
        let suggestion = did_you_mean(name, known.iter().copied());
        let label =
            if listed.is_empty() { format!("there is no {what}") } else { format!("expected one of: {listed}") };
        let help = suggestion.map(|name| format!("did you mean `{name}`?"));
        self.problems.push(self.document.problem(at, format!("unknown {what} `{name}`"), label, help));
    }

    /// The same for a name that is a key: the problem is at the key, not at its value.
    fn expect_known_key(
        &mut self,
        what: &str,
        name: &str,
        of: impl for<'n> Fn(&'n Names<'a>) -> &'n BTreeSet<&'a str>,
        at: &str,
    ) {
        let before = self.problems.len();
        self.expect_known(what, name, of, at);
        for problem in &mut self.problems[before..] {
            problem.span = self.document.key_span(at);
        }
    }

    pub(super) fn problem(&mut self, at: &str, title: &str, label: &str) {
        self.problems.push(self.document.problem(at, title, label, None));
    }

    pub(super) fn service(&mut self, name: &str, at: &str) {
        self.expect_known("service", name, |names| &names.services, at);
    }

    fn database(&mut self, name: &str, at: &str) {
        self.expect_known("database", name, |names| &names.databases, at);
    }

    /// A part to unpack has to be an archive, because only the entries of archives are checked beforehand.
    fn archive(&mut self, name: &str, at: &str) {
        self.part(name, at);
        if self.names.parts.contains(name) && !self.names.archives.contains(name) {
            let title = format!("the file of the backup `{name}` is not an archive");
            let label = "expected a file with the `format` `tar` or `tar-gzip`";
            self.problems.push(self.document.problem(at, title, label, None));
        }
    }

    fn part(&mut self, name: &str, at: &str) {
        self.expect_known("file of the backup", name, |names| &names.parts, at);
    }

    fn condition(&mut self, condition: &Condition, at: &str) {
        match condition {
            Condition::Sql(sql) => self.database(&sql.database, &format!("{at}/sql/database")),
            Condition::Http(_) | Condition::Tcp(_) | Condition::Exec(_) | Condition::Log(_) | Condition::Health => {}
        }
    }

    /// Steps of a scenario: what one captures, those after it may use.
    fn list(&mut self, steps: &[Step], at: &str) {
        self.scopes.list(steps, at);
        self.steps(steps, at);
    }

    fn steps(&mut self, steps: &[Step], at: &str) {
        for (index, step) in steps.iter().enumerate() {
            let at = format!("{at}/{index}");
            match step {
                Step::Start(names) => self.services(names, &format!("{at}/start")),
                Step::Stop(names) => self.services(names, &format!("{at}/stop")),
                Step::Restart(names) => self.services(names, &format!("{at}/restart")),
                Step::Replace(names) => self.services(names, &format!("{at}/replace")),
                Step::Exec(step) => {
                    self.fitting_command(step, Compares::Nothing, &format!("{at}/exec"));
                    self.stalled(step.stalled_after.is_some(), step.migrations.is_some(), &format!("{at}/exec"));
                    self.service(&step.service, &format!("{at}/exec/service"));
                    if let Some(part) = &step.stdin {
                        self.part(part, &format!("{at}/exec/stdin"));
                    }
                }
                Step::Run(step) => {
                    self.fitting_command(step, Compares::Nothing, &format!("{at}/run"));
                    self.stalled(step.stalled_after.is_some(), step.migrations.is_some(), &format!("{at}/run"));
                    self.service(&step.service, &format!("{at}/run/service"));
                    if step.stdin.is_some() {
                        let at = format!("{at}/run/stdin");
                        self.problems.push(self.document.problem(
                            &at,
                            "a one-off has no standard input",
                            "use `exec`",
                            None,
                        ));
                    }
                }
                Step::StartUpgrading(step) => {
                    let at = format!("{at}/start-upgrading");
                    self.stalled(step.stalled_after.is_some(), step.migrations.is_some(), &at);
                    self.service(&step.service, &format!("{at}/service"));
                    self.condition(&step.until, &format!("{at}/until"));
                }
                Step::CopyIn(step) => {
                    self.service(&step.service, &format!("{at}/copy-in/service"));
                    self.part(&step.from, &format!("{at}/copy-in/from"));
                }
                Step::Unpack(step) => {
                    self.service(&step.service, &format!("{at}/unpack/service"));
                    self.archive(&step.from, &format!("{at}/unpack/from"));
                }
                Step::Http(step) => self.http(step, Compares::Nothing, &format!("{at}/http")),
                Step::Sql(step) => self.sql(step, Compares::Nothing, &format!("{at}/sql")),
                Step::WaitUntil(step) => self.wait(step, &format!("{at}/wait-until")),
            }
        }
    }

    fn services(&mut self, names: &[String], at: &str) {
        for (index, name) in names.iter().enumerate() {
            self.service(name, &format!("{at}/{index}"));
        }
    }

    fn sql(&mut self, step: &SqlStep, compares: Compares, at: &str) {
        self.fitting_query(step, compares, at);
        self.database(&step.database, &format!("{at}/database"));
    }

    fn http(&mut self, step: &HttpStep, compares: Compares, at: &str) {
        self.fitting_http(step, compares, at);
        self.service(&step.service, &format!("{at}/service"));
        if let Some(identity) = &step.identity {
            self.expect_known("identity", identity.text(), |names| &names.identities, &format!("{at}/as"));
        }
    }

    fn checks(&mut self, product: &Product) {
        let checks = &product.checks;
        for (kind, probes) in [
            ("version", &checks.version),
            ("health", &checks.health),
            ("access", &checks.access),
            ("repositories", &checks.repositories),
            ("artifacts", &checks.artifacts),
            ("journeys", &checks.journeys),
        ] {
            let mut names = BTreeSet::new();
            for (index, probe) in probes.iter().enumerate() {
                let at = format!("/checks/{kind}/{index}");
                if !names.insert(&probe.name) {
                    let title = format!("a second probe `{}`", probe.name);
                    self.problems.push(self.document.problem(&format!("{at}/name"), title, "names are unique", None));
                }
                self.probe(probe, &at);
            }
        }
        if let Some(check) = &checks.migrations {
            self.database(&check.database, "/checks/migrations/database");
            self.service(&check.known.service, "/checks/migrations/known/service");
            if let Some(status) = &check.status {
                self.service(&status.service, "/checks/migrations/status/service");
                self.fitting_command(status, Compares::Nothing, "/checks/migrations/status");
            }
        }
        if checks.logs.as_ref().is_some_and(|check| check.errors.is_empty() && check.at_any_level.is_empty()) {
            self.problem(
                "/checks/logs/errors",
                "no line is an error",
                "expected at least one pattern, here or in `at-any-level`",
            );
        }
        if let Some(check) = &checks.data {
            self.database(&check.database, "/checks/data/database");
            if let Some(name) = check.meaning_of_no_column() {
                let at = format!("/checks/data/meaning/{}", name.replace('~', "~0").replace('/', "~1"));
                let title = format!("`{name}` is no column");
                self.problems.push(self.document.problem(&at, title, "a column is named as `table.column`", None));
            }
            for (index, rule) in check.rules.iter().enumerate() {
                if let Some(what) = rule.allow.mistake() {
                    let at = format!("/checks/data/rules/{index}/allow");
                    let title = "the rule cannot be applied";
                    self.problems.push(self.document.problem(&at, title, what, None));
                }
            }
        }
        self.files(product);
        if let Some(check) = &checks.crawl {
            self.crawl(check, product);
        }
        if let Some(check) = &checks.fresh {
            self.fresh(check, product);
        }
        if let Some(check) = &checks.graphql {
            self.graphql(check);
        }
        self.performance(&checks.performance);
    }

    pub(super) fn identity(&mut self, name: &str, at: &str) {
        self.expect_known("identity", name, |names| &names.identities, at);
    }

    pub(in crate::model::product) fn writes(&mut self, writes: &[NameOr<WrittenRows>], at: &str) {
        for (index, write) in writes.iter().enumerate() {
            if let Some(what) = write.detailed().and_then(WrittenRows::mistake) {
                self.problem(&format!("{at}/writes/{index}"), "it is not clear which rows are written", what);
            }
        }
    }

    fn probe(&mut self, probe: &Probe, at: &str) {
        if probe.steps.is_empty() {
            let problem = self.document.problem(at, "a probe without steps observes nothing", "add `steps`", None);
            self.problems.push(problem);
        }
        let steps = probe.steps.iter().enumerate().map(|(index, step)| (format!("{at}/steps/{index}"), step));
        let last = probe.finally.iter().enumerate().map(|(index, step)| (format!("{at}/finally/{index}"), step));
        for (at, step) in steps.chain(last) {
            self.probe_step(step, Compares::WithTheBaseline, &at);
        }
        self.writes(&probe.writes, at);
        for (index, change) in probe.changes.iter().enumerate() {
            if let Some(mistake) = change.mistake() {
                let at = format!("{at}/changes/{index}");
                let problem = self.document.problem(&at, "this change cannot be judged", mistake, None);
                self.problems.push(problem);
            }
        }
        // Each value of `as` has to be an identity if the steps use it as one.
        let uses = probe.all_steps().any(|step| match step {
            ProbeStep::Http(step) => step.identity.as_ref().is_some_and(|identity| identity.text().contains("each.as")),
            ProbeStep::Exec(_) | ProbeStep::Sql(_) => false,
        });
        for (index, name) in probe.for_each.get("as").into_iter().flatten().enumerate().filter(|_| uses) {
            self.expect_known("identity", name.text(), |names| &names.identities, &format!("{at}/for-each/as/{index}"));
        }
    }

    fn probe_step(&mut self, step: &ProbeStep, compares: Compares, at: &str) {
        match step {
            ProbeStep::Http(step) => self.http(step, compares, &format!("{at}/http")),
            ProbeStep::Exec(step) => {
                self.fitting_command(step, compares, &format!("{at}/exec"));
                self.service(&step.service, &format!("{at}/exec/service"));
            }
            ProbeStep::Sql(step) => self.sql(step, compares, &format!("{at}/sql")),
        }
    }
}
