//! How every format that a schema names is checked.

use crate::vocabulary::pattern_template::PatternTemplate;
use crate::vocabulary::scalar::{Because, Duration, GroupPattern, Pattern, Pointer, ServicePath, Size, Validator};
use crate::vocabulary::template::Template;

/// Every validator; a format that is not here is checked only when the value is built.
pub(crate) fn validators() -> &'static [Validator] {
    const ALL: &[Validator] = &[
        Validator::of::<Duration>(),
        Validator::of::<Size>(),
        Validator::of::<Pattern>(),
        Validator::of::<Pointer>(),
        Validator::of::<Template>(),
        Validator::of::<PatternTemplate>(),
        Validator::of::<Because>(),
        Validator::of::<GroupPattern>(),
        Validator::of::<ServicePath>(),
        crate::vocabulary::release::VALIDATORS[0],
        crate::vocabulary::release::VALIDATORS[1],
        crate::vocabulary::release::VALIDATORS[2],
        crate::vocabulary::release::VALIDATORS[3],
        crate::vocabulary::release::VALIDATORS[4],
        crate::model::scenario::VALIDATORS[0],
        crate::model::scenario::VALIDATORS[1],
        crate::model::scenario::VALIDATORS[2],
        #[cfg(test)]
        crate::source::spec::test_validator(),
    ];
    ALL
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formats of the texts in a schema; those of numbers are the generator's own.
    fn formats<T: schemars::JsonSchema>() -> Vec<String> {
        fn collect(value: &serde_json::Value, found: &mut Vec<String>) {
            if value["type"] == "string" {
                found.extend(value["format"].as_str().map(str::to_owned));
            }
            let object = value.as_object().into_iter().flat_map(|object| object.values());
            object.chain(value.as_array().into_iter().flatten()).for_each(|each| collect(each, found));
        }
        let mut found = Vec::new();
        collect(schemars::schema_for!(T).as_value(), &mut found);
        found
    }

    #[test]
    fn every_format_of_a_file_has_one_validator() {
        let mut needed =
            [formats::<crate::model::product::Product>(), formats::<crate::model::scenario::Scenario>()].concat();
        needed.sort();
        needed.dedup();
        let mut have: Vec<&str> = validators().iter().map(|each| each.format).collect();
        have.retain(|format| *format != crate::source::spec::test_validator().format);
        have.sort_unstable();
        assert_eq!(have, needed);
    }
}
