//! What values mean, as numbers: two values mean the same where they have the same one.
//!
//! Each value is looked at once, from the leaves up, and a list or an object is known by the numbers of what it holds. A text
//! of each would hold all texts below it, level by level: time and memory by the square of the depth.

use std::collections::HashMap;

use serde_json::Value;

use super::{JsonTerms, exact};

/// The number of a meaning.
pub(super) type Meaning = usize;

/// The meanings of all values below some roots. They are found again by where they lie in memory, so they are borrowed as
/// long as this lives.
pub(super) struct Meanings<'v> {
    terms: JsonTerms<'v>,
    numbers: HashMap<Form<'v>, Meaning>,
    of: HashMap<*const Value, Meaning>,
}

/// A value whose parts are known by their numbers.
#[derive(PartialEq, Eq, Hash)]
enum Form<'v> {
    Null,
    Bool(bool),
    Number(String),
    Text(&'v str),
    List(Vec<Meaning>),
    Object(Vec<(&'v str, Meaning)>),
}

impl<'v> Meanings<'v> {
    pub(super) fn new(terms: JsonTerms<'v>) -> Self {
        Self { terms, numbers: HashMap::new(), of: HashMap::new() }
    }

    /// The meaning of a value, with all below it when it was not looked at yet.
    pub(super) fn of(&mut self, value: &'v Value) -> Meaning {
        if let Some(known) = self.of.get(&std::ptr::from_ref(value)) {
            return *known;
        }
        looked_at();
        let form = match value {
            Value::Null => Form::Null,
            Value::Bool(truth) => Form::Bool(*truth),
            Value::Number(number) => Form::Number(exact(number)),
            Value::String(text) => Form::Text(text),
            Value::Array(items) => {
                let mut items: Vec<Meaning> = items.iter().map(|item| self.of(item)).collect();
                if !self.terms.ordered {
                    items.sort_unstable();
                }
                Form::List(items)
            }
            Value::Object(map) => {
                let ignore = self.terms.ignore;
                let kept = map.iter().filter(|(key, _)| !ignore.contains(key));
                let mut parts: Vec<(&str, Meaning)> = kept.map(|(key, item)| (key.as_str(), self.of(item))).collect();
                parts.sort_unstable();
                Form::Object(parts)
            }
        };
        let next = self.numbers.len();
        let number = *self.numbers.entry(form).or_insert(next);
        self.of.insert(std::ptr::from_ref(value), number);
        number
    }
}

#[cfg(test)]
thread_local! {
    /// Values looked at in this thread: the work, in a measure that no machine changes.
    pub(super) static LOOKED_AT: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// A value was looked at.
pub(super) fn looked_at() {
    #[cfg(test)]
    LOOKED_AT.set(LOOKED_AT.get() + 1);
}
