//! The fold of the events of one run: what every report and the exit code are made from.
//!
//! An event that cannot follow what came before is refused, so that a mistake of the engine becomes a named error and
//! not a wrong report.

mod expected;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::code::InconclusiveCode;
use super::coverage::{Coverage, Uncovered, uncovered};
use super::event::{CheckReport, Event, EventKind, RunStarted, StageTime};
use super::finding::{Finding, Known};
use super::note::Note;
use super::reason::{Inconclusive, Reason};
use super::verdict::{Exit, Interference, Outcome, Verdict};
use crate::model::scenario::CheckKind;
use crate::observation::migrations::Migration;
use crate::planning::plan::{Phase, Plan, Stage, StageAction};
use crate::vocabulary::ident::{StageId, StepId};

/// How far a stage is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Not begun.
    Waiting,
    /// Begun at this time.
    Running(Duration),
    /// Ended.
    Done,
}

/// A step that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRecord {
    /// Its id.
    pub id: StepId,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

/// What is known of a stage.
#[derive(Debug, Clone)]
pub struct StageRecord {
    /// The stage.
    pub id: StageId,
    /// For people.
    pub title: String,
    /// The part of the rehearsal that it belongs to.
    pub phase: Phase,
    /// The hop it belongs to.
    pub hop: Option<u32>,
    /// How far it is.
    pub progress: Progress,
    /// When it began, since the run began.
    pub started: Duration,
    /// How it ended; `Skipped` until it begins.
    pub outcome: Outcome,
    /// What was found wrong outside of checks.
    pub findings: Vec<Finding>,
    /// Why it is inconclusive, cancelled or skipped.
    pub reason: Option<Reason>,
    /// The known failure that is behind the reason.
    pub known: Option<Known>,
    /// The checks made in it.
    pub checks: Vec<CheckReport>,
    /// The interferences that were noticed in it.
    pub interferences: Vec<Interference>,
    /// Facts worth reporting.
    pub notes: Vec<Note>,
    /// The steps that ended in it, in order.
    pub steps: Vec<StepRecord>,
    /// Migrations that ended in it.
    pub migrations: Vec<Migration>,
    /// Where the time went.
    pub time: StageTime,
}

impl StageRecord {
    fn new(stage: &Stage) -> Self {
        Self {
            id: stage.id.clone(),
            title: stage.title.clone(),
            phase: stage.phase,
            hop: stage.hop,
            progress: Progress::Waiting,
            started: Duration::ZERO,
            outcome: Outcome::Skipped,
            findings: Vec::new(),
            reason: None,
            known: None,
            checks: Vec::new(),
            interferences: Vec::new(),
            notes: Vec::new(),
            steps: Vec::new(),
            migrations: Vec::new(),
            time: StageTime::default(),
        }
    }

    /// All findings: the stage's own and those of its checks, with the check's title.
    pub fn all_findings(&self) -> impl Iterator<Item = (Option<String>, &Finding)> {
        let own = self.findings.iter().map(|finding| (None, finding));
        let checks =
            self.checks.iter().flat_map(|check| check.findings.iter().map(|finding| (Some(check.title()), finding)));
        own.chain(checks)
    }

    /// Takes the worst of its own outcome and its checks'. Findings during an interference are reported as notes, and not
    /// held against the product.
    fn settle(&mut self, own: Outcome) {
        let Some(text) = self.interferences.first().map(ToString::to_string) else { return self.set_outcome(own) };
        let reason = Inconclusive::new(InconclusiveCode::Interfered, text);
        let discounted = |finding: Finding| Note::Discounted(Box::new(finding));
        self.notes.extend(self.findings.drain(..).map(discounted));
        for check in self.checks.iter_mut().filter(|check| check.outcome == Outcome::Failed) {
            check.outcome = Outcome::Inconclusive;
            check.notes.extend(check.findings.drain(..).map(|finding| discounted(finding).to_string()));
            check.inconclusive.push(reason.clone());
        }
        self.reason.get_or_insert(Reason::Inconclusive(reason));
        self.set_outcome(if own == Outcome::Cancelled { own } else { Outcome::Inconclusive });
    }

