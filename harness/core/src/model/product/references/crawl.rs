//! Mistakes in the crawl: services and identities that do not exist, paths that are none, rules that nothing can meet.

use super::ReferenceCheck;
use crate::model::product::{CrawlCheck, PageChange, Product};
use crate::model::scenario::{CheckKind, Scenario};

impl ReferenceCheck<'_> {
    /// Access logs of a scenario are of use to a crawl only.
    pub(in crate::model::product) fn access_logs(&mut self, scenario: &Scenario, product: &Product) {
        if scenario.access_logs.is_empty() {
            return;
        }
        if product.checks.crawl.is_none() {
            let title = format!("the product {} has no crawl", product.product);
            self.problem(
                "/access-logs",
                &title,
                "nothing asks for what people opened; add `checks.crawl` to the product",
            );
        } else if scenario.skip_checks.contains_key(&CheckKind::Crawl) {
            let label = "nothing asks for what people opened; drop either of the two";
            self.problem("/access-logs", "the scenario leaves out the crawl", label);
        }
    }

    pub(in crate::model::product) fn crawl(&mut self, check: &CrawlCheck, product: &Product) {
        let at = "/checks/crawl";
        self.writes(&check.writes, at);
        self.service(&check.service, &format!("{at}/service"));
        if product.services.get(&check.service).is_some_and(|service| !service.ports.contains(&check.port)) {
            let label = "expected one of the service's `ports`";
            self.problem(&format!("{at}/port"), "the service has no such port", label);
        }
        for (index, name) in check.identities.iter().enumerate() {
            self.identity(name, &format!("{at}/as/{index}"));
        }
        for (index, log) in check.logs.iter().enumerate() {
            self.part(&log.file, &format!("{at}/logs/{index}/file"));
        }
        if check.start.is_empty() {
            self.problem(&format!("{at}/start"), "the crawl begins nowhere", "expected a path");
        }
        let begins = |text: &str| text.starts_with(['/', '{']);
        for (index, start) in check.start.iter().enumerate().filter(|(_, start)| !begins(start.text())) {
            self.problem(&format!("{at}/start/{index}"), &format!("`{start}` is not a path"), "a path begins with `/`");
        }
        for (index, rule) in check.rules.iter().enumerate() {
            let at = format!("{at}/rules/{index}");
            for (nth, name) in rule.identities.iter().enumerate() {
                self.identity(name, &format!("{at}/as/{nth}"));
            }
            let PageChange::Answers(change) = &rule.allow else { continue };
            for (key, word) in [("from", &change.from), ("to", &change.to)] {
                let known = ["log-in", "none"].contains(&word.as_str())
                    || (word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_digit()));
                if !known {
                    let label = "expected a status such as `404`, `log-in` or `none`";
                    self.problem(&format!("{at}/allow/answers/{key}"), &format!("`{word}` is no answer"), label);
                }
            }
        }
    }
}
