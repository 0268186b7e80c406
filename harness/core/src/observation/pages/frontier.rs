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

/// Keys of a query that carry a credential: who asks with one is somebody else.
static CREDENTIAL: Lazy<Regex> = lazy_regex!(
    r"(?i)[?&]([a-z_-]*key|[a-z_-]*token|[a-z_-]*secret|signature|sig|ticket|nonce|session(_?id)?|sid|password)="
);
/// Where one is led after logging in. Each page has its own such address, and the form behind it is always the same.
static BACK_TO: Lazy<Regex> = lazy_regex!(
    r"(?i)[?&](next|back(_?(url|to))?|return_?(to|url|path)|redirect(_?(to|uri|url))?|continue|destination|came_from|referr?er)="
);
/// Longer paths are the work of a page that leads to itself, again and again.
const LONGEST: usize = 300;
const DEEPEST: usize = 14;
/// How many paths of one shape are kept.
const MOST_WAITING: usize = 200;
/// How many samples more than others a shape may have because there are many pages of it.
const AHEAD: usize = 4;
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
    /// How many pages were given out.
    turn: usize,
    deny: &'d [String],
}

impl<'d> Frontier<'d> {
    /// A frontier that never asks what fits one of these.
    pub fn new(deny: &'d [String]) -> Self {
        let (shapes, queues, by_shape) = (Shapes::default(), Vec::new(), BTreeMap::new());
        Self { shapes, queues, by_shape, known: BTreeSet::new(), denied: 0, turn: 0, deny }
    }

    /// Adds a page, unless it is known or must not be asked.
    pub fn offer(&mut self, path: &str) {
        self.offer_weighted(path, 1);
    }

    /// Adds a page that counts as this many of its shape: people opened it so often.
    pub fn offer_weighted(&mut self, path: &str, weight: usize) {
        let path = without_way_back(path);
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
            queue.seen += weight;
            if queue.waiting.len() < MOST_WAITING {
                queue.waiting.push_back(path.to_owned());
            }
        }
    }

    /// The next page to ask; it counts as asked.
    ///
    /// One page is of the shape that was asked least, the next of the shape that has the most pages for each one asked: what
    /// a site has many of is its content. No shape gets its fifth page before each has had its first.
    pub fn next_page(&mut self) -> Option<String> {
        let waiting = || self.queues.iter().enumerate().filter(|(_, queue)| !queue.waiting.is_empty());
        let least = waiting().map(|(_, queue)| queue.asked).min()?;
        let (index, _) = if self.turn.is_multiple_of(2) {
            waiting().find(|(_, queue)| queue.asked == least)
        } else {
            // The first of several equal ones.
            waiting()
                .filter(|(_, queue)| queue.asked < least + AHEAD)
                .rev()
                .max_by_key(|(_, queue)| queue.seen * 100 / (queue.asked + 1))
        }?;
        self.turn += 1;
        let queue = self.queues.get_mut(index)?;
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
/// A page where one logs in, without the page that it leads back to: followed, they nest without an end.
fn without_way_back(path: &str) -> &str {
    match path.split_once('?') {
        Some((page, _)) if super::LOG_IN.is_match(page) && BACK_TO.is_match(path) => page,
        _ => path,
    }
}

fn is_denied(path: &str, deny: &[String]) -> bool {
    let file = path.split('?').next().unwrap_or(path);
    path.len() > LONGEST
        || path.split('/').count() > DEEPEST
        || CHANGING.is_match(path)
        || LARGE.is_match(file)
        || CREDENTIAL.is_match(path)
        || deny.iter().any(|pattern| fits(pattern, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_to_log_in_is_asked_once_whatever_it_leads_back_to() {
        let mut frontier = Frontier::new(&[]);
        for path in [
            "/login/?next=/a",
            "/login/?next=/login/%3Fnext%3D/a",
            "/login?back_url=/b",
            "/a?next=2",
            "/oauth/apps?page=2",
        ] {
            frontier.offer(path);
        }
        let asked: Vec<String> = std::iter::from_fn(|| frontier.next_page()).collect();
        assert_eq!(asked, ["/login/", "/login", "/a?next=2", "/oauth/apps?page=2"]);
    }

    #[test]
    fn every_shape_gets_its_first_sample_before_any_gets_its_second() {
        let mut frontier = Frontier::new(&[]);
        for path in ["/a/1", "/a/2", "/a/3", "/b", "/c?x=1", "/c?x=2", "/a/1"] {
            frontier.offer(path);
        }
        let order: Vec<String> = std::iter::from_fn(|| frontier.next_page()).collect();
        assert_eq!(order, ["/a/1", "/c?x=1", "/b", "/a/2", "/c?x=2", "/a/3"]);
        let coverage = frontier.coverage();
        assert_eq!((coverage.discovered, coverage.shapes, coverage.asked, coverage.denied), (6, 3, 6, 0));
        assert!(coverage.left.is_empty());
    }

    #[test]
    fn no_shape_gets_its_fifth_sample_before_each_has_had_its_first() {
        let mut frontier = Frontier::new(&[]);
        (0..100).for_each(|id| frontier.offer(&format!("/issues/{id}")));
        ["/b", "/c", "/d", "/e", "/f", "/g"].into_iter().for_each(|path| frontier.offer(path));
        let order: Vec<String> = std::iter::from_fn(|| frontier.next_page()).take(11).collect();
        let issues = order.iter().filter(|path| path.starts_with("/issues")).count();
        assert_eq!((issues, order.len()), (5, 11), "{order:?}");
        assert_eq!(order.last().map(String::as_str), Some("/issues/4"));
    }

    #[test]
    fn what_people_open_often_comes_early() {
        let mut frontier = Frontier::new(&[]);
        ["/a/1", "/b/1", "/c/1", "/c/2"].into_iter().for_each(|path| frontier.offer(path));
        frontier.offer_weighted("/d/1", 900);
        frontier.offer_weighted("/d/2", 90);
        let order: Vec<String> = std::iter::from_fn(|| frontier.next_page()).take(4).collect();
        assert_eq!(order, ["/a/1", "/d/1", "/b/1", "/d/2"]);
    }

    #[test]
    fn what_is_not_asked_is_told() {
        let mut frontier = Frontier::new(&[]);
        ["/a/1", "/b", "/a/2"].into_iter().for_each(|path| frontier.offer(path));
        frontier.next_page();
        frontier.next_page();
        assert_eq!(frontier.coverage().left, ["/b"]);
        frontier.offer("/a/3");
        frontier.next_page();
        assert_eq!(frontier.coverage().left, ["/a/3"]);
    }

    #[test]
    fn what_changes_something_is_never_asked() {
        let deny = ["/boards/*/new".to_owned()];
        let long = format!("/{}", "a/".repeat(20));
        for path in [
            "/logout",
            "/users/sign_out",
            "/issues/1/delete",
            "/x?action=destroy",
            "/tokens/reset",
            "/api-key/revoke/",
            "/a/export",
            "/news.atom?key=0123",
            "/x?y=1&access_token=z",
            "/dump.tar.gz",
            "/boards/2/new",
            "/remove-member?id=2",
            &long,
        ] {
            assert!(is_denied(path, &deny), "{path}");
        }
        for path in [
            "/issues/1",
            "/wiki/Deleted_things",
            "/presets",
            "/blocks",
            "/issues.csv?c=x",
            "/exports-of-2026",
            "/?keys=1",
        ] {
            assert!(!is_denied(path, &deny), "{path}");
        }
    }
}
