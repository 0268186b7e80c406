//! What people see while a rehearsal runs: plain lines, a live view, or GitLab's folding sections; and at the end a
//! block that says what it came to.
//!
//! Colour only repeats what a word says already. What comes from outside is cleaned, so that a log cannot drive the
//! terminal.

mod block;
mod lines;
mod live;
mod paint;
mod screen;

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use rehearse_core::outcome::event::{Event, EventKind};
use rehearse_core::outcome::reporter::{ReportError, Reporter};
use rehearse_core::outcome::summary::{Progress, Summary};
use rehearse_core::planning::plan::{Plan, StageAction, humane};
use rehearse_core::vocabulary::ident::StageId;

use self::live::Live;
pub use self::paint::Colour;
use self::paint::{Paint, Tone};
use super::text::one_line;

/// How the terminal looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// A line for everything that happens, with its time.
    Plain,
    /// The running stages move at the foot of the terminal; each leaves one line when it ends.
    Live,
    /// Plain, with each stage in a section that GitLab folds.
    GitLab,
}

/// The least time between two progress lines of one stage in plain looks: a log is read later, line by line.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// Shows a rehearsal to people.
pub struct Terminal {
    look: Look,
    settings: Settings,
    sink: Box<dyn Write + Send>,
    live: Live,
    /// When a stage last printed a line, since the run began.
    last_line: BTreeMap<StageId, Duration>,
}

/// What all looks have in common.
struct Settings {
    paint: Paint,
    out: String,
    reports: Vec<String>,
}

impl Terminal {
    /// Writes to `sink`. `out` is the path of the output folder as it is shown; `reports` are the files in it to
    /// name.
    /// The live look moves its lines on standard error, and only where that is a terminal.
    pub fn new(look: Look, colour: Colour, out: &str, reports: &[&str], sink: Box<dyn Write + Send>) -> Self {
        let reports = reports.iter().map(|report| (*report).to_owned()).collect();
        let settings = Settings { paint: Paint(colour), out: out.to_owned(), reports };
        Self { look, settings, sink, live: Live::new(look == Look::Live), last_line: BTreeMap::new() }
    }

    fn render(&mut self, event: &Event, summary: &Summary) -> Option<String> {
        let plan = summary.plan()?;
        let paint = self.settings.paint;
        match &event.kind {
            EventKind::RunStarted(run) => {
                self.live.begin(plan, paint);
                Some(lines::opening(run, paint))
            }
            EventKind::StageStarted { stage } => {
                self.last_line.insert(stage.clone(), event.at);
                let title =
                    plan.stages.iter().find(|known| known.id == *stage).map_or("", |known| known.title.as_str());
                self.live.stage(stage, &numbered(plan, stage), title);
                self.if_plain(|look| {
                    section_start(look, plan, stage, event, summary) + &at(event, plan, stage, paint, title)
                })
            }
            EventKind::Progress { stage, text } => {
                self.live.progress(stage, &one_line(text));
                let before = self.last_line.get(stage).copied().unwrap_or_default();
                if event.at < before + PROGRESS_INTERVAL {
                    return None;
                }
                self.last_line.insert(stage.clone(), event.at);
                self.if_plain(|_| at(event, plan, stage, paint, &paint.tone(Tone::Dim, &one_line(text))))
            }
            EventKind::Noted { stage, note } => {
                self.if_plain(|_| at(event, plan, stage, paint, &format!("note: {}", one_line(&note.to_string()))))
            }
            EventKind::StepFinished { .. } => None,
            EventKind::Migrated { stage, .. } => {
                self.live.migrated(stage);
                None
            }
            EventKind::Checked { .. } | EventKind::LeftBehind { .. } => None,
            EventKind::Interfered { stage, interference } => {
                let text = format!("interference: {}", one_line(&interference.to_string()));
                self.if_plain(|_| at(event, plan, stage, paint, &text))
            }
            EventKind::StageFinished { stage, .. } | EventKind::StageSkipped { stage, .. } => {
                self.live.end(stage);
                let record = summary.stages().iter().find(|record| record.id == *stage)?;
                let details = lines::named(record, "           ");
                let title = match self.look {
                    Look::Live => {
                        return Some(lines::ended_alone(&numbered(plan, stage), record, width(plan), paint) + &details);
                    }
                    Look::Plain | Look::GitLab => lines::ended(record, paint),
                };
                let began = matches!(event.kind, EventKind::StageFinished { .. });
                let end = if began { section_end(self.look, plan, stage, event, summary) } else { String::new() };
                Some(end + &at(event, plan, stage, paint, &title) + &details)
            }
            EventKind::RunFinished => {
                self.live.close();
                Some(block::block(summary, &self.settings.out, &self.settings.reports, paint))
            }
        }
    }