    fn set_outcome(&mut self, own: Outcome) {
        let any_check = |outcome| self.checks.iter().any(|check| check.outcome == outcome);
        self.outcome = match own {
            Outcome::Cancelled | Outcome::Failed | Outcome::Skipped => own,
            Outcome::Passed | Outcome::Inconclusive if any_check(Outcome::Failed) => Outcome::Failed,
            Outcome::Passed if any_check(Outcome::Inconclusive) => Outcome::Inconclusive,
            Outcome::Passed | Outcome::Inconclusive => own,
        };
    }
}

/// An event that cannot follow: a mistake of the engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bug: {what} cannot follow what came before")]
pub struct IllegalEvent {
    /// The event.
    pub what: String,
}

/// The fold of the events of one run.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    started: Option<Box<RunStarted>>,
    stages: Vec<StageRecord>,
    /// The names of the checks of each stage, so that a second one of a name is found without a search through all.
    check_names: HashMap<StageId, HashSet<(CheckKind, String)>>,
    leftovers: Vec<String>,
    wall: Duration,
    finished: bool,
}

impl Summary {
    /// Before the first event.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one event.
    ///
    /// # Errors
    /// When it cannot follow what came before; the summary is then unchanged.
    pub fn fold(&mut self, event: &Event) -> Result<(), IllegalEvent> {
        let illegal = |what: String| Err(IllegalEvent { what });
        let starts = matches!(event.kind, EventKind::RunStarted(_));
        if starts != self.started.is_none() || self.finished {
            return illegal(format!("{:?} (started {}, finished {})", name(&event.kind), !starts, self.finished));
        }
        if event.at < self.wall {
            return illegal(format!("{} at {:?} after {:?}", name(&event.kind), event.at, self.wall));
        }
        match &event.kind {
            EventKind::RunStarted(run) => {
                self.stages = run.plan.stages.iter().map(StageRecord::new).collect();
                self.started = Some(run.clone());
            }
            EventKind::StageStarted { stage } => {
                let record = self.stage(stage, &Progress::Waiting, "stage-started")?;
                record.progress = Progress::Running(event.at);
                record.started = event.at;
            }
            EventKind::Progress { stage, .. } => {
                self.running(stage, "progress")?;
            }
            EventKind::StepFinished { step, outcome, took } => {
                let steps = &mut self.running(&step.stage, "step-finished")?.steps;
                steps.push(StepRecord { id: step.clone(), outcome: *outcome, took: *took });
            }
            EventKind::Noted { stage, note } => self.running(stage, "noted")?.notes.push(note.clone()),
            EventKind::Migrated { stage, migration } => {
                self.running(stage, "migrated")?.migrations.push(migration.clone());
            }
            EventKind::Checked { stage, report } => {
                self.running(stage, "checked")?;
                if !self.check_names.entry(stage.clone()).or_default().insert((report.kind, report.name.clone())) {
                    return illegal(format!("a second check {:?} in {stage}", report.title()));
                }
                self.running(stage, "checked")?.checks.push(report.clone());
            }
            EventKind::Interfered { stage, interference } => {
                self.running(stage, "interfered")?.interferences.push(interference.clone());
            }
            EventKind::StageFinished { stage, outcome, findings, reason, known, time } => {
                if *outcome == Outcome::Skipped || (*outcome == Outcome::Failed && findings.is_empty()) {
                    return illegal(format!("{stage} finished as {outcome} without a finding"));
                }
                let record = self.running(stage, "stage-finished")?;
                record.progress = Progress::Done;
                record.findings.clone_from(findings);
                record.reason.clone_from(reason);
                record.known.clone_from(known);
                record.time = *time;
                record.settle(*outcome);
            }
            EventKind::StageSkipped { stage, reason } => {
                let record = self.stage(stage, &Progress::Waiting, "stage-skipped")?;
                record.progress = Progress::Done;
                record.reason = Some(Reason::Skipped(reason.clone()));
            }
            EventKind::LeftBehind { leftovers } => self.leftovers.extend(leftovers.iter().cloned()),
            EventKind::RunFinished => {
                if let Some(open) = self.stages.iter().find(|stage| stage.progress != Progress::Done) {
                    return illegal(format!("the end of the run with stage {} open", open.id));
                }
                self.finished = true;
            }
        }
        self.wall = event.at;
        Ok(())
    }

