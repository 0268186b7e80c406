//! Judges pages that were found by a crawl of the source release: unless a rule allows it, each still shows what it showed, to
//! the same people, and what it names still loads.

mod known;
mod note;
mod rules;
mod texts;

pub use known::{AskedTwice, AssetFault, KnownPage, KnownPages, KnownSite};
pub use note::CrawlNote;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::json::{DifferenceKind, JsonTerms, differences};
use crate::model::product::{PageRule, VolatileText};
use crate::observation::pages::{Answer, Page, PageContent};
use crate::outcome::code::FindingCode;
use crate::outcome::event::CheckReport;
use crate::outcome::finding::Finding;
use crate::outcome::subject::Subject;

use rules::Rules;

/// Findings that are reported one by one; the evidence has all.
const MOST_FINDINGS: usize = 25;
/// Examples of texts and values that a finding shows.
const SHOWN: usize = 4;
/// A page is far slower if it takes this many times as long as before, and this much longer.
const SLOWER: u32 = 5;
const SLOWER_BY: Duration = Duration::from_secs(2);

/// By what pages are judged.
#[derive(Debug, Clone, Copy)]
pub struct CrawlTerms<'a> {
    /// Reviewed rules of the releases that were reached or passed; none on the rollback.
    pub rules: &'a [&'a PageRule],
    /// Texts that change by themselves.
    pub volatile: &'a [VolatileText],
}

/// How one page differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PageDifference {
    /// The request: `GET /issues/6 as anonymous`.
    pub page: String,
    /// What is wrong with it.
    pub code: FindingCode,
    /// As it was.
    pub expected: String,
    /// As it is.
    pub actual: String,
    /// All texts or values that are gone, or that are shown now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub all: Vec<String>,
    /// The reason why it is allowed; none if nothing allows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
    /// The file that shows the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
}

/// A request for a page, as reports name it.
pub fn page_name(path: &str, identity: &str) -> String {
    format!("GET {path} as {identity}")
}

/// Whether a page takes far longer than on the source release.
pub fn is_far_slower(known: &KnownPage, took: Duration) -> bool {
    let before = known.slowest();
    took > before * SLOWER && took > before + SLOWER_BY
}

/// Judges one page after the other.
#[derive(Debug)]
pub struct CrawlJudge<'a> {
    known: &'a KnownSite,
    rules: Rules<'a>,
    differences: Vec<PageDifference>,
    notes: Vec<CrawlNote>,
    /// Texts of the product itself that are gone, with the pages they are gone from.
    chrome: BTreeMap<String, BTreeSet<String>>,
    /// How many times as long each page takes.
    times: Vec<f64>,
    assertions: u32,
}

impl<'a> CrawlJudge<'a> {
    /// A judge of a release whose pages are compared with those of the source release.
    pub fn new(known: &'a KnownSite, terms: CrawlTerms<'a>) -> Self {
        let (differences, notes) = (Vec::new(), Vec::new());
        let rules = Rules::of(terms);
        Self { known, rules, differences, notes, chrome: BTreeMap::new(), times: Vec::new(), assertions: 0 }
    }

    /// Judges a page as it was answered now. Returns whether something was found that no rule allows.
    pub fn page(&mut self, identity: &str, path: &str, now: &Page) -> bool {
        let Some(pages) = self.known.identities.get(identity) else { return false };
        let Some(before) = pages.get(path).filter(|before| !before.noise.answers) else { return false };
        self.assertions += 1;
        let first = self.differences.len();
        if self.answer(identity, path, before, now) && before.page.answer.is_success() {
            if !now.took.is_zero() && !before.slowest().is_zero() {
                self.times.push(now.took.as_secs_f64() / before.slowest().as_secs_f64());
            }
            if before.page.media == now.media {
                self.content(identity, path, (pages, before), now);
            } else {
                let (was, is) = (media(&before.page), media(now));
                let allowed = self.rules.body(identity, path);
                self.differs(identity, path, FindingCode::PageType, (was, is), allowed);
            }
        }
        self.differences.iter().skip(first).any(|difference| difference.allowed.is_none())
    }

