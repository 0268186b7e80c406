//! Which pages are asked next: each shape gets its first sample before any gets its second, in the order of discovery.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lazy_regex::{Lazy, lazy_regex};
use regex::Regex;

use super::Shapes;
use crate::vocabulary::wildcard::fits;

/// Words in a path or query that say that asking changes something, or ends the session.
static CHANGING: Lazy<Regex> = lazy_regex!(
    r"(?ix) (^ | [/?&=._-])
    ( log[-_]?out | sign[-_]?out | log[-_]?off | delete | destroy | remove | revoke | purge | reset | regenerate | rotate
    | unsubscribe | unwatch | cancel | disable | disconnect | deactivate | impersonate | lock | unlock | archive | unarchive
    | mark[-_]?(as[-_]?)?read | fetch[-_]?changesets | backup | restore | export ) ($ | [/?&=._-])"
);
/// Names of files that are large whatever they hold.
static LARGE: Lazy<Regex> = lazy_regex!(r"(?i)\.(zip|tar|t?gz|bz2|xz|7z|iso|dump|sql|xlsx?|ods|docx?|odt|bundle)$");

/// Longer paths are the work of a page that leads to itself, again and again.
const LONGEST: usize = 300;
const DEEPEST: usize = 14;
/// How many paths of one shape are kept.
const MOST_WAITING: usize = 200;
/// Examples of what was not asked.
const EXAMPLES: usize = 5;

/// What was seen of a site, and how much of that was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Paths that are known.
    pub discovered: usize,
    /// Their shapes.
    pub shapes: usize,
    /// Paths that were asked.
    pub asked: usize,
    /// Shapes of which at least one path was asked.
    pub shapes_asked: usize,
    /// Paths that are never asked.
    pub denied: usize,
    /// Some shapes of which nothing was asked; of shapes that were, if there are no such.
    pub left: Vec<String>,
}

#[derive(Debug)]
struct Queue {
    shape: String,
    asked: usize,
    seen: usize,
    waiting: VecDeque<String>,
}

/// The pages that are known and not asked yet.
#[derive(Debug)]
pub struct Frontier<'d> {
    shapes: Shapes,
    queues: Vec<Queue>,
    by_shape: BTreeMap<String, usize>,
    known: BTreeSet<String>,
    denied: usize,
    deny: &'d [String],
}

impl<'d> Frontier<'d> {
    /// A frontier that never asks what fits one of these.
    pub fn new(deny: &'d [String]) -> Self {
        let (shapes, queues, by_shape) = (Shapes::default(), Vec::new(), BTreeMap::new());
        Self { shapes, queues, by_shape, known: BTreeSet::new(), denied: 0, deny }
    }

    /// Adds a page, unless it is known or must not be asked.
    pub fn offer(&mut self, path: &str) {
        if self.known.contains(path) {
            return;
        }
        self.known.insert(path.to_owned());
        if is_denied(path, self.deny) {
            self.denied += 1;
            return;
        }
        let shape = self.shapes.of(path);
        let index = *self.by_shape.entry(shape.clone()).or_insert_with(|| {
            self.queues.push(Queue { shape, asked: 0, seen: 0, waiting: VecDeque::new() });
            self.queues.len() - 1
        });
        if let Some(queue) = self.queues.get_mut(index) {
            queue.seen += 1;
            if queue.waiting.len() < MOST_WAITING {
                queue.waiting.push_back(path.to_owned());
            }
        }
    }

    /// The next page to ask; it counts as asked.
    pub fn next_page(&mut self) -> Option<String> {
        // The first of those that were asked least: shapes that were found first come first.
        let queue = self.queues.iter_mut().filter(|queue| !queue.waiting.is_empty()).min_by_key(|queue| queue.asked)?;
        queue.asked += 1;
        queue.waiting.pop_front()
    }

    /// How much of what was seen was asked.
    pub fn coverage(&self) -> Coverage {
        let untouched = self.queues.iter().filter(|queue| queue.asked == 0).map(|queue| queue.shape.clone());
        let mut left: Vec<String> = untouched.take(EXAMPLES).collect();
        if left.is_empty() {
            let waiting = self.queues.iter().filter_map(|queue| queue.waiting.front().cloned());
            left = waiting.take(EXAMPLES).collect();
        }
        Coverage {
            discovered: self.known.len(),
            shapes: self.queues.len(),
            asked: self.queues.iter().map(|queue| queue.asked).sum(),
            shapes_asked: self.queues.iter().filter(|queue| queue.asked > 0).count(),
            denied: self.denied,
            left,
        }
    }
}

/// Whether a page must not be asked.
fn is_denied(path: &str, deny: &[String]) -> bool {
    let file = path.split('?').next().unwrap_or(path);
    path.len() > LONGEST
        || path.split('/').count() > DEEPEST
        || CHANGING.is_match(path)
        || LARGE.is_match(file)
        || deny.iter().any(|pattern| fits(pattern, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_gets_its_first_sample_before_any_gets_its_second() {
        let mut frontier = Frontier::new(&[]);
        for path in ["/a/1", "/a/2", "/a/3", "/b", "/c?x=1", "/c?x=2", "/a/1"] {
            frontier.offer(path);
        }
        let order: Vec<String> = std::iter::from_fn(|| frontier.next_page()).collect();
        assert_eq!(order, ["/a/1", "/b", "/c?x=1", "/a/2", "/c?x=2", "/a/3"]);
        let coverage = frontier.coverage();
        assert_eq!((coverage.discovered, coverage.shapes, coverage.asked, coverage.denied), (6, 3, 6, 0));
        assert!(coverage.left.is_empty());
    }

    #[test]
    fn what_is_not_asked_is_told() {
        let mut frontier = Frontier::new(&[]);
        ["/a/1", "/b", "/a/2"].into_iter().for_each(|path| frontier.offer(path));
        frontier.next_page();
        assert_eq!(frontier.coverage().left, ["/b"]);
        frontier.next_page();
        assert_eq!(frontier.coverage().left, ["/a/2"]);
    }

    #[test]
    fn what_changes_something_is_never_asked() {
        let deny = ["/boards/*/new".to_owned()];
        let long = format!("/{}", "a/".repeat(20));
        for path in [
            "/logout", "/users/sign_out", "/issues/1/delete", "/x?action=destroy", "/tokens/reset", "/api-key/revoke/",
            "/a/export", "/dump.tar.gz", "/boards/2/new", "/remove-member?id=2", &long,
        ] {
            assert!(is_denied(path, &deny), "{path}");
        }
        for path in ["/issues/1", "/wiki/Deleted_things", "/presets", "/blocks", "/issues.csv?c=x", "/exports-of-2026"] {
            assert!(!is_denied(path, &deny), "{path}");
        }
    }
}
