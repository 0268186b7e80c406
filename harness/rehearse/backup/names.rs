//! Compares the names in a folder of an archive with each other, in bounded memory.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use rehearse_core::model::product::Part;
use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::finding::Finding;

use super::{file_subject, named};

/// At most this many names are distinguished: eight bytes each.
const MOST: usize = 4 << 20;
/// For at most this many, a first increment is expected, by name.
const AWAITED: usize = 4096;
/// At most this many wrong ones are named.
const NAMED: usize = 5;

/// The names in a folder so far.
#[derive(Debug, Default)]
pub(super) struct Names {
    empty: u64,
    first_empty: Vec<String>,
    /// What has an increment 1, by hash.
    begun: HashSet<u64>,
    /// What has only later increments so far.
    awaited: BTreeMap<u64, String>,
}

impl Names {
    /// Adds an entry that is not a folder; the size of a link or a device means nothing.
    pub(super) fn add(&mut self, part: &Part, name: &str, empty_file: bool) {
        if empty_file && part.filled.as_ref().is_some_and(|filled| filled.regex().is_match(name)) {
            self.empty += 1;
            if self.first_empty.len() < NAMED {
                self.first_empty.push(named(name.as_bytes()));
            }
        }
        let Some(groups) = part.increments.as_ref().and_then(|pattern| pattern.regex().captures(name)) else { return };
        let (Some(of), Some(number)) = (groups.get(1), groups.get(2)) else { return };
        let hash = hashed(of.as_str());
        if number.as_str().parse() == Ok(1) {
            self.awaited.remove(&hash);
            // Beyond that, nothing more is reported, because a missing beginning could not be recognised.
            if self.begun.len() < MOST {
                self.begun.insert(hash);
            }
        } else if self.begun.len() < MOST && self.awaited.len() < AWAITED && !self.begun.contains(&hash) {
            self.awaited.entry(hash).or_insert_with(|| named(of.as_str().as_bytes()));
        }
    }

    /// The finding for empty files that should not be empty.
    pub(super) fn empty_files(&self, key: &str) -> Option<Finding> {
        let quoted = quoted_names(self.first_empty.iter(), self.empty);
        let actual = format!("{} of 0 bytes: {quoted}", many(self.empty, "file"));
        (self.empty > 0).then(|| {
            Finding::new(FindingCode::BackupFileEmpty, file_subject(key), "no empty file of this kind", actual)
        })
    }

    /// The finding for increments whose beginning is missing.
    pub(super) fn without_beginning(&self, key: &str, base: Option<&str>) -> Option<Finding> {
        let count = self.awaited.len() as u64;
        let least = if self.awaited.len() < AWAITED { "" } else { "at least " };
        let base = base.map(|base| format!("; the backup continues {base}")).unwrap_or_default();
        let quoted = quoted_names(self.awaited.values(), count);
        let actual = format!("{least}{} with later increments only: {quoted}{base}", many(count, "object"));
        let expected = "increment 1 of everything that has later ones";
        (count > 0).then(|| Finding::new(FindingCode::BackupIncrements, file_subject(key), expected, actual))
    }
}

/// A name in eight bytes.
pub(super) fn hashed(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

fn quoted_names<'a>(names: impl Iterator<Item = &'a String>, of: u64) -> String {
    let shown: Vec<&str> = names.take(NAMED).map(String::as_str).collect();
    let more = if of > shown.len() as u64 { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

fn many(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part() -> Part {
        serde_json::from_value(serde_json::json!({
            "format": "any", "filled": r"\.bundle$", "increments": r"^r/(.+)/[^/]+/(\d{3})\.(?:bundle|refs)$",
        }))
        .unwrap()
    }

    #[test]
    fn a_continued_part_needs_a_beginning_in_any_order_and_folder() {
        let (part, mut names) = (part(), Names::default());
        for name in ["r/a/2/002.bundle", "r/a/1/001.bundle", "r/b/1/001.refs", "r/b/1/002.bundle", "r/c/1/001.bundle"] {
            names.add(&part, name, false);
        }
        assert_eq!((names.empty_files("r/"), names.without_beginning("r/", None)), (None, None));
        names.add(&part, "r/d/2/002.bundle", false);
        names.add(&part, "r/d/2/003.bundle", false);
        let actual = names.without_beginning("r/", Some("one")).unwrap().actual;
        assert_eq!(actual, "1 object with later increments only: `d`; the backup continues one");
    }

    #[test]
    fn only_a_few_of_many_names_are_kept_in_bounded_memory() {
        let (part, mut names) = (part(), Names::default());
        for number in 0..10_000 {
            names.add(&part, &format!("r/{number}/1/002.bundle"), true);
        }
        names.add(&part, "r/x/1/001.refs", true);
        assert!(names.empty_files("r/").unwrap().actual.starts_with("10000 files of 0 bytes: `r/0/1/002.bundle`, "));
        assert!(names.empty_files("r/").unwrap().actual.ends_with("`r/4/1/002.bundle`, …"));
        assert!(names.without_beginning("r/", None).unwrap().actual.starts_with("at least 4096 objects"));
        assert_eq!(names.awaited.len(), AWAITED);
    }
}
