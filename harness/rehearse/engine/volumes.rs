//! Reads the files in volumes: before any probe runs on a release, and after all of them have run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rehearse_core::check::{FileTerms, file_rows, judge_file_rows, judge_files, note_files};
use rehearse_core::model::product::{FileRows, FileRule};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::{FileRowsState, FileTree, FileTrees, Response};
use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::outcome::subject::Subject;
use tokio::sync::mpsc;

use super::case::StageContext;
use super::context::RunContext;
use super::error::EngineError;
use super::host::Host;
use super::mode::{Mode, name};
use super::observer::Observer;
use super::state::{Baseline, State};

/// Pieces of a volume that are on their way at once.
const PIECES: usize = 16;
/// How often a volume is read in which files come and go meanwhile.
const ATTEMPTS: usize = 3;

/// What was read of the files of a deployment.
#[derive(Debug, Default)]
pub(super) struct FilesRead {
    /// The volumes; none if one of them could not be read.
    pub(super) volumes: Option<Arc<FileTrees>>,
    /// The rows that name files, by the name of the check.
    pub(super) rows: BTreeMap<String, FileRowsState>,
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Reads the files before any probe of this stage runs.
    pub(super) async fn files(
        &self,
        ctx: &StageContext,
        state: &State,
        baseline: Option<&Baseline>,
        mode: Mode,
    ) -> Result<(Vec<CheckReport>, FilesRead), EngineError> {
        let check = &self.case.product.checks.files;
        let mut report = CheckReport::new(CheckKind::Files, name::VOLUMES);
        for (volume, because) in &check.elsewhere {
            report.notes.push(format!("volume {volume} is not read: {because}"));
        }
        let Some(volumes) = self.volumes(ctx, &mut report).await? else {
            return Ok((vec![report.decide()], FilesRead::default()));
        };
        let last = state.of(&ctx.deployment).files.as_ref().filter(|_| mode == Mode::Hop);
        let reference = match mode {
            Mode::Baseline => None,
            Mode::Hop => last.map(|last| &*last.content),
            Mode::Rollback => baseline.and_then(|baseline| baseline.files.as_deref()),
        };
        let none = BTreeSet::new();
        match (mode, reference) {
            (Mode::Baseline, _) => note_files(&volumes, &mut report),
            (_, None) => {
                report.cannot_tell(InconclusiveCode::NothingToCompare, "there is no baseline to compare with");
            }
            (_, Some(reference)) => {
                let crossed = |rule: &&FileRule| {
                    last.is_some_and(|last| last.release < rule.crossing && rule.crossing <= ctx.release)
                };
                let rules: Vec<&FileRule> = check.rules.iter().filter(crossed).collect();
                let written = last.map_or(&none, |last| &last.written);
                let terms = FileTerms { rules: &rules, volatile: &check.volatile, written };
                let differences = judge_files(reference, &volumes, terms, &mut report);
                self.attach_evidence(ctx, "file differences", &differences, &mut report)?;
            }
        }
        let mut reports = vec![report.decide()];
        let mut rows = BTreeMap::new();
        for named in &check.rows {
            let before = baseline.and_then(|baseline| baseline.file_rows.get(&named.name));
            let (report, now) = self.rows_of_files(ctx, named, &volumes, before).await?;
            reports.push(report);
            rows.extend(now.map(|now| (named.name.clone(), now)));
        }
        Ok((reports, FilesRead { volumes: Some(Arc::new(volumes)), rows }))
    }

    /// Reads the files after our own probes: only those that the probes declare may have changed.
    pub(super) async fn own_files(
        &self,
        ctx: &StageContext,
        before: &FileTrees,
        written: &BTreeSet<String>,
    ) -> Result<(CheckReport, Option<Arc<FileTrees>>), EngineError> {
        let mut report = CheckReport::new(CheckKind::Files, name::OWN_FILES);
        let Some(after) = self.volumes(ctx, &mut report).await? else { return Ok((report.decide(), None)) };
        let terms = FileTerms { rules: &[], volatile: &self.case.product.checks.files.volatile, written };
        let differences = judge_files(before, &after, terms, &mut report);
        if !differences.is_empty() {
            self.attach_evidence(ctx, "file differences", &differences, &mut report)?;
        }
        Ok((report.decide(), Some(Arc::new(after))))
    }

    /// All volumes of the stage's deployment; none if one of them could not be read.
    pub(super) async fn volumes(
        &self,
        ctx: &StageContext,
        report: &mut CheckReport,
    ) -> Result<Option<FileTrees>, EngineError> {
        let mut volumes = FileTrees::new();
        let mut complete = true;
        for (volume, service) in self.case.product.file_volumes() {
            let image = ctx.images.get(service).ok_or_else(|| EngineError::bug(format!("no image for {service}")))?;
            let mut attempts = 1..=ATTEMPTS;
            let read = loop {
                let read = self.volume(ctx, volume, &image.id).await;
                attempts.next();
                if read.is_ok() || attempts.is_empty() {
                    break read;
                }
            };
            match read {
                Ok(tree) => drop(volumes.insert(volume.to_owned(), tree)),
                Err(reason) => {
                    let subject = Subject::File(format!("{volume}:"));
                    report.cannot_tell_about(InconclusiveCode::NotRead, subject, reason);
                    complete = false;
                }
            }
        }
        Ok(complete.then_some(volumes))
    }

    async fn volume(&self, ctx: &StageContext, volume: &str, image: &str) -> Result<FileTree, String> {
        let _wait = self.meter.engine();
        let (sender, receiver) = mpsc::channel(PIECES);
        let sending = self.host.read_volume(&ctx.deployment, volume, image, sender);
        let (sent, read) = tokio::join!(sending, self.observer.files(receiver));
        // What was sent incompletely cannot be read either; why it ended is the better reason.
        sent.map_err(|error| rehearse_core::text::error_chain(&error))?;
        read
    }

    /// Compares rows that name files with the files.
    async fn rows_of_files(
        &self,
        ctx: &StageContext,
        named: &FileRows,
        volumes: &FileTrees,
        before: Option<&FileRowsState>,
    ) -> Result<(CheckReport, Option<FileRowsState>), EngineError> {
        let mut report = CheckReport::new(CheckKind::Files, &named.name);
        let target = self.case.database(ctx, &named.database)?;
        let rows = {
            let _wait = self.meter.product();
            self.observer.rows(&target, &named.sql).await
        };
        let files: BTreeSet<String> = match rows {
            Response::Rows(rows) => rows.rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect(),
            Response::Rejected(refusal) => {
                report.cannot_tell(InconclusiveCode::NotRead, format!("the server refused the query: {refusal}"));
                return Ok((report.decide(), None));
            }
            Response::NoResponse { reason } | Response::ProbeError { reason } => {
                report.cannot_tell(InconclusiveCode::NotRead, reason);
                return Ok((report.decide(), None));
            }
            Response::Http(_) | Response::Exec(_) => return Err(EngineError::bug("a query gave no rows")),
        };
        let now = file_rows(&files, &named.files, volumes);
        judge_file_rows(&now, before, &mut report);
        Ok((report.decide(), Some(now)))
    }
}
