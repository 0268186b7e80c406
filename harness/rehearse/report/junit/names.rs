//! Names that occur once.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The names given so far. GitLab drops the second case of a name in silence, so there is none.
///
/// Kept as numbers that stand for them: two names with the same number are taken for the same, which gives one of them a
/// number it did not need, and never lets two have one name.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Every name, with the number that the next of it is tried with.
    given: HashMap<u64, u32>,
}

impl Names {
    /// The name, or the name with the first number that makes it one of its own.
    pub(super) fn unique(&mut self, name: String) -> String {
        let base = number(&name);
        let Some(next) = self.given.get(&base).copied() else {
            self.given.insert(base, 2);
            return name;
        };
        let mut next = next;
        loop {
            let candidate = format!("{name} ({next})");
            next = next.saturating_add(1);
            if let std::collections::hash_map::Entry::Vacant(free) = self.given.entry(number(&candidate)) {
                free.insert(2);
                self.given.insert(base, next);
                return candidate;
            }
        }
    }
}

/// Always the same for a name, from run to run.
fn number(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}
