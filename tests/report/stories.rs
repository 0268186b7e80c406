//! Event lists as the engine would emit them, without one.

use std::time::Duration;

use rehearse_core::model::scenario::{CheckKind, Expectation, ExpectedFinding, ExpectedOutcome};
use rehearse_core::observation::migrations::Migration;
use rehearse_core::outcome::code::InconclusiveCode;
use rehearse_core::outcome::coverage::{Coverage, CoverageKind};
use rehearse_core::outcome::event::{CheckReport, Event, EventKind, RunStarted, StageTime};
use rehearse_core::outcome::finding::Finding;
use rehearse_core::outcome::note::Note;
use rehearse_core::outcome::reason::{Cancelled, Inconclusive, Reason, SkipReason};
use rehearse_core::outcome::verdict::Outcome;
use rehearse_core::planning::plan::{Phase, Plan, PlannedHop, Stage, StageAction};
use rehearse_core::vocabulary::ident::{RunId, StageId};
use rehearse_core::vocabulary::release::{Line, Release};

pub(crate) type Fallible<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// What differs between two runs of the same scenario.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) id: &'static str,
    pub(crate) unix: u64,
    /// Times are multiplied by this.
    pub(crate) slow: u64,
}

pub(crate) const RUN: Run = Run { id: "4f2a9c", unix: 1_795_000_000, slow: 1 };

/// A list of events that grows.
pub(crate) struct EventLog {
    run: Run,
    now: u64,
    plan: Plan,
    expectation: Option<Expectation>,
    pub(crate) events: Vec<Event>,
}

impl EventLog {
    pub(crate) fn new(run: &Run, expectation: Option<Expectation>) -> Fallible<Self> {
        let mut log = Self { run: run.clone(), now: 0, plan: plan()?, expectation, events: Vec::new() };
        log.emit(
            0,
            EventKind::RunStarted(Box::new(RunStarted {
                run: RunId(run.id.to_owned()),
                unix: run.unix,
                tool: "0.1.0".to_owned(),
                plan: log.plan.clone(),
                expectation: log.expectation.clone(),
            })),
        );
        Ok(log)
    }

    fn emit(&mut self, after: u64, kind: EventKind) {
        self.now += after * self.run.slow;
        self.events.push(Event { at: Duration::from_millis(self.now), kind });
    }

    pub(crate) fn begin(mut self, stage: &str) -> Self {
        self.emit(3, EventKind::StageStarted { stage: id(stage) });
        self
    }

    pub(crate) fn progress(mut self, after: u64, stage: &str, text: &str) -> Self {
        self.emit(after, EventKind::Progress { stage: id(stage), text: text.to_owned() });
        self
    }

    pub(crate) fn note(mut self, stage: &str, text: &str) -> Self {
        self.emit(0, EventKind::Noted { stage: id(stage), note: Note::Remark(text.to_owned()) });
        self
    }

    /// What the checks look at.
    pub(crate) fn covered(mut self, stage: &str) -> Self {
        let unseen = [("sessions".to_owned(), "[[ATTACHMENT|stolen]] they are temporary".to_owned())].into();
        let tables = Coverage { kind: CoverageKind::Tables, looked_at: 57, all: 58, unseen };
        let logs = Coverage { kind: CoverageKind::Logs, looked_at: 2, all: 2, unseen: Default::default() };
        self.emit(0, EventKind::Noted { stage: id(stage), note: Note::Covered(vec![tables, logs]) });
        self
    }

    /// The line that a hop goes to is this release, as its image holds it.
    pub(crate) fn resolved(mut self, stage: &str, hop: u32, line: Line, release: Release) -> Self {
        let note = Note::ImageResolved { hop, line, release };
        self.emit(0, EventKind::Noted { stage: id(stage), note });
        self
    }

    pub(crate) fn migrated(mut self, after: u64, stage: &str, version: &str, name: &str) -> Self {
        let took = Some(Duration::from_millis(after.saturating_sub(10) * self.run.slow));
        let migration = Migration { version: version.to_owned(), name: name.to_owned(), took };
        self.emit(after, EventKind::Migrated { stage: id(stage), migration });
        self
    }

    pub(crate) fn checked(mut self, stage: &str, report: CheckReport) -> Self {
        self.emit(20, EventKind::Checked { stage: id(stage), report: report.decide() });
        self
    }

    /// Ends a stage that began `wall` ago, of which `product` and `engine` were not ours.
    pub(crate) fn end(mut self, stage: &str, [wall, product, engine]: [u64; 3], end: End) -> Self {
        let began = self.events.iter().rev().find_map(|event| {
            let begun = matches!(&event.kind, EventKind::StageStarted { stage: begun } if begun.0 == stage);
            begun.then_some(event.at)
        });
        let since = self.now - began.map_or(self.now, |at| u64::try_from(at.as_millis()).unwrap_or_default());
        let ms = |n: u64| Duration::from_millis(n * self.run.slow);
        let time = StageTime { wall: ms(wall), product: ms(product), engine: ms(engine) };
        let (outcome, findings, reason) = match end {
            End::Passed => (Outcome::Passed, Vec::new(), None),
            End::Failed(findings) => (Outcome::Failed, findings, None),
            End::Inconclusive(code, reason) => {
                let reason = Reason::Inconclusive(Inconclusive::new(code, reason));
                (Outcome::Inconclusive, Vec::new(), Some(reason))
            }
            End::Cancelled => (Outcome::Cancelled, Vec::new(), Some(Reason::Cancelled(Cancelled::DuringStage))),
        };
        self.now = self.now.max(self.now - since + wall * self.run.slow);
        self.emit(0, EventKind::StageFinished { stage: id(stage), outcome, findings, reason, known: None, time });
        self
    }

