//! Names that become names of files, containers, labels and reports.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// The pattern of such a name.
pub(crate) const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$";
/// The same for people.
pub(crate) const NAME_EXPECTED: &str =
    "a name of at most 100 letters, digits, `.`, `_` and `-`, a letter or digit first";

/// What a schema says of such a name; the value itself is text.
pub(crate) struct Name;

impl JsonSchema for Name {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Name")
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": NAME })
    }
}
