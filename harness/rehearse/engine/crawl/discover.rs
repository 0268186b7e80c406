//! Finds the pages of the source release: each identity follows links, then asks for what the others saw; every page is asked
//! twice, so that what changes by itself is known.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use rehearse_core::check::{AskedTwice, AssetFault, CrawlNote, KnownPages, KnownSite, page_name};
use rehearse_core::model::product::CrawlCheck;
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::pages::{Coverage, Frontier, LinkKind, Page, PageContent, asset_shape, openapi_paths};
use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::event::CheckReport;
use tokio::time::Instant;

use super::ask::{AT_ONCE, Visitor};
use crate::engine::case::StageContext;
use crate::engine::context::RunContext;
use crate::engine::error::EngineError;
use crate::engine::host::Host;
use crate::engine::mode::name;
use crate::engine::observer::Observer;

/// Scripts, styles and images that are loaded at most.
pub(super) const MOST_ASSETS: usize = 60;

/// Assets that pages name, each with the identity and the page that named it first.
#[derive(Debug, Default)]
pub(super) struct Assets {
    seen: BTreeSet<String>,
    pub(super) waiting: VecDeque<(String, String, String)>,
}

impl Assets {
    /// Takes the assets that a page, or a style, names.
    pub(super) fn take(&mut self, identity: &str, on: &str, page: &Page) {
        for link in page.links.iter().filter(|link| link.kind == LinkKind::Asset) {
            if self.seen.insert(link.path.clone()) {
                self.waiting.push_back((identity.to_owned(), on.to_owned(), link.path.clone()));
            }
        }
    }

    /// The next few of one identity; none if there are none left, or enough were loaded.
    pub(super) fn next(&mut self) -> Vec<(String, String, String)> {
        let loaded = self.seen.len() - self.waiting.len();
        let Some((identity, ..)) = self.waiting.front().filter(|_| loaded < MOST_ASSETS).cloned() else {
            return Vec::new();
        };
        let same = self.waiting.iter().take(AT_ONCE).take_while(|(other, ..)| *other == identity).count();
        self.waiting.drain(..same).collect()
    }

    pub(super) fn note(&self) -> CrawlNote {
        CrawlNote::Assets { asked: self.seen.len() - self.waiting.len(), left: self.waiting.len() }
    }
}

