//! The shape of a path: what paths have in common that differ only in numbers, ids and names.

use std::collections::{BTreeMap, BTreeSet};

use lazy_regex::{Lazy, lazy_regex};
use regex::Regex;

static ID: Lazy<Regex> = lazy_regex!(
    r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]*[0-9][0-9a-f]*[a-f][0-9a-f]*\b|[0-9]+"
);

/// How many different names there may be at one place before further ones count as alike: `/wiki/Home`, `/wiki/About`, ….
const MOST_NAMES: usize = 12;

/// Shapes of paths. What was named before decides what is alike, so the order in which paths arrive does too.
#[derive(Debug, Clone, Default)]
pub struct Shapes(BTreeMap<String, BTreeSet<String>>);

impl Shapes {
    /// The shape of a path with its query: numbers and ids are `{}`, a name among very many is `{name}`, and of the query
    /// there are only the keys.
    pub fn of(&mut self, path: &str) -> String {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut shape = String::new();
        for segment in path.split('/').skip(1) {
            let mut segment = generalised(segment);
            let names = self.0.entry(shape.clone()).or_default();
            if !names.contains(&segment) {
                if names.len() < MOST_NAMES {
                    names.insert(segment.clone());
                } else {
                    "{name}".clone_into(&mut segment);
                }
            }
            shape.push('/');
            shape.push_str(&segment);
        }
        let keys: BTreeSet<String> = query
            .split('&')
            .filter_map(|pair| pair.split('=').next())
            .filter(|key| !key.is_empty())
            .map(generalised)
            .collect();
        if !keys.is_empty() {
            shape.push('?');
            shape.push_str(&keys.into_iter().collect::<Vec<_>>().join("&"));
        }
        shape
    }
}

/// A text with its numbers and ids taken out.
fn generalised(text: &str) -> String {
    ID.replace_all(text, "{}").into_owned()
}

/// The path of an asset without what changes from release to release: digests and version numbers in its name, its query.
pub fn asset_shape(path: &str) -> String {
    generalised(path.split('?').next().unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ids_and_values_of_the_query_are_left_out() {
        let mut shapes = Shapes::default();
        for (path, shape) in [
            ("/", "/"),
            ("/issues/17", "/issues/{}"),
            ("/projects/proj3/wiki", "/projects/proj{}/wiki"),
            ("/days/2026-11-30?page=2&a=&page=3", "/days/{}-{}-{}?a&page"),
            ("/x/3f2b6c1e-0d7a-4a8e-9d0f-6f1f6c1e0d7a/edit", "/x/{}/edit"),
            ("/commit/0a1b2c3d4e", "/commit/{}"),
            ("/facade/decade", "/facade/decade"),
        ] {
            assert_eq!(shapes.of(path), shape, "{path}");
        }
        assert_eq!(asset_shape("/assets/application-5d1f0a77.css?170"), "/assets/application-{}.css");
    }

    #[test]
    fn names_among_very_many_are_alike() {
        let mut shapes = Shapes::default();
        let all: BTreeSet<String> = ('a'..='z').map(|name| shapes.of(&format!("/wiki/page-{name}x{name}"))).collect();
        assert_eq!(all.len(), MOST_NAMES + 1);
        assert!(all.contains("/wiki/{name}"));
        assert_eq!(shapes.of("/wiki/page-axa"), "/wiki/page-axa");
    }
}
