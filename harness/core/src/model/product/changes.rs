//! Reviewed differences of a probe's responses from the baseline.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::vocabulary::release::Release;
use crate::vocabulary::scalar::{Because, Pointer};

/// A reviewed difference from the baseline: of the status, by `from` and `to`, or of values in JSON, by `json`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AllowedChange {
    /// It appears when this release is reached or passed.
    pub crossing: Release,
    /// Only for these values of `for-each`.
    #[serde(default)]
    pub each: BTreeMap<String, String>,
    /// The status, or exit code, on the baseline. Where it is this, and `to` now, nothing else of the response is compared.
    #[serde(default)]
    pub from: Option<String>,
    /// The status, or exit code, now: another one than `from`.
    #[serde(default)]
    pub to: Option<String>,
    /// A value in JSON; all others are still compared.
    #[serde(default)]
    pub json: Option<JsonChange>,
    /// Why, with the document that says so.
    pub because: Because,
}

/// A value in JSON that is another one since a release, or gone.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct JsonChange {
    /// Where it stands in the whole body: `/items/0/state`; `*` stands for any key or index. Where several places fit, the
    /// change is of each that holds `from`.
    pub at: Pointer,
    /// The value on the baseline.
    pub from: Value,
    /// The value now; it is gone when not given.
    #[serde(default)]
    pub to: Option<Value>,
}

impl AllowedChange {
    /// The change of the status: what it was, and what it is.
    pub fn status(&self) -> Option<(&str, &str)> {
        self.from.as_deref().zip(self.to.as_deref())
    }

    /// Why it says nothing, or says it twice.
    pub fn mistake(&self) -> Option<&'static str> {
        match (&self.from, &self.to, &self.json) {
            (Some(from), Some(to), None) if from == to => Some(
                "`from` and `to` are the same status: it would excuse every other difference; for values in JSON give `json`",
            ),
            (None, None, Some(json)) if json.to.as_ref() == Some(&json.from) => {
                Some("`from` and `to` are the same value")
            }
            (Some(_), Some(_), None) | (None, None, Some(_)) => None,
            _ => Some("give either `from` and `to`, the status before and now, or `json`"),
        }
    }
}