/// What one identity asked for.
#[derive(Debug, Default)]
struct Found {
    pages: Vec<(String, Page)>,
    coverage: Coverage,
    of_others: usize,
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Crawls the source release.
    pub(in crate::engine) async fn crawl(
        &self,
        ctx: &StageContext,
        check: &CrawlCheck,
    ) -> Result<(CheckReport, Option<KnownSite>), EngineError> {
        let mut report = CheckReport::new(CheckKind::Crawl, name::PAGES);
        let mut visitor = Visitor::new(self, ctx, check)?;
        let (began, within) = (Instant::now(), check.within.get());
        let mut found: BTreeMap<String, Found> = BTreeMap::new();
        let identities = visitor.identities();
        let count = u32::try_from(identities.len()).unwrap_or(1);
        let logged = self.logged_requests(check, &mut report);
        // Half of the time is for the second asking.
        let share = within / 2 / count;
        for (nth, identity) in (1..).zip(&identities) {
            if !visitor.log_in(identity, &mut report).await? {
                continue;
            }
            let own = if count == 1 { check.pages } else { (check.pages * 2).div_ceil(3) };
            let until = began + share * nth;
            found.insert(
                (*identity).to_owned(),
                visitor.follow(identity, own as usize, (until, &logged), &mut report).await?,
            );
        }
        for identity in found.keys().cloned().collect::<Vec<_>>() {
            let others = pages_of_others(&found, &identity);
            let Some(own) = found.get_mut(&identity) else { continue };
            let room = (check.pages as usize).saturating_sub(own.pages.len());
            if !visitor.visit_others(&identity, others, own, room, began + within / 2).await? {
                report.notes.push(CrawlNote::OutOfTime { identity: identity.clone() }.to_string());
            }
        }
        let mut site = KnownSite::default();
        let mut assets = Assets::default();
        for (identity, Found { pages, coverage, of_others }) in found {
            let total = pages.len();
            let twice = visitor.ask_again(&identity, pages, began + within).await?;
            if twice.len() < total {
                report.notes.push(CrawlNote::OutOfTime { identity: identity.clone() }.to_string());
            }
            for asked in &twice {
                assets.take(&identity, &asked.path, &asked.first);
            }
            let known = KnownPages::of(twice);
            report.assertions += u32::try_from(known.shown()).unwrap_or(u32::MAX);
            let shown = known.shown();
            let note = CrawlNote::Coverage { identity: identity.clone(), coverage, of_others, shown };
            report.notes.push(note.to_string());
            site.identities.insert(identity, known);
        }
        if site.identities.values().all(|known| known.shown() == 0) {
            report.cannot_tell(
                InconclusiveCode::NothingAsserted,
                "no page was shown to anybody, so there is nothing to compare",
            );
            return Ok((report.decide(), None));
        }
        visitor.load_assets(&mut assets, &mut site, &mut report).await?;
        note_bodies(&site, &mut report);
        let pages: BTreeMap<&String, Vec<String>> = site
            .identities
            .iter()
            .map(|(identity, known)| {
                let answer = |path: &String| {
                    known
                        .get(path)
                        .map(|known| format!("{} in {:.0?}", known.page.answer, known.slowest()))
                        .unwrap_or_default()
                };
                (identity, known.order.iter().map(|path| format!("{path}: {}", answer(path))).collect())
            })
            .collect();
        self.attach_evidence(ctx, "pages", &pages, &mut report)?;
        Ok((report.decide(), Some(site)))
    }
}

/// Bodies that are not read are named, so that nobody takes them for compared.
fn note_bodies(site: &KnownSite, report: &mut CheckReport) {
    let pages = site.identities.values().flat_map(|known| known.order.iter().filter_map(|path| known.get(path)));
    let other = pages
        .filter(|known| {
            known.page.answer.is_success() && matches!(known.page.content, PageContent::Other | PageContent::BrokenJson)
        })
        .count();
    if other > 0 {
        report.notes.push(CrawlNote::NotRead(other).to_string());
    }
}

/// The pages that others saw and this identity did not ask for.
fn pages_of_others(found: &BTreeMap<String, Found>, identity: &str) -> Vec<String> {
    let own: BTreeSet<&String> =
        found.get(identity).into_iter().flat_map(|own| own.pages.iter().map(|(path, _)| path)).collect();
    let others = found.iter().filter(|(name, _)| *name != identity).flat_map(|(_, other)| &other.pages);
    let seen = others.filter(|(path, page)| page.answer.is_success() && !own.contains(path));
    seen.map(|(path, _)| path.clone()).collect()
}

