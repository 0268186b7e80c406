//! Known failures: a pattern that is recognised in logs, output and findings, with its cause and remedy.

mod candidate;
mod lines;
mod occurrence;
mod reading;
mod recogniser;
mod search;
mod significant_bytes;
mod whitespace_insensitive;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::outcome::finding::Known;
use crate::source::diagnostic::{Problem, did_you_mean};
use crate::source::spec::Document;
use crate::vocabulary::release::{Range, Release};
use crate::vocabulary::scalar::Pattern;
use crate::vocabulary::template::Template;

pub(crate) use lines::shown as shown_line;
pub use occurrence::Occurrence;
pub use reading::{JsonLines, LogLines};
pub use recogniser::Recogniser;
pub use search::{Detection, Search};

/// The known failures of a product: a list, or the name of a file beside `product.yaml` that holds the list.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Failures {
    /// The name of a file beside `product.yaml`.
    File(String),
    /// The list.
    List(Vec<KnownFailure>),
}

impl Default for Failures {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl Failures {
    /// The list; empty until its file is read.
    pub fn list(&self) -> &[KnownFailure] {
        match self {
            Self::List(list) => list,
            Self::File(_) => &[],
        }
    }
}

/// A failure that is known: what it is recognised by, why it happens, what to do.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KnownFailure {
    /// Its name: stable, unique in the product.
    pub id: String,
    /// What it is recognised by; named groups can be used in `cause` and `remedy` as `{{ match.name }}`.
    pub pattern: Pattern,
    /// A pattern for the text before it; the nearest match gives more named groups, and there need not be one.
    #[serde(default)]
    pub before: Option<Pattern>,
    /// A pattern for the text from its beginning on; the nearest match gives more named groups, and there need not be one.
    #[serde(default)]
    pub after: Option<Pattern>,
    /// Where to search for it; everywhere when not given.
    #[serde(default, rename = "where")]
    pub places: Vec<Place>,
    /// Only on these releases: the target of the hop, or the release of the stage.
    #[serde(default)]
    pub releases: Option<Range>,
    /// Why it happens; may use the named groups of the three patterns.
    pub cause: Template,
    /// What to do about it; may hold commands.
    pub remedy: Template,
    /// The document that describes it, or where it was measured.
    pub source: String,
    /// Ids of known failures that this one follows from.
    #[serde(default)]
    pub consequence_of: Vec<String>,
    /// Whether it only looks like a failure: it is reported apart from failures and is not a reason to act.
    #[serde(default)]
    pub harmless: bool,
}

/// Where to search for a known failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The output of a command.
    Output,
    /// What a service has logged since the hop began.
    Log,
    /// The text of a finding, or the reason why a stage or check is inconclusive.
    Finding,
    /// The response to a request.
    Response,
}

/// A text that is searched for known failures.
#[derive(Debug, Clone, Copy)]
pub struct Sighting<'a> {
    /// Where it comes from.
    pub place: Place,
    /// The text.
    pub text: &'a str,
}

/// How many bytes of a text are searched at its beginning, and as many at its end.
pub const SEARCHED: usize = 512 << 10;

