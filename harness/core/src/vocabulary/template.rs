//! Text with placeholders, checked when it is read and strict when it is filled in.
//!
//! It knows nothing of what may be filled in: names come from the caller, as does the judgement of unknown ones.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, LazyLock};

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};

use crate::source::diagnostic::did_you_mean;
use crate::vocabulary::scalar::{Scalar, quoted, scalar};

/// The name the one template of an environment goes by.
const ONLY: &str = "template";
/// Macros that may call one another, so that a template cannot take the stack.
const NESTING: usize = 32;

/// What all templates start from; cloning it is cheap.
static BASE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_recursion_limit(NESTING);
    // Off by default in release builds; it is what tells us which name was missing.
    environment.set_debug(true);
    environment
});

/// A text with `{{ placeholders }}`; one without any costs nothing to render.
#[derive(Clone)]
pub struct Template {
    text: String,
    /// Set only where there is something to fill in.
    compiled: Option<Arc<Environment<'static>>>,
}

/// Why a template could not be read or filled in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A name is not among the values given.
    #[error("`{name}` is not defined, in `{template}`{}", .near.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
    Missing {
        /// The expression that has no value.
        name: String,
        /// The text of the template.
        template: String,
        /// A value given whose name is near.
        near: Option<String>,
    },
    /// Anything else the template does that cannot be done.
    #[error("cannot fill in `{template}`: {reason}")]
    Failed {
        /// The text of the template.
        template: String,
        /// What went wrong.
        reason: String,
    },
}

impl Template {
    /// The text as the author wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether there is nothing to fill in.
    pub fn is_plain(&self) -> bool {
        self.compiled.is_none()
    }

    /// The names it needs from outside, each with what is asked of it: `{{ a.b }}` needs `a.b`.
    pub fn paths(&self) -> BTreeSet<String> {
        let Some(template) = self.compiled.as_ref().and_then(|compiled| compiled.get_template(ONLY).ok()) else {
            return BTreeSet::new();
        };
        template.undeclared_variables(true).into_iter().collect()
    }

    /// The names it needs from outside; `{{ a.b }}` needs `a`.
    ///
    /// Functions the template language brings along (`range`, `dict`, …) are not among them.
    pub fn names(&self) -> BTreeSet<String> {
        let Some(template) = self.compiled.as_ref().and_then(|compiled| compiled.get_template(ONLY).ok()) else {
            return BTreeSet::new();
        };
        let given: BTreeSet<&str> = BASE.globals().map(|(name, _)| name).collect();
        template.undeclared_variables(false).into_iter().filter(|name| !given.contains(name.as_str())).collect()
    }

    /// Fills in the values of `context`, an object.
    ///
    /// # Errors
    /// When the template names something `context` does not hold, or does what cannot be done.
    pub fn render(&self, context: &serde_json::Value) -> Result<String, TemplateError> {
        let Some(compiled) = &self.compiled else { return Ok(self.text.clone()) };
        let template = compiled.get_template(ONLY).map_err(|error| self.failure(&error, context))?;
        template
            .render(minijinja::Value::from(minijinja::value::Serde(context)))
            .map_err(|error| self.failure(&error, context))
    }

    fn failure(&self, error: &minijinja::Error, context: &serde_json::Value) -> TemplateError {
        let template = self.text.clone();
        if error.kind() != ErrorKind::UndefinedError {
            return TemplateError::Failed { template, reason: reason(error) };
        }
        let known: Vec<&str> =
            context.as_object().map(|values| values.keys().map(String::as_str).collect()).unwrap_or_default();
        let absent = self.names().into_iter().find(|name| !known.contains(&name.as_str()));
        let named = error.range().and_then(|range| self.text.get(range)).map(str::trim).filter(|text| !text.is_empty());
        match (absent, named) {
            (Some(name), _) => TemplateError::Missing { near: did_you_mean(&name, known), name, template },
            (None, Some(expression)) => TemplateError::Missing { name: expression.to_owned(), template, near: None },
            (None, None) => TemplateError::Failed { template, reason: reason(error) },
        }
    }
}

