//! Releases as scalars of a file: what a schema and a mistake say of them.

use super::{Edition, Line, Range, Release};
use crate::planning::path::Target;
use crate::vocabulary::scalar::{Scalar, Validator};

macro_rules! scalar_of {
    ($name:ident, $format:literal, $expected:literal) => {
        impl Scalar for $name {
            const FORMAT: &'static str = $format;
            const EXPECTED: &'static str = $expected;

            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|error: <$name as std::str::FromStr>::Err| {
                    std::error::Error::source(&error).map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
                })
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed(stringify!($name))
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "format": $format, "description": $expected })
            }
        }
    };
}

scalar_of!(Release, "release", "a release, such as 5.0.4 or 18.5.7-ee.0");
scalar_of!(Line, "line", "a line of releases, such as 6.1 or 17");
scalar_of!(Range, "range", "a range of releases, such as `>=6.0, <6.1`");
scalar_of!(Edition, "edition", "an edition, such as ee");
scalar_of!(Target, "target", "a release such as 6.1.5, or a line such as 6.1");

/// The validators of these formats.
pub(crate) const VALIDATORS: [Validator; 5] = [
    Validator::of::<Release>(),
    Validator::of::<Line>(),
    Validator::of::<Range>(),
    Validator::of::<Edition>(),
    Validator::of::<Target>(),
];