    /// Compares how a page was answered; `true` if that is as before.
    fn answer(&mut self, identity: &str, path: &str, before: &KnownPage, now: &Page) -> bool {
        let (was, is) = (&before.page.answer, &now.answer);
        let code = match (was, is) {
            _ if was == is => return true,
            (Answer::Redirect(_, was), Answer::Redirect(_, is)) if was == is => return true,
            (was, is) if was.is_success() && is.is_success() => return true,
            (was, Answer::Nothing(_) | Answer::Status(500..)) if !was.is_failure() => FindingCode::PageFails,
            (was, is) if was.leads_on() && is.is_refusal() => FindingCode::PageRefused,
            (was, is) if was.leads_on() && is.is_missing() => FindingCode::PageGone,
            (was, is) if was.leads_on() && is.is_error() => FindingCode::PageFails,
            (was, Answer::Redirect(..)) if was.leads_on() => FindingCode::PageRedirected,
            (was, is) if (was.is_refusal() || was.is_missing()) && is.is_success() => {
                if was.is_missing() && !self.others_saw(identity, path) {
                    self.notes.push(CrawlNote::Answered { page: page_name(path, identity), was: was.to_string() });
                    return false;
                }
                FindingCode::PageExposed
            }
            // One way to refuse is as good as another.
            (was, is) if !was.is_failure() && (is.is_refusal() || is.is_missing()) => return false,
            _ => {
                self.notes.push(CrawlNote::Answered { page: page_name(path, identity), was: was.to_string() });
                return false;
            }
        };
        let allowed = self.rules.answer(identity, path, was, is);
        self.differs(identity, path, code, (was.to_string(), is.to_string()), allowed);
        false
    }

    fn others_saw(&self, identity: &str, path: &str) -> bool {
        let mut others = self.known.identities.iter().filter(|(name, _)| *name != identity);
        others.any(|(_, pages)| pages.get(path).is_some_and(|known| known.page.answer.is_success()))
    }

    fn content(&mut self, identity: &str, path: &str, (pages, before): (&KnownPages, &KnownPage), now: &Page) {
        if now.size == 0 && before.page.size > 0 {
            let (was, is) = (format!("{} bytes", before.page.size), "0 bytes".to_owned());
            let allowed = self.rules.body(identity, path);
            return self.differs(identity, path, FindingCode::PageEmpty, (was, is), allowed);
        }
        match (&before.page.content, &now.content) {
            (PageContent::Html(_), PageContent::Html(_)) => {
                self.lost_texts(identity, path, (pages, before), now);
                self.exposed_texts(identity, path, before, now);
            }
            (PageContent::Json(was), PageContent::Json(is)) => {
                let mut ignore = self.rules.keys(identity, path);
                ignore.extend(before.noise.keys.iter().cloned());
                let found = differences(was, is, JsonTerms { ordered: false, ignore: &ignore });
                let all: Vec<String> = found
                    .kept
                    .iter()
                    .filter(|difference| difference.kind != DifferenceKind::New)
                    .map(ToString::to_string)
                    .collect();
                if !all.is_empty() {
                    let was = "the values of the source release".to_owned();
                    self.differs(identity, path, FindingCode::PageValues, (was, few(&all)), None);
                    self.show_all(all);
                }
            }
            // Cut, or with something before or behind it.
            (PageContent::Json(_), PageContent::BrokenJson) => {
                let allowed = self.rules.body(identity, path);
                let actual = format!("{} bytes that cannot be read as JSON", now.size);
                self.differs(identity, path, FindingCode::PageType, ("JSON".to_owned(), actual), allowed);
            }
            _ if !before.noise.sizes && now.size * 2 < before.page.size => {
                let bytes = |page: &Page| format!("{} bytes", page.size);
                let allowed = self.rules.body(identity, path);
                self.differs(identity, path, FindingCode::PageSmaller, (bytes(&before.page), bytes(now)), allowed);
            }
            _ => {}
        }
    }

