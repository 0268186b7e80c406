//! Placeholders in the texts of a file: each begins with a known name, and has a value where it stands.

use serde_json::Value;

use super::captured::Scope;
use super::{ReferenceCheck, settings_in};
use crate::source::diagnostic::did_you_mean;
use crate::vocabulary::template::Template;

/// What placeholders may begin with.
const PLACEHOLDERS: [&str; 12] =
    ["release", "from", "to", "hop", "stage", "run", "product", "edition", "build", "settings", "each", "captured"];

impl ReferenceCheck<'_> {
    /// Checks that every placeholder in every text of a file begins with a known name and has a value.
    pub(super) fn all_placeholders(&mut self, file: &impl serde::Serialize) {
        let file = serde_json::to_value(file).unwrap_or_default();
        self.placeholders(&file, &mut String::new(), &Scope::default());
    }

    fn placeholders(&mut self, value: &Value, at: &mut String, around: &Scope) {
        let own = self.scopes.at(at).cloned();
        let scope = own.as_ref().unwrap_or(around);
        match value {
            Value::String(text) if text.contains("{{") => self.placeholder(text, scope, at),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.below(&index.to_string(), item, at, scope);
                }
            }
            Value::Object(map) => {
                for (key, item) in map {
                    self.below(&key.replace('~', "~0").replace('/', "~1"), item, at, scope);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn below(&mut self, key: &str, item: &Value, at: &mut String, scope: &Scope) {
        let length = at.len();
        at.push('/');
        at.push_str(key);
        self.placeholders(item, at, scope);
        at.truncate(length);
    }

    fn placeholder(&mut self, text: &str, scope: &Scope, at: &str) {
        // The placeholders of known failures refer to their patterns.
        if at.starts_with("/failures/") {
            return;
        }
        let Ok(template) = text.parse::<Template>() else { return };
        for name in template.names().iter().filter(|name| !PLACEHOLDERS.contains(&name.as_str())) {
            let label = format!("expected one of: {}", PLACEHOLDERS.join(", "));
            let help = did_you_mean(name, PLACEHOLDERS).map(|near| format!("did you mean `{near}`?"));
            self.problems.push(self.document.problem(at, format!("unknown placeholder `{name}`"), label, help));
        }
        self.in_scope(&template, scope, at);
        for name in settings_in(text) {
            self.expect_known("setting", &name, |names| &names.settings, at);
        }
    }
}
