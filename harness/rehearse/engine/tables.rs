//! Reads the tables: before any probe runs on a release, and after all of them have run.

use std::collections::{BTreeMap, BTreeSet};

use rehearse_core::check::{
    DataTerms, OwnWrites, RowWrite, judge_data, judge_own_writes, judge_structure, name_structure, names_of_nothing,
    reading,
};
use rehearse_core::model::product::{DataCheck, DataRule};
use rehearse_core::model::scenario::CheckKind;
use rehearse_core::observation::{DataState, TableQuery};
use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::event::CheckReport;
use rehearse_core::outcome::subject::Subject;
use rehearse_core::secret::stored_secrets;
use rehearse_core::vocabulary::release::{Range, Release};
use serde_json::Map;

use super::case::StageContext;
use super::context::RunContext;
use super::error::EngineError;
use super::host::Host;
use super::mode::{Mode, name};
use super::observer::Observer;
use super::state::{Baseline, State};

/// The rules of the releases that were reached or passed since the reference was taken.
fn crossing<'c>(check: &'c DataCheck, since: &Release, now: &Release) -> Vec<&'c DataRule> {
    check.rules.iter().filter(|rule| *since < rule.crossing && rule.crossing <= *now).collect()
}

/// Whether something is there on a release.
pub(super) fn applies(releases: &Option<Range>, release: &Release) -> bool {
    releases.as_ref().is_none_or(|range| range.contains(release))
}

/// The rules that apply to a later hop.
pub(super) fn later<'c>(check: &'c DataCheck, now: &Release) -> Vec<&'c DataRule> {
    check.rules.iter().filter(|rule| *now < rule.crossing).collect()
}

impl<H: Host, O: Observer> RunContext<H, O> {
    /// Reads the tables and their structure, before any probe of this stage runs.
    pub(super) async fn data(
        &self,
        ctx: &StageContext,
        state: &State,
        baseline: Option<&Baseline>,
        check: &DataCheck,
        mode: Mode,
    ) -> Result<(Vec<CheckReport>, Option<DataState>), EngineError> {
        let mut report = CheckReport::new(CheckKind::Data, name::TABLES);
        let mut structure = CheckReport::new(CheckKind::Data, name::STRUCTURE);
        let last = state.of(&ctx.deployment).reference.as_ref().filter(|_| mode == Mode::Hop);
        let reference = match mode {
            Mode::Baseline => None,
            Mode::Hop => last.map(|last| &last.content),
            Mode::Rollback => baseline.and_then(|baseline| baseline.tables.as_ref()),
        };
        let rules = last.map(|last| crossing(check, &last.release, &ctx.release)).unwrap_or_default();
        let mut wanted = reading(reference, &rules, &later(check, &ctx.release));
        wanted.without.extend(self.own_row_writes(ctx)?.selections());
        let Some(tables) = self.tables(ctx, check, &wanted, &mut report).await? else {
            structure.inconclusive.extend(report.inconclusive.iter().cloned());
            return Ok((vec![report.decide(), structure.decide()], None));
        };
        let none = BTreeSet::new();
        match (mode, reference) {
            (Mode::Baseline, _) => {
                let filled = tables.tables.values().filter(|table| table.rows > 0).count();
                report.assertions += u32::try_from(filled).unwrap_or(u32::MAX);
                let rows: u64 = tables.tables.values().map(|table| table.rows).sum();
                if filled == 1 && tables.tables.len() > 1 {
                    // A migrator leaves this in a database that nothing was restored into.
                    let count = tables.tables.len();
                    let text = format!("only one of {count} tables has rows: was the backup restored?");
                    report.cannot_tell(InconclusiveCode::NothingToCompare, text);
                }
                report.notes.push(format!("{} tables, {filled} with rows, {rows} rows in all", tables.tables.len()));
                note_structure(&tables, &mut structure);
            }
            (_, None) => {
                for report in [&mut report, &mut structure] {
                    report.cannot_tell(InconclusiveCode::NothingToCompare, "there is no baseline to compare with");
                }
            }
            (_, Some(reference)) => {
                let written = last.map_or(&none, |last| &last.written);
                // The rollback starts the source release as often as the baseline did, so new rows are not excused there.
                let growing = if mode == Mode::Hop { &state.restart_drift.growing } else { &none };
                let volatile = &[check.volatile.as_slice(), &state.restart_drift.columns].concat();
                let terms = DataTerms {
                    rules: &rules,
                    volatile,
                    written,
                    elsewhere: &check.elsewhere,
                    growing,
                    meaning: &check.meaning,
                    labels: &check.labels,
                };
                let differences = judge_data(reference, &tables, terms, &mut report);
                self.attach_evidence(ctx, "differences", &differences, &mut report)?;
                if !volatile.is_empty() {
                    report
                        .notes
                        .push(format!("not compared, because they change by themselves: {}", volatile.join(", ")));
                }
                // Only now every release of the run has been read.
                if mode == Mode::Hop && self.case.plan.hops.last().is_some_and(|last| last.number == ctx.hop) {
                    let mut known = state.known_names.clone();
                    known.add(&tables);
                    let nothing = names_of_nothing(&self.case.product.checks, &known);
                    report.notes.extend(nothing.iter().map(ToString::to_string));
                }
                let strict = mode == Mode::Rollback;
                let differences = judge_structure(reference, &tables, &rules, strict, &mut structure);
                self.attach_evidence(ctx, "structure differences", &differences, &mut structure)?;
            }
        }
        Ok((vec![report.decide(), structure.decide()], Some(tables)))
    }