impl Scalar for Template {
    const FORMAT: &'static str = "template";
    const EXPECTED: &'static str = "text, in which `{{ name }}` is filled in";

    fn parse(text: &str) -> Result<Self, String> {
        if !["{{", "{%", "{#"].iter().any(|mark| text.contains(mark)) {
            return Ok(Self { text: text.to_owned(), compiled: None });
        }
        let mut environment = BASE.clone();
        environment
            .add_template_owned(ONLY, text.to_owned())
            .map_err(|error| format!("{} is not a template: {}", quoted(text), reason(&error)))?;
        Ok(Self { text: text.to_owned(), compiled: Some(Arc::new(environment)) })
    }
}

scalar!(Template);

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.text).finish()
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Template {}

fn reason(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn template(text: &str) -> Template {
        Template::parse(text).unwrap()
    }

    #[test]
    fn plain_text_is_not_compiled() {
        let plain = template("postgres:15\n");
        assert!(plain.compiled.is_none());
        assert_eq!(plain.render(&json!(null)).unwrap(), "postgres:15\n");
        assert_eq!(plain.names(), BTreeSet::new());
    }

    #[test]
    fn placeholders_are_filled_in_without_escaping_or_trimming() {
        let context = json!({"release": {"version": "1.2"}, "port": 80, "text": "<a>\n"});
        let filled = template("n:{{ release.version }}:{{ port }} {{ text }}\n").render(&context);
        assert_eq!(filled.unwrap(), "n:1.2:80 <a>\n\n");
    }

    #[test]
    fn every_kind_of_value_is_filled_in_as_it_is() {
        let context =
            json!({"list": ["a", {"b": [1, 2]}], "none": null, "yes": true, "low": -7, "high": u64::MAX, "half": 0.5});
        let filled = template("{{ list[1].b[1] }} {{ none is none }} {{ yes }} {{ low }} {{ high }} {{ half }}");
        assert_eq!(filled.render(&context).unwrap(), "2 True True -7 18446744073709551615 0.5");
    }

    #[test]
    fn names_are_the_roots_needed_from_outside() {
        let names = template("{% for i in range(3) %}{{ i }}{{ a.b }}{% endfor %}{{ c|upper }}").names();
        assert_eq!(names, BTreeSet::from(["a".to_owned(), "c".to_owned()]));
    }

    #[test]
    fn paths_say_what_is_asked_of_a_name() {
        let paths = template("{% if a.b %}{{ a['c'] }}{% endif %}{{ d.e|upper }}{{ f }}").paths();
        assert!(["a.b", "d.e", "f"].iter().all(|path| paths.contains(*path)), "{paths:?}");
    }

    #[test]
    fn a_missing_name_is_named_with_the_nearest_one_and_the_template() {
        let error = template("n:{{ relase }}").render(&json!({"release": 1})).unwrap_err();
        assert_eq!(error.to_string(), "`relase` is not defined, in `n:{{ relase }}`; did you mean `release`?");
        let error = template("n:{{ release.minor }}").render(&json!({"release": {"major": 1}})).unwrap_err();
        assert_eq!(error.to_string(), "`release.minor` is not defined, in `n:{{ release.minor }}`");
    }

    #[test]
    fn bad_syntax_and_unknown_filters_are_found_out() {
        assert_eq!(
            Template::parse("{{ a").unwrap_err(),
            "`{{ a` is not a template: unexpected end of input, expected end of variable block"
        );
        assert_eq!(
            template("{{ 1|nope }}").render(&json!({})).unwrap_err().to_string(),
            "cannot fill in `{{ 1|nope }}`: filter nope is unknown"
        );
    }

    #[test]
    fn a_template_that_calls_itself_ends() {
        let itself = template("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}");
        assert!(matches!(itself.render(&json!({})), Err(TemplateError::Failed { .. })));
    }
}
