//! Makes names unique.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The names given so far. GitLab drops the second case of a name silently, so each is given once.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Every name, with the number to try for the next case of that name.
    given: HashMap<String, u32>,
}

impl Names {
    /// The name, or the name with the first number that makes it unique.
    pub(super) fn unique(&mut self, name: String) -> String {
        let Some(mut next) = self.given.get(&name).copied() else {
            self.given.insert(name.clone(), 2);
            return name;
        };
        loop {
            let candidate = format!("{name} ({next})");
            next = next.saturating_add(1);
            if let Entry::Vacant(free) = self.given.entry(candidate.clone()) {
                free.insert(2);
                self.given.insert(name, next);
                return candidate;
            }
        }
    }
}
