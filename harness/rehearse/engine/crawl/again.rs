//! Asks for the pages of the source release again, and has each compared.

use std::collections::BTreeSet;

use rehearse_core::check::{
    CrawlJudge, CrawlNote, CrawlTerms, KnownPage, KnownPages, KnownSite, is_far_slower, page_name,
};
use rehearse_core::model::product::{CrawlCheck, PageRule};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::pages::{Frontier, Link, LinkKind, Page, Shapes};
use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::event::CheckReport;
use tokio::time::Instant;

use super::ask::{AT_ONCE, Asked, Visitor};
use super::discover::{Assets, time_again};
use crate::engine::case::StageContext;
use crate::engine::context::RunContext;
use crate::engine::error::EngineError;
use crate::engine::host::Host;
use crate::engine::mode::{Mode, name};
use crate::engine::observer::Observer;

/// Links of the new release that each identity follows.
const MOST_LINKS: usize = 8;
/// Responses that are written into the output folder.
const MOST_EVIDENCE: usize = 40;

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Asks for the pages of the source release again.
    pub(in crate::engine) async fn crawl_again(
        &self,
        ctx: &StageContext,
        check: &CrawlCheck,
        known: Option<&KnownSite>,
        mode: Mode,
    ) -> Result<CheckReport, EngineError> {
        let mut report = CheckReport::new(CheckKind::Crawl, name::PAGES);
        let Some(known) = known else {
            report.cannot_tell(InconclusiveCode::NothingToCompare, "there are no pages to compare with");
            return Ok(report.decide());
        };
        let source = &self.case.plan.from;
        let crossed = |rule: &&PageRule| mode == Mode::Hop && *source < rule.crossing && rule.crossing <= ctx.release;
        let rules: Vec<&PageRule> = check.rules.iter().filter(crossed).collect();
        let mut again = Again {
            visitor: Visitor::new(self, ctx, check)?,
            judge: CrawlJudge::new(known, CrawlTerms { rules: &rules, volatile: &check.volatile }),
            assets: Assets::default(),
            evidence: 0,
            until: Instant::now() + time_again(check),
        };
        for (identity, pages) in &known.identities {
            if !again.visitor.log_in(identity, &mut report).await? {
                continue;
            }
            let left = again.pages(identity, pages).await?;
            if left > 0 {
                let text =
                    format!("{identity}: the time was over before {left} of {} pages were asked", pages.order.len());
                report.cannot_tell(InconclusiveCode::NotRead, text);
            }
        }
        again.load_assets().await?;
        let Again { mut judge, assets, .. } = again;
        judge.note(assets.note());
        let differences = judge.finish(&mut report);
        report.set_service(Some(&check.service));
        self.attach_evidence(ctx, "page differences", &differences, &mut report)?;
        Ok(report.decide())
    }
}

struct Again<'r, H, O> {
    visitor: Visitor<'r, H, O>,
    judge: CrawlJudge<'r>,
    assets: Assets,
    /// How many responses were written.
    evidence: usize,
    until: Instant,
}

