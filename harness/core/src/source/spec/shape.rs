//! From a text to a value of a type, by way of the type's schema.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::document::Document;
use super::schema::Schema;
use super::walker::{Scalars, Walker};
use super::yaml;
use crate::source::diagnostic::{Problem, Rejected};
use crate::source::span::Source;

/// Reads a `T` from YAML, or says everything that is wrong with the text.
///
/// The schema of `T` directs how the text is read: `1.6` is text where text is wanted and a number where a number is.
/// Rules the schema cannot express belong to the caller, who points at their place with the [`Document`].
///
/// # Errors
/// When the text is not YAML or does not fit `T`: all problems at once, unless it cannot be read to its end.
pub fn read<T: DeserializeOwned + JsonSchema + 'static>(source: Source) -> Result<(T, Document), Rejected> {
    let (root, problems) = yaml::parse(&source, yaml::Tags::Refused)?;
    let schema = Schema::of::<T>();
    // A type reads its scalars itself, and stops at the first mistake. Only a file that has one is walked again with every
    // scalar checked, so that the scalars of a good file are read once.
    if problems.is_empty() {
        let (value, problems) = Walker::walk(&schema, &root, Scalars::Trusted, Vec::new());
        if problems.is_empty()
            && let Ok(read) = serde_json::from_value(value)
        {
            return Ok((read, Document::new(source, root)));
        }
    }
    let (value, problems) = Walker::walk(&schema, &root, Scalars::Checked, problems);
    Rejected::unless_empty(&source, problems)?;
    match serde_json::from_value(value) {
        Ok(read) => Ok((read, Document::new(source, root))),
        Err(error) => {
            let label = "it fits the schema, but not the type: a rule the schema does not know, or a bug";
            let problem = Problem::new(root.span, error.to_string(), label);
            Err(Rejected::new(source, problem, Vec::new()))
        }
    }
}
