//! How every format that a schema names is checked.

use crate::vocabulary::scalar::{Duration, Pattern, Pointer, Size, Validator};
use crate::vocabulary::template::Template;

/// Every validator; a format that is not here is checked only when the value is built.
pub(crate) fn validators() -> &'static [Validator] {
    const ALL: &[Validator] = &[
        Validator::of::<Duration>(),
        Validator::of::<Size>(),
        Validator::of::<Pattern>(),
        Validator::of::<Pointer>(),
        Validator::of::<Template>(),
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

    #[test]
    fn every_format_has_one_validator() {
        let formats: std::collections::BTreeSet<_> = validators().iter().map(|each| each.format).collect();
        assert_eq!(formats.len(), validators().len());
    }
}