impl<H: Host, O: Observer> Again<'_, H, O> {
    /// Asks for all pages of an identity. Returns how many the time did not suffice for.
    async fn pages(&mut self, identity: &str, known: &KnownPages) -> Result<usize, EngineError> {
        let mut new = NewLinks::of(known);
        let mut asked = 0;
        for batch in known.order.chunks(AT_ONCE) {
            if Instant::now() >= self.until {
                return Ok(known.order.len() - asked);
            }
            asked += batch.len();
            for asked in self.visitor.ask_all(identity, batch).await? {
                self.assets.take(identity, &asked.path, &asked.page);
                if let Some(before) = known.get(&asked.path) {
                    new.take(&asked.path, before, &asked.page, known);
                }
                self.page(identity, known, asked).await?;
            }
        }
        self.new_links(identity, new).await?;
        Ok(0)
    }

    async fn page(&mut self, identity: &str, known: &KnownPages, asked: Asked) -> Result<(), EngineError> {
        let mut wrong = self.judge.page(identity, &asked.path, &asked.page);
        if let Some(before) = known.get(&asked.path).filter(|before| before.page.answer.is_success())
            && asked.page.answer.is_success()
            && let Some(fastest) = self.fastest(identity, &asked, before).await?
        {
            self.judge.slower(identity, &asked.path, before, fastest);
            wrong = true;
        }
        if wrong {
            self.show(identity, asked)?;
        }
        Ok(())
    }

    /// The shortest of three times, if each was far longer than on the source release.
    async fn fastest(
        &self,
        identity: &str,
        asked: &Asked,
        before: &KnownPage,
    ) -> Result<Option<std::time::Duration>, EngineError> {
        let mut fastest = asked.page.took;
        for _ in 0..2 {
            if !is_far_slower(before, fastest) {
                return Ok(None);
            }
            fastest = fastest.min(self.visitor.ask(identity, &asked.path).await?.page.took);
        }
        Ok(is_far_slower(before, fastest).then_some(fastest))
    }

    fn show(&mut self, identity: &str, asked: Asked) -> Result<(), EngineError> {
        if self.evidence < MOST_EVIDENCE {
            self.evidence += 1;
            let title = page_name(&asked.path, identity);
            let observation = self.visitor.run.record(&self.visitor.ctx.stage, title.clone(), asked.response)?;
            if let Some(file) = &observation.evidence {
                self.judge.shown_in(&title, file);
            }
        }
        Ok(())
    }

    /// Follows links that lead elsewhere now, and a few that are new.
    async fn new_links(&mut self, identity: &str, new: NewLinks) -> Result<(), EngineError> {
        let NewLinks { moved, added, .. } = new;
        let mut allowed = Frontier::new(&self.visitor.check.deny);
        moved.iter().for_each(|(_, link)| allowed.offer(&link.path));
        let mut left = MOST_LINKS;
        while let Some(path) = allowed.next_page().filter(|_| left > 0) {
            left -= 1;
            let Some((on, link)) = moved.iter().find(|(_, link)| link.path == path) else { continue };
            let asked = self.visitor.ask(identity, &path).await?;
            if self.judge.link(identity, &path, (on, &link.text), &asked.page) {
                self.show(identity, asked)?;
            }
        }
        let mut frontier = Frontier::new(&self.visitor.check.deny);
        added.iter().for_each(|path| frontier.offer(path));
        let pages: Vec<String> = std::iter::from_fn(|| frontier.next_page()).collect();
        if pages.is_empty() {
            return Ok(());
        }
        for path in pages.iter().take(left) {
            let asked = self.visitor.ask(identity, path).await?;
            if asked.page.answer.is_failure() {
                let (page, answer) = (page_name(path, identity), asked.page.answer.to_string());
                self.judge.note(CrawlNote::NewPageFails { page, answer });
            }
        }
        self.judge.note(CrawlNote::NewPages { identity: identity.to_owned(), pages });
        Ok(())
    }

    /// Loads what the pages of this release name.
    async fn load_assets(&mut self) -> Result<(), EngineError> {
        loop {
            let batch = self.assets.next();
            let Some((identity, ..)) = batch.first().cloned() else { return Ok(()) };
            let paths: Vec<String> = batch.iter().map(|(_, _, path)| path.clone()).collect();
            let all = self.visitor.ask_all(&identity, &paths).await?;
            for (asked, (_, on, _)) in all.into_iter().zip(batch) {
                self.assets.take(&identity, &asked.path, &asked.page);
                if self.judge.asset(&identity, &asked.path, &on, &asked.page) {
                    self.show(&identity, asked)?;
                }
            }
        }
    }
}

/// Links that pages did not have before.
struct NewLinks {
    /// Shapes of all links of the source release.
    shapes: Shapes,
    known: BTreeSet<String>,
    /// Links that led to a page before and lead elsewhere now, each with the page it is on.
    moved: Vec<(String, Link)>,
    /// Paths of new shapes.
    added: Vec<String>,
}

impl NewLinks {
    fn of(known: &KnownPages) -> Self {
        let mut shapes = Shapes::default();
        let pages = known.order.iter().filter_map(|path| known.get(path));
        let links = pages.flat_map(|page| page.page.links.iter().map(|link| &link.path));
        let known = known.order.iter().chain(links).map(|path| shapes.of(path)).collect();
        Self { shapes, known, moved: Vec::new(), added: Vec::new() }
    }

    /// Takes the links of a page that were not on it before.
    fn take(&mut self, on: &str, before: &KnownPage, now: &Page, known: &KnownPages) {
        let paths_before: BTreeSet<&str> = before.page.links.iter().map(|link| link.path.as_str()).collect();
        let paths_now: BTreeSet<&str> = now.links.iter().map(|link| link.path.as_str()).collect();
        let new = now.links.iter().filter(|link| {
            link.kind == LinkKind::Page && !paths_before.contains(link.path.as_str()) && known.get(&link.path).is_none()
        });
        for link in new {
            let led_to_a_page = |old: &&Link| {
                old.text == link.text
                    && !paths_now.contains(old.path.as_str())
                    && known.get(&old.path).is_some_and(|old| old.page.answer.is_success())
            };
            if !link.text.is_empty() && before.page.links.iter().find(led_to_a_page).is_some() {
                if !self.moved.iter().any(|(_, known)| known.path == link.path) {
                    self.moved.push((on.to_owned(), link.clone()));
                }
            } else {
                let shape = self.shapes.of(&link.path);
                if self.known.insert(shape) {
                    self.added.push(link.path.clone());
                }
            }
        }
    }
}
