//! Mistakes in identities: services that do not exist, refusals that nothing shows.

use std::collections::BTreeMap;

use super::ReferenceCheck;
use crate::model::product::Identity;

impl ReferenceCheck<'_> {
    pub(in crate::model::product) fn identities(&mut self, identities: &BTreeMap<String, Identity>) {
        for (name, identity) in identities {
            let at = format!("/identities/{name}");
            for (index, step) in identity.login.iter().enumerate() {
                self.http(step, &format!("{at}/login/{index}"));
            }
            let Some(refused) = &identity.refused else { continue };
            let at = format!("{at}/refused");
            for (index, step) in refused.requests.iter().enumerate() {
                self.http(step, &format!("{at}/requests/{index}"));
            }
            self.writes(&refused.writes, &at);
            if let Some(what) = identity.mistake() {
                self.problem(&at, "the refusal cannot be observed", what);
            }
        }
    }
}