    fn stage(&mut self, id: &StageId, expected: &Progress, what: &str) -> Result<&mut StageRecord, IllegalEvent> {
        match self.stages.iter_mut().find(|stage| stage.id == *id) {
            Some(record) if record.progress == *expected => Ok(record),
            Some(record) => Err(IllegalEvent { what: format!("{what} of {id}, which is {:?}", record.progress) }),
            None => Err(IllegalEvent { what: format!("{what} of {id}, which is not in the plan") }),
        }
    }

    fn running(&mut self, id: &StageId, what: &str) -> Result<&mut StageRecord, IllegalEvent> {
        match self.stages.iter_mut().find(|stage| stage.id == *id) {
            Some(record) if matches!(record.progress, Progress::Running(_)) => Ok(record),
            _ => Err(IllegalEvent { what: format!("{what} of {id}, which is not running") }),
        }
    }

    /// What the run is about; none before it began.
    pub fn run(&self) -> Option<&RunStarted> {
        self.started.as_deref()
    }

    /// The plan; none before the run began.
    pub fn plan(&self) -> Option<&Plan> {
        self.started.as_deref().map(|run| &run.plan)
    }

    /// All stages, in the plan's order.
    pub fn stages(&self) -> &[StageRecord] {
        &self.stages
    }

    /// What could not be removed.
    pub fn leftovers(&self) -> &[String] {
        &self.leftovers
    }

    /// From the first event to the last one.
    pub fn wall(&self) -> Duration {
        self.wall
    }

    /// The interferences, each with the stage it was noticed in.
    pub fn interferences(&self) -> impl Iterator<Item = (&StageId, &Interference)> {
        self.stages.iter().flat_map(|stage| stage.interferences.iter().map(move |it| (&stage.id, it)))
    }

    /// Whether the run has ended.
    pub fn finished(&self) -> bool {
        self.finished
    }

    /// How many checks were made.
    pub fn checks(&self) -> usize {
        self.stages.iter().map(|stage| stage.checks.len()).sum()
    }

    /// Whether every stage but the teardown has ended: before that, nothing counts as passed.
    fn path_ended(&self) -> bool {
        let stages = self.plan().map_or(&[][..], |plan| plan.stages.as_slice());
        let open = |(stage, record): (&Stage, &StageRecord)| {
            record.progress != Progress::Done && !matches!(stage.action, StageAction::Teardown)
        };
        !stages.iter().zip(&self.stages).any(open)
    }

    /// Whether a stage of checks passed without any assertion, or no check was made at all.
    fn unchecked(&self) -> bool {
        let checks = |action: &StageAction| {
            matches!(
                action,
                StageAction::Baseline { .. } | StageAction::Check { .. } | StageAction::CheckRollback { .. }
            )
        };
        let stages = self.plan().map_or(&[][..], |plan| plan.stages.as_slice());
        let asserted_nothing = |record: &StageRecord| {
            let made = record.checks.iter().filter(|check| check.assertions > 0).count();
            record.outcome == Outcome::Passed && made == 0
        };
        let any_empty =
            stages.iter().zip(&self.stages).any(|(stage, record)| checks(&stage.action) && asserted_nothing(record));
        any_empty || self.checks() == 0
    }

    /// Required kinds of checks that asserted nothing in a stage of checks that ended.
    pub fn unfired(&self) -> Vec<(&StageId, CheckKind)> {
        let Some(plan) = self.plan() else { return Vec::new() };
        let unfired = |(stage, kind, fired): (_, CheckKind, u32)| {
            (fired == 0 && plan.require.contains(&kind)).then_some((stage, kind))
        };
        self.fired().filter_map(unfired).collect()
    }

    /// What the checks look at, of what is there; empty before the baseline ended.
    pub fn coverage(&self) -> &[Coverage] {
        let notes = self.stages.iter().flat_map(|record| &record.notes);
        let mut covered =
            notes.filter_map(|note| if let Note::Covered(all) = note { Some(all.as_slice()) } else { None });
        covered.next_back().unwrap_or_default()
    }

