//! The progress of a wait: how far it is, what has failed meanwhile, and whether it has stalled.

use std::sync::{Mutex, PoisonError};

use rehearse_core::model::product::{Counts, SqlCondition, WaitProgress, WaitUntil};
use rehearse_core::observation::progress::{Counting, Progress};
use rehearse_core::outcome::code::FindingCode;
use rehearse_core::outcome::finding::Finding;
use rehearse_core::outcome::subject::Subject;
use rehearse_core::planning::plan::humane;
use rehearse_core::vocabulary::template::Template;
use serde_json::Value;
use tokio::time::Instant;

use super::case::StageContext;
use super::context::RunContext;
use super::error::EngineError;
use super::host::Host;
use super::observer::Observer;
use super::poll::{Pace, Poller};

/// At most this many failed rows are quoted.
const MAX_QUOTED: usize = 3;

/// The progress of a wait, as far as it was read.
pub(super) struct Settling<'a> {
    step: &'a WaitUntil,
    progress: Option<Mutex<Progress>>,
}

impl<'a> Settling<'a> {
    pub(super) fn new(step: &'a WaitUntil) -> Self {
        let counting = |progress: &WaitProgress| match progress.counts {
            Counts::Remaining => Counting::Left,
            Counts::Done => Counting::Done { total: None },
        };
        let progress = step.progress.as_ref().map(|progress| Mutex::new(Progress::new(counting(progress))));
        Self { step, progress }
    }

    fn with<T>(&self, look: impl FnOnce(&mut Progress) -> T) -> Option<T> {
        let progress = self.progress.as_ref()?;
        Some(look(&mut progress.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// One line for people; `None` if the step defines no progress.
    pub(super) fn line(&self) -> Option<String> {
        self.with(|progress| progress.line())
    }

    /// Where it began and where it is now, for a finding.
    pub(super) fn description(&self) -> Option<String> {
        self.with(|progress| progress.describe())
    }
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Reads the progress of a wait repeatedly. Returns only when waiting longer is of no use, with the reason.
    pub(super) async fn until_given_up(
        &self,
        ctx: &StageContext,
        settling: Option<&Settling<'_>>,
    ) -> Result<Finding, EngineError> {
        let Some(settling) = settling else { return std::future::pending().await };
        let (step, began, poller) = (settling.step, Instant::now(), Poller::new(Pace::ASIDE));
        loop {
            // If the query fails now, it is repeated once the condition is met.
            if let Some(Ok(finding)) = self.failures(ctx, step).await? {
                return Ok(finding);
            }
            if let Some(wanted) = &step.progress {
                let service = step.service.as_deref().unwrap_or_default();
                let number = self.number(ctx, wanted, service).await?;
                let total = match &wanted.total {
                    Some(total) => self.number_of(ctx, &wanted.database, total).await?,
                    None => None,
                };
                let at = began.elapsed();
                let stalled_for = settling.with(|progress| {
                    if let Some(total) = total {
                        progress.total(total);
                    }
                    number.map(|number| {
                        progress.take(at, number);
                        progress.still()
                    })
                });
                if let (Some(Some(stalled_for)), Some(limit)) = (stalled_for, &step.stalled_after)
                    && stalled_for >= limit.get()
                {
                    let description = settling.description().unwrap_or_default();
                    let expected = format!("progress within {}", humane(limit.get()));
                    let subject = Subject::Wait(step.name.clone());
                    let actual = format!("stalled: {description}");
                    return Ok(Finding::new(FindingCode::WaitStalled, subject, expected, actual));
                }
            }
            poller.pause().await;
        }
    }

    /// A finding with the first rows of what has failed; if the query fails, the reason.
    pub(super) async fn failures(
        &self,
        ctx: &StageContext,
        step: &WaitUntil,
    ) -> Result<Option<Result<Finding, String>>, EngineError> {
        let Some(wanted) = &step.failed else { return Ok(None) };
        let rows = match self.rows_again(ctx, wanted).await? {
            Ok(rows) => rows.rows,
            Err(reason) => return Ok(Some(Err(reason))),
        };
        if rows.is_empty() {
            return Ok(None);
        }
        let quoted = rows.iter().take(MAX_QUOTED).map(|row| {
            let values: Vec<&str> = row.iter().map(|value| value.as_deref().unwrap_or("NULL")).collect();
            values.join(" | ")
        });
        let mut actual = format!("{} failed: {}", rows.len(), quoted.collect::<Vec<_>>().join(" / "));
        if rows.len() > MAX_QUOTED {
            actual.push_str(" / …");
        }
        let subject = Subject::Wait(step.name.clone());
        let quote = actual.clone();
        let finding = Finding::new(FindingCode::WaitFailed, subject, "no failures", actual);
        Ok(Some(Ok(finding.quoting(quote))))
    }

    /// The number that shows the progress; `None` if it cannot be read now.
    async fn number(
        &self,
        ctx: &StageContext,
        wanted: &WaitProgress,
        service: &str,
    ) -> Result<Option<f64>, EngineError> {
        if let Some(sql) = &wanted.sql {
            return self.number_of(ctx, &wanted.database, sql).await;
        }
        let (Some(http), Some(at)) = (&wanted.http, &wanted.json) else { return Ok(None) };
        let Ok(response) = self.response(ctx, service, http).await? else { return Ok(None) };
        let json: Option<Value> = serde_json::from_str(&response.body.text).ok();
        let value = json.as_ref().and_then(|json| json.pointer(at.as_str()));
        Ok(value.and_then(|value| value.as_f64().or_else(|| value.as_str()?.parse().ok())))
    }

    async fn number_of(&self, ctx: &StageContext, database: &str, sql: &Template) -> Result<Option<f64>, EngineError> {
        let wanted = SqlCondition { database: database.to_owned(), sql: sql.clone() };
        Ok(self.value(ctx, &wanted).await?.ok().and_then(|value| value.parse().ok()))
    }
}
