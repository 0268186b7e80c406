//! A plan as text, for people.

use std::fmt::Write;

use super::{Plan, StageAction};
use crate::model::product::Step;
use crate::planning::compatibility::{HopNotice, notices_by_first_hop};

/// The plan as text: the path with its reasons, then every stage with its steps.
pub fn render(plan: &Plan) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail, so its results are dropped.
    let _ = write_plan(plan, &mut text);
    text
}

fn write_plan(plan: &Plan, text: &mut String) -> std::fmt::Result {
    writeln!(text, "{}: {} {} → {}", plan.scenario, plan.product, plan.from, plan.to)?;
    if let Some(about) = &plan.about {
        writeln!(text, "  {about}")?;
    }
    let notices: Vec<&[HopNotice]> = plan.hops.iter().map(|hop| hop.notices.as_slice()).collect();
    for (hop, notices) in plan.hops.iter().zip(render_notices(&notices)) {
        writeln!(text, "  hop {}  {} → {}  {}", hop.number, hop.from, hop.to, hop.because)?;
        if hop.holds.to_string() != hop.to.to_string() {
            writeln!(text, "         any release of {} that its image holds will do", hop.holds)?;
        }
        match (&hop.when, &hop.undecided) {
            (Some(when), _) => writeln!(text, "         decided on the restored data: {}", one_line(when.sql.text()))?,
            (None, Some(_)) => writeln!(text, "         no setting decides on it, so it is included")?,
            (None, None) => {}
        }
        text.push_str(&notices);
    }
    for stop in &plan.needless {
        writeln!(text, "  not needed: {}  {}", stop.at, stop.because)?;
    }
    if plan.zero_downtime {
        writeln!(
            text,
            "  the path of an upgrade without downtime; the rehearsal itself stops and starts the services"
        )?;
    }
    for list in &plan.lists {
        writeln!(text, "  {list}")?;
    }
    writeln!(text, "  deadline {}", humane(plan.deadline))?;
    for stage in &plan.stages {
        writeln!(text, "{:>3}  {:<18} {}", stage.number, stage.id, stage.title)?;
        match &stage.action {
            StageAction::Images { images, background } => {
                let mut written = Vec::new();
                for need in images {
                    let line = format!("{} for {}", need.image, need.service);
                    if !written.contains(&line) {
                        writeln!(text, "       - {line}")?;
                        written.push(line);
                    }
                }
                if *background {
                    writeln!(text, "       in the background, up to the baseline")?;
                }
            }
            StageAction::Deploy { .. }
            | StageAction::Restore { .. }
            | StageAction::Prepare { .. }
            | StageAction::Preflight { .. }
            | StageAction::Upgrade { .. }
            | StageAction::Settle { .. }
            | StageAction::Install { .. }
            | StageAction::RollbackInPlace { .. } => {
                for (step, number) in stage.steps().iter().zip(1..) {
                    writeln!(text, "       - {:<18} {}", stage.step_id(number).to_string(), describe(step))?;
                }
            }
            StageAction::Baseline { checks }
            | StageAction::Check { checks }
            | StageAction::CheckRollback { checks, .. } => {
                let names = checks.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
                writeln!(text, "       {names}")?;
            }
            StageAction::RollbackSkipped { because } => writeln!(text, "       {because}")?,
            StageAction::VerifyBackup
            | StageAction::Decide
            | StageAction::CompareFresh { .. }
            | StageAction::Mutate { .. }
            | StageAction::Teardown => {}
        }
    }
    Ok(())
}

/// Writes a notice below its hop; in one line if an earlier hop, counted from 0, has it in full.
fn write_notice(notice: &HopNotice, before: Option<usize>, text: &mut String) -> std::fmt::Result {
    write!(text, "         ! {}: {}", notice.kind.name(), notice.title)?;
    if let Some(before) = before {
        return writeln!(text, " (as at hop {})", before + 1);
    }
    writeln!(text)?;
    if !notice.text.is_empty() {
        writeln!(text, "           {}", one_line(&notice.text))?;
    }
    if let Some(remedy) = &notice.remedy {
        writeln!(text, "           → {}", one_line(remedy))?;
    }
    writeln!(text, "           ({})", notice.source)
}

/// The notices of each hop, as lines; one that several hops share is written in full at the first of them.
pub fn render_notices(hops: &[&[HopNotice]]) -> Vec<String> {
    let mut texts = Vec::with_capacity(hops.len());
    for notices in notices_by_first_hop(hops) {
        let mut text = String::new();
        for (notice, before) in notices {
            // Writing to a string cannot fail, so its result is dropped.
            let _ = write_notice(notice, before, &mut text);
        }
        texts.push(text);
    }
    texts
}

/// A time as people write it: `1h 5m`, `12.3s`.
pub fn humane(time: std::time::Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60) {
        (0, 0) if seconds >= 100 => format!("{seconds}s"),
        (0, 0) => format!("{:.1}s", time.as_secs_f64()),
        (0, minutes) => format!("{minutes}m {:02}s", seconds % 60),
        (hours, minutes) => format!("{hours}h {minutes:02}m"),
    }
}

/// A step in one line.
pub fn describe(step: &Step) -> String {
    let names = |services: &[String]| services.join(", ");
    match step {
        Step::Start(services) => format!("start {}", names(services)),
        Step::Stop(services) => format!("stop {}", names(services)),
        Step::Restart(services) => format!("restart {}", names(services)),
        Step::Replace(services) => format!("replace {} with the stage's release", names(services)),
        Step::Exec(step) => named(step.name.as_ref(), format!("in {}: {}", step.service, step.command)),
        Step::Run(step) => named(step.name.as_ref(), format!("one-off {}: {}", step.service, step.command)),
        Step::StartUpgrading(step) => format!("start {}, which upgrades itself, and wait for its end", step.service),
        Step::CopyIn(step) => format!("copy {} to {}:{}", step.from, step.service, step.to.text()),
        Step::Unpack(step) => format!("unpack {} into {}:{}", step.from, step.service, step.to.text()),
        Step::Http(step) => named(
            step.name.as_ref(),
            format!("{} {}:{}{}", step.method.name(), step.service, step.port, step.path.text()),
        ),
        Step::Sql(step) => named(step.name.as_ref(), format!("ask {}: {}", step.database, one_line(step.query.text()))),
        Step::WaitUntil(step) => format!("wait until {}", step.name),
    }
}

fn named(name: Option<&String>, what: String) -> String {
    match name {
        Some(name) => format!("{name} ({what})"),
        None => what,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
