//! Mistakes in the GraphQL check that only the whole file shows.

use std::collections::BTreeSet;

use super::ReferenceCheck;
use crate::model::product::GraphqlCheck;

impl ReferenceCheck<'_> {
    pub(in crate::model::product) fn graphql(&mut self, check: &GraphqlCheck) {
        let at = "/checks/graphql";
        self.service(&check.endpoint.service, &format!("{at}/endpoint/service"));
        if let Some(name) = &check.identity {
            self.identity(name, &format!("{at}/as"));
        }
        if let Some(name) = check.schema.as_ref().and_then(|schema| schema.identity.as_ref()) {
            self.identity(name, &format!("{at}/schema/as"));
        }
        if check.queries.is_empty() && check.schema.is_none() {
            self.problem(at, "the check requests nothing", "add `queries` or `schema`");
        }
        let mut names = BTreeSet::new();
        for (index, query) in check.queries.iter().enumerate() {
            let at = format!("{at}/queries/{index}");
            if !names.insert(&query.name) {
                self.problem(&format!("{at}/name"), &format!("a second query `{}`", query.name), "names are unique");
            }
            for (key, identities) in [("as", &query.identities), ("refused", &query.refused)] {
                for (index, name) in identities.iter().enumerate() {
                    self.identity(name, &format!("{at}/{key}/{index}"));
                }
            }
            match (&query.query, query.variants.is_empty()) {
                (None, true) => self.problem(&at, "the query is missing", "add `query` or `variants`"),
                (Some(_), false) => {
                    self.problem(&format!("{at}/variants"), "both `query` and `variants`", "give one of them");
                }
                (Some(_), true) | (None, false) => {}
            }
        }
    }
}
