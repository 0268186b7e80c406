//! Values in the order in which they came, removed by name in constant time.

use std::collections::{BTreeMap, HashMap};

#[derive(Debug, Clone)]
pub(super) struct Bounded<T> {
    all: BTreeMap<u64, (String, T)>,
    by_name: HashMap<String, Vec<u64>>,
    next: u64,
}

impl<T> Default for Bounded<T> {
    fn default() -> Self {
        Self { all: BTreeMap::new(), by_name: HashMap::new(), next: 0 }
    }
}

impl<T> Bounded<T> {
    pub(super) fn push(&mut self, name: String, value: T) {
        self.by_name.entry(name.clone()).or_default().push(self.next);
        self.all.insert(self.next, (name, value));
        self.next += 1;
    }

    /// Removes all values of a name.
    pub(super) fn remove(&mut self, name: &str) {
        for number in self.by_name.remove(name).unwrap_or_default() {
            self.all.remove(&number);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.all.values().map(|(name, value)| (name.as_str(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_values_of_a_name_are_removed_and_the_others_keep_their_order() {
        let mut values = Bounded::default();
        for (name, value) in [("a", 1), ("b", 2), ("a", 3), ("c", 4)] {
            values.push(name.to_owned(), value);
        }
        values.remove("a");
        values.remove("z");
        values.push("a".to_owned(), 5);
        assert_eq!(values.iter().collect::<Vec<_>>(), [("b", &2), ("c", &4), ("a", &5)]);
    }

    #[test]
    fn removing_does_not_search_all_values() {
        let began = std::time::Instant::now();
        let mut values = Bounded::default();
        (0..100_000).for_each(|number| values.push(number.to_string(), ()));
        (0..100_000).rev().for_each(|number| values.remove(&number.to_string()));
        assert_eq!(values.iter().count(), 0);
        // With a search each time this takes many minutes.
        assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
    }
}
