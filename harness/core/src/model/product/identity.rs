//! Who sends a request, as the product file gives it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{HttpStep, NameOr, WrittenRows};
use crate::vocabulary::scalar::Because;
use crate::vocabulary::template::Template;

/// An identity: what a request carries so that the product knows who sends it.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Identity {
    /// Headers of every request.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    /// Requests that log in, before the first request that is sent as this identity: once in each probe, in each query of GraphQL,
    /// in the crawl, in the timed requests together, and in the steps of a stage.
    #[serde(default)]
    pub login: Vec<HttpStep>,
    /// The product must not let it in: a locked account, a wrong password, an expired token, another project.
    #[serde(default)]
    pub refused: Option<Refused>,
}

/// An identity that the product must not let in. It is asked on the source release, after every hop and after the rollback.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Refused {
    /// Why it must not be let in. Shown in the report.
    pub because: Because,
    /// What it asks for, after its `login`. Each request is refused if its response is as `expect` says, or has the status 401, 403
    /// or 404 where `expect` names no status.
    #[serde(default)]
    pub requests: Vec<HttpStep>,
    /// It may log in, and is refused its requests only. Otherwise the last request of its `login` must not succeed.
    #[serde(default)]
    pub may_log_in: bool,
    /// What it writes, such as a counter of failed attempts, as a probe says it.
    #[serde(default)]
    pub writes: Vec<NameOr<WrittenRows>>,
}

impl Identity {
    /// Why its refusal cannot be observed; none if it can.
    pub(super) fn mistake(&self) -> Option<&'static str> {
        let refused = self.refused.as_ref()?;
        if refused.requests.iter().any(|request| request.identity.is_some()) {
            return Some("its requests are sent as the identity itself: leave out `as`");
        }
        let logs_in = !self.login.is_empty() && !refused.may_log_in;
        (!logs_in && refused.requests.is_empty()).then_some("nothing shows that it is refused: add `requests`")
    }
}