/// The known failure that is recognised in the texts of a release: the first of the list, but a failure that follows from
/// another comes after it.
pub fn recognise(failures: &[KnownFailure], release: &Release, texts: &[Sighting<'_>]) -> Option<Known> {
    Recogniser::new(failures).recognise(release, texts)
}

impl Recogniser {
    /// The known failure that is recognised in the texts of a release: the first of the list, but a failure that follows
    /// from another comes after it.
    pub fn recognise(&self, release: &Release, texts: &[Sighting<'_>]) -> Option<Known> {
        let mut found: BTreeMap<usize, Known> = BTreeMap::new();
        for sighting in texts {
            for text in ends(sighting.text) {
                let mut search = Search::new(self, Some(release));
                let mut all = search.take(text.as_bytes());
                all.extend(search.finish());
                for occurrence in all.iter().filter_map(Detection::failure) {
                    let Some(failure) = self.failure(occurrence.failure) else { continue };
                    if failure.places.is_empty() || failure.places.contains(&sighting.place) {
                        found.entry(occurrence.failure).or_insert_with(|| failure.describe(&occurrence.groups));
                    }
                }
            }
        }
        let ids: BTreeSet<&str> = found.values().map(|known| known.id.as_str()).collect();
        let follows = |known: &Known| known.consequence_of.iter().any(|of| ids.contains(of.as_str()));
        let harmless = |index: &usize| self.failure(*index).is_some_and(|failure| failure.harmless);
        // A harmless failure explains nothing as long as another one was recognised.
        let ranked = found.iter().min_by_key(|(index, known)| (harmless(index), follows(known), **index));
        ranked.map(|(_, known)| known.clone())
    }
}

impl KnownFailure {
    /// Its cause and remedy, with what the groups of its patterns found.
    pub fn describe(&self, groups: &[(String, String)]) -> Known {
        let mut all: BTreeMap<&str, &str> = self.groups().map(|name| (name, "")).collect();
        all.extend(groups.iter().map(|(name, group)| (name.as_str(), group.as_str())));
        let context = json!({ "match": all });
        // A placeholder that cannot be filled in was refused when the file was read; here the text is shown as written.
        let filled = |text: &Template| text.render(&context).unwrap_or_else(|_| text.text().to_owned());
        Known {
            id: self.id.clone(),
            cause: filled(&self.cause),
            remedy: filled(&self.remedy),
            source: self.source.clone(),
            consequence_of: self.consequence_of.clone(),
        }
    }

    fn patterns(&self) -> impl Iterator<Item = (&'static str, &Pattern)> {
        let others = [("before", self.before.as_ref()), ("after", self.after.as_ref())];
        let others = others.into_iter().filter_map(|(key, pattern)| Some((key, pattern?)));
        std::iter::once(("pattern", &self.pattern)).chain(others)
    }

    /// The names of the groups of its patterns.
    fn groups(&self) -> impl Iterator<Item = &str> {
        self.patterns().flat_map(|(_, pattern)| pattern.group_names())
    }
}

/// The whole of a text, or its beginning and its end.
fn ends(text: &str) -> Vec<&str> {
    if text.len() <= 2 * SEARCHED {
        return vec![text];
    }
    let head = (0..=SEARCHED).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let tail = (text.len() - SEARCHED..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    vec![&text[..head], &text[tail..]]
}

/// The mistakes in a list of known failures that its schema does not find. `at` is the pointer to the list.
pub fn problems(failures: &[KnownFailure], document: &Document, at: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let ids: BTreeSet<&str> = failures.iter().map(|failure| failure.id.as_str()).collect();
    let mut used = BTreeSet::new();
    for (index, failure) in failures.iter().enumerate() {
        let at = format!("{at}/{index}");
        if !used.insert(&failure.id) {
            let title = format!("a second known failure `{}`", failure.id);
            problems.push(document.problem(&format!("{at}/id"), title, "ids are unique", None));
        }
        for (key, _) in failure.patterns().filter(|(_, pattern)| pattern.matches_empty()) {
            let label = "name what it is recognised by";
            problems.push(document.problem(&format!("{at}/{key}"), "the pattern matches anything", label, None));
        }
        for (number, of) in failure.consequence_of.iter().enumerate() {
            if *of == failure.id || !ids.contains(of.as_str()) {
                let place = format!("{at}/consequence-of/{number}");
                problems.push(unknown_failure(of, &ids, document, &place));
            }
        }
        for (text, key) in [(&failure.cause, "cause"), (&failure.remedy, "remedy")] {
            let groups: BTreeMap<&str, &str> = failure.groups().map(|name| (name, "")).collect();
            if let Err(error) = text.render(&json!({ "match": groups })) {
                let label = "only named groups of its patterns, as `{{ match.name }}`";
                problems.push(document.problem(&format!("{at}/{key}"), error.to_string(), label, None));
            }
        }
    }
    problems
}

/// The problem that no known failure has this name.
pub fn unknown_failure(name: &str, ids: &BTreeSet<&str>, document: &Document, at: &str) -> Problem {
    let listed = ids.iter().copied().collect::<Vec<_>>().join(", ");
    let label = if listed.is_empty() {
        "the product knows no failure".to_owned()
    } else {
        format!("expected one of: {listed}")
    };
    let help = did_you_mean(name, ids.iter().copied()).map(|near| format!("did you mean `{near}`?"));
    document.problem(at, format!("unknown known failure `{name}`"), label, help)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::span::Source;
    use crate::source::spec::read;

    const LIST: &str = r#"
- id: duplicate-slug
  pattern: 'duplicate key value violates unique constraint "(?P<what>\w+_slug_key)"'
  releases: ">=1.6, <2.1"
  cause: two objects make the same {{ match.what }}
  remedy: rename one of them
  source: release notes of 2.0
- id: transaction-aborted
  pattern: current transaction is aborted
  where: [output, log]
  cause: a statement before it failed
  remedy: see that one
  source: manual
  consequence-of: [duplicate-slug]
"#;

    fn list(text: &str) -> (Vec<KnownFailure>, Document) {
        read::<Vec<KnownFailure>>(Source::new("failures.yaml", text)).unwrap()
    }

    fn check(release: &str, place: Place, text: &str, id: Option<&str>) {
        let known = recognise(&list(LIST).0, &release.parse().unwrap(), &[Sighting { place, text }]);
        assert_eq!(known.map(|known| known.id).as_deref(), id, "{release} {text:.80}");
    }

    #[test]
    fn a_failure_is_recognised_where_and_on_the_releases_it_occurs() {
        let text = "IntegrityError: duplicate key value violates unique constraint \"git_slug_key\"";
        check("2.0", Place::Output, text, Some("duplicate-slug"));
        check("2.0", Place::Response, text, Some("duplicate-slug"));
        check("2.1", Place::Output, text, None);
        check("1.5", Place::Output, text, None);
        check("2.0", Place::Output, "duplicate key value violates unique constraint \"x_pkey\"", None);
        check("3.0", Place::Log, "current transaction is aborted", Some("transaction-aborted"));
        check("3.0", Place::Finding, "current transaction is aborted", None);
    }

    #[test]
    fn a_failure_that_follows_from_another_is_not_reported_in_its_place() {
        let both = "current transaction is aborted\nduplicate key value violates unique constraint \"git_slug_key\"";
        check("2.0", Place::Output, both, Some("duplicate-slug"));
    }

    #[test]
    fn a_harmless_failure_is_reported_only_where_there_is_no_other() {
        let harmless = "- {id: noise, pattern: must be owner, cause: c, remedy: r, source: s, harmless: true}";
        let failures = list(&format!("\n{harmless}{LIST}")).0;
        let recognised = |text: &str| {
            let sightings = [Sighting { place: Place::Log, text }];
            recognise(&failures, &"3.0".parse().unwrap(), &sightings).map(|known| known.id)
        };
        assert_eq!(recognised("must be owner").as_deref(), Some("noise"));
        assert_eq!(recognised("must be owner\ncurrent transaction is aborted").as_deref(), Some("transaction-aborted"));
    }

    #[test]
    fn groups_of_the_pattern_are_filled_in() {
        let text = "duplicate key value violates unique constraint \"git_slug_key\"";
        let sightings = [Sighting { place: Place::Log, text }];
        let known = recognise(&list(LIST).0, &"2.0".parse().unwrap(), &sightings).unwrap();
        assert_eq!(known.cause, "two objects make the same git_slug_key");
    }

    #[test]
    fn of_a_long_text_both_ends_are_searched() {
        let needle = "current transaction is aborted";
        let filler = "ü".repeat(2 * SEARCHED);
        check("3.0", Place::Log, &format!("{needle}{filler}"), Some("transaction-aborted"));
        check("3.0", Place::Log, &format!("{filler}{needle}"), Some("transaction-aborted"));
        check("3.0", Place::Log, &format!("{filler}{needle}{filler}"), None);
    }

    #[test]
    fn every_mistake_in_a_list_is_found_at_its_place() {
        let text = LIST
            .replace("consequence-of: [duplicate-slug]", "consequence-of: [duplicate-slugs]")
            .replace("match.what", "match.name")
            .replace("pattern: current transaction is aborted", "pattern: (aborted)?");
        let (failures, document) = list(&text);
        let rejected = document.refuse(problems(&failures, &document, "")).unwrap_err().to_string();
        for expected in ["unknown known failure `duplicate-slugs`", "match", "the pattern matches anything"] {
            assert!(rejected.contains(expected), "{rejected}");
        }
        let (failures, document) = list(LIST);
        assert_eq!(problems(&failures, &document, "").len(), 0);
    }
}