    fn lost_texts(&mut self, identity: &str, path: &str, (pages, before): (&KnownPages, &KnownPage), now: &Page) {
        let mut content = Vec::new();
        for fragment in texts::lost(&before.page, now) {
            let text = &fragment.text;
            if before.noise.texts.contains(text) || self.rules.is_volatile(text) {
            } else if fragment.is_label || pages.is_chrome(text, &before.shape) {
                self.chrome.entry(text.clone()).or_default().insert(path.to_owned());
            } else if !self.rules.text(identity, path, text) {
                content.push(texts::from_the_difference(text, now));
            }
        }
        if !content.is_empty() {
            let was = match content.len() {
                1 => "a text that stood there".to_owned(),
                count => format!("{count} texts that stood there"),
            };
            self.differs(identity, path, FindingCode::TextLost, (was, format!("gone: {}", few(&content))), None);
            self.show_all(content);
        }
    }

    /// Finds texts that only others saw on this page, and that are shown to this identity now.
    fn exposed_texts(&mut self, identity: &str, path: &str, before: &KnownPage, now: &Page) {
        let mut shown = Vec::new();
        let known = self.known;
        let by_itself = &before.noise.texts;
        for (name, pages) in known.identities.iter().filter(|(name, _)| *name != identity) {
            let Some(other) = pages.get(path).filter(|other| other.page.answer.is_success()) else { continue };
            let particular = |text: &str| {
                !pages.is_chrome(text, &other.shape)
                    && ![by_itself, &other.noise.texts].iter().any(|noise| noise.contains(text))
            };
            for text in texts::only_of(&other.page, &before.page, now) {
                if particular(text) && !self.rules.is_volatile(text) && !self.rules.text(identity, path, text) {
                    shown.push((name, text.to_owned()));
                }
            }
        }
        if let Some((name, _)) = shown.first() {
            let was = format!("texts that only {name} saw");
            let mut all: Vec<String> = shown.iter().map(|(_, text)| text.clone()).collect();
            all.dedup();
            self.differs(identity, path, FindingCode::TextExposed, (was, format!("shown: {}", few(&all))), None);
            self.show_all(all);
        }
    }

    /// Judges an asset that a page names now.
    pub fn asset(&mut self, identity: &str, path: &str, on: &str, now: &Page) -> bool {
        self.assertions += 1;
        let Some(fault) = AssetFault::of(now) else { return false };
        let before = self.known.assets.get(&crate::observation::pages::asset_shape(path));
        if before.is_some_and(|before| before.as_ref() == Some(&fault)) {
            return false;
        }
        let actual = match &fault {
            AssetFault::Fails(answer) => answer.to_string(),
            AssetFault::Empty => "0 bytes".to_owned(),
            AssetFault::IsPage => "text/html".to_owned(),
        };
        let was = format!("what {on} names loads and is not empty");
        let allowed = self.rules.asset(identity, path);
        let wrong = allowed.is_none();
        self.differs(identity, path, FindingCode::AssetBroken, (was, actual), allowed);
        wrong
    }

    /// Judges a link that leads elsewhere now, and led to a page before.
    pub fn link(&mut self, identity: &str, path: &str, (on, text): (&str, &str), now: &Page) -> bool {
        self.assertions += 1;
        if !now.answer.is_error() {
            return false;
        }
        let was = format!("a page, as the link \"{text}\" on {on} led to");
        let allowed = self.rules.answer(identity, path, &Answer::Status(200), &now.answer);
        let wrong = allowed.is_none();
        self.differs(identity, path, FindingCode::LinkBroken, (was, now.answer.to_string()), allowed);
        wrong
    }

    /// A page that took far longer each time it was asked.
    pub fn slower(&mut self, identity: &str, path: &str, known: &KnownPage, fastest: Duration) {
        let (was, is) = (format!("about {:.1?}", known.slowest()), format!("{fastest:.1?} at best, of three times"));
        self.differs(identity, path, FindingCode::PageSlower, (was, is), None);
    }

