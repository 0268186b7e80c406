//! A regular expression with placeholders.

use std::fmt;
use std::ops::Deref;

use crate::vocabulary::scalar::{Pattern, Scalar, scalar};
use crate::vocabulary::template::{Template, TemplateError};

/// A template that is a regular expression once it is filled in. What can be said before that is said as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternTemplate(Template);

/// What stands for any value of a placeholder: a letter, and a digit where only a number can be.
const VALUES: [&str; 2] = ["a", "1"];

impl PatternTemplate {
    /// The regular expression with its placeholders filled in, and its text.
    ///
    /// # Errors
    /// When a placeholder has no value, or the filled-in text is not a regular expression.
    pub fn filled(&self, context: &serde_json::Value) -> Result<Pattern, TemplateError> {
        let text = self.0.render(context)?;
        Pattern::parse(&text).map_err(|reason| TemplateError::Failed { template: self.0.text().to_owned(), reason })
    }

    /// Whether it is known to match a text without any characters, and so every text.
    pub fn matches_empty(&self) -> bool {
        self.0.names().is_empty() && Pattern::parse(self.0.text()).is_ok_and(|pattern| pattern.matches_empty())
    }
}

impl Scalar for PatternTemplate {
    const FORMAT: &'static str = "pattern-template";
    const EXPECTED: &'static str = "a regular expression, in which `{{ name }}` is filled in";

    fn parse(text: &str) -> Result<Self, String> {
        let template = Template::parse(text)?;
        if template.is_plain() {
            Pattern::parse(text)?;
        } else if let Some(tried) = VALUES.map(|value| with_values(text, value)).into_iter().collect::<Option<Vec<_>>>()
        {
            // It is broken only if it is with every value: the author's own text has to be at fault.
            let broken = tried.iter().map(|text| Pattern::parse(text).err()).collect::<Option<Vec<_>>>();
            if let Some(reason) = broken.and_then(|reasons| reasons.into_iter().next()) {
                return Err(reason);
            }
        }
        Ok(Self(template))
    }
}

scalar!(PatternTemplate);

/// The text with a value in place of each placeholder; none if it has more than placeholders, such as conditions.
fn with_values(text: &str, value: &str) -> Option<String> {
    if text.contains("{%") || text.contains("{#") {
        return None;
    }
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("{{") {
        let (_, after) = after.split_once("}}")?;
        filled.extend([before, value]);
        rest = after;
    }
    Some(filled + rest)
}

impl Deref for PatternTemplate {
    type Target = Template;

    fn deref(&self) -> &Template {
        &self.0
    }
}

impl fmt::Display for PatternTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_no_value_can_mend_is_refused() {
        for text in ["(", "a{2", "[a", "({{ x }}", "{{ x }})", "[{{ x }}", "(?P<{{ x }}"] {
            assert!(PatternTemplate::parse(text).is_err(), "{text}");
        }
        for text in [
            "^a$",
            "^{{ x }}$",
            r"\{{ x }}",
            "(?P<{{ x }}>b)",
            "[a-{{ x }}]",
            "{% if x %}({% endif %}a",
            "{{ x | default('(') }}",
        ] {
            assert!(PatternTemplate::parse(text).is_ok(), "{text}: {:?}", PatternTemplate::parse(text));
        }
        assert_eq!(PatternTemplate::parse("a(").unwrap_err(), "`a(` is not a regular expression: unclosed group");
    }

    #[test]
    fn what_is_found_in_every_text_is_known() {
        for (text, expected) in [("", true), ("a*", true), ("a", false), ("{{ x }}", false)] {
            assert_eq!(PatternTemplate::parse(text).unwrap().matches_empty(), expected, "{text}");
        }
    }
}
