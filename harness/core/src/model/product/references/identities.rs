//! Mistakes in identities: services that do not exist, log-ins that go round in a circle, refusals that nothing shows.

use std::collections::BTreeMap;

use super::ReferenceCheck;
use super::fitting::Compares;
use crate::model::product::{Expect, HttpStep, Identity};

impl ReferenceCheck<'_> {
    pub(in crate::model::product) fn identities(&mut self, identities: &BTreeMap<String, Identity>) {
        for (name, identity) in identities {
            let at = format!("/identities/{name}");
            for (index, step) in identity.login.iter().enumerate() {
                let at = format!("{at}/login/{index}");
                self.http(step, Compares::Nothing, &at);
                self.logs_in_as(name, identities, step, &at);
            }
            self.headers_of_its_own(name, identity, identities);
            let Some(refused) = &identity.refused else { continue };
            if let Some(last) = identity.login.last().filter(|_| !refused.may_log_in) {
                let at = format!("{at}/login/{}/expect", identity.login.len() - 1);
                self.tells_who_is_let_in(&last.expect, &at);
            }
            let at = format!("{at}/refused");
            for (index, step) in refused.requests.iter().enumerate() {
                let at = format!("{at}/requests/{index}");
                self.http(step, Compares::Nothing, &at);
                self.tells_a_refusal(&step.expect, &format!("{at}/expect"));
            }
            self.writes(&refused.writes, &at);
            if let Some(what) = identity.mistake() {
                self.problem(&at, "the refusal cannot be observed", what);
            }
        }
    }

    /// What logs in is sent as the identity itself, or as one that need not log in first: nobody else is logged in for it.
    fn logs_in_as(&mut self, name: &str, identities: &BTreeMap<String, Identity>, step: &HttpStep, at: &str) {
        let Some(other) = step.identity.as_ref().map(|other| other.text()) else { return };
        let at = format!("{at}/as");
        if other == name {
            let title = format!("`{name}` logs in as itself");
            self.problem(&at, &title, "what logs in is sent as the identity itself: leave out `as`");
        } else if identities.get(other).is_some_and(|other| !other.login.is_empty()) {
            let title = format!("`{name}` logs in as `{other}`, which has to log in itself");
            self.problem(&at, &title, "leave out `as`, or name an identity without `login`");
        }
    }

    /// Identities of one probe share what logging in captures, and the last one counts: a header must not carry another's.
    fn headers_of_its_own(&mut self, name: &str, identity: &Identity, identities: &BTreeMap<String, Identity>) {
        let captures =
            |identity: &Identity, value: &str| identity.login.iter().any(|step| step.capture.contains_key(value));
        for (header, template) in &identity.headers {
            for path in template.paths() {
                let Some(value) = path.strip_prefix("captured.").filter(|value| captures(identity, value)) else {
                    continue;
                };
                let others = identities.iter().filter(|(other, _)| *other != name);
                if let Some((other, _)) = others.into_iter().find(|(_, other)| captures(other, value)) {
                    let title = format!("`{other}` captures `{value}` too, so that `{name}` may be sent with it");
                    let label = format!("capture it under another name, as `{name}_{value}`");
                    self.problem(&format!("/identities/{name}/headers/{header}"), &title, &label);
                }
            }
        }
    }

    /// A request is refused if its response is as expected: a response that everybody gets does not show a refusal.
    fn tells_a_refusal(&mut self, expect: &Expect, at: &str) {
        let answered = expect.status.iter().find(|status| **status < 400);
        if let Some(status) = answered.filter(|_| !says_more(expect)) {
            let title = format!("whoever gets the status {status} counts as refused");
            let label = "say what else shows the refusal: `contains`, `absent`, `headers` or `json`; or a status of 400 or more";
            self.problem(&format!("{at}/status"), &title, label);
        }
    }

    /// A log-in is refused if its response is not as expected: an error has to be one of those.
    fn tells_who_is_let_in(&mut self, expect: &Expect, at: &str) {
        if let Some(status) = expect.status.iter().find(|status| **status >= 400) {
            let title = format!("whoever gets the status {status} counts as logged in");
            let label = "expect here what somebody gets who is let in: any other response is the refusal";
            self.problem(&format!("{at}/status"), &title, label);
        }
    }
}

/// Whether an expectation says more of a response than its status.
fn says_more(expect: &Expect) -> bool {
    let Expect { status: _, exit: _, headers, contains, absent, json, size, records, value: _, digest } = expect;
    headers.values().chain(contains).any(|pattern| !pattern.matches_empty())
        || !absent.is_empty()
        || !json.is_empty()
        || size.is_some()
        || records.is_some()
        || digest.is_some()
}