    /// Adds a note.
    pub fn note(&mut self, note: CrawlNote) {
        self.notes.push(note);
    }

    /// Names the file that shows the page that was judged last.
    pub fn shown_in(&mut self, page: &str, evidence: &str) {
        for difference in self.differences.iter_mut().filter(|difference| difference.page == page) {
            difference.evidence.get_or_insert_with(|| evidence.to_owned());
        }
    }

    fn differs(
        &mut self,
        identity: &str,
        path: &str,
        code: FindingCode,
        (expected, actual): (String, String),
        allowed: Option<String>,
    ) {
        let page = page_name(path, identity);
        let (all, evidence) = (Vec::new(), None);
        self.differences.push(PageDifference { page, code, expected, actual, all, allowed, evidence });
    }

    fn show_all(&mut self, all: Vec<String>) {
        if let Some(last) = self.differences.last_mut() {
            last.all = all;
        }
    }

    /// Adds what was found to a report. Returns every difference, allowed or not, for the evidence.
    pub fn finish(mut self, report: &mut CheckReport) -> Vec<PageDifference> {
        report.assertions += self.assertions;
        let unstable: Vec<String> = self
            .known
            .identities
            .iter()
            .flat_map(|(identity, pages)| pages.unstable().map(move |path| page_name(path, identity)))
            .collect();
        if !unstable.is_empty() {
            self.notes.push(CrawlNote::Unstable(unstable));
        }
        if !self.chrome.is_empty() {
            let pages: BTreeSet<&String> = self.chrome.values().flatten().collect();
            let pages = pages.len();
            let mut texts: Vec<(String, usize)> =
                self.chrome.into_iter().map(|(text, pages)| (text, pages.len())).collect();
            texts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            self.notes.push(CrawlNote::OwnTexts { texts: texts.into_iter().map(|(text, _)| text).collect(), pages });
        }
        self.times.sort_by(f64::total_cmp);
        if let Some(median) = self.times.get(self.times.len() / 2) {
            self.notes.push(CrawlNote::Times { pages: self.times.len(), median: *median });
        }
        for (because, count) in self.rules.counts(&self.differences) {
            report.let_through(&because, count);
            if count > 0 {
                self.notes.push(CrawlNote::Allowed { count, because });
            }
        }
        report.notes.extend(self.notes.iter().map(ToString::to_string));
        let wrong = self.differences.iter().filter(|difference| difference.allowed.is_none());
        let mut findings: Vec<Finding> = wrong
            .map(|difference| {
                let PageDifference { page, code, expected, actual, evidence, .. } = difference.clone();
                let mut finding = Finding::new(code, Subject::request(page), expected, actual);
                finding.evidence = evidence;
                finding
            })
            .collect();
        if findings.len() > MOST_FINDINGS {
            // A few of each kind say more than many of one.
            let mut seen: BTreeMap<FindingCode, usize> = BTreeMap::new();
            let mut ranked: Vec<(usize, Finding)> = Vec::new();
            for finding in findings {
                let nth = seen.entry(finding.code).or_default();
                *nth += 1;
                ranked.push((*nth, finding));
            }
            ranked.sort_by_key(|(nth, _)| *nth);
            findings = ranked.into_iter().map(|(_, finding)| finding).collect();
            let more = findings.split_off(MOST_FINDINGS).len();
            let subject = Subject::More(more, "pages that differ".to_owned());
            findings.push(Finding::new(FindingCode::PagesMore, subject, "no difference", "all are in the evidence"));
        }
        report.findings.extend(findings);
        self.differences
    }
}

fn media(page: &Page) -> String {
    if page.media.is_empty() { "no content type".to_owned() } else { page.media.clone() }
}

/// The first few, each in quotes or as it is.
fn few(all: &[String]) -> String {
    let mut text = all.iter().take(SHOWN).map(|one| super::shorten(one, 400)).collect::<Vec<_>>().join("; ");
    if all.len() > SHOWN {
        text.push_str(&format!("; and {} more", all.len() - SHOWN));
    }
    text
}

#[cfg(test)]
mod tests;