    fn if_plain(&self, line: impl Fn(Look) -> String) -> Option<String> {
        match self.look {
            Look::Plain | Look::GitLab => Some(line(self.look)),
            Look::Live => None,
        }
    }
}

impl Reporter for Terminal {
    /// Never fails. A terminal that was closed, a pipe that nobody reads any more and a full disk under a log take away a view
    /// of the run; what it observed is in the files.
    fn report(&mut self, event: &Event, summary: &Summary) -> Result<(), ReportError> {
        let Some(text) = self.render(event, summary) else { return Ok(()) };
        let Self { live, sink, .. } = self;
        let _lost = live.aside(|| sink.write_all(text.as_bytes()).and_then(|()| sink.flush()));
        Ok(())
    }
}

/// `[  12.3s] 07 hop-1/upgrade  …`.
fn at(event: &Event, plan: &Plan, stage: &StageId, paint: Paint, what: &str) -> String {
    let time = paint.tone(Tone::Dim, &format!("[{:>6.1}s]", event.at.as_secs_f64()));
    format!("{time} {:<width$}  {what}\n", numbered(plan, stage), width = width(plan))
}

fn numbered(plan: &Plan, stage: &StageId) -> String {
    let number = plan.stages.iter().find(|known| known.id == *stage).map_or(0, |known| known.number);
    format!("{number:02} {stage}")
}

/// The width of the longest number and id of a stage.
fn width(plan: &Plan) -> usize {
    plan.stages.iter().map(|stage| numbered(plan, &stage.id).chars().count()).max().unwrap_or_default()
}

/// GitLab's sections cannot overlap, so a background stage has none.
fn section(look: Look, plan: &Plan, stage: &StageId) -> Option<String> {
    let stage = plan.stages.iter().find(|known| known.id == *stage)?;
    let background = matches!(stage.action, StageAction::Images { background: true, .. });
    let name = format!("{}.{:02}.{}", plan.scenario, stage.number, stage.id);
    let clean = name.chars().map(|c| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '-' }).collect();
    (look == Look::GitLab && !background).then_some(clean)
}

fn section_start(look: Look, plan: &Plan, stage: &StageId, event: &Event, summary: &Summary) -> String {
    let unix = unix(event, summary);
    section(look, plan, stage)
        .map_or(String::new(), |name| format!("\u{1b}[0Ksection_start:{unix}:{name}[collapsed=true]\r\u{1b}[0K"))
}

fn section_end(look: Look, plan: &Plan, stage: &StageId, event: &Event, summary: &Summary) -> String {
    let unix = unix(event, summary);
    section(look, plan, stage).map_or(String::new(), |name| format!("\u{1b}[0Ksection_end:{unix}:{name}\r\u{1b}[0K"))
}

fn unix(event: &Event, summary: &Summary) -> u64 {
    summary.run().map_or(0, |run| run.unix) + event.at.as_secs()
}

/// How long a stage took, once it has ended.
fn took(record: &rehearse_core::outcome::summary::StageRecord) -> Option<String> {
    (record.progress == Progress::Done).then(|| humane(record.time.wall))
}