    /// Writes evidence, and makes the findings refer to it.
    pub(super) fn attach_evidence<T: serde::Serialize>(
        &self,
        ctx: &StageContext,
        name: &str,
        what: &T,
        report: &mut CheckReport,
    ) -> Result<(), EngineError> {
        let text = serde_json::to_vec_pretty(what).unwrap_or_default();
        let file = self.evidence.write(&ctx.stage.0, name, "json", &text)?;
        for finding in &mut report.findings {
            finding.evidence.get_or_insert_with(|| file.clone());
        }
        report.evidence.push(file);
        Ok(())
    }

    pub(crate) async fn tables(
        &self,
        ctx: &StageContext,
        check: &DataCheck,
        wanted: &TableQuery,
        report: &mut CheckReport,
    ) -> Result<Option<DataState>, EngineError> {
        let target = self.case.database(ctx, &check.database)?;
        let wanted = TableQuery { texts: check.meaning.keys().cloned().collect(), ..wanted.clone() };
        let read = {
            let _wait = self.meter.product();
            self.observer.tables(&target, &wanted).await
        };
        match read {
            Ok(tables) => {
                let stored = tables.tables.iter().flat_map(|(name, table)| stored_secrets(name, table)).collect();
                self.case.redactor.learn_observed(stored);
                let text = serde_json::to_vec_pretty(&tables).unwrap_or_default();
                report.evidence.push(self.evidence.write(&ctx.stage.0, "tables", "json", &text)?);
                Ok(Some(tables))
            }
            Err(reason) => {
                let subject = Subject::Database(check.database.clone());
                report.cannot_tell_about(InconclusiveCode::NotRead, subject, reason);
                Ok(None)
            }
        }
    }

    /// The rows that the probes and the crawl say they write on a release. They are read before these run, so that it does not matter
    /// here which of them do.
    fn own_row_writes(&self, ctx: &StageContext) -> Result<OwnWrites, EngineError> {
        let context = self.case.placeholders(ctx, &BTreeMap::new(), &Map::new());
        let mut writes = OwnWrites::default();
        let here = |releases: Option<&Range>| releases.is_none_or(|range| range.contains(&ctx.release));
        let writes_here = self.case.product.writes().filter(|(releases, _)| here(*releases));
        // Rows that a probe makes are not there yet.
        for rows in writes_here.filter_map(|(_, write)| write.detailed()).filter(|rows| !rows.are_made()) {
            let condition = rows.condition.render(&context)?;
            writes.rows.push(RowWrite::new(rows.table.as_deref(), rows.column.as_deref(), condition));
        }
        Ok(writes)
    }

    /// Reads the tables after our own probes: only rows that the probes declare may have changed.
    pub(super) async fn own_writes(
        &self,
        ctx: &StageContext,
        check: &DataCheck,
        before: &DataState,
        names: BTreeSet<String>,
        made: Vec<RowWrite>,
    ) -> Result<(CheckReport, Option<DataState>), EngineError> {
        let mut report = CheckReport::new(CheckKind::Data, name::OWN_WRITES);
        let mut wanted = reading(Some(before), &[], &later(check, &ctx.release));
        let mut writes = OwnWrites { names, ..self.own_row_writes(ctx)? };
        writes.rows.extend(made);
        wanted.without.extend(writes.selections());
        let Some(after) = self.tables(ctx, check, &wanted, &mut report).await? else {
            return Ok((report.decide(), None));
        };
        let (volatile, elsewhere, none) = (&check.volatile, &check.elsewhere, BTreeSet::new());
        let terms = DataTerms {
            rules: &[],
            volatile,
            written: &none,
            elsewhere,
            growing: &none,
            meaning: &check.meaning,
            labels: &check.labels,
        };
        let differences = judge_own_writes(before, &after, &writes, terms, &mut report);
        if !differences.is_empty() {
            self.attach_evidence(ctx, "differences", &differences, &mut report)?;
        }
        Ok((report.decide(), Some(after)))
    }
}

/// Notes the structure of the baseline. A constraint that is violated there already is no hop's fault.
fn note_structure(tables: &DataState, report: &mut CheckReport) {
    let Some(structure) = &tables.structure else {
        report.cannot_tell(InconclusiveCode::NotRead, "the structure was not read");
        return;
    };
    report.assertions += u32::try_from(structure.items.len()).unwrap_or(u32::MAX);
    let (count, sequences) = (structure.items.len(), structure.sequences.len());
    report.notes.push(format!("{count} indexes, constraints, defaults and the like; {sequences} sequences"));
    for item in structure.items.iter().filter(|item| item.broken) {
        report.notes.push(format!("violated already on the source release: {}", name_structure(item)));
    }
}
