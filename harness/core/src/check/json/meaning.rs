//! The meanings of values, as numbers: two values have the same meaning if they have the same number.
//!
//! Each value is looked at once, from the leaves up, and a list or an object is identified by the numbers of its parts. To
//! identify it by a text would take time and memory by the square of the depth, since the text of each level holds those of
//! all levels below.

use std::collections::HashMap;

use serde_json::Value;

use super::{JsonTerms, exact};

/// The number of a meaning.
pub(super) type Meaning = usize;

/// The meanings of all values below some roots. Values are looked up by their address, so they stay borrowed as long as
/// this lives.
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

    /// The meaning of a value. It and everything below it are looked at, unless they were before.
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
    /// How many values were looked at in this thread: a measure of the work that does not depend on the machine.
    pub(super) static LOOKED_AT: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Counts a value that is looked at, in tests.
pub(super) fn looked_at() {
    #[cfg(test)]
    LOOKED_AT.set(LOOKED_AT.get() + 1);
}