impl<H: Host, O: Observer> Visitor<'_, H, O> {
    /// Follows links as one identity.
    async fn follow(
        &self,
        identity: &str,
        most: usize,
        (until, logged): (Instant, &[(String, usize)]),
        report: &mut CheckReport,
    ) -> Result<Found, EngineError> {
        let mut frontier = Frontier::new(&self.check.deny);
        let values = self.values();
        for start in &self.check.start {
            frontier.offer(&start.render(&values)?);
        }
        logged.iter().for_each(|(path, count)| frontier.offer_weighted(path, *count));
        if let Some(document) = &self.check.openapi {
            let asked = self.ask(identity, &document.render(&values)?).await?;
            if let PageContent::Json(document) = &asked.page.content {
                let (paths, left_out) = openapi_paths(document);
                paths.iter().for_each(|path| frontier.offer(path));
                report.notes.push(CrawlNote::OpenApi { taken: paths.len(), left_out }.to_string());
            } else {
                let text = format!("{} is no OpenAPI document in JSON: {}", asked.path, asked.page.answer);
                report.cannot_tell(InconclusiveCode::NotRead, text);
            }
        }
        let mut pages = Vec::new();
        while pages.len() < most {
            if Instant::now() >= until {
                report.notes.push(CrawlNote::OutOfTime { identity: identity.to_owned() }.to_string());
                break;
            }
            let next = std::iter::from_fn(|| frontier.next_page());
            let batch: Vec<String> = next.take(AT_ONCE.min(most - pages.len())).collect();
            if batch.is_empty() {
                break;
            }
            for asked in self.ask_all(identity, &batch).await? {
                let links = asked.page.links.iter().filter(|link| link.kind == LinkKind::Page);
                links.for_each(|link| frontier.offer(&link.path));
                pages.push((asked.path, asked.page));
            }
        }
        Ok(Found { pages, coverage: frontier.coverage(), of_others: 0 })
    }

    /// Asks for pages that others saw: who may not see them is refused, and has to be after the upgrade. Returns whether the
    /// time sufficed.
    async fn visit_others(
        &self,
        identity: &str,
        others: Vec<String>,
        own: &mut Found,
        room: usize,
        until: Instant,
    ) -> Result<bool, EngineError> {
        let mut frontier = Frontier::new(&self.check.deny);
        others.iter().for_each(|path| frontier.offer(path));
        let mut left = room;
        while left > 0 {
            let batch: Vec<String> = std::iter::from_fn(|| frontier.next_page()).take(AT_ONCE.min(left)).collect();
            if batch.is_empty() {
                break;
            }
            if Instant::now() >= until {
                return Ok(false);
            }
            left -= batch.len();
            own.of_others += batch.len();
            let asked = self.ask_all(identity, &batch).await?;
            own.pages.extend(asked.into_iter().map(|asked| (asked.path, asked.page)));
        }
        Ok(true)
    }

    /// Asks for pages a second time. Those that the time does not suffice for are left out: they cannot be told from noise.
    async fn ask_again(
        &self,
        identity: &str,
        pages: Vec<(String, Page)>,
        until: Instant,
    ) -> Result<Vec<AskedTwice>, EngineError> {
        let mut twice = Vec::new();
        let mut pages = pages.into_iter();
        loop {
            let batch: Vec<(String, Page)> = pages.by_ref().take(AT_ONCE).collect();
            if batch.is_empty() || Instant::now() >= until {
                return Ok(twice);
            }
            let paths: Vec<String> = batch.iter().map(|(path, _)| path.clone()).collect();
            let second = self.ask_all(identity, &paths).await?;
            twice.extend(batch.into_iter().zip(second).map(|((path, first), second)| AskedTwice {
                path,
                first,
                second: second.page,
            }));
        }
    }

    /// Loads the assets of the source release: what is wrong with them there is no fault of a hop.
    async fn load_assets(
        &self,
        assets: &mut Assets,
        site: &mut KnownSite,
        report: &mut CheckReport,
    ) -> Result<(), EngineError> {
        let mut broken = Vec::new();
        loop {
            let batch = assets.next();
            let Some((identity, ..)) = batch.first().cloned() else { break };
            let paths: Vec<String> = batch.into_iter().map(|(_, _, path)| path).collect();
            for asked in self.ask_all(&identity, &paths).await? {
                assets.take(&identity, &asked.path, &asked.page);
                let fault = AssetFault::of(&asked.page);
                if fault.is_some() {
                    broken.push(page_name(&asked.path, &identity));
                }
                site.assets.insert(asset_shape(&asked.path), fault);
            }
        }
        report.notes.push(assets.note().to_string());
        if !broken.is_empty() {
            report.notes.push(CrawlNote::AssetsBroken(broken).to_string());
        }
        Ok(())
    }
}

/// How long asking for the same pages again may take.
pub(super) fn time_again(check: &CrawlCheck) -> Duration {
    check.within.get() * 2
}
