//! Asks for pages: only by GET, a few at once, each answer read by meaning.

use futures_util::future::join_all;
use rehearse_core::check::page_name;
use rehearse_core::model::product::{CrawlCheck, Expect};
use rehearse_core::observation::Response;
use rehearse_core::observation::pages::{Page, Site};
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::vocabulary::scalar::Duration as Limit;
use serde_json::Value;

use crate::engine::case::StageContext;
use crate::engine::context::RunContext;
use crate::engine::error::EngineError;
use crate::engine::host::Host;
use crate::engine::login::Logins;
use crate::engine::observer::Observer;
use crate::engine::request::PreparedRequest;

/// How many pages are asked at once: a few people at work, no load test.
pub(super) const AT_ONCE: usize = 3;
/// Who asks if the product file names no identity.
const NOBODY: &str = "anonymous";
/// All requests of a crawl share one visit, and so its cookies.
const VISIT: &str = "crawl";
/// How much of a page is read by meaning.
const KEPT: usize = 2 << 20;

/// A page with the response that it was read from.
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) page: Page,
    pub(super) response: Response,
}

/// Asks for the pages of one site, as one identity after the other.
pub(super) struct Visitor<'r, H, O> {
    pub(super) run: &'r RunContext<H, O>,
    pub(super) ctx: &'r StageContext,
    pub(super) check: &'r CrawlCheck,
    site: Site,
    logins: Logins,
    deadline: Limit,
}

impl<'r, H: Host, O: Observer> Visitor<'r, H, O> {
    pub(super) fn new(
        run: &'r RunContext<H, O>,
        ctx: &'r StageContext,
        check: &'r CrawlCheck,
    ) -> Result<Self, EngineError> {
        let site = Site::new(&check.service, check.port.get())
            .ok_or_else(|| EngineError::not_read(format!("`{}` is not the name of a host", check.service)))?;
        let deadline = "30s".parse().map_err(|_| EngineError::bug("the deadline of a page"))?;
        Ok(Self { run, ctx, check, site, logins: Logins::default(), deadline })
    }

    /// The identities, in the order of the product file.
    pub(super) fn identities(&self) -> Vec<&'r str> {
        match self.check.identities.as_slice() {
            [] => vec![NOBODY],
            named => named.iter().map(String::as_str).collect(),
        }
    }

    /// Logs an identity in; `false` if that failed, which the report says.
    pub(super) async fn log_in(&mut self, identity: &str, report: &mut CheckReport) -> Result<bool, EngineError> {
        self.run.log_in(self.ctx, VISIT, identity, &mut self.logins, report).await
    }

    /// What placeholders stand for.
    pub(super) fn values(&self) -> Value {
        self.run.case.placeholders(self.ctx, &Default::default(), &self.logins.captured)
    }

    /// Asks for a page.
    pub(super) async fn ask(&self, identity: &str, path: &str) -> Result<Asked, EngineError> {
        let title = page_name(path, identity);
        let request = PreparedRequest {
            title: title.clone(),
            service: &self.check.service,
            port: self.check.port.get(),
            method: "GET",
            path: path.to_owned(),
            identity: Some(identity.to_owned()),
            headers: &Default::default(),
            body: None,
            deadline: Some(&self.deadline),
            keep: KEPT,
            within: None,
            expect: &Expect::default(),
            logs_in: false,
        };
        let response = self.run.respond(self.ctx, request, VISIT, &self.values()).await?;
        let response = self.run.response_faults.respond(&title, response);
        Ok(Asked { path: path.to_owned(), page: Page::read(&self.site, path, &response), response })
    }

    /// Asks for several pages at once. They come in the order of their paths, however long each takes.
    pub(super) async fn ask_all(&self, identity: &str, paths: &[String]) -> Result<Vec<Asked>, EngineError> {
        join_all(paths.iter().map(|path| self.ask(identity, path))).await.into_iter().collect()
    }
}