    /// The kinds of which the checks look at less than is required; none before that was counted.
    pub fn uncovered(&self) -> Vec<Uncovered<'_>> {
        let counted = self.coverage();
        let plan = self.plan().filter(|_| !counted.is_empty());
        plan.map(|plan| uncovered(&plan.require_coverage, counted)).unwrap_or_default()
    }

    fn lacks_what_is_required(&self) -> bool {
        !self.unfired().is_empty() || !self.uncovered().is_empty()
    }

    /// How many assertions each kind of check made in each stage of checks that ended by itself. Only the kinds that the
    /// plan has for the stage are counted.
    pub fn fired(&self) -> impl Iterator<Item = (&StageId, CheckKind, u32)> {
        let stages = self.plan().map_or(&[][..], |plan| plan.stages.as_slice());
        let ended = |record: &StageRecord| {
            record.progress == Progress::Done && !matches!(record.outcome, Outcome::Skipped | Outcome::Cancelled)
        };
        stages.iter().zip(&self.stages).filter(move |(_, record)| ended(record)).flat_map(|(stage, record)| {
            stage.checks().iter().map(|kind| {
                let of_kind = record.checks.iter().filter(|check| check.kind == *kind);
                (&record.id, *kind, of_kind.map(|check| check.assertions).sum())
            })
        })
    }

    /// The first stage that began and did not pass.
    pub fn first_trouble(&self) -> Option<&StageRecord> {
        self.stages.iter().find(|stage| {
            matches!(stage.outcome, Outcome::Failed | Outcome::Inconclusive | Outcome::Cancelled)
                && stage.progress == Progress::Done
        })
    }

    /// The verdict without regard to an expectation: a failure outweighs an inconclusive outcome, and a cancellation
    /// both. A run that checked nothing never passes.
    pub fn observed(&self) -> Verdict {
        match self.observed_so_far() {
            Verdict::Passed if !self.finished => Verdict::Inconclusive,
            verdict @ (Verdict::Passed | Verdict::Failed | Verdict::Inconclusive | Verdict::Cancelled) => verdict,
        }
    }

    fn observed_so_far(&self) -> Verdict {
        let any =
            |outcome| self.stages.iter().any(|stage| stage.outcome == outcome && stage.progress == Progress::Done);
        if any(Outcome::Cancelled) {
            Verdict::Cancelled
        } else if any(Outcome::Failed) {
            Verdict::Failed
        } else if any(Outcome::Inconclusive) || self.unchecked() || self.lacks_what_is_required() || !self.path_ended()
        {
            Verdict::Inconclusive
        } else {
            Verdict::Passed
        }
    }

    /// The verdict on the rehearsal, and how it differs from the expectation.
    pub fn verdict(&self) -> (Verdict, Vec<Finding>) {
        if self.finished { self.compared_with_the_expectation() } else { (self.observed(), Vec::new()) }
    }

    /// What the verdict will be if nothing more goes wrong.
    pub fn verdict_so_far(&self) -> Verdict {
        self.compared_with_the_expectation().0
    }

    /// The exit code of this rehearsal.
    pub fn exit(&self) -> Exit {
        let verdict = self.verdict().0;
        let backup = |stage: &Stage| matches!(stage.action, StageAction::VerifyBackup);
        let refused = self.first_trouble().is_some_and(|trouble| {
            self.plan().is_some_and(|plan| plan.stages.iter().any(|stage| stage.id == trouble.id && backup(stage)))
        });
        // A backup that cannot be trusted is bad input: nothing was started, and the product did nothing wrong.
        if refused && verdict == Verdict::Failed {
            return Exit::BadInput;
        }
        Exit::of(verdict, !self.leftovers.is_empty())
    }
}

fn name(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::RunStarted(_) => "run-started",
        EventKind::StageStarted { .. } => "stage-started",
        EventKind::Progress { .. } => "progress",
        EventKind::StepFinished { .. } => "step-finished",
        EventKind::Noted { .. } => "noted",
        EventKind::Migrated { .. } => "migrated",
        EventKind::Checked { .. } => "checked",
        EventKind::Interfered { .. } => "interfered",
        EventKind::StageFinished { .. } => "stage-finished",
        EventKind::StageSkipped { .. } => "stage-skipped",
        EventKind::LeftBehind { .. } => "left-behind",
        EventKind::RunFinished => "run-finished",
    }
}
