//! Compares Git repositories by what they mean: however they are packed, the same references lead to the same objects.

use std::collections::{BTreeMap, BTreeSet};

use super::Judge;
use super::rules::Change;
use crate::observation::Repository;
use crate::outcome::code::{FindingCode, InconclusiveCode};
use crate::outcome::event::CheckReport;
use crate::outcome::subject::Subject;

/// What stands in place of a value that is not there.
const NONE: &str = "none";

pub(super) fn judge(
    volume: &str,
    before: &BTreeMap<String, Repository>,
    now: &BTreeMap<String, Repository>,
    judge: &mut Judge<'_>,
    report: &mut CheckReport,
) {
    for (path, old) in before {
        let name = format!("{volume}:{path}");
        let Some(new) = now.get(path) else {
            let expected = format!("a Git repository with {} references", old.references.len());
            judge.differs(Change::Removed, FindingCode::RepositoryLost, name, expected, "gone".to_owned());
            continue;
        };
        compare(&name, old, new, judge, report);
    }
    for (path, new) in now.iter().filter(|(path, _)| !before.contains_key(*path)) {
        let (name, actual) =
            (format!("{volume}:{path}"), format!("a Git repository with {} references", new.references.len()));
        judge.differs(Change::Added, FindingCode::FileAdded, name, "no such repository before".to_owned(), actual);
    }
}

fn compare(name: &str, old: &Repository, new: &Repository, judge: &mut Judge<'_>, report: &mut CheckReport) {
    for damage in new.damage.iter().filter(|damage| !old.damage.contains(damage)) {
        let (code, expected) = (FindingCode::RepositoryDamaged, "a repository that can be read".to_owned());
        judge.differs(Change::Rewritten, code, name.to_owned(), expected, damage.clone());
    }
    if old.head != new.head {
        let (code, file) = (FindingCode::ReferenceChanged, format!("{name}/HEAD"));
        judge.differs(Change::Rewritten, code, file, old.head.clone(), new.head.clone());
    }
    for (reference, was, is) in changed(&old.references, &new.references) {
        let file = format!("{name}/{reference}");
        let change = match (was, is) {
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
            (Some(_), Some(_)) => Change::Rewritten,
        };
        judge.differs(change, FindingCode::ReferenceChanged, file, text(was), text(is));
    }
    for (setting, was, is) in changed(&old.settings, &new.settings) {
        let file = format!("{name}/{setting}");
        let change = match (was, is) {
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
            (Some(_), Some(_)) => Change::Rewritten,
        };
        let short = |digest: Option<&String>| match digest {
            Some(digest) => format!("SHA-256 {}", digest.get(..16).unwrap_or(digest)),
            None => NONE.to_owned(),
        };
        judge.differs(change, FindingCode::RepositorySettings, file, short(was), short(is));
    }
    let lost = old.objects.difference(&new.objects).count();
    if lost > 0 {
        // A repository may drop objects that nothing refers to any more.
        let text = format!(
            "{lost} of its {} objects are gone; whether a reference needs them is not known",
            old.objects.len()
        );
        report.cannot_tell_about(InconclusiveCode::NotRead, Subject::File(name.to_owned()), text);
    }
}

/// The keys whose values differ, with both values.
fn changed<'m>(
    old: &'m BTreeMap<String, String>,
    new: &'m BTreeMap<String, String>,
) -> impl Iterator<Item = (&'m String, Option<&'m String>, Option<&'m String>)> {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    keys.into_iter().map(|key| (key, old.get(key), new.get(key))).filter(|(_, was, is)| was != is)
}

fn text(value: Option<&String>) -> String {
    value.cloned().unwrap_or_else(|| NONE.to_owned())
}