    /// A stage of which nothing more is log.
    pub(crate) fn passed(self, stage: &str, times: [u64; 3]) -> Self {
        self.begin(stage).end(stage, times, End::Passed)
    }

    pub(crate) fn skipped(mut self, stages: &[&str], reason: &SkipReason) -> Self {
        for stage in stages {
            self.emit(0, EventKind::StageSkipped { stage: id(stage), reason: reason.clone() });
        }
        self
    }

    pub(crate) fn left_behind(mut self, leftovers: &[&str]) -> Self {
        let leftovers = leftovers.iter().map(|text| (*text).to_owned()).collect();
        self.emit(0, EventKind::LeftBehind { leftovers });
        self
    }

    pub(crate) fn finished(mut self) -> Vec<Event> {
        self.emit(1, EventKind::RunFinished);
        self.events
    }
}

/// How a stage ends.
pub(crate) enum End {
    Passed,
    Failed(Vec<Finding>),
    Inconclusive(InconclusiveCode, &'static str),
    Cancelled,
}

fn id(stage: &str) -> StageId {
    StageId(stage.to_owned())
}

/// A check that saw data and found nothing.
pub(crate) fn good(kind: CheckKind, name: &str, assertions: u32) -> CheckReport {
    CheckReport { assertions, ..CheckReport::new(kind, name) }
}

pub(crate) fn expectation(stage: &str, finding: &str) -> Fallible<Expectation> {
    Ok(Expectation {
        outcome: ExpectedOutcome::Failed,
        stage: stage.parse()?,
        findings: vec![ExpectedFinding::matching(finding.parse()?)],
        checks: Vec::new(),
        known: Vec::new(),
        short: false,
        passed: vec![id("rollback/check")],
        consequences: Vec::new(),
    })
}

/// The stages of two hops and the rollback.
pub(crate) const STAGES: [(&str, &str, Option<u32>); 14] = [
    ("backup", "verify the backup", None),
    ("images", "images of redmine 5.0.4", None),
    ("images-hops", "images of the hops", None),
    ("deploy", "deploy redmine 5.0.4", None),
    ("restore", "restore the backup into 5.0.4", None),
    ("baseline", "baseline on 5.0.4", None),
    ("hop-1/upgrade", "upgrade 5.0.4 → 6.0.5", Some(1)),
    ("hop-1/check", "check 6.0.5", Some(1)),
    ("hop-2/upgrade", "upgrade 6.0.5 → 6.1.4", Some(2)),
    ("hop-2/check", "check 6.1.4", Some(2)),
    ("rollback/deploy", "deploy redmine 5.0.4 with fresh volumes", None),
    ("rollback/restore", "restore the backup into 5.0.4 again", None),
    ("rollback/check", "prove the rollback equal to the baseline", None),
    ("teardown", "remove everything", None),
];

const CHECKS: [CheckKind; 4] = [CheckKind::Version, CheckKind::Health, CheckKind::Data, CheckKind::Performance];

fn phase(stage: &str, hop: Option<u32>) -> Phase {
    match (stage, hop) {
        (_, Some(_)) => Phase::Hop,
        ("backup" | "images" | "images-hops", _) => Phase::Preparation,
        ("deploy" | "restore" | "baseline", _) => Phase::Source,
        ("teardown", _) => Phase::Teardown,
        _ => Phase::Rollback,
    }
}

/// The reason that a stage before did not pass.
pub(crate) fn after(stage: &str, outcome: Outcome) -> SkipReason {
    SkipReason::Stage { stage: id(stage), outcome }
}

fn plan() -> Fallible<Plan> {
    let action = |stage: &str| match stage.rsplit('/').next().unwrap_or_default() {
        "backup" => StageAction::VerifyBackup,
        "images" => StageAction::Images { images: Vec::new(), background: false },
        "images-hops" => StageAction::Images { images: Vec::new(), background: true },
        "deploy" => StageAction::Deploy { steps: Vec::new() },
        "restore" => StageAction::Restore { steps: Vec::new() },
        "baseline" => StageAction::Baseline { checks: CHECKS.to_vec() },
        "upgrade" => StageAction::Upgrade { steps: Vec::new() },
        "check" => StageAction::Check { checks: CHECKS.to_vec() },
        _ => StageAction::Teardown,
    };
    let stages = STAGES.iter().zip(1..);
    let stages = stages.map(|((stage, title, hop), number)| Stage {
        number,
        id: id(stage),
        title: (*title).to_owned(),
        phase: phase(stage, *hop),
        hop: *hop,
        deployment: None,
        parent: None,
        action: action(stage),
    });
    let hop = |number, from: &str, to: &str, holds: &str| -> Fallible<PlannedHop> {
        let because = "the newest of its line".to_owned();
        Ok(PlannedHop {
            number,
            from: from.parse()?,
            to: to.parse()?,
            holds: holds.parse()?,
            because,
            when: None,
            undecided: None,
            notices: Vec::new(),
        })
    };
    Ok(Plan {
        scenario: "redmine-5.0-to-6.1".to_owned(),
        about: Some("From Debian's Redmine to the newest release, one hop in between".to_owned()),
        product: "redmine".to_owned(),
        edition: None,
        lists: Vec::new(),
        zero_downtime: false,
        needless: Vec::new(),
        from: "5.0.4".parse()?,
        to: "6.1".parse()?,
        hops: vec![hop(1, "5.0.4", "6.0.5", "6.0.5")?, hop(2, "6.0.5", "6.1.4", "6.1")?],
        backup: "backup".to_owned(),
        deadline: Duration::from_secs(3600),
        require: Vec::new(),
        require_coverage: Default::default(),
        skip_checks: Default::default(),
        production: None,
        stages: stages.collect(),
    })
}
