//! What is kept in the order in which it came, and taken out again by its name however much there is.

use std::collections::{BTreeMap, HashMap};

#[derive(Debug, Clone)]
pub(super) struct Kept<T> {
    all: BTreeMap<u64, (String, T)>,
    by_name: HashMap<String, Vec<u64>>,
    next: u64,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { all: BTreeMap::new(), by_name: HashMap::new(), next: 0 }
    }
}

impl<T> Kept<T> {
    pub(super) fn push(&mut self, name: String, value: T) {
        self.by_name.entry(name.clone()).or_default().push(self.next);
        self.all.insert(self.next, (name, value));
        self.next += 1;
    }

    /// Takes out all of a name.
    pub(super) fn remove(&mut self, name: &str) {
        for number in self.by_name.remove(name).unwrap_or_default() {
            self.all.remove(&number);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.all.values().map(|(name, value)| (name.as_str(), value))
    }
}
